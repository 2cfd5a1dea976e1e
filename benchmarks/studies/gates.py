"""GRU and LSTM networks pruned by every method, before any fine-tuning.

    python benchmarks/studies/gates.py [--networks digits-gru ...] [--seeds 0 1]
    python benchmarks/studies/gates.py --networks row-mnist-gru --seeds 3 --models M --out PART.json
    python benchmarks/studies/gates.py --networks ptb-gru --windows 2000 --out WINDOWS.json
    python benchmarks/studies/gates.py --merge PART.json ...

The networks are those under models/, or in another folder. Rows are written to results/gates.json,
or to another file, as they are finished, and a run that was broken off goes on there; parts that
ran side by side are merged into results/gates.json; results/gates.md is the table of it. No method
but "Taylor nodes" sees a label: S, the balanced weight and the refits come from training sequences
alone, accuracy and perplexity from the test part.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bounds.approximation.along_runs import along_runs_bound, measured_gap
from pruning.checkpoints.torch_layout import torch_network
from pruning.stack_baselines import NODE_METHODS, baseline_nodes, masked_weights
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack, prune_stack_to
from pruning.stack_refit import refit_stack, refit_stack_read_out
from validation.data.digits import digits
from validation.data.images import images
from validation.data.language import corpus, perplexity, windows
from validation.output.writing import write_atomically

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
SIZES = {"digits": (32, 21), "row-mnist": (64, 42), "ptb": (64, 42)}
SEQUENCES = {"digits": 1437, "row-mnist": 2000, "ptb": 2000}
SEEDS = {"digits": 5, "row-mnist": 5, "ptb": 1}
CELLS = {"digits": ("gru", "lstm"), "row-mnist": ("gru", "lstm"), "ptb": ("gru",)}
PLAIN: dict[str, dict[str, Any]] = {
    "random nodes": {"method": "random"},
    "random nodes, no reconstruction": {"method": "random", "reconstruct": False},
    "spectral, no reconstruction": {"reconstruct": False},
    "spectral": {},
}
MASKS = {"magnitude weights": "magnitude", "random weights": "random"}
BALANCED = ("balanced", "balanced, read-out", "balanced, closed loop")
# As for plain networks: nodes by their weights or by the loss are cut, the others reconstructed.
CUT = ("magnitude nodes", "Taylor nodes")
METHODS = (*MASKS, *PLAIN, *NODE_METHODS, *BALANCED)
STEPS, ITERATIONS = 6, 12
FITTED = 500  # windows of text that refits see, as for plain networks
BOUNDED = 100  # sequences that both networks are run along for the bound


@dataclass(frozen=True, eq=False)
class Task:
    """What a network is pruned on and measured by."""

    x: Any
    y: Any
    reads: str
    unit: str
    measured: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [f"{data}-{cell}" for data in SIZES for cell in CELLS[data]]
    parser.add_argument("--networks", nargs="+", default=known, choices=known)
    parser.add_argument("--seeds", nargs="+", type=int, help="by default all that there are")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--nodes", nargs="+", type=int, help="by default a half and a third")
    parser.add_argument("--windows", type=int, default=FITTED, help="of text that refits see")
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--out", type=Path, default=RESULTS / "gates.json")
    parser.add_argument("--merge", nargs="+", type=Path, help="only merge parts into --out")
    options = parser.parse_args()
    rows = read(options.out)
    if rows and (seen := windows_of(options.out)) != options.windows:
        parser.error(f"the refits in {options.out} saw {seen} windows: --out to another file")
    if options.merge:
        for part in options.merge:
            rows = merged(rows, read(part))
        write(options.out, rows)
        return
    for name in options.networks:
        seeds = options.seeds or range(SEEDS[name.rsplit("-", 1)[0]])
        seeds = [seed for seed in seeds if there(options.models, name, seed)]
        task = task_of(name.rsplit("-", 1)[0]) if seeds else None
        for seed in seeds:
            whole = network(options.models / f"{name}-{seed}.safetensors")
            fill(rows, options, name, seed, whole, task)


def there(folder, name, seed) -> bool:
    """Whether a network was trained; says how it is made where it was not."""
    path = folder / f"{name}-{seed}.safetensors"
    if not path.exists():
        print(f"{path} is not there: rnnbounds train {name} --seed {seed}")
    return path.exists()


def task_of(name) -> Task:
    """The data of a network."""
    n = SEQUENCES[name]
    if name == "ptb":
        text = corpus("ptb")
        x, _ = windows(text.train, 35, n, np.random.default_rng(0))
        return Task(x, None, "every", "perplexity", lambda stack: perplexity(stack, text.test))
    data = digits() if name == "digits" else images("mnist", "rows")

    def accuracy(stack):
        said = stack.predictions(data.x_test, dtype="float32")[:, -1].argmax(axis=1)
        return float((said == data.y_test).mean())

    x = np.asarray(data.x[:n], np.float64)
    return Task(x, data.y[:n], "last", "accuracy", accuracy)


def fill(rows, options, name, seed, whole, task):
    """Add what is missing of one network's rows, and write them."""
    done = {(row["network"], row["seed"], row["method"], row["k"]) for row in rows}

    def add(method, k, small, **facts):
        row = {"network": name, "seed": seed, "method": method, "k": k}
        rows.append({**row, task.unit: task.measured(small), **facts})
        print(rows[-1], flush=True)
        write(options.out, rows, options.windows)

    m = whole.nodes[0][0]
    if (name, seed, "whole", m) not in done:
        add("whole", m, whole)
    asked = [one for one in options.methods if task.y is not None or one != "Taylor nodes"]
    missing = {
        k: [method for method in asked if (name, seed, method, k) not in done]
        for k in options.nodes or SIZES[name.rsplit("-", 1)[0]]
    }
    if any(missing.values()):
        seen = stack_moments(whole, task.x)
        for k, methods in missing.items():
            one(whole, task, seen, seed, k, methods, add, options.windows)


