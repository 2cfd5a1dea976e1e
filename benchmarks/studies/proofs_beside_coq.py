"""How long is a scalar step for `prove`, how long for Coq as committed, and for coq-interval alone?

    python benchmarks/studies/proofs_beside_coq.py > results/proofs-beside-coq.md

Ours: by algebra, or the cover in intervals and its recheck in balls, with slack where that is
needed. Coq: `coqc` on the committed file, which has no slack. coq-interval alone: its tactic on the
statement with the slack 1/100, with bisection and the depths of `Goal.tactics`, within 20 s. What
`coqc` needs to load its libraries and prove nothing is taken off. Processor seconds on one core.

dReal is not in the table: its package for Python (4.21.6.2) installs, but its library does not load
without libibex.so, which does not come with it.
"""

from __future__ import annotations

import os
import time
from fractions import Fraction
from pathlib import Path

from validation.catalogue import scalar_steps
from validation.loading import claims_of
from validation.proving.coq import INSTALL, compiler, compiles, goals, headed
from validation.proving.prove import SLACKS, prove
from validation.proving.regions import regions

FILES = Path(__file__).resolve().parents[2] / "proofs"
BUDGET = 12.0
SLACK, LIMIT = Fraction(1, 100), 20.0
MOST_REGIONS = 5
EMPTY = (headed("nothing", "", set()), headed("nothing", "", set(), body="from_"))


def main() -> None:
    """Print one line a step."""
    path = compiler()
    if path is None:
        print(f"coqc was not found: {INSTALL}")
        return
    base = {text: min(_seconds(path, text)[0] for _ in range(3)) for text in EMPTY}
    print("| step | ours | cells | seconds | Coq, as committed | coq-interval alone, slack 1/100 |")
    print("|---|---|---:|---:|---:|---:|")
    for claim in claims_of(scalar_steps):
        file = FILES / f"{claim.id.partition('.')[2]}.v"
        start = time.process_time()
        # The search for counterexamples is not part of the comparison.
        proof = prove(claim, budget=BUDGET, box=dict(claim.box) or _whole(claim), slacks=SLACKS)
        ours = time.process_time() - start
        text = file.read_text()
        seconds, accepted = _seconds(path, text)
        load = base[EMPTY["Coquelicot" in text]]
        committed = f"{max(seconds - load, 0.0):.2f}" if accepted else "refused"
        how = "algebra" if proof.method else proof.ending
        print(
            f"| `{claim.id}` | {how} | {proof.cells} | {ours:.2f} | {committed} | "
            f"{_alone(path, claim, base[EMPTY[0]])} |",
            flush=True,
        )


def _alone(path: str, claim: scalar_steps.Claim, load: float) -> str:
    """Seconds of the first of coq-interval's tactics that proves every goal, with slack."""
    total = 0.0
    for region in regions(claim, {}, {})[:MOST_REGIONS]:
        for goal in goals(claim, region):
            tactic = [t for t in goal.tactics() if "interval with" in t][-1]
            seconds, accepted = _seconds(path, goal.document(tactic, SLACK), LIMIT)
            if not accepted:
                return f"not in {LIMIT:g} s" if seconds > LIMIT / 2 else "refused"
            total += max(seconds - load, 0.0)
    return f"{total:.2f}"


def _whole(claim: scalar_steps.Claim) -> dict[str, tuple[float, float]]:
    """A box that excludes nothing, given so that no search is made."""
    name, factor = next(iter(claim.instances.factors.items()))
    return {name: (float(factor.low), float(factor.high))}  # type: ignore[attr-defined]


def _seconds(path: str, text: str, limit: float = 300.0) -> tuple[float, bool]:
    before = os.times()
    accepted, _ = compiles(path, text, limit)
    after = os.times()
    spent = after.children_user + after.children_system
    return spent - before.children_user - before.children_system, accepted


if __name__ == "__main__":
    main()
