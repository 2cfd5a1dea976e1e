"""What a proof depends on, as one hash: change any of it and the proof is stale.

The hash covers the compiled body of the claim, of its hypotheses and of every function that they
call by name (recursively), the values of the names that these use (arrays and attributes of objects
among them), the text of a user's modules and of those that they import, the constants, what is
drawn, and the text of the modules that evaluate and prove; besides, the versions of Python, NumPy
and FLINT.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import os
import pickle
import platform
import sys
import sysconfig
import types
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from validation.claims import Claim

_OURS = Path(__file__).resolve().parents[1]
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
    yield "given"  # which instances count, as counterexamples and where something is divided by 0
    if claim.given is not None:
        yield from _function(claim.given, seen)
    yield from (f"{name}={value!r}" for name, value in sorted(claim.constants.items()))
    yield from (f"{name}~{degree!r}" for name, degree in sorted(claim.invariance.items()))
    yield repr(sorted(claim.instances.sizes.items()))
    for name, factor in claim.instances.factors.items():
        yield f"{name}: {type(factor).__module__}.{type(factor).__qualname__}"
        for key, value in sorted(vars(factor).items()):
            yield key
            yield from _value(value, seen)
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
        yield f"{type(function).__qualname__} {getattr(function, '__qualname__', '')}"
        if hasattr(function, "__dict__"):  # an object that is called
            yield from _object(function, seen)
        return
    yield from _value(vars(function), seen)
    yield from _value(function.__defaults__, seen)
    yield from _value(function.__kwdefaults__, seen)
    for cell in function.__closure__ or ():
        try:
            yield from _value(cell.cell_contents, seen)
        except ValueError:
            yield "empty cell"
    yield from _code(code, function.__globals__, seen)


def _code(code: types.CodeType, names: dict[str, Any], seen: set[int]) -> Iterator[str]:
    yield f"{code.co_code.hex()} {code.co_exceptiontable.hex()}"
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
    elif isinstance(value, types.MethodType):
        yield from _function(value.__func__, seen)
        yield from _value(value.__self__, seen)
    elif isinstance(value, functools.partial):
        yield repr((value.args, value.keywords))
        yield from _value(value.func, seen)
    elif isinstance(value, types.ModuleType):
        yield from _module(value, seen)
    elif isinstance(value, Claim):
        if id(value) not in seen:
            seen.add(id(value))
            yield value.id
            yield repr(sorted((name, repr(v)) for name, v in value.constants.items()))
            yield from _function(value.body, seen)
    elif isinstance(value, type):
        yield f"{value.__module__}.{value.__qualname__}"
        yield from _module(importlib.import_module(value.__module__), seen)
    elif isinstance(value, set | frozenset):
        yield repr(sorted(map(repr, value)))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _value(part, seen)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _value(key, seen)
            yield from _value(part, seen)
    elif isinstance(value, int | float | str | bytes | Fraction | None):
        yield repr(value)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        yield f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    elif id(value) not in seen:
        seen.add(id(value))
        yield f"{type(value).__module__}.{type(value).__qualname__}"
        yield from _object(value, seen)


def _object(value: Any, seen: set[int]) -> Iterator[str]:
    """What an object holds: its attributes, or its pickled state where it has none."""
    yield from _module(importlib.import_module(type(value).__module__), seen)
    if hasattr(value, "__dict__"):
        for key, part in sorted(vars(value).items(), key=lambda item: str(item[0])):
            yield str(key)
            yield from _value(part, seen)
        return
    try:
        yield hashlib.sha256(pickle.dumps(value, protocol=4)).hexdigest()
    except Exception:  # whatever a foreign type raises: no proof may hang on what is not known
        yield f"opaque {os.getpid()} {id(value)}"


def _module(module: types.ModuleType, seen: set[int]) -> Iterator[str]:
    """The text of a module, and of those that a user's takes from.

    A library is known by its version besides.
    """
    file = getattr(module, "__file__", None)
    if id(module) in seen:
        return
    seen.add(id(module))
    yield module.__name__
    if not file:
        return
    yield _text(Path(file))
    if any(Path(file).is_relative_to(place) for place in _libraries()):
        yield _version(module.__name__.partition(".")[0])
        return
    if Path(file).is_relative_to(_OURS):
        return
    for name, value in sorted(vars(module).items()):
        source = value if isinstance(value, types.ModuleType) else _home(value)
        if source is not None and source is not module:
            yield name
            yield from _module(source, seen)


def _home(value: Any) -> types.ModuleType | None:
    """The module in which a function or a class was written."""
    if isinstance(value, types.FunctionType | type):
        return sys.modules.get(value.__module__)
    return None


@functools.cache
def _libraries() -> tuple[Path, ...]:
    """Where Python and installed packages lie."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = [Path(sysconfig.get_path(name)) for name in names]
    found += [Path(part) for part in sys.path if Path(part).name.endswith("-packages")]
    return tuple(path.resolve() for path in found) + tuple(found)


@functools.cache
def _version(package: str) -> str:
    """The versions of what installed a package; of Python's own there is none."""
    if package in sys.stdlib_module_names:
        return ""
    names = importlib.metadata.packages_distributions().get(package, [])
    return " ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(set(names)))


def _text(path: Path) -> str:
    try:
        seen = path.stat()
        return _text_of(path, seen.st_mtime_ns, seen.st_size)
    except OSError:
        return "unreadable"


@functools.lru_cache(maxsize=256)
def _text_of(path: Path, changed: int, size: int) -> str:
    """The hash of a file; a file that was written again is read again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
