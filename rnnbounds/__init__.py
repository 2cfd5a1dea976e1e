"""What users call, under a name that nothing else has.

    from rnnbounds import claim, draw, verify, spectral_prune, generalization_bound

Every public name of `pruning`, `bounds` and `validation` is here, loaded when it is first used.
Where a package of somebody else stands in the way, the error says where both are.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGES = ("pruning", "bounds", "validation")
_HOME = Path(__file__).resolve().parents[1]


def own(package: str) -> ModuleType:
    """Import one of `PACKAGES`, unless the name leads to somebody else's.

    Raises
    ------
    ImportError
        Naming both places and what can be done.
    """
    ours = _HOME / package / "__init__.py"
    found = _place(package)
    if found != ours:
        where = "a folder without __init__.py" if found is None else str(found)
        raise ImportError(
            f"the name {package!r} leads to {where}, and not to that of rnnbounds, {ours}: rename "
            "yours, run from another folder, or install rnnbounds into an environment of its own"
        )
    return importlib.import_module(package)


def _place(package: str) -> Path | None:
    """The file that this name stands for, without importing it."""
    loaded = sys.modules.get(package)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
    else:
        spec = importlib.util.find_spec(package)
        file = spec.origin if spec is not None and spec.has_location else None
    return None if file is None else Path(file).resolve()


def _names() -> dict[str, str]:
    """The package of every public name; `pruning` comes first where two offer the same."""
    names: dict[str, str] = {}
    for package in PACKAGES:
        for name in own(package).__all__:
            names.setdefault(name, package)
    return names


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("rnnbounds")
    if name == "__all__":
        return sorted(_names())
    if not name.startswith("_"):
        for package in PACKAGES:
            module = own(package)
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module 'rnnbounds' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*sorted(_names()), "__version__"]
