"""Every stream of random numbers of a check, derived in this one place.

A stream is named by its purpose and by numbers, and spawned from the seed. Lists of words must not
be composed by hand: a seed sequence splits words beyond 32 bits, so that ``[seed, 2**32]`` and
``[seed, 0, 1]`` are one stream, and fills short lists up with zeros.
"""

from __future__ import annotations

import numpy as np

PURPOSES = (
    "first instances",  # that go through every arithmetic before anything else
    "first draw",  # of a probabilistic claim, on those
    "sample",  # instances drawn in float64
    "search",
    "hypothesis",  # what Hypothesis is seeded with
    "instances",  # of a probabilistic claim
    "draw",  # one of a probabilistic claim: place of the instance, number of the draw
    "audit",  # which draws of a probabilistic claim are looked at
    "ladder",  # instances of a claim of order
    "tighten",
    "shrink",
)
_WORD = 2**32
_LARGEST_SEED = 2**128


def spawn(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """The generator for a purpose; another one for every purpose and all numbers.

    Parameters
    ----------
    seed : int
        0..2^128 - 1.
    purpose : str
        One of `PURPOSES`.
    numbers : int
        0..2^32 - 1 each, such as an instance's place and the number of a draw.

    Raises
    ------
    ValueError
        If a number is out of its range: it would be split, and collide with others.
    """
    check_seed(seed)
    if any(not 0 <= number < _WORD for number in numbers):
        raise ValueError(f"the numbers of a stream must lie in 0..2^32 - 1, got {numbers}")
    key = (PURPOSES.index(purpose), *numbers)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def check_seed(seed: int) -> None:
    """Raise a ValueError unless the seed is an integer in 0..2^128 - 1."""
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or not 0 <= seed < _LARGEST_SEED:
        raise ValueError(f"seed must be an integer from 0 to 2^128 - 1, got {seed!r}")


def hypothesis_seed(seed: int, number: int) -> int:
    """A seed for Hypothesis, which takes an integer."""
    return int(spawn(seed, "hypothesis", number).integers(2**63))
