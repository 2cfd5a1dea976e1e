"""Experiments that are killed, run on other workers, or told what does not exist."""

import random
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pruning import RNN, save_network
from validation.commands import main
from validation.experiments.declared import DECLARED
from validation.experiments.grid_files import EXAMPLE, KEYS
from validation.experiments.store import Store

ROOT = Path(__file__).parents[3]
RNNBOUNDS = Path(sys.executable).with_name("rnnbounds")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A grid of a few rows, quick enough to be repeated; networks of the digits, two seeds."""
    for seed in range(2):
        shutil.copy(ROOT / "models" / f"digits-{seed}.safetensors", tmp_path)
    (tmp_path / "mine.py").write_text(
        "from pruning import prune_to\n"
        "def first(rnn, S, k, rng, tau=None):\n"
        "    return prune_to(rnn, S, range(k), tau)\n"
    )
    (tmp_path / "grid.toml").write_text(
        'network = ["digits-0.safetensors", "digits-1.safetensors"]\n'
        'data = {loader = "digits"}\n'
        'methods = ["spectral", "random nodes", "determinantal", "low rank W_h", "mine.py:first"]\n'
        "nodes = [8, 21]\n"
        "theta = [0.5, 1.0]\n"
        "tau = [1e-8, 1e-2]\n"
        "bound_sequences = 50\n"
        "lengths = [4]\n"
        "fine_tuning = {epochs = 1, learning_rate = 1e-3}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNBOUNDS_DATA", str(tmp_path / "cache"))
    return tmp_path


def command(*words, **options):
    return subprocess.Popen(
        [RNNBOUNDS, "experiment", "grid.toml", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        **options,
    )  # fmt: skip


def finished(out, *words):
    process = command("--out", out, *words)
    said, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return said


def table(out, form="csv"):
    done = subprocess.run(
        [RNNBOUNDS, "table", "grid.toml", "--out", out, "--format", form],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout


# `rnnbounds experiment` with the given words, that kills itself at some moment after `rows` rows.
DYING = """
import os, signal, sys, threading
from validation.commands import main
from validation.experiments.grid_files import EXAMPLE, KEYS
from validation.experiments.declared import DECLARED
from validation.experiments.store import Store

rows, seconds = int(sys.argv[1]), float(sys.argv[2])
add = Store.add

def counted(self, *row):
    global rows
    add(self, *row)
    rows -= 1
    if rows == 0:
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

