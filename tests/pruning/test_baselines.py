"""Every method of the table, by registration, and each against a second derivation."""

import inspect
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning import RNN, PrunedRNN, StateCovariance, initial_rnn, loss_values, prune_to
from pruning.baselines import METHODS, PrunedWeights, fine_tune, prune_by, taylor_scores
from pruning.baselines.magnitude_nodes import largest, magnitude_nodes
from pruning.baselines.sampled_nodes import by_leverage
from pruning.cells.plain import Plain
from pruning.selection.leverage import lam_for_degrees_of_freedom
from pruning.stack import Stack
from pruning.stack_baselines import baseline_nodes
from pruning.stack_moments import stack_moments

TRAINING = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01}
seeds = st.integers(0, 2**32 - 1001)
# Twenty sequences are few for the closed loop, and it says so.
pytestmark = pytest.mark.filterwarnings("ignore:the closed loop has")


def network(seed, m=6, activation="tanh", dead=()):
    rng = np.random.default_rng(seed)
    w_hidden = rng.normal(size=(m, m)) / np.sqrt(m)
    w_input, b = rng.normal(size=(m, 3)), rng.normal(size=m)
    for j in dead:
        w_hidden[j], w_input[j], b[j] = 0, 0, 0
    return RNN(w_hidden, w_input, b, rng.normal(size=(4, m)), rng.normal(size=4), activation)


def data(seed, n=20, T=5):
    rng = np.random.default_rng(seed + 1000)
    return rng.normal(size=(n, T, 3)), rng.integers(4, size=n)


def options_of(name, x, y):
    takes = METHODS[name].takes
    options = {"x": x, "y": y} if "data" in takes else {}
    options |= {"x": x} if "inputs" in takes else {}
    return options | ({"training": TRAINING} if "training" in takes else {})


def pruned_by(name, rnn, k, rng=0, seed=0):
    x, y = data(seed)
    cov = StateCovariance.from_network(rnn, x)
    return prune_by(name, rnn, cov, k, rng, **options_of(name, x, y))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("dead", [(), (1, 4), (0, 1, 2, 3, 4, 5)])
def test_every_method_has_one_call_and_one_result(name, dead):
    rnn = network(8, dead=dead)
    for k in (0, 3, 6):
        if name == "small network from scratch" and k == 0:
            continue
        result = pruned_by(name, rnn, k, rng=1)
        again = pruned_by(name, rnn, k, rng=np.random.default_rng(1))
        assert isinstance(result, PrunedRNN | PrunedWeights)
        assert result.original is rnn
        assert set(result.parameters) == set(rnn.weights)
        for one, two in zip(result.pruned.weights.values(), again.pruned.weights.values()):
            assert np.array_equal(one, two)
    with pytest.raises(ValueError, match=r"k must be an integer from \d to 6, got 7"):
        pruned_by(name, rnn, 7)
    parameters = list(inspect.signature(METHODS[name].call).parameters)
    assert parameters[:4] == ["rnn", "covariance_or_x", "k", "rng"]
    assert ("x" in parameters) == bool({"data", "inputs"} & set(METHODS[name].takes))
    assert ("y" in parameters) == ("data" in METHODS[name].takes)
    for option in ("theta", "tau"):
        assert (option in parameters) >= (option in METHODS[name].takes)


def test_an_unknown_method_is_refused_with_the_known():
    with pytest.raises(ValueError, match=r"name must be one of spectral, .*, got 'best'"):
        prune_by("best", network(0), np.eye(6), 2)


@pytest.mark.parametrize("name", METHODS)
@given(seed=seeds, k=st.integers(1, 6))
def test_a_method_has_no_more_parameters_than_it_is_matched_to(name, seed, k):
    rnn = network(seed)
    counts = pruned_by(name, rnn, k, rng=seed, seed=seed).parameters
    small = {"w_hidden": k * k, "w_input": 3 * k, "b_hidden": k, "w_output": 4 * k, "b_output": 4}
    if METHODS[name].matched == "parameters of W_h":
        assert counts["w_hidden"] <= k * k
        whole = {block: weight.size for block, weight in rnn.weights.items()}
        assert counts == whole | {"w_hidden": counts["w_hidden"]}
    elif name == "determinantal":
        assert all(counts[block] <= small[block] for block in small)
    else:
        assert counts == small


@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if method.matched != "nodes"]
)
@given(seed=seeds, k=st.integers(0, 6))
def test_the_count_is_that_of_the_weights_themselves(name, seed, k):
    rnn = network(seed)
    result = pruned_by(name, rnn, k, rng=seed)
    for block, weight in result.pruned.weights.items():
        if name == "low rank W_h" and block == "w_hidden":
            rank = np.linalg.matrix_rank(weight, tol=1e-9)
            assert result.parameters[block] == 2 * rnn.m * rank
        else:
            assert result.parameters[block] == np.count_nonzero(weight)
            kept = weight != 0
            assert np.array_equal(weight[kept], rnn.weights[block][kept])


