"""Try to prove every false lemma that has a small counterexample: none may succeed. The long run.

    python tests/false_lemmas/prove_them.py --budget 60

Each lemma whose simplest known counterexample has m <= 2 is given to `prove` at the sizes of that
counterexample (not at its numbers), without slack. What is refuted, and how fast, is written to
``refuted_by_proving.json``; the exit code is 1 where a false lemma is called proved.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from find_counterexamples import lemmas

from validation.claims import ClaimError
from validation.commands.prove import one
from validation.proving.records import Ending

HERE = Path(__file__).resolve().parent
KNOWN = HERE / "counterexamples.json"
OUT = HERE / "refuted_by_proving.json"


def main() -> int:
    """Run, print one line a lemma, and count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    known = json.loads(KNOWN.read_text())
    results: dict[str, dict[str, object]] = {}
    for claim in lemmas():
        sizes = known.get(claim.id, {}).get("sizes", {})
        if not claim.deterministic or claim.id not in known or sizes.get("m", 0) > 2:
            continue
        start = time.monotonic()
        try:
            proof = one(
                claim, {name: [n] for name, n in sizes.items()}, {}, [], budget=options.budget,
                quiet=True, fresh=True,
            )  # fmt: skip
            ending, why = proof.ending, proof.message
        except ClaimError as error:
            ending, why = "not tried", str(error)
        seconds = time.monotonic() - start
        results[claim.id] = {"ending": ending, "seconds": round(seconds, 1), "why": why}
        options.out.write_text(json.dumps(results, indent=0, sort_keys=True) + "\n")
        print(f"{claim.id:60s} {ending:10s} {seconds:6.1f} s {why[:90]}", flush=True)
    endings = [result["ending"] for result in results.values()]
    print({ending: endings.count(ending) for ending in set(endings)}, "of", len(endings))
    return int(Ending.PROVED.value in endings)


if __name__ == "__main__":
    sys.exit(main())
