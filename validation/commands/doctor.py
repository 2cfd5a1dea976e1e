"""`rnnbounds doctor`: what this installation runs on, for a report of trouble."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import typer

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def doctor() -> None:
    """Show versions, BLAS, threads, caches and data. Nothing is changed or fetched."""
    for title, lines in (
        ("versions", versions()),
        ("BLAS", blas()),
        ("threads", threads()),
        ("caches and data", data()),
    ):
        typer.echo(title)
        for line in lines:
            typer.echo(f"  {line}")


def versions() -> Iterator[str]:
    """Python, the package and where it is, what it needs, and the optional packages."""
    yield f"python {platform.python_version()} ({platform.platform()})"
    yield f"rnnbounds {version('rnnbounds')} in {Path(__file__).resolve().parents[2]}"
    shown = {"rnnbounds"}  # as one extra in another; and two may want the same package
    for line in requires("rnnbounds") or []:
        wanted, _, condition = line.partition(";")
        name = wanted.split("[")[0].split(">")[0].split("=")[0].strip()
        optional = condition.strip()
        if name in shown:
            continue
        shown.add(name)
        try:
            found = version(name)
        except PackageNotFoundError:
            if not optional:
                yield f"{name} MISSING, wanted {wanted.strip()}"
            continue
        yield f"{name} {found}"


def blas() -> Iterator[str]:
    """The libraries that NumPy was built with, and those that are loaded where that can be seen."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    for kind, facts in built.get("Build Dependencies", {}).items():
        yield f"{kind}: {facts.get('name', 'unknown')} {facts.get('version', '')}".rstrip()
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        yield "threads of BLAS unknown: threadpoolctl is not installed"
        return
    for pool in threadpool_info():
        yield f"{pool['internal_api']} {pool.get('version')}: {pool['num_threads']} threads"


def threads() -> Iterator[str]:
    """Processors, and the variables that limit threads."""
    count = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    yield f"processors: {count}"
    for name in THREADS:
        yield f"{name}: {os.environ.get(name, 'not set')}"


def data() -> Iterator[str]:
    """The cache folder, its size, and which data sets it holds whole."""
    from validation.data.fetching import cache_folder, held_files
    from validation.data.sources import SOURCES

    folder = cache_folder()
    chosen = "RNNBOUNDS_DATA" if os.environ.get("RNNBOUNDS_DATA") else "the platform's convention"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    yield f"{folder} (by {chosen}): {size / 2**20:.1f} MiB"
    for name, source in SOURCES.items():
        held = len(held_files(name))
        yield f"{name}: {held} of {len(source.files)} files"