@given(seed=seeds, k=st.integers(0, 6))
def test_magnitude_keeps_no_weight_below_one_that_it_drops(seed, k):
    rnn = network(seed)
    pruned = pruned_by("magnitude weights", rnn, k).pruned
    for block, weight in pruned.weights.items():
        kept = weight != 0
        sizes = np.abs(rnn.weights[block])
        if kept.any() and not kept.all():
            assert sizes[kept].min() >= sizes[~kept].max()


@given(seed=seeds, k=st.integers(2, 6))
def test_low_rank_loses_the_tail_of_the_singular_values(seed, k):
    rnn = network(seed)
    pruned = pruned_by("low rank W_h", rnn, k).pruned
    sigma = np.linalg.svd(rnn.w_hidden, compute_uv=False)
    lost = np.linalg.norm(rnn.w_hidden - pruned.w_hidden)
    assert lost == pytest.approx(np.linalg.norm(sigma[k * k // 12 :]), rel=1e-9)


@given(
    seed=seeds, every=st.booleans(), activation=st.sampled_from(["tanh", "identity", "logistic"])
)
def test_taylor_scores_are_the_derivative_by_a_factor_on_the_node(seed, every, activation):
    # A factor c_j wherever node j is read multiplies column j of W_h and of W_o.
    rnn = network(seed, m=4, activation=activation)
    x, y = data(seed, n=3)
    if every:
        y = np.random.default_rng(seed).integers(4, size=x.shape[:2])

    def losses(c):
        f = replace(rnn, w_hidden=rnn.w_hidden * c, w_output=rnn.w_output * c).predictions(x)
        return loss_values("cross_entropy", f if every else f[:, -1], y).reshape(len(x), -1).mean(1)

    step = 1e-5
    expected = np.empty(4)
    for j in range(4):
        c = np.zeros(4)
        c[j] = step
        expected[j] = np.abs((losses(1 + c) - losses(1 - c)) / (2 * step)).mean()
    scores = taylor_scores(rnn, x, y, "every" if every else "last")
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-8)


def test_taylor_keeps_the_only_node_that_is_read():
    rnn = network(0)
    w_output = np.zeros((4, 6))
    w_output[:, 2] = [1, -1, 2, 0]
    alone = replace(rnn, w_hidden=np.zeros((6, 6)), w_output=w_output)
    assert pruned_by("Taylor nodes", alone, 1).nodes.tolist() == [2]


def test_magnitude_nodes_counts_every_weight_of_a_node_once():
    w_hidden = np.array([[3.0, 0, 0], [0, 0, 2.2], [0, 2.2, 0]])
    rnn = RNN(w_hidden, np.zeros((3, 3)), np.zeros(3), np.zeros((4, 3)), np.zeros(4), "tanh")
    # Node 0: 3 (its self-weight, once). Nodes 1 and 2: sqrt(2) 2.2 = 3.1.
    assert pruned_by("magnitude nodes", rnn, 2).nodes.tolist() == [1, 2]


def test_pivoted_qr_takes_the_longest_column_and_then_the_longest_rest():
    rnn = network(3)
    S = np.diag([1.0, 5.0, 2.0, 0.5, 4.0, 3.0])
    S[1, 4] = S[4, 1] = 4.4  # node 4 is nearly a copy of node 1
    assert prune_by("pivoted QR", rnn, S, 3).nodes.tolist() == [1, 2, 5]


@pytest.mark.randomised(
    alpha=1e-9, power="drawing uniformly: node 0 is then missed by 8 standard deviations"
)
def test_leverage_draws_in_proportion_to_the_scores(rng):
    S = np.diag([8.0, 4.0, 2.0, 1.0, 0.5, 0.25])
    mu = np.diag(S)
    lam = lam_for_degrees_of_freedom(mu, 1)
    q = mu / (mu + lam)
    assert q.sum() == pytest.approx(1, rel=1e-12)
    draws = 1000
    counts = Counter(int(by_leverage(S, 1, rng)[0]) for _ in range(draws))
    # Hoeffding with a union over the six nodes.
    slack = np.sqrt(np.log(2 * 6 / 1e-9) / (2 * draws))
    for node in range(6):
        assert abs(counts[node] / draws - q[node]) <= slack


@given(seed=seeds, size=st.floats(0.01, 0.99), spread=st.floats(0, 30))
def test_lam_for_degrees_of_freedom_has_that_many_degrees_of_freedom(seed, size, spread):
    mu = 10 ** (-spread * np.random.default_rng(seed).random(7))
    lam = lam_for_degrees_of_freedom(mu, 7 * size)
    assert (mu / (mu + lam)).sum() == pytest.approx(7 * size, rel=1e-9)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fine_tuning_keeps_what_made_the_network_small(name, dtype):
    rnn = network(5)
    x, y = data(5)
    result = pruned_by(name, rnn, 4)
    tuned = fine_tune(result, x, y, rng=0, dtype=dtype, **TRAINING)
    assert tuned.m == result.pruned.m
    assert not np.array_equal(tuned.w_hidden, result.pruned.w_hidden)
    if isinstance(result, PrunedWeights):
        for block, mask in result.masks.items():
            assert not tuned.weights[block][mask == 0].any()
        if result.project is not None:
            before = np.linalg.matrix_rank(result.pruned.w_hidden, tol=1e-9)
            assert np.linalg.matrix_rank(tuned.w_hidden, tol=1e-9) == before == 1


def test_a_network_from_scratch_learns_what_the_large_one_never_saw():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4, 2))
    y = (x[:, -1, 0] > 0).astype(np.int64)
    large = initial_rnn(8, 2, 2, "tanh", rng=1)
    small = prune_by(
        "small network from scratch", large, x, 4, 3, x=x, y=y,
        training={"epochs": 30, "learning_rate": 0.02}, start={"scale": 0.5, "bias_scale": 0.1},
    )  # fmt: skip
    right = small.pruned.predictions(x)[:, -1].argmax(axis=1) == y
    assert right.mean() > 0.95


