"""What the theorems of sections 2a to 2c ask for, against enumeration of all draws and sets."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds import (
    degrees_of_freedom,
    failure_probability,
    largest_degrees_of_freedom,
    node_count,
    node_counts,
)
from bounds.node_counts import THEOREMS, Problem, sum_failure
from pruning import leverage_scores

FORMS = [id for id in THEOREMS if id.startswith("leverage.event_probability")]


@pytest.mark.parametrize(
    ("theorem", "delta", "N"),
    [
        ("leverage.existence", 0.2, 1.71),
        ("leverage.event_probability", 1, 2.32),
        ("leverage.event_probability_bernstein", 0.2, 2.71),
        ("leverage.event_probability_bernstein", 1, 4.01),
        ("leverage.event_probability_chernoff", 0.2, 2.62),
        ("leverage.event_probability_chernoff", 1, 3.49),
        ("dpp.tradeoff_norm", 0.2, 14),
        ("dpp.tradeoff", 0.2, 31.5),
    ],
)
def test_42_of_128_nodes_serve_the_degrees_of_freedom_that_the_theory_states(theorem, delta, N):
    found = largest_degrees_of_freedom(42, theorem, 128, delta)
    assert found == pytest.approx(N, abs=0.006)


@given(
    N=st.floats(0.05, 30),
    theorem=st.sampled_from(sorted(set(THEOREMS) - {"leverage.event_probability_sum"})),
    delta=st.floats(0.01, 0.9),
)
def test_the_nodes_asked_for_serve_these_degrees_of_freedom_and_one_fewer_does_not(
    N, theorem, delta
):
    m = 40
    # A flat spectrum with this N at lam = 1, whose Nt is N (mu + 1)/mu.
    mu = np.full(m, N / (m - N))
    count = node_count(mu, 1.0, theorem, delta)
    ratio = 1 + 1 / mu[0]
    largest = largest_degrees_of_freedom(max(count.nodes, 1), theorem, m, delta, ratio)
    assert largest >= N * (1 - 1e-9)
    if count.nodes > 1 and theorem != "volume.dof":
        fewer = largest_degrees_of_freedom(count.nodes - 1, theorem, m, delta, ratio)
        assert fewer <= N * (1 + 1e-9)


def exact_failure(S, lam, k):
    """Probability that k draws miss the event, summed over all multisets."""
    m = len(S)
    scores = leverage_scores(S, lam)
    q = scores / scores.sum()
    mu, U = np.linalg.eigh(S)
    root = (U * np.sqrt(np.maximum(mu, 0))) @ U.T
    whiten = (U / np.sqrt(np.maximum(mu, 0) + lam)) @ U.T
    live = np.flatnonzero(q > 1e-15)
    total = 0.0
    for counts in compositions(k, len(live)):
        probability = math.factorial(k)
        G = np.zeros((m, m))
        for node, count in zip(live, counts):
            probability *= q[node] ** count / math.factorial(count)
            G += count / (k * q[node]) * np.outer(root[:, node], root[:, node])
        top = np.linalg.eigvalsh(whiten @ (S - G) @ whiten)[-1]
        if top > 0.75 + 1e-12:
            total += probability
    return total


def compositions(total, parts):
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)


@pytest.mark.parametrize("theorem", FORMS)
@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(1, 3),
    k=st.integers(1, 14),
    lam=st.sampled_from([1e-3, 0.1, 0.5, 2.0]),
)
def test_no_failure_bound_is_below_the_exact_probability(theorem, seed, m, k, lam):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(m, int(rng.integers(1, m + 1)))) * rng.choice([1.0, 1e-3], size=(m, 1))
    S = F @ F.T
    assert exact_failure(S, lam, k) <= failure_probability(S, lam, k, theorem) + 1e-12


@given(mu=st.lists(st.floats(1e-6, 10), min_size=1, max_size=6), k=st.integers(1, 200))
def test_the_sum_over_eigenvalues_is_the_sharpest_form(mu, k):
    values = {form: failure_probability(np.array(mu), 0.3, k, form) for form in FORMS}
    chernoff = values["leverage.event_probability_chernoff"]
    assert values["leverage.event_probability_sum"] <= chernoff * (1 + 1e-9)


@given(mu=st.lists(st.floats(1e-3, 10), min_size=1, max_size=6), delta=st.floats(0.01, 0.9))
def test_the_nodes_asked_for_by_the_sum_are_the_fewest_with_this_failure(mu, delta):
    mu = np.array(mu)
    k = node_count(mu, 0.3, "leverage.event_probability_sum", delta).nodes
    problem = Problem.of(mu, 0.3)
    assert sum_failure(problem, k) <= delta
    assert k == 1 or sum_failure(problem, k - 1) > delta


@given(
    seed=st.integers(0, 2**32 - 1),
    m=st.integers(1, 5),
    lam=st.sampled_from([1e-6, 0.05, 0.5, 5.0]),
    kind=st.sampled_from(["plain", "flat", "spike", "graded", "singular"]),
)
def test_some_set_of_the_promised_size_has_the_promised_loss(seed, m, lam, kind):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(m, m))
    if kind == "flat":
        F = np.linalg.qr(F)[0]
    if kind == "spike":
        F[:, 1:] *= 1e-3
    if kind == "graded":
        F *= 10.0 ** -np.arange(m)
    if kind == "singular":
        F[:, m // 2 :] = 0
    S = F @ F.T
    N = degrees_of_freedom(S, lam)
    losses = best_losses(S)
    for count in node_counts(S, lam):
        size = min(count.nodes, m)
        # Pseudo-inverses resolve a loss to about 1e-9 of Tr S.
        assert losses[size] <= count.loss * lam * N * (1 + 1e-9) + 1e-9 * np.trace(S)


def best_losses(S):
    m, best = len(S), []
    for size in range(m + 1):
        values = []
        for J in combinations(range(m), size):
            J = list(J)
            inner = np.linalg.pinv(S[np.ix_(J, J)], rcond=1e-12, hermitian=True)
            values.append(np.trace(S) - np.trace(S[:, J] @ inner @ S[J]))
        best.append(min([*values, *best[-1:]]))
    return best


def test_a_condition_that_asks_for_more_nodes_than_there_are_says_that_it_is_empty():
    counts = {c.id: c for c in node_counts(np.exp(-np.arange(64) / 3), 1e-2)}
    assert counts["leverage.existence"].empty
    assert "empty" in counts["leverage.existence"].detail
    assert not counts["dpp.tradeoff"].empty
    assert [c.nodes for c in counts.values()] == sorted(c.nodes for c in counts.values())


def test_a_zero_covariance_needs_no_nodes_and_draws_never_fail():
    S = np.zeros((3, 3))
    assert all(count.nodes == 0 for count in node_counts(S, 1.0))
    assert all(failure_probability(S, 1.0, 1, form) == 0.0 for form in FORMS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: node_count(np.eye(2), -1.0, "dpp.existence"), "lam must be positive"),
        (lambda: node_count(np.eye(2), 1.0, "dpp"), "claim must be one of"),
        (lambda: node_count(np.eye(2), 1.0, "dpp.existence", 1.5), "delta must lie"),
        (lambda: failure_probability(np.eye(2), 1.0, 0, FORMS[0]), "k must be an integer"),
        (lambda: failure_probability(np.eye(2), 1.0, 3, "dpp.existence"), "claim must be one"),
        (lambda: largest_degrees_of_freedom(0, "dpp.existence", 4), "k must be an integer"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
