"""The trainings of the committed networks: killed at any moment, they end in the same weights."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pruning.rnn import RNN
from pruning.storage import load_network
from validation.data.digits import digits
from validation.training import model_training
from validation.training.model_training import make, stretched
from validation.training.recipes import RECIPES, Start, load, recipe
from validation.training.scores import accuracy

EPOCHS = 12


def short(name="digits", epochs=EPOCHS):
    return recipe(name).with_epochs(epochs)


def test_a_training_killed_at_random_moments_ends_in_the_same_bytes(tmp_path, rng):
    whole = make(short(), 0, tmp_path / "whole", work=tmp_path / "a")
    command = [
        *(sys.executable, "-c", "from validation.commands import main; main()"),
        *("train", "digits", "--seed", "0", "--epochs", str(EPOCHS)),
        *("--out", str(tmp_path / "broken"), "--work", str(tmp_path / "b")),
    ]
    checkpoint = tmp_path / "b" / "digits-0" / "checkpoint.npz"

    kills = 0
    while kills < 3:
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        # Wait for one more checkpoint, so that the loop ends, and then a moment more.
        while process.poll() is None and (
            not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before
        ):
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors.decode()
        kills += 1
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    assert kills >= 1
    broken = tmp_path / "broken" / whole.name
    assert broken.read_bytes() == whole.read_bytes()
    ours, theirs = (json.loads(path.with_suffix(".json").read_text()) for path in (whole, broken))
    assert len(ours["log"]) == len(theirs["log"]) == EPOCHS
    for log in (ours["log"], theirs["log"]):
        for line in log:
            del line["seconds"]
    assert ours == theirs


def test_the_log_tells_what_the_stored_network_achieves(tmp_path):
    path = make(short(), 1, tmp_path, work=tmp_path / "work")
    facts = json.loads(path.with_suffix(".json").read_text())
    data = digits()

    rnn = load_network(path)

    predicted = rnn.predictions(data.x_test)[:, -1].argmax(axis=1)
    assert facts["result"]["test_accuracy"] == np.mean(predicted == data.y_test)
    assert facts["command"] == "rnnbounds train digits --seed 1 --epochs 12"
    assert facts["finished"]
    assert [line["epoch"] for line in facts["log"]] == list(range(1, EPOCHS + 1))
    assert all(w.dtype == np.float64 for w in rnn.weights.values())
    assert all(np.array_equal(w, w.astype(np.float32)) for w in rnn.weights.values())


def test_a_snapshot_is_the_network_of_the_last_checkpoint_and_says_so(tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def stop_after_five(record):
        if record["epoch"] == 5:
            raise Stop

    with pytest.raises(Stop):
        make(short(), 0, tmp_path, work=tmp_path / "work", say=stop_after_five)
    path = make(short(), 0, tmp_path, work=tmp_path / "work", snapshot=True)
    facts = json.loads(path.with_suffix(".json").read_text())

    assert not facts["finished"]
    assert len(facts["log"]) == 5
    assert facts["result"]["test_accuracy"] == pytest.approx(
        facts["log"][-1]["test_accuracy"], abs=2 / 360
    )


def test_a_snapshot_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no checkpoint"):
        make(short(), 0, tmp_path, work=tmp_path, snapshot=True)


def test_a_checkpoint_of_other_settings_is_refused_and_restart_forgets_it(tmp_path):
    make(short(epochs=2), 0, tmp_path, work=tmp_path)

    with pytest.raises(ValueError, match="other settings; use --restart"):
        make(short(epochs=3), 0, tmp_path, work=tmp_path)
    path = make(short(epochs=3), 0, tmp_path, work=tmp_path, restart=True)

    assert len(json.loads(path.with_suffix(".json").read_text())["log"]) == 3


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_checkpoint_is_named(tmp_path, damage):
    make(short(epochs=1), 0, tmp_path, work=tmp_path)
    checkpoint = tmp_path / "digits-0" / "checkpoint.npz"
    data = checkpoint.read_bytes()
    checkpoint.write_bytes(data[: len(data) // 2] if damage is None else damage)

    with pytest.raises(ValueError, match="is not a checkpoint of a training"):
        make(short(epochs=1), 0, tmp_path, work=tmp_path)


def test_an_unknown_network_lists_the_known():
    with pytest.raises(ValueError, match=r"must be one of digits, .*ptb.*, got 'lstm'"):
        recipe("lstm")


def test_a_warm_start_without_its_network_says_how_to_train_it(tmp_path, monkeypatch):
    warm = dataclasses.replace(short(epochs=1), name="warm", warm="digits", stretch=2.0)

    with pytest.raises(ValueError, match="run `rnnbounds train digits` first"):
        make(warm, 0, tmp_path, work=tmp_path)

    first = load_network(make(short(epochs=1), 0, tmp_path, work=tmp_path))
    start = model_training._start(warm, digits(), 0, tmp_path)
    assert np.array_equal(start.w_input, first.w_input / 2)
    assert np.array_equal(start.w_output, first.w_output)


def test_a_stretched_network_does_the_same_on_a_sequence_whose_steps_are_repeated(rng):
    small = 1e-5  # each step changes the state by so much, and then the stretching is exact
    rnn = RNN(
        np.eye(4) + small * rng.standard_normal((4, 4)),
        small * rng.standard_normal((4, 2)),
        small * rng.standard_normal(4),
        rng.standard_normal((3, 4)) / small,
        np.zeros(3),
        "identity",
    )
    x = rng.standard_normal((2, 6, 2))

    slow = stretched(rnn, 3).predictions(np.repeat(x, 3, axis=1))

    np.testing.assert_allclose(slow[:, 2::3], rnn.predictions(x), rtol=1e-3, atol=1e-3)


def test_seeds_differ_in_start_and_the_start_is_the_identity():
    one, two = (Start("relu", 0.9, 0.1, 0.2).rnn(6, 3, 4, seed) for seed in (0, 1))

    assert np.array_equal(one.w_hidden, 0.9 * np.eye(6))
    assert not np.array_equal(one.w_input, two.w_input)
    assert 0 < np.abs(one.b_hidden).max() < 1


def test_accuracy_counts_in_batches_what_it_counts_at_once(rng):
    data = digits()
    rnn = Start("tanh", input_scale=0.3).rnn(8, 8, 10, 0)
    right = rnn.predictions(data.x_test)[:, -1].argmax(axis=1) == data.y_test

    assert accuracy(rnn, data.x_test, data.y_test, at_once=17) == right.mean()


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("digits")])
def test_the_recipe_of_the_digits_loads_and_starts(name):
    chosen = recipe(name)
    data = load(chosen.data)

    assert chosen.start.rnn(chosen.m, data.d_x, data.classes, 0).m == 64


def test_without_torch_a_language_model_says_what_to_install(tmp_path, monkeypatch):
    from validation.training import torch_models

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r"needs torch.*pip install 'rnnbounds\[peers\]'"):
        torch_models.import_torch()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train", "lstm"], 2, "must be one of digits"),
        (["train", "digits", "--epochs", "0"], 2, "epochs must be an integer of at least 1"),
        (
            ["data", "fetch", "cifar"],
            2,
            "mnist, fashion-mnist, ptb, sotu, g2p, got 'cifar'",
        ),
        (["data", "get"], 2, "must be one of list, fetch"),
        (["data", "list"], 0, "sotu"),
        (["data", "fetch", "digits"], 0, "ships with the package"),
        (["train"], 0, "pixel-mnist-14"),
    ],
)
def test_the_commands_answer_in_one_sentence(tmp_path, words, code, message):
    done = subprocess.run(
        [sys.executable, "-c", "from validation.commands import main; main()", *words],
        env=os.environ | {"RNNBOUNDS_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == code
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
