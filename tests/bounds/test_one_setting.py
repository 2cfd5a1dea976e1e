"""The one-call API, the comparison and the report are put together by one `Problem`."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bounds import Problem, Radii, compare, generalization_bound
from bounds.comparison import comparison
from bounds.generalization import BY_NODES, theorem_bound
from bounds.sample import largest_input, mean_loss
from pruning import RNN, spectral_prune
from validation.data.dataset import Dataset
from validation.report.reference import examine
from validation.report.settings import Settings

RNG = np.random.default_rng(11)
X = RNG.uniform(-1, 1, size=(40, 3, 2))
Y = RNG.integers(0, 2, 40)
LARGE = RNN(
    0.4 * RNG.normal(size=(5, 5)), RNG.normal(size=(5, 2)), np.zeros(5), RNG.normal(size=(2, 5)),
    [0.1, 0],
)  # fmt: skip
PRUNED = spectral_prune(LARGE, X, 2)


def small_report(**data):
    sample = Dataset("drawn", X, Y, **data)
    plan = Settings(m=5, seeds=1, epochs=1)
    return examine(plan, sample, LARGE)


def test_the_report_and_the_one_call_give_the_same_theorem_bit_by_bit():
    reference = small_report(x_bound=2.0)
    for bound in reference.bounds:
        name = bound.id.removeprefix("theorem.")
        if name not in BY_NODES:
            continue
        again = generalization_bound(reference.pruned, X, Y, name, input_bound=2.0)
        assert again.log_total == bound.log_total
        assert [t.log_value for t in again.terms] == [t.log_value for t in bound.terms]


def test_the_comparison_and_the_one_call_give_the_same_theorem_bit_by_bit():
    beside = comparison(PRUNED, X, Y, input_bound=2.0)
    for name in BY_NODES:
        found = beside.theorem(f"theorem.{name}")
        again = generalization_bound(PRUNED, X, Y, name, input_bound=2.0)
        assert again.log_total == found.log_total
    found = beside.theorem("theorem.fixed_nodes")
    again = generalization_bound(
        PRUNED, X, Y, input_bound=2.0, approximation="weighted_from_mean", split="equal"
    )
    for mine, other in zip(found.terms, again.terms):
        assert mine.name == other.name
        assert mine.log_value == other.log_value


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
@example([0.1] * 3)
@example([1.0])
@example([1.0 - 2**-53] * 7)
@settings(deadline=None)
def test_the_empirical_loss_is_never_below_the_mean_of_the_losses(losses):
    exact = sum(map(Fraction, losses)) / len(losses)
    assert exact <= Fraction(mean_loss(np.array(losses), "margin_ramp")) <= 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
@settings(deadline=None)
def test_a_loss_without_a_largest_value_is_not_cut(losses):
    exact = sum(map(Fraction, losses)) / len(losses)
    assert exact <= Fraction(mean_loss(np.array(losses), "squared"))


@pytest.mark.parametrize("share", [0.0, 0.5, 1 - 1e-6])
def test_an_input_bound_that_the_sample_exceeds_is_refused_everywhere(share):
    low = share * largest_input(X)
    for call in (
        lambda: compare(PRUNED, X, Y, input_bound=low),
        lambda: generalization_bound(PRUNED, X, Y, input_bound=low),
        lambda: Problem(LARGE, X, Y, input_bound=low).measured,
        lambda: small_report(x_bound=low),
    ):
        with pytest.raises(ValueError, match=r"input_bound must be at least every \|\|x_t\|\|"):
            call()


@pytest.mark.parametrize("bound", [np.nan, np.inf, -1.0])
def test_an_input_bound_that_is_no_length_is_refused_by_its_name(bound):
    for call in (
        lambda: compare(PRUNED, X, Y, input_bound=bound),
        lambda: generalization_bound(PRUNED, X, Y, input_bound=bound),
    ):
        with pytest.raises(ValueError, match=r"^input_bound must be "):
            call()


def test_radii_for_smaller_inputs_than_those_of_the_sample_are_refused():
    radii = replace(Radii.of(PRUNED.pruned, 0.1), fixed=True, data_fixed=True)
    for call in (
        lambda: compare(PRUNED, X, Y, radii=radii),
        lambda: generalization_bound(PRUNED, X, Y, radii=radii),
    ):
        with pytest.raises(ValueError, match="the radius of the inputs must be at least"):
            call()


def test_a_theorem_refuses_the_sample_of_another_network():
    other = RNN(LARGE.w_hidden, LARGE.w_input, LARGE.b_hidden, LARGE.w_output, [0, 0.2])
    with pytest.raises(ValueError, match="must be of the compressed network for fixed_nodes"):
        theorem_bound("fixed_nodes", PRUNED, Problem(other, X, Y))
    with pytest.raises(ValueError, match="must be of the large network for determinantal"):
        theorem_bound("determinantal", PRUNED, Problem(PRUNED.pruned, X, Y))
    with pytest.raises(ValueError, match="whole must be of the large network"):
        theorem_bound(
            "determinantal", PRUNED, Problem(LARGE, X, Y), whole=Problem(PRUNED.pruned, X, Y)
        )
