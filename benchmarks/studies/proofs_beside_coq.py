"""How long is a scalar step for `prove`, how long for Coq as committed, and for coq-interval alone?

    python benchmarks/studies/proofs_beside_coq.py run --out results/proofs-beside-coq.json [ids]
    python benchmarks/studies/proofs_beside_coq.py page results/proofs-beside-coq.json \
        > results/proofs-beside-coq.md

`run` writes a row a step as soon as it is measured, and leaves out rows that are there already, so
that it may be stopped. `page` prints the whole page from the rows.

Ours: by algebra, or the cover in intervals and its recheck in balls, with slack where that is
needed. Coq: `coqc` on the committed file, which has no slack. coq-interval alone: its tactic on the
statement with the slack 1/100, with bisection and the depths of `Goal.tactics`, within 20 s a goal.
What `coqc` needs to load its libraries and prove nothing is taken off. Processor seconds on one
core.

dReal is not in the table: its package for Python (4.21.6.2) installs, but its library does not load
without libibex.so, which does not come with it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

from validation.catalogue import scalar_steps
from validation.loading import claims_of
from validation.output.writing import write_atomically
from validation.proving.coq import INSTALL, compiler, compiles, goals, headed, version
from validation.proving.prove import SLACKS, prove
from validation.proving.records import Ending
from validation.proving.regions import regions

FILES = Path(__file__).resolve().parents[2] / "proofs"
BUDGET = 12.0
SLACK, LIMIT = Fraction(1, 100), 20.0
MOST_REGIONS = 5
EMPTY = (headed("nothing", "", set()), headed("nothing", "", set(), body="from_"))

HEAD = """# Scalar steps beside coq-interval

{count} steps, by `python benchmarks/studies/proofs_beside_coq.py`: processor seconds on one core of
a machine that had other work ({machine}, Python {python}, {coq}), so that the columns compare with
each other and not with other pages.

*Ours* is `prove` with {budget:g} s by the clock for the cover (on a busy machine a part of that),
and its recheck in balls; *with slack* means left <= right + eta |right| + eta_0 with the slack that
[proofs.md](proofs.md) names. *Coq, as committed* is `coqc` on the file under `proofs/`, which has
no slack and whose tactics were written or found with more time than this. *coq-interval alone* is
the tactic `interval` (a bisection in every variable, `i_autodiff` in one variable, depth 40) on the
statement with the slack {slack}, at most {limit:g} s a theorem and the first {regions} regions;
*refused* is an answer of Coq within that time. Loading Coq's libraries ({base:.1f} s, with
Coquelicot {coquelicot:.1f} s) is taken off. dReal is no column: the library in its package needs
libibex.so, which does not come with it.

{said}

