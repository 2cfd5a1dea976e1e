"""Routes beside each other: of a network with known counts, and what is committed of each."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bounds.others.pick_to_learn import compression_risk
from bounds.routes import held_out_bound
from validation.certifying import side_by_side
from validation.certifying.language import decode, unpacked
from validation.certifying.pipeline import Certified
from validation.certifying.side_by_side import Route, floats, lines, randomised, routes_of
from validation.certifying.tasks import task

HOME = Path(__file__).parents[3] / "certificates"
NAMES = sorted(path.parent.name for path in HOME.glob("*/certificate.json"))
IMAGES = (
    *("occam.binomial", "occam.kl", "others.pac_bayes_kl", "others.pick_to_learn"),
    *("split.binomial", "others.test_set_binomial"),
)


@pytest.fixture(scope="module")
def found():
    facts = json.loads((HOME / "digits" / "certificate.json").read_text("utf-8"))
    code = unpacked((HOME / "digits" / "code.bin").read_bytes(), facts["bits"])
    network = decode(code, "digits", (8, 8), language=facts["language"])
    bound = Decimal(facts["bound"])
    return Certified(
        network, code, task("digits"), facts["errors"], Decimal("0.05"), bound, facts["language"]
    )


def test_all_routes_are_there_in_order_and_say_what_they_assume(found):
    routes = {r.id: r for r in routes_of(found, split=(40, 700), picked=300, draws=200)}
    assert tuple(routes) == IMAGES
    assert all(0 < r.value <= 1 and r.assumes for r in routes.values())
    assert routes["occam.binomial"].value <= float(found.bound)
    assert routes["split.binomial"].value == held_out_bound("split.binomial", 40, 700, 0.05).total
    assert routes["others.pick_to_learn"].value == compression_risk(300, 1437, 0.05)
    # The estimated error lies below the bound on it.
    assert routes["others.pac_bayes_kl"].value > found.errors / 1437


def test_what_is_not_evaluated_says_why(found):
    routes = {r.id: r for r in routes_of(found, draws=0)}
    missing = [id for id, r in routes.items() if r.value is None]
    assert missing == ["others.pac_bayes_kl", "others.pick_to_learn", "split.binomial"]
    shown = lines(routes.values())
    for line in shown:
        assert ("not evaluated" in line) == any(line.startswith(id) for id in missing)


def test_what_would_take_minutes_is_not_tried(found, monkeypatch):
    monkeypatch.setattr(side_by_side, "_WORK", 1e3)
    assert randomised(found, 100).value is None


def test_more_draws_cost_less_and_the_price_of_the_form_is_paid(found, monkeypatch):
    few, many = (randomised(found, draws).value for draws in (50, 3000))
    assert many < few
    monkeypatch.setattr(side_by_side, "bits_of_form", lambda form, task: 500)
    assert randomised(found, 3000).value > many + 0.05


def test_the_floats_do_what_the_integers_do(found):
    digits = found.task
    x = found.network.images_form().sequences(digits.images).astype(float)
    y = floats(found.network).predictions(x)[:, -1].argmax(axis=1)
    assert (y == found.network.readouts(x).argmax(axis=1)).mean() > 0.99


def test_numbers_are_rounded_up():
    [line] = lines([Route("a", 0.1234561, "b")])
    assert "12.3457 %" in line
    [line] = lines([Route("a", 2.0000001, "b", "another")], "bits")
    assert "2.000001" in line
    assert "(of another)" in line


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_routes_are_of_the_committed_certificates(name):
    facts = json.loads((HOME / name / "certificate.json").read_text("utf-8"))
    entries = json.loads((HOME / "routes.json").read_text("utf-8"))[name]
    routes = {entry["id"]: Route(**entry) for entry in entries}
    first = "martingale.betting" if "loss" in facts else "occam.binomial"
    assert 0 <= float(facts["bound"]) - routes[first].value < 1e-6
    if "errors" in facts:
        assert tuple(routes) == IMAGES
        least = facts["errors"] / facts["n"]
        of_itself = ("occam.binomial", "occam.kl", "others.pac_bayes_kl")
        assert all(routes[id].value is None or routes[id].value > least for id in of_itself)
    else:
        assert routes["martingale.azuma"].value > routes[first].value > float(facts["loss"])
        assert all(routes[id].value is None for id in IMAGES[:4])
    page = (HOME / "README.md").read_text("utf-8")
    for id, route in routes.items():
        assert (f"{name}, `{id}`: not evaluated" in page) == (route.value is None), id
    assert np.isfinite([r.value for r in routes.values() if r.value is not None]).all()
