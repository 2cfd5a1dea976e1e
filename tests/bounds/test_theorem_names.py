"""`theorem=` means one thing, and a default stands once."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import bounds
from bounds import Problem, Setting, generalization_bound, tradeoff
from bounds.comparison import THEOREMS as COMPARED
from bounds.comparison import comparison
from bounds.generalization import BY_NODES, THEOREMS, theorem_bound
from pruning import RNN, prune_to
from validation.commands import compare, report
from validation.report.settings import Settings

RNG = np.random.default_rng(5)
X = RNG.normal(size=(20, 3, 2))
Y = RNG.integers(0, 2, 20)
LARGE = RNN(
    0.3 * RNG.normal(size=(4, 4)), RNG.normal(size=(4, 2)), np.zeros(4), np.ones((2, 4)), [0, 0.1]
)
PRUNED = prune_to(LARGE, X, [0, 2])


def test_every_parameter_called_theorem_takes_names_of_one_table():
    named = {
        name
        for name in bounds.__all__
        if callable(getattr(bounds, name))
        and not isinstance(getattr(bounds, name), type)
        and "theorem" in inspect.signature(getattr(bounds, name)).parameters
    }
    assert named == {"generalization_bound", "tradeoff"}
    assert {form.theorem for form in COMPARED.values()} == set(THEOREMS)
    for call in (
        lambda name: generalization_bound(PRUNED, X, Y, name),
        lambda name: theorem_bound(name, PRUNED, Problem(PRUNED.pruned, X, Y)),
        lambda name: tradeoff(Problem(LARGE, X, Y), PRUNED.covariance, theorem=name),
    ):
        with pytest.raises(
            ValueError, match=r"theorem must be one of .*, got 'leverage\.existence'"
        ):
            call("leverage.existence")


@pytest.mark.parametrize("theorem", THEOREMS)
def test_the_one_call_and_the_dispatch_agree(theorem):
    of = LARGE if theorem in BY_NODES else PRUNED.pruned
    found = generalization_bound(PRUNED, X, Y, theorem, approximation=None)
    again = theorem_bound(theorem, PRUNED, Problem(of, X, Y))
    assert found.id == again.id == f"theorem.{theorem}"
    assert found.label == again.label
    assert found.log_total == again.log_total


@pytest.mark.parametrize("name", ["gamma", "delta"])
def test_a_default_of_the_setting_is_that_of_everything_above_it(name):
    standing = getattr(Setting, name)
    above = [
        getattr(Problem, name),
        inspect.signature(comparison).parameters[name].default,
        getattr(Settings, name),
        inspect.signature(compare.compare).parameters[name].default,
        inspect.signature(report.report).parameters[name].default,
    ]
    assert above == [standing] * len(above)
