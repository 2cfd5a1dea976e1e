"""Write results/verdicts.json and results/tightened.json, which the catalogue's pages show.

    python docs/site/record.py verdicts --budget 3
    python docs/site/record.py tightened --budget 8

Both go on where they stopped; `--again` starts from nothing. What is kept of a verdict is what a
page shows: the words, the counts, and the worst instance, where it is small enough to print.
"""

from __future__ import annotations

import argparse
import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import scipy

from rnnbounds import Outcome, verify
from validation import catalogue
from validation.checking.describing import facts
from validation.checking.tighten import tighten
from validation.claims import ClaimError
from validation.commands.tighten import to_json
from validation.commands.verify import show_ratio
from validation.output.writing import write_atomically

RESULTS = Path(__file__).resolve().parents[2] / "results"
LINES = 14  # of an instance that is printed


def main() -> None:
    """Record one of the two files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("verdicts", "tightened"))
    parser.add_argument("--budget", type=float, default=3.0, help="seconds of search a claim")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    path = RESULTS / f"{options.what}.json"
    known = {} if options.again or not path.exists() else json.loads(path.read_text())["claims"]
    made = {
        "budget": options.budget,
        "seed": options.seed,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }
    find = verdicts if options.what == "verdicts" else tightened
    for claim in catalogue.claims():
        if claim.id not in known:
            known[claim.id] = find(claim, options.budget, options.seed)
            order = {one.id: known[one.id] for one in catalogue.claims() if one.id in known}
            text = json.dumps({"made": made, "claims": order}, indent=1, allow_nan=False)
            write_atomically(path, (text + "\n").encode())
            print(claim.id, flush=True)


def verdicts(claim: Any, budget: float, seed: int) -> dict[str, Any]:
    """What a page says about the verdict of a claim."""
    outcome = verify(claim, budget=budget, seed=seed)
    return {**_short(outcome), "worst": _worst(claim, outcome)}


def _short(outcome: Outcome) -> dict[str, Any]:
    coverage = outcome.verdict.coverage
    return {
        "verdict": "error" if outcome.error else outcome.conclusion.value,
        "evidence": outcome.verdict.evidence.value,
        "message": outcome.error or outcome.verdict.message,
        "ratio": show_ratio(outcome),
        "drawn": coverage.drawn,
        "rejected": coverage.rejected,
        "evaluated": coverage.evaluated,
        "audited": coverage.audited,
        "notes": list(outcome.notes),
        "steps": {step.id: _short(step) for step in outcome.steps},
    }


def _worst(claim: Any, outcome: Outcome) -> list[str]:
    """The worst instance in decimals, the smallest of those that are about as bad."""
    for instance in outcome.verdict.instances:
        lines = facts(claim, instance)
        if len(lines) <= LINES and max(map(len, lines)) <= 100:
            return list(lines)
    return []


def tightened(claim: Any, budget: float, seed: int) -> list[dict[str, Any]]:
    """What `rnnbounds tighten` finds for each constant of a claim."""
    found = []
    for constant in claim.constants:
        try:
            entry = to_json(tighten(claim, constant, seconds=budget, seed=seed))
        except ClaimError as error:
            entry = {"constant": constant, "refused": str(error)}
        found.append({key: value for key, value in entry.items() if key not in ("id", "instance")})
    return found


if __name__ == "__main__":
    main()