| step | ours | cells | seconds | Coq, as committed | coq-interval alone, slack {slack} |
|---|---|---:|---:|---:|---:|
"""


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("ids", nargs="*", help="steps; default: every scalar one")
    running.add_argument("--out", type=Path, required=True)
    showing = commands.add_parser("page")
    showing.add_argument("file", type=Path)
    asked = parser.parse_args()
    if asked.command == "page":
        print(page(json.loads(asked.file.read_text())))
    else:
        run(asked.out, asked.ids)


def run(out: Path, ids: list[str]) -> None:
    """Measure step after step and write the rows."""
    path = compiler()
    if path is None:
        print(f"coqc was not found: {INSTALL}")
        return
    found: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {"steps": {}}
    base = [min(_seconds(path, text)[0] for _ in range(3)) for text in EMPTY]
    found["loading"] = [round(seconds, 2) for seconds in base]
    found["versions"] = {
        "coq": version(path), "machine": platform.machine(), "python": platform.python_version(),
    }  # fmt: skip
    for claim in claims_of(scalar_steps):
        if claim.id in found["steps"] or (ids and claim.id not in ids):
            continue
        found["steps"][claim.id] = row = measured(path, claim, base)
        print(claim.id, row, flush=True)
        write_atomically(out, (json.dumps(found, indent=1, sort_keys=True) + "\n").encode())


def measured(path: str, claim: scalar_steps.Claim, base: list[float]) -> dict[str, Any]:
    """One row."""
    start = time.process_time()
    # The search for counterexamples is not part of the comparison.
    proof = prove(claim, budget=BUDGET, box=dict(claim.box) or _whole(claim), slacks=SLACKS)
    ours = time.process_time() - start
    text = (FILES / f"{claim.id.partition('.')[2]}.v").read_text()
    seconds, accepted = _seconds(path, text)
    return {
        "ending": proof.ending, "algebra": bool(proof.method), "cells": proof.cells,
        "seconds": round(ours, 2),
        "coq": round(max(seconds - base["Coquelicot" in text], 0.0), 2) if accepted else "refused",
        "interval": _alone(path, claim, base[0]),
    }  # fmt: skip


def _alone(path: str, claim: scalar_steps.Claim, load: float) -> float | str:
    """Seconds of coq-interval's tactic where it proves every goal, with slack; or how it ended."""
    total = 0.0
    for region in regions(claim, {}, {})[:MOST_REGIONS]:
        for goal in goals(claim, region):
            tactic = [t for t in goal.tactics() if "interval with" in t][-1]
            seconds, accepted = _seconds(path, goal.document(tactic, SLACK), LIMIT)
            if not accepted:
                return f"not in {LIMIT:g} s" if seconds > LIMIT / 2 else "refused"
            total += max(seconds - load, 0.0)
    return round(total, 2)


def page(found: dict[str, Any]) -> str:
    """The page of all rows, in the order of the catalogue."""
    steps = [claim.id for claim in claims_of(scalar_steps)]
    rows = {id: found["steps"][id] for id in steps if id in found["steps"]}
    lines = [_line(id, row) for id, row in rows.items()]
    return HEAD.format(
        count=f"All {len(rows)}" if len(rows) == len(steps) else f"{len(rows)} of {len(steps)}",
        budget=BUDGET, slack=SLACK, limit=LIMIT, regions=MOST_REGIONS, base=found["loading"][0],
        coquelicot=found["loading"][1], said=_said(list(rows.values())), **found["versions"],
    ) + "\n".join(lines)  # fmt: skip


def _said(rows: list[dict[str, Any]]) -> str:
    """The counts and medians of the rows, in sentences."""
    exact = sum(row["ending"] == Ending.PROVED.value for row in rows)
    relaxed = sum(row["ending"] == Ending.RELAXED.value for row in rows)
    proved = [row for row in rows if row["ending"] in (Ending.PROVED.value, Ending.RELAXED.value)]
    coq = [row["coq"] for row in rows if isinstance(row["coq"], float)]
    alone = [row for row in rows if isinstance(row["interval"], float)]
    both = [row for row in alone if row in proved]
    faster = sum(row["seconds"] <= row["interval"] for row in both)
    return (
        f"Ours: {exact} proved, {relaxed} with slack, {len(rows) - len(proved)} open within the "
        f"time; Coq accepts {len(coq)} of {len(rows)} committed files;\ncoq-interval alone, with "
        f"slack throughout, proves {len(alone)}. Medians: "
        f"{statistics.median(row['seconds'] for row in rows):.2f} s, {statistics.median(coq):.2f} "
        f"s and {statistics.median(row['interval'] for row in alone):.2f} s.\nOf the {len(both)} "
        f"that both prove, ours is at least as fast in {faster}."
    )


def _line(id: str, row: dict[str, Any]) -> str:
    shown = [
        f"{x:.2f}" if isinstance(x, float) else x
        for x in (row["seconds"], row["coq"], row["interval"])
    ]
    how = "algebra" if row["algebra"] else row["ending"]
    return f"| `{id}` | {how} | {row['cells']} | {' | '.join(shown)} |"


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
