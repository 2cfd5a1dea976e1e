"""What an integer costs: -log2 of the probabilities that the coder's models have learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LEVELS = 1 << 12
"""Sizes that have a price of their own."""


def price_table(values: Any, levels: int = LEVELS) -> Any:
    """Return the bits that each size 0..levels costs, the models having seen these sizes.

    Parameters
    ----------
    values : integer array
        Sizes |v|; the sign is one more bit for all but 0.
    """
    lengths = np.frexp(values.astype(np.float64))[1]
    longest = int(levels).bit_length()
    price = np.zeros(levels + 1)
    sizes = np.arange(levels + 1)
    of = np.frexp(sizes.astype(np.float64))[1]
    for length in range(longest + 1):
        stop, go = int((lengths == length).sum()), int((lengths > length).sum())
        price[of > length] += _bits_of(go, stop)
        price[of == length] += _bits_of(stop, go)
        if length >= 2:
            here = values[lengths == length]
            ones = int((here >> (length - 2) & 1).sum())
            second = (sizes >> (length - 2) & 1).astype(bool)
            price[(of == length) & second] += _bits_of(ones, len(here) - ones)
            price[(of == length) & ~second] += _bits_of(len(here) - ones, ones)
            price[of == length] += length - 2
    price[1:] += 1
    return price


def smoothed_prices(values: Any, width: float, levels: int = LEVELS) -> Any:
    """Return -log2 of the histogram of the sizes, both signs alike, smoothed by a Gaussian.

    Parameters
    ----------
    values : integer array
        Sizes |v|.
    width : float
        Standard deviation of the Gaussian.
    """
    counts = np.bincount(np.minimum(values, levels), minlength=levels + 1).astype(np.float64)
    counts[1:] /= 2
    both = np.concatenate([counts[:0:-1], counts])
    reach = math.ceil(4 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    smooth = np.convolve(both, kernel / kernel.sum(), mode="same")[levels:]
    return -np.log2((smooth + 1e-3) / (len(values) + 1))


def _bits_of(these: int, others: int) -> float:
    return -math.log2((these + 0.5) / (these + others + 1))
