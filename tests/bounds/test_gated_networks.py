"""The study that holds the printed bound against exact errors in balls sees what is wrong."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from flint import arb

from validation.arithmetic.arithmetics import balls
from validation.arithmetic.ball import secant_slope
from validation.catalogue.gates_runs import tanh_slope

PATH = Path(__file__).parents[2] / "benchmarks" / "studies" / "gated_networks.py"

# Networks whose bound was below the error by rounding, before rounding was a term of it.
ONCE_SHORT = [
    3,
    36,
    67,
    147,
    174,
    223,
    251,
    272,
    278,
    291,
    332,
    339,
    459,
    463,
    487,
    516,
    520,
    596,
    605,
    610,
    683,
    705,
    707,
    710,
    741,
    769,
    773,
    799,
    818,
    844,
    850,
    924,
    940,
    987,
    1026,
    1038,
    1050,
    1065,
    1101,
    1123,
    1170,
    1177,
    1183,
    1217,
    1223,
    1239,
    1241,
    1258,
    1266,
    1285,
    1315,
    1472,
    1473,
    1489,
    1499,
    1501,
    1585,
    1613,
    1622,
    1625,
]


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("gated_networks", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_network_of_a_block_is_violated_and_both_cells_are_there(study):
    found = study.block(range(40))
    assert found["violations"] == []
    assert {name.split(":")[0] for name in found["found"]} == {"gru", "lstm"}
    assert found["found"]["gru: holds"] >= 5
    assert found["found"]["lstm: holds"] >= 5
    assert not any("not decided" in name for name in found["found"])
    assert "| gru: holds |" in study.page({"versions": [], "blocks": [found]})


@pytest.mark.parametrize("seed", ONCE_SHORT)
def test_the_printed_bound_is_not_below_the_error_by_a_rounding(study, seed):
    assert study.judged(seed)["float64"] == "at least the error"


def test_a_printed_bound_that_is_too_small_is_seen(study, monkeypatch):
    true = study.along_runs_bound

    class Halved:
        def __init__(self, bound):
            self.total = bound.total / 2

    monkeypatch.setattr(study, "along_runs_bound", lambda *args: Halved(true(*args)))
    assert len(study.block(range(40))["violations"]) > 10


def test_a_recursion_without_a_gate_is_seen(study, monkeypatch):
    """Lags that forget the reset gate are too short for networks whose error they carry."""
    true = study.gru_lags

    def forgetful(xp, W, V, u, w, h, e, J, secant):
        lags, after, small = true(xp, W, V, u, w, h, e, J, secant)
        return lags[:-1], after, small

    monkeypatch.setattr(study, "gru_lags", forgetful)
    seen = study.block(range(0, 60, 2))["violations"]
    assert len(seen) > 5
    assert all(one["exact"] == "violated" for one in seen)


@pytest.mark.parametrize("apart", [0.0, 1e-30, 1e-3, 2.0])
def test_a_secant_slope_lies_in_its_enclosure(apart):
    with balls(200).active():
        for at in (-3.0, 0.0, 0.5):
            a, b = arb(at), arb(at) + arb(apart)
            blurred = arb(apart, 1e-40)
            found = secant_slope(blurred, b.tanh(), a.tanh(), tanh_slope)
            middle = a + arb(apart) / 2
            true = (b.tanh() - a.tanh()) / arb(apart) if apart else 1 - middle.tanh() ** 2
            assert found.overlaps(true)
            assert found.is_finite()
            assert float(found.rad()) < 1e-9


def test_slopes_are_between_0_and_1(study):
    rng = np.random.default_rng(0)
    with balls(200).active():
        for _ in range(50):
            a, b = (arb(float(v)) for v in rng.normal(size=2) * 5)
            found = secant_slope(b - a, b.tanh(), a.tanh(), tanh_slope)
            assert found >= 0
            assert found <= 1
