"""Attempts that were stopped: their cells, written now and then, so that work goes on from there.

A file belongs to one claim as it is (its fingerprint), one list of regions and one list of slacks;
it carries a checksum, and one that does not fit or is damaged is ignored.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from validation.output.writing import write_atomically
from validation.proving.attempts import Attempt
from validation.proving.covering import Cover
from validation.proving.fingerprints import fingerprint
from validation.proving.gaps import Slack
from validation.proving.records import folder

EVERY = 15.0  # seconds between two writings
_NUMBERS = ("proved", "vacuous", "evaluated")


class Keeper:
    """Writes an attempt now and then; call it with the attempt."""

    def __init__(self, path: Path) -> None:
        self.path, self.last = path, time.monotonic()

    def __call__(self, attempt: Attempt, now: bool = False) -> None:
        """Write if it is time, or if `now`."""
        if now or time.monotonic() - self.last > EVERY:
            write_atomically(self.path, packed(attempt))
            self.last = time.monotonic()

    def forget(self) -> None:
        """Remove what was written: the attempt has ended."""
        with contextlib.suppress(OSError):
            self.path.unlink()


def place(attempt: Attempt, slacks: Sequence[Slack] | None) -> Path:
    """Where an attempt is written."""
    about = [
        fingerprint(attempt.claim),
        [region.describe() for region in attempt.regions],
        [[str(part) for part in slack] for slack in slacks or ()],
    ]
    name = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]
    return folder() / "unfinished" / f"{name}.npz"


def packed(attempt: Attempt) -> bytes:
    """Everything that changes during an attempt."""
    arrays: dict[str, Any] = {}
    groups = {"covers": attempt.covers, "itself": attempt.itself}
    if attempt.best is not None:
        groups["best"] = attempt.best[1]
    for group, covers in groups.items():
        for i, cover in enumerate(covers):
            low, high = cover.joined()
            arrays |= {
                f"{group}.{i}.low": cover.low,
                f"{group}.{i}.high": cover.high,
                f"{group}.{i}.depth": cover.depth,
                f"{group}.{i}.done_low": low,
                f"{group}.{i}.done_high": high,
                f"{group}.{i}.numbers": np.array([getattr(cover, n) for n in _NUMBERS]),
            }
    best = -1 if attempt.best is None else attempt.best[0]
    counts = {group: len(covers) for group, covers in groups.items()}
    state = {
        "level": attempt.level, "best": best, "spent": attempt.spent,
        "evaluated": attempt.evaluated, "counts": counts,
    }  # fmt: skip
    arrays["state"] = np.frombuffer(json.dumps(state).encode(), dtype=np.uint8)
    body = io.BytesIO()
    np.savez(body, **arrays)
    data = body.getvalue()
    return hashlib.sha256(data).digest() + data


def unpacked(attempt: Attempt, data: bytes) -> bool:
    """Put what `packed` wrote into a fresh attempt; False where it is damaged or does not fit."""
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        return False
    with np.load(io.BytesIO(data[32:])) as arrays:
        state = json.loads(arrays["state"].tobytes())
        if state["counts"]["covers"] != len(attempt.regions):
            return False

        def covers(group: str) -> list[Cover]:
            found = []
            for i in range(state["counts"].get(group, 0)):
                part = {n: arrays[f"{group}.{i}.{n}"] for n in ("low", "high", "depth")}
                done = arrays[f"{group}.{i}.done_low"], arrays[f"{group}.{i}.done_high"]
                numbers = dict(zip(_NUMBERS, arrays[f"{group}.{i}.numbers"].tolist()))
                cover = Cover(**part, done=[done], **numbers)
                cover.evaluated = int(cover.evaluated)
                found.append(cover)
            return found

        attempt.covers, attempt.itself = covers("covers"), covers("itself")
        attempt.best = (state["best"], covers("best")) if state["best"] >= 0 else None
    attempt.level, attempt.spent = state["level"], state["spent"]
    attempt.evaluated = state["evaluated"]
    return True


def resume(attempt: Attempt, path: Path) -> bool:
    """Go on from what is written at `path`, if that is whole."""
    try:
        return unpacked(attempt, path.read_bytes())
    except (OSError, ValueError, KeyError):
        return False
