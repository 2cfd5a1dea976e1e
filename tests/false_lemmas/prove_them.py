"""Try to prove every false lemma that has a counterexample: none may succeed. The long run.

    python tests/false_lemmas/prove_them.py [--budget 60] [--again] [ids]

Each deterministic lemma is given to `prove` at the sizes of its simplest known counterexample (not
at its numbers), without slack. Those that ``refuted_by_proving.json`` has already are left out
unless `--again` is said or they are named. What is refuted, and how fast, is written there; the
exit code is 1 where a false lemma is called proved.
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
    parser.add_argument("ids", nargs="*", help="lemmas; default: every one that was not tried")
    parser.add_argument("--again", action="store_true", help="try all of them anew")
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    known = json.loads(KNOWN.read_text())
    results: dict[str, dict[str, object]] = {}
    if options.out.exists():
        results = json.loads(options.out.read_text())
    done = set() if options.again or options.ids else set(results)
    for claim in lemmas():
        if not claim.deterministic or claim.id not in known or claim.id in done:
            continue
        if options.ids and claim.id not in options.ids:
            continue
        sizes = known[claim.id]["sizes"]
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
    print({ending: endings.count(ending) for ending in sorted(set(endings))}, "of", len(endings))
    return int(Ending.PROVED.value in endings)


if __name__ == "__main__":
    sys.exit(main())
