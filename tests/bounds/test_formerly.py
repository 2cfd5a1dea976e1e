"""The theorems by the arguments that they had before they took a problem."""

import numpy as np
import pytest
from helpers.theorems import ERROR, PRUNED, RNN_, SETTING, WIDE

from bounds import (
    Radii,
    StatedProblem,
    degrees_of_freedom_bound,
    determinantal_bound,
    fixed_nodes_bound,
    stratified_bound,
    tradeoff,
)

S = PRUNED.covariance
SMALL = StatedProblem(PRUNED.pruned, SETTING, WIDE)
LARGE = StatedProblem(RNN_, SETTING, WIDE)


@pytest.mark.parametrize(
    ("former", "now"),
    [
        (
            lambda: fixed_nodes_bound(PRUNED, SETTING, WIDE, ERROR),
            lambda: fixed_nodes_bound(PRUNED, SMALL, ERROR),
        ),
        (
            lambda: fixed_nodes_bound(PRUNED, radii=WIDE, setting=SETTING, approximation=None),
            lambda: fixed_nodes_bound(PRUNED, SMALL),
        ),
        (
            lambda: stratified_bound(PRUNED, SETTING, ERROR, 1.0, data_fixed=True),
            lambda: stratified_bound(PRUNED, SMALL, ERROR),
        ),
        (
            lambda: stratified_bound(
                PRUNED, SETTING, None, 2.0, data_fixed=False, norm="frobenius",
                fineness={"hidden": 2},
            ),
            lambda: stratified_bound(
                PRUNED,
                StatedProblem(PRUNED.pruned, SETTING, Radii.of(PRUNED.pruned, 2.0, "frobenius")),
                fineness={"hidden": 2},
            ),
        ),
        (
            lambda: degrees_of_freedom_bound(RNN_, S, 4, SETTING, WIDE, lam=0.2, pruned=PRUNED),
            lambda: degrees_of_freedom_bound(LARGE, S, 4, lam=0.2, pruned=PRUNED),
        ),
        (
            lambda: determinantal_bound(RNN_, S, 4, SETTING, WIDE),
            lambda: determinantal_bound(LARGE, S, 4),
        ),
    ],
)  # fmt: skip
def test_a_setting_and_radii_are_still_taken_with_a_warning(former, now):
    with pytest.warns(DeprecationWarning, match="takes a Problem now") as caught:
        before = former()
    assert caught[0].filename == __file__
    assert before.to_json() == now().to_json()


def test_so_are_those_of_the_tradeoff():
    lams = [0.5, 5.0]
    with pytest.warns(DeprecationWarning, match="tradeoff takes a Problem now"):
        before = tradeoff(RNN_, S, SETTING, WIDE, lams, theorem="determinantal")
    now = tradeoff(LARGE, S, lams, theorem="determinantal")
    np.testing.assert_array_equal(before.log_totals, now.log_totals)
    assert np.isfinite(now.log_totals).any()


@pytest.mark.parametrize("theorem", [degrees_of_freedom_bound, determinantal_bound])
def test_a_theorem_of_the_large_network_refuses_the_pair_of_another(theorem):
    with pytest.raises(ValueError, match="problem must be of the large network for"):
        theorem(SMALL, S, 4, pruned=PRUNED)
