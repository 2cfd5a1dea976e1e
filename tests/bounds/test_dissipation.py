"""Dissipation: never below the error, whatever the solver says; sharper where it should be."""

import dataclasses
import math
import sys

import numpy as np
import pytest
from helpers.network_pairs import (
    exact_pairs,
    exact_square_error,
    float_pairs,
    log_sqrt,
    pair,
    rounding_of_error,
    weightings,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bounds.approximation import (
    adversary_limit,
    approximation_bound,
    approximation_error,
    dissipation_bound,
    dissipation_program,
    sector_bound,
)
from bounds.approximation.dissipation import certified, in_units, proved
from bounds.approximation.dissipation_program import solve
from bounds.approximation.residuals import covariance_of, residuals
from pruning import RNN, prune_to, spectral_prune
from pruning.storage import load_network
from validation.data.digits import digits

needs_solver = pytest.mark.skipif(
    "clarabel" not in sys.modules
    and __import__("importlib.util").util.find_spec("clarabel") is None,
    reason="needs the extra `sharp` (Clarabel)",
)
EVERY = ("mean", "last", "first", "rising", "falling")


def check_exact(drawn, name, by_step):
    pruned, x, per_step = drawn
    w = weightings(x.shape[1])[name]
    bound = dissipation_bound(pruned, len(w), w, per_step if by_step else None)
    assert log_sqrt(exact_square_error(pruned, x, w)) <= bound.log_total
    return bound


def check_measured(drawn, name, by_step):
    pruned, x, per_step = drawn
    w = weightings(x.shape[1])[name]
    bound = dissipation_bound(pruned, len(w), w, per_step if by_step else None)
    error = approximation_error(pruned, x, w) - rounding_of_error(pruned, x, w)
    assert error <= 0 or np.log(error) <= bound.log_total
    return bound


@needs_solver
@settings(max_examples=50, deadline=None)
@given(drawn=exact_pairs(), name=st.sampled_from(EVERY), by_step=st.booleans())
def test_never_below_the_exact_error_of_a_rational_network(drawn, name, by_step):
    check_exact(drawn, name, by_step)


@needs_solver
@settings(max_examples=25, deadline=None)
@given(drawn=float_pairs(max_T=4), name=st.sampled_from(EVERY), by_step=st.booleans())
def test_never_below_the_measured_error_less_its_rounding(drawn, name, by_step):
    check_measured(drawn, name, by_step)


LONG = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


@pytest.mark.long
@needs_solver
def test_never_below_the_exact_error_of_10000_rational_networks():
    found = []

    @settings(max_examples=10_000, **LONG)
    @given(drawn=exact_pairs(), name=st.sampled_from(EVERY), by_step=st.booleans())
    def run(drawn, name, by_step):
        found.append(check_exact(drawn, name, by_step).log_total < math.inf)

    run()
    assert np.mean(found) > 0.99  # a bound that is always infinite proves nothing


@pytest.mark.long
@needs_solver
def test_never_below_the_measured_error_of_5000_networks():
    found = []

    @settings(max_examples=5_000, **LONG)
    @given(drawn=float_pairs(max_T=5), name=st.sampled_from(EVERY), by_step=st.booleans())
    def run(drawn, name, by_step):
        found.append(check_measured(drawn, name, by_step).log_total < math.inf)

    run()
    assert np.mean(found) > 0.98


def small_setting(seed, activation="relu", k=2, T=3, by_step=True):
    rng = np.random.default_rng(seed)
    m = k + 1
    rnn = RNN(
        rng.normal(size=(m, m)),
        rng.normal(size=(m, 1)),
        np.zeros(m),
        rng.normal(size=(1, m)),
        np.zeros(1),
        activation,
    )
    x = rng.normal(size=(3, T, 1))
    h = rnn.states(x)
    steps = np.einsum("nti,ntj->tij", h, h) / len(h)
    A = np.eye(m)[:, :k]
    pruned = pair(rnn, np.arange(k), A, steps.mean(axis=0))
    moments, times = (steps, 0) if by_step else (covariance_of(pruned)[None], T)
    w = np.full(T, 1 / T)
    bound = rnn.activation.bound
    setting = in_units(residuals(pruned), moments, w, pruned.nodes, bound, times)
    error = approximation_error(pruned, x)
    return setting, math.ldexp(error**2, -setting.exponent)


@needs_solver
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("by_step", [True, False])
def test_multipliers_that_a_solver_got_wrong_are_refused_or_repaired(activation, by_step):
    lied = 0
    for seed in range(2):
        setting, square = small_setting(seed, activation, by_step=by_step)
        found, _, _ = solve(setting.problem)
        true_value, _ = certified(setting, found)
        for factor in (0.9, 0.1, -1.0):
            for name in ("X", "Z"):
                wrong = dataclasses.replace(found, **{name: factor * getattr(found, name)})
                assert not proved(setting, wrong)
                value, _ = certified(setting, wrong)
                assert value >= square
                lied += value < true_value * (1 - 1e-3)
        wrong = dataclasses.replace(found, lam=-found.lam)
        assert certified(setting, wrong)[0] == math.inf
        if activation == "tanh":
            wrong = dataclasses.replace(found, caps=-1 - found.caps)
            assert certified(setting, wrong)[0] == math.inf
        else:
            wrong = dataclasses.replace(found, caps=found.caps + 1)  # ReLU has no bound
            assert certified(setting, wrong)[0] == math.inf
        wrong = dataclasses.replace(found, X=found.X * np.nan)
        assert certified(setting, wrong)[0] == math.inf
    assert lied == 0


@needs_solver
def test_output_of_the_solver_that_proves_nothing_as_it_is_is_refused_and_repaired(monkeypatch):
    refused = repaired = 0
    for iterations in (4, 8, 60):
        monkeypatch.setattr(dissipation_program, "ITERATIONS", iterations)
        for seed in range(6):
            activation = "tanh" if seed % 2 else "relu"
            setting, square = small_setting(seed, activation, by_step=seed % 3 > 0)
            found, _, _ = solve(setting.problem)
            value = certified(setting, found)[0]
            assert square <= value * (1 + 1e-12)
            if not proved(setting, found):
                refused += 1
                repaired += value < math.inf
    assert refused >= 3
    assert repaired >= 1


@needs_solver
@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([-400, -150, -33, 1, 60, 300]),
    st.sampled_from(["relu", "tanh"]),
)
def test_the_read_out_may_have_any_power_of_two_as_its_unit(seed, a, activation):
    rng = np.random.default_rng(seed)
    W, V, Wo = rng.normal(size=(3, 3)), rng.normal(size=(3, 1)), rng.normal(size=(1, 3))
    x = rng.normal(size=(2, 3, 1))
    rnn = RNN(W, V, np.zeros(3), Wo, [0.0], activation)
    other = RNN(W, V, np.zeros(3), np.ldexp(Wo, a), [0.0], activation)
    bounds = [dissipation_bound(spectral_prune(net, x, 2), 3) for net in (rnn, other)]
    logs = [bound.log_total for bound in bounds]
    assert logs[1] == pytest.approx(logs[0] + a * math.log(2), rel=1e-13, abs=1e-12)


