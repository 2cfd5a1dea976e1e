"""On what a statement rests: its own evidence, and that of every step of its proof.

Proofs come from the proofs on file (`rnnbounds prove` adds to them) and from the committed files of
Coq; a symbolic proof is one that the claim carries. Everything else is certified on instances, or
tested, by `rnnbounds verify`; statements that others have checked by machine are cited as read.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

from validation.catalogue.scalar_steps import REST, USED_BY
from validation.claims import Claim
from validation.proving import committed as algebra
from validation.proving.coq import states
from validation.proving.records import Ending, known
from validation.proving.regions import regions

CITED: dict[str, str] = {
    "uniform.dudley": "Lean 4, arXiv 2503.19605: `dudley_entropy_integral` (upper limit D/2), as "
    "section 6 of the theory cites it",
}
"""Statements with a machine-checked form in a public development, as read."""

COQ = Path(__file__).resolve().parents[2] / "proofs"


class Row(NamedTuple):
    """One line of the frontier.

    Attributes
    ----------
    id : str
    depth : int
        0 for the statement itself, 1 for its steps, and so on.
    evidence : str
        "machine-checked" (perhaps "with slack"), "proved" (for all instances of the sizes named, by
        algebra), "proved on a box", "proved with slack",
        "symbolic", "certified on instances", "tested" (probabilistic and order claims), "cited".
    covers : str
        What exactly.
    """

    id: str
    depth: int
    evidence: str
    covers: str


def rows(claim: Claim) -> list[Row]:
    """The statement and all its steps, depth first."""
    found: list[Row] = []

    def add(one: Claim, depth: int, above: tuple[str, ...]) -> None:
        found.append(Row(one.id, depth, *evidence(one)))
        steps = {step.id: step for step in (*one.steps, *USED_BY.get(one.id, ()))}
        for step in steps.values():
            if step.id not in above:
                add(step, depth + 1, (*above, step.id))

    add(claim, 0, (claim.id,))
    return found


def evidence(claim: Claim) -> tuple[str, str]:
    """The strongest evidence of a claim that is on file, and what it covers."""
    rest = f"; beyond: {REST[claim.id]}" if claim.id in REST else ""
    proofs = known(claim).current
    proved = (p for p in proofs if p.machine and p.kind in (Ending.PROVED, Ending.RELAXED))
    machine = checked_by(claim) or next((proof.machine for proof in proved), "")
    if machine:
        relaxed = "up to" in machine or "slack" in machine
        return "machine-checked" + (" with slack" if relaxed else ""), f"{machine}{rest}"
    for proof in proofs:
        if proof.kind is Ending.PROVED and proof.method:
            return "proved", f"{proof.statement}, by {proof.method.partition(':')[0]}"
        if proof.kind is Ending.PROVED:
            return "proved on a box", f"{proof.statement}{rest}"
    exact = algebra.current(claim)
    if exact:
        where = "; ".join(entry.statement for entry in exact)
        return "proved", f"{where}, by algebra, as committed"
    for proof in proofs:
        if proof.kind is Ending.RELAXED:
            slack = f"slack {proof.slack[0]} |right| + {proof.slack[1]}"
            return "proved with slack", f"{slack}; {proof.statement}{rest}"
    if claim.id in CITED:
        return "cited", CITED[claim.id]
    if claim.symbolic is not None:
        return "symbolic", "SymPy, for all numbers (a step of the proof)"
    if claim.deterministic:
        return "certified on instances", "`rnnbounds verify`"
    return "tested", "`rnnbounds verify`"


def as_committed(claim: Claim) -> str:
    """All evidence for a claim that the repository itself holds, the strongest first.

    The order is that of `Evidence`: machine-checked, proved, symbolic, certified; what is not
    deterministic is tested statistically. Marks are not compared here; the tests compare them.
    """
    found = []
    text = committed().get(claim.id, "")
    said = re.search(r"\(\* claim \S+: (Coq.*) \*\)", text)
    if said:
        found.append(f"machine-checked ({said[1]})")
    exact = algebra.committed().get(claim.id, ())
    if exact:
        sizes = ", ".join(entry.sizes for entry in exact if entry.sizes)
        found.append(f"proved by algebra{f' ({sizes})' if sizes else ''}")
    if claim.symbolic is not None:
        found.append("symbolic")
    if claim.id in CITED:
        found.append("cited")
    found.append("certified on instances" if claim.deterministic else "tested statistically")
    return "; ".join(found)


def checked_by(claim: Claim) -> str:
    """What the committed file of a claim says of itself; empty where there is none or it is stale.

    Its first comment names the claim, the version of Coq that accepted it and the slack in its
    theorems; `make proofs` has Coq accept it again. A file counts only while its theorems are those
    that the claim's body gives now.
    """
    text = committed().get(claim.id)
    if text is None:
        return ""
    said = re.search(rf"\(\* claim {re.escape(claim.id)}: (.*) \*\)", text)
    if said is None or not said[1].startswith("Coq"):
        return ""
    return said[1] if states(text, claim, regions(claim, {}, {})) else ""


@functools.cache
def committed() -> dict[str, str]:
    """The texts of the files under proofs/, by the claim that each names."""
    found: dict[str, str] = {}
    for path in sorted(COQ.glob("*.v")):
        text = path.read_text()
        named = re.search(r"\(\* claim (\S+): ", text)
        if named:
            found[named[1]] = text
    return found
