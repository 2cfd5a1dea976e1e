"""The sentences follow the numbers: with other numbers they say something else."""

from __future__ import annotations

import dataclasses
import math

import pytest

from bounds.terms import Bound, Term
from validation.report.findings import findings, largest_step, number, order_kept, times


def bound(id: str, value: float) -> Bound:
    return Bound(id, "x", (Term("x", math.log(value) if value else -math.inf, "x", "test"),))


def with_reference(study, **changes):
    return dataclasses.replace(study, reference=dataclasses.replace(study.reference, **changes))


def test_a_broken_chain_is_called_violated(study):
    chains = [dataclasses.replace(c, mean=c.mean[::-1]) for c in study.reference.chains]
    assert "VIOLATED" in findings(with_reference(study, chains=chains))[1]
    assert "VIOLATED" not in findings(study)[1]
    assert "held at every size" in findings(study)[1]


def test_a_vacuous_bound_is_called_vacuous_and_another_one_is_not(study):
    assert "vacuous" in findings(study)[2]
    small = bound("theorem.fixed_nodes", 0.25)
    sentence = findings(with_reference(study, bounds=[small]))[2]
    assert "vacuous" not in sentence
    assert "totals 0.25" in sentence
    assert "100.0 % of the total" in sentence


def test_measured_radii_are_said_to_be_measured(study):
    assert "measured on the trained network" in findings(study)[3]


def test_the_empty_condition_is_stated_with_its_numbers(study):
    sentence = findings(study)[4]
    assert f"k = {study.reference.k} of m = 8" in sentence
    assert f"{study.reference.largest_freedom:.3g}" in sentence


def test_an_exact_network_is_said_to_be_exact(study):
    zero = [bound("measured", 0), bound("step", 0)]
    chains = [dataclasses.replace(c, mean=zero, read=zero) for c in study.reference.chains]
    assert "error is exactly 0" in findings(with_reference(study, chains=chains))[1]


def test_the_largest_step_is_the_one_with_the_largest_factor():
    steps = [bound("a", 1), bound("b", 3), bound("c", 12), bound("d", 13)]
    step, ratio = largest_step(steps)
    assert (step.id, ratio) == ("c", pytest.approx(math.log(4)))
    assert largest_step([bound("a", 0), bound("b", 1)]) is None
    assert order_kept(steps)
    assert not order_kept([*steps, bound("e", 1)])


@pytest.mark.parametrize(
    ("value", "said"), [(0.0866, "0.0866"), (3495.2, "3,495"), (1e-9, "1e-09"), (1.9, "1.9")]
)
def test_numbers_are_written_for_a_reader(value, said):
    assert number(math.log(value)) == said


def test_factors_have_two_figures():
    assert times(math.log(1836)) == "1,800"
    assert times(math.log(1.26)) == "1.3"
    assert times(1000.0) == "10^434"
    assert number(1000.0) == "10^434"
