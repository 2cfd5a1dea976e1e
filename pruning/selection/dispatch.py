"""`select` and `select_nodes`: the checks, and the table of methods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import (
    Nodes,
    as_generator,
    choice,
    covariance_in_units,
    from_units,
    integer,
    positive,
    positive_in_units,
    ridge,
    ridge_in_units,
    unused,
    unused_tau,
)
from pruning.reconstruction import factored_weight
from pruning.selection.derandomised import certified_nodes, volume_nodes
from pruning.selection.determinantal import sample_determinantal, sample_volume
from pruning.selection.exchange import exchange_nodes
from pruning.selection.exhaustive import exhaustive_nodes
from pruning.selection.greedy import greedy_order
from pruning.selection.leverage import sample_leverage
from pruning.selection.selection import Request, Selection


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
        identity. For ``greedy``, ``exchange``, ``exhaustive`` and the derandomised
        ``determinantal`` with k None only.
    tau : float or (m,) array
        Regulariser >= 0, one value a node of S; None means 1e-8 Tr S/m. For ``greedy``,
        ``exchange`` and ``exhaustive`` only.
    lam : float
        > 0; needed by ``leverage``, and by ``determinantal`` when k is None. For these only.
    rng : numpy Generator or seed
        For the methods that draw; others leave it as it is, so that one call serves them all.

    Returns
    -------
    (k,) integer array
        Distinct nodes in increasing order.

    Raises
    ------
    ValueError
        For bad input, for a weight, a tau that is not 0 or a lam that the method does not look
        at, and for an exhaustive search over too many sets.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import select_nodes
    >>> S = np.array([[4.0, 4.0, 0.0], [4.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    >>> select_nodes(S, 2)
    array([0, 2])
    """
    name = choice("method", method, METHODS)
    if "tau" not in looked_at(name, k is None, rng is not None):
        unused_tau(tau, f"the method {name!r}")
    return select(S, k, name, weight, tau, lam, rng).nodes


def looked_at(method: str, own_size: bool = False, drawn: bool = False) -> tuple[str, ...]:
    """Return which of weight, tau and lam the choice of a method depends on.

    Parameters
    ----------
    method : str
        A key of `METHODS`.
    own_size : bool
        k is None.
    drawn : bool
        A generator is given.
    """
    if method in WEIGHTED:
        return ("weight", "tau")
    if method == "determinantal" and own_size:
        return ("lam",) if drawn else ("lam", "weight")
    return ("lam",) if method == "leverage" else ()


def select(
    S: ArrayLike,
    k: int | None,
    method: str = "greedy",
    weight: ArrayLike | None = None,
    tau: ArrayLike | None = None,
    lam: float | None = None,
    rng: np.random.Generator | int | None = None,
    theta: float | None = None,
) -> Selection:
    """Choose the nodes to keep, and say with which regulariser they are reconstructed.

    Parameters
    ----------
    S, k, method, weight, lam, rng
        As in `select_nodes`.
    tau : float or (m,) array, optional
        As there; None means 1e-8 Tr S/m, and the merged tau of the draws with ``leverage``.
    theta : float, optional
        What `weight` was made with; the answer has it where the method looked at the weight.
    """
    name = choice("method", method, METHODS)
    looked = looked_at(name, k is None, rng is not None)
    with_k = " with k" if name == "determinantal" and k is not None else ""
    drawn = " with rng" if name == "determinantal" and not with_k and rng is not None else ""
    for option, value in {"weight": weight, "lam": lam}.items():
        if option not in looked:
            unused(option, value, f"the method {name!r}{with_k}{drawn}")
    S, unit_S, exponent = covariance_in_units("S", S)
    m = len(S)
    if k is not None:
        k = integer("k", k, low=0, high=m)
    generator = None if rng is None else as_generator("rng", rng)
    M, L = (None, None) if weight is None else factored_weight(weight, m)
    # Nothing that is chosen depends on units, and in these no square is beyond floats.
    all_tau = ridge("tau", tau, m, S)
    if lam is not None:
        lam = positive_in_units(positive("lam", lam), exponent)
    asked = Request(
        method=name,
        S=unit_S,
        k=k,
        weight=M,
        factor=L,
        tau=ridge_in_units(all_tau, exponent),
        all_tau=all_tau,
        own_tau=tau is None,
        exponent=exponent,
        lam=lam,
        rng=generator,
        theta=theta,
    )
    return METHODS[name](asked)


def _greedy(asked: Request) -> Selection:
    return asked.by_objective(
        greedy_order(asked.S, asked.size(), asked.weight, asked.tau, asked.factor)
    )


def _exchange(asked: Request) -> Selection:
    return asked.by_objective(exchange_nodes(asked.S, asked.size(), asked.weight, asked.tau))


def _exhaustive(asked: Request) -> Selection:
    return asked.by_objective(exhaustive_nodes(asked.S, asked.size(), asked.weight, asked.tau))


def _leverage(asked: Request) -> Selection:
    if asked.lam is None:
        raise ValueError("lam must be given for the method 'leverage', got None")
    nodes, merged = sample_leverage(asked.S, asked.lam, asked.size(), asked.rng)
    if asked.own_tau:
        return Selection(nodes, from_units(merged, asked.exponent))
    return asked.without_objective(nodes)


def _determinantal(asked: Request) -> Selection:
    if asked.k is not None:
        return _volume(asked)
    if asked.lam is None:
        raise ValueError("lam must be given for the method 'determinantal' without k, got None")
    if asked.rng is None:
        nodes = certified_nodes(asked.S, asked.lam, asked.weight).nodes
    else:
        nodes = sample_determinantal(asked.S, asked.lam, asked.rng)
    return asked.without_objective(nodes)


def _volume(asked: Request) -> Selection:
    if asked.rng is None:
        return asked.without_objective(volume_nodes(asked.S, asked.size()))
    return asked.without_objective(sample_volume(asked.S, asked.size(), asked.rng))


WEIGHTED = ("greedy", "exchange", "exhaustive")
"""The methods that choose by the objective Tr[weight C]; a selection by them has its theta."""

METHODS: dict[str, Callable[[Request], Selection]] = {
    "greedy": _greedy,
    "exchange": _exchange,
    "exhaustive": _exhaustive,
    "leverage": _leverage,
    "determinantal": _determinantal,
    "volume": _volume,
}
