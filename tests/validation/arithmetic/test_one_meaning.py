"""Every word of the vocabulary means the same in float64, in balls and in rationals.

Shapes, kinds and values are compared on generated operands: of no axis, of one and of several,
some empty; small integers, dyadic fractions, numbers of very different sizes; and truth values.
`helpers.meanings` says what counts as agreement.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import time
from collections import Counter

import numpy as np
import pytest
from helpers.bodies import CALLS, Program, Writer
from helpers.meanings import meanings

from validation.arithmetic import FLOAT64, RATIONALS, ball_namespace, balls, vocabulary

PROGRAMS = 12
NEVER_RATIONAL = {word.name for word in vocabulary() if "rationals" not in word.arithmetics} - {
    "log2", "xlogx", "sqrt", "linalg.matrix_norm",
}  # fmt: skip


def test_no_word_is_left_out():
    assert set(CALLS) == {word.name for word in vocabulary()}


@pytest.mark.parametrize("word", CALLS)
def test_a_word_means_the_same_in_all_three(word):
    writer = Writer(np.random.default_rng([17, *word.encode()]))
    compared: Counter[str] = Counter()
    for _ in range(PROGRAMS):
        program = writer.fill(writer.program(0), 1, [word])
        found = meanings(program)
        assert not found.wrong, f"{program}\n{found.wrong}"
        compared.update(found.compared)
    assert compared["float64"] >= PROGRAMS / 4
    assert compared["rationals"] > 0 or word in NEVER_RATIONAL


def test_bodies_of_several_lines_mean_the_same_in_all_three():
    compared = run(seed=3, bodies=60, again=2)
    assert compared["float64"] > 300
    assert compared["rationals"] > 150


def run(seed: int, bodies: int, again: int, seconds: float = float("inf")) -> Counter[str]:
    """Compare so many bodies, each on `again` + 1 instances; raise where the arithmetics differ."""
    writer = Writer(np.random.default_rng([23, seed]))
    compared: Counter[str] = Counter()
    end = time.monotonic() + seconds
    for i in range(bodies):
        program = writer.program(1 + i % 3)
        for instance in (program, *(writer.again(program) for _ in range(again))):
            found = meanings(instance)
            assert not found.wrong, f"{instance}\n{found.wrong}"
            compared.update(found.compared)
            compared["pairs"] += 1
        if time.monotonic() > end:
            break
    return compared


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_a_million_bodies_on_instances_mean_the_same_in_all_three():
    workers = os.cpu_count() or 1
    pieces = 100
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        counts = pool.map(functools.partial(run, bodies=2500, again=3), range(pieces), chunksize=1)
    compared = sum(counts, Counter())
    assert compared["pairs"] == 1_000_000
    assert compared["float64"] > 1_000_000
    assert compared["rationals"] > 500_000


# -- the comparison itself is under test -----------------------------------------------------------


WRONG = {
    "maximum": lambda self, a, b: self.minimum(a, b),
    "sum": lambda self, x, axis=None, keepdims=False: self._array(x),
    "exp": lambda self, x: self.expm1(x) + 1 + 2.0**-31 * abs(self._array(x)),
    "sort": lambda self, x, axis=-1, descending=False: x,
    "astype": lambda self, x, dtype: self._array(x * 1.0),
    "where": lambda self, c, a, b: self._array(a),
    "floor": lambda self, x: self.ceil(x),
    "mean": lambda self, x, axis=None, keepdims=False: self.sum(x, axis=axis, keepdims=keepdims),
}


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_word_is_noticed(word, monkeypatch):
    monkeypatch.setattr(ball_namespace.BallNamespace, word, WRONG[word])
    writer = Writer(np.random.default_rng(5))
    programs = [writer.fill(writer.program(0), 1, [word]) for _ in range(40)]
    assert sum(bool(meanings(program).wrong) for program in programs) >= 3


def test_a_wrong_shape_of_two_vectors_would_be_noticed(monkeypatch):
    # The fault that was there: v @ w of shape (1,) in balls.
    from validation.arithmetic import objects

    right = objects.matmul

    def wrong(x, y):
        product = right(x, y)
        return product.reshaped((1,)) if len(x.shape) == len(y.shape) == 1 else product

    monkeypatch.setattr(objects, "matmul", wrong)
    found = meanings(Program({"v": np.ones(2)}, [("r0", "@", "v @ v")]))
    assert "another shape" in found.wrong[0]


def test_arithmetics_start_from_the_same_numbers():
    for value in (0.1, np.array([1 / 3, 2.0**-1074, 1e300])):
        for arithmetic in (balls(128), RATIONALS):
            with arithmetic.active():
                low, high = arithmetic.enclosure(arithmetic.lift(value))
            assert np.array_equal(low, FLOAT64.lift(value))
            assert np.array_equal(high, FLOAT64.lift(value))


# add.reduce takes 0 and -1 for axes of a number: words of float64 that are written with it did so
# where balls refused, and the other way round.
ALONG_AN_AXIS = [
    (word, options)
    for word in (
        "sum", "prod", "max", "min", "mean", "logsumexp", "cumulative_sum", "sort", "flip",
        "linalg.vector_norm",
    )
    for options in ("axis=0", "axis=-1", "axis=1", "axis=-2")
]  # fmt: skip
ALONG_AN_AXIS += [
    ("linalg.vector_norm", f"axis={axis}, ord={order}, keepdims={keep}")
    for axis in (None, 0, -1, 1)
    for order in (1, 2, "float('inf')")
    for keep in (False, True)
]


@pytest.mark.parametrize(("word", "options"), ALONG_AN_AXIS)
@pytest.mark.parametrize("value", [0.75, np.array([0.75, -2.0]), np.array([[0.5], [3.0]])])
def test_an_axis_means_the_same_to_all_three_even_on_numbers(word, options, value):
    found = meanings(Program({"s": np.asarray(value)}, [("r0", word, f"xp.{word}(s, {options})")]))
    assert not found.wrong, found.wrong
