"""Draws with a structure: exact in rationals, of every kind, kept by every step."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation import Instance, draw, expectation, subsets
from validation.arithmetic import FLOAT64, RATIONALS, balls

EVERYTHING = draw(
    A=draw.symmetric(),
    Z=draw.nonsingular(),
    L=draw.triangular(),
    U=draw.triangular(upper=True, nonsingular=True),
    pair=draw.ordered_pairs(),
    stack=draw.covariance_stacks(),
    R=draw.correlations(),
    P=draw.stochastic_matrices("n", "m"),
    v=draw.unit_vectors(),
    V=draw.unit_rows(),
    order=draw.permutations(),
    J=draw.subsets(),
)


def exact(array):
    """Fractions of an array of rationals, by entries."""
    return np.array([Fraction(int(x.p), int(x.q)) for x in array.flat()], dtype=object).reshape(
        array.shape
    )


def check(instance: Instance) -> None:
    """What every instance of EVERYTHING must satisfy, exactly."""
    m, n = instance.sizes["m"], instance.sizes["n"]
    with RATIONALS.active():
        values = EVERYTHING.realise(instance, RATIONALS)
        xp = RATIONALS.xp
        assert values["A"].shape == (m, m)
        assert (values["A"] == values["A"].T).all()
        assert values["Z"].shape == (m, m)
        assert xp.linalg.det(values["Z"]) != 0
        assert (xp.triu(values["L"], k=1) == 0).all()
        assert (xp.tril(values["U"], k=-1) == 0).all()
        assert (xp.linalg.diagonal(values["U"]) != 0).all()
        S, more = values["pair"]
        for difference in (S, more - S):
            found = RATIONALS.compare(xp.zeros((m, m)), difference, "loewner")
            assert found.relation.value in ("below", "equal")
        assert values["stack"].shape == (n, m, m)
        for i in range(n):
            found = RATIONALS.compare(xp.zeros((m, m)), values["stack"][i], "loewner")
            assert found.relation.value in ("below", "equal")
        assert values["R"].shape == (m, m)
        assert (xp.linalg.diagonal(values["R"]) == 1).all()
        assert RATIONALS.compare(xp.zeros((m, m)), values["R"], "loewner").relation.value in (
            "below", "equal",
        )  # fmt: skip
        P = exact(values["P"])
        assert P.shape == (n, m)
        assert (P >= 0).all()
        assert (P.sum(axis=1) == 1).all()
        assert values["v"] @ values["v"] == 1
        assert values["v"].shape == (m,)
        assert values["V"].shape == (n, m)
        assert (xp.sum(values["V"] ** 2, axis=1) == 1).all()
    assert sorted(instance.raw["order"].tolist()) == list(range(m))
    J = instance.raw["J"].tolist()
    assert sorted(set(J)) == J
    assert all(0 <= j < m for j in J)


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_what_numpy_draws_has_its_structure_exactly(seed):
    check(EVERYTHING.sample(np.random.default_rng(seed)))


@settings(max_examples=25)
@given(EVERYTHING.strategy())
def test_what_hypothesis_draws_has_its_structure_exactly(instance):
    check(instance)


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.integers(1, 9))
def test_every_simpler_instance_keeps_the_structure(seed, stride):
    instance = EVERYTHING.sample(np.random.default_rng(seed))
    for simpler in itertools.islice(EVERYTHING.simpler(instance), 0, 200, 4 * stride):
        check(simpler)


@given(st.integers(0, 2**32))
def test_parameters_go_out_and_come_back_and_are_clipped(seed):
    rng = np.random.default_rng(seed)
    instance = EVERYTHING.sample(rng)
    numbers = EVERYTHING.parameters(instance)
    assert EVERYTHING.with_parameters(instance, numbers.values) == instance
    assert (numbers.low <= numbers.values).all()
    assert (numbers.values <= numbers.high).all()
    moved = EVERYTHING.with_parameters(instance, 1e3 * rng.standard_normal(numbers.values.size))
    with RATIONALS.active():
        values = EVERYTHING.realise(moved, RATIONALS)
        assert RATIONALS.xp.linalg.det(values["Z"]) != 0
        assert values["v"] @ values["v"] == 1


@given(st.integers(0, 2**32))
def test_an_instance_survives_json(seed):
    instance = EVERYTHING.sample(np.random.default_rng(seed))
    assert Instance.from_json(instance.to_json()) == instance


@pytest.mark.parametrize("size", [1, 3])
def test_float64_and_balls_agree(size, rng):
    product = draw(**EVERYTHING.factors, sizes={"m": size})
    arithmetic = balls(128)
    for _ in range(20):
        instance = product.sample(rng)
        with FLOAT64.active():
            floats = product.realise(instance, FLOAT64)
        with arithmetic.active():
            for name, value in product.realise(instance, arithmetic).items():
                both = zip(value, floats[name]) if name == "pair" else [(value, floats[name])]
                for exactly, nearly in both if name not in ("order", "J") else ():
                    low, high = arithmetic.enclosure(exactly)
                    assert np.shape(low) == np.shape(nearly)
                    scale = 1e-12 * (1 + np.abs(nearly).max(initial=0))
                    assert (low - scale <= nearly).all()
                    assert (nearly <= high + scale).all()


def test_every_family_is_drawn(rng):
    product = draw(**EVERYTHING.factors, sizes={"m": 3, "n": 2})
    signatures, orders, sets, axes, equal = set(), set(), set(), 0, 0
    for _ in range(1500):
        instance = product.sample(rng)
        with FLOAT64.active():
            values = product.realise(instance, FLOAT64)
        mu = np.linalg.eigvalsh(values["A"])
        signatures.add((int((mu > 1e-9).sum()), int((mu < -1e-9).sum())))
        orders.add(tuple(values["order"].tolist()))
        sets.add(tuple(values["J"].tolist()))
        axes += bool(np.abs(values["v"]).max() == 1)
        equal += bool(np.array_equal(*values["pair"]))
    assert {(3, 0), (0, 3), (2, 1), (1, 2), (1, 1), (0, 0), (1, 0), (0, 1)} <= signatures
    assert len(orders) == 6
    assert len(sets) == 8
    assert axes > 100
    assert equal > 100


def test_subsets_are_all_of_them():
    assert [len(list(subsets(m))) for m in range(6)] == [1, 2, 4, 8, 16, 32]
    assert list(subsets(3, 2)) == [[0, 1], [0, 2], [1, 2]]
    assert list(subsets(3, 0)) == [[]]
    assert list(subsets(3, 4)) == []


@given(st.integers(1, 4), st.integers(0, 2**32))
def test_the_expectation_over_subsets_is_exact(m, seed):
    # Independent inclusions with probabilities p: E |J| = sum p, E 1_{j in J} = p.
    p = np.random.default_rng(seed).integers(1, 16, size=m) / 16
    with RATIONALS.active():
        xp = RATIONALS.xp
        chances = RATIONALS.lift(p)

        def weight(J):
            inside = xp.asarray([float(j in J) for j in range(m)])
            return xp.prod(inside * chances + (1 - inside) * (1 - chances))

        size = expectation((weight(J), xp.asarray(len(J))) for J in subsets(m))
        twice = expectation((2 * weight(J), len(J) * xp.ones(2)) for J in subsets(m))
        assert size == xp.sum(chances)
        assert (twice == size).all()


def test_an_expectation_needs_an_outcome():
    with pytest.raises(ValueError, match="at least one pair"):
        expectation([])
