"""GRU and LSTM networks pruned by every method, before any fine-tuning.

    python benchmarks/studies/gates.py [--networks digits-gru ...] [--seeds 0 1]

The networks are those under models/. Rows are written to results/gates.json as they are finished,
and a run that was broken off goes on there; results/gates.md is the table of them. No method sees a
label: S, the balanced weight and the refits come from training sequences alone, the accuracy from
the test part.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from bounds.approximation.along_runs import along_runs_bound, measured_gap
from pruning.checkpoints.torch_layout import torch_network
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack, prune_stack_to
from pruning.stack_refit import refit_stack, refit_stack_read_out
from validation.data.digits import digits
from validation.data.images import images
from validation.output.writing import write_atomically

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
SIZES = {"digits": (32, 21), "row-mnist": (64, 42)}
SEQUENCES = {"digits": 1437, "row-mnist": 2000}
METHODS = (
    "random nodes",
    "spectral, no reconstruction",
    "spectral",
    "balanced",
    "balanced, read-out",
    "balanced, closed loop",
)
STEPS, ITERATIONS = 6, 12
BOUNDED = 100  # sequences that both networks are run along for the bound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [f"{data}-{cell}" for data in SIZES for cell in ("gru", "lstm")]
    parser.add_argument("--networks", nargs="+", default=known, choices=known)
    parser.add_argument("--seeds", nargs="+", type=int, default=range(5))
    options = parser.parse_args()
    path = RESULTS / "gates.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    done = {(row["network"], row["seed"], row["method"], row["k"]) for row in rows}
    for name in options.networks:
        data_name, _ = name.rsplit("-", 1)
        data = digits() if data_name == "digits" else images("mnist", "rows")
        x = np.asarray(data.x[: SEQUENCES[data_name]], np.float64)

        def accuracy(stack, data=data):
            said = stack.predictions(data.x_test, dtype="float32")[:, -1].argmax(axis=1)
            return float((said == data.y_test).mean())

        for seed in options.seeds:
            file = ROOT / "models" / f"{name}-{seed}.safetensors"
            if not file.exists():
                print(f"{file.name} is not there: rnnbounds train {name} --seed {seed}")
                continue
            whole = network(file)
            seen = stack_moments(whole, x)

            def add(method, k, small, name=name, seed=seed, whole=whole, x=x, **facts):
                row = {"network": name, "seed": seed, "method": method, "k": k}
                rows.append({**row, "accuracy": accuracy(small), **facts})
                print(rows[-1], flush=True)
                write(path, rows)

            if (name, seed, "whole", whole.nodes[0][0]) not in done:
                add("whole", whole.nodes[0][0], whole)
            for k in SIZES[data_name]:
                if all((name, seed, method, k) in done for method in METHODS):
                    continue
                one(whole, x, seen, seed, k, name, done, add)


def one(whole, x, seen, seed, k, name, done, add):
    """All methods on one network at one size."""
    T = x.shape[1]
    last = np.eye(T)[-1]

    def ratio(pruned):
        sample = x[:BOUNDED]
        bound, gap = along_runs_bound(pruned, sample, last), measured_gap(pruned, sample, last)
        return {"bound_over_error": bound.total / gap}

    plain = {
        "random nodes": {"method": "random", "rng": seed},
        "spectral, no reconstruction": {"reconstruct": False},
        "spectral": {},
    }
    for method, choices in plain.items():
        if (name, seed, method, k) not in done:
            pruned = prune_stack(whole, seen, k, **choices)
            add(method, k, pruned.pruned, **ratio(pruned))
    began = time.monotonic()
    chosen = prune_stack(whole, x, k, objective="balanced").nodes
    pruned = prune_stack_to(whole, seen, chosen)
    if (name, seed, "balanced", k) not in done:
        seconds = round(time.monotonic() - began, 1)
        add("balanced", k, pruned.pruned, seconds=seconds, **ratio(pruned))
    read = refit_stack_read_out(whole, pruned.pruned, x)
    if (name, seed, "balanced, read-out", k) not in done:
        add("balanced, read-out", k, read)
    if (name, seed, "balanced, closed loop", k) not in done:
        began = time.monotonic()
        fitted = refit_stack(whole, read, x, steps=STEPS, iterations=ITERATIONS)
        seconds = round(time.monotonic() - began, 1)
        from dataclasses import replace

        facts = ratio(replace(pruned, pruned=fitted))
        add("balanced, closed loop", k, fitted, seconds=seconds, **facts)


def network(file):
    """The network in a file."""
    from safetensors.numpy import load_file

    return torch_network(load_file(file)).stack


def write(path, rows) -> None:
    """Rows as JSON, and the table of them."""
    settings = {"sequences": SEQUENCES, "steps": STEPS, "iterations": ITERATIONS}
    facts = {"schema": 1, "settings": settings, "rows": rows}
    write_atomically(path, (json.dumps(facts, indent=1) + "\n").encode())
    write_atomically(path.with_suffix(".md"), page(rows).encode())


def page(rows) -> str:
    """The table as Markdown."""
    lines = [
        "# GRU and LSTM, pruned before any fine-tuning",
        "",
        "Test accuracy in %, mean and deviation over trainings; no label is seen by any method.",
        f"Images: {SEQUENCES['row-mnist']:,} training sequences, digits: all of them. The last",
        "column is the bound along both runs over the error that is measured, at the last step.",
        "Made by `python benchmarks/studies/gates.py`.",
        "",
        "| network | k | method | accuracy | trainings | bound over error |",
        "|---|---|---|---|---|---|",
    ]
    groups = {}
    for row in rows:
        groups.setdefault((row["network"], row["k"], row["method"]), []).append(row)
    order = ["whole", *METHODS]
    for (name, k, method), group in sorted(
        groups.items(), key=lambda item: (item[0][0], -item[0][1], order.index(item[0][2]))
    ):
        values = 100 * np.array([row["accuracy"] for row in group])
        spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
        ratios = [row["bound_over_error"] for row in group if "bound_over_error" in row]
        ratio = f"{np.mean(ratios):.2f}" if ratios else ""
        lines.append(
            f"| {name} | {k} | {method} | {values.mean():.1f}{spread} | {len(group)} | {ratio} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