def one(whole, task, seen, seed, k, missing, add, windows):
    """The methods that are missing for one network at one size."""
    x = task.x
    T = x.shape[1]
    weights = np.eye(T)[-1] if task.reads == "last" else None

    def ratio(pruned):
        sample = x[:BOUNDED]
        gap = measured_gap(pruned, sample, weights)
        return {"bound_over_error": along_runs_bound(pruned, sample, weights).total / gap}

    for method, by in MASKS.items():
        if method in missing:
            add(method, k, masked_weights(whole, k, by, seed))
    for method, choices in PLAIN.items():
        if method in missing:
            pruned = prune_stack(whole, seen, k, rng=seed, **choices)
            add(method, k, pruned.pruned, **ratio(pruned))
    for method in NODE_METHODS:
        if method in missing:
            labelled = {"x": x, "y": task.y} if method == "Taylor nodes" else {}
            nodes = baseline_nodes(whole, seen, k, method, rng=seed, **labelled)
            pruned = prune_stack_to(whole, seen, nodes, reconstruct=method not in CUT)
            add(method, k, pruned.pruned, nodes=len(nodes[0][0]), **ratio(pruned))
    if not set(missing) & set(BALANCED):
        return
    began = time.monotonic()
    chosen = prune_stack(whole, x, k, objective="balanced", reads=task.reads).nodes
    pruned = prune_stack_to(whole, seen, chosen)
    seconds = round(time.monotonic() - began, 1)
    if "balanced" in missing:
        add("balanced", k, pruned.pruned, seconds=seconds, **ratio(pruned))
    # Outputs of a language model are logits: the fits are by the divergence of their softmax.
    text = task.unit == "perplexity"
    shown = x[:windows] if text else x
    read = refit_stack_read_out(whole, pruned.pruned, shown, reads=task.reads, progress=print)
    if "balanced, read-out" in missing:
        add("balanced, read-out", k, read)
    if "balanced, closed loop" in missing:
        began = time.monotonic()
        steps = {} if text else {"steps": STEPS, "iterations": ITERATIONS}
        fitted = refit_stack(whole, read, shown, reads=task.reads, progress=print, **steps)
        seconds = round(time.monotonic() - began, 1)
        facts = ratio(replace(pruned, pruned=fitted))
        add("balanced, closed loop", k, fitted, seconds=seconds, **facts)


def network(file):
    """The network in a file."""
    from safetensors.numpy import load_file

    return torch_network(load_file(file)).stack


def read(path):
    """The rows of a file, none where there is no file."""
    return json.loads(path.read_text())["rows"] if path.exists() else []


def windows_of(path):
    """How many windows of text the refits in a file saw."""
    return json.loads(path.read_text())["settings"].get("windows_refitted", FITTED)


def merged(rows, more):
    """Rows with others in the place of those of the same settings, or behind them."""
    key = "network", "seed", "method", "k"
    by_key = {tuple(row[name] for name in key): row for row in [*rows, *more]}
    return list(by_key.values())


def write(path, rows, windows=FITTED) -> None:
    """Rows as JSON, and the table of them."""
    settings = {
        "sequences": SEQUENCES,
        "windows_refitted": windows,
        "steps": STEPS,
        "iterations": ITERATIONS,
    }
    facts = {"schema": 1, "settings": settings, "rows": rows}
    write_atomically(path, (json.dumps(facts, indent=1) + "\n").encode())
    write_atomically(path.with_suffix(".md"), page(rows, windows).encode())


def page(rows, windows=FITTED) -> str:
    """The table as Markdown."""
    lines = [
        "# GRU and LSTM, pruned before any fine-tuning",
        "",
        "Test accuracy in %, for the text test perplexity; mean and deviation over trainings. No",
        "method but Taylor nodes sees a label. Moments, weights and refits come from",
        f"{SEQUENCES['row-mnist']:,} training images or windows of 35 words (digits: all); text is",
        f"refitted on {windows:,} of the windows, by the divergence of its softmax. The last",
        "column is the bound along both runs over the error that is measured (images: at the last",
        "step), by norms lag by lag beside the kept nodes; after a closed loop the terms cancel,",
        "and [lags.md](lags.md) has what other parts give.",
        "Made by `python benchmarks/studies/gates.py`.",
        "",
        "| network | k | method | accuracy or perplexity | trainings | bound over error |",
        "|---|---|---|---|---|---|",
    ]
    groups = {}
    for row in rows:
        groups.setdefault((row["network"], row["k"], row["method"]), []).append(row)
    order = ["whole", *METHODS]
    for (name, k, method), group in sorted(
        groups.items(), key=lambda item: (item[0][0], -item[0][1], order.index(item[0][2]))
    ):
        values = np.array(
            [100 * row["accuracy"] if "accuracy" in row else row["perplexity"] for row in group]
        )
        spread = f" ± {values.std(ddof=1):.1f}" if len(values) > 1 else ""
        ratios = [row["bound_over_error"] for row in group if "bound_over_error" in row]
        ratio = f"{np.mean(ratios):.2f}" if ratios else ""
        lines.append(
            f"| {name} | {k} | {method} | {values.mean():.1f}{spread} | {len(group)} | {ratio} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
