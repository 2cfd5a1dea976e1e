"""The training loop: one step by hand, resuming, constraints, and how it fails."""

from __future__ import annotations

import io
import math
import pickle

import numpy as np
import pytest
from helpers import textbook_rnn as textbook
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import training
from pruning.backpropagation import gradients
from pruning.initialisation import INITS, initial_rnn
from pruning.rnn import RNN, WEIGHTS
from pruning.training import DivergenceError, InterruptedTraining, TrainingState, train

seeds = st.integers(0, 2**32)


@pytest.fixture
def task(rng):
    """A small network and 23 sequences of 5 steps in 3 classes."""
    net = textbook.random_rnn(rng, 4, 2, 3, "tanh")
    return net, rng.standard_normal((23, 5, 2)), rng.integers(0, 3, 23)


def assert_same(one: RNN, two: RNN) -> None:
    for name in WEIGHTS:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


def test_one_step_is_minus_the_learning_rate_times_the_gradient(task):
    net, x, y = task
    value, gradient = gradients(net, x, y)
    result = train(net, x, y, optimizer="sgd", learning_rate=0.1, epochs=1, batch_size=23, rng=0)
    for name in WEIGHTS:
        expected = getattr(net, name) - 0.1 * gradient[name]
        np.testing.assert_allclose(getattr(result.rnn, name), expected, rtol=1e-12, atol=1e-14)
    (record,) = result.history
    norm = math.sqrt(sum(float(np.square(array).sum()) for array in gradient.values()))
    assert record.epoch == 1
    assert record.loss == pytest.approx(value, rel=1e-12)
    assert record.gradient_norm == pytest.approx(norm, rel=1e-12)
    assert record.learning_rate == pytest.approx(0.1)


def test_clipping_bounds_the_step(task):
    net, x, y = task
    arguments = {"optimizer": "sgd", "learning_rate": 1.0, "epochs": 1, "batch_size": 23, "rng": 0}
    result = train(net, x, y, clip_norm=1e-3, **arguments)
    moved = [getattr(result.rnn, name) - getattr(net, name) for name in WEIGHTS]
    assert math.sqrt(sum(np.square(array).sum() for array in moved)) == pytest.approx(1e-3)


@pytest.mark.parametrize("targets", ["last", "every"])
@pytest.mark.parametrize("tokens", [False, True])
def test_every_sequence_is_used_once_an_epoch(rng, targets, tokens):
    # At a learning rate of almost 0 the epoch's loss is the loss of the whole sample.
    net = textbook.random_rnn(rng, 3, 4, 3, "relu")
    x = rng.integers(0, 4, (11, 6)) if tokens else rng.standard_normal((11, 6, 4))
    y = rng.integers(0, 3, (11, 6) if targets == "every" else 11)
    result = train(net, x, y, learning_rate=1e-300, epochs=2, batch_size=4, targets=targets, rng=1)
    expected = gradients(net, x, y, targets=targets)[0]
    assert [record.loss for record in result.history] == pytest.approx([expected] * 2, rel=1e-12)


def test_every_epoch_has_its_own_order(task, monkeypatch):
    net, x, y = task
    seen = []
    original = training.recursion.time_major

    def spy(batch, dtype):
        seen.append(batch[:, 0, 0].copy())
        return original(batch, dtype)

    monkeypatch.setattr(training.recursion, "time_major", spy)
    train(net, x, y, epochs=3, batch_size=10, rng=0)
    assert [len(batch) for batch in seen] == [10, 10, 3] * 3
    epochs = [np.concatenate(seen[start : start + 3]) for start in (0, 3, 6)]
    for one, two in ((0, 1), (1, 2), (0, 2)):
        assert not np.array_equal(epochs[one], epochs[two])
    for order in epochs:
        np.testing.assert_array_equal(np.sort(order), np.sort(x[:, 0, 0]))


def test_the_schedule_moves_at_every_update(task):
    net, x, y = task
    asked = []

    def schedule(done):
        asked.append(done)
        return 1 - done

    result = train(net, x, y, learning_rate=0.1, epochs=2, batch_size=8, schedule=schedule, rng=0)
    assert asked == pytest.approx([i / 6 for i in range(6)])
    assert [record.learning_rate for record in result.history] == pytest.approx([0.4 / 6, 0.1 / 6])


def test_a_linear_network_learns_to_add_up():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 4, 1))
    y = x.sum(axis=1)
    start = initial_rnn(2, 1, 1, "identity", "orthogonal", rng=2)
    result = train(
        start, x, y, loss="squared", optimizer="adam", learning_rate=0.05, epochs=400,
        batch_size=64, rng=0,
    )  # fmt: skip
    assert result.history[-1].loss < 1e-8 < 0.1 < result.history[0].loss
    fresh = rng.standard_normal((10, 4, 1))
    np.testing.assert_allclose(
        result.rnn.predictions(fresh)[:, -1], fresh.sum(axis=1), rtol=1e-3, atol=1e-3
    )


