"""What can be concluded about a claim, on what evidence, and from how many instances.

A verdict is a closed type and has no truth value: `if verdict:` raises, since "not violated" and
"holds" are different things. Meanings are those of section 10 of the theory:

- *holds*: on every instance tried no violation was seen, and on the worst of them, and on some
  drawn at random, the left side is certified to lie below the right (an identity: equality in exact
  rationals) and every hypothesis to be met;
- *tight*: as *holds*, and on some instance the two sides agree as far as the highest precision
  sees ("equal to 2^-p"), or exactly;
- *violated*: on some instance the left side is certified to lie above the right, and every
  hypothesis is certified to be met;
- *undecided*: anything else, among it: no instances, an exception, a time limit, numbers that are
  not finite, and float64 alone;
- *refuted*, *not refuted*: the answers of a statistical test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, NoReturn

from validation.instances import Instance
from validation.output.schema import SCHEMA


class Conclusion(Enum):
    """The possible conclusions.

    Examples
    --------
    >>> from rnnbounds import Conclusion
    >>> Conclusion.VIOLATED.bad, Conclusion.UNDECIDED.bad
    (True, False)
    >>> [conclusion.value for conclusion in Conclusion]
    ['holds', 'tight', 'violated', 'undecided', 'refuted', 'not refuted']
    """

    HOLDS = "holds"
    TIGHT = "tight"
    VIOLATED = "violated"
    UNDECIDED = "undecided"
    REFUTED = "refuted"
    NOT_REFUTED = "not refuted"

    @property
    def bad(self) -> bool:
        """Whether the claim is known to be false."""
        return self in (Conclusion.VIOLATED, Conclusion.REFUTED)

    def __bool__(self) -> NoReturn:
        raise TypeError("a conclusion has no truth value; compare it, as in `is Conclusion.HOLDS`")


class Evidence(Enum):
    """On what a conclusion rests, the strongest first.

    Examples
    --------
    >>> from rnnbounds import Evidence
    >>> [evidence.value for evidence in Evidence][:3]
    ['machine-checked', 'proved on a box', 'symbolic']
    """

    MACHINE_CHECKED = "machine-checked"
    PROVED = "proved on a box"
    SYMBOLIC = "symbolic"
    CERTIFIED = "certified"
    STATISTICAL = "statistical"
    SEARCHED = "searched"
    SAMPLED = "sampled"


GENERAL = (Evidence.MACHINE_CHECKED, Evidence.PROVED, Evidence.SYMBOLIC)
"""What speaks of all instances, of a box or of a step, and not of those that were tried."""


@dataclass(frozen=True)
class Coverage:
    """How many instances a verdict has seen.

    Attributes
    ----------
    drawn : int
        Instances drawn (or tried by a search).
    rejected : int
        Those that did not meet the hypotheses or `given`.
    evaluated : int
        Those on which both sides were compared.
    undecided : int
        Those on which the comparison decided nothing.
    audited : int
        Instances taken at random, of those drawn, that went through balls (or rationals) whatever
        float64 said of them.

    Examples
    --------
    >>> from rnnbounds import Coverage
    >>> Coverage(drawn=10, rejected=2, evaluated=8) + Coverage(drawn=5, evaluated=5)
    Coverage(drawn=15, rejected=2, evaluated=13, undecided=0, audited=0)
    """

    drawn: int = 0
    rejected: int = 0
    evaluated: int = 0
    undecided: int = 0
    audited: int = 0

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(
            self.drawn + other.drawn,
            self.rejected + other.rejected,
            self.evaluated + other.evaluated,
            self.undecided + other.undecided,
            self.audited + other.audited,
        )


@dataclass(frozen=True)
class Verdict:
    """One rung's answer about one claim.

    Attributes
    ----------
    conclusion, evidence, coverage
        See the module.
    log_ratio : float
        Natural logarithm of the largest left/right seen (identities: of the larger over the
        smaller); -inf where no instance has a positive ratio. Where it is certified: of a violation
        a lower end, otherwise an upper end.
    instances : tuple of Instance
        The worst ones, the worst first; for *violated* the one that fails most and then the
        simplest.
    message : str
        One sentence.

    Examples
    --------
    >>> from rnnbounds import Conclusion, Coverage, Evidence, Verdict
    >>> verdict = Verdict(Conclusion.UNDECIDED, Evidence.SEARCHED, Coverage(drawn=10, evaluated=10))
    >>> verdict.conclusion is Conclusion.UNDECIDED, verdict.ratio
    (True, 0.0)
    >>> bool(verdict)
    Traceback (most recent call last):
        ...
    TypeError: a verdict has no truth value; ask for its conclusion and its evidence
    """

    conclusion: Conclusion
    evidence: Evidence
    coverage: Coverage = field(default_factory=Coverage)
    log_ratio: float = -math.inf
    instances: tuple[Instance, ...] = ()
    message: str = ""

    def __post_init__(self) -> None:
        if self.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT):
            seen = self.coverage.evaluated > 0 or self.evidence in GENERAL
            if not seen or math.isnan(self.log_ratio):
                raise ValueError(
                    f"{self.conclusion.value!r} needs at least one evaluated instance and a ratio, "
                    f"got {self.coverage} and log ratio {self.log_ratio}"
                )
        if self.conclusion.bad and not self.instances and self.evidence is Evidence.CERTIFIED:
            raise ValueError("'violated' needs the instance that violates")

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has no truth value; ask for its conclusion and its evidence")

    @property
    def ratio(self) -> float:
        """The largest left/right seen; inf beyond the range of floats."""
        return math.exp(self.log_ratio) if self.log_ratio < 709 else math.inf


@dataclass(frozen=True)
class Outcome:
    """What was found about a claim, rung by rung.

    Attributes
    ----------
    id, kind, section, source : str
        Of the claim.
    verdict : Verdict
        The whole claim's.
    rungs : mapping
        ``sampled``, ``searched``, ``certified``, ``symbolic``, ``statistical``: those that ran.
    steps : tuple of Outcome
        Of the claim's steps.
    seconds : float
        Time it took.
    reproducer : str
        A pytest to paste, where the claim is violated or refuted; else empty.
    error : str
        Where the claim itself is at fault: what, and in which line; else empty.
    notes : tuple of str
        Sentences that a reader must see, such as that the claim is loose.
    facts : tuple of str
        Where it is violated: the simplest counterexample in decimals, its two sides.
    late : bool
        Whether the time limit ended the check; what was found until then is here.

    Examples
    --------
    >>> from rnnbounds import Outcome, load_claim, verify
    >>> outcome = verify(load_claim("dof.range"), quick=True, budget=0.1)
    >>> isinstance(outcome, Outcome), outcome.error, outcome.verdict.coverage.evaluated > 0
    (True, '', True)
    >>> bool(outcome)
    Traceback (most recent call last):
        ...
    TypeError: an outcome has no truth value; ask for its verdict's conclusion
    """

    id: str
    kind: str
    section: str
    source: str
    verdict: Verdict
    rungs: dict[str, Verdict] = field(default_factory=dict)
    steps: tuple[Outcome, ...] = ()
    seconds: float = 0.0
    reproducer: str = ""
    error: str = ""
    notes: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    late: bool = False

    def __bool__(self) -> NoReturn:
        raise TypeError("an outcome has no truth value; ask for its verdict's conclusion")

    @property
    def conclusion(self) -> Conclusion:
        """The whole claim's conclusion."""
        return self.verdict.conclusion

    @property
    def instance(self) -> Instance | None:
        """The simplest counterexample, or the worst instance; None where there is neither."""
        return (
            self.verdict.instances[-1 if self.conclusion.bad else 0]
            if (self.verdict.instances)
            else None
        )

    def to_json(self) -> dict[str, Any]:
        """Strictly valid JSON: no NaN, no Infinity."""
        coverage = self.verdict.coverage
        return {
            "schema": SCHEMA,
            "id": self.id,
            "kind": self.kind,
            "section": self.section,
            "source": self.source,
            "instances": coverage.drawn,
            "rejected": coverage.rejected,
            "evaluated": coverage.evaluated,
            "audited": coverage.audited,
            "worst_ratio": _finite(self.verdict.ratio),
            "worst_log_ratio": _finite(self.verdict.log_ratio),
            "verdict": self.conclusion.value,
            "evidence": self.verdict.evidence.value,
            "message": self.verdict.message,
            "rungs": {name: _rung(rung) for name, rung in self.rungs.items()},
            "steps": [step.to_json() for step in self.steps],
            "worst": [instance.to_json() for instance in self.verdict.instances],
            "reproducer": self.reproducer,
            "error": self.error,
            "notes": list(self.notes),
            "facts": list(self.facts),
            "out_of_time": self.late,
            "seconds": round(self.seconds, 3),
        }

    def timed(self, seconds: float) -> Outcome:
        """The same with the time that it took."""
        return replace(self, seconds=seconds)


def worst(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first of the verdicts that is bad, if any."""
    return next((v for v in verdicts if v.conclusion.bad), None)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rung(verdict: Verdict) -> dict[str, Any]:
    coverage = verdict.coverage
    return {
        "verdict": verdict.conclusion.value,
        "evidence": verdict.evidence.value,
        "instances": coverage.drawn,
        "rejected": coverage.rejected,
        "evaluated": coverage.evaluated,
        "undecided": coverage.undecided,
        "audited": coverage.audited,
        "worst_ratio": _finite(verdict.ratio),
        "message": verdict.message,
    }
