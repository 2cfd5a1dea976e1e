"""Do near ties decided by runs help on sequences that neither weight nor decision has seen?

For every committed plain network, at the focus of its experiment, five draws: the nodes of the
balanced weight, and those that `prune_by_runs` keeps of the sets that it tries, both judged on
held-out *training* sequences by accuracy (of labels; for texts perplexity) and by the gap of the
outputs (for texts the divergence of their softmax). The test set is not opened. Prints one line a
draw: sets tried, then both figures of the first set and of the one that is kept.

    python benchmarks/studies/near_ties.py row-mnist digits ...
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
from balanced_weight import HELD_WINDOWS, cross_entropy

from pruning import RNN, StateCovariance, load_network
from pruning.checks import Inputs, Targets
from pruning.covariance import seen
from pruning.near_ties import HELD_OUT, near_ties, output_gap
from pruning.spectral import OBSERVED
from validation.experiments.declared import DECLARED, grid_named
from validation.experiments.row_data import data_set
from validation.training.scores import accuracy

JUDGED, DRAWS = 3000, 5


def main(names: list[str]) -> None:
    for name in names or list(DECLARED):
        grid = grid_named(name, Path("models"))
        data = data_set(json.dumps(dict(grid.data), sort_keys=True), 0)
        text = grid.score == "perplexity"
        targets = "every" if data.every_step else "last"
        judged = HELD_WINDOWS if text else min(JUDGED, len(data.x) // 4)
        for draw in range(DRAWS):
            rnn = load_network(grid.networks[draw % len(grid.networks)])
            order = np.random.default_rng([draw, 0x71E5]).permutation(len(data.x))
            held, used = order[:judged], order[judged:][: HELD_OUT + OBSERVED]
            S = StateCovariance.from_network(rnn, data.x[used]).matrix
            rng = np.random.default_rng(draw)
            tried = near_ties(rnn, seen(rnn, S), grid.focus, rng, None, data.x[used], targets)
            kept = min(tried, key=lambda one: one[0].gap)
            line = [name, str(draw), str(len(tried))]
            for _, pruned in (tried[0], kept):
                line += judge(rnn, pruned.pruned, data.x[held], data.y[held], targets, text)
            print("\t".join(line), flush=True)


def judge(
    large: RNN, small: RNN, x: Inputs, y: Targets, targets: str, text: bool
) -> tuple[str, str]:
    """The score of the small network, and how far its outputs are from the large one's."""
    gap = f"{output_gap(large, small, x, targets):.4g}"
    if text:
        return f"{math.exp(cross_entropy(small, x, y)):.1f}", gap
    return f"{100 * accuracy(small, x, y):.1f}", gap


if __name__ == "__main__":
    main(sys.argv[1:])
