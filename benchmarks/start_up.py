"""How long does one wait before anything happens: imports, and `rnnbounds --help`?

Each line is the median over fresh processes, taken in turn, so that a busy moment hits all alike.
Prints ratios; the aims are `import bounds` <= 1.2 times `import scipy.linalg` and --help < 0.5 s.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 11
PYTHON = (sys.executable, "-c")
COMMANDS = {
    "an empty program": (*PYTHON, ""),
    "import scipy.linalg": (*PYTHON, "import scipy.linalg"),
    "import bounds": (*PYTHON, "import bounds"),
    "import bounds, use one": (*PYTHON, "from bounds import degrees_of_freedom"),
    "import pruning": (*PYTHON, "import pruning"),
    "import validation": (*PYTHON, "import validation"),
    "rnnbounds --help": (str(Path(sys.executable).with_name("rnnbounds")), "--help"),
    "rnnbounds report --help": (
        str(Path(sys.executable).with_name("rnnbounds")),
        "report",
        "--help",
    ),
}


def seconds(command: tuple[str, ...]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS + 1):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    # The first round reads the files from the disk.
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    base = medians["import scipy.linalg"]
    for name, value in medians.items():
        print(f"{name:<26} {1000 * value:7.0f} ms   {value / base:5.2f} x import scipy.linalg")


if __name__ == "__main__":
    main()
