"""Linear images of the large network's states: what a fitted small network is compared with.

Theory, section 11, `approximation.comparator`: c_t = B_t (h_t, 1), each B_t the least-squares fit
of the small network's states of step t. Where the columns are as many as the sequences the images
pass through every state, c_t = h'_t: then all is in q_t, which is the error itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bounds.terms import Bound, violated
from pruning.checks import Array

_RANK = 1e-12  # of the second moments: directions below this share are rounding


class ImageSums:
    """Second moments of (z_t, y_t), by batches of sequences, for fits of y_t by B_t z_t.

    Parameters
    ----------
    T, width, k : int
        Steps; entries of z_t and of y_t.
    """

    def __init__(self, T: int, width: int, k: int) -> None:
        self._gram, self._cross = np.zeros((T, width, width)), np.zeros((T, width, k))
        self.n = 0

    def add(self, z: Array, y: Array) -> None:
        """Add z (T, n, width) and y (T, n, k)."""
        across = z.transpose(0, 2, 1)
        self._gram += across @ z
        self._cross += across @ y
        self.n += z.shape[1]

    def maps(self) -> tuple[Array, int]:
        """B_t^T of every step, (T, width, k), and the largest rank of the second moments.

        Raises
        ------
        FloatingPointError
            If they are beyond the range of floats.
        """
        if not (np.isfinite(self._gram).all() and np.isfinite(self._cross).all()):
            raise FloatingPointError("second moments beyond the range of floats")
        scale = np.sqrt(np.diagonal(self._gram, axis1=1, axis2=2))
        scale = np.where(scale > 0, scale, 1)
        mu, U = np.linalg.eigh(self._gram / scale[:, :, None] / scale[:, None, :])
        along = U.transpose(0, 2, 1) @ (self._cross / scale[:, :, None])
        seen = mu > _RANK * mu[:, -1:]
        along *= np.where(seen, 1 / np.where(seen, mu, 1), 0)[:, :, None]
        return np.asarray((U @ along) / scale[:, :, None]), int(seen.sum(axis=1).max())


def with_one(h: Array) -> Array:
    """(h, 1) along the last axis."""
    return np.concatenate([h, np.ones((*h.shape[:-1], 1))], axis=-1)


def unless_through_all(bound: Bound, rank: int, n: int) -> Bound:
    """The bound; labelled as none where images of this rank fit n sequences without remainder."""
    if n > rank:
        return bound
    return replace(
        bound,
        label=violated(f"more than {rank} sequences, the rank of what the images are fitted on"),
        notes=(
            *bound.notes,
            f"The images pass through the small network's states of all {n} sequences: what "
            "stands here is the measured error, and no bound on it.",
        ),
    )
