"""Shared by every test: Hypothesis profiles, seeds by test id, the ledger of false alarms."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Deterministic by default, so that a red run is red again; `thorough` explores anew each time.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=60, derandomize=True, database=None, **_COMMON)
settings.register_profile("thorough", max_examples=2000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

LEDGER_LIMIT = 1e-6


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "randomised(alpha, power): a statistical test; `alpha` is the probability that it fails "
        "although the code is right, `power` says which wrong code it detects and how surely",
    )


# Some of every room, whatever NumPy and SciPy are under it: `make smoke`.
SMOKE = (
    "tests/bounds/test_degrees_of_freedom.py",
    "tests/bounds/test_terms.py",
    "tests/commands/test_manners.py",
    "tests/pruning/test_covariance.py",
    "tests/pruning/test_reconstruction.py",
    "tests/pruning/test_spectral.py",
    "tests/test_readme.py",
    "tests/validation/arithmetic/test_vocabulary.py",
    "tests/validation/data/test_digits.py",
    "tests/validation/test_claim.py",
    "tests/validation/test_certified.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a suite whose statistical tests raise a false alarm in over 1e-6 of its runs."""
    total = 0.0
    for item in items:
        if item.nodeid.split("::")[0] in SMOKE and not item.get_closest_marker("long"):
            item.add_marker("smoke")
        mark = item.get_closest_marker("randomised")
        if mark is None:
            continue
        if not {"alpha", "power"} <= set(mark.kwargs) or not 0 < mark.kwargs["alpha"] <= 1e-9:
            raise pytest.UsageError(f"{item.nodeid}: randomised needs alpha <= 1e-9 and power")
        total += mark.kwargs["alpha"]
    if total > LEDGER_LIMIT:
        raise pytest.UsageError(f"false-alarm probabilities add up to {total:.2g} > {LEDGER_LIMIT}")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the test's id: independent between tests, the same in every run."""
    digest = hashlib.sha256(request.node.nodeid.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
