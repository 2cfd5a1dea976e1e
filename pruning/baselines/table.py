"""The table of methods: each is one entry, and a module only where it computes of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pruning.baselines.balanced import (
    balanced,
    balanced_pivoted_qr,
    labelled_with_refit,
    with_refit,
)
from pruning.baselines.columns import columns
from pruning.baselines.from_scratch import from_scratch
from pruning.baselines.low_rank import low_rank
from pruning.baselines.magnitude_nodes import magnitude_nodes
from pruning.baselines.pivoted_qr import pivoted_qr
from pruning.baselines.random_nodes import random_nodes
from pruning.baselines.result import PrunedWeights
from pruning.baselines.sampled_nodes import determinantal_nodes, leverage_nodes, volume_nodes
from pruning.baselines.single_weights import magnitude_weights, random_weights
from pruning.baselines.spectral import spectral
from pruning.baselines.taylor_nodes import taylor_nodes
from pruning.checks import choice
from pruning.covariance import Moments
from pruning.near_ties import prune_by_runs
from pruning.pruned_rnn import PrunedRNN
from pruning.rnn import RNN

BY_NODES = "nodes"
BY_PARAMETERS = "parameters"
BY_W_HIDDEN = "parameters of W_h"


@dataclass(frozen=True)
class Method:
    """A way to prune.

    Attributes
    ----------
    call : callable
        ``call(rnn, covariance_or_x, k, rng=None, ...)`` returns a PrunedRNN or a PrunedWeights.
    matched : str
        What it has in common with a network of k nodes: the count of nodes (and so of
        parameters), that of parameters in every block, or that in W_h, other blocks being whole.
    takes : tuple of str
        Which of the options theta, tau, data (x, y and targets), inputs (x and targets, no labels),
        weight (the balanced one) and training it has.
    draws : str
        Methods with the same word here draw the same nodes from the same rng; empty where nothing
        is drawn.
    in_paper : bool
        Whether the paper compares spectral pruning with it.
    version : int
        Raised whenever the same settings would give another network.
    refit : str
        ``read-out`` or ``closed-loop`` where the call has the option `refit` and this is its value:
        with None in its place it returns the network before the fit.
    """

    call: Callable[..., PrunedRNN | PrunedWeights]
    matched: str = BY_NODES
    takes: tuple[str, ...] = ()
    draws: str = ""
    in_paper: bool = False
    version: int = 1
    refit: str = ""


no_reconstruction = partial(spectral, reconstruct=False)
"""The greedy nodes of spectral pruning, with A the 0/1 embedding."""
balanced_exchanges = partial(balanced, method="exchange")
"""The set that single exchanges reach from the greedy one, with the balanced weight."""

_OBSERVED = ("tau", "inputs", "weight")

METHODS: dict[str, Method] = {
    "spectral": Method(spectral, takes=("theta", "tau")),
    "spectral, no reconstruction": Method(no_reconstruction, takes=("theta", "tau"), in_paper=True),
    "random nodes": Method(random_nodes, takes=("tau",), draws="nodes", in_paper=True),
    "random nodes, no reconstruction": Method(
        partial(random_nodes, reconstruct=False), draws="nodes", in_paper=True
    ),
    "magnitude nodes": Method(magnitude_nodes),
    "Taylor nodes": Method(taylor_nodes, takes=("data",), draws="sequences"),
    "pivoted QR": Method(pivoted_qr, takes=("tau",)),
    "leverage scores": Method(leverage_nodes, takes=("tau",), draws="leverage"),
    "determinantal": Method(determinantal_nodes, takes=("tau",), draws="determinantal"),
    "volume": Method(volume_nodes, takes=("tau",), draws="volume"),
    "balanced": Method(balanced, takes=_OBSERVED, draws="observed"),
    "balanced, read-out": Method(
        partial(balanced, refit="read-out"),
        takes=_OBSERVED,
        draws="observed",
        version=2,
        refit="read-out",
    ),
    "balanced, closed loop": Method(
        partial(balanced, refit="closed-loop"),
        takes=_OBSERVED,
        draws="observed",
        version=3,
        refit="closed-loop",
    ),
    "balanced, by runs": Method(
        prune_by_runs, takes=("tau", "inputs"), draws="observed", version=2
    ),
    "balanced, by runs, read-out": Method(
        partial(prune_by_runs, refit="read-out"),
        takes=("tau", "inputs"),
        draws="observed",
        version=3,
        refit="read-out",
    ),
    "balanced, by runs, closed loop": Method(
        partial(prune_by_runs, refit="closed-loop"),
        takes=("tau", "inputs"),
        draws="observed",
        version=3,
        refit="closed-loop",
    ),
    "exchanges, balanced": Method(balanced_exchanges, takes=_OBSERVED, draws="observed"),
    "pivoted QR, balanced": Method(balanced_pivoted_qr, takes=_OBSERVED, draws="observed"),
    "spectral, closed loop": Method(
        with_refit(spectral, "closed-loop"),
        takes=("tau", "inputs"),
        draws="observed",
        version=3,
        refit="closed-loop",
    ),
    "magnitude nodes, closed loop": Method(
        with_refit(partial(magnitude_nodes, reconstruct=True), "closed-loop"),
        takes=("tau", "inputs"),
        draws="observed",
        version=3,
        refit="closed-loop",
    ),
    "Taylor nodes, closed loop": Method(
        labelled_with_refit(partial(taylor_nodes, reconstruct=True), "closed-loop"),
        takes=("tau", "data"),
        draws="sequences",
        refit="closed-loop",
        version=2,
    ),
    "random weights": Method(random_weights, BY_PARAMETERS, draws="weights", in_paper=True),
    "magnitude weights": Method(magnitude_weights, BY_PARAMETERS, in_paper=True),
    "random weights of W_h": Method(
        partial(random_weights, blocks="w_hidden"), BY_W_HIDDEN, draws="weights"
    ),
    "magnitude weights of W_h": Method(partial(magnitude_weights, blocks="w_hidden"), BY_W_HIDDEN),
    "columns of W_h": Method(columns, BY_W_HIDDEN, in_paper=True),
    "low rank W_h": Method(low_rank, BY_W_HIDDEN, in_paper=True),
    "small network from scratch": Method(
        from_scratch, takes=("data", "training"), draws="scratch", in_paper=True
    ),
}


def prune_by(
    name: str,
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    **options: Any,
) -> PrunedRNN | PrunedWeights:
    """Prune to the size of k nodes by the method of this name, a key of `METHODS`."""
    method = METHODS[choice("name", name, METHODS)]
    return method.call(rnn, covariance_or_x, k, rng, **options)
