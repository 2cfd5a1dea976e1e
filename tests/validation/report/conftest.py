"""A small study, run once for all the tests of what is made of it."""

from __future__ import annotations

import numpy as np
import pytest

from pruning import initial_rnn
from validation.data.dataset import Dataset
from validation.report.settings import Settings
from validation.report.study import Study, run


@pytest.fixture(scope="session")
def data() -> Dataset:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (60, 5, 3))
    y = (x.sum(axis=(1, 2)) > 0).astype(np.int64)
    return Dataset("sums <script>", x[:40], y[:40], x[40:], y[40:], {"seed": 1})


@pytest.fixture(scope="session")
def study(data: Dataset) -> Study:
    settings = Settings(nodes=(0, 2, 4, 8), seeds=2, activation="both", m=8, epochs=3)
    return run(settings, data)


@pytest.fixture(scope="session")
def every_step(data: Dataset) -> Study:
    """A network of the user's own that is read out at every step, without a test set."""
    y = (np.cumsum(data.x.sum(axis=2), axis=1) > 0).astype(np.int64)
    own = Dataset("every step", data.x, y)
    model = initial_rnn(6, 3, 2, "relu", rng=0)
    return run(Settings(nodes=(3, 6), seeds=2), own, model, "own.npz")