@given(seed=seeds, k=st.integers(1, 6))
def test_random_nodes_are_the_same_with_and_without_reconstruction(seed, k):
    rnn = network(seed)
    one = pruned_by("random nodes", rnn, k, rng=seed)
    two = pruned_by("random nodes, no reconstruction", rnn, k, rng=seed)
    assert np.array_equal(one.nodes, two.nodes)
    assert np.array_equal(one.pruned.w_hidden, prune_to(rnn, data(0)[0], one.nodes).pruned.w_hidden)


def test_without_reconstruction_the_kept_weights_are_those_of_the_large_network():
    """A column of every results table rests on the flag: with the other one this fails."""
    rng = np.random.default_rng(5)
    rnn = RNN(
        rng.normal(size=(8, 8)) / 3, rng.normal(size=(8, 2)), rng.normal(size=8) / 9,
        rng.normal(size=(3, 8)), np.zeros(3), "tanh",
    )  # fmt: skip
    x = rng.normal(size=(30, 6, 2))
    for name in ("spectral, no reconstruction", "random nodes, no reconstruction"):
        plain = prune_by(name, rnn, x, 4, 0)
        J = plain.nodes
        assert np.array_equal(plain.pruned.w_hidden, rnn.w_hidden[np.ix_(J, J)])
        assert np.array_equal(plain.pruned.w_output, rnn.w_output[:, J])
        assert np.array_equal(plain.reconstruction, np.eye(8)[:, J])
        assert not plain.tau.any()
    for name in ("spectral", "random nodes", "pivoted QR", "leverage scores", "volume"):
        rebuilt = prune_by(name, rnn, x, 4, 0)
        J = rebuilt.nodes
        assert not np.allclose(rebuilt.pruned.w_hidden, rnn.w_hidden[np.ix_(J, J)], atol=1e-3)
        assert np.array_equal(rebuilt.pruned.w_output, rnn.w_output @ rebuilt.reconstruction)
    assert np.array_equal(
        prune_by("spectral", rnn, x, 4).nodes,
        prune_by("spectral, no reconstruction", rnn, x, 4).nodes,
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_has_no_rank_is_not_ranked(bad):
    """A nan was the smallest score: the node of the largest weights was dropped."""
    with pytest.raises(ValueError, match="must stay within the range of floats"):
        largest(np.array([1.0, bad, 2.0]), 1)
    rnn = initial_rnn(4, d_x=2, d_y=2, activation="tanh", rng=0)
    W = rnn.w_hidden.copy()
    W[2, 2] = 1e200
    loud = replace(rnn, w_hidden=W)
    with pytest.raises(ValueError, match="must stay within the range of floats"):
        magnitude_nodes(loud, np.eye(4), 2)
    cell = Plain(rnn.w_input, W, rnn.b_hidden, np.zeros(4), rnn.activation)
    stack = Stack(((cell,),), rnn.w_output, rnn.b_output)
    moments = stack_moments(stack, np.ones((3, 2, 2)))
    with pytest.raises(ValueError, match="must stay within the range of floats"):
        baseline_nodes(stack, moments, 2, "magnitude nodes")
