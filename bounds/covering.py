r"""Covering numbers (theory, section 5).

All covers here are internal: their centres lie in the class, as `lipschitz.parameters` needs both
networks in it. Radii eps are passed as logarithms, since they are compared with Lipschitz constants
that may be 10^373; covering numbers are returned as logarithms and rounded up.

`covering.maurey` is not used for classes: in the norm of its own ball it never beats the volume.
Let W be d_out x d_in with p entries, in a Frobenius or spectral ball of radius R, and eps < R.
||X W^T||_F is at least the norm of W for every W only where X^T X >= I (take W of rank one), so
b^2 >= d_in; and W with d_out equal rows of norm R/sqrt(d_out) has a = sqrt(d_out) R. With x = R/eps
> 1 Maurey's logarithm is thus at least ceil(p x^2) log(2 p), which exceeds p log(1 + 2 x). For
p >= 2 since x^2 log 4 > log(1 + 2 x) at x = 1, and it grows faster. For p = 1 since, with j the
integer in j - 1 < x^2 <= j, j >= 2, 2^j > 1 + 2 sqrt(j). On the inputs of a sample, with
||X||_F far below sqrt(d_in) ||X||_2, it can be smaller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bounds.lipschitz import (
    BLOCKS,
    ParameterLipschitz,
    Radii,
    block_sizes,
    parameter_lipschitz,
)
from bounds.rounding import Upward, lowered, raised, roundings
from pruning.activations import Activation
from pruning.checks import Array, Nodes, choice, integer, nonnegative, positive, real_array

LogCovering = Callable[[Array], Array]
"""log eps -> an upper bound on log N(eps), elementwise and nonincreasing."""

SPLITS = ("equal", "minimising")
METRICS = ("loss", "supremum", "weighted")


def ball_covering(p: int, eps: float) -> tuple[float, float]:
    """Return bounds on log N(eps) for the unit ball of any norm on R^p (`covering.ball`).

    p log(1/eps) <= log N(eps) <= p log(1 + 2/eps), and 0 from eps = 1 on (the centre alone).

    Returns
    -------
    lower, upper : float
        The lower one rounded down and at least 0, the upper one rounded up.

    Examples
    --------
    >>> from rnnbounds import ball_covering
    >>> lower, upper = ball_covering(2, eps=0.5)  # of the disc, by discs of half its radius
    >>> round(lower, 4), round(upper, 4)
    (1.3863, 3.2189)
    """
    integer("p", p, 0)
    positive("eps", eps)
    if eps >= 1 or p == 0:
        return 0.0, 0.0
    lower = lowered(-p * math.log(eps), 3)
    log_eps = math.log(eps)
    upper = p * float(log1p_exp_up(np.array(math.log(2) - log_eps), 2 + abs(log_eps)))
    return max(lower, 0.0), raised(upper, 2)


@dataclass(frozen=True)
class ClassCover:
    """log N(eps) of a class of networks, as a function of log eps (`covering.class`).

    sum over blocks of p log(1 + 2 R L/(a eps)), with a > 0 summing to at most 1 over the blocks
    with R L > 0. Calling it returns the upper bound.

    Attributes
    ----------
    names : tuple of str
        Blocks with R L > 0.
    sizes : (b,) array
        p_theta.
    log_reach : (b,) array
        log(R_theta L_theta), rounded up.
    split : str
        ``equal`` (F22, reconstructed) or ``minimising``.
    """

    names: tuple[str, ...]
    sizes: Array
    log_reach: Array
    split: str = "minimising"

    def __call__(self, log_eps: ArrayLike) -> Array:
        """Return log N(eps), rounded up, elementwise for an array of log eps."""
        log_eps = np.asarray(log_eps, dtype=np.float64)
        if not self.names:
            return np.zeros(log_eps.shape)
        shares = self.shares(log_eps)
        total = np.zeros(log_eps.shape)
        for size, reach, share in zip(self.sizes, self.log_reach, shares):
            logs = math.log(2) + reach - log_eps - np.log(share)
            magnitude = 1 + abs(reach) + np.abs(log_eps) + np.abs(np.log(share))
            total += size * log1p_exp_up(logs, magnitude)
        return raised(total, 2 * (len(self.names) + 1))

    def shares(self, log_eps: ArrayLike) -> Array:
        """Return the split a_theta, shape (b, ...): positive, and its exact sum at most 1."""
        log_eps = np.asarray(log_eps, dtype=np.float64)
        b = len(self.names)
        if self.split == "equal":
            # 1/b may round up, and b of them would then exceed 1.
            return np.full((b, *log_eps.shape), lowered(1.0, 2) / b)
        return minimising_split(self.sizes, math.log(2) + _column(self.log_reach, log_eps), log_eps)


def minimising_split(sizes: Array, log_numerators: Array, log_eps: Array) -> Array:
    """Return the a > 0, sum a = 1, that minimises sum p log(1 + c/a), c = numerator/eps.

    The Lagrange condition p c/(a (a + c)) = nu gives a = (-c + sqrt(c^2 + 4 p c/nu))/2, here as
    a = (2 p/nu)/(1 + sqrt(1 + 4 p/(nu c))), which does not cancel. sum a decreases in nu, which a
    bisection in log nu finds; the shares are then scaled so that their exact sum is at most 1.
    Any such shares give a valid cover: an inaccurate nu costs size, never validity.

    Parameters
    ----------
    sizes : (b,) array
        p, positive.
    log_numerators : (b, ...) array
        log(2 R L), finite.
    log_eps : (...) array
        log eps.
    """
    p = _column(np.log(sizes), log_eps)
    log_c = log_numerators - log_eps
    b = len(sizes)
    # min(p/nu, sqrt(p c/nu))/2 <= a <= min(p/nu, sqrt(p c/nu)) brackets nu within a factor 4 b^2.
    low = np.max(np.minimum(p, p + log_c), axis=0) - math.log(4)
    high = np.max(np.minimum(p + math.log(b), p + log_c + 2 * math.log(b)), axis=0)
    for _ in range(30):
        middle = (low + high) / 2
        too_large = _total_share(p, log_c, middle) > 1
        low = np.where(too_large, middle, low)
        high = np.where(too_large, high, middle)
    shares = np.exp(np.maximum(_log_shares(p, log_c, high), -600.0))
    result: Array = shares / raised(shares.sum(axis=0), 4 * len(sizes))
    return result


def class_cover(
    radii: Radii,
    T: int,
    s: str | Activation,
    k: int,
    d_x: int,
    d_y: int,
    *,
    metric: str = "loss",
    weights: ArrayLike | str = "mean",
    loss_lipschitz: Upward | float = 1.0,
    split: str = "minimising",
    constants: ParameterLipschitz | None = None,
) -> ClassCover:
    """Return the cover of section 5 for the class F(k; R) or its loss class.

    Parameters
    ----------
    radii, T, s, k
        The class and the number of steps.
    d_x, d_y : int
        Dimensions of an input and of a prediction.
    metric : str
        Which L enters. ``loss``: rho_psi sum_t w_t L_{theta,t}, for the loss class in sup norm or
        L2(P_n). ``supremum``: L_{theta,T}, for the supremum over X and t of ||f_t - f'_t||.
        ``weighted``: sqrt(sum_t w_t L_{theta,t}^2), for F in the norm ||.||_{n,w}.
    weights : array (T,) or str
        Time weights, ``mean`` or ``last``.
    loss_lipschitz : Upward or float
        rho_psi; used by the metric ``loss`` only.
    split : str
        ``equal`` or ``minimising``.
    constants : ParameterLipschitz, optional
        What `parameter_lipschitz` returned for the same class, to save computing it again.

    Examples
    --------
    >>> from rnnbounds import Radii, class_cover
    >>> radii = Radii(hidden=0.5, input=1.0, output=1.0, bias_hidden=0.0, bias_output=0.0, data=1.0)
    >>> cover = class_cover(radii, T=3, s="relu", k=2, d_x=1, d_y=1)
    >>> cover.names, float(cover(0.0)) < float(cover(-1.0))
    (('hidden', 'input', 'output'), True)
    """
    choice("metric", metric, METRICS)
    choice("split", split, SPLITS)
    constants = constants or parameter_lipschitz(radii, T, s, k)
    if metric == "loss":
        scale = loss_lipschitz if isinstance(loss_lipschitz, Upward) else Upward(loss_lipschitz)
        lipschitz = {name: L * scale for name, L in constants.mean(weights).items()}
    elif metric == "supremum":
        lipschitz = constants.at(T)
    else:
        lipschitz = constants.root_mean_square(weights)
    return cover_of_blocks(
        block_sizes(k, d_x, d_y),
        {name: lipschitz[name] * radii.ball(name) for name in BLOCKS},
        split,
    )


def cover_of_blocks(
    sizes: Mapping[str, int], reach: Mapping[str, Upward], split: str = "minimising"
) -> ClassCover:
    """Return the cover for blocks with p_theta entries and R_theta L_theta = reach."""
    choice("split", split, SPLITS)
    names = tuple(name for name in reach if sizes[name] and reach[name].mantissa)
    return ClassCover(
        names,
        np.array([float(sizes[name]) for name in names]),
        np.array([reach[name].log() for name in names]),
        split,
    )


def maurey(a: float, b: float, eps: float, d_in: int, d_out: int) -> float:
    """Return ceil(a^2 b^2/eps^2) log(2 d_in d_out) (`covering.maurey`; BFT17 Lemma 3.2).

    It bounds log N of {X A: ||A||_{2,1} <= a}, ||X||_F <= b, in the unnormalised Frobenius norm on
    the sample. For h = W x take A = W^T: ||A||_{2,1} is the sum of the row 2-norms of W.

    Examples
    --------
    >>> from rnnbounds import maurey
    >>> round(maurey(1.0, 2.0, 0.5, 3, 3), 3)
    46.246
    """
    nonnegative("a", a)
    nonnegative("b", b)
    positive("eps", eps)
    integer("d_in", d_in, 1)
    integer("d_out", d_out, 1)
    ratio = Upward(a) * b / eps
    squared = ratio * ratio
    if squared.exponent > 800:
        return math.inf
    # The ceiling, exactly: -(-x >> e) is ceil(x/2^e).
    shift = squared.exponent
    count = squared.mantissa << shift if shift >= 0 else -(-squared.mantissa >> -shift)
    return raised(float(count) * math.log(2 * d_in * d_out))


def greedy_net(points: ArrayLike, eps: float) -> Nodes:
    """Return indices of an internal eps-net of points (N, d), built greedily.

    The point farthest from the net so far is added until none is farther than eps. The net is
    eps-separated, so that its size lies between the covering number at eps and the packing number
    (`covering.construct`).

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import greedy_net
    >>> greedy_net(np.array([[0.0], [0.1], [1.0], [1.1]]), eps=0.5)
    array([0, 3])
    """
    cloud = real_array("points", points, (None, None))
    nonnegative("eps", eps)
    if not len(cloud):
        return np.zeros(0, dtype=np.int64)
    chosen = [0]
    distance = np.linalg.norm(cloud - cloud[0], axis=1)
    while distance.max() > eps:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(cloud - cloud[chosen[-1]], axis=1))
    return np.sort(np.array(chosen, dtype=np.int64))


def log1p_exp_up(logs: Array, magnitude: Array | float) -> Array:
    """log(1 + exp(logs)), rounded up, for `logs` off by at most a few eps times `magnitude`."""
    return raised(np.logaddexp(0.0, logs + roundings(16, np.asarray(magnitude))), 8)


def _total_share(p: Array, log_c: Array, log_nu: Array) -> Array:
    result: Array = np.exp(_log_shares(p, log_c, log_nu)).sum(axis=0)
    return result


def _log_shares(p: Array, log_c: Array, log_nu: Array) -> Array:
    root = np.logaddexp(0.0, math.log(4) + p - log_nu - log_c) / 2
    return math.log(2) + p - log_nu - np.logaddexp(0.0, root)


def _column(values: Array, like: Array) -> Array:
    return np.asarray(values).reshape(-1, *([1] * np.ndim(like)))
