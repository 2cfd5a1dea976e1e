"""What earlier proofs say of a claim, beside what was found of it now."""

from __future__ import annotations

from dataclasses import replace

from validation.checking.certified import certify
from validation.claims import Claim
from validation.instances import Instance
from validation.proving.records import Ending, Known, Proof, known, percent
from validation.verdict import Conclusion, Coverage, Evidence, Outcome, Verdict


def with_proofs(claim: Claim, outcome: Outcome) -> Outcome:
    """An outcome with what the finished proofs of this very claim add to it.

    A proof of the claim itself raises the evidence of *holds*; a counterexample on file is
    certified again and then counts; a proof of another body, of other constants or of other
    versions is stale and only said to be so.
    """
    found = known(claim)
    notes = tuple(sentences(claim, found))
    if not notes:
        return outcome
    outcome = replace(outcome, notes=(*outcome.notes, *notes))
    if outcome.error or not found.current:
        return outcome
    best = found.current[0]
    if best.kind is Ending.VIOLATED:
        return _violated(claim, outcome, found)
    proved = best.kind is Ending.PROVED
    checked = proved and _exactly_checked(best)
    evidence = Evidence.MACHINE_CHECKED if checked else Evidence.PROVED
    conclusion = Conclusion.HOLDS if proved else Conclusion.UNDECIDED
    count = best.cells or best.rechecked
    seen = Coverage(evaluated=count, drawn=count)
    rung = Verdict(conclusion, evidence, seen, message=notes[0])
    verdict = outcome.verdict
    if proved and verdict.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT):
        message = f"{notes[0]}; elsewhere {verdict.message}"
        verdict = replace(verdict, evidence=evidence, message=message)
    return replace(outcome, verdict=verdict, rungs={**outcome.rungs, "proved": rung})


def _exactly_checked(proof: Proof) -> bool:
    """Whether a proof assistant checked the claim itself, and not a relaxed form of it."""
    return bool(proof.machine) and "up to" not in proof.machine


def _violated(claim: Claim, outcome: Outcome, found: Known) -> Outcome:
    """A counterexample on file, certified anew before it is believed."""
    data = found.current[0].instance
    if data is None or outcome.conclusion.bad:
        return outcome
    instance = Instance.from_json(data)
    certificate = certify(claim, instance)
    if certificate.conclusion is not Conclusion.VIOLATED:
        return outcome
    verdict = Verdict(
        Conclusion.VIOLATED, Evidence.CERTIFIED, outcome.verdict.coverage, certificate.log_ratio,
        (instance,), f"{certificate.message}, at the instance that `prove` found",
    )  # fmt: skip
    return replace(outcome, verdict=verdict)


def sentences(claim: Claim, found: Known) -> list[str]:
    """One sentence a proof, the strongest first, and one for stale ones."""
    lines = [sentence(proof) for proof in found.current]
    if found.stale and not found.current:
        lines.append(
            f"{found.stale} earlier proof{'s are' if found.stale > 1 else ' is'} stale: the body, "
            "what it calls, a constant or a version has changed; `rnnbounds prove` does it again"
        )
    return lines


def sentence(proof: Proof) -> str:
    """What one proof says."""
    if proof.kind is Ending.VIOLATED:
        return "a counterexample is on file"
    checked = f" and checked by {proof.machine}" if proof.machine else ""
    if proof.kind is Ending.PROVED and proof.method:
        return f"proved for all instances{checked}: {proof.statement}; by {proof.method}"
    if proof.kind is Ending.PROVED:
        return f"proved on a box{checked}: {proof.statement}"
    if proof.kind is Ending.RELAXED:
        return (
            f"proved on a box with slack {proof.slack[0]} |right| + {proof.slack[1]}{checked}: "
            f"{proof.statement}"
        )
    return f"open: {percent(proof.share)} of a box is proved{checked}: {proof.statement}"
