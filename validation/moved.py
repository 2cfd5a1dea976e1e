"""Modules under the names that they had: each still imports for one release, with a warning.

To be removed in 0.3.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_EXPERIMENTS = {
    "data": (
        "archives",
        "dataset",
        "digits",
        "fetching",
        "images",
        "language",
        "openml",
        "sources",
    ),
    "training": (
        "constrained",
        "constrained_training",
        "model_training",
        "scores",
        "torch_models",
        "torch_training",
    ),
}
_CATALOGUE = {
    "section1": "reconstruction",
    "section2": "degrees_of_freedom",
    "section2_orders": "degrees_of_freedom_orders",
    "section2a": "leverage",
    "section2a_probabilities": "leverage_probabilities",
    "section2b": "determinantal",
    "section2c": "volume",
    "section3": "approximation",
    "section3_a_priori": "approximation_a_priori",
    "section3_slopes": "approximation_slopes",
    "section4": "lipschitz",
    "section5": "covering",
    "section6": "uniform",
    "section6_probabilities": "uniform_probabilities",
    "section7": "theorems",
    "section7_probabilities": "theorems_probabilities",
    "section8_probabilities": "occam_probabilities",
    "section9": "others",
    "section9_probabilities": "others_probabilities",
}
MOVED = {
    **{
        f"validation.experiments.{name}": f"validation.{room}.{name}"
        for room, names in _EXPERIMENTS.items()
        for name in names
    },
    **{
        f"validation.catalogue.{old}": f"validation.catalogue.{new}"
        for old, new in _CATALOGUE.items()
    },
    "validation.experiments.atomic": "validation.output.writing",
    "validation.experiments.networks_to_train": "validation.training.recipes",
    "validation.experiments.table_formats": "validation.output.tables",
    "validation.report.writing": "validation.output.writing",
}
"""Where a module went, by its old name."""


class Finder(MetaPathFinder, Loader):
    """Finds the old names, after every other finder has not."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for a name of `MOVED`, None for every other."""
        return ModuleSpec(name, self) if name in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Warn, and give the module all that the new one holds."""
        new = MOVED[module.__name__]
        warnings.warn(
            f"{module.__name__} is now {new}; the old name goes in rnnbounds 0.3",
            DeprecationWarning,
            stacklevel=2,
        )
        held = vars(importlib.import_module(new))
        vars(module).update({k: v for k, v in held.items() if not k.startswith("__")})


def install() -> None:
    """Make the old names importable."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
