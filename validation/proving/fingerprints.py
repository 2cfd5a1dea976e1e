"""What a proof depends on, as one hash: change any of it and the proof is stale.

The hash covers the compiled body of the claim, of its hypotheses and of every function that they
call by name (recursively), the values of the names that these use, the constants, what is drawn,
and the text of the modules that evaluate and prove; besides, the versions of Python, NumPy and
FLINT.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import platform
import types
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from validation.claims import Claim

_TRUSTED = ("arithmetic", "instances", "proving")
_PACKAGES = ("numpy", "python-flint")


def fingerprint(claim: Claim) -> str:
    """Hash a claim with all that its proof depends on."""
    digest = hashlib.sha256()
    for line in _parts(claim):
        digest.update(line.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """The versions that a proof names."""
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **found}


def _parts(claim: Claim) -> Iterator[str]:
    yield from (claim.id, claim.kind, claim.statement)
    seen: set[int] = set()
    yield from _function(claim.body, seen)
    for name, function in claim.hypotheses.items():
        yield name
        yield from _function(function, seen)
    yield from (f"{name}={value!r}" for name, value in sorted(claim.constants.items()))
    yield from (f"{name}~{degree!r}" for name, degree in sorted(claim.invariance.items()))
    yield repr(sorted(claim.instances.sizes.items()))
    for name, factor in claim.instances.factors.items():
        attributes = sorted((k, repr(v)) for k, v in vars(factor).items())
        yield f"{name}: {type(factor).__module__}.{type(factor).__qualname__} {attributes}"
    yield trusted()
    yield from (f"{name} {version}" for name, version in versions().items())


def _function(function: Any, seen: set[int]) -> Iterator[str]:
    if id(function) in seen:
        return
    seen.add(id(function))
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None:
        yield from _function(wrapped, seen)
    code = getattr(function, "__code__", None)
    if code is None:
        yield repr(function)
        return
    yield repr((function.__defaults__, function.__kwdefaults__))
    for cell in function.__closure__ or ():
        try:
            yield from _value(cell.cell_contents, seen)
        except ValueError:
            yield "empty cell"
    yield from _code(code, function.__globals__, seen)


def _code(code: types.CodeType, names: dict[str, Any], seen: set[int]) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_varnames, code.co_names))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant, names, seen)
        elif isinstance(constant, frozenset):
            yield repr(sorted(map(repr, constant)))
        else:
            yield repr(constant)
    for name in code.co_names:
        if name in names:
            yield name
            yield from _value(names[name], seen)


def _value(value: Any, seen: set[int]) -> Iterator[str]:
    if isinstance(value, types.FunctionType):
        yield from _function(value, seen)
    elif isinstance(value, functools.partial):
        yield repr((value.args, value.keywords))
        yield from _value(value.func, seen)
    elif isinstance(value, types.ModuleType):
        yield _module(value)
    elif isinstance(value, Claim):
        if id(value) not in seen:
            seen.add(id(value))
            yield value.id
            yield from _function(value.body, seen)
    elif isinstance(value, type):
        yield f"{value.__module__}.{value.__qualname__}"
        module = importlib.import_module(value.__module__)
        yield _module(module)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _value(part, seen)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield repr(key)
            yield from _value(part, seen)
    elif isinstance(value, int | float | str | bytes | Fraction | None):
        yield repr(value)
    else:
        yield f"{type(value).__module__}.{type(value).__qualname__}"


def _module(module: types.ModuleType) -> str:
    """The text of a module of ours or of a user's; a library is known by its version."""
    file = getattr(module, "__file__", None)
    if not file or "site-packages" in file or "lib/python" in file:
        return module.__name__
    return f"{module.__name__} {_text(Path(file))}"


@functools.lru_cache(maxsize=256)
def _text(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


@functools.cache
def trusted() -> str:
    """The hash of the modules that a proof trusts."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for package in _TRUSTED:
        for path in sorted((root / package).glob("*.py")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    digest.update((root / "checking" / "evaluation.py").read_bytes())
    return digest.hexdigest()
