"""What `prove` decides of the deterministic claims of the catalogue: every claim at small sizes.

    python benchmarks/studies/proofs.py run --out proofs.json --sizes 1 2 --budget 60 [ids]
    python benchmarks/studies/proofs.py table proofs.json ... > results/proofs.md

`run` writes a row a claim and size as soon as it is decided, and leaves out rows that are there
already, so that it may be stopped; ``--shard 0/4`` takes every fourth claim. One process; the
search for counterexamples is `verify`'s and included. `table` joins files of rows.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import validation.catalogue
from validation.claims import Claim, ClaimError
from validation.loading import gather
from validation.output.writing import write_atomically
from validation.proving.prove import prove
from validation.proving.records import Ending, Proof, keep

DEFAULT = (-4.0, 4.0)  # what has no box of its own


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("ids", nargs="*", help="claims; default: every deterministic one")
    running.add_argument("--out", type=Path, required=True)
    running.add_argument("--sizes", type=int, nargs="+", default=[1, 2], help="values of m")
    running.add_argument("--budget", type=float, default=60.0, help="seconds a claim and size")
    running.add_argument("--shard", default="0/1")
    running.add_argument("--stop", type=float, default=float("inf"), help="seconds in all")
    joining = commands.add_parser("table")
    joining.add_argument("files", type=Path, nargs="+")
    asked = parser.parse_args()
    if asked.command == "run":
        run(asked)
    else:
        print(table(asked.files))


def catalogue() -> list[Claim]:
    """Every deterministic claim of the catalogue, once."""
    return [claim for claim in validation.catalogue.claims() if claim.deterministic]


def run(asked: argparse.Namespace) -> None:
    """Decide claim after claim and write the rows."""
    rows: dict[str, Any] = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    place, count = (int(part) for part in asked.shard.split("/"))
    chosen = gather(asked.ids) if asked.ids else catalogue()
    start = time.monotonic()
    for claim in chosen[place::count]:
        for m in asked.sizes if "m" in claim.instances.sizes else [0]:
            name = f"{claim.id} m={m}" if m else claim.id
            if name in rows:
                continue
            if time.monotonic() - start > asked.stop:
                return
            rows[name] = decided(claim, m, asked.budget)
            print(
                f"{name:45s} {rows[name]['ending']:18s} {rows[name]['seconds']:7.1f} s", flush=True
            )
            text = json.dumps(rows, indent=1, sort_keys=True) + "\n"
            write_atomically(asked.out, text.encode())


def decided(claim: Claim, m: int, budget: float) -> dict[str, Any]:
    """One row."""
    begun = time.monotonic()
    sizes = {"m": [m]} if m else {}
    boxed = ""
    try:
        try:
            proof: Proof = prove(claim, sizes=sizes, budget=budget)
        except ClaimError as error:
            if "unbounded" not in str(error):
                raise
            named = str(error).partition(": ")[2].split(" unbounded")[0].split(" and ")
            box = dict.fromkeys((name.split()[0] for name in named), DEFAULT)
            boxed = ", ".join(f"{name} in [-4, 4]" for name in box)
            proof = prove(claim, sizes=sizes, box=box, budget=budget)
        if proof.kind is not Ending.OPEN:
            keep(proof)
    except ClaimError as error:
        return {"ending": "not tried", "why": str(error), "seconds": _since(begun)}
    return {
        "ending": proof.ending, "method": proof.method or "cells", "slack": list(proof.slack),
        "cells": proof.cells, "share": proof.share, "statement": proof.statement, "box": boxed,
        "why": proof.message, "seconds": _since(begun), "budget": budget,
        "versions": {**proof.versions, "machine": platform.machine()},
    }  # fmt: skip


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 1)


def table(files: list[Path]) -> str:
    """The rows of several files as one page; of two of the same name the stronger."""
    order = [Ending.PROVED.value, Ending.RELAXED.value, Ending.OPEN.value, "not tried"]
    rows: dict[str, dict[str, Any]] = {}
    for file in files:
        for name, row in json.loads(file.read_text()).items():
            old = rows.get(name)
            if old is None or order.index(row["ending"]) < order.index(old["ending"]):
                rows[name] = row
    lines = ["| claim | ending | how | seconds |", "|---|---|---|---:|"]
    for name, row in sorted(rows.items()):
        how = row.get("method", "")
        if how == "cells":
            how = f"{row['cells']:,} cells"
            if row["ending"] == Ending.RELAXED.value:
                how += f", slack {' and '.join(row['slack'])}"
            if row["ending"] == Ending.OPEN.value:
                how = f"{row['share']:.2%} of the box; {row['why'].split('; ')[-1]}"
        if row["ending"] == "not tried":
            how = row["why"].partition(": ")[2][:110]
        how = how.replace("|", "\\|")
        lines.append(f"| `{name}` | {row['ending']} | {how} | {row['seconds']:.1f} |")
    counts = {e: sum(row["ending"] == e for row in rows.values()) for e in order}
    said = ", ".join(f"{count} {ending}" for ending, count in counts.items() if count)
    return "\n".join([f"{len(rows)} rows: {said}.", "", *lines])


if __name__ == "__main__":
    sys.exit(main())