Store.add = counted
main(sys.argv[3:])
"""


def rows_in(out):
    try:
        with Store(Path(out) / "grid.sqlite", read_only=True) as store:
            return len(store.keys())
    except ValueError as error:
        if "run the experiment first" not in str(error):
            raise
        return 0  # not there, or nothing in it yet


def test_killed_at_any_moment_and_resumed_the_table_is_the_same(folder):
    finished("undisturbed", "--workers", "2")
    expected, rows = table("undisturbed"), rows_in("undisturbed")
    moments = random.Random(0)

    kills, counts = 0, [0]
    while kills < 10:
        words = [
            "experiment", "grid.toml", "--out", "killed", "--resume",
            "--workers", "2" if kills == 5 else "1",
        ]  # fmt: skip
        when = [str(moments.randint(1, 3)), f"{moments.uniform(0, 0.05):.3f}"]
        done = subprocess.run([sys.executable, "-c", DYING, *when, *words], check=False)
        if done.returncode == 0:  # it was faster: the rest of the kills are of another run
            assert table("killed") == expected
            Path("killed/grid.sqlite").unlink()
            counts = [0]
            continue
        assert done.returncode == -signal.SIGKILL
        kills += 1
        counts.append(rows_in("killed"))
        assert counts[-2] < counts[-1] <= rows
    finished("killed", "--resume", "--workers", "2")

    assert table("killed") == expected
    assert table("killed", "md") == table("undisturbed", "md")
    assert "0 rows finished now" in finished("killed", "--resume")


def test_workers_end_soon_after_an_experiment_that_was_killed(folder):
    process = command("--out", "killed", "--workers", "2")
    workers = set()
    try:
        while rows_in("killed") < 3:
            assert process.poll() is None
            workers |= set(descendants(process.pid))
            time.sleep(0.05)
    finally:
        process.kill()
        process.communicate()
    assert len(workers) >= 2
    patience = time.monotonic() + 60
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < patience
        time.sleep(0.1)


def alive(pid):
    status = Path(f"/proc/{pid}/stat")
    # Where nobody waits for orphans they stay as zombies.
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def descendants(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        pytest.skip("this system does not list the children of a process")
    found = [int(child) for child in children.read_text().split()]
    return found + [other for child in found for other in descendants(child)]


@pytest.mark.long
def test_a_dask_cluster_of_two_workers_gives_the_same_table(folder):
    from distributed import LocalCluster

    finished("processes", "--workers", "2", "--finetune")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    ) as cluster:
        finished("cluster", "--dask", cluster.scheduler_address, "--finetune")
    assert table("cluster") == table("processes")
    assert table("cluster", "latex") == table("processes", "latex")


def said_wrong(capsys, *words):
    with pytest.raises(SystemExit) as exit:
        main(words)
    assert exit.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("rnnbounds: ")
    assert all(line.startswith(("covariances: ", "rows: ")) for line in lines[:-1])
    return lines[-1]


def test_a_finished_table_is_not_overwritten_by_accident(folder, capsys):
    with Store(folder / "out" / "grid.sqlite") as store:
        store.add("a", {}, {}, 0.0)
    text = said_wrong(capsys, "experiment", "grid.toml", "--out", "out")
    assert "holds 1 finished rows: use --resume to go on with it or --restart" in text


def test_a_dask_address_that_nobody_answers_is_one_sentence(folder, capsys, monkeypatch):
    from validation.checking import clusters

    monkeypatch.setattr(clusters, "ANSWER_SECONDS", 1)
    address = "tcp://127.0.0.1:9"
    text = said_wrong(capsys, "experiment", "grid.toml", "--dask", address)
    assert f"no Dask scheduler answered at {address} in 1 s" in text


def grid(folder, **changes):
    """Write a grid with some keys changed; None leaves one out."""
    keys = {"network": '"net.npz"', "data": '"data.npz"', "nodes": "[2]"} | changes
    lines = [f"{key} = {value}" for key, value in keys.items() if value is not None]
    (folder / "own.toml").write_text("\n".join(lines))


MISTAKES = {
    "unknown key": ({"node": "[2]"}, "there is no key 'node', the keys are name, network, data"),
    "missing key": ({"data": None}, "the key data is missing"),
    "unknown method": ({"methods": '["best"]'}, "the method must be one of spectral, "),
    "unknown loader": ({"data": '{loader = "mnist"}'}, "a loader among digits, images, windows"),
    "no network": ({"network": '"no.npz"'}, "no.npz must be a file, got nothing"),
    "no data": ({"data": '"no.npz"'}, "there is no file no.npz"),
    "k beyond m": ({"nodes": "[4]"}, "nodes must be an integer from 1 to 3, got 4"),
    "theta": ({"theta": "[2]"}, "theta must lie between 0 and 1, got 2"),
    "tau": ({"tau": "-1"}, "tau must be at least 0, got -1"),
    "focus": ({"focus": "1"}, "focus must be one of the nodes (2,), got 1"),
    "not TOML": ({"seeds": "[1"}, "own.toml is not TOML"),
    "own method": ({"methods": '["no.py:f"]'}, "no.py"),
    "no function": ({"methods": '["own.py:f"]'}, "own.py must define the function f"),
    "result of a method": ({"methods": '["own.py:none"]'}, "must return a PrunedRNN"),
    "model that does not fit": ({"data": '"wide.npz"'}, "reads inputs of dimension 2"),
    "classes": ({"data": '"many.npz"'}, "predicts 2 classes, the labels of the data need 6"),
    "small": ({"small": '"net.npz"'}, "small must be a network of focus = 2 nodes, "),
    "key of fine-tuning": (
        {"fine_tuning": "{epoch = 1}"},
        "a key of fine_tuning must be one of loss, optimizer, ",
    ),
    "sequences": (
        {"fine_tuning": "{sequences = 0}"},
        "sequences of fine_tuning must be an integer",
    ),
    "key of start": ({"start": "{gain = 1}"}, "a key of start must be one of scale, input_scale"),
    "seeds": ({"seeds": "0"}, "seeds must be an integer from 1 to 1000, got 0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_grid_is_one_sentence(folder, capsys, mistake):
    net = RNN(np.eye(3), np.ones((3, 2)), np.zeros(3), np.ones((2, 3)), np.zeros(2), "relu")
    save_network(folder / "net.npz", net)
    x, y = np.ones((6, 3, 2)), np.array([0, 1, 1, 0, 1, 0])
    np.savez(folder / "data.npz", x=x, y=y)
    np.savez(folder / "wide.npz", x=np.ones((6, 3, 5)), y=y)
    np.savez(folder / "many.npz", x=x, y=np.arange(6))
    (folder / "own.py").write_text("def none(rnn, S, k, rng):\n    return None\n")
    changes, message = MISTAKES[mistake]
    grid(folder, **changes)
    text = said_wrong(capsys, "experiment", "own.toml", "--workers", "1", "--out", "out")
    assert message in text
    if (folder / "out").exists():  # no empty file, and no folder for it
        with Store(folder / "out" / "own.sqlite", read_only=True) as store:
            assert store.keys()


def test_an_unknown_experiment_is_refused_with_the_known(folder, capsys):
    text = said_wrong(capsys, "experiment", "cifar")
    assert "must be one of digits, digits-relu, row-mnist" in text
    missing = said_wrong(capsys, "experiment", "row-mnist", "--models", "nowhere")
    assert "run `rnnbounds train row-mnist --seed 0` first" in missing
    many = said_wrong(capsys, "experiment", "digits", "--seeds", "6")
    assert "seeds must be an integer from 1 to 5, got 6" in many


def test_a_network_and_data_of_ones_own_with_resampled_sequences(folder, capsys):
    rng = np.random.default_rng(0)
    net = RNN(
        rng.normal(size=(3, 3)) / 2, rng.normal(size=(3, 2)), rng.normal(size=3),
        rng.normal(size=(2, 3)), np.zeros(2), "tanh",
    )  # fmt: skip
    save_network(folder / "net.npz", net)
    np.savez(folder / "data.npz", x=rng.normal(size=(40, 4, 2)), y=rng.integers(2, size=(40, 4)))
    grid(
        folder, methods='["spectral", "Taylor nodes"]', nodes="[1, 2]", seeds="3", sample="10",
        bound_sequences="20", fine_tuning="{epochs = 1}",
    )  # fmt: skip
    main_ends("experiment", "own.toml", "--workers", "1", "--finetune")
    # A seed: whole, two methods at two k, two read-outs, two methods after fine-tuning. The bounds
    # are about the first 20 sequences, whatever the seed draws.
    assert f"{3 * (1 + 4 + 2 + 2) + 2} rows finished now" in capsys.readouterr().out
    main_ends("table", "own.toml")
    text = capsys.readouterr().out
    assert "a seed draws 10 sequences, with replacement, to form S" in text
    before = {path: path.read_bytes() for path in (folder / "results").iterdir()}
    main_ends("plot", "own.toml", "--format", "svg")
    assert (folder / "figures" / "own-over-nodes.svg").read_text().startswith("<?xml")
    assert {path: path.read_bytes() for path in (folder / "results").iterdir()} == before


def test_the_example_of_a_method_of_ones_own_runs_as_it_is_printed(folder, capsys):
    text = (ROOT / "results" / "README.md").read_text()
    for name, kind in (("mine.py", "python"), ("mine.toml", "toml")):
        [block] = re.findall(rf"```{kind}\n(# {name}\n.*?)```", text, re.DOTALL)
        (folder / name).write_text(block)
    (folder / "models").mkdir()
    shutil.copy(folder / "digits-0.safetensors", folder / "models")
    main_ends("experiment", "mine.toml", "--seeds", "1", "--workers", "1")
    main_ends("table", "mine.toml")
    assert "| mine.py:loudest | own | " in capsys.readouterr().out


def test_the_experiments_are_listed_and_the_example_of_a_grid_is_complete(capsys):
    main_ends("experiment")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(DECLARED)
    assert set(tomllib.loads(EXAMPLE)) | {"name", "start", "small"} == set(KEYS)


def main_ends(*words):
    with pytest.raises(SystemExit) as exit:
        main(words)
    assert exit.value.code in (0, None)
