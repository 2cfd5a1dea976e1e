"""Search anew for a counterexample to every false lemma, and write the table of what was found.

    python tests/false_lemmas/search_anew.py --seconds 60 --table results/false-lemmas.md

A lemma without randomness is searched until the first certified violation, a probabilistic one is
tested until it is refuted, for at most so many seconds of processor time, so that the table does
not depend on what else the machine is doing. Nothing that is known of the lemmas is used. Ids, or
the beginnings of ids, restrict the run. Rows are written as they are finished, and a run goes on
where the table ends.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from find_counterexamples import lemmas

from validation import Claim, Conclusion, Instance, certify
from validation.checking.searched import search
from validation.checking.statistical import statistical

AUDITED = 10  # plain draws that are certified before the search
HEAD = """# False lemmas, searched anew

`python tests/false_lemmas/search_anew.py {options}` wrote this. Each
lemma is wrong on purpose; the search knows nothing of it and stops at the first certified
violation. Seconds are of processor time, in one process. Ten plain draws are
certified first, as `verify` audits them. A survivor is a false lemma that was not refuted.

| lemma | result | seconds | instances tried |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    id: str
    refuted: bool
    seconds: float
    tried: int

    def __str__(self) -> str:
        word = "refuted" if self.refuted else "**survived**"
        return f"| `{self.id}` | {word} | {self.seconds:.1f} | {self.tried} |"


def searched(lemma: Claim, seconds: float, seed: int) -> Row:
    """Try to refute one lemma."""
    if not lemma.deterministic:
        begun = time.process_time()
        with mock.patch("time.monotonic", time.process_time):
            verdict = statistical(lemma, seconds=seconds, seed=seed)
        bad = verdict.conclusion is Conclusion.REFUTED
        return Row(lemma.id, bad, time.process_time() - begun, verdict.coverage.drawn)
    begun = time.process_time()
    if any(violates(lemma, instance) for instance in draws(lemma, seed)):
        return Row(lemma.id, True, time.process_time() - begun, AUDITED)
    found = search(lemma, (), seconds=seconds, seed=seed, linger=0.0, clock=time.process_time)
    spent = time.process_time() - begun
    violated = any(violates(lemma, instance) for _, instance in found.worst)
    return Row(lemma.id, violated, spent, found.coverage.drawn)


def draws(lemma: Claim, seed: int) -> list[Instance]:
    """A few plain draws, audited in balls as `verify` does: float64 is blind to some lemmas."""
    rng = np.random.default_rng(seed)
    return [lemma.instances.sample(rng) for _ in range(AUDITED)]


def violates(lemma: Claim, instance: Instance) -> bool:
    """Whether the instance is a certified counterexample."""
    return certify(lemma, instance).conclusion is Conclusion.VIOLATED


def finished(path: Path) -> set[str]:
    """The lemmas that the table has already."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.split("`")[1] for line in lines if line.startswith("| `")}


def main(arguments: list[str] | None = None) -> None:
    """Search, and write a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s [options] [ID ...]")
    parser.add_argument("ids", nargs="*", help="ids, or how they begin")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each lemma")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, required=True)
    options = parser.parse_args(arguments)
    if not (options.seconds > 0 and math.isfinite(options.seconds)):
        parser.error(f"--seconds must be a positive number, got {options.seconds}")
    known = finished(options.table)
    if not known:
        shown = f"--seconds {options.seconds:g} --seed {options.seed}"
        options.table.write_text(HEAD.format(options=shown))
    for lemma in lemmas():
        if lemma.id in known or not lemma.id.startswith(tuple(options.ids) or ("",)):
            continue
        row = searched(lemma, options.seconds, options.seed)
        with options.table.open("a") as table:
            table.write(f"{row}\n")
    rows = [r for r in options.table.read_text().splitlines() if r.startswith("| `")]
    refuted = sum("| refuted |" in row for row in rows)
    with options.table.open("a") as table:
        table.write(f"\n{refuted} of {len(rows)} refuted.\n")


if __name__ == "__main__":
    main()
