"""THEORY.md is generated; the committed copy is current."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from validation.catalogue import claims
from validation.catalogue.sections import SECTIONS
from validation.commands.theory import document

ROOT = Path(__file__).parents[1]
COPY = ROOT / "THEORY.md"
TEXT = (ROOT / "docs" / "theory.md").read_text("utf-8")
CODE = [
    path
    for package in ("pruning", "bounds", "validation", "benchmarks")
    for path in sorted((ROOT / package).rglob("*.py"))
]


def test_the_committed_document_is_what_the_command_writes():
    assert COPY.read_text() == document(claims()), "run `rnnbounds theory > THEORY.md`"


def test_every_claim_has_a_statement_a_source_and_a_section():
    for claim in claims():
        assert claim.statement.strip(), claim.id
        assert claim.source.strip(), claim.id
        assert claim.section, claim.id


def anchors(text: str) -> Counter[str]:
    return Counter(re.findall(r'<a id="([^"]+)"></a>', text))


def test_what_is_said_in_words_has_no_macros():
    # Proofs and hypotheses stand in terminals and pages as they are written.
    for claim in claims():
        assert "\\" not in (claim.proof or ""), claim.id


def test_sections_have_titles_and_none_stands_twice():
    headings = re.findall(r"^## (.*)$", COPY.read_text("utf-8"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    titled = {f"{number}. {title}" for number, title in SECTIONS.items()}
    assert set(headings) <= titled
    assert [h for h in headings if h in titled] == sorted(
        headings, key=[f"{n}. {t}" for n, t in SECTIONS.items()].index
    )


def test_the_titles_are_those_of_the_text():
    found = dict(re.findall(r"^## (\d+[abc]?)\. (.*)$", TEXT, re.MULTILINE))
    assert {n: title for n, title in found.items() if n != "0"} == SECTIONS


def test_links_lead_from_every_claim_to_the_text_and_back():
    catalogue = COPY.read_text("utf-8")
    here, there = anchors(TEXT), anchors(catalogue)
    assert set(here.values()) == set(there.values()) == {1}
    to_text = re.findall(r"\(docs/theory\.md#([^)]+)\)", catalogue)
    back = re.findall(r"\(\.\./THEORY\.md#([^)]+)\)", TEXT)
    assert len(to_text) == len(there)  # one a claim
    assert set(to_text) <= set(here)
    assert len(back) > 60
    assert set(back) <= set(there)


def test_what_code_cites_of_the_theory_is_there():
    """Sections by their number, sources by their letters and year."""
    here, missing = anchors(TEXT), []
    for path in CODE:
        text = path.read_text("utf-8")
        sections = re.findall(r"[Ss]ections? (\d+[abc]?)\b", text)
        cited = re.findall(r"\b(?:F22|S20|B17|BFT17|GS12|DKM20|KT12|L05|MRT)\b", text)
        missing += [(path, n) for n in sections if f"section-{n}" not in here]
        missing += [(path, name) for name in cited if f"| {name} |" not in TEXT]
    assert len(CODE) > 200
    assert missing == []


def test_every_source_of_a_claim_in_letters_is_in_the_list():
    listed = set(re.findall(r"^\| ([A-Z]+\d*) \|", TEXT, re.MULTILINE))
    assert {"F22", "S20", "B17"} <= listed
    used = {w for c in claims() for w in re.findall(r"\b[A-Z]{1,3}\d{2}\b", c.source)}
    assert used
    assert used <= listed
