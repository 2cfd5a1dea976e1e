"""`select_nodes`: the checks, and the table of methods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, Nodes, choice, covariance, integer, ridge
from pruning.reconstruction import weight_matrix
from pruning.selection.derandomised import certified_nodes, volume_nodes
from pruning.selection.determinantal import sample_determinantal, sample_volume
from pruning.selection.exhaustive import exhaustive_nodes
from pruning.selection.greedy import greedy_order
from pruning.selection.leverage import sample_leverage

Method = Callable[
    [Array, int | None, Array | None, Array, float | None, np.random.Generator | None], Nodes
]


def select_nodes(
    S: ArrayLike,
    k: int | None,
    method: str = "greedy",
    weight: ArrayLike | None = None,
    tau: ArrayLike | None = 0.0,
    lam: float | None = None,
    rng: np.random.Generator | int | None = None,
) -> Nodes:
    """Choose the nodes to keep.

    Parameters
    ----------
    S : (m, m) array
        Time-mean covariance of the hidden states, symmetric positive semidefinite.
    k : int or None
        How many, 0..m. None only for a method that draws its own size from lam.
    method : str
        ``greedy`` (theory section 1; F22), ``exhaustive`` (every set, small m only),
        ``leverage`` (section 2a: k draws with replacement, so the result may be smaller than k;
        `sample_leverage` gives the merged tau with it), ``determinantal`` (section 2b: with k None
        the size follows from lam; with k it is volume sampling) or ``volume`` (section 2c). The
        last two draw when rng is given; without it they are derandomised, so that the guarantee
        that they have on average holds for the very set returned (`certified_nodes`).
    weight : (m, m) array, optional
        M of the objective Tr[M C], fixed and symmetric positive semidefinite; None is the
        identity. Used by ``greedy`` and ``exhaustive`` only.
    tau : float or (m,) array
        Regulariser >= 0, one value a node of S; None means 1e-8 Tr S/m. Used by ``greedy``
        and ``exhaustive`` only.
    lam : float
        > 0; needed by ``leverage``, and by ``determinantal`` when k is None.
    rng : numpy Generator or seed
        For the methods that draw.

    Returns
    -------
    (k,) integer array
        Distinct nodes in increasing order.

    Raises
    ------
    ValueError
        For bad input, and for an exhaustive search over too many sets.
    """
    name = choice("method", method, METHODS)
    S = covariance("S", S)
    m = len(S)
    if k is not None:
        k = integer("k", k, low=0, high=m)
    generator = None if rng is None else np.random.default_rng(rng)
    M = None if weight is None else weight_matrix(weight, m)
    nodes = METHODS[name](S, k, M, ridge("tau", tau, m, S), lam, generator)
    return np.sort(nodes)


def _greedy(
    S: Array,
    k: int | None,
    weight: Array | None,
    tau: Array,
    lam: float | None,
    rng: np.random.Generator | None,
) -> Nodes:
    return greedy_order(S, _given(k, "greedy"), weight, tau)


def _exhaustive(
    S: Array,
    k: int | None,
    weight: Array | None,
    tau: Array,
    lam: float | None,
    rng: np.random.Generator | None,
) -> Nodes:
    return exhaustive_nodes(S, _given(k, "exhaustive"), weight, tau)


def _leverage(
    S: Array,
    k: int | None,
    weight: Array | None,
    tau: Array,
    lam: float | None,
    rng: np.random.Generator | None,
) -> Nodes:
    if lam is None:
        raise ValueError("lam must be given for the method 'leverage', got None")
    return sample_leverage(S, lam, _given(k, "leverage"), rng)[0]


def _determinantal(
    S: Array,
    k: int | None,
    weight: Array | None,
    tau: Array,
    lam: float | None,
    rng: np.random.Generator | None,
) -> Nodes:
    if k is not None:
        return _volume(S, k, weight, tau, lam, rng)
    if lam is None:
        raise ValueError("lam must be given for the method 'determinantal' without k, got None")
    return certified_nodes(S, lam).nodes if rng is None else sample_determinantal(S, lam, rng)


def _volume(
    S: Array,
    k: int | None,
    weight: Array | None,
    tau: Array,
    lam: float | None,
    rng: np.random.Generator | None,
) -> Nodes:
    size = _given(k, "volume")
    return volume_nodes(S, size) if rng is None else sample_volume(S, size, rng)


def _given(k: int | None, method: str) -> int:
    if k is None:
        raise ValueError(f"k must be given for the method {method!r}, got None")
    return k


METHODS: dict[str, Method] = {
    "greedy": _greedy,
    "exhaustive": _exhaustive,
    "leverage": _leverage,
    "determinantal": _determinantal,
    "volume": _volume,
}
