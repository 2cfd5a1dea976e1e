"""The table of forms in the documentation is the one that the tests run."""

from __future__ import annotations

from pathlib import Path

from helpers.forms import table

PAGE = Path(__file__).parents[1] / "docs" / "your_network.md"


def test_the_table_of_forms_is_the_one_that_is_tested():
    assert table() in PAGE.read_text("utf-8")
