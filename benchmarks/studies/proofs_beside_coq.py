"""How long is a scalar step for branch and bound, and how long for coq-interval alone?

Ours: the cover in intervals and its recheck in balls. Coq: `coqc` on the committed file, less what
`coqc` needs to load its libraries and prove nothing. Both in one run, on one core.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from validation.catalogue import scalar_steps
from validation.loading import claims_of
from validation.proving.coq import INSTALL, compiler, compiles, headed
from validation.proving.prove import SLACKS, prove

FILES = Path(__file__).resolve().parents[2] / "proofs"
BUDGET = 12.0


def main() -> None:
    """Print one line a step."""
    path = compiler()
    if path is None:
        print(f"coqc was not found: {INSTALL}")
        return
    empty = headed("nothing", "", set())
    base = min(_seconds(path, empty) for _ in range(3))
    print(f"coqc loads its libraries in {base:.2f} s, which is taken off below")
    print(f"{'step':32s} {'ending':18s} {'cells':>7s} {'ours':>8s} {'Coq':>8s}  Coq/ours")
    for claim in claims_of(scalar_steps):
        file = FILES / f"{claim.id.partition('.')[2]}.v"
        if not file.exists():
            continue
        start = time.process_time()
        # The search for counterexamples is not part of the comparison.
        proof = prove(claim, budget=BUDGET, box=dict(claim.box) or _whole(claim), slacks=SLACKS)
        ours = time.process_time() - start
        coq = max(_seconds(path, file.read_text()) - base, 0.0)
        print(
            f"{claim.id:32s} {proof.ending:18s} {proof.cells:7d} {ours:7.2f}s {coq:7.2f}s "
            f"{coq / max(ours, 1e-3):8.1f}",
            flush=True,
        )


def _whole(claim: scalar_steps.Claim) -> dict[str, tuple[float, float]]:
    """A box that excludes nothing, given so that no search is made."""
    name, factor = next(iter(claim.instances.factors.items()))
    return {name: (float(factor.low), float(factor.high))}  # type: ignore[attr-defined]


def _seconds(path: str, text: str) -> float:
    before = os.times()
    accepted, said = compiles(path, text, 300)
    after = os.times()
    if not accepted:
        print(said[:200])
    return (
        after.children_user
        + after.children_system
        - (before.children_user + before.children_system)
    )


if __name__ == "__main__":
    main()