def test_every_loss_falls(rng):
    net = textbook.random_rnn(rng, 8, 2, 2, "tanh", scale=0.5)
    x = rng.standard_normal((64, 4, 2))
    y = (x[:, -1, 0] > 0).astype(int)
    arguments = {"learning_rate": 0.01, "epochs": 40, "rng": 3}
    squared = train(net, x, np.eye(2)[y], loss="squared", **arguments)
    entropy = train(net, x, y, **arguments)
    # Where the margin is negative the ramp is flat, so it goes on from where another loss ended.
    ramp = train(entropy.rnn, x, y, loss="margin_ramp", gamma=8.0, **arguments)
    for result in (squared, entropy, ramp):
        assert result.history[-1].loss < 0.6 * result.history[0].loss


def test_the_same_seed_gives_the_same_bits_and_another_does_not(task):
    net, x, y = task
    one, two, other = (train(net, x, y, epochs=3, batch_size=4, rng=seed) for seed in (5, 5, 6))
    assert_same(one.rnn, two.rnn)
    assert one.history == two.history
    assert not np.array_equal(one.rnn.w_hidden, other.rnn.w_hidden)
    generator = train(net, x, y, epochs=3, batch_size=4, rng=np.random.default_rng(5))
    assert_same(one.rnn, generator.rnn)


