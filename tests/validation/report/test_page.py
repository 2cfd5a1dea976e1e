"""index.html: self-contained, well-formed, every formula rendered, nothing unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from validation.report.findings import findings
from validation.report.gallery import gallery
from validation.report.page import CAPTIONS, mathml, render

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Checker(HTMLParser):
    """Collects ids and links, and demands that every tag that opens closes in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "action"):
                self.links.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module", params=["study", "every_step"])
def page(request):
    study = request.getfixturevalue(request.param)
    drawings = gallery(study)
    return study, drawings, render(study, findings(study), drawings)


def test_the_page_is_well_formed_and_asks_for_nothing_from_outside(page):
    _, _, text = page
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert not checker.open
    assert len(checker.ids) == len(set(checker.ids))
    assert all(link.startswith("#") for link in checker.links)
    assert not re.search(r"url\((?!#)|@import", text)
    assert not checker.tags & {"script", "link", "iframe", "object", "embed"}
    assert "default-src 'none'" in text


def test_no_formula_is_left_in_latex(page):
    _, _, text = page
    formulas = re.findall(r"<math.*?</math>", text, re.DOTALL)
    assert len(formulas) > 20
    assert not [formula for formula in formulas if "\\" in formula or "<merror" in formula]


def test_every_figure_and_every_term_is_there(page):
    study, drawings, text = page
    for name in drawings:
        assert (f'id="figure-{name}"' in text) == (name in CAPTIONS)
    for bound in study.reference.bounds:
        assert bound.id in text
        for term in bound.terms:
            assert str(mathml(term.formula)) in text


def test_what_comes_from_the_user_is_escaped(study):
    text = render(study, ["a < b & <b>c</b>"], {})
    assert "sums &lt;script&gt;" in text
    assert "<script" not in text
    assert "a &lt; b &amp; &lt;b&gt;c&lt;/b&gt;" in text


def test_formulas_cannot_smuggle_markup():
    assert "<b>" not in mathml("a <b>x</b>")
