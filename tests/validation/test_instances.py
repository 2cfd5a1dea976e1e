"""Instances: exact, printable, shrinkable, and inside their bounds from either source."""

from __future__ import annotations

import itertools
import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation import Instance, draw
from validation.arithmetic import FLOAT64, RATIONALS, balls
from validation.instances import Product
from validation.instances.product import complexity

EVERYTHING = draw(
    S=draw.covariances(),
    P=draw.covariances(nonsingular=True),
    mu=draw.spectra(),
    Q=draw.orthogonal(),
    Z=draw.matrices("q", "m"),
    v=draw.vectors("m", low=0.0),
    a=draw.arrays("n", "T"),
    lam=draw.positive(),
    near=draw.positive(above=1, below=4),
    x=draw.reals(-1, 1),
    y=draw.reals(),
    delta=draw.probabilities(),
    p=draw.integers(1, 4),
    T=draw.size("T"),
    kind=draw.choices("a", "b"),
    J=draw.node_sets(),
    M=draw.multisets("m", "s"),
    tau=draw.ridges(),
    q=draw.distributions("m"),
    w=draw.time_weights(decreasing=True),
    net=draw.networks(),
    data=draw.sequences(),
)


def check(instance: Instance) -> None:
    """What every instance of EVERYTHING must satisfy, whoever made it."""
    s, raw = instance.sizes, instance.raw
    m, k, n, T, d, q = (s[name] for name in ("m", "k", "n", "T", "d", "q"))
    assert raw["S"].shape[0] == m
    assert raw["S"].shape[1] >= 1
    assert raw["P"].shape == (m, m)
    assert np.array_equal(raw["P"], np.tril(raw["P"]))
    assert np.diag(raw["P"]).min() > 0
    assert raw["mu"].shape == (m,)
    assert raw["mu"].min() >= 0
    assert raw["Q"].shape[0] == m
    assert raw["Z"].shape == (q, m)
    assert raw["v"].shape == (m,)
    assert raw["v"].min() >= 0
    assert raw["a"].shape == (n, T)
    assert 0 < raw["lam"] < np.inf
    assert 1 < raw["near"] < 4
    assert -1 <= raw["x"] <= 1
    assert np.isfinite(raw["y"])
    assert 0 < raw["delta"] < 1
    assert raw["p"] in (1, 2, 3, 4)
    assert raw["T"] == T
    assert raw["kind"] in ("a", "b")
    assert raw["J"].tolist() == sorted(set(raw["J"].tolist()))
    assert len(raw["J"]) == k <= m
    assert all(0 <= j < m for j in [*raw["J"], *raw["M"]])
    assert len(raw["M"]) == s["s"]
    assert raw["tau"].shape == (k,)
    assert (raw["tau"] >= 0).all()
    assert raw["q"].shape == (m,)
    assert raw["w"].shape == (T,)
    assert {name: raw["net"][name].shape for name in raw["net"] if name != "activation"} == {
        "w_hidden": (m, m),
        "w_input": (m, d),
        "b_hidden": (m,),
        "w_output": (q, m),
        "b_output": (q,),
    }
    assert raw["data"].shape == (n, T, d)


@given(st.integers(0, 2**32))
def test_what_numpy_draws_is_within_its_bounds(seed):
    check(EVERYTHING.sample(np.random.default_rng(seed)))


@given(EVERYTHING.strategy())
def test_what_hypothesis_draws_is_within_its_bounds(instance):
    check(instance)


@given(st.integers(0, 2**32))
def test_an_instance_survives_text_json_and_pickle_exactly(seed):
    instance = EVERYTHING.sample(np.random.default_rng(seed))

    from_text = eval(repr(instance), {"Instance": Instance})
    from_json = Instance.from_json(json.loads(json.dumps(instance.to_json())))
    from_pickle = pickle.loads(pickle.dumps(instance))

    assert from_text == from_json == from_pickle == instance
    assert hash(from_text) == hash(instance)
    for name in ("S", "J", "data"):
        assert from_json.raw[name].dtype == instance.raw[name].dtype
        assert from_json.raw[name].shape == instance.raw[name].shape


