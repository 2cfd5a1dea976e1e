"""What cannot be pruned or fitted is said in one true sentence, without warnings before it."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from pruning import GRU, RNN, Stack, initial_rnn, prune_stack, refit_divergence, spectral_prune
from pruning.stack_refit import refit_stack
from pruning.storage import save_network
from validation.commands import main

RNN_3 = initial_rnn(8, d_x=2, d_y=3, activation="tanh", rng=0)
X = np.random.default_rng(0).normal(size=(40, 5, 2))
GROWING = RNN(1e90 * np.eye(2), np.ones((2, 2)), np.ones(2), np.eye(2), np.zeros(2), "identity")


def prune(rnn, x, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return spectral_prune(rnn, x, 2, objective="balanced", rng=0, **settings)


@pytest.mark.parametrize(
    ("rnn", "x", "settings", "message"),
    [
        (GROWING, 1 + np.abs(X), {}, r"the states must stay within .* float64, left it at t = 5"),
        (GROWING, 1 + np.abs(X), {"refit": "closed-loop"}, r"left it at t = 5"),
        (
            replace(RNN_3, w_output=1e-300 * RNN_3.w_output),
            X,
            {"outputs": "logits"},
            "the softmax of the outputs must depend on the states",
        ),
        (
            replace(RNN_3, w_output=RNN_3.w_output[:1], b_output=[0.0]),
            X,
            {"outputs": "logits"},
            "rnn must have at least 2 outputs, the logits of classes, got 1",
        ),
        (
            RNN_3,
            1e200 * X,
            {"outputs": "logits", "refit": "closed-loop"},
            "^x must have squares within the range of floats for a closed loop, left it",
        ),
        (RNN_3, [[1, 2], [3]], {}, r"x must be an array of numbers, got \[\[1, 2\], \[3\]\]"),
        (
            replace(RNN_3, w_output=np.zeros((3, 8))),
            X,
            {"refit": "read-out"},
            "rnn must have a read-out w_output that is not 0",
        ),
    ],
)
def test_what_is_refused_is_said_in_one_sentence_and_without_warnings(rnn, x, settings, message):
    with pytest.raises(ValueError, match=message):
        prune(rnn, x, **settings)


def steady(size):
    """States of about `size`, read in units in which the logits are ordinary."""
    read = np.random.default_rng(0).normal(size=(3, 4)) / size
    return RNN(0.5 * np.eye(4), size * np.ones((4, 2)), np.zeros(4), read, np.zeros(3), "identity")


@pytest.mark.parametrize(
    ("size", "settings", "floats"),
    [
        (1e25, {}, "float32"),
        (1e25, {"fit_recursion": True}, "float32"),
        (1e160, {"dtype": "float64"}, "float64"),
        (1e160, {"dtype": "float64", "fit_recursion": True, "inputs": False}, "float64"),
    ],
)
def test_states_without_squares_are_not_called_gradients(size, settings, floats):
    said = rf"^the states of small must have squares within the range of {floats} for a refit"
    with pytest.raises(ValueError, match=said):
        refit_divergence(steady(size), steady(size), X, **settings)


def test_what_a_layer_of_a_stack_reads_is_named():
    rng = np.random.default_rng(0)
    cell = GRU(rng.normal(size=(12, 2)), rng.normal(size=(12, 4)), np.zeros(12), np.zeros(12))
    stack = Stack([[cell]], rng.normal(size=(3, 4)), np.zeros(3))
    small = prune_stack(stack, X, k=2).pruned
    with pytest.raises(ValueError, match=r"^x must have squares within the range of floats"):
        refit_stack(stack, small, 1e200 * X, outputs="logits")


def command(tmp_path, capsys, rnn, x, *options):
    model, data, out = (tmp_path / name for name in ("net.safetensors", "x.npz", "out.safetensors"))
    save_network(model, rnn)
    np.savez(data, x=x)
    facts = tmp_path / "facts.json"
    args = ["prune", str(model), "--data", str(data), "-k", "2", "-o", str(out)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            main([*args, "--objective", "balanced", "--json", str(facts), *options])
            code = 0
        except SystemExit as stop:
            code = stop.code
    said = capsys.readouterr()
    if code:
        return None, said.err
    return json.loads(facts.read_text()), said.out


def test_the_command_names_the_step_at_which_states_leave_the_range(tmp_path, capsys):
    facts, said = command(tmp_path, capsys, GROWING, 1 + np.abs(X))
    assert facts is None
    assert "the states must stay within the range of float64, left it at t = 5" in said
    assert "Warning" not in said


def test_one_output_has_no_largest_entry_to_agree_on(tmp_path, capsys):
    rnn = replace(RNN_3, w_output=RNN_3.w_output[:1], b_output=[0.0])
    facts, said = command(tmp_path, capsys, rnn, X, "--refit", "read-out")
    assert facts["agreement"] is None
    assert facts["distance"] > 0
    assert "largest entry" not in said
    assert "of the outputs' spread, 40 outputs" in said


@pytest.mark.parametrize("unit", [1e-300, 1e-42, 1e100])
def test_units_that_float32_has_not_do_not_make_networks_equal(tmp_path, capsys, unit):
    near = replace(RNN_3, b_output=np.zeros(3))
    far = replace(near, w_output=unit * near.w_output)
    facts = [command(tmp_path, capsys, net, X)[0] for net in (near, far)]
    assert facts[1]["distance"] == pytest.approx(facts[0]["distance"], rel=1e-3)
    assert facts[1]["agreement"] == facts[0]["agreement"]


def test_a_weight_beyond_float32_is_none_beyond_floats(tmp_path, capsys):
    rnn = replace(RNN_3, w_hidden=1e100 * RNN_3.w_hidden)
    assert command(tmp_path, capsys, rnn, X)[0]["distance"] >= 0
