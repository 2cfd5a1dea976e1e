"""Terms and bounds: sums in log space, strict JSON, tables, LaTeX."""

import copy
import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from latex2mathml.converter import convert
from mpmath import mp

from bounds.rounding import log_sum_up
from bounds.terms import (
    FIXED_RADII,
    ORDER_ONLY,
    VALID,
    Bound,
    Condition,
    Label,
    Standing,
    Term,
    show,
    show_above,
    show_latex,
    violated,
)

HUGE = 373 * math.log(10)


def bound(*logs, **kwargs):
    terms = tuple(Term(f"t{i}", v, r"\|W_o\|_2", "a.b") for i, v in enumerate(logs))
    return Bound("a.b", r"x \le y", terms, **kwargs)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=6))
def test_a_log_sum_of_powers_of_two_is_that_of_the_exact_sum(exponents):
    exact = sum((Fraction(2) ** e for e in exponents), Fraction(0))
    found = log_sum_up(e * math.log(2) for e in exponents)
    top = max(exponents)
    wanted = math.log(exact / Fraction(2) ** top) + top * math.log(2)
    assert found == pytest.approx(wanted, rel=1e-13, abs=1e-13)


def test_zero_terms_add_nothing_and_an_empty_bound_is_zero():
    assert bound(-math.inf, 0.0).total == 1.0
    assert bound().total == 0.0
    assert bound().log10_total is None


def test_a_term_refuses_what_is_not_a_number():
    with pytest.raises(ValueError, match="must be a number"):
        Term("t", math.nan, "x", "s")


def test_a_bound_that_was_not_found_is_infinite_in_every_form():
    nothing = bound(0.0, math.inf)
    assert nothing.log_total == math.inf
    assert nothing.total is None
    text = json.dumps(nothing.to_json(), allow_nan=False)
    assert json.loads(text)["infinite"] is True
    assert json.loads(text)["terms"][1]["infinite"] is True
    assert "infinite" in nothing.table()
    assert r"\infty" in nothing.to_latex()


def test_json_is_strict_where_the_value_is_beyond_floats():
    term = Term(
        "t",
        HUGE,
        "x",
        "s",
        {"a": np.float64(2), "b": math.inf, "c": np.array([1.0, math.nan]), "d": (np.int64(3),)},
    )
    huge = Bound("i", "x", (term,), conditions=(Condition("c", None, "d"),), notes=("n",))
    text = json.dumps(huge.to_json(), allow_nan=False)
    read = json.loads(text)
    assert read["total"] is None
    assert read["log10_total"] == pytest.approx(373)
    assert read["terms"][0]["inputs"] == {"a": 2.0, "b": None, "c": [1.0, None], "d": [3]}
    assert json.loads(json.dumps(bound(-math.inf).to_json(), allow_nan=False))["total"] == 0


def test_a_term_is_found_by_name_and_a_missing_one_says_which_there_are():
    assert bound(1.0, 2.0)["t1"].log_value == 2.0
    with pytest.raises(KeyError, match="t0"):
        bound(1.0)["u"]


@pytest.mark.parametrize(
    ("log_value", "text", "above", "latex"),
    [
        (-math.inf, "0", "0", "$0$"),
        (0.0, "1", "1", "$1$"),
        (math.log(0.01226), "0.01226", "0.01227", "$0.01227$"),
        (math.log(123440), "1.234e+05", "1.235e+05", r"$1.235 \cdot 10^{5}$"),
        (HUGE + 0.7, "10^373", "10^374", "$10^{374}$"),
        (-HUGE, "10^-373", "10^-372", "$10^{-372}$"),
        (20 * math.log(10), "10^20.0", "10^20.1", "$10^{20.1}$"),
        (math.inf, "infinite", "infinite", r"$\infty$"),
    ],
)
def test_numbers_are_written_for_a_reader(log_value, text, above, latex):
    assert show(log_value) == text
    assert show_above(log_value) == above
    assert show_latex(log_value) == latex


@given(st.floats(-2000, 2000), st.integers(1, 8))
def test_a_bound_is_never_written_as_less_than_it_is(log_value, digits):
    text = show_above(log_value, digits)
    base, power, exponent = text.partition("10^")
    with mp.workdps(50):
        written = mp.mpf(10) ** mp.mpf(exponent) if power else mp.mpf(text)
        truth = mp.exp(mp.mpf(log_value))
        assert not (power and base)
        assert truth <= written
        assert written <= truth * (mp.mpf(11) if power else 1 + mp.mpf(10) ** (1 - digits) * 1.01)


def test_the_table_has_a_line_a_term_and_the_total_with_its_label():
    lines = bound(0.0, HUGE, label=violated("s(0) = 0")).table().splitlines()
    assert lines[0] == "a.b"
    assert len(lines) == 4
    assert lines[-1].split() == ["total", "10^374", *violated("s(0) = 0").split()]


def test_the_latex_table_escapes_text_and_its_formulas_can_be_typeset():
    text = bound(0.0, HUGE, label=VALID).to_latex()
    assert text.startswith(r"\begin{tabular}{llrl}")
    assert text.endswith(r"\end{tabular}")
    assert "$10^{374}$" in text
    named = Bound("i", "x", (Term("50 %_&", 0.0, "x", "a_b"),)).to_latex()
    assert r"50 \%\_\&" in named
    assert r"a\_b" in named
    assert convert(bound(0.0).terms[0].formula).startswith("<math")


@pytest.mark.parametrize("label", [VALID, FIXED_RADII, ORDER_ONLY, violated("a: b, c")])
def test_a_label_is_a_closed_type_that_prints_as_its_text(label):
    again = pickle.loads(pickle.dumps(label))
    assert again == label
    assert (again.standing, again.which) == (label.standing, label.which)
    assert str(label).startswith(label.standing.value)
    assert label.is_bound is (label in (VALID, FIXED_RADII))
    assert copy.deepcopy(label).standing is label.standing


def test_the_hypothesis_that_fails_is_not_parsed_out_of_a_text():
    label = violated("k: nodes: 5")
    assert (label.standing, label.which) == (Standing.VIOLATED, "k: nodes: 5")
    for standing, which in ((Standing.VIOLATED, ""), (Standing.VALID, "x")):
        with pytest.raises(ValueError, match="violated hypothesis alone"):
            Label(standing, which)