@given(st.integers(0, 2**32))
def test_one_seed_gives_one_instance(seed):
    first, second = (EVERYTHING.sample(np.random.default_rng(seed)) for _ in range(2))

    assert first == second


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_every_simpler_instance_is_an_instance(seed, stride):
    instance = EVERYTHING.sample(np.random.default_rng(seed))

    for simpler in itertools.islice(EVERYTHING.simpler(instance), 0, 300, stride):
        check(simpler)


@given(st.integers(0, 2**32))
def test_parameters_go_out_and_come_back(seed):
    instance = EVERYTHING.sample(np.random.default_rng(seed))
    numbers = EVERYTHING.parameters(instance)

    assert EVERYTHING.with_parameters(instance, numbers.values) == instance
    assert (numbers.low <= numbers.values).all()
    assert (numbers.values <= numbers.high).all()


@given(st.integers(0, 2**32))
def test_parameters_moved_anywhere_are_clipped_into_an_instance(seed):
    rng = np.random.default_rng(seed)
    instance = EVERYTHING.sample(rng)
    numbers = EVERYTHING.parameters(instance)

    check(EVERYTHING.with_parameters(instance, 1e3 * rng.standard_normal(numbers.values.size)))


def test_dropping_a_node_takes_along_what_hangs_on_it():
    product = draw(S=draw.covariances(), J=draw.node_sets(), tau=draw.ridges())
    instance = Instance(
        {"m": 3, "k": 2},
        {"S": np.diag([1.0, 2.0, 3.0]), "J": np.array([1, 2]), "tau": np.array([5.0, 6.0])},
    )

    smaller = product.drop(instance, "m", 1)

    assert smaller is not None
    assert smaller.sizes == {"m": 2, "k": 1}
    assert smaller.raw["S"].tolist() == [[1.0, 0, 0], [0, 0, 3.0]]
    assert smaller.raw["J"].tolist() == [1]
    assert smaller.raw["tau"].tolist() == [6.0]


def test_no_size_is_dropped_below_its_range():
    product = draw(S=draw.covariances(), J=draw.node_sets(), sizes={"k": (1, "m")})
    instance = Instance({"m": 1, "k": 1}, {"S": np.eye(1), "J": np.array([0])})

    assert product.drop(instance, "m", 0) is None
    assert product.drop(instance, "k", 0) is None


@given(st.integers(0, 2**32))
def test_repeated_simplifying_by_complexity_ends(seed):
    product = draw(S=draw.covariances(), lam=draw.positive())
    current = product.sample(np.random.default_rng(seed))
    steps = 0

    while True:
        better = (c for c in product.simpler(current) if complexity(c) < complexity(current))
        following = next(better, None)
        if following is None:
            break
        current, steps = following, steps + 1

    assert steps < 500
    assert current.sizes["m"] == 1
    assert not current.raw["S"].any()
    assert current.raw["lam"] == 1.0


def test_a_covariance_is_positive_semidefinite_exactly():
    product = draw(S=draw.covariances())
    rng = np.random.default_rng(7)
    for _ in range(50):
        instance = product.sample(rng)
        F = instance.raw["S"]
        exact = [
            [
                sum((Fraction(a) * Fraction(b) for a, b in zip(row, column)), Fraction(0))
                for column in F.tolist()
            ]
            for row in F.tolist()
        ]
        with RATIONALS.active():
            S = product.realise(instance, RATIONALS)["S"]
            difference = RATIONALS.compare(S, RATIONALS.lift(exact), "identity")
        assert difference.relation.value == "equal"


def test_an_orthogonal_matrix_is_orthogonal_exactly_in_rationals(rng):
    product = draw(Q=draw.orthogonal())
    for _ in range(30):
        instance = product.sample(rng)
        with RATIONALS.active():
            Q = product.realise(instance, RATIONALS)["Q"]
            found = RATIONALS.compare(Q.T @ Q, RATIONALS.xp.eye(Q.shape[0]), "identity")
        assert found.relation.value == "equal"