@needs_solver
@pytest.mark.parametrize("a", [-500, -170, 90, 450])
def test_relu_states_may_have_any_power_of_two_as_their_unit(a):
    rng = np.random.default_rng(3)
    W, V, Wo = rng.normal(size=(3, 3)), rng.normal(size=(3, 1)), rng.normal(size=(1, 3))
    x = rng.normal(size=(2, 3, 1))
    rnn = RNN(W, V, np.zeros(3), Wo, [0.0], "relu")
    one = dissipation_bound(spectral_prune(rnn, x, 2), 3).log_total
    two = dissipation_bound(spectral_prune(rnn, np.ldexp(x, a), 2), 3).log_total
    assert one < math.inf
    assert two == pytest.approx(one + a * math.log(2), rel=1e-13, abs=1e-12)


def test_without_the_solver_the_bound_is_infinite_and_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "clarabel", None)
    rng = np.random.default_rng(0)
    rnn = RNN(
        rng.normal(size=(3, 3)), rng.normal(size=(3, 1)), [0.0] * 3, np.ones((1, 3)), [0.0], "tanh"
    )
    pruned = spectral_prune(rnn, rng.normal(size=(2, 3, 1)), 2)
    bound = dissipation_bound(pruned, 3)
    assert bound.log_total == math.inf
    assert "extra `sharp`" in " ".join(bound.notes)
    sharpest = approximation_bound(pruned, 3, "sharpest")
    assert sharpest.log_total < math.inf
    assert "extra `sharp`" in " ".join(sharpest.notes)


