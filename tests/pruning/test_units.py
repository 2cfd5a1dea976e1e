"""Units decide nothing: S -> 4^a S gives the same bits, scaled, in every public function of S."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds import degrees_of_freedom, lam_for_degrees_of_freedom
from bounds.node_counts import node_counts
from pruning import (
    RNN,
    StateCovariance,
    information_loss,
    leverage_scores,
    reconstruction_matrix,
    select_nodes,
    spectral_prune,
)
from pruning.reconstruction import residual_covariance, ridge_schur_complement
from pruning.selection.derandomised import certified_nodes, volume_nodes
from pruning.selection.determinantal import sample_determinantal, sample_volume
from pruning.selection.leverage import sample_leverage, spectrum

EXPONENTS = st.integers(-500, 500)


@st.composite
def covariances(draw):
    """S of 1 to 6 nodes, dead ones, copies and nodes of very different size among them."""
    m = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    F = rng.normal(size=(m, m)) * rng.choice([1.0, 1e-4, 0.0], size=(m, 1), p=[0.7, 0.2, 0.1])
    if m > 1 and draw(st.booleans()):
        F[1] = F[0]
    return F @ F.T


def scaled(S, a):
    """4^a S, at a size where neither end of the range of floats is near."""
    return np.ldexp(S, 2 * a)


def same(found, before, a):
    """Bit by bit, where nothing is subnormal."""
    expected = np.ldexp(before, 2 * a)
    normal = (np.abs(expected) >= 2.0**-1022) | (np.asarray(before) == 0)
    assert np.array_equal(np.where(normal, found, 0.0), np.where(normal, expected, 0.0))


@given(S=covariances(), a=EXPONENTS, tau=st.sampled_from([None, 0.0, 1e-9, 0.5]))
def test_reconstruction_and_losses(S, a, tau):
    k = (len(S) + 1) // 2
    J, big = np.arange(k), scaled(S, a)
    moved = tau if tau is None else np.ldexp(tau, 2 * a)
    A = reconstruction_matrix(S, J, tau)
    assert np.array_equal(reconstruction_matrix(big, J, moved), A)
    same(ridge_schur_complement(big, J, moved), ridge_schur_complement(S, J, tau), a)
    same(residual_covariance(big, J, A), residual_covariance(S, J, A), a)
    same(information_loss(big, J, moved), information_loss(S, J, tau), a)
    # The weight has units of its own.
    assert information_loss(S, J, tau, scaled(S, a)) == np.ldexp(
        information_loss(S, J, tau, S), 2 * a
    )


@settings(max_examples=40)
@given(S=covariances(), a=EXPONENTS, b=EXPONENTS, seed=st.integers(0, 99))
def test_what_is_selected_does_not_depend_on_units(S, a, b, seed):
    m, big = len(S), scaled(S, a)
    k = (m + 1) // 2
    for method in ("greedy", "exhaustive", "volume"):
        for tau in (0.0, 1e-9, None):
            moved = tau if tau is None else np.ldexp(tau, 2 * a)
            before = {"weight": S + np.eye(m), "tau": tau}
            after = {"weight": scaled(S + np.eye(m), b), "tau": moved}
            if method == "volume":
                before = after = {}
            assert np.array_equal(
                select_nodes(big, k, method, **after), select_nodes(S, k, method, **before)
            )
    lam = 0.25
    moved = float(np.ldexp(lam, 2 * a))
    before, after = certified_nodes(S, lam), certified_nodes(big, moved)
    assert np.array_equal(before.nodes, after.nodes)
    assert after.degrees_of_freedom == before.degrees_of_freedom
    assert after.squared_norm == before.squared_norm
    same(after.loss, before.loss, a)
    assert np.array_equal(volume_nodes(big, k), volume_nodes(S, k))
    assert np.array_equal(
        sample_determinantal(big, moved, seed), sample_determinantal(S, lam, seed)
    )
    assert np.array_equal(sample_volume(big, k, seed), sample_volume(S, k, seed))
    if S.any():
        (nodes, tau), (other, big_tau) = (
            sample_leverage(C, v, 3, seed) for C, v in ((S, lam), (big, moved))
        )
        assert np.array_equal(nodes, other)
        same(big_tau, tau, a)


@given(S=covariances(), a=EXPONENTS)
def test_spectra_scores_and_counts(S, a):
    big, lam = scaled(S, a), 0.125
    moved = float(np.ldexp(lam, 2 * a))
    same(spectrum(big)[0], spectrum(S)[0], a)
    assert np.array_equal(spectrum(big)[1], spectrum(S)[1])
    assert np.array_equal(leverage_scores(big, moved), leverage_scores(S, lam))
    assert degrees_of_freedom(big, moved) == degrees_of_freedom(S, lam)
    assert [c.nodes for c in node_counts(big, moved)] == [c.nodes for c in node_counts(S, lam)]
    N = 0.5 * len(spectrum(S)[0])
    if N:
        # Powers of two of eigenvalues, too.
        mu = spectrum(S)[0]
        for given_, other, power in ((S, big, 2 * a), (mu, np.ldexp(mu, a), a)):
            before = lam_for_degrees_of_freedom(given_, N)
            assert lam_for_degrees_of_freedom(other, N) == np.ldexp(before, power)


@pytest.mark.parametrize("a", [-560, -500, 0, 500, 560])
def test_a_network_is_pruned_alike_whatever_the_units_of_its_inputs(a):
    rng = np.random.default_rng(3)
    rnn = RNN(
        rng.normal(size=(6, 6)) / 3, rng.normal(size=(6, 2)), np.zeros(6), np.ones((1, 6)), [0.0]
    )
    x = rng.normal(size=(20, 5, 2))
    for method in ("greedy", "volume", "determinantal"):
        before = spectral_prune(rnn, x, 3, method=method)
        after = spectral_prune(rnn, np.ldexp(x, a), 3, method=method)
        assert np.array_equal(before.nodes, after.nodes)
        assert np.array_equal(before.reconstruction, after.reconstruction)
        assert np.array_equal(
            np.ldexp(after.covariance, 2 * (after.exponent - a)), before.covariance
        )


def test_states_of_every_size_are_counted_batch_by_batch():
    h = np.array([[[1.0, 1e-200]], [[1e-250, 1e-200]], [[1e200, 1e-200]]])
    streamed = StateCovariance(2, 1)
    for one in h:
        streamed.update(one[None])
    assert streamed.exponent > 600
    top = float(np.ldexp(1e200, -streamed.exponent)) ** 2
    assert streamed.scaled[0, 0] == pytest.approx(top / 3, rel=1e-15)
    assert streamed.scaled[1, 1] == np.finfo(float).tiny  # tiny beside the other, and not dead
    merged = StateCovariance.from_states(h[:1]).merge(StateCovariance.from_states(h[1:]))
    assert merged.exponent == streamed.exponent
    assert np.array_equal(merged.scaled, streamed.scaled)
    dead = StateCovariance.from_states(np.zeros((2, 2, 2)), per_step=True)
    assert not dead.matrix.any()
    assert not dead.per_step.any()


@pytest.mark.parametrize("method", ["volume", "determinantal"])
def test_dead_nodes_are_not_taken_for_a_gain(method):
    S = np.array([[18.0, 0, -10, -8], [0, 0, 0, 0], [-10, 0, 21, -4], [-8, 0, -4, 23]])
    nodes = select_nodes(S, 2, method)
    assert 1 not in nodes
    mu = np.linalg.eigvalsh(S)[::-1]
    # (k + 1)/(k + 1 - i) times the tail, for every i <= k.
    allowed = min(3 / (3 - i) * mu[i:].sum() for i in range(3))
    assert allowed == pytest.approx(15.4, abs=0.05)
    assert information_loss(S, nodes, 0.0) <= allowed


@given(S=covariances(), k=st.integers(0, 6))
def test_the_guarantee_of_volume_sampling_holds_for_the_set_that_is_returned(S, k):
    m = len(S)
    k = min(k, m)
    mu = np.maximum(np.linalg.eigvalsh(S)[::-1], 0)
    allowed = min((k + 1) / (k + 1 - i) * mu[i:].sum() for i in range(k + 1))
    nodes = volume_nodes(S, k)
    assert len(nodes) == k
    assert information_loss(S, nodes, 0.0) <= allowed + 1e-9 * mu[0]
    live = np.flatnonzero(np.diag(S) > 0)
    if k <= len(spectrum(S)[0]):
        assert np.isin(nodes, live).all()


def test_greedy_forms_its_gains_anew_before_it_gives_up():
    S, tau = np.array([[9.0, 3, 6], [3, 1, 2], [6, 2, 4]]), 1e-9
    losses = {(0, j): information_loss(S, [0, j], tau) for j in (1, 2)}
    assert losses[0, 1] == pytest.approx(1.40e-9, rel=0.01)
    assert losses[0, 2] == pytest.approx(1.08e-9, rel=0.01)
    assert select_nodes(S, 2, "greedy", tau=tau).tolist() == [0, 2]


def test_theta_is_that_of_a_method_that_used_it():
    rng = np.random.default_rng(0)
    rnn = RNN(np.eye(4) / 2, rng.normal(size=(4, 2)), np.zeros(4), np.ones((1, 4)), [0.0])
    x = rng.normal(size=(9, 3, 2))
    assert spectral_prune(rnn, x, 2, theta=0.25).theta == 0.25
    assert spectral_prune(rnn, x, 2, theta=0.25, method="exhaustive").theta == 0.25
    for method in ("volume", "determinantal", "leverage"):
        lam = 0.1 if method == "leverage" else None
        assert spectral_prune(rnn, x, 2, method=method, lam=lam, rng=0).theta is None
    with pytest.raises(ValueError, match="theta must lie between 0 and 1"):
        spectral_prune(rnn, x, 2, theta=1.5, method="volume")


SCALES = (1e-300, 1.0, 1e300)


@pytest.mark.parametrize("method", ["greedy", "exchange", "exhaustive"])
@pytest.mark.parametrize("size", [2, 3])
def test_a_regulariser_beyond_the_units_of_the_states_chooses_as_a_large_one(method, size):
    rng = np.random.default_rng(3)
    F = rng.normal(size=(6, 6))
    S = F @ F.T
    # In units of states of 1e-150 it is no float; nothing is read of a node then, nearly.
    expected = select_nodes(S, size, method, tau=1e12)
    assert np.array_equal(select_nodes(S * 1e-300, size, method, tau=1e10), expected)
    A = reconstruction_matrix(S * 1e-300, expected, tau=1e10)
    assert np.isfinite(A).all()
    assert np.abs(A).max() < 1e-300
    assert information_loss(S * 1e-300, expected, tau=1e10) == pytest.approx(1e-300 * np.trace(S))


@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(1, 6),
    rank=st.integers(1, 6),
    scales=st.tuples(*2 * [st.sampled_from(SCALES)]),
    lam=st.sampled_from((1e-308, 1e-8, 1.0, 1e8, 1e308)),
)
def test_a_certificate_is_of_its_own_set_in_any_units(seed, m, rank, scales, lam):
    rng = np.random.default_rng(seed)
    F, L = (rng.normal(size=(m, r)) for r in (m, rank))
    S, M = F @ F.T, L @ L.T
    found = certified_nodes(S * scales[0], lam, M * scales[1])
    assert found.value <= 2 + 1e-6
    # Of the same set, in exact numbers, without the units.
    own = Fraction(lam) / Fraction(scales[0])
    mu, U = np.linalg.eigh(S)
    read = np.einsum("ij,ij->j", U, M @ U)
    each = [Fraction(max(float(a), 0.0)) for a in mu]
    N = float(sum(a / (a + own) for a in each))
    expected = sum(own * a / (a + own) * Fraction(float(b)) for a, b in zip(each, read))
    assert found.degrees_of_freedom == pytest.approx(N, rel=1e-6, abs=1e-12)
    share = Fraction(information_loss(S, found.nodes, 0.0, M)) / expected
    assert found.share == pytest.approx(float(share), rel=1e-5, abs=1e-9)
    assert found.value >= found.share


def test_a_certificate_does_not_hold_because_a_sum_is_beyond_floats():
    # Its expected loss was read as infinite, then as 0, and a set of no nodes at all was certified.
    found = certified_nodes(np.eye(10), 1.0, 1e308 * np.eye(10))
    assert len(found.nodes) / found.degrees_of_freedom + found.share == found.value
    assert 1 <= found.value <= 2
