"""What the first stage is worth to a certificate: digits, several seeds, one training each.

    python benchmarks/studies/first_stages.py [--seeds 3] [--epochs 300]

Writes certificates/first_stages.json and prints the table. A run that was killed goes on. Every
certificate of the table holds at once (the bound is uniform over the language), and each is the
result of the settings that it names: nothing was picked among seeds.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from validation.certifying.pipeline import produce
from validation.certifying.recipes import FIRST_STAGES, recipe
from validation.certifying.tasks import task
from validation.data.fetching import cache_folder
from validation.output.writing import write_atomically

OUT = Path(__file__).resolve().parents[2] / "certificates" / "first_stages.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=300)
    options = parser.parse_args()
    digits = task("digits")
    rows = json.loads(OUT.read_text()) if OUT.exists() else []
    for seed in range(options.seeds):
        for method in FIRST_STAGES:
            key = {"method": method, "seed": seed, "epochs": options.epochs}
            if any({name: row[name] for name in key} == key for row in rows):
                continue
            chosen = recipe("digits", method=method, seed=seed, epochs=options.epochs)
            chosen = replace(chosen, large=replace(chosen.large, seed=seed))
            work = cache_folder() / "certifying"
            found = produce(chosen, digits, work=work, delta=Decimal("0.05"))
            row = {**key, "errors": found.errors, "bits": len(found.code)}
            rows.append({**row, "bound": float(found.bound)})
            write_atomically(OUT, (json.dumps(rows, indent=1) + "\n").encode())
            print(rows[-1], flush=True)
    print("| first stage | certified error, mean | by seed |\n|---|---|---|")
    for method in FIRST_STAGES:
        bounds = [row["bound"] for row in rows if row["method"] == method]
        each = ", ".join(f"{100 * value:.1f}" for value in bounds)
        print(f"| {method} | {100 * sum(bounds) / len(bounds):.1f} % | {each} |")


if __name__ == "__main__":
    main()
