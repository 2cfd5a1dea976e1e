"""`rnnbounds certify` as a user runs it, without torch where nothing is trained."""

import hashlib
import json
import zipfile

import numpy as np
import pytest

from pruning.rnn import RNN
from pruning.storage import save_network
from validation.certifying.language import decode, unpacked
from validation.certifying.pipeline import bound
from validation.certifying.recipes import FIRST_STAGES
from validation.certifying.tasks import npz_task
from validation.commands import main


def run(capsys, *words):
    try:
        main(["certify", *map(str, words)])
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def files(tmp_path):
    """Sequences of 5 steps whose class is the sign of their sum, and a network that knows that."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 5, 2)) * 3
    y = (x.sum(axis=(1, 2)) > 0).astype(np.int64)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    rnn = RNN(np.eye(2), [[1, 1], [-1, -1]], [0, 0], [[0, 0.5], [0.5, 0]], [0, 0], "relu")
    save_network(tmp_path / "net.npz", rnn)
    return tmp_path


def test_a_network_of_ones_own_is_certified_without_training(files, capsys):
    cert = files / "cert"
    words = ("--model", files / "net.npz", "--data", files / "data.npz", "--out", cert)
    code, text, err = run(capsys, *words, "--delta", "0.01")
    assert code == 0, err
    facts = json.loads((cert / "certificate.json").read_text())
    data = (cert / "code.bin").read_bytes()
    assert facts["code_sha256"] == hashlib.sha256(data).hexdigest()
    assert facts["data_sha256"] == {
        "data.npz": hashlib.sha256((files / "data.npz").read_bytes()).hexdigest()
    }
    # What the files say is enough to count again.
    bits = unpacked(data, facts["bits"])
    network = decode(bits, "npz", (5, 2))
    task = npz_task(files / "data.npz", network.form.exponent)
    errors = network.errors(task.images, task.labels)
    assert (facts["n"], facts["errors"], facts["delta"]) == (2000, errors, "0.01")
    from decimal import Decimal

    assert facts["bound"] == f"{bound(errors, 2000, len(bits), Decimal('0.01')):.6f}"
    # Every route is printed, with what it assumes or why it says nothing, and is in the file.
    routes = {route["id"]: route for route in facts["network"]["routes"]}
    assert list(routes) == [
        *("occam.binomial", "occam.kl", "others.pac_bayes_kl", "others.pick_to_learn"),
        *("split.binomial", "others.test_set_binomial"),
    ]
    for id, route in routes.items():
        [line] = [line for line in text.splitlines() if line.strip().startswith(id)]
        assert route["assumes"] in line
        assert ("not evaluated" in line) == (route["value"] is None)
    assert 0 <= float(facts["bound"]) - routes["occam.binomial"]["value"] < 1e-6
    assert routes["occam.kl"]["value"] >= routes["occam.binomial"]["value"]
    assert routes["others.pac_bayes_kl"]["value"] > errors / 2000
    assert 0.02 < float(facts["bound"]) < 0.3
    assert f"{facts['bits']} bits" in text
    words = (cert / "README.txt").read_text()
    assert "at most" in words
    assert "0.01" in words
    # The independent checker says the same.
    with pytest.raises(SystemExit) as stop:
        main(["check", str(cert), "--data-dir", str(files)])
    said = capsys.readouterr().out
    assert stop.value.code == 0, said
    assert said.startswith("VALID")
    # Again into the same folder.
    assert (
        run(capsys, "--model", files / "net.npz", "--data", files / "data.npz", "--out", cert)[0]
        == 0
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no-such",), "name must be"),
        (("digits", "--delta", "0"), "delta must be a decimal between 0 and 1"),
        (("digits", "--delta", "1e-3"), "delta must be a decimal"),
        (("digits", "--delta", "nan"), "delta must be a decimal"),
        (("digits", "--delta", "0.0000000000001"), "delta must be a decimal"),
        (("digits", "--k", "0"), "k must be"),
        (("digits", "--k", "33"), "k must be an integer from 1 to 32, got 33"),
        (("--model", "none.npz", "--data", "data.npz"), "none.npz must be a file"),
        (("--model", "empty.npz", "--data", "data.npz"), "model must have a node"),
        (("digits", "--method", "magic"), "method must be"),
        (("digits", "--rate", "-1"), "rate must be"),
        (("digits", "--descent", "-1"), "descent must be"),
        (("digits", "--draws", "-1"), "draws must be"),
        (("digits", "--subspace", "w_hidden"), "subspace must be such as w_hidden=200"),
        (("digits", "--subspace", "b_hidden=2"), "subspace must be such as w_hidden=200"),
        (("digits", "--subspace", "w_input=2,w_input=3"), "must name each block once"),
        (("ptb-bytes", "--descent", "1"), "descent is for images"),
        (("digits", "--power", "2"), "power must be in [0, 1], got 2"),
        (("digits", "--learning-rate", "0"), "learning_rate must be"),
        (("digits", "--steps", "w_hidden"), "steps must be such as"),
        (("digits", "--steps", "w_in=3"), "steps must name"),
        (("digits", "--steps", "w_hidden=99"), "within 40 of 0"),
        (("digits", "--crop", "1,2"), "crop must be 4 integers"),
        (("digits", "--pool", "0,1"), "pool must be 2 integers"),
        (("digits", "--pool", "3,1", "--epochs", "0"), "whole blocks of pixels"),
        (("digits", "--model", "net.npz"), "they do not go with digits"),
        (("--model", "net.npz"), "data must be given with model"),
        (("--model", "net.npz", "--data", "none"), "data must be mnist, fashion-mnist, digits"),
        (("--model", "net.npz", "--data", "digits"), "model must read 8 numbers a step"),
        (("--model", "net.npz", "--data", "data.npz", "--pool", "1,1"), "are for images"),
        (("--model", "net.npz", "--data", "data.npz", "--k", "9"), "k must be"),
        (("--model", "tanh.npz", "--data", "data.npz"), "give it epochs of training"),
        (("--model", "net.npz", "--data", "steps.npz"), "one label a sequence"),
        (("--model", "net.npz", "--data", "tokens.npz"), "to be certified"),
        (("--model", "net.npz", "--data", "tests.npz"), "must hold x and y alone"),
        (("--model", "net.npz", "--data", "fortran.npz"), "in Fortran's order"),
        (("--model", "net.npz", "--data", "my data.npz"), "data must be a file named by ASCII"),
        (("--model", "net.npz", "--data", ".hidden.npz"), "data must be a file named by ASCII"),
        (("--model", "net.npz", "--data", "d\u00e4ta.npz"), "data must be a file named by ASCII"),
        (("--model", "net.npz", "--data", "bools.npz"), "of at most 64 bits to be certified"),
        (("--model", "net.npz", "--data", "long.npz"), "of at most 64 bits to be certified"),
        (("--model", "net.npz", "--data", "version-2.npz"), "must be an npy of version 1.0"),
        (("--model", "net.npz", "--data", "behind.npz"), "x in behind.npz must end with its numb"),
        (("--data", "data.npz"), "data must be given with model"),
        (("--model", "heavy.npz", "--data", "data.npz"), "model must have weights such that"),
        (("--model", "light.npz", "--data", "data.npz"), "model must have weights such that"),
        (("no-such",), "pixel-mnist, ptb-bytes, got"),
        (("digits", "--steps", "w_hidden=1,w_hidden=2"), "steps must name each block once"),
        (("digits", "--delta", "0.\u0660\u0665"), "delta must be a decimal"),
        (("digits", "--work", "net.npz/work"), "work must be a folder that can be made"),
        (("--model", "net.npz", "--data", "data.npz", "--out", "net.npz/a/b"), "net.npz is a file"),
        (("ptb-bytes", "--pool", "2,2"), "they do not go with ptb-bytes"),
        (("ptb-bytes", "--method", "spectral"), "method does not go with ptb-bytes"),
        (("--model", "net.npz", "--data", "many.npz"), "must know the 4 classes"),
        (("--model", "net.npz", "--data", "large.npz"), "x in large.npz must be at most 2^74"),
        (("--model", "net.npz", "--data", "data.npz", "--out", "."), "which is no part of a cert"),
    ],
)
def test_a_mistake_gets_one_sentence(words, message, files, capsys, monkeypatch):
    monkeypatch.chdir(files)
    rng = np.random.default_rng(1)
    nothing = RNN(np.zeros((0, 0)), np.zeros((0, 2)), [], np.zeros((2, 0)), [0, 1], "relu")
    save_network("empty.npz", nothing)
    save_network("tanh.npz", RNN(np.eye(2), np.eye(2), [0, 0], np.eye(2), [0, 0], "tanh"))
    x = rng.normal(size=(5, 4, 2))
    np.savez("steps.npz", x=x, y=np.zeros((5, 4), np.int64))
    np.savez("tokens.npz", x=np.zeros((5, 4), np.int64), y=np.zeros(5, np.int64))
    np.savez("many.npz", x=x, y=np.array([0, 1, 2, 3, 3]))
    np.savez("tests.npz", x=x, y=np.zeros(5, int), x_test=x, y_test=np.zeros(5, int))
    np.savez("fortran.npz", x=np.asfortranarray(x), y=np.zeros(5, int))
    for name in ("my data", ".hidden", "d\u00e4ta"):
        np.savez(f"{name}.npz", x=x, y=np.zeros(5, int))
    np.savez("bools.npz", x=x > 0, y=np.zeros(5, int))
    np.savez("long.npz", x=x.astype(np.longdouble), y=np.zeros(5, int))
    with zipfile.ZipFile("version-2.npz", "w") as archive:
        for name, array in (("x.npy", x), ("y.npy", np.zeros(5, int))):
            with archive.open(name, "w") as file:
                np.lib.format.write_array(file, array, version=(2, 0))
    with zipfile.ZipFile("behind.npz", "w") as archive:
        for name, array in (("x.npy", x), ("y.npy", np.zeros(5, int))):
            with archive.open(name, "w") as file:
                np.save(file, array)
                file.write(bytes(16))
    for name, size in (("heavy", 1e300), ("light", 1e-300)):
        weights = np.full((2, 2), size)
        save_network(f"{name}.npz", RNN(weights, weights, [0, 0], np.eye(2), [0, 0], "relu"))
    np.savez("large.npz", x=x * 1e60, y=np.zeros(5, np.int64))
    code, _, err = run(capsys, *words)
    assert code == 2, err
    assert message in err
    assert err.count("\n") == 1
    assert not (files / "cert").exists()


@pytest.mark.parametrize("method", FIRST_STAGES)
def test_every_first_stage_prunes(method, files, capsys):
    words = ("--model", files / "net.npz", "--data", files / "data.npz", "--out", files / "c")
    code, _, err = run(capsys, *words, "--k", "1", "--method", method)
    assert code == 0, err
    assert json.loads((files / "c" / "certificate.json").read_text())["network"]["k"] == 1


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_inputs_of_any_size_are_certified_and_checked(scale, files, capsys):
    held = np.load(files / "data.npz")
    np.savez(files / "scaled.npz", x=held["x"] * scale, y=held["y"])
    words = ("--model", files / "net.npz", "--data", files / "scaled.npz", "--out", files / "c")
    code, _, err = run(capsys, *words)
    assert code == 0, err
    assert float(json.loads((files / "c" / "certificate.json").read_text())["bound"]) < 0.3
    with pytest.raises(SystemExit) as stop:
        main(["check", str(files / "c"), "--data-dir", str(files)])
    assert stop.value.code == 0, capsys.readouterr().out


def test_without_a_name_the_recipes_are_listed(capsys):
    code, text, _ = run(capsys)
    assert code == 0
    assert "row-mnist" in text
