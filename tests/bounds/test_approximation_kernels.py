"""Gains of the recurrence against exact rationals and forty-digit arithmetic."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.approximation.kernels import (
    log_geometric_sum,
    log_geometric_toeplitz_norm,
    log_power_norms,
    log_powers,
    log_toeplitz_norm,
    power_kernel,
)
from bounds.approximation.residuals import Residuals, log_norm, log_residual_norm

RATIOS = [2.0**-40, 0.25, 1 - 2.0**-30, 1.0, 1 + 2.0**-40, 1.0625, 1.5, 3.0, 1024.0]


def exact_log(value):
    with mpmath.workdps(60):
        return mpmath.log(mpmath.mpf(value.numerator) / value.denominator)


@pytest.mark.parametrize("a", RATIOS)
@pytest.mark.parametrize("T", [2, 3, 50, 784])
def test_the_geometric_sum_is_rounded_up_and_within_a_relative_1e_10(a, T):
    exact = exact_log(sum(Fraction(a) ** j for j in range(T - 1)))
    found = log_geometric_sum(math.log(a), T)
    # math.log(a) itself is off by half an ulp of at most |log a|, T - 2 times.
    given_log = T * math.ulp(math.log(a))
    assert exact <= found + given_log
    assert found - exact <= 1e-10


def test_a_ratio_of_three_over_784_steps_is_a_number_like_any_other():
    assert log_geometric_sum(math.log(3), 784) / math.log(10) == pytest.approx(373.2, abs=0.1)
    assert log_geometric_sum(0.0, 1) == -math.inf
    assert log_geometric_sum(-math.inf, 5) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("T", [2, 3, 50, 784, 20000])
def test_the_toeplitz_norm_at_ratio_one_has_a_closed_form(T):
    exact = 1 / (2 * math.sin(math.pi / (4 * T - 2)))
    found = math.exp(log_geometric_toeplitz_norm(0.0, T))
    assert exact * (1 - 1e-14) <= found <= exact * (1 + 1e-7)


def test_the_toeplitz_norm_of_fifty_steps_is_31_and_a_half_for_49():
    assert round(math.exp(log_geometric_toeplitz_norm(0.0, 50)), 1) == 31.5
    assert math.exp(log_geometric_sum(0.0, 50)) == pytest.approx(49)


@given(
    a=st.one_of(st.sampled_from(RATIOS), st.floats(0.01, 4)),
    T=st.integers(2, 7),
)
def test_both_toeplitz_norms_enclose_the_forty_digit_value_from_above(a, T):
    with mpmath.workdps(40):
        entry = lambda s, t: mpmath.mpf(a) ** (s - t) if s >= t else mpmath.mpf(0)  # noqa: E731
        L = mpmath.matrix(T - 1, T - 1)
        for s in range(T - 1):
            for t in range(T - 1):
                L[s, t] = entry(s, t)
        exact = mpmath.log(max(mpmath.svd_r(L, compute_uv=False)))
    log_a = math.log(a)
    given_log = T * math.ulp(log_a)
    for found in (
        log_geometric_toeplitz_norm(log_a, T),
        log_toeplitz_norm(log_powers(log_a, T)),
    ):
        assert exact <= found + given_log
        assert found - exact <= 1e-10


@pytest.mark.parametrize("a", [0.5, 1.0, 1.002, 1.1, 3.0])
def test_the_linear_time_toeplitz_norm_agrees_with_singular_values(a):
    dense = log_toeplitz_norm(log_powers(math.log(a), 300))
    fast = log_geometric_toeplitz_norm(math.log(a), 300)
    assert fast == pytest.approx(dense, rel=1e-9, abs=1e-9)


@given(seed=st.integers(0, 2**32 - 1), N=st.integers(1, 12))
def test_weights_multiply_the_rows_of_the_toeplitz_matrix(seed, N):
    rng = np.random.default_rng(seed)
    kernel, w = rng.normal(size=N), rng.random(N) * (rng.random(N) < 0.7)
    L = np.zeros((N, N))
    for s in range(N):
        for t in range(s + 1):
            L[s, t] = math.sqrt(w[s]) * math.exp(kernel[s - t])
    found = log_toeplitz_norm(kernel, w)
    exact = np.linalg.norm(L, 2)
    assert (found == -math.inf and exact == 0) or exact <= math.exp(found) <= exact * (1 + 1e-9)


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 5), T=st.integers(2, 9))
def test_power_norms_enclose_the_powers_of_an_integer_matrix_from_above(seed, k, T):
    W = np.random.default_rng(seed).integers(0, 4, size=(k, k)).astype(float)
    found = log_power_norms(W, T)
    power = mpmath.eye(k)
    with mpmath.workdps(40):
        exact_W = mpmath.matrix(W.tolist())
        for j in range(T - 1):
            size = max(mpmath.svd_r(power, compute_uv=False))
            if size < mpmath.mpf(10) ** -30:
                assert found[j] == -math.inf
            else:
                assert 0 <= found[j] - mpmath.log(size) <= 1e-11
            power = power * exact_W


def test_a_block_that_dies_does_not_hide_one_that_underflows_beside_it():
    # The nilpotent block has norm 1 up to its fourth power; the other is 1e-90 and lives on.
    W = np.zeros((6, 6))
    W[:5, :5] = np.eye(5, k=1)
    W[5, 5] = 1e-90
    found = log_power_norms(W, 10)
    assert all(found[j] >= j * math.log(1e-90) for j in range(5, 8))
    assert found[8] > -math.inf


def test_powers_of_a_nearly_triangular_matrix_pay_for_no_condition_number():
    W = 0.5 * np.eye(8) + 0.4 * np.triu(np.ones((8, 8)), 1)
    parts = Residuals(np.eye(8), np.eye(8), W, np.eye(8), 1.0)
    by_norm = log_geometric_toeplitz_norm(parts.log_kappa, 50)
    by_power = log_toeplitz_norm(power_kernel(parts, 50))
    exact = [np.linalg.norm(np.linalg.matrix_power(W, j), 2) for j in range(49)]
    assert by_power <= math.log(sum(exact)) + 1e-9
    assert by_norm > math.log(8e16)
    assert by_power < math.log(81)


@given(seed=st.integers(0, 2**32 - 1), shift=st.sampled_from([-300, -3, 0, 300]))
def test_a_spectral_norm_is_rounded_up_at_any_scale(seed, shift):
    W = np.random.default_rng(seed).integers(-3, 4, size=(3, 4)).astype(float)
    if not W.any():
        assert log_norm(W) == -math.inf
        return
    with mpmath.workdps(40):
        size = max(mpmath.svd_r(mpmath.matrix(W.tolist()), compute_uv=False))
        exact = mpmath.log(size) + shift * mpmath.log(2)
    found = log_norm(W * 2.0**shift)
    assert 0 <= found - exact <= 1e-12


@given(seed=st.integers(0, 2**32 - 1))
def test_a_residual_norm_is_never_below_its_exact_value_however_singular_the_covariance(seed):
    rng = np.random.default_rng(seed)
    m, rank = int(rng.integers(1, 6)), int(rng.integers(0, 4))
    F = rng.integers(-3, 4, size=(m, rank)) * 2.0 ** -rng.integers(0, 20, size=(m, 1))
    S = F @ F.T
    G = rng.integers(-3, 4, size=(2, m)).astype(float)
    if rank and rng.random() < 0.5:
        # Rows that kill the range of F as far as float64 can say.
        G = G @ (np.eye(m) - F @ np.linalg.pinv(F))
    rows = [[Fraction(v) for v in row] for row in G.tolist()]
    columns = [[Fraction(v) for v in column] for column in F.T.tolist()]
    square = sum(
        sum((a * b for a, b in zip(row, column)), Fraction(0)) ** 2
        for row in rows
        for column in columns
    )
    found = log_residual_norm(G, S)
    if square:
        assert exact_log(Fraction(square)) / 2 <= found
    reach = np.abs(G) @ np.sqrt(np.diag(S))
    wide = float(square) + 1e-12 * float(reach @ reach)
    assert found == -math.inf or math.exp(found) <= math.sqrt(wide) * (1 + 1e-9)
