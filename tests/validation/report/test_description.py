"""What the report says of a user's own network by the length of its code."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pruning import initial_rnn, load_network, save_network
from validation.commands import main
from validation.data.dataset import Dataset
from validation.data.digits import digits
from validation.report import description
from validation.report.description import described
from validation.report.document import document
from validation.report.page import render
from validation.report.settings import Settings
from validation.report.study import run


@pytest.fixture(scope="module")
def own():
    data = digits()
    return Dataset("mine.npz", data.x, data.y)


@pytest.fixture(scope="module")
def network():
    from pathlib import Path

    return load_network(Path(__file__).parents[3] / "models" / "digits-relu-0.safetensors")


@pytest.fixture(scope="module")
def found(own, network):
    return described(network, own, 0.05)


def test_it_is_what_the_command_certifies(found, own, network, tmp_path, capsys):
    np.savez(tmp_path / "mine.npz", x=own.x, y=own.y)
    save_network(tmp_path / "mine.safetensors", network)
    command = ["certify", "--model", str(tmp_path / "mine.safetensors"), "--data"]
    command += [str(tmp_path / "mine.npz"), "--out", str(tmp_path / "cert")]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert not ended.value.code, capsys.readouterr().err
    said = json.loads((tmp_path / "cert" / "certificate.json").read_text())
    assert (found.errors, found.bits) == (said["errors"], said["bits"])
    assert f"{found.bound:.6f}" == said["bound"]
    assert said["bound"] in found.sentence()


def test_what_is_no_better_than_the_commonest_class_is_said_to_be(found):
    assert 0.85 < found.common < 0.9
    assert "no better than" in found.sentence()
    assert "no better than" not in replace(found, bound=0.5).sentence()


def test_a_larger_delta_gives_a_smaller_bound(found, own, network):
    assert described(network, own, 0.5).bound < found.bound


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"activation": "tanh"}, "no tanh nodes"),
        ({"w_hidden": np.full((64, 64), 1e300)}, ""),
        ({"w_input": np.zeros((64, 5))}, "must read 8 numbers"),
    ],
)
def test_what_cannot_be_coded_certifies_nothing_and_says_why(own, network, change, reason):
    parts = {**network.weights, "activation": "relu"} | change
    found = described(type(network)(**parts), own, 0.05)
    assert found.errors is None
    assert found.bound == 1.0
    assert found.reason
    assert reason in found.sentence()


def test_what_would_take_long_is_not_tried(own, network, monkeypatch):
    monkeypatch.setattr(description, "WORK", 1e6)
    assert "not tried" in described(network, own, 0.05).sentence()


def test_a_label_for_every_step_and_tokens_have_none(network):
    tokens = Dataset("tokens", np.zeros((4, 3), int), np.zeros(4, int))
    steps = Dataset("steps", np.zeros((4, 3, 8)), np.zeros((4, 3), int))
    assert described(network, tokens, 0.05) is None
    assert described(network, steps, 0.05) is None


def test_the_page_and_the_document_have_it_for_an_own_network_alone(study, data):
    model = initial_rnn(6, 3, 2, "relu", rng=0)
    mine = run(Settings(nodes=(3, 6), seeds=1), data, model, "own.npz")
    page = render(mine, [], {})
    assert 'id="description"' in page
    assert 'id="description-pruned"' in page
    assert page.count('id="routes-') == 2
    for own in (mine.described, mine.described_pruned):
        ids = [route.id for route in own.routes]
        assert ids[:2] == ["occam.binomial", "occam.kl"]
        assert len(ids) == 6
        assert all(route.assumes for route in own.routes)
        # What is printed is not below what was found.
        assert all(f">{route.id}<" in page for route in own.routes)
    assert "pruned to 3 nodes" in mine.described_pruned.sentence()
    assert mine.described_pruned.bits < mine.described.bits
    assert document(mine, [])["description_length_pruned"]["bits"] == mine.described_pruned.bits
    assert document(mine, [])["description_length"]["bits"] == mine.described.bits
    assert mine.described.bound > 0.9  # forty sequences certify nothing
    assert 'id="description"' not in render(study, [], {})
    assert document(study, [])["description_length"] is None
