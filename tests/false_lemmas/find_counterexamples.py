"""Search for a counterexample to every false lemma, from scratch: the long run.

    python tests/false_lemmas/find_counterexamples.py --budget 60 --workers 2

Each lemma goes through `verify`, as a user's claim would. The simplest counterexample known, of
the one found now and the one committed, is written to ``counterexamples.json``; the lemmas that
survived are printed by name. Ids, or the beginnings of ids, restrict the run.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from validation import Claim, Conclusion, Instance, certify, load_file, verify
from validation.checking.audit import VISIBLE
from validation.checking.evaluation import score
from validation.checking.shrinking import shrink
from validation.checking.statistical import statistical
from validation.instances.product import complexity

HERE = Path(__file__).resolve().parent
FILE = HERE / "counterexamples.json"
DRAWS = 20_000  # that refute a probabilistic lemma on one instance
SIMPLIFYING_DRAWS = 400
# The order of the theory; files that are not named here follow.
ORDER = (
    "reconstruction",
    "degrees_of_freedom",
    "leverage",
    "determinantal",
    "volume",
    "approximation",
    "approximation_bounded",
    "lipschitz",
    "covering",
    "uniform",
    "theorems",
    "balanced",
    "occam",
    "others",
    "ties",
    "ties_of_matrices",
)
TOOLS = ("find_counterexamples", "planted", "prove_them", "search_anew", "ties_by_hand")


@dataclass(frozen=True)
class Found:
    """What one search gave: `instance` is None where the lemma survived."""

    id: str
    instance: Instance | None
    seconds: float
    message: str


def files() -> list[Path]:
    """The modules that hold false lemmas."""
    place = {stem: number for number, stem in enumerate(ORDER)}
    found = [path for path in HERE.glob("*.py") if path.stem not in TOOLS]
    return sorted(found, key=lambda path: (place.get(path.stem, len(place)), path.stem))


def lemmas() -> list[Claim]:
    """All false lemmas, in the order of the theory."""
    return [lemma for path in files() for lemma in load_file(path)]


def committed() -> dict[str, Instance]:
    """The counterexamples on file, by the lemma's id."""
    data = json.loads(FILE.read_text()) if FILE.exists() else {}
    return {id: Instance.from_json(instance) for id, instance in data.items()}


def by_hand() -> dict[str, Instance]:
    """The counterexamples to the ties, which were not found by the search."""
    found: dict[str, Instance] = runpy.run_path(str(HERE / "ties_by_hand.py"))["COUNTEREXAMPLES"]
    return found


def refuted(lemma: Claim, instance: Instance, draws: int = DRAWS) -> bool:
    """Whether the instance proves the lemma wrong."""
    if lemma.deterministic:
        return certify(lemma, instance).conclusion is Conclusion.VIOLATED
    verdict = statistical(lemma, seconds=60.0, seed=0, instances=(instance,), draws=draws)
    return verdict.conclusion is Conclusion.REFUTED


def search(path: Path, id: str, budget: float, seed: int) -> Found:
    """Try to refute one lemma within `budget` seconds, and simplify what was found."""
    lemma = next(lemma for lemma in load_file(path) if lemma.id == id)
    start = time.monotonic()
    outcome = verify(lemma, budget=budget, seed=seed)
    seconds = time.monotonic() - start
    if not outcome.conclusion.bad:
        return Found(id, None, seconds, outcome.error or outcome.verdict.message)
    instance = outcome.verdict.instances[-1]
    if lemma.deterministic:
        instance = min([instance, *from_simple_draws(lemma, seed)], key=complexity)
    else:
        instance = simplified(lemma, instance, seconds=20.0)
    return Found(id, instance, seconds, outcome.verdict.message)


def from_simple_draws(lemma: Claim, seed: int, seconds: float = 4.0) -> list[Instance]:
    """Counterexamples from the simplest violating draws.

    `verify` keeps half of the largest margin that it found, which a simple instance need not have.
    """
    rng, drawn = np.random.default_rng(seed), []
    end = time.monotonic() + seconds
    with np.errstate(all="ignore"):
        while len(drawn) < 2000 and time.monotonic() < end:
            instance = lemma.instances.sample(rng)
            found = score(lemma, instance)
            if found.met and found.log_ratio > VISIBLE:
                drawn.append(instance)
    drawn.sort(key=complexity)
    certain = (instance for instance in drawn[:50] if refuted(lemma, instance))
    return [shrink(lemma, instance, seconds=seconds) for instance in islice(certain, 2)]


def simplified(lemma: Claim, instance: Instance, seconds: float) -> Instance:
    """The simplest neighbour of neighbours on which few draws refute a probabilistic lemma."""
    end = time.monotonic() + seconds
    again = refuted(lemma, instance, SIMPLIFYING_DRAWS)
    while again and time.monotonic() < end:
        again = False
        for candidate in lemma.instances.simpler(instance):
            if complexity(candidate) < complexity(instance) and refuted(
                lemma, candidate, SIMPLIFYING_DRAWS
            ):
                instance, again = candidate, True
                break
            if time.monotonic() > end:
                break
    return instance


def write(instances: dict[str, Instance]) -> None:
    """Write the file, one lemma a line."""
    lines = (f"{json.dumps(id)}: {json.dumps(i.to_json())}" for id, i in instances.items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main(arguments: list[str] | None = None) -> list[Found]:
    """Search, write the counterexamples, print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s [options] [ID ...]")
    parser.add_argument("ids", nargs="*", help="ids, or how they begin")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for each lemma")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="leave counterexamples.json as it is")
    options = parser.parse_args(arguments)
    wanted = tuple(options.ids) or ("",)
    tasks = [
        (path, lemma.id) for path in files() for lemma in load_file(path)
        if lemma.id.startswith(wanted)
    ]  # fmt: skip
    run = Parallel(n_jobs=options.workers, batch_size=1, return_as="generator")
    found: list[Found] = []
    for one in run(delayed(search)(path, id, options.budget, options.seed) for path, id in tasks):
        found.append(one)
        word = "survived" if one.instance is None else "refuted"
        print(f"{one.seconds:6.1f} s  {word}  {one.id}", file=sys.stderr, flush=True)
    if not options.keep:
        write(_merged(found))
    report(found)
    return found


def _merged(found: list[Found]) -> dict[str, Instance]:
    """The simplest of what is known, in the order of the lemmas."""
    known, new = committed(), {f.id: f.instance for f in found if f.instance is not None}
    result: dict[str, Instance] = {}
    for lemma in lemmas():
        candidates = [known.get(lemma.id), new.get(lemma.id), by_hand().get(lemma.id)]
        valid = [i for i in candidates if i is not None and refuted(lemma, i)]
        if valid:
            result[lemma.id] = min(valid, key=complexity)
    return result


def report(found: list[Found]) -> None:
    """Print how many were refuted, how fast, and the survivors."""
    survivors = [f for f in found if f.instance is None]
    print(f"{len(found) - len(survivors)} of {len(found)} false lemmas refuted")
    times = sorted(f.seconds for f in found if f.instance is not None)
    if times:
        print(f"seconds: median {times[len(times) // 2]:.1f}, longest {times[-1]:.1f}")
    for f in survivors:
        print(f"survived {f.seconds:.0f} s: {f.id}: {f.message}")


if __name__ == "__main__":
    main()
