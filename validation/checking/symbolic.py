"""The rung that proves for all numbers at once: a claim's own SymPy proof is run."""

from __future__ import annotations

from validation.checking.evaluation import line_of
from validation.claims import Claim, ClaimError
from validation.verdict import Conclusion, Evidence, Verdict


def symbolic(claim: Claim) -> Verdict:
    """Run the proof.

    Returns
    -------
    Verdict
        *holds*; its message says what was proved, which may be a part of the statement only.
        *undecided* where the constants are not those of the proof, or Python runs optimised.

    Raises
    ------
    ClaimError
        If there is no proof, a step of it fails, or it does not say what it proved.
    """
    if claim.symbolic is None:
        raise ClaimError(f"{claim.id} ({claim.location}): has no symbolic proof")
    if claim.changed():
        changed = ", ".join(claim.changed())
        return Verdict(
            Conclusion.UNDECIDED,
            Evidence.SYMBOLIC,
            message=f"the proof is that of the published constants, not of another {changed}",
        )
    if not (__debug__ and claim.asserts):
        return Verdict(
            Conclusion.UNDECIDED,
            Evidence.SYMBOLIC,
            message="the proof was not run: python -O removes the assert statements that it rests "
            "on; run without -O",
        )
    try:
        sentence = claim.symbolic()
    except Exception as error:
        where = line_of(claim, error)
        what = str(error) or type(error).__name__
        raise ClaimError(f"{claim.id} ({where}): the symbolic proof fails: {what}") from error
    if not isinstance(sentence, str) or not sentence.strip():
        raise ClaimError(
            f"{claim.id} ({claim.location}): the symbolic proof must return a sentence saying what "
            f"it proved, got {sentence!r}"
        )
    return Verdict(Conclusion.HOLDS, Evidence.SYMBOLIC, message=sentence)
