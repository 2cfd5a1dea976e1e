"""Lines of pruning/ that a mutant could change and every other test stay green."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.stacks import stack_of

from pruning import RNN, Observability, StateCovariance, covariance, initial_rnn, prune_to
from pruning.balanced import alternating_weight
from pruning.baselines.table import METHODS
from pruning.cells.plain import PlainRun
from pruning.checkpoints.tensors import cleaned
from pruning.checkpoints.torch_layout import torch_network
from pruning.gauss_newton import conjugate_gradients, gauss_newton
from pruning.refit.closed_loop import refit_closed_loop
from pruning.selection.exhaustive import exhaustive_nodes
from pruning.selection.greedy import greedy_order
from pruning.stack_balanced import probe
from pruning.stack_refit import refit_stack_read_out
from pruning.stack_sizes import sizes_of_total


def test_the_next_node_goes_where_the_objective_falls_most():
    # One layer has two nodes of weight, the other four equal ones.
    S = [np.diag([50.0, 49.9, 0.05, 0.05]), np.diag([25.0, 25.0, 25.0, 25.0])]
    stack = SimpleNamespace(layers=[[0], [0]], nodes=((4,), (4,)))
    shared = [
        sizes_of_total(stack, SimpleNamespace(states=S), [[np.eye(4)], [np.eye(4)]], total)
        for total in (2, 3, 4, 6)
    ]
    assert shared == [((1,), (1,)), ((2,), (1,)), ((2,), (2,)), ((2,), (4,))]


@pytest.mark.parametrize("d_y", [1, 2, 9])
def test_signs_on_the_outputs_are_felt_through_the_read_out(d_y):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(d_y, 3))
    stack = SimpleNamespace(w_output=w, d_y=d_y)
    given = probe(stack, (40, 50), None, "mean", np.random.default_rng(1))
    assert given.shape == (40, 50, 3)
    if d_y == 1:
        np.testing.assert_allclose(np.abs(given), np.broadcast_to(np.abs(w), given.shape))
    if d_y > 3:  # by the triangular factor: few values, of the same second moment
        R = np.linalg.qr(w, mode="r")
        np.testing.assert_allclose(np.abs(given[..., 0]), abs(R[0, 0]))


class Linear:
    """Residuals A theta - b."""

    def __init__(self, A, b):
        self.A, self.b = A, b

    def residuals(self, theta):
        return self.A @ theta - self.b, None

    def forward(self, state, direction):
        return self.A @ direction

    def backward(self, state, r):
        return self.A.T @ r


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_when_to_stop_does_not_depend_on_the_unit_of_what_is_held_out(unit):
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(20, 6)), rng.normal(size=20)
    problem, seen = Linear(A, b), []

    def held_out(theta):
        return unit * float(np.square(A @ theta - b).sum())

    theta = gauss_newton(
        problem, np.zeros(6), held_out=held_out, scale=np.ones(6), damping=10.0,
        patience=1, steps=30, progress=seen.append,
    )  # fmt: skip
    best = np.linalg.lstsq(A, b, rcond=None)[0]
    assert held_out(theta) <= held_out(best) * (1 + 1e-3)
    assert 3 < len(seen) < 30


@pytest.mark.parametrize("where", ["fitted", "held out"])
def test_a_fit_does_not_start_where_there_is_no_number(where):
    problem = Linear(np.eye(2), np.array([np.inf if where == "fitted" else 1.0, 0.0]))
    with pytest.raises(ValueError, match="within the range of floats on x, left it"):
        gauss_newton(
            problem, np.zeros(2), scale=np.ones(2),
            held_out=lambda theta: np.nan if where == "held out" else 1.0,
        )  # fmt: skip


@pytest.mark.parametrize("steps", [0, 30])
def test_a_fit_that_can_only_become_worse_on_what_is_held_out_stays_at_its_start(steps):
    start = np.zeros(2)
    found = gauss_newton(
        Linear(np.eye(2), np.ones(2)), start, scale=np.ones(2), steps=steps,
        held_out=lambda theta: 1.0 + float(theta @ theta),
    )  # fmt: skip
    assert found is start


def test_the_signs_at_the_last_step_are_both_signs_in_halves():
    w = np.array([[1.0, -2.0, 3.0]])
    stack = SimpleNamespace(w_output=w, d_y=1)
    given = probe(stack, (4, 400), None, "last", np.random.default_rng(0))
    assert not given[:-1].any()
    signs = given[-1, :, 0]
    assert set(signs.tolist()) == {1.0, -1.0}
    assert 100 < (signs > 0).sum() < 300


def test_conjugate_gradients_solve_in_as_many_steps_as_there_are_unknowns():
    rng = np.random.default_rng(0)
    A, b, scale = rng.normal(size=(20, 6)), rng.normal(size=6), np.exp(rng.normal(size=6))
    J = A * scale
    exact = np.linalg.solve(J.T @ J + 0.3 * np.eye(6), b)
    for inverse in (1.0, 1 / (np.square(J).sum(axis=0) + 0.3)):
        x, image = conjugate_gradients(lambda v: J.T @ (J @ v), 0.3, b, 6, 1e-8, inverse)
        np.testing.assert_allclose(x, exact, rtol=2e-3)
        np.testing.assert_allclose(image, J.T @ (J @ x), rtol=1e-9, atol=1e-12)


def test_without_a_ridge_a_read_out_that_exists_is_found():
    rng = np.random.default_rng(0)
    whole = stack_of("gru", (4,), 1, 3, 2, rng)
    other = dataclasses.replace(whole, w_output=rng.normal(size=whole.w_output.shape))
    x = rng.normal(size=(40, 5, 3))
    found = refit_stack_read_out(whole, other, x, ridge=0.0)
    np.testing.assert_allclose(found.w_output, whole.w_output, rtol=1e-6, atol=1e-8)
    held = refit_stack_read_out(whole, other, x, ridge=1e9)
    np.testing.assert_allclose(held.w_output, other.w_output, rtol=1e-6, atol=1e-6)


def test_the_methods_of_the_paper_are_these():
    assert {name for name, method in METHODS.items() if method.in_paper} == {
        "spectral, no reconstruction",
        "random nodes",
        "random nodes, no reconstruction",
        "random weights",
        "magnitude weights",
        "columns of W_h",
        "low rank W_h",
        "small network from scratch",
    }


def test_a_stack_reads_tokens_through_its_table_and_no_others():
    rng = np.random.default_rng(0)
    plain, table = stack_of("gru", (4,), 1, 3, 2, rng), rng.normal(size=(5, 3))
    stack = dataclasses.replace(plain, embedding=table)
    tokens = np.array([[0, 4, 2], [1, 1, 3]])
    np.testing.assert_allclose(stack.predictions(tokens), plain.predictions(table[tokens]))
    for bad in (5, -1):
        with pytest.raises(ValueError, match=r"0\.\.4"):
            stack.predictions(np.array([[0, bad, 2]]))


def test_where_no_gradient_arrives_the_weight_is_0():
    rnn = RNN(np.eye(2), np.ones((2, 1)), [-9.0, -9.0], [[1.0, 1.0]], [0.0], "relu")
    x = np.ones((3, 4, 1))
    with np.errstate(all="raise"):
        kept = Observability(rnn, T=4, weights=[0.0, 0.0, 1.0, 0.0]).update(x)
        summed = Observability(rnn, T=4, per_step=False, log2_c=[np.inf] * 4).update(x)
        assert kept.weight([0.0, 0.0, np.inf, np.inf]).shape == (2, 2)
        assert not summed.weight().any()


def test_later_rounds_of_the_alternation_find_other_weights():
    rng = np.random.default_rng(6)
    m = 10
    rnn = RNN(
        rng.normal(size=(m, m)) / 2,
        rng.normal(size=(m, 2)),
        np.zeros(m),
        rng.normal(size=(2, m)),
        np.zeros(2),
        "tanh",
    )
    x = rng.normal(size=(20, 6, 2))
    S = StateCovariance.from_network(rnn, x, per_step=True).per_step
    seen = Observability(rnn, T=6, weights="last").update(x)
    first, last = (alternating_weight(seen, S, 4, rounds=rounds) for rounds in (1, 6))
    assert np.abs(first - last).max() > 1e-3 * np.abs(first).max()


def test_many_sequences_are_summed_in_pieces_that_each_count_once(monkeypatch):
    monkeypatch.setattr(covariance, "_ROWS", 8)  # of them, four sequences of two steps a piece
    h = np.random.default_rng(0).normal(size=(11, 2, 3))
    found = StateCovariance(3, 2).update(h)
    assert found.n == 11
    flat = h.reshape(-1, 3)
    np.testing.assert_allclose(found.matrix, flat.T @ flat / 22, rtol=1e-13)


def test_the_step_at_which_states_leave_the_range_of_floats_is_named():
    rnn = RNN([[1e200]], [[1.0]], [0.0], [[1.0]], [0.0], "identity")
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="range of float64, left it at t = 3"),
    ):
        Observability(rnn, T=5).update(np.ones((2, 5, 1)))


@pytest.mark.parametrize("exponent", [-90, 0, 90])
def test_greedy_knows_no_units_that_it_does_not_change_itself(exponent):
    rng = np.random.default_rng(0)
    F = rng.normal(size=(12, 12)) * np.arange(1, 13) ** -1.0
    S, unit = F @ F.T, 2.0**exponent
    for weight in (None, np.diag(np.arange(1.0, 13))):
        due = greedy_order(S, 9, weight)
        np.testing.assert_array_equal(greedy_order(S * unit, 9, weight), due)


def test_an_exhaustive_search_takes_its_regulariser_or_none():
    S = np.array([[2.0, 1.9, 0.0], [1.9, 2.0, 0.0], [0.0, 0.0, 1.0]])
    assert exhaustive_nodes(S, 1).tolist() == [0]
    assert exhaustive_nodes(S, 1, tau=np.array([50.0, 50.0, 0.0])).tolist() == [2]


def test_one_iteration_and_one_step_are_a_closed_loop():
    rng = np.random.default_rng(0)
    rnn = RNN(
        rng.normal(size=(4, 4)) / 2, rng.normal(size=(4, 2)), np.zeros(4),
        rng.normal(size=(2, 4)), np.zeros(2), "tanh",
    )  # fmt: skip
    x = rng.normal(size=(60, 5, 2))
    small = prune_to(rnn, x, np.arange(3)).pruned
    found = refit_closed_loop(rnn, small, x, steps=1, iterations=1)
    assert found.m == 3


@pytest.mark.parametrize("shape", [(2, 1), (1,), (3, 3)])
def test_a_length_that_does_not_fit_its_direction_is_refused(shape):
    name = "rnn.parametrizations.weight_hh_l0.original"
    state = {name + "0": np.ones(shape), name + "1": np.ones((3, 2))}
    with pytest.raises(ValueError, match="parametrised in a way that the file alone"):
        cleaned(state)


def torch_names(**more):
    """A plain recurrence of 3 nodes reading 2 inputs, with a linear read-out of 2 outputs."""
    rng = np.random.default_rng(5)
    shapes = {
        "rnn.weight_ih_l0": (3, 2), "rnn.weight_hh_l0": (3, 3),
        "rnn.bias_ih_l0": (3,), "rnn.bias_hh_l0": (3,),
        "head.weight": (2, 3), "head.bias": (2,),
    }  # fmt: skip
    return {name: rng.normal(size=shape) for name, shape in shapes.items()} | more


def test_a_pruned_weight_of_torch_is_the_original_times_its_mask():
    given = torch_names()
    mask = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    whole = given.pop("head.weight")
    given |= {"head.weight_orig": whole, "head.weight_mask": mask}

    found = torch_network(given)

    assert np.array_equal(found.stack.w_output, whole * mask)


def test_an_embedding_is_the_matrix_in_front_that_has_its_name_and_no_bias():
    table = np.arange(10.0).reshape(5, 2)

    found = torch_network(torch_names(**{"emb.weight": table})).stack

    assert np.array_equal(found.embedding, table)
    with pytest.raises(ValueError, match=r"one nn\.Linear"):
        torch_network(torch_names(**{"other.weight": table}))
    with pytest.raises(ValueError, match=r"one nn\.Linear"):
        torch_network(torch_names(**{"emb.weight": table, "emb.bias": np.zeros(5)}))


def test_a_token_out_of_range_is_the_one_that_is_named():
    network = torch_network(torch_names(**{"emb.weight": np.ones((5, 2))})).stack
    with pytest.raises(ValueError, match="got 7"):
        network.check_input(np.array([[0, 7]]))
    with pytest.raises(ValueError, match="got -2"):
        network.check_input(np.array([[0, -2, 9]]))


def test_a_run_does_not_change():
    run = PlainRun(np.zeros((1, 2)), np.zeros((3, 1, 2)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.h = run.start


@pytest.mark.parametrize("m", [1, 2, 5])
def test_the_read_out_starts_at_a_third_of_the_inverse_of_the_nodes(m):
    rnn = initial_rnn(m, 2, 60_000 // m, rng=np.random.default_rng(3))
    # 60,000 numbers: a relative standard deviation of 0.003, and a false alarm of 1e-11.
    assert abs(rnn.w_output.std() * np.sqrt(3 * m) - 1) < 0.02
