"""Means and deviations that are told in words stand in a table of the committed results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOLD = [
    ROOT / name for name in ("README.md", "CHANGELOG.md", "results/README.md", "docs/house.md")
] + sorted((ROOT / "docs" / "guides").glob("*.md"))
TABLES = sorted(set((ROOT / "results").glob("*.md")) - set(TOLD))


def spread(text: str) -> set[str]:
    """Every "mean ± deviation" of a text, whose lines may be broken anywhere."""
    return set(re.findall(r"\d+\.\d+ ± \d+\.\d+", re.sub(r"\s+", " ", text)))


@pytest.mark.parametrize("path", TOLD, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_deviation_that_is_told_is_one_of_a_table(path):
    measured = spread("\n".join(table.read_text("utf-8") for table in TABLES))
    told = spread(path.read_text("utf-8"))
    assert told <= measured


def test_broken_lines_and_made_up_numbers_are_seen():
    assert spread("comes to 54.5 ±\n0.1, once") == {"54.5 ± 0.1"}
    assert "54.5 ± 0.1" in spread((ROOT / "results" / "README.md").read_text("utf-8"))
    assert not spread("99.99 ± 9")