@pytest.mark.parametrize("factor", [draw.distributions("m"), draw.time_weights("m")])
def test_weights_sum_to_one_exactly_in_rationals(factor, rng):
    product = draw(w=factor)
    for _ in range(30):
        instance = product.sample(rng)
        with RATIONALS.active():
            total = RATIONALS.xp.sum(product.realise(instance, RATIONALS)["w"])
            assert RATIONALS.compare(total, 1, "identity").relation.value == "equal"


def test_every_family_of_covariances_is_drawn(rng):
    product = draw(S=draw.covariances(), sizes={"m": (4, 4)})
    ranks, conditions, dead, equal = set(), [], 0, 0
    for _ in range(2000):
        F = product.sample(rng).raw["S"]
        singular = np.linalg.svd(F, compute_uv=False)
        ranks.add(int((singular > 1e-12 * max(singular[0], 1e-300)).sum()))
        if singular[-1] > 0 and len(singular) == 4:
            conditions.append((singular[0] / singular[-1]) ** 2)
        dead += bool((~F.any(axis=1)).any() and F.any())
        equal += bool(F.any() and any(np.array_equal(F[0], row) for row in F[1:]))

    assert ranks == {0, 1, 2, 3, 4}
    assert max(conditions) > 1e11
    assert min(conditions) < 1.01
    assert dead > 50
    assert equal > 50


def test_extreme_regularisers_are_drawn(rng):
    product = draw(lam=draw.positive())
    values = [product.sample(rng).raw["lam"] for _ in range(2000)]

    assert min(values) < 1e-10
    assert max(values) > 1e10
    assert 1.0 in values


def test_balls_contain_what_float64_computes(rng):
    product = draw(net=draw.networks(), data=draw.sequences(), S=draw.covariances())
    for _ in range(20):
        instance = product.sample(rng)
        with FLOAT64.active():
            values = product.realise(instance, FLOAT64)
            floats = values["net"].states(FLOAT64.xp, values["data"])[-1]
        arithmetic = balls(128)
        with arithmetic.active():
            values = product.realise(instance, arithmetic)
            exact = values["net"].states(arithmetic.xp, values["data"])[-1]
            low, high = arithmetic.enclosure(exact)
        scale = np.abs(floats).max(initial=1e-300)
        np.testing.assert_array_less(low - 1e-9 * scale, floats + 1e-300)
        np.testing.assert_array_less(floats - 1e-9 * scale, high + 1e-300)
        assert (high - low <= 4 * np.spacing(scale)).all()


def test_hypothesis_shrinks_to_the_smallest_instance():
    from hypothesis import find

    product = draw(S=draw.covariances(), lam=draw.positive())

    found = find(
        product.strategy(),
        lambda i: i.raw["S"].shape[0] >= 2 and i.raw["lam"] > 1,
        settings=settings(max_examples=300, derandomize=True, database=None),
    )

    assert found.sizes["m"] == 2
    assert found.raw["lam"] == 2.0


def test_what_is_not_a_factor_is_refused():
    with pytest.raises(TypeError, match=r"draw\(S=\.\.\.\) needs something that draw offers"):
        draw(S=np.eye(2))


def test_a_size_that_no_factor_has_is_refused():
    with pytest.raises(ValueError, match="no factor has the size k"):
        draw(S=draw.covariances(), sizes={"k": (1, 2)})


def test_sizes_that_depend_on_each_other_are_refused():
    with pytest.raises(ValueError, match="depend on each other"):
        draw(J=draw.node_sets(), sizes={"m": (1, "k"), "k": (1, "m")})


def test_impossible_sizes_are_said_to_be_impossible():
    with pytest.raises(ValueError, match="the size k cannot lie in 5"):
        draw(J=draw.node_sets(), sizes={"m": (1, 3), "k": (5, "m")})


def test_a_product_of_nothing_is_possible(rng):
    assert Product({}, {}).sample(rng).raw == {}
