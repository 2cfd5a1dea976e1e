"""Formulas for pages: whole, and with places where a line may end."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from latex2mathml.converter import convert

from validation import catalogue
from validation.output.mathml import mathml


def test_every_statement_becomes_mathml_without_a_command_left_over():
    for claim in catalogue.claims():
        for latex in (claim.statement, *claim.hypotheses):
            tree = ElementTree.fromstring(
                f"<p>{mathml(latex, 'block', alt=True).replace('<wbr>', '')}</p>"
            )
            # What the converter does not know stays a command, such as one that lost its space.
            assert "\\" not in "".join(tree.itertext()), claim.id
            assert tree[0].get("alttext")


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"a \le b + c, \qquad d = e", ["a", "≤b", "+c,", "", "d", "=e"]),
        (r"a \;\le\; -b", ["a", "≤−b"]),  # the sign of a number is no place to end a line
        (r"f(a - b, c) \le \|d + e\|_2 - \|g\|", ["f(a−b,c)", "≤‖d+e‖2", "−‖g‖"]),
        (r"\rho_\psi \rho_s\|W_o\|_2 \alpha\kappa\|A\|", ["ρψρs‖Wo‖2ακ‖A‖"]),
        (  # long
            r"2\log(1 + \lambda/\mu_1)(\alpha + \beta)\|W_o\|_2 \alpha\|\mathrm{diag}(w_2..w_T)\|",
            ["2log(1+λ/μ1)(α+β)", "‖Wo‖2α", "‖diag(w2..wT)‖"],
        ),
        (r"\left(a + b\right)^2 = [c, d]", ["(a+b)2", "=[c,d]"]),
        (r"a \not\le b \text{ for all } b", ["a⧸≤b", "\xa0for", "\xa0all\xa0b"]),
    ],
)
def test_a_formula_is_cut_where_one_would_cut_it_by_hand(latex, expected):
    made = mathml(latex, "block").split("<wbr>")
    assert ["".join(ElementTree.fromstring(one).itertext()) for one in made] == expected


def test_no_piece_of_a_statement_is_lost_and_none_is_longer_than_a_line():
    for claim in catalogue.claims():
        whole = re.sub(r"(\\[bB]igg?[lr]?)\\\|", r"\1‖", claim.statement.strip())
        made = mathml(claim.statement, "block").split("<wbr>")
        texts = ["".join(ElementTree.fromstring(one).itertext()) for one in made]
        converted = ElementTree.fromstring(convert(whole, display="block"))
        assert "".join(texts) == "".join(converted.itertext())
        assert max(map(len, texts)) <= 90, claim.id  # some 7 pixels each, of 928


def test_what_is_no_formula_is_refused():
    with pytest.raises(ValueError, match="makes no XML of"):
        mathml(r"\begin{aligned} a &= b \end{aligned}")
