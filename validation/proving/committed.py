"""Which statements are proved by algebra, as committed: `proofs/algebra.json`.

`proofs/write_algebra.py` writes it, and the tests prove every entry again. An entry counts while
the statement is the same: its mark is a hash of the polynomials that the claim's body gives at
these sizes, with what is assumed of their coordinates, whatever the body looks like.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from validation.arithmetic.errors import Unsupported
from validation.claims import Claim, ClaimError

FILE = Path(__file__).resolve().parents[2] / "proofs" / "algebra.json"


class Entry(NamedTuple):
    """A statement proved by algebra.

    Attributes
    ----------
    sizes : str
        As ``m = 2``; empty where the claim has no m.
    statement : str
        What the coordinates range over.
    method : str
    mark : str
    """

    sizes: str
    statement: str
    method: str
    mark: str


@functools.cache
def committed() -> Mapping[str, tuple[Entry, ...]]:
    """The entries by the claim's id; none where the file is not there."""
    try:
        data = json.loads(FILE.read_text())
    except OSError:
        return {}
    return {id: tuple(Entry(*entry) for entry in entries) for id, entries in data.items()}


def current(claim: Claim) -> tuple[Entry, ...]:
    """The entries of a claim as its body is now."""
    return tuple(e for e in committed().get(claim.id, ()) if e.mark == mark(claim, sizes_of(e)))


def sizes_of(entry: Entry) -> dict[str, list[int]]:
    """The sizes of an entry as `prove` takes them."""
    return {"m": [int(entry.sizes.partition("= ")[2])]} if entry.sizes else {}


def mark(claim: Claim, sizes: Mapping[str, Sequence[int]]) -> str:
    """Hash what a claim says over quotients of polynomials; empty where it says nothing."""
    from validation.proving.cases import cases_of

    digest = hashlib.sha256()
    try:
        for region, cases in cases_of(claim, sizes, math.inf):
            for axis in region.axes:
                digest.update(f"{axis.name} {axis.domain} {axis.low} {axis.high};".encode())
            for case in cases:
                digest.update(repr(case).encode())
    except (ClaimError, Unsupported, ArithmeticError):
        return ""
    return digest.hexdigest()[:24]
