"""`select` answers with a value: nodes, the regulariser that belongs to them, and theta."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning import RNN, sample_leverage, spectral_prune
from pruning.selection import METHODS, Selection, select, select_nodes
from pruning.selection.dispatch import WEIGHTED

M = 5


def moments(seed: int, rank: int, exponent: int = 0) -> np.ndarray:
    F = np.random.default_rng(seed).normal(size=(M, rank))
    return np.ldexp(F @ F.T, exponent)


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 99), rank=st.integers(1, M), k=st.integers(0, M))
def test_every_method_answers_with_its_nodes_their_tau_and_theta(method, seed, rank, k):
    S, tau = moments(seed, rank), np.linspace(0.1, 0.5, M)
    given = {"lam": 0.5} if method == "leverage" else {}
    found = select(S, k, method, tau=tau, rng=seed, theta=0.25, **given)

    if method in WEIGHTED:
        given["tau"] = tau
    nodes = select_nodes(S, k, method, rng=seed, **given)
    assert isinstance(found, Selection)
    assert found.nodes.tolist() == nodes.tolist() == sorted(set(nodes.tolist()))
    assert found.tau.tolist() == tau[nodes].tolist()
    assert found.theta == (0.25 if method in WEIGHTED else None)


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 99), exponent=st.integers(-300, 300))
def test_without_a_tau_there_is_the_default_or_that_of_the_draws(method, seed, exponent):
    S, lam = moments(seed, M, exponent), float(np.ldexp(0.5, exponent))
    found = select(S, 3, method, lam=lam if method == "leverage" else None, rng=seed)

    if method == "leverage":
        nodes, tau = sample_leverage(S, lam, 3, seed)
        assert found.nodes.tolist() == nodes.tolist()
        assert found.tau.tolist() == tau.tolist()
    else:
        assert set(found.tau.tolist()) == {1e-8 * float(np.trace(S)) / M}


def test_a_selection_cannot_be_changed():
    found = select(np.eye(3), 2)
    with pytest.raises(FrozenInstanceError):
        found.theta = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("method", METHODS)
def test_pruning_takes_tau_and_theta_from_the_selection(method):
    rng = np.random.default_rng(3)
    S = moments(3, M)
    rnn = RNN(rng.normal(size=(M, M)), np.ones((M, 2)), np.zeros(M), np.ones((1, M)), [0.0])
    given = {"theta": 0.25} if method in WEIGHTED else {}
    lam = 0.5 if method == "leverage" else None
    pruned = spectral_prune(rnn, S, 3, method=method, lam=lam, rng=1, **given)

    assert pruned.theta == (0.25 if method in WEIGHTED else None)
    distinct = len(set(np.round(pruned.tau, 12).tolist()))
    assert distinct == (len(pruned.nodes) if method == "leverage" else 1)
