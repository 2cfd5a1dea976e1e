"""`select_nodes`: the checks, and the table of methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import (
    Array,
    Nodes,
    choice,
    covariance,
    in_units,
    integer,
    positive,
    ridge,
    unit_exponent,
)
from pruning.reconstruction import weight_matrix
from pruning.selection.derandomised import certified_nodes, volume_nodes
from pruning.selection.determinantal import sample_determinantal, sample_volume
from pruning.selection.exchange import exchange_nodes
from pruning.selection.exhaustive import exhaustive_nodes
from pruning.selection.greedy import greedy_order
from pruning.selection.leverage import sample_leverage


@dataclass(frozen=True)
class Request:
    """The checked arguments of `select_nodes`."""

    method: str
    S: Array
    k: int | None
    weight: Array | None
    tau: Array
    lam: float | None
    rng: np.random.Generator | None

    def size(self) -> int:
        """Return k, which this method needs."""
        if self.k is None:
            raise ValueError(f"k must be given for the method {self.method!r}, got None")
        return self.k


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
        ``greedy`` (theory section 1; F22), ``exchange`` (single exchanges from the greedy set
        until none helps), ``exhaustive`` (every set, small m only),
        ``leverage`` (section 2a: k draws with replacement, so the result may be smaller than k;
        `sample_leverage` gives the merged tau with it), ``determinantal`` (section 2b: with k None
        the size follows from lam; with k it is volume sampling) or ``volume`` (section 2c). The
        last two draw when rng is given; without it they are derandomised, so that the guarantee
        that they have on average holds for the very set returned (`certified_nodes`).
    weight : (m, m) array, optional
        M of the objective Tr[M C], fixed and symmetric positive semidefinite; None is the
        identity. Used by ``greedy``, ``exchange``, ``exhaustive`` and the derandomised
        ``determinantal`` only.
    tau : float or (m,) array
        Regulariser >= 0, one value a node of S; None means 1e-8 Tr S/m. Used by ``greedy``,
        ``exchange`` and ``exhaustive`` only.
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
    # Nothing that is chosen depends on units, and in these no square is beyond floats.
    exponent = unit_exponent(S)
    unit_tau = in_units(ridge("tau", tau, m, S), exponent)
    if lam is not None:
        lam = float(in_units(np.array(positive("lam", lam)), exponent))
    if M is not None:
        M = in_units(M, unit_exponent(M))
    asked = Request(name, in_units(S, exponent), k, M, unit_tau, lam, generator)
    return np.sort(METHODS[name](asked))


def _greedy(asked: Request) -> Nodes:
    return greedy_order(asked.S, asked.size(), asked.weight, asked.tau)


def _exchange(asked: Request) -> Nodes:
    return exchange_nodes(asked.S, asked.size(), asked.weight, asked.tau)


def _exhaustive(asked: Request) -> Nodes:
    return exhaustive_nodes(asked.S, asked.size(), asked.weight, asked.tau)


def _leverage(asked: Request) -> Nodes:
    if asked.lam is None:
        raise ValueError("lam must be given for the method 'leverage', got None")
    return sample_leverage(asked.S, asked.lam, asked.size(), asked.rng)[0]


def _determinantal(asked: Request) -> Nodes:
    if asked.k is not None:
        return _volume(asked)
    if asked.lam is None:
        raise ValueError("lam must be given for the method 'determinantal' without k, got None")
    if asked.rng is None:
        return certified_nodes(asked.S, asked.lam, asked.weight).nodes
    return sample_determinantal(asked.S, asked.lam, asked.rng)


def _volume(asked: Request) -> Nodes:
    if asked.rng is None:
        return volume_nodes(asked.S, asked.size())
    return sample_volume(asked.S, asked.size(), asked.rng)


WEIGHTED = ("greedy", "exchange", "exhaustive")
"""The methods that choose by the objective Tr[weight C]."""

METHODS: dict[str, Callable[[Request], Nodes]] = {
    "greedy": _greedy,
    "exchange": _exchange,
    "exhaustive": _exhaustive,
    "leverage": _leverage,
    "determinantal": _determinantal,
    "volume": _volume,
}
