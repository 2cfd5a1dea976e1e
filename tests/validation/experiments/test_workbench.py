"""What a worker does with one row."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest

from pruning import RNN, StateCovariance, load_network, save_network, spectral_prune
from validation.data.dataset import read_file
from validation.experiments import row_data, workbench
from validation.experiments.grids import Grid, row_key
from validation.experiments.workbench import Task, finish, warm
from validation.training import scores


@pytest.fixture
def grid(tmp_path, monkeypatch):
    """A grid over a network and data of one's own, with one network and so resampled sequences."""
    monkeypatch.setenv("RNNBOUNDS_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(row_data, "_HELD", {})
    monkeypatch.setattr(scores, "_SCORES", {})
    rng = np.random.default_rng(0)
    net = RNN(
        rng.normal(size=(5, 5)) / 2, rng.normal(size=(5, 2)), rng.normal(size=5),
        rng.normal(size=(3, 5)), rng.normal(size=3), "tanh",
    )  # fmt: skip
    save_network(tmp_path / "net.npz", net)
    x, x_test = rng.normal(size=(40, 4, 2)), rng.normal(size=(30, 4, 2))
    y, y_test = rng.integers(3, size=(40, 4)), rng.integers(3, size=(30, 4))
    np.savez(tmp_path / "data.npz", x=x, y=y, x_test=x_test, y_test=y_test)
    data = {"loader": "file", "path": str(tmp_path / "data.npz")}
    return Grid(
        "x", "x", (str(tmp_path / "net.npz"),), data, ("spectral", "Taylor nodes"), (2, 3), 2,
        seeds=2, bound_sequences=20, lengths=(2,), fine_tuning={"epochs": 1, "batch_size": 8},
    )  # fmt: skip


def tasks_of(grid, **wanted):
    rows = [
        row
        for row in grid.rows(fine_tune=True)
        if all(row.get(name) == value for name, value in wanted.items())
    ]
    assert rows
    return [Task(row_key(row), row, grid.network(0)[0], grid.data) for row in rows]


def covariance_files(tmp_path):
    return sorted((tmp_path / "cache" / "covariances").glob("*.npy"))


def test_the_covariance_is_that_of_the_sequences_that_the_seed_draws(grid, tmp_path):
    held = np.load(tmp_path / "data.npz")
    rnn = load_network(tmp_path / "net.npz")
    found = []
    for seed in range(2):
        [task, *_] = tasks_of(grid, seed=seed, method="spectral", k=2)
        warm(task)
        drawn = np.random.default_rng([seed, 0x5EED]).integers(40, size=40)
        h = rnn.states(held["x"][drawn]).reshape(-1, 5)
        S = row_data.covariance(rnn, None, task.row)
        np.testing.assert_allclose(S, h.T @ h / len(h), rtol=1e-12)
        found.append(S)
    assert not np.array_equal(*found)
    assert len(covariance_files(tmp_path)) == 2


def test_a_covariance_is_formed_once_and_again_if_its_file_is_damaged(grid, tmp_path, monkeypatch):
    [task, *_] = tasks_of(grid, seed=0, method="spectral", k=2)
    first = finish(task)[1]
    [path] = covariance_files(tmp_path)
    whole = path.read_bytes()

    formed = row_data._formed
    monkeypatch.setattr(row_data, "_formed", None)  # whoever calls it now fails
    row_data._HELD.clear()
    assert finish(task)[1] == first

    monkeypatch.setattr(row_data, "_formed", formed)
    turned = bytes([*whole[:-60], whole[-60] ^ 1, *whole[-59:]])
    for damaged in (whole[:100], b"", b"no array", turned, *impostors(whole)):
        path.write_bytes(damaged)
        row_data._HELD.clear()
        assert finish(task)[1] == first
        assert path.read_bytes() == whole


def impostors(whole):
    """Files that are whole, and not the covariance: without a digest, of nan, of another size."""
    yield whole[:-32]
    held = np.load(io.BytesIO(whole[:-32]))
    for S in (held * np.nan, held * np.inf, held[:3, :3], held.astype(np.float32)):
        buffer = io.BytesIO()
        np.save(buffer, S)
        yield buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest()


def test_a_row_is_the_same_whatever_ran_before_it(grid):
    tasks = tasks_of(grid)
    forwards = {task.key: finish(task)[1] for task in tasks}
    row_data._HELD.clear()
    backwards = {task.key: finish(task)[1] for task in reversed(tasks)}
    assert forwards == backwards
    assert len(forwards) == len(tasks)


def test_the_score_of_the_whole_network_is_the_share_of_right_predictions(grid, tmp_path):
    [task, *_] = tasks_of(grid, seed=0, method="whole network")
    held = np.load(tmp_path / "data.npz")
    rnn = load_network(tmp_path / "net.npz")
    right = rnn.predictions(held["x_test"]).argmax(axis=-1) == held["y_test"]
    assert finish(task)[1]["score"] == right.mean()


def test_equal_weights_are_measured_once(grid, monkeypatch):
    measured = []
    accuracy = scores.accuracy
    monkeypatch.setattr(scores, "accuracy", lambda *a: measured.append(a) or accuracy(*a))
    grid = replace(grid, methods=("magnitude weights", "random weights"), bound_sequences=0)
    tasks = tasks_of(grid, what="score", k=2)
    tasks = [task for task in tasks if "fine_tuning" not in task.row]
    assert len(tasks) == 2 * grid.seeds
    found = {(t.row["method"], t.row["seed"]): finish(t)[1]["score"] for t in tasks}
    # The largest weights are the same for both seeds, the random ones are not.
    assert len(measured) == 3
    assert found["magnitude weights", 0] == found["magnitude weights", 1]


def test_with_true_states_only_the_read_out_is_pruned(grid, tmp_path):
    [task, *_] = tasks_of(grid, seed=0, what="read-out", k=2)
    [pruning, *_] = tasks_of(grid, seed=0, what="score", method="spectral", k=2)
    held = np.load(tmp_path / "data.npz")
    rnn = load_network(tmp_path / "net.npz")
    S = row_data.covariance(rnn, read_file(tmp_path / "data.npz"), pruning.row)
    pruned = spectral_prune(rnn, S, 2, 0.5, 1e-8 * np.trace(S) / 5)
    h = rnn.states(held["x_test"])[..., pruned.nodes]
    f = h @ pruned.pruned.w_output.T + rnn.b_output
    assert finish(task)[1]["score"] == (f.argmax(axis=-1) == held["y_test"]).mean()


def test_fine_tuning_sees_as_many_sequences_as_it_is_told(grid, monkeypatch):
    seen = []

    def spy(pruned, x, y, rng, **options):
        seen.append((x, y, options))
        return pruned.pruned

    monkeypatch.setattr(workbench, "fine_tune", spy)
    for n in (7, 40, 1000):
        tuning = {**grid.fine_tuning, "sequences": n}
        for task in tasks_of(replace(grid, fine_tuning=tuning), method="spectral"):
            if "fine_tuning" in task.row:
                finish(task)
                assert len(seen[-1][0]) == len(seen[-1][1]) == min(n, 40)
                assert "sequences" not in seen[-1][2]
    assert len(seen) == 3 * grid.seeds
    assert not np.array_equal(seen[0][0], seen[1][0])  # every seed draws its own


def test_a_small_network_that_was_trained_already_is_scored_as_it_is(grid, tmp_path):
    rng = np.random.default_rng(1)
    small = RNN(
        rng.normal(size=(2, 2)) / 2, rng.normal(size=(2, 2)), rng.normal(size=2),
        rng.normal(size=(3, 2)), rng.normal(size=3), "tanh",
    )  # fmt: skip
    save_network(tmp_path / "small.npz", small)
    rows = [
        row for row in replace(grid, small=str(tmp_path / "small.npz")).rows() if "small" in row
    ]
    assert len(rows) == 1
    [row] = rows
    task = Task("key", row, grid.network(0)[0], grid.data, small=str(tmp_path / "small.npz"))
    held = np.load(tmp_path / "data.npz")
    right = small.predictions(held["x_test"]).argmax(axis=-1) == held["y_test"]
    result = finish(task)[1]
    assert result["score"] == right.mean()
    assert result["nodes"] == 2
    assert sum(result["parameters"].values()) == 4 + 4 + 2 + 6 + 3


def test_the_bounds_lie_above_the_error_that_they_bound(grid):
    tasks = tasks_of(grid, what="bound")
    assert {task.row["T"] for task in tasks} == {None, 2}
    for task in tasks:
        result = finish(task)[1]
        assert result["n"] == 20
        assert result["steps"] == (task.row["T"] or 4)
        log_error = np.log10(result["error"])
        assert log_error <= result["log10_trajectory"] <= result["log10_best"]
        assert result["log10_best"] <= result["log10_toeplitz"] + 1e-12
        assert result["log10_toeplitz"] <= result["log10_global"] + 1e-12
        assert 0 <= result["risk"] <= 1
        assert np.log10(result["risk"]) <= result["log10_theorem"]


def test_the_risk_is_the_ramp_loss_on_test_sequences_of_as_many_steps(grid, tmp_path):
    held = np.load(tmp_path / "data.npz")
    rnn = load_network(tmp_path / "net.npz")
    for task in tasks_of(grid, what="bound", seed=0, k=2):
        T = task.row["T"] or 4
        S = StateCovariance.from_network(rnn, held["x"][:20, :T]).matrix
        small = spectral_prune(rnn, S, 2, 0.5, 1e-8 * np.trace(S) / 5).pruned
        f, y = small.predictions(held["x_test"][:20, :T]), held["y_test"][:20, :T]
        others = np.where(np.eye(3, dtype=bool)[y], -np.inf, f).max(axis=-1)
        margin = np.take_along_axis(f, y[..., None], axis=-1)[..., 0] - others
        expected = np.clip(1 - margin, 0, 1).mean()
        assert finish(task)[1]["risk"] == pytest.approx(expected, rel=1e-9)


def test_a_training_that_diverges_is_recorded(grid):
    [task, *_] = tasks_of(grid, seed=0, method="spectral", fine_tuning=dict(grid.fine_tuning))
    wild = {"epochs": 9, "learning_rate": 1e308, "optimizer": "sgd", "schedule": "constant"}
    result = finish(Task(task.key, {**task.row, "fine_tuning": wild}, task.network, task.data))[1]
    assert result["diverged"] >= 1
    assert 0 <= result["score"] <= 1


def test_a_network_that_changed_on_disk_is_refused(grid, tmp_path):
    [task, *_] = tasks_of(grid, seed=0, method="whole network")
    row_data.network.cache_clear()
    path = tmp_path / "net.npz"
    path.write_bytes(path.read_bytes() + b" ")
    assert hashlib.sha256(path.read_bytes()).hexdigest() != task.row["network"]
    with pytest.raises(ValueError, match=r"net\.npz has changed while the experiment ran"):
        finish(task)
