"""A certificate that is valid."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.certificates import write
from helpers.checker import DIGITS, tiny

from bounds.binomial import upper_risk
from validation.data.digits import digits


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of digits that is valid, and what is in it."""
    net, data = tiny(), digits()
    x, y = (data.x * 16).astype(np.int64), data.y
    errors = sum(net.predicted(image) != label for image, label in zip(x, y))
    bits = len(net.bits())
    bound = upper_risk(errors, len(y), bits * math.log(2) + math.log(20))
    folder = tmp_path_factory.mktemp("certificate") / "cert"
    shown = f"{math.ceil(bound * 10**6) / 10**6:.6f}"
    return write(folder, net, n=len(y), errors=errors, bound=shown, data_sha256=DIGITS)
