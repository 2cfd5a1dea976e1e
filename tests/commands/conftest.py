"""Run `rnnbounds` as a user does: another process, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RNNBOUNDS = Path(sys.executable).with_name("rnnbounds")


@pytest.fixture
def rnnbounds(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command in an empty folder and returns what it did."""

    def run(*words: object, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [RNNBOUNDS, *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "100", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
