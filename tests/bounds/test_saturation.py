"""Saturation: independent of T, never below the error, at most the sector's sum of lags."""

import math

import numpy as np
import pytest
from helpers.network_pairs import float_pairs, pair, rounding_of_error, weightings
from hypothesis import assume, given
from hypothesis import strategies as st

from bounds.approximation import approximation_error, saturation_bound, sector_bound
from bounds.approximation.saturation import majorant
from pruning import RNN, spectral_prune
from pruning.storage import load_network
from validation.data.digits import digits


@given(
    drawn=float_pairs(),
    name=st.sampled_from(["mean", "last", "first", "rising"]),
    by_step=st.booleans(),
)
def test_never_below_the_measured_error_less_its_rounding(drawn, name, by_step):
    pruned, x, per_step = drawn
    assume(pruned.original.activation.bound < math.inf)
    assume(by_step or name == "mean")
    w = weightings(x.shape[1])[name]
    bound = saturation_bound(pruned, len(w), w, per_step if by_step else None)
    error = approximation_error(pruned, x, w) - rounding_of_error(pruned, x, w)
    assert error <= 0 or np.log(error) <= bound.log_total


def test_the_careless_form_of_one_lag_would_be_violated_and_this_one_is_not():
    # At j = 1 the states of the step before count: S_w alone would give 0.1.
    rnn = RNN(
        [[0.1, -40.0], [0.0, 0.0]],
        [[20.0, 0.0, 0.1], [0.0, 20.0, 0.0]],
        [0.0, 0.0],
        [[1.0, 0.0]],
        [0.0],
        "tanh",
    )
    x = np.eye(3)[[1, 0, 2]][None]
    h = rnn.states(x)
    steps = np.einsum("nti,ntj->tij", h, h)
    pruned = pair(rnn, [0], np.eye(2)[:, :1], steps.mean(axis=0))
    w = np.eye(3)[-1]
    error = approximation_error(pruned, x, w)
    assert error == pytest.approx(0.197, abs=1e-3)
    assert saturation_bound(pruned, 3, w, steps).total >= error


def test_refuses_an_unbounded_activation_and_weights_without_steps():
    rng = np.random.default_rng(0)
    W, V, b = rng.normal(size=(2, 2)), rng.normal(size=(2, 1)), np.zeros(2)
    x = rng.normal(size=(2, 3, 1))
    relu = spectral_prune(RNN(W, V, b, [[1.0, 1.0]], [0.0], "relu"), x, 1)
    with pytest.raises(ValueError, match="bounded"):
        saturation_bound(relu, 3)
    tanh = spectral_prune(RNN(W, V, b, [[1.0, 1.0]], [0.0], "tanh"), x, 1)
    with pytest.raises(ValueError, match="per_step"):
        saturation_bound(tanh, 3, [0.0, 0.0, 1.0])


def test_it_does_not_grow_with_the_length():
    rng = np.random.default_rng(1)
    m = 4
    rnn = RNN(
        3 * rng.normal(size=(m, m)), rng.normal(size=(m, 1)), np.zeros(m), np.ones((1, m)), [0.0],
        "tanh",
    )  # fmt: skip
    pruned = spectral_prune(rnn, rng.normal(size=(5, 40, 1)), 2)
    logs = [saturation_bound(pruned, T).log_total for T in (10, 40, 120)]
    assert max(logs) - min(logs) < 0.5
    assert sector_bound(pruned, 40).log_total > logs[1] + 3


@pytest.mark.parametrize("a", [-900, -300, 1, 500])
def test_the_read_out_may_have_any_power_of_two_as_its_unit(a):
    rng = np.random.default_rng(2)
    W, V, Wo = rng.normal(size=(3, 3)), rng.normal(size=(3, 1)), rng.normal(size=(2, 3))
    x = rng.normal(size=(4, 5, 1))
    one, two = (
        saturation_bound(spectral_prune(RNN(W, V, np.zeros(3), R, np.zeros(2), "tanh"), x, 2), 5)
        for R in (Wo, np.ldexp(Wo, a))
    )
    assert two.log_total == pytest.approx(one.log_total + a * math.log(2), rel=1e-12, abs=1e-11)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 8.0]))
def test_the_diagonal_is_above_the_matrix(k, seed, spread):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(k, k)) * 10.0 ** (-spread * rng.random(k))
    M = F.T @ F / np.square(F).sum()
    d = majorant((M + M.T) / 2, rng.random(k) + 1e-3)
    assert np.linalg.eigvalsh(np.diag(d) - M)[0] >= -1e-14 * d.max()


@pytest.mark.long
@pytest.mark.parametrize("by_step", [False, True])
def test_its_sharpness_on_the_digits(by_step):
    rnn, x = load_network("models/digits-0.safetensors"), digits().x
    pruned, T = spectral_prune(rnn, x, 21), x.shape[1]
    h = rnn.states(x)
    steps = np.einsum("nti,ntj->tij", h, h) / len(h) if by_step else None
    bound = saturation_bound(pruned, T, per_step=steps)
    error = approximation_error(pruned, x)
    assert bound.total <= (11 if by_step else 17) * error
    assert bound.total <= sector_bound(pruned, T, per_step=steps).total
