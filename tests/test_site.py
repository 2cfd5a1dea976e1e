"""The tools that make the site: what they must catch, on pages written here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from validation import catalogue

SITE = Path(__file__).parents[1] / "docs" / "site"


def tool(name):
    spec = importlib.util.spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def site(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>", "utf-8")
    return folder


def test_links_that_lead_somewhere_are_no_fault(tmp_path):
    folder = site(
        tmp_path,
        index='<h1 id="top">a</h1><a href="other.html#here">b</a><a href="#top">c</a>',
        other='<p id="here">d</p><a href="https://example.org/nowhere">not asked for</a>',
    )
    assert tool("check_links").faults(folder) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">a</a>', "leads nowhere"),
        ('<a href="index.html#gone">a</a>', "has no such place"),
        ('<a href="#gone">a</a>', "has no such place"),
        ('<img src="gone.png">', "leads nowhere"),
        ('<script src="https://example.org/a.js"></script>', "loads"),
        ('<link href="//example.org/a.css" rel="stylesheet">', "loads"),
    ],
)
def test_a_dead_link_is_found_and_so_is_what_is_loaded_from_outside(tmp_path, body, fault):
    [found] = tool("check_links").faults(site(tmp_path, index=body))
    assert fault in found


def test_a_folder_without_pages_is_a_fault(tmp_path):
    assert tool("check_links").faults(tmp_path)


def test_every_statement_becomes_mathml_without_a_command_left_over():
    mathml = tool("mathml").mathml
    for claim in catalogue.claims():
        for latex in (claim.statement, *claim.hypotheses):
            tree = ElementTree.fromstring(mathml(latex, "block"))
            # What the converter does not know stays a command, such as one that lost its space.
            assert "\\" not in "".join(tree.itertext()), claim.id
            assert tree.get("alttext")
