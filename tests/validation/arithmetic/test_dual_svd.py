"""Singular values of what is not finite: an error, and not a call that never returns."""

from __future__ import annotations

import numpy as np
import pytest

from validation.arithmetic.dual_arithmetic import DUALS
from validation.arithmetic.duals import Dual
from validation.arithmetic.errors import Undefined


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("name", ["svdvals", "det"])
def test_a_slope_of_singular_values_that_are_not_finite_is_refused(name, bad):
    value = np.full((3, 3), bad)
    x = Dual(value, np.ones((1, 3, 3)))
    with DUALS.active(), pytest.raises((Undefined, np.linalg.LinAlgError)):
        getattr(DUALS.xp.linalg, name)(x)
