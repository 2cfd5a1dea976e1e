"""Near ties of the balanced choice on GRUs and LSTMs: decided by runs, and not.

    python benchmarks/studies/gated_ties.py [digits-gru ...] [--k 21] [--draws 3] [--models M]

For every committed network the nodes that `prune_stack(objective="balanced")` keeps, and those of
`by_runs=True` for several draws of the sequences that decide. Both are made from the training
sequences of `gates.py`, and judged on the test set: accuracy, and the mean squared gap to the whole
network's last outputs, also with the read-out refitted. No label is used but for the accuracy.
Prints a line a network, and a table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from gates import CELLS, ROOT, SEEDS, network, task_of, there

from pruning.stack_pruning import prune_stack
from pruning.stack_refit import refit_stack_read_out
from pruning.stack_ties import output_gaps
from validation.data.digits import digits
from validation.data.images import images

SIZE = {"digits": 21, "row-mnist": 42}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [f"{data}-{cell}" for data in SIZE for cell in CELLS[data]]
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(known))
    parser.add_argument("--k", type=int, help="by default a third")
    parser.add_argument("--seeds", nargs="+", type=int, help="by default all that there are")
    parser.add_argument("--draws", type=int, default=3, help="of the sequences that decide")
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    options = parser.parse_args()
    if unknown := set(options.networks) - set(known):
        parser.error(f"networks must be of {', '.join(known)}, got {', '.join(sorted(unknown))}")
    lines = []
    for name in options.networks or known:
        data = name.rsplit("-", 1)[0]
        k = options.k or SIZE[data]
        seeds = options.seeds or range(SEEDS[data])
        seeds = [seed for seed in seeds if there(options.models, name, seed)]
        task = task_of(data) if seeds else None
        test = digits() if data == "digits" else images("mnist", "rows")
        found = []
        for seed in seeds:
            whole = network(options.models / f"{name}-{seed}.safetensors")
            found.append(measured(whole, task, np.asarray(test.x_test), k, options.draws))
            print(name, seed, found[-1], flush=True)
        if found:
            lines += rows(name, k, found)
    print("\n".join(["", *HEAD, *lines]))


def measured(whole, task, x_test, k, draws):
    """Accuracy and gap on the test set, of the nodes and with the read-out refitted."""
    choices = {"objective": "balanced", "reads": task.reads}
    first = prune_stack(whole, task.x, k, **choices)
    runs = [
        prune_stack(whole, task.x, k, by_runs=True, rng=draw, **choices) for draw in range(draws)
    ]
    small = [one.pruned for one in (first, *runs)]
    read = [refit_stack_read_out(whole, one, task.x, reads=task.reads) for one in small]
    every = [*small, *read]
    gaps = output_gaps(whole, every, x_test)
    found = [(task.measured(one), gap) for one, gap in zip(every, gaps, strict=True)]
    found = list(zip(found[: len(small)], found[len(small) :], strict=True))
    return {
        "balanced": found[0],
        "by runs": found[1:],
        "sets": [len(one.tried) for one in runs],
    }


HEAD = (
    "| network | nodes | accuracy (%) | gap | with the read-out refitted (%) | gap | sets run |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
)


def rows(name, k, found):
    """Two lines of the table: means over draws, mean and deviation of accuracy over networks."""
    lines = []
    for nodes, sets in (("balanced", 1), ("by runs", np.mean([one["sets"] for one in found]))):
        # By network, then nodes and refit, then accuracy and gap.
        values = np.array(
            [np.mean([one[nodes]] if sets == 1 else one[nodes], axis=0) for one in found]
        )
        cells = []
        for way in (0, 1):
            right, gap = values[:, way].T
            spread = f" ± {100 * right.std(ddof=1):.1f}" if len(right) > 1 else ""
            cells += [f"{100 * right.mean():.1f}{spread}", f"{gap.mean():.4g}"]
        name_of = "balanced" if sets == 1 else "balanced, by runs"
        lines.append(f"| {name}, k = {k} | {name_of} | {' | '.join(cells)} | {sets:.3g} |")
    return lines


if __name__ == "__main__":
    main()
