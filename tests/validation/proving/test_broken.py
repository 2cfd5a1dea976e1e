"""Each part broken on purpose: the recheck in balls, or a false statement, catches it."""

import numpy as np
import pytest

from validation import claim, draw
from validation.arithmetic import enclosures
from validation.arithmetic import intervals as iv
from validation.proving import covering, gaps
from validation.proving.prove import prove
from validation.proving.records import Ending


def stated(body, **factors):
    return claim("t.claim", "a statement", draw(**factors))(body)


def proof_of(made):
    return prove(made, budget=3, slacks=[])


def blinded(monkeypatch):
    """No counterexample is found, so that only cells and balls can tell."""
    for name in ("prove.first_certified", "counterexamples.first_certified", "prove.searched"):
        monkeypatch.setattr(f"validation.proving.{name}", lambda *some: None)


def test_one_rounding_direction_is_caught_by_balls(monkeypatch):
    # False by 2^-60 x, which float64 cannot see: that it stays open hangs on rounding alone.
    false = stated(lambda xp, x: (x + xp.asarray(2.0**-60) * x + 1, x + 1), x=draw.reals(0.5, 0.75))
    assert proof_of(false).kind is Ending.OPEN

    def inwards(a, b):
        return a + b

    monkeypatch.setattr(iv, "_sum_down", inwards)
    monkeypatch.setattr(iv, "_sum_up", inwards)
    broken = proof_of(false)
    assert broken.kind is Ending.OPEN
    assert broken.rechecked == 0 or "balls did not confirm" in broken.message


@pytest.mark.parametrize("name", ["log1p", "exp", "tanh"])
def test_one_wrong_derivative_is_caught_by_balls(monkeypatch, name):
    bodies = {
        "log1p": lambda xp, x: (xp.log1p(x), 0.5 * x),
        "exp": lambda xp, x: (1 + 0.75 * x, xp.exp(x) - 0.5 * x),
        "tanh": lambda xp, x: (0.875 * x, xp.tanh(x)),
    }
    false = stated(bodies[name], x=draw.reals(0, 2))
    assert proof_of(false).kind is Ending.VIOLATED
    blinded(monkeypatch)
    assert proof_of(false).kind is Ending.OPEN
    right = getattr(enclosures, name)
    wrong = {
        "log1p": lambda x: (np.full_like(x.low, -9.0), np.full_like(x.low, 0.1)),
        "exp": lambda x: (np.full_like(x.low, 2.0), np.full_like(x.low, 9.0)),
        "tanh": lambda x: (np.full_like(x.low, 1.0), np.full_like(x.low, 1.0)),
    }[name]

    def broken(x):
        return x._chain(right(x).pair, lambda: wrong(x))

    monkeypatch.setattr(enclosures, name, broken)
    from validation.arithmetic.cells import CellNamespace, add_functions

    kept = getattr(CellNamespace, name)
    monkeypatch.setattr(CellNamespace, name, kept)
    add_functions(CellNamespace, {name: broken})
    found = proof_of(false)
    assert found.kind is Ending.OPEN
    assert "balls did not confirm" in found.message


def test_one_wrong_face_is_caught_by_balls(monkeypatch):
    false = stated(lambda xp, x, y: (1 + 0 * x, x + y), x=draw.reals(0, 1), y=draw.reals(0, 1))
    assert proof_of(false).kind is Ending.VIOLATED
    blinded(monkeypatch)
    right = gaps.lower_bounds

    def other_face(claim, region, low, high, slack, found):
        # The gap at the upper ends, where an increasing gap is largest.
        at = gaps.evaluate(claim, region, high, high, slack, slopes=False)
        _, points, highest = right(claim, region, low, high, slack, found)
        return np.maximum(found.low, at.low), points, highest

    monkeypatch.setattr(covering, "lower_bounds", other_face)
    found = proof_of(false)
    assert found.kind is Ending.OPEN
    assert "balls did not confirm" in found.message


def test_a_poison_that_is_taken_for_a_number_is_caught_by_balls(monkeypatch):
    false = stated(lambda xp, x: (0 * x, 1 / x + 5), x=draw.reals(-1, 1))
    blinded(monkeypatch)
    right = iv.divide

    def careless(a, b):
        low, high = right(a, b)
        return np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), 1.0, high)

    monkeypatch.setattr(iv, "divide", careless)
    found = proof_of(false)
    assert found.kind is Ending.OPEN
    assert "balls did not confirm" in found.message
