"""The constrained network: how it is made, and that the stored one has the total it claims."""

import importlib.util
import json
import math
import sys
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bounds.assembly import Setting
from bounds.constrained import constrained_bound
from bounds.terms import VALID
from pruning.losses import margins
from pruning.rnn import RNN
from validation.commands import main
from validation.data.dataset import Dataset
from validation.data.fetching import held_files
from validation.data.sources import SOURCES
from validation.training.constrained import (
    NAME,
    constrained_bound_on,
    data_set,
    last_predictions,
    load_constrained,
    measured,
    prepared,
    read,
)
from validation.training.constrained_training import (
    GRID,
    ConstrainedRecipe,
    Preprocessing,
    Projection,
    fit,
)

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "models" / f"{NAME}.safetensors"


def script():
    """The module of the study, which is no part of the package."""
    path = ROOT / "benchmarks" / "studies" / "constrained.py"
    spec = importlib.util.spec_from_file_location("constrained_study", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


study = script()
TINY = replace(ConstrainedRecipe(), k=4, stages=((8, 10), (6, 5)), epochs=20, ramp_epochs=2)


@pytest.fixture(scope="module")
def held():
    return read(MODEL)


@pytest.fixture(scope="module")
def stripes():
    """Two classes that differ in the rows where they are bright; 14 x 14 as the digits."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=300)
    x = rng.uniform(0, 0.3, size=(300, 14, 14))
    x[y == 1, 3:6] += 0.5
    x[y == 0, 8:11] += 0.5
    return Dataset("stripes", x, y)


def certainly_within(w, radius):
    """Whether ||W||_2 <= radius, in exact rationals: radius^2 I - W W^T has positive pivots."""
    rows = [[Fraction(float(value)) for value in row] for row in (w if len(w) <= len(w.T) else w.T)]
    n, square = len(rows), Fraction(radius) ** 2
    a = [[square * (i == j) - sum(map(_product, u, v)) for j, v in enumerate(rows)]
         for i, u in enumerate(rows)]  # fmt: skip
    for i in range(n):
        if a[i][i] <= 0:
            return False
        for j in range(i + 1, n):
            factor = a[j][i] / a[i][i]
            a[j] = [x - factor * y for x, y in zip(a[j], a[i])]
    return True


def _product(a, b):
    return a * b


def test_the_exact_check_of_a_norm_knows_both_answers():
    assert certainly_within(np.diag([1.0, 0.5]), 1 + 1e-15)
    assert not certainly_within(np.diag([1.0, 0.5]), 1 - 1e-15)
    assert not certainly_within(np.array([[0.8, 0.8]]), 1.0)


def test_the_stored_weights_lie_in_the_class_exactly(held):
    rnn, members = held.rnn, held.members
    assert certainly_within(rnn.w_hidden, members.hidden)
    assert certainly_within(rnn.w_input, members.input)
    assert certainly_within(rnn.w_output, members.output)
    assert np.array_equal(rnn.b_hidden, np.full(rnn.m, members.bias))
    assert not rnn.b_output.any()
    assert members.contains(rnn)
    assert rnn.activation.name == "relu"


def test_the_stored_total_is_recomputed_and_below_the_goal(held):
    bound = held.bound()
    assert bound.label == held.facts["label"] == VALID
    assert bound.total == pytest.approx(held.facts["total"], rel=1e-9)
    assert bound.total <= 0.30
    assert held.facts["n"] == 60_000
    assert held.members.delta == 0.05


def test_the_total_agrees_with_one_written_out_from_the_theory(held):
    # Sections 4 to 6 in plain floats, with the split a of the code and everything else anew.
    c, n = held.members, held.facts["n"]
    grow = [c.hidden**j for j in range(c.T)]
    drive = c.input * c.data + c.bias * math.sqrt(c.k)
    H = [drive * sum(grow[:t]) for t in range(c.T + 1)]
    reach = {
        "hidden": c.hidden * c.output * sum(grow[c.T - s] * H[s - 1] for s in range(1, c.T + 1)),
        "input": c.input * c.output * c.data * sum(grow),
        "output": c.output * H[c.T],
    }
    p = {"hidden": c.k**2 // c.blocks, "input": c.k * c.input_rank, "output": 9 * c.k}
    scale = math.sqrt(2) / c.gamma / c.eps
    share = {name: p[name] / sum(p.values()) for name in p}
    log_number = 0.0
    for name, L in reach.items():
        log_number += p[name] * math.log(1 + scale * L / share[name]) + 1
        log_number += math.log(p[name] * math.log(1 + 2 * (p[name] + 1) * scale * L / share[name]))
    price = math.log(1 / c.delta) + 86 * math.log(96) + math.log(8 * 2 * 2)
    q, target = held.facts["empirical_loss"] + c.eps, (log_number + price) / n
    low, high = q, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        divergence = q * math.log(q / middle) + (1 - q) * math.log((1 - q) / (1 - middle))
        low, high = (middle, high) if divergence < target else (low, middle)
    # The shares p/sum p are nearly the best ones, and the class is enlarged by 2^-9 a factor.
    assert held.bound().total == pytest.approx(low + c.eps, rel=2e-3)


def test_the_sidecar_pays_for_the_text_of_everything_that_was_chosen(held):
    stated = held.facts["class"]
    assert stated["paid_by"] == "text"
    text = '[16,1.1,1.0,1.0,0.1,1.7,7,4,0.01,0.002,"relu",{"energy":4.0,"pairs":true,"data":1.7}]'
    assert held.members.text == text
    assert held.members.log_price >= (len(text) + 1) * math.log(96)
    assert stated["preparation"] == held.facts["preprocessing"]
    for name in ("k", "hidden", "bias", "data", "input_rank", "blocks", "gamma", "eps"):
        assert getattr(held.members, name) in GRID[name]
    assert held.preprocessing.energy in GRID["energy"]
    assert held.preprocessing.data == held.members.data
    assert held.members.input_rank == (7 if held.preprocessing.pairs else 14)


@pytest.mark.long
def test_the_loss_on_the_data_is_the_stored_one(held):
    if len(held_files("mnist")) < len(SOURCES["mnist"].files):
        pytest.skip("mnist was not fetched")
    data = data_set()
    bound = constrained_bound_on(MODEL, data.x, data.y)
    assert bound.label == VALID
    assert bound.total == pytest.approx(held.facts["total"], rel=1e-6)
    f = last_predictions(held.rnn, prepared(MODEL, data.x_test))
    wrong = int((f.argmax(axis=1) != data.y_test).sum())
    stated = json.loads(MODEL.with_suffix(".json").read_text())["result"]
    assert wrong == pytest.approx(stated["test_errors"], abs=2)
    assert wrong / len(f) < bound.total


SEQUENCES = hnp.arrays(np.float64, (3, 5, 6), elements=st.floats(0, 1, allow_subnormal=False))


@given(SEQUENCES, st.sampled_from([0.0, 1.0, 4.0]), st.booleans(), st.floats(0.1, 4))
def test_preprocessed_rows_lie_in_the_ball_and_in_the_subspace(x, energy, pairs, data):
    z = Preprocessing(energy, pairs, data)(x)
    assert z.shape == x.shape
    for row in z.reshape(-1, 6):
        assert sum(Fraction(float(value)) ** 2 for value in row) <= Fraction(data) ** 2
    if pairs:
        assert np.array_equal(z[..., ::2], z[..., 1::2])
    norms = np.sqrt(np.square(z).sum(axis=(1, 2)))
    if energy:
        assert np.all(norms <= energy * (1 + 1e-12))
    assert not z[x.sum(axis=(1, 2)) == 0].any()


def test_preprocessing_looks_at_one_sequence_at_a_time(stripes):
    read_all = ConstrainedRecipe().preprocessing
    assert np.array_equal(read_all(stripes.x)[7:9], read_all(stripes.x[7:9]))


def test_fitting_is_deterministic_and_ends_in_the_class(stripes):
    first, second = fit(TINY, stripes, 3), fit(TINY, stripes, 3)
    for name, weight in first.weights.items():
        assert np.array_equal(weight, second.weights[name])
    members = TINY.members(14, 2, 14)
    assert members.contains(first)
    x = TINY.preprocessing(stripes.x)
    assert measured(first, members, x, stripes.y)["errors"] < 100
    other = fit(TINY, stripes, 4)
    assert not np.array_equal(first.w_input, other.w_input)


def test_blocks_and_a_start_from_the_identity_stay_in_the_class(stripes):
    recipe = replace(TINY, blocks=2, stages=())
    rnn = fit(recipe, stripes, 0)
    assert recipe.members(14, 2, 14).contains(rnn)
    assert not rnn.w_hidden[:2, 2:].any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["w_hidden", "w_input", "w_output"])
def test_a_projection_leaves_a_diverged_matrix_to_the_training_that_says_so(name, value):
    weights = {
        "w_hidden": np.eye(4), "w_input": np.ones((4, 2)), "w_output": np.ones((2, 4)),
        "b_hidden": np.zeros(4), "b_output": np.zeros(2),
    }  # fmt: skip
    weights[name][0, 0] = value
    Projection(TINY, 4, 1)(weights)
    assert not np.isfinite(weights[name][0, 0])


@pytest.mark.parametrize("rate", [1e30, 1e300])
def test_a_training_that_diverges_between_projections_says_so(stripes, rate):
    with pytest.raises(ValueError, match=r"^training diverged in epoch \d+ with learning rate"):
        fit(replace(TINY, stages=(), learning_rate=rate), stripes, 0)


def test_a_network_without_a_stated_class_has_no_bound(tmp_path):
    path = MODEL.with_name("digits-0.safetensors")
    assert load_constrained(path) is None
    assert load_constrained(tmp_path / "none.safetensors") is None
    with pytest.raises(ValueError, match="must have a JSON file beside it"):
        constrained_bound_on(path, np.zeros((1, 8, 8)), np.zeros(1, int))


RESULTS = ROOT / "results"


def test_the_page_of_results_is_what_its_numbers_say(tmp_path):
    rows = json.loads((RESULTS / "constrained.json").read_text())
    assert study.text(rows) == (RESULTS / "constrained.md").read_text()
    wanted = {name: json.loads(json.dumps(asdict(r))) for name, r in study.recipes().items()}
    assert {name: row["recipe"] for name, row in rows.items()} == wanted
    for row in rows.values():
        assert row["label"] == VALID
        assert row["test_error"] <= row["margin_total"] <= row["total"] <= row["plain_total"]
    study.write(tmp_path, rows)
    assert {path.name for path in tmp_path.iterdir()} == {
        "constrained.json",
        "constrained.md",
        "constrained_frontier.svg",
        "constrained_frontier.png",
    }
    assert "k = 16" in (tmp_path / "constrained.md").read_text()


def test_the_stored_network_is_the_one_of_the_study(held):
    row = json.loads((RESULTS / "constrained.json").read_text())["blocks"]
    by_grid = replace(held.members, paid_by="grid")
    bound = constrained_bound(held.rnn, by_grid, held.facts["empirical_loss"], held.facts["n"])
    assert row["total"] == pytest.approx(bound.total, rel=1e-9)
    assert row["total"] < held.facts["total"] < 0.25
    assert row["recipe"]["k"] == held.rnn.m


@pytest.mark.parametrize(
    "change", [{"data": 2.0}, {"pairs": False}], ids=["rows too long", "outside the subspace"]
)
def test_a_class_that_the_preprocessing_leaves_is_refused(tmp_path, change):
    facts = json.loads(MODEL.with_suffix(".json").read_text())
    facts["bound"]["preprocessing"].update(change)
    (tmp_path / "net.json").write_text(json.dumps(facts))
    (tmp_path / "net.safetensors").write_bytes(MODEL.read_bytes())
    with pytest.raises(ValueError, match="does not keep to"):
        read(tmp_path / "net.safetensors")


def test_the_command_lists_the_network_and_refuses_a_device(capsys):
    with pytest.raises(SystemExit) as listed:
        main(["train"])
    assert listed.value.code == 0
    assert NAME in capsys.readouterr().out
    with pytest.raises(SystemExit) as refused:
        main(["train", NAME, "--device", "cuda"])
    assert refused.value.code != 0
    assert "no device" in capsys.readouterr().err


@given(st.integers(0, 2**32), st.booleans())
def test_no_network_within_the_radii_of_the_cover_has_a_loss_that_far_away(seed, aligned):
    rng, held = np.random.default_rng(seed), read(MODEL)
    c, rnn = held.members, held.rnn
    setting = Setting(
        held.facts["n"], c.T, 0.1, gamma=c.gamma, complexity="net_kl", split="minimising"
    )
    cover = c.members(setting).cover
    weights = dict(rnn.weights)
    for name, reach, share in zip(cover.names, cover.log_reach, cover.shares(math.log(c.eps))):
        # A step of a eps/L in the spectral norm; reach is L times the radius.
        w = weights[f"w_{name}"]
        step = rng.choice([-1.0, 1.0]) * w if aligned else rng.normal(size=w.shape) * (w != 0)
        size = share * c.eps * getattr(c, name) / math.exp(reach)
        weights[f"w_{name}"] = w + step * (size / np.linalg.norm(step, 2))
    x = np.repeat(np.abs(rng.normal(size=(200, c.T, c.input_rank))), 2, axis=2)
    x *= c.data / np.linalg.norm(x, axis=2, keepdims=True)
    y = rnn.predictions(x)[:, -1].argmax(axis=1)
    near = RNN(**weights, activation="relu")
    # All margins over gamma, not only those on the slope of the ramp, which are few here.
    mu = [margins(net.predictions(x)[:, -1], y) / c.gamma for net in (rnn, near)]
    assert 1e-4 * c.eps < np.abs(mu[0] - mu[1]).max() <= c.eps


def _sidecar(tmp_path, change):
    """The stored network with a changed sidecar."""
    path = tmp_path / MODEL.name
    path.write_bytes(MODEL.read_bytes())
    facts = json.loads(MODEL.with_suffix(".json").read_text())
    change(facts["bound"])
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b["class"].update(preparation={}), "must pay for its own preprocessing"),
        (lambda b: b["class"]["preparation"].update(energy=2.0), "its own preprocessing"),
        (lambda b: b["class"].update(paid_by="grid", grid={}), "grid must hold all values"),
        (lambda b: b["class"].update(paid_by="grid"), "size of the images"),
        (lambda b: b["class"].update(listed={}), "lists must hold all values"),
        (lambda b: b["class"]["listed"].update(form=["b_h fixed"]), "lists must hold all .* form"),
    ],
)
def test_a_sidecar_that_pays_less_than_was_chosen_is_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        read(_sidecar(tmp_path, change))


def test_the_sidecar_says_what_is_paid_and_what_is_assumed(held):
    assert "form (8), projection (2), size of the images (2)" in held.facts["paid"]
    assert "do not hold jointly" in held.facts["assumed"]
    assert "independent and identically distributed" in held.facts["assumed"]
    assert held.facts["total"] == pytest.approx(0.2435, abs=5e-5)
    free = replace(held.members, listed={})
    price = held.members.log_price - free.log_price
    assert price == pytest.approx(math.log(32), rel=1e-9)
    assert (
        held.bound().total
        > constrained_bound(held.rnn, free, held.facts["empirical_loss"], held.facts["n"]).total
    )
