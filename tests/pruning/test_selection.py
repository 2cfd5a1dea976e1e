"""Section 1 of the theory: `selection.*`, against oracles that solve every set by itself."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from helpers.moments import (
    exact_covariances,
    exact_gains,
    exact_norm,
    exact_schur,
    node_sets,
    rational,
    ridges,
    spectra_covariances,
)
from hypothesis import given
from hypothesis import strategies as st

from pruning import RNN, information_loss, select_nodes, selection_weight
from pruning.checks import factored_covariance, in_units, unit_exponent
from pruning.factor import rank_tolerance
from pruning.selection import greedy_order


@st.composite
def problems(draw, max_m=6):
    """S exact, tau with zeros, M the identity, of low rank, or regular; all exact in float64."""
    S = draw(exact_covariances(max_m))
    m = len(S)
    kind = draw(st.sampled_from(["identity", "one row", "regular"]))
    if kind == "identity":
        M = np.eye(m)
    else:
        rows = 1 if kind == "one row" else m + 1
        entries = draw(st.lists(st.integers(-3, 3), min_size=rows * m, max_size=rows * m))
        Z = np.array(entries, dtype=float).reshape(rows, m)
        M = Z.T @ Z + (kind == "regular") * np.eye(m)
    return S, M, draw(ridges(m)), kind


def rounding(S, M):
    """The share of Tr[M S] that rounding at the rank tolerance may move between gains."""
    return 4 * rank_tolerance(len(S)) * np.sum(np.sqrt(np.outer(np.diag(M), np.diag(S)))) ** 2


@given(problems())
def test_greedy_matches_resolving_every_candidate_in_rationals(problem):
    # Each choice is compared after the choices before it, so that one tie does not end the test.
    S, M, tau, kind = problem
    m = len(S)
    order = greedy_order(S, m, None if kind == "identity" else M, tau)
    assert sorted(order.tolist()) == list(range(m))
    exact_M, C, closed = rational(M), rational(S), set()
    for j in order.tolist():
        gains = exact_gains(C, exact_M, tau, closed)
        best = float(max(gains))
        assert float(gains[j]) >= best * (1 - 1e-6) - rounding(S, M)
        C = exact_schur_step(C, j, tau[j])
        closed.add(j)


@given(problems())
def test_without_near_ties_greedy_equals_the_oracle_node_for_node(problem):
    S, M, tau, kind = problem
    exact_M, C, closed = rational(M), rational(S), set()
    oracle = []
    for _ in range(len(S)):
        gains = exact_gains(C, exact_M, tau, closed)
        ranked = sorted(gains, reverse=True)
        second = float(ranked[1]) if len(ranked) > 1 else 0.0
        if float(ranked[0]) * (1 - 1e-6) - rounding(S, M) <= second:
            break
        oracle.append(gains.index(ranked[0]))
        C = exact_schur_step(C, oracle[-1], tau[oracle[-1]])
        closed.add(oracle[-1])
    order = greedy_order(S, len(oracle), None if kind == "identity" else M, tau)
    assert order.tolist() == oracle


def exact_schur_step(C, j, tau):
    pivot = C[j][j] + Fraction(float(tau))
    if pivot == 0:
        return C
    column = [row[j] for row in C]
    return [[a - column[i] * b / pivot for a, b in zip(row, column)] for i, row in enumerate(C)]


@given(spectra_covariances(), st.integers(0, 2**32 - 1), st.data())
def test_greedy_reaches_the_loss_of_a_naive_greedy_on_hard_spectra(S, seed, data):
    m = len(S)
    k = data.draw(st.integers(0, m))
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(m, m))
    M = Z.T @ Z
    chosen = []
    for _ in range(k):
        rest = [j for j in range(m) if j not in chosen]
        losses = [information_loss(S, [*chosen, j], 0.0, M) for j in rest]
        chosen.append(rest[int(np.argmin(losses))])
        fast = greedy_order(S, len(chosen), M)
        slack = rounding(S, M)
        if information_loss(S, fast, 0.0, M) > losses[int(np.argmin(losses))] * (1 + 1e-6) + slack:
            # A tie long ago may lead elsewhere: then the fast one must be greedy on its own path.
            before = fast[:-1]
            again = [information_loss(S, [*before, j], 0.0, M) for j in range(m) if j not in before]
            assert information_loss(S, fast, 0.0, M) <= min(again) * (1 + 1e-6) + slack


def test_greedy_holds_when_the_gains_fall_by_twenty_digits():
    # H = C M C falls with the square of C; without refreshing, its rounding would pick the nodes.
    rng = np.random.default_rng(1)
    m = 24
    scales = 10.0 ** -np.linspace(0, 10, m)
    Q = np.linalg.qr(rng.normal(size=(m, m)))[0]
    F = scales[:, None] * (np.eye(m) + 0.1 * Q)
    S = F @ F.T
    order = greedy_order(S, m, np.eye(m))
    C, closed = rational(S), set()
    identity = rational(np.eye(m))
    for j in order.tolist()[:16]:
        gains = exact_gains(C, identity, np.zeros(m), closed)
        assert float(gains[j]) >= float(max(gains)) * (1 - 1e-6)
        C = exact_schur_step(C, j, 0.0)
        closed.add(j)


def test_near_copies_are_not_chosen_for_the_rounding_of_their_gain():
    # 20 nodes, each with a copy that differs by 1e-7, and a tail of small independent nodes: once
    # one of each pair is chosen, the copies are worth 1e-14, the tail 1e-9 and less.
    rng = np.random.default_rng(2)
    big = rng.normal(size=(20, 60))
    big[:, 40:] = 0
    copies = big + 1e-7 * np.pad(rng.normal(size=(20, 20)), ((0, 0), (20, 20)))
    tail = np.zeros((10, 60))
    tail[:, 50:] = np.diag(10.0 ** -np.linspace(4.5, 6, 10))
    F = np.vstack([big, copies, tail])
    S = F @ F.T
    order = greedy_order(S, 30)
    assert sorted(order[20:].tolist()) == list(range(40, 50))


@given(problems(), st.data())
def test_the_objective_never_increases_when_a_node_is_added(problem, data):
    S, M, tau, _ = problem
    m = len(S)
    nodes = data.draw(node_sets(m))
    more = np.union1d(nodes, [data.draw(st.integers(0, m - 1))])
    before = information_loss(S, nodes, tau[nodes], M)
    after = information_loss(S, more, tau[more], M)
    exact_before = trace_product(rational(M), exact_schur(S, nodes, tau[nodes]))
    exact_after = trace_product(rational(M), exact_schur(S, more, tau[more]))
    assert exact_after <= exact_before
    # and the floats do not contradict it by more than they may be wrong
    slack = abs(before - float(exact_before)) + abs(after - float(exact_after))
    assert after <= before + slack + 1e-12 * before


def trace_product(M, C):
    return sum((a * b for r, c in zip(M, C) for a, b in zip(r, c)), Fraction(0))


def test_with_kept_rows_only_the_loss_of_the_kept_may_grow_and_fall():
    # `selection.monotone`: two equal nodes that only feed each other.
    W = np.array([[0.0, 1], [1, 0]])
    S = np.eye(2)
    chain = ([], [0], [0, 1])
    kept = [information_loss(S, J, 0.0, W[J].T @ W[J]) for J in chain]
    assert kept == [0.0, 1.0, 0.0]
    rnn = RNN(W, np.ones((2, 1)), np.zeros(2), np.zeros((1, 2)), [0.0])
    M = selection_weight(rnn, 0.0, normalise=False)
    assert [information_loss(S, J, 0.0, M) for J in chain] == [2.0, 1.0, 0.0]


@given(problems(5), st.data())
def test_exhaustive_is_the_minimum_and_greedy_is_not_below_it(problem, data):
    S, M, tau, _ = problem
    k = data.draw(st.integers(0, len(S)))
    exact_M = rational(M)

    def exact(nodes):
        nodes = np.asarray(nodes, dtype=int)
        return trace_product(exact_M, exact_schur(S, nodes, tau[nodes]))

    sets = list(combinations(range(len(S)), k))
    least = min(exact(nodes) for nodes in sets)
    best = exact(select_nodes(S, k, "exhaustive", M, tau))
    # Sets of near copies have losses that floats know to eps ||A||^2 only.
    norm = max(exact_norm(S, nodes, tau[list(nodes)]) for nodes in sets)
    assert float(best) <= float(least) * (1 + 1e-9) + rounding(S, M) * (1 + norm**2)
    assert exact(select_nodes(S, k, "greedy", M, tau)) >= least


@given(problems(), st.data())
def test_no_set_of_nodes_beats_the_best_subspace(problem, data):
    S, _, tau, _ = problem
    nodes = data.draw(node_sets(len(S)))
    mu = np.linalg.eigvalsh(S)[::-1]
    exact = exact_schur(S, nodes, tau[nodes])
    loss = float(sum((exact[i][i] for i in range(len(S))), Fraction(0)))
    assert loss >= mu[len(nodes) :].sum() - 1e-13 * np.trace(S)


@given(problems())
def test_longer_selections_begin_with_the_shorter_ones(problem):
    S, M, tau, _ = problem
    order = greedy_order(S, len(S), M, tau)
    for k in range(len(S)):
        assert np.array_equal(greedy_order(S, k, M, tau), order[:k])


@given(spectra_covariances(), st.integers(-450, 450))
def test_units_of_the_states_do_not_change_the_choice(S, exponent):
    unit = np.ldexp(1.0, 2 * exponent)
    k = len(S) // 2
    assert np.array_equal(select_nodes(S * unit, k), select_nodes(S, k))


@given(st.integers(1, 6), st.data())
def test_dead_nodes_come_last_but_come(alive, data):
    dead = data.draw(st.integers(1, 5))
    m = alive + dead
    where = data.draw(st.permutations(range(m)))
    F = np.zeros((m, m))
    F[where[:alive]] = np.random.default_rng(alive).normal(size=(alive, m))
    S = F @ F.T
    assert sorted(greedy_order(S, m).tolist()[:alive]) == sorted(where[:alive])
    assert select_nodes(S, m).tolist() == list(range(m))
    assert select_nodes(np.zeros((m, m)), 2).tolist() == [0, 1]


def test_a_node_with_a_large_tau_is_passed_over():
    S = np.diag([3.0, 2.0, 1.0])
    assert select_nodes(S, 1).tolist() == [0]
    # gains 9/(3 + 10), 4/(2 + 0), 1/(1 + 0)
    assert select_nodes(S, 1, tau=[10.0, 0, 0]).tolist() == [1]
    assert select_nodes(S, 2, tau=[10.0, 0, 0]).tolist() == [1, 2]


def test_the_weight_decides():
    S = np.diag([3.0, 2.0, 1.0])
    assert select_nodes(S, 1, weight=np.diag([0.0, 1.0, 9.0])).tolist() == [2]


def test_the_normalised_weight_has_trace_one_at_every_theta(rng):
    rnn = RNN(
        rng.normal(size=(5, 5)), rng.normal(size=(5, 2)), np.zeros(5), np.ones((3, 5)), [0] * 3
    )
    for theta in (0.0, 0.3, 1.0):
        assert np.trace(selection_weight(rnn, theta)) == pytest.approx(1)
    # both blocks count the same, whatever their size
    larger = RNN(rnn.w_hidden * 100, rnn.w_input, rnn.b_hidden, rnn.w_output, rnn.b_output)
    assert np.allclose(selection_weight(rnn, 0.0), selection_weight(larger, 0.0))
    Z = np.vstack([rnn.w_output, rnn.w_hidden])
    assert np.allclose(selection_weight(rnn, 0.25, False), 0.25 * np.eye(5) + 0.75 * Z.T @ Z)


def test_a_network_that_nothing_reads_has_weight_zero_not_nan():
    rnn = RNN(np.zeros((2, 2)), np.ones((2, 1)), np.zeros(2), np.zeros((1, 2)), [0.0])
    assert np.array_equal(selection_weight(rnn, 0.0), np.zeros((2, 2)))
    assert select_nodes(np.eye(2), 1, weight=selection_weight(rnn, 0.0)).tolist() == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 3}, r"k must be an integer from 0 to 2, got 3"),
        ({"k": -1}, r"k must be an integer from 0 to 2, got -1"),
        ({"k": 1.5}, "k must be an integer, got 1.5"),
        ({"k": True}, "k must be an integer, got True"),
        ({"k": None}, "k must be given for the method 'greedy', got None"),
        ({"method": "magic"}, "method must be one of greedy, exchange, exhaustive, leverage"),
        ({"method": "leverage"}, "lam must be given for the method 'leverage'"),
        ({"method": "leverage", "lam": 0.0}, "lam must be positive, got 0"),
        ({"method": "leverage", "lam": -0.1}, "lam must be positive, got -0.1"),
        ({"tau": -1e-9}, "tau must be at least 0, got -1e-09"),
        ({"tau": [0.0]}, r"tau must be a number or have shape \(2,\), got \(1,\)"),
        ({"S": np.full((2, 2), np.nan)}, "S must be finite"),
        ({"S": [[0.0, 1], [1, 0]]}, "S must be positive semidefinite"),
        ({"weight": [[0.0, 1], [1, 0]]}, "weight must be positive semidefinite"),
        ({"weight": np.eye(3)}, r"weight must have shape \(2, 2\)"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    arguments = {"S": np.eye(2), "k": 1} | change
    with pytest.raises(ValueError, match=message):
        select_nodes(**arguments)


def test_an_exhaustive_search_that_would_not_end_is_refused():
    with pytest.raises(ValueError, match=r"at most 500000 sets, got 137846528820 \(k = 20 of m"):
        select_nodes(np.eye(40), 20, "exhaustive")


@given(st.integers(1, 40), st.integers(0, 2**32), st.integers(-140, 140))
def test_a_weight_is_factored_once_and_chooses_the_same(m, seed, exponent):
    rng = np.random.default_rng(seed)
    F, G = rng.standard_normal((m, m)), rng.standard_normal((m, int(rng.integers(1, 2 * m + 1))))
    S, M = F @ F.T, (G @ G.T) * 4.0**exponent
    unit, L = factored_covariance("weight", M)
    assert np.array_equal(unit, in_units(M, unit_exponent(M)))
    assert np.array_equal(np.sort(greedy_order(S, m // 2, unit)), select_nodes(S, m // 2, weight=M))
    if L is not None:
        assert np.array_equal(L, np.tril(L))
        assert np.allclose(L @ L.T, unit, 0, 1e-12)
        assert np.array_equal(greedy_order(S, m, unit, None, L), greedy_order(S, m, unit))


@pytest.mark.parametrize("i", [0, 127, 128, 129, 299])
def test_asymmetry_is_seen_in_every_tile(i):
    S = np.eye(300)
    S[i, 2] += 1e-3
    with pytest.raises(ValueError, match="symmetric"):
        select_nodes(S, 3)
