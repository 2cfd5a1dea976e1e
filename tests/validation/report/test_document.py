"""report.json: strictly valid, complete, and the numbers of the study."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.binomial import clopper_pearson
from bounds.terms import Bound, Term
from validation.report.document import document, to_text
from validation.report.findings import findings
from validation.report.trials import METHODS


def tail(trials: int, p: Fraction, counts: range) -> Fraction:
    """P(Bin(trials, p) in counts), exactly."""
    return sum((math.comb(trials, i) * p**i * (1 - p) ** (trials - i) for i in counts), Fraction(0))


@given(st.integers(1, 25).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_interval_ends_where_the_exact_tails_are_two_and_a_half_percent(case):
    trials, successes = case
    low, high = clopper_pearson(successes, trials, 0.05)
    assert low <= successes / trials <= high
    if successes:
        above = tail(trials, Fraction(low), range(successes, trials + 1))
        assert float(above) == pytest.approx(0.025, rel=1e-9)
    if successes < trials:
        below = tail(trials, Fraction(high), range(successes + 1))
        assert float(below) == pytest.approx(0.025, rel=1e-9)


@pytest.mark.parametrize("which", ["study", "every_step"])
def test_the_document_is_strict_json_and_survives_a_round_trip(which, request):
    values = document(request.getfixturevalue(which), ["said"])

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    assert json.loads(to_text(values), parse_constant=refuse) == values


def test_a_nan_that_slipped_in_is_an_error():
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_text({"value": math.nan})


def test_every_bound_has_its_terms_and_they_sum_to_the_total(study):
    values = document(study, [])
    ids = [bound["id"] for bound in values["bounds"]]
    assert ids == [
        "theorem.fixed_nodes",
        "theorem.degrees_of_freedom",
        "theorem.determinantal",
        "theorem.stratified",
    ]
    for bound in values["bounds"]:
        assert {"id", "total", "log10_total", "label", "terms"} <= set(bound)
        names = [term["name"] for term in bound["terms"]]
        assert names == ["empirical loss", "approximation", "complexity", "confidence"]
        for term in bound["terms"]:
            assert {"name", "value", "log10_value", "formula", "source"} <= set(term)
        logs = [t["log10_value"] for t in bound["terms"] if t["log10_value"] is not None]
        top = max(logs)
        total = top + math.log10(math.fsum(10 ** (log - top) for log in logs))
        assert bound["log10_total"] == pytest.approx(total, abs=1e-12)


def test_the_accuracies_are_those_of_networks_run_again(study, data):
    rows = {
        (row["activation"], row["method"], row["k"]): row["test_accuracy"]
        for row in document(study, [])["measured"]["trials"]
    }
    assert len(rows) == 2 * (1 + 4 * len(METHODS))
    for activation in ("tanh", "relu"):
        values = []
        for trial in study.of(activation):
            f = trial.rnn.predictions(data.x_test)[:, -1]
            own = f[np.arange(len(f)), data.y_test]
            values.append(np.mean(own > np.where(data.y_test == 0, f[:, 1], f[:, 0])))
        row = rows[activation, None, None]
        assert row["values"] == pytest.approx(values)
        assert row["mean"] == pytest.approx(np.mean(values))
        assert row["deviation"] == pytest.approx(np.std(values, ddof=1))
        for method in METHODS:
            assert rows[activation, method, 8]["values"] == pytest.approx(values)


def test_without_a_test_set_nothing_is_said_of_it(every_step):
    measured = document(every_step, [])["measured"]
    assert measured["reference"]["whole"]["test_accuracy"] is None
    assert measured["reference"]["whole"]["test_accuracy_interval"] is None
    assert all(row["test_accuracy"] is None for row in measured["trials"])


def test_the_settings_name_all_that_a_repetition_needs(study):
    values = document(study, [])["settings"]
    assert values["nodes"] == [0, 2, 4, 8]
    assert values["training_seeds"] == [0, 1, 0, 1]
    assert values["data"] == {"name": "sums <script>", "seed": 1}
    assert {"python", "numpy", "scipy", "rnnbounds"} <= set(values["versions"])


def test_a_bound_beyond_floats_keeps_its_logarithm(study):
    import dataclasses

    huge = Bound("huge", "x", (Term("huge", 2000.0, "x", "test"),))
    reference = dataclasses.replace(study.reference, bounds=[huge, *study.reference.bounds])
    values = document(dataclasses.replace(study, reference=reference), [])
    [bound] = json.loads(to_text(values))["bounds"][:1]
    assert bound["total"] is None
    assert bound["log10_total"] == pytest.approx(2000 / math.log(10))


@pytest.mark.parametrize("which", ["study", "every_step"])
def test_every_number_in_the_findings_comes_from_a_sentence_of_its_own(which, request):
    sentences = findings(request.getfixturevalue(which))
    assert len(sentences) == 5
    assert all(sentence.endswith((".", ").")) for sentence in sentences)
    assert "theorem.fixed_nodes" in sentences[2]
