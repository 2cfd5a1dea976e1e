"""The table of rival methods; a new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pruning.baselines.no_reconstruction import no_reconstruction
from pruning.baselines.random_nodes import random_nodes
from pruning.checks import choice
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN

BASELINES: dict[str, Callable[..., PrunedRNN]] = {
    "random nodes": random_nodes,
    "random nodes, no reconstruction": partial(random_nodes, reconstruct=False),
    "no reconstruction": no_reconstruction,
}


def prune_by(
    name: str,
    rnn: RNN,
    covariance_or_x: Any,
    k: int,
    rng: np.random.Generator | int | None = None,
    **options: Any,
) -> PrunedRNN:
    """Prune to k nodes by the rival method of this name, a key of `BASELINES`."""
    return BASELINES[choice("name", name, BASELINES)](rnn, covariance_or_x, k, rng, **options)
