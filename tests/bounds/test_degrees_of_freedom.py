"""N(lam) against exact rationals, from spectra and from matrices."""

from fractions import Fraction

import numpy as np
import pytest
from helpers.moments import exact_covariances
from hypothesis import assume, given
from hypothesis import strategies as st

from bounds import degrees_of_freedom, lam_for_degrees_of_freedom, leverage_scores

EPS = float(np.finfo(float).eps)
LAMS = [2.0**e for e in (-40, -20, -3, 0, 3, 20, 40)]  # 1e-12 to 1e12


def exact_dof(S, lam):
    """Tr[S (S + lam)^{-1}] by Gauss-Jordan elimination in Fractions."""
    m, lam = len(S), Fraction(lam)
    left = [[Fraction(v) for v in row] for row in S.tolist()]
    right = [row[:] for row in left]
    for i in range(m):
        left[i][i] += lam
    for i in range(m):
        pivot = left[i][i]  # positive: S + lam is positive definite
        for rows in (left, right):
            rows[i] = [v / pivot for v in rows[i]]
        for j in range(m):
            factor = left[j][i]
            if j != i and factor:
                left[j] = [a - factor * b for a, b in zip(left[j], left[i])]
                right[j] = [a - factor * b for a, b in zip(right[j], right[i])]
    return sum((right[i][i] for i in range(m)), Fraction(0))


spectra = st.lists(st.one_of(st.just(0.0), st.floats(1e-12, 1e12)), min_size=1, max_size=8)


@given(mu=spectra, lam=st.floats(1e-12, 1e12))
def test_from_eigenvalues_n_is_within_four_roundings_of_the_rational_value(mu, lam):
    exact = sum((Fraction(v) / (Fraction(v) + Fraction(lam)) for v in mu), Fraction(0))
    found = degrees_of_freedom(np.array(mu), lam)
    assert abs(Fraction(found) - exact) <= 4 * Fraction(EPS) * exact


@given(S=exact_covariances(), lam=st.sampled_from(LAMS))
def test_from_a_matrix_n_is_within_1e_8_of_the_rational_value(S, lam):
    # Copies up to 2^-20 have the condition number 1e12, and singular S are drawn too.
    exact = exact_dof(S, lam)
    found = degrees_of_freedom(S, lam)
    assert abs(Fraction(found) - exact) <= Fraction(1e-8) * exact


@given(S=exact_covariances(), lam=st.sampled_from(LAMS))
def test_leverage_scores_add_up_to_n(S, lam):
    found = leverage_scores(S, lam).sum()
    assert found == pytest.approx(degrees_of_freedom(S, lam), rel=1e-11, abs=1e-300)


@given(mu=spectra, lam=st.floats(1e-12, 1e11), factor=st.floats(1.001, 10))
def test_n_falls_in_lam_stays_in_its_range_and_lam_n_rises(mu, lam, factor):
    mu = np.array(mu)
    N, further = degrees_of_freedom(mu, lam), degrees_of_freedom(mu, lam * factor)
    rank = np.count_nonzero(mu)
    assert 0 <= further <= N <= rank
    assert mu.sum() / lam * (1 + 4 * EPS) >= N
    assert lam * N <= lam * factor * further * (1 + 8 * EPS)


@given(mu=spectra, share=st.floats(0.01, 0.99))
def test_the_inverse_gives_a_lam_that_has_at_most_these_degrees_of_freedom(mu, share):
    mu = np.array(mu)
    rank = np.count_nonzero(mu)
    assume(rank)
    N = share * rank
    lam = lam_for_degrees_of_freedom(mu, N)
    assert degrees_of_freedom(mu, lam) <= N
    assert degrees_of_freedom(mu, lam * (1 - 1e-12)) >= N * (1 - 1e-9)


def test_a_flat_spectrum_has_a_closed_form():
    assert degrees_of_freedom(3 * np.eye(7), 1.0) == pytest.approx(7 * 0.75, rel=1e-14)
    assert lam_for_degrees_of_freedom(np.full(7, 3.0), 7 * 0.75) == pytest.approx(1, rel=1e-13)


def test_a_zero_covariance_has_no_degrees_of_freedom():
    assert degrees_of_freedom(np.zeros((3, 3)), 1e-12) == 0.0


@pytest.mark.parametrize(
    ("S", "lam", "message"),
    [
        (np.eye(2), 0.0, "lam must be positive, got 0"),
        (np.eye(2), -0.1, "lam must be positive, got -0.1"),
        (np.eye(2), np.nan, "lam must be finite"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), 1.0, "S must be symmetric"),
        (-np.eye(2), 1.0, "S must be positive semidefinite"),
        (np.array([1.0, -1.0]), 1.0, "eigenvalues of S must be at least 0"),
        (np.zeros(0), 1.0, "eigenvalues of S"),
        (np.array([[np.inf]]), 1.0, "S must be finite"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(S, lam, message):
    with pytest.raises(ValueError, match=message):
        degrees_of_freedom(S, lam)


@pytest.mark.parametrize("N", [0.0, 2.0, 3.0])
def test_degrees_of_freedom_outside_the_range_have_no_lam(N):
    with pytest.raises(ValueError, match="N must be"):
        lam_for_degrees_of_freedom(np.array([1.0, 2.0, 0.0]), N)
