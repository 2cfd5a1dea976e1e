"""The split bound, a yardstick for the certificates: trained on half, counted on the other half.

    python benchmarks/studies/split_bound.py [NAME] [--epochs 40] [--k 24]

The recipe's large network is trained on the first half of the sequences, pruned to k nodes and
trained on in floating point; its errors on the other half give Clopper and Pearson's upper end at
delta = 0.05 (`split.binomial`). k was fixed by the recipe, whose authors know the data set. Writes
certificates/split.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from bounds.routes import held_out_bound
from pruning.baselines.table import prune_by
from pruning.initialisation import initial_rnn
from validation.certifying.pipeline import input_exponent
from validation.certifying.quantised_training import train_quantised
from validation.certifying.recipes import recipe
from validation.certifying.tasks import task
from validation.output.writing import write_atomically

OUT = Path(__file__).resolve().parents[2] / "certificates" / "split.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="row-mnist")
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    chosen = recipe(options.name)
    data = task(chosen.task)
    half = data.n // 2
    unit = np.float32(2.0 ** -input_exponent(chosen, data))
    x = chosen.form.sequences(data.images).astype(np.float32) * unit
    y = np.asarray(data.labels, np.int64)
    d = x.shape[2]
    start = initial_rnn(
        chosen.m, d, data.q, chosen.activation, scale=chosen.scale, input_scale=d**-0.5, rng=0
    )
    large, _ = train_quantised(start, x[:half], y[:half], chosen.large)
    pruned = prune_by(chosen.method, large, x[:10_000].astype(float), chosen.k)
    small = getattr(pruned, "pruned", large)
    finer = replace(chosen.large, epochs=options.epochs)
    trained, _ = train_quantised(small, x[:half], y[:half], finer)
    errors = 0
    for begin in range(half, data.n, 2000):
        part = slice(begin, begin + 2000)
        errors += int((trained.predictions(x[part])[:, -1].argmax(axis=1) != y[part]).sum())
    rows = json.loads(OUT.read_text()) if OUT.exists() else {}
    found = held_out_bound("split.binomial", errors, data.n - half, 0.05)
    rows[options.name] = {"k": chosen.k, "errors": errors, "held_out": data.n - half}
    rows[options.name]["bound"] = found.total
    write_atomically(OUT, (json.dumps(rows, indent=1) + "\n").encode())
    print(options.name, rows[options.name])


if __name__ == "__main__":
    main()