@settings(max_examples=20)
@given(
    seed=seeds,
    stop=st.integers(0, 4),
    optimizer=st.sampled_from(["adamw", "adam", "sgd"]),
    dtype=st.sampled_from(["float32", "float64"]),
    schedule=st.sampled_from(["cosine", "one_cycle"]),
    tokens=st.booleans(),
)
def test_a_resumed_training_ends_in_the_same_bits(seed, stop, optimizer, dtype, schedule, tokens):
    rng = np.random.default_rng(seed)
    net = textbook.random_rnn(rng, 3, 2, 2, "relu")
    x = rng.integers(0, 2, (7, 4)) if tokens else rng.standard_normal((7, 4, 2))
    arguments = {
        "optimizer": optimizer, "dtype": dtype, "schedule": schedule, "epochs": 4,
        "batch_size": 3, "weight_decay": 0.1, "clip_norm": 1.0, "learning_rate": 1e-2,
    }  # fmt: skip
    y = rng.integers(0, 2, 7)
    states = [train(net, x, y, **{**arguments, "epochs": 0}, rng=seed).state]
    whole = train(net, x, y, **arguments, checkpoint=states.append, rng=seed)

    file = io.BytesIO()
    np.savez(file, **states[stop].to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        read = TrainingState.from_arrays(arrays)
    resumed = train(net, x, y, **arguments, resume=read)

    assert read.epoch == stop
    assert_same(resumed.rnn, whole.rnn)
    assert resumed.history == whole.history
    assert_same(states[4].rnn, whole.rnn)


def test_no_epochs_return_the_start(task):
    net, x, y = task
    result = train(net, x, y, epochs=0, rng=0)
    assert_same(result.rnn, net)
    assert result.history == ()


def test_a_network_without_nodes_learns_its_output_bias():
    net = RNN(np.zeros((0, 0)), np.zeros((0, 1)), np.zeros(0), np.zeros((1, 0)), [0.0])
    x, y = np.ones((8, 3, 1)), np.full((8, 1), 2.0)
    result = train(net, x, y, loss="squared", learning_rate=0.1, epochs=300, rng=0)
    assert result.rnn.b_output[0] == pytest.approx(2.0, abs=1e-3)


def test_neither_the_network_nor_the_data_are_changed(task):
    net, x, y = task
    before = {**{name: array.copy() for name, array in net.weights.items()}, "x": x.copy()}
    train(net, x, y, epochs=1, rng=0)
    for name, array in net.weights.items():
        np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(x, before["x"])


def test_single_precision_is_near_double_precision(task):
    net, x, y = task
    single = train(net, x, y, epochs=2, dtype="float32", rng=0)
    double = train(net, x, y, epochs=2, rng=0)
    assert single.rnn.w_hidden.dtype == np.float64
    assert single.state.memory["weights"].dtype == np.float32
    for name in WEIGHTS:
        np.testing.assert_allclose(
            getattr(single.rnn, name), getattr(double.rnn, name), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_masked_weights_stay_zero_and_the_others_move(task, rng, optimizer):
    net, x, y = task
    masks = {name: rng.integers(0, 2, getattr(net, name).shape) for name in WEIGHTS[:2]}
    result = train(net, x, y, optimizer=optimizer, epochs=2, masks=masks, rng=0)
    for name, mask in masks.items():
        after = getattr(result.rnn, name)
        assert not after[mask == 0].any()
        assert (after[mask == 1] != getattr(net, name)[mask == 1]).all()
    assert (result.rnn.b_output != net.b_output).all()


def test_masks_that_come_with_resume_hold_at_once(task, rng):
    net, x, y = task
    state = train(net, x, y, epochs=1, rng=0).state
    mask = np.triu(np.ones((4, 4)))
    result = train(net, x, y, epochs=1, resume=state, masks={"w_hidden": mask})
    np.testing.assert_array_equal(result.rnn.w_hidden, mask * state.rnn.w_hidden)


def test_a_projection_holds_at_the_start_and_after_every_update(task):
    net, x, y = task

    def project(weights):
        norm = np.linalg.norm(weights["w_input"], 2)
        weights["w_input"] *= min(1.0, 0.5 / norm)

    states = []
    result = train(
        net, x, y, learning_rate=0.1, epochs=3, batch_size=5, project=project,
        checkpoint=states.append, rng=0,
    )  # fmt: skip
    for rnn in (result.rnn, *(state.rnn for state in states)):
        assert np.linalg.norm(rnn.w_input, 2) <= 0.5 * (1 + 1e-12)
    untrained = train(net, x, y, epochs=0, project=project, rng=0).rnn
    assert np.linalg.norm(untrained.w_input, 2) == pytest.approx(0.5)


def test_progress_is_told_every_epoch(task):
    net, x, y = task
    told = []
    result = train(net, x, y, epochs=3, progress=told.append, rng=0)
    assert tuple(told) == result.history
    assert [record.epoch for record in told] == [1, 2, 3]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_divergence_names_the_learning_rate_and_keeps_the_last_good_network(rng, dtype):
    net = textbook.random_rnn(rng, 3, 1, 1, "identity")
    x, y = rng.standard_normal((20, 30, 1)), rng.standard_normal((20, 1))
    states = []
    with pytest.raises(DivergenceError, match=r"learning rate 12\.5") as caught:
        train(
            net, x, y, loss="squared", optimizer="sgd", learning_rate=12.5, epochs=50,
            checkpoint=states.append, dtype=dtype, rng=0,
        )  # fmt: skip
    result = caught.value.result
    assert isinstance(caught.value, ValueError)
    # It comes back whole from a worker process.
    other = pickle.loads(pickle.dumps(caught.value))
    assert str(other) == str(caught.value)
    assert_same(other.result.rnn, result.rnn)
    assert len(result.history) == len(states)
    assert all(math.isfinite(record.loss) for record in result.history)
    assert_same(result.rnn, states[-1].rnn if states else net_in(dtype, net))


def test_weights_that_overflow_in_the_last_update_are_a_divergence(task):
    net, x, _ = task
    with pytest.raises(DivergenceError, match=r"epoch 1 with learning rate 1e\+308") as caught:
        train(
            net, x, 1e3 * np.ones((23, 3)), loss="squared", optimizer="sgd", learning_rate=1e308,
            epochs=1, batch_size=23, rng=0,
        )  # fmt: skip
    assert_same(caught.value.result.rnn, net)


def net_in(dtype: str, net: RNN) -> RNN:
    weights = {name: array.astype(dtype) for name, array in net.weights.items()}
    return RNN(**weights, activation=net.activation)


def test_an_interrupt_keeps_the_last_finished_epoch(task):
    net, x, y = task
    states = []

    def stop(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    arguments = {"epochs": 5, "batch_size": 7}
    with pytest.raises(InterruptedTraining) as caught:
        train(net, x, y, **arguments, progress=stop, rng=3)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.result.state.epoch == 2
    assert pickle.loads(pickle.dumps(caught.value)).result.history == caught.value.result.history
    resumed = train(net, x, y, **arguments, resume=caught.value.result.state)
    whole = train(net, x, y, **arguments, checkpoint=states.append, rng=3)
    assert_same(caught.value.result.rnn, states[1].rnn)
    assert_same(resumed.rnn, whole.rnn)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": -1}, "epochs must be an integer of at least 0, got -1"),
        ({"epochs": 1.5}, "epochs must be an integer"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"learning_rate": math.nan}, "learning_rate must be finite"),
        ({"weight_decay": -1}, "weight_decay must be at least 0"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of adamw, adam, sgd, got 'lbfgs'"),
        ({"loss": "hinge"}, "loss must be one of squared, cross_entropy, margin_ramp"),
        ({"schedule": "linear"}, "schedule must be one of constant, cosine, step, one_cycle"),
        ({"targets": "all"}, "targets must be one of last, every"),
        ({"dtype": "float16"}, "dtype must be one of float64, float32"),
        ({"clip_norm": 0}, "clip_norm must be positive"),
        ({"rng": None}, "rng must be an integer or a Generator, got None"),
        ({"masks": {"w_hid": np.ones((4, 4))}}, "a name in masks must be one of w_hidden"),
        ({"masks": {"w_hidden": np.ones((4, 3))}}, "the mask of w_hidden must have shape"),
        ({"masks": {"w_hidden": np.full((4, 4), 2)}}, "the mask of w_hidden must hold only 0 and"),
        ({"y": np.full(23, 3)}, r"classes in y must lie in 0\.\.2, got 3"),
        ({"y": np.zeros(22, int)}, r"y must have shape \(23,\), got \(22,\)"),
        ({"x": np.zeros((0, 5, 2)), "y": np.zeros(0, int)}, "at least one sequence"),
    ],
)
def test_bad_arguments_are_one_clear_sentence(task, change, message):
    net, x, y = task
    with pytest.raises(ValueError, match=message):
        train(net, **{"x": x, "y": y, "epochs": 1, "rng": 0, **change})


def test_a_state_that_does_not_belong_here_is_refused(task):
    net, x, y = task
    state = train(net, x, y, epochs=1, rng=0).state
    for change in ({"optimizer": "sgd"}, {"dtype": "float32"}):
        with pytest.raises(ValueError, match="same optimizer and dtype"):
            train(net, x, y, epochs=2, resume=state, **change)
    other = initial_rnn(5, 2, 3, rng=0)
    with pytest.raises(ValueError, match="resume must belong to the network"):
        train(other, x, y, epochs=2, resume=state)
    with pytest.raises(
        ValueError, match="epochs must be at least the 1 that resume has done, got 0"
    ):
        train(net, x, y, epochs=0, resume=state)
    with pytest.raises(ValueError, match="not a training state"):
        TrainingState.from_arrays({"weights": np.zeros(3)})


@given(seeds, st.integers(0, 6), st.sampled_from(INITS), st.sampled_from([0.5, 1.0]))
def test_initial_networks_have_the_recurrent_weights_they_promise(seed, m, init, scale):
    net = initial_rnn(m, 3, 2, "relu", init, scale, rng=seed)
    assert (net.m, net.d_x, net.d_y) == (m, 3, 2)
    assert not net.b_hidden.any()
    assert not net.b_output.any()
    if init != "normal":
        gram = net.w_hidden @ net.w_hidden.T
        np.testing.assert_allclose(gram, scale**2 * np.eye(m), atol=1e-12)
    if init == "identity":
        np.testing.assert_array_equal(net.w_hidden, scale * np.eye(m))
    assert_same(net, initial_rnn(m, 3, 2, "relu", init, scale, rng=seed))


def test_orthogonal_starts_include_reflections():
    # LAPACK's factor of a 1 x 1 matrix is always 1: the signs have to be drawn.
    drawn = {initial_rnn(1, 1, 1, init="orthogonal", rng=seed).w_hidden[0, 0] for seed in range(64)}
    assert drawn == {-1.0, 1.0}


@pytest.mark.randomised(
    alpha=1e-9, power="a deviation off by 10 % is found with probability > 1 - 1e-9"
)
def test_initial_deviations_are_those_documented(rng):
    m = 200
    net = initial_rnn(m, 100, 100, "tanh", "normal", 2.0, input_scale=0.3, rng=rng)
    # A chi-square of 20,000 degrees: relative deviation of the root 1/200; 6.5 of them and more.
    for array, deviation in (
        (net.w_hidden, 2 / m**0.5),
        (net.w_input, 0.3),
        (net.w_output, (3 * m) ** -0.5),
    ):
        assert abs(array.std() / deviation - 1) < 0.035


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": -1}, "m must be an integer of at least 0"),
        ({"d_x": 0}, "d_x must be an integer of at least 1"),
        ({"d_y": 0}, "d_y must be an integer of at least 1"),
        ({"init": "zeros"}, "init must be one of identity, orthogonal, normal"),
        ({"input_scale": -1}, "input_scale must be at least 0"),
        ({"scale": math.inf}, "scale must be finite"),
        ({"activation": "gelu"}, "activation must be one of"),
    ],
)
def test_bad_sizes_are_one_clear_sentence(change, message):
    with pytest.raises(ValueError, match=message):
        initial_rnn(**{"m": 2, "d_x": 1, "d_y": 1, "rng": 0, **change})