def test_a_program_too_large_for_the_solver_is_refused_with_its_size():
    rng = np.random.default_rng(0)
    m = 70
    rnn = RNN(
        rng.normal(size=(m, m)) / 8, np.ones((m, 1)), np.zeros(m), np.ones((1, m)), [0.0], "relu"
    )
    bound = dissipation_bound(spectral_prune(rnn, rng.normal(size=(2, 30, 1)), 64), 30)
    assert bound.log_total == math.inf
    assert "numbers to factor" in bound.notes[0]


def test_best_says_that_there_is_a_sharper_one():
    rng = np.random.default_rng(0)
    rnn = RNN(
        rng.normal(size=(3, 3)), rng.normal(size=(3, 1)), [0.0] * 3, np.ones((1, 3)), [0.0], "tanh"
    )
    best = approximation_bound(spectral_prune(rnn, rng.normal(size=(2, 3, 1)), 2), 3, "best")
    assert "--sharpest" in " ".join(best.notes)


@needs_solver
@pytest.mark.parametrize(("name", "limit"), [("digits-0", 8.0), ("digits-relu-0", 18.0)])
def test_it_is_sharper_than_sector_on_a_trained_network(name, limit):
    rnn, x = load_network(f"models/{name}.safetensors"), digits().x
    pruned = spectral_prune(rnn, x, 6)
    T = x.shape[1]
    ratio = dissipation_bound(pruned, T).total / approximation_error(pruned, x)
    assert ratio <= limit
    assert ratio < sector_bound(pruned, T).total / approximation_error(pruned, x)
    assert adversary_limit(pruned, x[:200], bounded="relu" not in name).total > 0


@pytest.mark.long
@needs_solver
@pytest.mark.parametrize(
    ("name", "mean", "step"), [("digits-0", 15.0, 9.0), ("digits-relu-0", 22.0, 7.5)]
)
@pytest.mark.timeout(1800)
def test_the_certified_sharpness_on_the_digits(name, mean, step):
    rnn, x = load_network(f"models/{name}.safetensors"), digits().x
    pruned, T = spectral_prune(rnn, x, 21), x.shape[1]
    h = rnn.states(x)
    steps = np.einsum("nti,ntj->tij", h, h) / len(h)
    error = approximation_error(pruned, x)
    assert dissipation_bound(pruned, T).total <= mean * error
    assert dissipation_bound(pruned, T, per_step=steps).total <= step * error


def test_where_nothing_moves_nothing_is_searched(monkeypatch):
    monkeypatch.setitem(sys.modules, "clarabel", None)
    rnn = RNN([[0.5, 1.0], [0, 0]], [[1.0], [1.0]], [0, 0], [[1.0, 1.0]], [0.0], "relu")
    pruned = prune_to(rnn, -np.ones((3, 4, 1)), np.array([0]), reconstruct=False)
    assert dissipation_bound(pruned, 4).total == 0
