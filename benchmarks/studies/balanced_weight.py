"""Which c_t should the balanced weight have? Chosen on held-out training sequences.

For every committed network, at the focus of its experiment: nodes by each form, reconstruction, and
the read-out refitted; accuracy (of labels) and the gap of the outputs on held-out *training*
sequences. The test set is not opened. Prints one line a network and form.

For texts both weights, by squared gaps of logits and by the softmax, and that of section 0; the
read-out is refitted by the divergence, and perplexity (of the next words) and divergence stand for
accuracy and gap.

    python benchmarks/studies/balanced_weight.py row-mnist digits ...
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

from pruning import (
    RNN,
    Observability,
    StateCovariance,
    load_network,
    prune_to,
    refit_divergence,
    select_nodes,
    selection_weight,
    softmax_network,
)
from pruning.balanced import FORMS, alternating_weight, balanced_weight
from pruning.checks import Array
from pruning.observability import read_weights
from pruning.refit.divergence import Divergence
from pruning.refit.read_out import paired_moments, refit_read_out
from validation.data.dataset import Dataset
from validation.experiments.declared import DECLARED, grid_named
from validation.experiments.row_data import data_set
from validation.training.scores import accuracy

SEEN, HELD_OUT, LONG = 3000, 3000, 3000
WINDOWS, HELD_WINDOWS, STEPS = 400, 300, 12  # of a text


def main(names: list[str]) -> None:
    for name in names or list(DECLARED):
        grid = grid_named(name, Path("models"))
        data = data_set(json.dumps(dict(grid.data), sort_keys=True), 0)
        for seed, path in enumerate(grid.networks):
            rnn = load_network(path)
            order = np.random.default_rng(seed).permutation(len(data.x))
            if grid.score == "perplexity":
                text(name, seed, rnn, data, grid.focus)
                continue
            seen = min(SEEN if data.T < 100 else LONG, len(order) * 3 // 4)
            x, held = data.x[order[:seen]], order[seen : seen + min(HELD_OUT, 4 * seen)]
            reads, probes = ("mean", 1) if data.every_step else ("last", None)
            covariance = StateCovariance.from_network(rnn, x, per_step=True)
            observed = Observability(rnn, data.T, reads, probes, seed).update(x)
            S, per_step = covariance.matrix, covariance.per_step
            tau = 1e-8 * float(np.trace(S)) / rnn.m
            weights = {form: balanced_weight(observed, form) for form in FORMS}
            weights["alternating"] = alternating_weight(observed, per_step, grid.focus, tau)
            for form, M in weights.items():
                nodes = select_nodes(S, grid.focus, weight=M, tau=tau)
                small = prune_to(rnn, S, nodes, tau).pruned
                refitted = refit_read_out(rnn, small, x, reads)
                w = read_weights(reads, data.T)
                line = [name, str(seed), form]
                for network in (small, refitted):
                    gap = paired_moments(rnn, network, data.x[held], w).gap(network, rnn)
                    right = accuracy(network, data.x[held], data.y[held])
                    line += [f"{100 * right:.1f}", f"{gap:.4g}"]
                print("\t".join(line), flush=True)


def text(name: str, seed: int, rnn: RNN, data: Dataset, k: int) -> None:
    """The same for a language model."""
    order = np.random.default_rng(seed).permutation(len(data.x))
    x, held = data.x[order[:WINDOWS]], order[WINDOWS : WINDOWS + HELD_WINDOWS]
    S = StateCovariance.from_network(rnn, data.x[order[: 4 * WINDOWS]]).matrix
    tau = 1e-8 * float(np.trace(S)) / rnn.m
    weights = {"section 0": selection_weight(rnn, 0.5)}
    for outputs, net in (("numbers", rnn), ("logits", softmax_network(rnn, x, "mean"))):
        seen = Observability(net, data.T, "mean", 1, seed).update(data.x[order[: 4 * WINDOWS]])
        weights |= {f"{outputs}, {form}": balanced_weight(seen, form) for form in FORMS}
    w = read_weights("mean", data.T)
    for form, M in weights.items():
        small = prune_to(rnn, S, select_nodes(S, k, weight=M, tau=tau), tau).pruned
        fitted = refit_divergence(rnn, small, x, "mean", steps=STEPS)
        line = [name, str(seed), form]
        for network in (small, fitted):
            gap = Divergence(rnn, network, data.x[held], w, False, False, "float32")
            words = cross_entropy(network, data.x[held], data.y[held])
            line += [f"{math.exp(words):.1f}", f"{gap.value(gap.start):.4f}"]
        print("\t".join(line), flush=True)


def cross_entropy(rnn: RNN, x: Array, y: Array) -> float:
    """Of the next words, a few windows at a time."""
    total = 0.0
    for start in range(0, len(x), 10):
        f = rnn.predictions(x[start : start + 10])
        own = np.take_along_axis(f, y[start : start + 10, :, None], axis=2)[..., 0]
        total += float((logsumexp(f, axis=2) - own).sum())
    return total / y.size


if __name__ == "__main__":
    main(sys.argv[1:])
