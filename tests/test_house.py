"""The house: no import in a circle, none upwards, and the drawing in the docs is current."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def script():
    """The module that computes and draws the import graph."""
    spec = importlib.util.spec_from_file_location("draw_house", ROOT / "docs" / "draw_house.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


house = script()
GRAPH = house.import_graph()
# From the ground up: a room imports only from those before it. A room that is not named here must
# not be part of a circle.
ORDER = (
    "pruning",
    "bounds",
    "validation.moved",
    "validation",
    "validation.output",
    "validation.arithmetic",
    "validation.instances",
    "validation.verdict",
    "validation.claims",
    "validation.collecting",
    "validation.checking",
    "validation.catalogue",
    "validation.loading",
    "validation.data",
    "validation.training",
    "validation.experiments",
    "validation.report",
    "validation.porting",
    "validation.proving",
    "validation.commands",
    "rnnbounds",
)


def test_the_graph_is_of_all_that_there_is():
    assert len(GRAPH) > 200
    assert "pruning.checks" in GRAPH["pruning.rnn"]
    assert "bounds.terms" in GRAPH["validation.report.findings"]
    assert "validation.catalogue.stating" in GRAPH["validation.catalogue.leverage"]  # relative
    assert "validation.training.torch_models" in GRAPH["validation.training.model_training"]


def test_no_module_imports_another_in_a_circle():
    assert house.circles(GRAPH) == []


def test_no_room_imports_another_in_a_circle():
    rooms = {name: frozenset(others) for name, others in house.rooms(GRAPH).items()}
    assert house.circles(rooms) == []


def test_no_arrow_leads_up():
    level = {name: number for number, name in enumerate(ORDER)}
    up = [
        f"{name} -> {other}"
        for name, others in GRAPH.items()
        for other in others
        if level.get(house.room(other), -1) > level.get(house.room(name), len(level))
    ]
    assert up == []


def test_a_circle_and_what_follows_from_other_arrows_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}
    assert house.circles(graph) == [["a", "b", "c"]]
    assert house.reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {
        "a": {"b"}, "b": {"c"}, "c": set(),
    }  # fmt: skip


def test_what_is_imported_for_type_checking_alone_does_not_count(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\n"
        "def f():\n    from b import c\n    import d.e as g\n"
    )
    known = {"a": path, "b": path, "b.c": path, "d.e": path}
    assert set(house._imported("m", path, known)) == {"b.c", "d.e"}


def test_the_drawing_is_current():
    text = house.PAGE.read_text("utf-8")
    assert house.drawn(text, GRAPH) == text, "run `python docs/draw_house.py`"
