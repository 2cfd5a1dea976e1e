"""Losses and their gradients (theory, sections 4 and 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, Targets, choice, positive, real_array

LOSSES = ("squared", "cross_entropy", "margin_ramp")


def loss_values(name: str, predictions: ArrayLike, y: ArrayLike, gamma: float = 1.0) -> Array:
    """Return the loss of every prediction.

    Parameters
    ----------
    name : {"squared", "cross_entropy", "margin_ramp", "zero_one"}
        With f a prediction and mu = f_y - max_{j != y} f_j its margin:
        squared is (1/2)||y - f||^2; cross_entropy is log sum_j exp(f_j) - f_y; margin_ramp is 1
        for mu <= 0, 1 - mu/gamma between and 0 for mu >= gamma; zero_one is 1 for mu <= 0 (ties
        are errors) and 0 otherwise.
    predictions : (..., d_y) array
    y : (...) integer array of classes in 0..d_y-1, or (..., d_y) floats for the squared loss
        With d_y = 1 the two margin losses read y in {-1, 1} and mu = y f.
    gamma : float
        Margin of the ramp, > 0.

    Returns
    -------
    (...) array

    Raises
    ------
    ValueError
        If the name is unknown, or y does not fit the predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import loss_values
    >>> f = np.array([[2.0, 0.0], [0.25, 0.0]])
    >>> loss_values("margin_ramp", f, np.array([0, 0]), gamma=1.0)
    array([0.  , 0.75])
    >>> loss_values("zero_one", f, np.array([0, 1]))
    array([0., 1.])
    """
    choice("loss", name, (*LOSSES, "zero_one"))
    f = real_array("predictions", predictions)
    if f.ndim == 0 or f.shape[-1] == 0:
        raise ValueError(f"predictions must have shape (..., d_y) with d_y >= 1, got {f.shape}")
    gamma = positive("gamma", gamma)
    target = check_targets(name, y, f.shape)
    if name == "squared":
        result: Array = 0.5 * np.square(f - target).sum(axis=-1)
        return result
    if name == "cross_entropy":
        return _cross_entropy(f, target)[0]
    mu = _margins(f, target)[0]
    if name == "zero_one":
        return (mu <= 0).astype(np.float64)
    return np.clip(1 - mu / gamma, 0, 1)


def margins(predictions: ArrayLike, y: ArrayLike) -> Array:
    """Return f_y - max_{j != y} f_j, or y f where d_y = 1; a margin <= 0 is an error.

    Parameters
    ----------
    predictions : (..., d_y) array
    y : (...) integer array, see `loss_values`

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import margins
    >>> margins(np.array([[2.0, 0.5, 0.0], [1.0, 3.0, 0.0]]), np.array([0, 0]))
    array([ 1.5, -2. ])
    """
    f = real_array("predictions", predictions)
    if f.ndim == 0 or f.shape[-1] == 0:
        raise ValueError(f"predictions must have shape (..., d_y) with d_y >= 1, got {f.shape}")
    return _margins(f, check_targets("zero_one", y, f.shape))[0]


def check_targets(name: str, y: ArrayLike, shape: tuple[int, ...]) -> Targets:
    """Return y as the loss needs it for predictions of this shape (..., d_y)."""
    d_y = shape[-1]
    if name == "squared":
        return real_array("y", y, shape)
    array = np.asarray(y)
    if array.dtype.kind not in "iu":
        raise ValueError(f"y must hold integer classes for the loss {name}, got {array.dtype}")
    if array.shape != shape[:-1]:
        raise ValueError(f"y must have shape {shape[:-1]}, got {array.shape}")
    if name != "cross_entropy" and d_y == 1:
        if array.size and not np.isin(array, (-1, 1)).all():
            raise ValueError("y must be -1 or 1 for a margin loss with d_y = 1")
    elif array.size and (array.min() < 0 or array.max() >= d_y):
        bad = int(array.min() if array.min() < 0 else array.max())
        raise ValueError(f"classes in y must lie in 0..{d_y - 1}, got {bad}")
    return array.astype(np.int64, copy=False)


def value_and_gradient(name: str, f: Array, y: Targets, gamma: float) -> tuple[Array, Array]:
    """Return the losses (N,) of predictions f (N, d_y), and their gradients in f, (N, d_y).

    Trusts its input. The margin ramp has kinks at mu = 0 and mu = gamma and where two rivals tie:
    there, one of its one-sided derivatives.
    """
    if name == "squared":
        gradient = f - y
        return 0.5 * np.einsum("ij,ij->i", gradient, gradient), gradient
    rows = np.arange(len(f))
    if name == "cross_entropy":
        values, gradient = _cross_entropy(f, y)
        gradient[rows, y] -= 1
        return values, gradient
    mu, rival = _margins(f, y)
    inside = ((mu > 0) & (mu < gamma)) / f.dtype.type(gamma)
    gradient = np.zeros_like(f)
    if f.shape[-1] == 1:
        gradient[:, 0] = -inside * y
    else:
        gradient[rows, y] = -inside
        gradient[rows, rival] = inside
    return np.clip(1 - mu / f.dtype.type(gamma), 0, 1), gradient


def _cross_entropy(f: Array, y: Targets) -> tuple[Array, Array]:
    """Losses, and the softmax."""
    shifted = f - f.max(axis=-1, keepdims=True)
    at_y = np.take_along_axis(shifted, y[..., None], axis=-1)[..., 0]
    softmax = np.exp(shifted)
    total = softmax.sum(axis=-1)
    softmax /= total[..., None]
    return np.log(total) - at_y, softmax


def _margins(f: Array, y: Targets) -> tuple[Array, Any]:
    """Margins, and the class of the strongest rival (None where d_y = 1)."""
    if f.shape[-1] == 1:
        return y.astype(f.dtype) * f[..., 0], None
    own = np.take_along_axis(f, y[..., None], axis=-1)[..., 0]
    others = f.copy()
    np.put_along_axis(others, y[..., None], -np.inf, axis=-1)
    rival = others.argmax(axis=-1)
    return own - np.take_along_axis(others, rival[..., None], axis=-1)[..., 0], rival
