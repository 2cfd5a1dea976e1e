"""Two decoders, each written from the document, on strings that nobody encoded."""

import itertools

import numpy as np
import pytest
from helpers.certificates import packed

from validation import check_certificate as checker
from validation.certifying.language import decode
from validation.certifying.network import BLOCKS

SHAPES = {"npz": ((4, 6), 2**15), "digits": ((8, 8), 16), "mnist": ((28, 28), 255)}
SHAPES["ptb-bytes"] = ((), 1)


def by_checker(bits, task, language):
    """Its network, or nothing where it refuses."""
    shape, x0 = SHAPES[task]
    try:
        return checker.decode(
            {"bits": len(bits), "task": task, "language": language}, packed(bits), shape, x0
        )
    except checker.Stop:
        return None


def by_project(bits, task, language):
    shape, x0 = SHAPES[task]
    try:
        network = decode(bits, task, shape, language=language)
        v, w = (1, 1) if task == "ptb-bytes" else network.images_form().pool
        network.check_range(x0 * v * w)
    except ValueError:
        return None
    return network


def scaled(network, block):
    """The integers of a block in the steps in which the checker keeps it."""
    exponent = network.exponents.get(block, 0)
    if block in ("w_hidden", "w_input", "b_hidden"):
        exponent += network.shift()
    elif "w_output" in network.exponents:
        exponent = 0
    return network.integers[block].astype(object).ravel() * 2**exponent


@pytest.mark.parametrize("language", [1, 2])
@pytest.mark.parametrize("task", SHAPES)
def test_random_strings_are_one_network_or_none(task, language):
    # Few ones, so that numbers are small and many strings are networks; the rest end anywhere.
    rng, both = np.random.default_rng(18), 0
    for _ in range(400):
        ones = rng.uniform(0.15, 0.5)
        bits = (rng.random(rng.integers(20, 4000)) < ones).astype(int).tolist()
        ours, theirs = by_project(bits, task, language), by_checker(bits, task, language)
        assert (ours is None) == (theirs is None), bits
        if ours is None or theirs is None:
            continue
        both += 1
        assert (theirs["s"], theirs["H"], theirs["k"]) == (ours.shift(), 1 << ours.cap, ours.k)
        for block in BLOCKS:
            assert (theirs[block].ravel() == scaled(ours, block)).all(), block
    assert both > 40


@pytest.mark.parametrize("language", [1, 2])
@pytest.mark.parametrize("task", SHAPES)
def test_cut_and_changed_strings_are_one_network_or_none(task, language):
    # Around the border: a string that both accept, shortened, and with one bit changed.
    rng = np.random.default_rng(19)
    draws = ((rng.random(3000) < rng.uniform(0.2, 0.4)).astype(int).tolist() for _ in range(500))
    found = [bits for bits in draws if by_checker(bits, task, language) is not None][:4]
    assert len(found) == 4
    for bits, _ in itertools.product(found, range(25)):
        cut = bits[: int(rng.integers(1, len(bits)))]
        flipped = [*cut]
        flipped[int(rng.integers(len(cut)))] ^= 1
        for some in (cut, flipped):
            assert (by_project(some, task, language) is None) == (
                by_checker(some, task, language) is None
            ), some
