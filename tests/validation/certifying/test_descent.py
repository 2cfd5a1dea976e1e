"""Descent on the bound: it never certifies more than before, and says what it counted."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from validation.certifying import descent
from validation.certifying.descent import descended
from validation.certifying.language import decode, unpacked
from validation.certifying.network import Form, IntegerNetwork
from validation.certifying.pipeline import certified
from validation.certifying.tasks import Task, task

HOME = Path(__file__).parents[3] / "certificates" / "digits"


@pytest.mark.parametrize("some", [200, 10_000])
def test_a_certificate_made_worse_becomes_better(monkeypatch, some):
    # With changes tried on few sequences, too, since all of them have to agree.
    monkeypatch.setattr(descent, "SOME", some)
    facts = json.loads((HOME / "certificate.json").read_text("utf-8"))
    code = unpacked((HOME / "code.bin").read_bytes(), facts["bits"])
    network = decode(code, "digits", (8, 8), language=facts["language"])
    rng, digits = np.random.default_rng(0), task("digits")
    network.integers["w_output"].ravel()[rng.integers(0, 80, 6)] += 3
    before = certified(network, digits, Decimal("0.05"))
    held = {block: values.copy() for block, values in network.integers.items()}
    said = []
    changed = descended(network, digits, len(before.code), seconds=4, say=said.append)
    after = certified(changed, digits, Decimal("0.05"))
    assert after.bound < before.bound - Decimal("0.01")
    assert f"{after.errors} errors after" in said[-1]
    # What was given is not changed.
    assert all(np.array_equal(held[block], network.integers[block]) for block in held)


def test_a_network_without_errors_gives_bits_back_and_one_at_rest_stays():
    # Two nodes, of which one is not needed.
    integers = {
        "b_hidden": np.zeros(2, np.int64),
        "w_hidden": np.array([[0, 0], [5, -7]]),
        "w_input": np.array([[1], [3]]),
        "w_output": np.array([[0, 0], [1, 0]]),
        "b_output": np.array([2, 0]),
    }
    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0)
    network = IntegerNetwork(Form(), False, 10, exponents, integers)
    x = np.arange(6).reshape(6, 1, 1)
    own = Task("npz", x, (x[:, 0, 0] > 2).astype(int), None, None, 5, 2, {})
    changed = descended(network, own, 60, seconds=5)
    assert changed.errors(own.images, own.labels) == 0
    assert not changed.integers["w_hidden"].any()
    again = descended(changed, own, 60, seconds=5)
    assert again.same(changed)
    assert descended(network, own, 60, seconds=0).same(network)
