"""The statements of the theory, one module a section; no registry, only this list of modules."""

from __future__ import annotations

import importlib

from ..claims import Claim
from ..loading import claims_of, unique

MODULES = (
    "section1",
    "section2",
    "section2_orders",
    "section2a",
    "section2a_probabilities",
    "section2b",
    "section2c",
    "section3",
    "section3_a_priori",
    "section3_slopes",
    "section4",
    "section5",
    "section6",
    "section6_probabilities",
    "section7",
    "section7_probabilities",
    "section8_probabilities",
    "section9",
    "section9_probabilities",
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
