"""Activation functions and the constants that the theory asks of them (theory, section 0)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import expit

from pruning.checks import Array, real


@dataclass(frozen=True)
class Activation:
    """An elementwise function s with what sections 0, 3 and 4 of the theory need to know of it.

    Attributes
    ----------
    name : str
        The name by which `activation` finds it again; it is stored with a network.
    apply : callable
        ``apply(a, out=None)``: s(a), elementwise, in the dtype of `a`; written to `out` where it is
        given, which may be `a` itself.
    slope : callable
        ``slope(h, out=None)``: s'(a) from the output h = s(a), in the dtype of `h`, written to
        `out` where it is given; at the kink of ReLU and leaky ReLU, where s' does not exist, the
        slope from the left.
    lipschitz : float
        rho, the Lipschitz constant.
    bound : float
        sup |s|, infinite where s is unbounded.
    at_zero : float
        s(0). Claims that need s(0) = 0 refuse every other value.
    nondecreasing : bool
        Whether s never decreases, so that every secant has a slope >= 0. False where unknown.

    Raises
    ------
    ValueError
        If `apply` or `slope` cannot be called so, or does not write to `out`.

    Examples
    --------
    >>> from rnnbounds import Activation, activation
    >>> s = activation("tanh")
    >>> isinstance(s, Activation), s.lipschitz, s.bound, s.at_zero
    (True, 1.0, 1.0, 0.0)
    """

    name: str
    apply: Callable[..., Array]
    slope: Callable[..., Array]
    lipschitz: float
    bound: float
    at_zero: float
    nondecreasing: bool = False

    def __post_init__(self) -> None:
        _check_writes("apply", self.apply, in_place=True)
        _check_writes("slope", self.slope, in_place=False)

    def __reduce__(self) -> Any:
        # Networks travel to worker processes; their functions travel by name.
        try:
            known = activation(self.name) is self
        except ValueError:
            known = False
        return (activation, (self.name,)) if known else super().__reduce__()


def activation(name: str | Activation) -> Activation:
    """Return the activation of this name; the same object every time.

    Parameters
    ----------
    name : str
        ``relu``, ``tanh``, ``identity``, ``logistic``, ``leaky_relu`` (slope 0.01) or
        ``leaky_relu:SLOPE`` with a slope > 0.

    Raises
    ------
    ValueError
        If no activation has this name.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import activation
    >>> activation("relu").apply(np.array([-1.0, 2.0]))
    array([0., 2.])
    >>> activation("logistic").lipschitz
    0.25
    """
    if isinstance(name, Activation):
        return name
    if isinstance(name, str):
        if name in _FIXED:
            return _FIXED[name]
        if name.split(":")[0] == "leaky_relu":
            return _leaky_relu(name)
    known = [*_FIXED, "leaky_relu:SLOPE"]
    raise ValueError(f"activation must be one of {', '.join(known)}, got {name!r}")


def told_from(one: Activation, other: Activation) -> str:
    """Return the name of an activation, or what tells it from another of the same name."""
    return one.name if one.name != other.name else "another function of that name"


def _check_writes(name: str, function: Any, in_place: bool) -> None:
    """Refuse what leaves `out` as it was: recursions would go on from whatever lay there."""
    a = np.array([0.25, 0.5])
    outs = [np.full(2, np.nan), *([a.copy()] if in_place else [])]
    try:
        expected = function(a)
        for out in outs:
            function(a if np.isnan(out).any() else out, out=out)
    except TypeError as error:
        raise ValueError(f"{name} must be called as {name}(array, out=None), got {error}") from None
    if not all(np.array_equal(out, expected, equal_nan=True) for out in outs):
        raise ValueError(f"{name} must write its values to out where it is given, got {outs[-1]}")


def _relu(a: Array, out: Array | None = None) -> Array:
    return np.maximum(a, 0, out=out)


def _relu_slope(h: Array, out: Array | None = None) -> Array:
    # h >= 0, so its sign is the slope.
    return np.sign(h, out=out)


def _tanh_slope(h: Array, out: Array | None = None) -> Array:
    out = np.multiply(h, h, out=out)
    return np.subtract(1, out, out=out)


def _logistic_slope(h: Array, out: Array | None = None) -> Array:
    out = np.subtract(1, h, out=out)
    return np.multiply(out, h, out=out)


def _identity(a: Array, out: Array | None = None) -> Array:
    if out is None:
        return a.copy()
    if out is not a:
        out[...] = a
    return out


def _identity_slope(h: Array, out: Array | None = None) -> Array:
    if out is None:
        return np.ones_like(h)
    out[...] = 1
    return out


@lru_cache
def _leaky_relu(name: str) -> Activation:
    _, _, text = name.partition(":")
    slope = real("the slope of leaky_relu", text or "0.01")
    if slope <= 0:
        # With a slope <= 0 the output no longer tells the sign of the input.
        raise ValueError(f"the slope of leaky_relu must be positive, got {slope:g}")

    def apply(a: Array, out: Array | None = None) -> Array:
        return np.multiply(a, np.where(a > 0, a.dtype.type(1), a.dtype.type(slope)), out=out)

    def derivative(h: Array, out: Array | None = None) -> Array:
        if out is None:
            out = np.empty_like(h)
        out[...] = np.where(h > 0, h.dtype.type(1), h.dtype.type(slope))
        return out

    return Activation(name, apply, derivative, max(1.0, slope), math.inf, 0.0, True)


_FIXED = {
    "relu": Activation("relu", _relu, _relu_slope, 1.0, math.inf, 0.0, True),
    "tanh": Activation("tanh", np.tanh, _tanh_slope, 1.0, 1.0, 0.0, True),
    "identity": Activation("identity", _identity, _identity_slope, 1.0, math.inf, 0.0, True),
    "logistic": Activation("logistic", expit, _logistic_slope, 0.25, 1.0, 0.5, True),
}
