"""Streams of random numbers: no two that are in use are one."""

from __future__ import annotations

import ast
import importlib
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import validation.checking
from validation import Conclusion, claim, draw, verify
from validation.checking.randomness import PURPOSES, check_seed, hypothesis_seed, spawn
from validation.checking.statistical import _Run, statistical

SEEDS = (0, 1, 2, 2**32 - 1, 2**32, 2**32 + 1, 2**64, 2**64 + 1, 2**96, 2**128 - 1)
NUMBERS = (0, 1, 2, 3, 2**16, 2**32 - 1)


def start(generator: np.random.Generator) -> bytes:
    return generator.bytes(16)


def test_no_two_streams_start_alike():
    keys = [
        (seed, purpose, *numbers)
        for seed in SEEDS
        for purpose in PURPOSES
        for numbers in [(), *itertools.product(NUMBERS), *itertools.product(NUMBERS, NUMBERS)]
    ]

    starts = {start(spawn(seed, purpose, *numbers)) for seed, purpose, *numbers in keys}

    assert len(starts) == len(keys) == len(SEEDS) * len(PURPOSES) * 43


def test_the_pair_that_once_was_one_stream_is_what_the_words_give():
    """The fault that spawning mends: composed by hand, these two collide."""
    assert start(np.random.default_rng([7, 2**32])) == start(np.random.default_rng([7, 0, 1]))


def test_instances_and_draws_of_a_run_differ():
    @claim("test.plain", "x", draw(p=draw.choices(0.5)), kind="probabilistic", failure=0.5)
    def plain(xp, rng, p):
        return xp.asarray(p), xp.asarray(rng.random(1))[0]

    for seed in SEEDS:
        run = _Run(plain, seed, ())
        streams = [run.source.spawn(0) or run.source]
        opened = run.next_stream(0)
        streams += [opened.generator(seed, number) for number in range(64)]
        streams += [spawn(seed, "instances"), spawn(seed, "sample"), spawn(seed, "search")]

        # The source has been drawn from once; what it starts with is among the last three.
        starts = [start(generator) for generator in streams[1:]]
        assert len(set(starts)) == len(starts)


@pytest.mark.parametrize("bad", [-1, 2**128, 1.5, True, "3", None])
def test_seeds_that_would_be_split_or_are_none_are_refused(bad):
    with pytest.raises(ValueError, match=r"seed must be an integer from 0 to 2\^128 - 1"):
        check_seed(bad)


def test_numbers_that_would_be_split_are_refused():
    with pytest.raises(ValueError, match="must lie in 0"):
        spawn(0, "draw", 2**32)


def test_hypothesis_gets_another_seed_every_time():
    assert len({hypothesis_seed(seed, i) for seed in SEEDS for i in range(50)}) == 50 * len(SEEDS)


def test_no_module_of_the_engine_seeds_a_generator_by_itself():
    """Every other module takes a generator, or asks `randomness` for one."""
    folder = Path(validation.checking.__file__).parent
    seeding = [
        (path.name, node.lineno)
        for path in folder.glob("*.py")
        if path.name != "randomness.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and (
            node.attr in ("default_rng", "SeedSequence")
            or ast.unparse(node) in ("np.random.seed", "random.seed")
        )
    ]

    assert seeding == []


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 + 5])
def test_a_number_drawn_as_the_instance_was_does_not_hit_it(seed):
    """Issue 11, fault 3: the instance's p and the draw were the same number, so it was refuted."""

    @claim("test.hit", "P(r = p) is small", draw(p=draw.integers(0, 2**62)), kind="probabilistic",
           failure=Fraction(1, 10**12))  # fmt: skip
    def hit(xp, rng, p):
        r = int(rng.integers(0, 2**62 + 1))
        return xp.asarray(float(r == p)), xp.asarray(0.5)

    verdict = statistical(hit, seconds=30, seed=seed, draws=400)

    assert verdict.conclusion is not Conclusion.REFUTED
    assert verify(hit, budget=0.3, seed=seed).conclusion is not Conclusion.REFUTED


@pytest.mark.parametrize("seed", [3, 2**32 + 1, 2**96])
def test_a_choice_of_the_instance_is_not_the_choice_of_the_draw(seed):
    """The kind in another guise: few values, so that hits are common and must be 1 in 64."""

    @claim("test.choice", "P(r = c) = 1/64", draw(c=draw.choices(*range(64))),
           kind="probabilistic", failure=Fraction(1, 8))  # fmt: skip
    def choice(xp, rng, c):
        return xp.asarray(float(int(rng.integers(0, 64)) == c)), xp.asarray(0.5)

    assert statistical(choice, seconds=30, seed=seed, draws=800).conclusion is not (
        Conclusion.REFUTED
    )


@pytest.mark.parametrize("seed", [4, 2**32 + 2])
def test_an_order_of_the_instance_is_not_the_order_of_the_draw(seed):
    """And as permutations: two of twelve things agree once in 479,001,600."""

    @claim("test.order_of_twelve", "P(sigma = pi) is small", draw(pi=draw.permutations(12)),
           kind="probabilistic", failure=Fraction(1, 10**6))  # fmt: skip
    def same(xp, rng, pi):
        match = [int(i) for i in rng.permutation(12)] == [int(i) for i in pi]
        return xp.asarray(float(match)), xp.asarray(0.5)

    assert statistical(same, seconds=30, seed=seed, draws=200).conclusion is not Conclusion.REFUTED


def same_nodes():
    """The nodes of an instance are not those that a draw takes: chances are 1 in 10^35."""

    @claim(
        "test.nodes", "P(the nodes drawn are J) is small",
        draw(J=draw.node_sets(), sizes={"m": (120, 120), "k": (60, 60)}),
        kind="probabilistic", failure=Fraction(1, 10**12),
    )  # fmt: skip
    def nodes(xp, rng, J):
        again = np.sort(rng.permutation(120)[:60])
        return xp.asarray(float(np.array_equal(again, J))), xp.asarray(0.5)

    return nodes


@pytest.mark.parametrize("seed", [0, 3, 2**32, 2**96 + 1])
def test_no_draw_takes_the_nodes_that_the_instance_took(seed):
    """Fault 3 in another guise: sets and permutations in place of large integers."""
    verdict = statistical(same_nodes(), seconds=30, seed=seed, draws=200)

    assert verdict.conclusion is not Conclusion.REFUTED


def test_nodes_are_taken_twice_where_the_streams_are_one(monkeypatch):
    """The test above can fail: here every stream is that of the seed alone."""

    def repeated(seed, purpose, *numbers):
        return np.random.default_rng(seed)

    for module in ("validation.checking.statistical", "validation.checking.streams"):
        monkeypatch.setattr(importlib.import_module(module), "spawn", repeated)

    verdict = statistical(same_nodes(), seconds=30, seed=0, draws=200)

    assert verdict.conclusion is Conclusion.REFUTED
