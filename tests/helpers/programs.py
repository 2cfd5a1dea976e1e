"""Programs that the documents print, run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run_program(code: str, folder: Path) -> str:
    """What a program prints in a process of its own, warnings being errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
