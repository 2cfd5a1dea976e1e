"""Write the files of Coq beside this one: one a scalar step of the catalogue that coqc accepts.

    python proofs/write_them.py [ids]

A file whose theorems are still those of its claim is left alone. Steps that coqc does not accept
within the time are named, and have no file.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from validation.catalogue import scalar_steps
from validation.loading import claims_of
from validation.proving.coq import INSTALL, compiler, states, write
from validation.proving.regions import regions

HERE = Path(__file__).resolve().parent


def main(ids: list[str]) -> int:
    """Write what is missing or stale."""
    if compiler() is None:
        print(f"coqc was not found: {INSTALL}")
        return 1
    missing = 0
    for claim in claims_of(scalar_steps):
        if ids and claim.id not in ids:
            continue
        where = regions(claim, {}, {})
        file = HERE / f"{claim.id.partition('.')[2]}.v"
        if file.exists() and states(file.read_text(), claim, where):
            continue
        start = time.monotonic()
        found = write(claim, where)
        seconds = time.monotonic() - start
        if found.version:
            file.write_text(found.text)
            print(f"{file.name}: {found.version}, slack {found.slack}, {seconds:.0f} s", flush=True)
        else:
            missing += 1
            print(f"{claim.id}: {found.failed[:200]} ({seconds:.0f} s)", flush=True)
    print(f"{missing} steps have no file")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
