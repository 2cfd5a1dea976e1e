"""scikit-learn's ridge regression is the reconstruction, its kernel ridge the leverage scores."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import textbook_rnn as textbook

from pruning.covariance import StateCovariance
from pruning.reconstruction import information_loss, reconstruction_matrix
from pruning.selection.leverage import leverage_scores

linear_model = pytest.importorskip("sklearn.linear_model")
pytestmark = pytest.mark.peers


@pytest.fixture
def states(rng):
    net = textbook.random_rnn(rng, 7, 3, 1, "tanh")
    return net.states(rng.standard_normal((20, 9, 3)))


@pytest.mark.parametrize("tau", [1e-6, 1e-3, 1.0])
def test_the_reconstruction_is_ridge_regression_on_the_kept_states(states, tau):
    S = StateCovariance.from_states(states).matrix
    nodes = [1, 4, 6]
    h = states.reshape(-1, 7)
    ridge = linear_model.Ridge(alpha=len(h) * tau, fit_intercept=False, solver="cholesky")
    A = ridge.fit(h[:, nodes], h).coef_

    ours = reconstruction_matrix(S, nodes, tau)

    np.testing.assert_allclose(ours, A, rtol=1e-7, atol=1e-9)
    residual = np.square(h - h[:, nodes] @ A.T).sum() / len(h) + tau * np.square(A).sum()
    assert information_loss(S, nodes, tau) == pytest.approx(residual, rel=1e-8)


@pytest.mark.parametrize("lam", [1e-3, 1.0])
def test_leverage_scores_are_the_fitted_values_of_their_own_unit_vectors(states, lam):
    # Ridge with the Cholesky factor as its design: the hat matrix is S (S + lam)^{-1}.
    S = StateCovariance.from_states(states).matrix
    factor = np.linalg.cholesky(S)
    ridge = linear_model.Ridge(alpha=lam, fit_intercept=False, solver="svd")
    fitted = [ridge.fit(factor, unit).predict(factor)[j] for j, unit in enumerate(np.eye(len(S)))]
    np.testing.assert_allclose(leverage_scores(S, lam), fitted, rtol=1e-8)
