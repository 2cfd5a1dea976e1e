"""The theorems for some set of nodes know the units of a covariance of extreme states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds import StatedProblem, degrees_of_freedom_bound, generalization_bound
from bounds.assembly import Setting
from bounds.comparison import compare
from bounds.generalization import BY_NODES
from bounds.lipschitz import Radii
from bounds.sample import largest_input
from pruning import RNN, PrunedRNN, spectral_prune

M, T = 4, 3


def pair(seed: int, power: int) -> tuple[PrunedRNN, np.ndarray, np.ndarray]:
    """A ReLU network without biases: its states are those of power 0 times 2^power, bit by bit."""
    rng = np.random.default_rng(seed)
    rnn = RNN(
        0.3 * rng.normal(size=(M, M)),
        rng.normal(size=(M, 2)),
        np.zeros(M),
        rng.normal(size=(2, M)),
        np.zeros(2),
        "relu",
    )
    x = np.ldexp(rng.normal(size=(30, T, 2)), power)
    return spectral_prune(rnn, x, 2), x, rng.integers(0, 2, 30)


@pytest.mark.parametrize("theorem", BY_NODES)
@given(
    seed=st.integers(0, 20),
    power=st.sampled_from([-480, -450, -400, 300, 401, 450, 480]),
    lam=st.sampled_from([None, 0.125, 4.0]),
)
def test_inputs_in_other_units_with_the_margin_in_them_have_the_same_bound(
    theorem, seed, power, lam
):
    totals = []
    for e in (0, power):
        if lam is not None and not -500 < 2 * e < 500:
            return  # lam itself would leave the range of floats
        pruned, x, y = pair(seed, e)
        given_lam = None if lam is None else float(np.ldexp(lam, 2 * e))
        bound = generalization_bound(pruned, x, y, theorem, gamma=2.0**e, lam=given_lam)
        totals.append(bound["approximation"].log_value)
    assert totals[1] == pytest.approx(totals[0], abs=1e-9)
    assert totals[1] >= totals[0] - 1e-10


@pytest.mark.parametrize("theorem", BY_NODES)
def test_a_margin_that_was_not_moved_makes_the_bound_larger_with_the_states(theorem):
    """With the units dropped the error of huge states was exp(-344)."""
    (small, x, y), (huge, big, _) = pair(0, 0), pair(0, 500)
    assert huge.exponent > 0
    one = generalization_bound(small, x, y, theorem)["approximation"].log_value
    two = generalization_bound(huge, big, y, theorem)["approximation"].log_value
    assert two == pytest.approx(one + 500 * math.log(2), abs=1e-9)
    compared = {bound.id: bound for bound in compare(huge, big, y)}
    assert compared[f"theorem.{theorem}"]["approximation"].log_value == pytest.approx(two)


@given(st.integers(0, 50), st.integers(-1000, 1000))
def test_the_largest_input_is_an_upper_end_in_every_unit(seed, power):
    x = np.random.default_rng(seed).normal(size=(4, 3, 2))
    assert largest_input(np.ldexp(x, power)) == np.ldexp(largest_input(x), power)


def test_moments_in_other_units_than_the_pair_are_refused():
    huge, _, _ = pair(0, 500)
    radii = Radii.of(huge.original, 2.0**503)
    plan = StatedProblem(huge.original, Setting(30, T, 0.1), radii)
    with pytest.raises(ValueError, match=r"exponent must be that of `pruned`, 50\d, .* got 0"):
        degrees_of_freedom_bound(plan, huge.covariance, 2, pruned=huge)
