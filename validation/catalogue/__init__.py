"""The statements of the theory, one module a subject; no registry, only this list of modules.

What holds with a probability stands beside what always holds, in ``<subject>_probabilities``.
"""

from __future__ import annotations

import importlib

from validation.claims import Claim
from validation.collecting import claims_of, unique

MODULES = (
    "reconstruction",
    "degrees_of_freedom",
    "degrees_of_freedom_orders",
    "leverage",
    "leverage_probabilities",
    "determinantal",
    "volume",
    "approximation",
    "approximation_a_priori",
    "approximation_slopes",
    "approximation_bounded",
    "gates",
    "gates_runs",
    "gates_classes",
    "lipschitz",
    "covering",
    "uniform",
    "uniform_probabilities",
    "theorems",
    "theorems_probabilities",
    "occam_probabilities",
    "occam",
    "martingales",
    "others",
    "others_probabilities",
    "pac_bayes",
    "balanced",
    "blocks",
    "scalar_steps",
)


def claims() -> list[Claim]:
    """Every claim of the catalogue, in the order of the theory.

    Raises
    ------
    ClaimError
        If two claims have one id.
    """
    found: list[Claim] = []
    for name in MODULES:
        found += claims_of(importlib.import_module(f"{__name__}.{name}"))
    return unique(found)
