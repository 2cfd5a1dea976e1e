"""Write results/verdicts.json and results/tightened.json, which the catalogue's pages show.

    python docs/site/record.py verdicts --budget 3
    python docs/site/record.py tightened --budget 8

Both go on where they stopped; `--again` starts from nothing. What is kept of a verdict is what a
page shows: the words, the counts, and the worst instance: exactly, and in decimals where it is
small enough to print. `--shard 0/4 --out FILE` records every fourth claim into a file of its own,
and `record.py verdicts --merge FILE...` puts such files into the committed one.
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
from validation.instances.product import complexity
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
    parser.add_argument("--shard", default="0/1", help="I/N: every N-th claim from the I-th on")
    parser.add_argument("--out", type=Path, help="default: the committed file")
    parser.add_argument("--merge", type=Path, nargs="+", help="files of shards")
    options = parser.parse_args()
    path = options.out or RESULTS / f"{options.what}.json"
    if options.merge:
        merge(path, options.merge)
        return
    known, made_of = ({}, {}) if options.again or not path.exists() else read(path)
    first, step = map(int, options.shard.split("/"))
    made = {
        "budget": options.budget,
        "seed": options.seed,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }
    find = verdicts if options.what == "verdicts" else tightened
    for claim in catalogue.claims()[first::step]:
        if claim.id not in known:
            known[claim.id] = find(claim, options.budget, options.seed)
            made_of[claim.id] = made
            write(path, made, known, made_of)
            print(claim.id, flush=True)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file holds of each claim, and how that was made."""
    file = json.loads(path.read_text())
    earlier = file.get("made_of", {})
    return file["claims"], {id: earlier.get(id, file["made"]) for id in file["claims"]}


def write(path: Path, made: Any, known: dict[str, Any], made_of: dict[str, Any]) -> None:
    """Write what is known, in the order of the catalogue; what is no claim any more goes.

    `made` says how it was made, `made_of` of those claims of which something else is true.
    """
    order = {one.id: known[one.id] for one in catalogue.claims() if one.id in known}
    file = {"made": made, "made_of": {}, "claims": order}
    file["made_of"] = {id: made_of[id] for id in order if made_of[id] != made}
    write_atomically(path, (json.dumps(file, indent=1, allow_nan=False) + "\n").encode())


def merge(path: Path, shards: list[Path]) -> None:
    """Put what shards hold into a file, in place of what it holds of the same claims."""
    known, made_of = read(path) if path.exists() else ({}, {})
    for shard in shards:
        found, how = read(shard)
        known |= found
        made_of |= how
    made = max(made_of.values(), key=lambda one: sum(one == other for other in made_of.values()))
    write(path, made, known, made_of)


def verdicts(claim: Any, budget: float, seed: int) -> dict[str, Any]:
    """What a page says about the verdict of a claim."""
    outcome = verify(claim, budget=budget, seed=seed)
    instance, lines = _worst(claim, outcome)
    return {**_short(outcome), "worst": lines, "instance": instance}


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


def _worst(claim: Any, outcome: Outcome) -> tuple[str, list[str]]:
    """The smallest of the worst instances: as JSON, and in decimals if it is small enough."""
    instances = outcome.verdict.instances
    for instance in instances:
        lines = facts(claim, instance)
        if len(lines) <= LINES and max(map(len, lines)) <= 100:
            return json.dumps(instance.to_json()), list(lines)
    if not instances:
        return "", []
    return json.dumps(min(instances, key=complexity).to_json()), []


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
