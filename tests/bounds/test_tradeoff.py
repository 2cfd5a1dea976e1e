"""Section 7, `theorem.tradeoff`: where the bound is smallest in lam."""

import numpy as np
import pytest

from bounds import ORDER_ONLY, Radii, Setting, StatedProblem, tradeoff, tradeoff_order
from bounds.tradeoffs import lam_grid
from pruning import RNN

MU = np.arange(1.0, 65.0) ** -2


@pytest.mark.parametrize("count", ["dof", "determinantal"])
@pytest.mark.parametrize("n", [10**2, 10**3, 10**4, 10**5, 10**6])
def test_the_minimiser_is_interior_for_ordinary_samples(count, n):
    result = tradeoff_order(MU, n, count=count)
    assert result.interior
    assert 1 < result.nodes[result.best] < 64


@pytest.mark.parametrize("count", ["dof", "determinantal"])
@pytest.mark.parametrize("n", [1, 10**9])
def test_the_minimiser_is_at_the_boundary_for_extreme_samples(count, n):
    result = tradeoff_order(MU, n, count=count)
    assert not result.interior
    # One node for one sequence; for a billion, lam as small as the grid goes.
    assert result.nodes[result.best] == 1 if n == 1 else result.best == 0


def test_with_the_published_count_a_billion_sequences_still_have_an_interior_minimum():
    # The theory says "at the boundary for n = 1e9". That is true for k of order N; the published
    # k = 5 N log 80 N reaches 2,734 at lam = 0, and 2734^{5/4}/sqrt(1e9) = 0.63 > 0.171.
    result = tradeoff_order(MU, 10**9, count="leverage")
    assert result.interior
    assert np.exp(result.log_totals[result.best]) == pytest.approx(0.171, abs=0.001)
    assert np.exp(result.log_totals[0]) == pytest.approx(0.626, abs=0.005)
    assert not tradeoff_order(MU, 10**12, count="leverage").interior


def test_a_vanishing_lam_is_a_local_minimum_when_S_is_nonsingular():
    # sqrt(lam) has infinite slope at 0 and N(lam) a finite one.
    lams = np.geomspace(1e-14, 1e-6, 200)
    result = tradeoff_order(MU, 10**4, lams, count="dof")
    assert (np.diff(result.log_totals) >= 0).all()


def test_the_minimiser_is_the_smallest_total_of_the_grid():
    result = tradeoff_order(MU, 10**4)
    totals = np.sqrt(result.lam) + result.nodes**1.25 / 100
    assert result.best == totals.argmin()
    np.testing.assert_allclose(np.exp(result.log_totals), totals, rtol=1e-12)
    assert result.label == ORDER_ONLY


def test_a_theorem_is_evaluated_where_its_condition_can_be_met():
    rng = np.random.default_rng(0)
    m = 64
    rnn = RNN(
        np.eye(m) * 0.5, rng.normal(size=(m, 2)) / 8, np.zeros(m), np.eye(2, m), np.zeros(2), "tanh"
    )
    setting = Setting(1000, 4, 0.1)
    radii = Radii.of(rnn, 1.0)
    for theorem in ("degrees_of_freedom", "determinantal"):
        result = tradeoff(StatedProblem(rnn, setting, radii), np.diag(MU), theorem=theorem)
        for k, bound in zip(result.nodes, result.bounds):
            assert (bound is None) == (k > m)
        assert result.best is not None
        assert result.log_totals[result.best] == min(b.log_total for b in result.bounds if b)
        assert "nodes" in result.summary()


def test_a_condition_that_is_empty_everywhere_is_said():
    rnn = RNN(np.eye(2), np.ones((2, 1)), np.zeros(2), np.eye(2), np.zeros(2))
    plan = StatedProblem(rnn, Setting(10, 2, 0.1), Radii.of(rnn, 1.0))
    result = tradeoff(plan, np.eye(2), [1e-6, 1e-5])
    assert result.best is None
    assert not result.interior
    assert "violated" in result.label
    assert "more nodes than there are" in result.summary()


def test_grids_are_positive_and_increasing():
    for mu in (MU, np.zeros(3), np.array([1.0, 0.0])):
        grid = lam_grid(mu)
        assert (grid > 0).all()
        assert (np.diff(grid) > 0).all()
    for lams in ([1.0, 0.5], [0.5, 0.5], [0.0, 0.5], [-1.0, 0.5], []):
        with pytest.raises(ValueError, match="lams must be positive and increasing"):
            tradeoff_order(MU, 10, lams)
    with pytest.raises(ValueError, match="count must be one of"):
        tradeoff_order(MU, 10, count="all")
