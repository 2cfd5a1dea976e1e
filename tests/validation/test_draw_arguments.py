"""What `draw` is asked for is checked where it is declared, in one sentence."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation import Conclusion, Instance, certify, claim, draw
from validation.instances import checks

NAN = math.nan


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: draw.networks(activations=("sigmoid",)), r"activations.*relu.*got \('sigmoid',\)"),
        (lambda: draw.networks(activations="relux"), "activations.*got 'relux'"),
        (lambda: draw.networks(activations=()), "activations"),
        (lambda: draw.networks(biases=1), "biases.*True or False, got 1"),
        (lambda: draw.networks(m=-1), "m must be.*got -1"),
        (lambda: draw.covariances(2.5), r"covariances\(m\) must be the name of a size or an int"),
        (lambda: draw.covariances(-3), "got -3"),
        (lambda: draw.covariances(True), "got True"),
        (lambda: draw.covariances("3 m"), "got '3 m'"),
        (lambda: draw.covariances(nonsingular="yes"), "nonsingular.*got 'yes'"),
        (lambda: draw.matrices("q", "m", low=2, high=1), "low <= high, got 2, 1"),
        (lambda: draw.matrices("q", 1.5), "axis 1 of an array must be.*got 1.5"),
        (lambda: draw.vectors("m", low=NAN), "low must be a number, got nan"),
        (lambda: draw.vectors("m", high=NAN), "high must be a number, got nan"),
        (lambda: draw.vectors("m", low="0"), "low must be a number, got '0'"),
        (lambda: draw.vectors("m", low=math.inf), "no float in"),
        (lambda: draw.arrays(), "at least one axis"),
        (lambda: draw.reals(NAN, 1), "got nan"),
        (lambda: draw.reals(1, 0), "low <= high, got 1, 0"),
        (lambda: draw.reals(Fraction(1, 3), Fraction(1, 3)), "no float in"),
        (lambda: draw.positive(above=-1), "0 <= above < below"),
        (lambda: draw.positive(below=NAN), "got nan"),
        (lambda: draw.positive(below=0), "0 <= above < below"),
        (lambda: draw.integers(1.5, 2), r"integers\(low\) must be an int, got 1.5"),
        (lambda: draw.integers(3, 2), "low <= high, got 3, 2"),
        (lambda: draw.integers(0, True), "got True"),
        (lambda: draw.choices(), "at least one option"),
        (lambda: draw.size(3), "name of a size, got 3"),
        (lambda: draw.distributions(0), "at least one entry"),
        (lambda: draw.distributions("m", positive=2), "positive"),
        (lambda: draw.triangular(upper=None), "upper"),
        (lambda: draw(S=draw.covariances(), sizes={"m": (1.5, 2)}), r"sizes\['m'\].*\(1.5, 2\)"),
        (lambda: draw(S=draw.covariances(), sizes={"m": (-2, 2)}), r"sizes\['m'\].*\(-2, 2\)"),
        (lambda: draw(S=draw.covariances(), sizes={"m": (3, 2)}), "low <= high"),
        (lambda: draw(S=draw.covariances(), sizes={"m": 2.0}), r"sizes\['m'\].*2.0"),
        (lambda: draw(S=draw.covariances(), sizes={"m": "k"}), r"sizes\['m'\].*'k'"),
        (lambda: draw(S=draw.covariances(), sizes={"m": (1, 2, 3)}), r"sizes\['m'\]"),
        (lambda: draw(J=draw.node_sets("m", "k"), sizes={"m": 2, "k": 3}),
         "k must be at most m, but k may be 3 where m is 2"),
        (lambda: draw(J=draw.node_sets("m", "k"), sizes={"k": (1, 3)}), "k may be 3 where m is 1"),
        (lambda: draw(J=draw.node_sets(2, 3)), "3 must be at most 2"),
        (lambda: draw(J=draw.multisets("m", "k"), sizes={"m": (0, 2)}), "m must be at least 1"),
        (lambda: draw(p=draw.distributions("m"), sizes={"m": (0, 2)}), "m must be at least 1"),
        (lambda: draw(v=draw.unit_vectors(0)), "0 must be at least 1"),
        (lambda: draw(xp=draw.reals()), "would hide the body's own xp"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_in_one_sentence(declare, message):
    with pytest.raises((ValueError, TypeError), match=message) as refused:
        declare()
    assert "\n" not in str(refused.value)


def test_an_int_in_the_place_of_a_name_is_that_length(rng):
    product = draw(
        S=draw.covariances(3),
        Q=draw.orthogonal(2),
        mu=draw.spectra(4),
        J=draw.node_sets(5, 2),
        tau=draw.ridges(2),
        net=draw.networks(3, 2, 1),
        x=draw.sequences(2, 3, 2),
        w=draw.time_weights(3),
    )
    assert product.sizes == {}
    for _ in range(20):
        instance = product.sample(rng)
        assert instance.sizes == {}
        assert instance.raw["S"].shape[0] == 3
        assert instance.raw["Q"].shape[0] == 2
        assert instance.raw["mu"].shape == (4,)
        assert len(instance.raw["J"]) == 2
        assert instance.raw["tau"].shape == (2,)
        assert instance.raw["net"]["w_input"].shape == (3, 2)
        assert instance.raw["x"].shape == (2, 3, 2)
        assert instance.raw["w"].shape == (3,)
        assert Instance.from_json(instance.to_json()) == instance
        for simpler in product.simpler(instance):  # no size is ever dropped
            assert simpler.raw["S"].shape[0] == 3
            assert len(simpler.raw["J"]) == 2


def test_an_int_in_sizes_is_that_size(rng):
    product = draw(S=draw.covariances(), J=draw.node_sets(), sizes={"m": 3, "k": (1, "m")})
    assert product.sizes["m"] == (3, 3)
    assert all(product.sample(rng).sizes["m"] == 3 for _ in range(10))


def test_one_name_of_an_activation_is_enough(rng):
    assert draw.networks(activations="relu").activations == ("relu",)


def test_a_bound_written_in_decimals_is_not_crossed(rng):
    # The float nearest to 1/10 lies above 1/10, the one nearest to 3/10 below.
    product = draw(x=draw.reals(0.3, 0.7), v=draw.vectors(3, low=-0.1, high=0.1))
    for _ in range(300):
        raw = product.sample(rng).raw
        assert Fraction(3, 10) <= Fraction(raw["x"]) <= Fraction(7, 10)
        assert all(abs(Fraction(x)) <= Fraction(1, 10) for x in raw["v"].tolist())

    @claim("test.tenth", "x", draw(x=draw.reals(0, 0.1)))
    def tenth(xp, x, *, c=Fraction(1, 10)):
        return x, c

    last = tenth.instances.factors["x"].high
    assert certify(tenth, Instance({}, {"x": last})).conclusion is Conclusion.HOLDS
    assert math.nextafter(last, 1) > Fraction(1, 10)


@given(st.fractions(), st.integers(1, 3))
def test_ends_are_the_nearest_floats_inside(value, direction):
    low, high = checks.at_least(value), checks.at_most(value)
    assert Fraction(high) <= value <= Fraction(low)
    assert low == high or math.nextafter(high, math.inf) == low
    above, below = checks.beyond(value, 1), checks.beyond(value, -1)
    assert Fraction(below) < value < Fraction(above)
    assert Fraction(math.nextafter(above, -math.inf)) <= value
    assert Fraction(math.nextafter(below, math.inf)) >= value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_stands_for_the_decimals_that_it_is_written_as(value):
    meant = checks.number("x", value)
    assert float(meant) == value
    assert Fraction(meant) in (Fraction(value), Fraction(repr(value)))


def test_an_open_interval_stays_open(rng):
    product = draw(x=draw.positive(above=0.1, below=0.7), y=draw.positive(above=1, below=4))
    for _ in range(300):
        raw = product.sample(rng).raw
        assert Fraction(1, 10) < Fraction(raw["x"]) < Fraction(7, 10)
        assert 1 < raw["y"] < 4


def test_a_network_without_a_known_activation_does_not_pass_for_the_identity():
    from validation.instances import Network

    with pytest.raises(ValueError, match="activation must be one of"):
        Network(*[np.eye(1)] * 5, activation="sigmoid").apply(None, np.eye(1))
