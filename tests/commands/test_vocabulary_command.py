"""`rnnbounds vocabulary` names all that a claim is written with."""

from __future__ import annotations

import dataclasses
import inspect

from typer.testing import CliRunner

from validation import claim
from validation.arithmetic import vocabulary as words
from validation.claims import KINDS
from validation.commands import vocabulary
from validation.instances import Draw, Network


def test_every_word_draw_field_option_and_kind_is_listed():
    text = vocabulary.text()
    listed = {line.split()[0] for line in text.splitlines() if line.startswith("  ")}

    assert {word.name.split()[0] for word in words()} <= listed
    assert {name for name in vars(Draw) if not name.startswith("_")} <= listed
    assert {f"net.{field.name}" for field in dataclasses.fields(Network)} <= listed
    assert {line.split("(")[0] for line in listed} >= {"net.apply", "net.states", "subsets"}
    options = set(inspect.signature(claim).parameters) - {"id", "statement", "instances"}
    assert options <= listed
    assert set(KINDS) <= listed
    assert set(vocabulary.PARTS) == options


def test_every_line_says_something_and_shapes_are_shown():
    lines = vocabulary.text().splitlines()

    assert any(line.split() == ["net.w_input", "(m,", "d)"] for line in lines)
    assert all(len(line) < 180 for line in lines)
    examples = [line for line in lines if "draw." in line]
    assert len(examples) >= 30


def test_the_command_prints_the_listing():
    import typer

    app = typer.Typer()
    app.command()(vocabulary.vocabulary)
    assert CliRunner().invoke(app).output == vocabulary.text()


def test_every_draw_can_be_had_as_its_line_says():
    from validation import draw

    for line in vocabulary.offered():
        example = line.split("`")[-2] if "S, more" not in line else "draw.ordered_pairs()"
        assert example.startswith("draw.") or "Network" in line
        if example.startswith("draw."):
            eval(example, {"draw": draw})
