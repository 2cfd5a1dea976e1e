"""index.html: self-contained, well-formed, every formula rendered, nothing unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from validation.report.findings import findings
from validation.report.gallery import captions, gallery
from validation.report.legend import SYMBOLS
from validation.report.page import breakable, formula, render

VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}


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
    # One link that a reader may follow; nothing is asked for before that.
    outside = [link for link in checker.links if not link.startswith("#")]
    assert outside == ["https://arxiv.org/abs/2105.10832"]
    assert {link[1:] for link in checker.links if link[0] == "#"} <= set(checker.ids)
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
        assert f'id="figure-{name}"' in text
        assert drawings[name].caption in captions(drawings)
    for bound in study.reference.bounds:
        assert breakable(bound.name) in text
        for term in bound.terms:
            assert str(formula(term.formula)) in text


def test_what_comes_from_the_user_is_escaped(study):
    text = render(study, ["a < b & <b>c</b>"], {})
    assert "sums &lt;script&gt;" in text
    assert "<script" not in text
    assert "a &lt; b &amp; &lt;b&gt;c&lt;/b&gt;" in text


def test_formulas_cannot_smuggle_markup():
    assert "<b>" not in formula("a <b>x</b>")


def test_a_name_on_the_page_has_one_number(study):
    reference = study.reference
    totals = {}
    for bound in [*reference.bounds, *reference.side_by_side.bounds]:
        totals.setdefault(bound.name, set()).add(round(bound.log_total, 9))
    assert len(totals) > 20
    assert not {name: values for name, values in totals.items() if len(values) > 1}


def test_the_chain_is_that_of_the_theorem_and_ends_inside_it(study):
    reference = study.reference
    last = reference.chain.steps[-1]
    inside = reference.bounds[0]["approximation"]
    assert inside.source == last.id
    assert inside.log_value == pytest.approx(
        last.log_total + inside.inputs["log rho_psi"], abs=1e-6
    )
    assert reference.sharpest.log_total <= last.log_total


def test_no_statement_adds_nothing(page):
    study, _, text = page
    sides = study.reference.side_by_side
    bounds = [*study.reference.bounds, *([] if sides is None else sides.bounds)]
    assert not [bound.name for bound in bounds if "+ 0" in bound.statement]
    assert "<mo>+</mo><mn>0</mn>" not in re.sub(r"\s", "", text)


def test_every_greek_letter_and_capital_of_our_own_formulas_is_in_the_box(page):
    study, _, _ = page
    reference = study.reference
    box = " ".join(latex for _, entries in SYMBOLS for latex, _ in entries)
    sides = reference.side_by_side
    shown = [*reference.bounds, *reference.chain.steps, *reference.chain.mean, reference.sharpest]
    shown += [b for b in ([] if sides is None else sides.bounds) if b.id.startswith("theorem")]
    formulas = " ".join(
        formula
        for bound in shown
        for formula in (bound.statement, *(t.formula for t in bound.terms))
    )
    plain = re.sub(r"\\(operatorname|mathrm|text|sup|inf|min|max)\*?(\{[A-Za-z]*\})?", "", formulas)
    greek = set(re.findall(r"\\(?:rho|kappa|psi|Psi|lambda|Lambda|alpha|Gamma|epsilon|delta|tau)",
                           plain))  # fmt: skip
    capitals = set(re.findall(r"(?<![A-Za-z\\])[A-Z](?=[^a-z]|$)", plain)) - {"F"}
    assert {"\\rho", "\\kappa"} <= greek
    assert {sign for sign in greek | capitals if sign not in box} == set()


def test_every_value_is_in_a_table_that_turns_into_records(page):
    _, _, text = page
    tables = re.findall(r"<table[^>]*>", text)
    assert tables
    assert all("records" in table for table in tables)
    cells = re.findall(r"<td[^>]*>", text)
    assert all("data-label" in cell for cell in cells)


def test_a_long_formula_may_be_broken_outside_its_brackets_alone():
    assert formula(r"a \le (b + c) + d").count("<math") == 3
    assert formula(r"\{a + b\}").count("<math") == 1
    assert "<merror" not in formula(r"x \le 2 \Bigl(y + \sum_j \frac{a + b}{c}\Bigr) + z")


def test_numbers_are_not_broken_and_ids_are():
    assert breakable("2.18e+04 of a.b_c[d] <i>") == (
        "2.18e+04 of a.<wbr>b_<wbr>c[<wbr>d] &lt;i&gt;"
    )


def test_the_theory_is_linked_where_the_page_lies_in_a_clone(study):
    text = render(study, [], {}, "../docs")
    assert 'href="../docs/theory.md#section-7"' in text
    assert "theory.md" in render(study, [], {})


def test_the_page_names_its_networks(page):
    study, _, text = page
    assert ("own.npz" in text) == (study.model is not None)
    assert ("seeds 0 to 1" in text) == (study.model is None)


def test_a_keyboard_reaches_what_scrolls_and_every_figure_is_an_image_with_a_name(page):
    _, drawings, text = page
    for block in re.findall(r'<dl class="formulas">.*?</dl>', text, re.DOTALL):
        assert block.count("<dd") == block.count('<dd tabindex="0">')
    for name in drawings:
        assert f'<div role="img" aria-labelledby="caption-{name}">' in text
        assert f'<figcaption id="caption-{name}">' in text
