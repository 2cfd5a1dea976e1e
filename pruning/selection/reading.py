"""The fixed weight of the selection's objective, from what reads the states (theory, section 1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pruning.checks import Array, fraction, unused

THETA = 0.5
"""Where none is given."""


def given_theta(theta: float | None, beside: str = "", name: str = "theta") -> float:
    """Return theta, or `THETA` for None.

    Raises
    ------
    ValueError
        If one is given that lies outside [0, 1], or beside what leaves it without effect.
    """
    if theta is None:
        return THETA
    theta = fraction(name, theta)
    if beside:
        unused(name, theta, beside)
    return theta


def reading_weight(blocks: Sequence[Array], theta: float, normalise: bool = True) -> Array:
    """Return M = theta I + (1 - theta) Z^T Z of the objective Tr[M C], shape (m, m).

    Parameters
    ----------
    blocks : sequence of (rows, m) arrays
        What reads the states: their rows make up Z. All of them, not those of kept nodes only: M
        would move with J, and the objective could grow when a node is added
        (`selection.monotone`).
    theta : float
        In [0, 1].
    normalise : bool
        Scale each block by its Frobenius norm, and bring both parts to trace 1. Otherwise raw.

    Notes
    -----
    Source: F22 (reconstructed), theory section 1.
    """
    theta = fraction("theta", theta)
    if normalise:
        blocks = [_of_size_one(block) for block in blocks]
    Z = np.vstack(blocks)
    m = Z.shape[1]
    identity, output = np.eye(m), Z.T @ Z
    if normalise and m:
        identity /= m
        output /= np.trace(output) or 1.0
    return theta * identity + (1 - theta) * output


def _of_size_one(block: Array) -> Array:
    """The block over its Frobenius norm; in units in which squares neither overflow nor vanish."""
    largest = np.abs(block).max(initial=0.0)
    if largest > 0:
        block = np.ldexp(block, -int(np.frexp(largest)[1]))
    result: Array = block / (np.linalg.norm(block) or 1.0)
    return result
