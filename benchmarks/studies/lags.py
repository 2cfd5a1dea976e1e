"""The bounds along both runs by blocks of lags, beside kept nodes and beside linear images.

    python benchmarks/studies/lags.py [--networks digits-gru ...] [--seeds 0 1]
    python benchmarks/studies/lags.py --table

One network of each kind by default, pruned by balanced nodes with reconstruction, and after the
closed loop; the error is that of the last step, on the first 1,000 of the sequences that the fits
were made on. Rows are written to results/lags.json as they are finished, and a run that was broken
off goes on there; fitted networks are kept in the folder of the data. results/lags.md is the table.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np

from bounds.approximation.along_runs import along_runs_bounds, measured_gap
from bounds.approximation.blocks import Blocks
from pruning import load_network, refit_closed_loop, spectral_prune
from pruning.cells.plain import Plain
from pruning.checkpoints.torch_layout import torch_network
from pruning.stack import Stack
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack, prune_stack_to
from pruning.stack_refit import refit_stack, refit_stack_read_out
from validation.data.digits import digits
from validation.data.fetching import cache_folder
from validation.data.images import images
from validation.output.writing import write_atomically

ROOT = Path(__file__).parents[2]
FILE = ROOT / "results" / "lags.json"
NETWORKS = {
    "digits": 21,
    "digits-relu": 21,
    "digits-gru": 21,
    "digits-lstm": 21,
    "row-mnist": 42,
    "row-mnist-gru": 42,
    "row-mnist-lstm": 42,
}
FITTED = {"digits": 1437, "row-mnist": 2000}
MEASURED = 1000
BLOCKS = (1, 2, 4, 8)
WAYS = {
    "reconstruction": ("nodes", "images"),
    "closed loop": ("nodes", "images", "images of others"),
}
STEPS, ITERATIONS = 6, 12  # of the closed loop, as in gates.py; the plain digits' runs to its end
ARRAYS = ("w_input", "w_hidden", "b_input", "b_hidden")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--table", action="store_true", help="only write the table again")
    options = parser.parse_args()
    rows = json.loads(FILE.read_text())["rows"] if FILE.exists() else []
    if options.table:
        write(rows)
        return
    done = {(row["network"], row["seed"], row["weights"], row["beside"]) for row in rows}
    for name in options.networks:
        for seed in options.seeds:
            wanted = [(state, way) for state, ways in WAYS.items() for way in ways]
            missing = [one for one in wanted if (name, seed, *one) not in done]
            if missing:
                x = sequences(name)
                pruned = networks(name, seed, x)
                for state, way in missing:
                    rows.append(row(name, seed, state, way, pruned[state], x))
                    print(rows[-1], flush=True)
                    write(rows)


def sequences(name):
    """Training sequences that everything is fitted on."""
    data = name.removesuffix("-relu").removesuffix("-gru").removesuffix("-lstm")
    x = digits().x if data == "digits" else images("mnist", "rows").x
    return np.asarray(x[: FITTED[data]], np.float64)


def row(name, seed, state, way, pruned, x):
    """The ratios of one network, one way to compare."""
    T = x.shape[1]
    sample, last = x[:MEASURED], np.eye(T)[-1]
    choices = [
        Blocks(block, read, products)
        for products in (False, True)
        for read in (False, True)
        for block in BLOCKS
        if block < T
    ]
    began = time.process_time()
    bounds = along_runs_bounds(
        pruned,
        sample,
        choices,
        last,
        beside=way.split()[0],
        fitted_on=x[MEASURED:] if way == "images of others" else None,
    )
    seconds = round(time.process_time() - began, 1)
    if not all(bound.label.is_bound for bound in bounds):
        raise RuntimeError(f"{name}, {way}: {bounds[0].label}")
    error = measured_gap(pruned, sample, last)
    ratios = [
        {**asdict(blocks), "ratio": bound.total / error}
        for blocks, bound in zip(choices, bounds, strict=True)
    ]
    return {
        "network": name,
        "seed": seed,
        "k": NETWORKS[name],
        "T": T,
        "weights": state,
        "beside": way,
        "error": error,
        "ratios": ratios,
        "seconds": seconds,
    }


def networks(name, seed, x):
    """The pruned network by reconstruction, and after the closed loop."""
    k = NETWORKS[name]
    file = ROOT / "models" / f"{name}-{seed}.safetensors"
    if name.endswith(("-gru", "-lstm")):
        whole = gated(file)
        chosen = prune_stack(whole, x, k, objective="balanced", reads="last").nodes
        before = prune_stack_to(whole, stack_moments(whole, x), chosen)

        def fit():
            read = refit_stack_read_out(whole, before.pruned, x, reads="last")
            return refit_stack(whole, read, x, reads="last", steps=STEPS, iterations=ITERATIONS)

    else:
        rnn = load_network(file)
        plain = spectral_prune(rnn, x, k=k, objective="balanced")
        whole = stack_of(rnn)
        before = replace(
            prune_stack_to(whole, stack_moments(whole, x), [[plain.nodes]]),
            pruned=stack_of(plain.pruned),
        )

        def fit():
            refit = "closed-loop" if name.startswith("digits") else "read-out"
            found = spectral_prune(rnn, x, k=k, objective="balanced", refit=refit).pruned
            if refit == "read-out":  # as far as gated ones are taken
                found = refit_closed_loop(
                    rnn, found, x, steps=STEPS, solver="cg", iterations=ITERATIONS
                )
            return stack_of(found)

    fitted = kept(f"{name}-{seed}-{k}-{len(x)}", before.pruned, fit)
    return {"reconstruction": before, "closed loop": replace(before, pruned=fitted)}


def gated(file):
    """The gated network in a file."""
    from safetensors.numpy import load_file

    return torch_network(load_file(file)).stack


def stack_of(rnn):
    """A plain network as a stack of one layer."""
    zero = np.zeros(rnn.m)
    cell = Plain(rnn.w_input, rnn.w_hidden, rnn.b_hidden, zero, rnn.activation)
    return Stack([[cell]], rnn.w_output, rnn.b_output)


def kept(name, like, fit):
    """A fitted network of one layer: from its file, or fitted and written there."""
    path = cache_folder() / "fitted" / f"lags-{name}.npz"
    if not path.exists():
        found = fit()
        arrays = {part: getattr(found.layers[0][0], part) for part in ARRAYS}
        buffer = io.BytesIO()
        np.savez(buffer, w_output=found.w_output, b_output=found.b_output, **arrays)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    with np.load(path) as held:
        cell = replace(like.layers[0][0], **{part: held[part] for part in ARRAYS})
        return Stack([[cell]], held["w_output"], held["b_output"])


def write(rows) -> None:
    """Rows as JSON, and the table of them."""
    order = list(NETWORKS)
    rows.sort(
        key=lambda one: (
            list(WAYS).index(one["weights"]),
            WAYS["closed loop"].index(one["beside"]),
            order.index(one["network"]),
            one["seed"],
        )
    )
    facts = {"schema": 1, "measured": MEASURED, "fitted": FITTED, "rows": rows}
    write_atomically(FILE, (json.dumps(facts, indent=1) + "\n").encode())
    write_atomically(FILE.with_suffix(".md"), page(rows).encode())


def page(rows) -> str:
    """The tables as Markdown."""
    lines = [
        "# The bound along both runs, by blocks of lags",
        "",
        "`python benchmarks/studies/lags.py` wrote this; it goes on where it was interrupted.",
        f"Bound over measured error at the last step, on {MEASURED:,} of the training sequences",
        "that the small network was fitted on. *L* lags are added before a norm, or an inner",
        "product, is taken; *q apart* takes the error of the read-out by itself, *q in lag 0* adds",
        "it to the first block. With all lags in one block the sum is the error itself, and no",
        "bound: nothing stands there. *nodes* are those that were kept; *images* are, at every",
        "step, the linear images of the large network's states that fit the small one's best on",
        "these sequences, *images of others* on the other training sequences.",
    ]
    for state, ways in WAYS.items():
        for way in ways:
            found = [row for row in rows if (row["weights"], row["beside"]) == (state, way)]
            if found:
                lines += ["", f"## {state[0].upper()}{state[1:]}, beside {way}"]
                for products, title in ((False, "sums of norms"), (True, "inner products")):
                    lines += ["", *table(found, products, title)]
    return "\n".join(lines) + "\n"


def table(rows, products, title):
    """One table, a network a line, and a line of the largest."""
    columns = [(read, block) for read in (False, True) for block in BLOCKS]
    heads = [f"q {'in lag 0' if read else 'apart'}, L = {block}" for read, block in columns]
    lines = [
        f"| {title} | k | T | error | {' | '.join(heads)} |",
        "|---|---|---|---|" + "---:|" * len(columns),
    ]
    largest = dict.fromkeys(columns, 0.0)
    for row in rows:
        found = {
            (one["with_read_out"], one["size"]): one["ratio"]
            for one in row["ratios"]
            if one["products"] == products
        }
        for column, value in found.items():
            largest[column] = max(largest[column], value)
        cells = [f"{found[column]:.2f}" if column in found else "" for column in columns]
        name = f"{row['network']} {row['seed']} | {row['k']} | {row['T']} | {row['error']:.3g}"
        lines.append(f"| {name} | {' | '.join(cells)} |")
    cells = [f"{largest[column]:.2f}" for column in columns]
    return [*lines, f"| largest | | | | {' | '.join(cells)} |"]


if __name__ == "__main__":
    main()
