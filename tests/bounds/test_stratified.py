"""Section 7: radii that were measured, and paid for."""

import math

import numpy as np
import pytest
from helpers.theorems import PRUNED, RNN_, X, Y
from hypothesis import given
from hypothesis import strategies as st

from bounds import (
    FIXED_RADII,
    VALID,
    Radii,
    Setting,
    StatedProblem,
    generalization_bound,
)
from bounds.assembly import loss_class
from bounds.stratified import ZERO_WEIGHT, grid_radius, grid_weight, stratified_bound
from bounds.uniform import METHODS
from pruning import RNN
from pruning.spectral import prune_to


class TestStratified:
    def test_the_weights_of_the_grid_sum_to_one(self):
        # 1/((j + 1)(j + 2)) telescopes: the two tails beyond J hold (2/3) 2/(J + 2).
        for J in (0, 5, 1000):
            inside = math.fsum(grid_weight(j) for j in range(-J, J + 1))
            assert inside + 4 / 3 / (J + 2) == pytest.approx(1, rel=1e-12)

    @given(st.floats(1e-200, 1e200), st.integers(1, 1000))
    def test_a_radius_is_rounded_up_to_the_next_grid_point(self, radius, g):
        value, price = grid_radius(radius, g)
        assert radius <= value <= radius * 2.0 ** (1 / g) * (1 + 1e-9)
        j = round(g * math.log2(value))
        assert price == pytest.approx(-math.log((1 - ZERO_WEIGHT) * grid_weight(j)))

    def test_the_radius_zero_has_its_atom(self):
        assert grid_radius(0.0, 3) == (0.0, -math.log(ZERO_WEIGHT))

    def test_it_is_valid_with_measured_radii_and_above_the_bound_that_does_not_pay(self):
        for method in METHODS[:4]:
            paid = generalization_bound(
                PRUNED, X, Y, "stratified", complexity=method, input_bound=1.0
            )
            unpaid = generalization_bound(PRUNED, X, Y, complexity=method, input_bound=1.0)
            assert paid.label == VALID
            assert unpaid.label == FIXED_RADII
            assert paid.log_total >= unpaid.log_total
            assert paid["confidence"].inputs["log price"] > 0

    def test_the_price_is_that_of_every_radius_and_of_the_size(self):
        bound = generalization_bound(PRUNED, X, Y, "stratified", input_bound=1.0)
        radii = Radii.of(PRUNED.pruned, 1.0)
        price = math.log(RNN_.m + 1) + grid_radius(radii.hidden, 5)[1]
        for block in ("input", "output", "bias_hidden", "bias_output"):
            price += grid_radius(radii[block], 1)[1]
        assert bound["confidence"].inputs["log price"] == pytest.approx(price, rel=1e-12)

    def test_the_fine_grid_saves_the_power_of_T(self):
        # Theory, section 7: R_h = 1.01 at T = 784; the coarse grid costs T log 2 = 543 in log L.
        rnn = RNN([[1.01]], [[1.0]], [0.0], [[1.0]], [0.0])
        pruned = prune_to(rnn, np.eye(1), [0])
        setting = Setting(1000, 784, 0.0)
        problem = StatedProblem(pruned.pruned, setting, Radii.of(rnn, 1.0, data_fixed=True))

        def log_reach(fineness):
            bound = stratified_bound(pruned, problem, fineness=fineness)
            inputs = bound["complexity"].inputs
            return inputs["log R L"]["hidden"], inputs["log price"]

        exact = loss_class(setting, Radii.of(rnn, 1.0), 1, 1, 1, "relu").cover.log_reach[0]
        fine, fine_price = log_reach(None)
        coarse, coarse_price = log_reach({"hidden": 1})
        assert coarse - exact > 500
        assert fine - exact < 2
        assert 0 < fine_price - coarse_price < 8
