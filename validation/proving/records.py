"""Finished proofs, kept between runs: one file each, with a checksum, named by what they prove."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from validation.claims import Claim
from validation.output.writing import write_atomically
from validation.proving.fingerprints import fingerprint

FORMAT = 1


class Ending(Enum):
    """How an attempt to prove ended."""

    PROVED = "proved"
    RELAXED = "proved with slack"
    VIOLATED = "violated"
    OPEN = "open"

    def __bool__(self) -> bool:
        raise TypeError("an ending has no truth value; compare it, as in `is Ending.PROVED`")


def percent(share: float) -> str:
    """A share as a percentage rounded down, so that only a whole is 100 %."""
    return f"{math.floor(share * 1e5) / 1e3:.3f} %"


@dataclass(frozen=True)
class Proof:
    """What is known of a claim on a box.

    Attributes
    ----------
    id : str
    ending : str
        A value of `Ending`.
    statement : str
        What was proved, or tried, in one line: sizes, ranges, open edges.
    regions : tuple of str
        Every region in one line.
    slack : tuple (eta, eta_0) of str
        left <= right + eta |right| + eta_0; "0" where the claim itself was proved.
    cells, evaluated : int
        Cells of the cover, cells that were looked at.
    share, vacuous : float
        Shares of the box proved and without instances; over all regions, each counted alike.
    left : tuple of str
        The largest cells that stayed open.
    instance : mapping or None
        The counterexample, as `Instance.to_json`.
    message : str
    rechecked : int
        Cells that balls proved again; points at which a proof by algebra was compared with the body
        in exact numbers.
    machine : str
        The version of the proof assistant whose kernel checked it; empty where none did.
    method : str
        How it was proved where not by cells, as "algebra: ...".
    seconds : float
    fingerprint : str
    versions : mapping
    """

    id: str
    ending: str
    statement: str
    regions: tuple[str, ...] = ()
    slack: tuple[str, str] = ("0", "0")
    cells: int = 0
    evaluated: int = 0
    share: float = 0.0
    vacuous: float = 0.0
    left: tuple[str, ...] = ()
    instance: Mapping[str, Any] | None = None
    message: str = ""
    rechecked: int = 0
    machine: str = ""
    method: str = ""
    seconds: float = 0.0
    fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> Ending:
        """The ending as a member of `Ending`."""
        return Ending(self.ending)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Proof:
        """The proof that `to_json` described."""
        known = {name: value for name, value in data.items() if name in Proof.__annotations__}
        for name in ("regions", "left", "slack"):
            known[name] = tuple(known[name])
        return Proof(**known)


def folder() -> Path:
    """The folder of finished proofs; ``RNNBOUNDS_PROOFS`` names another."""
    chosen = os.environ.get("RNNBOUNDS_PROOFS")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("rnnbounds")) / "proofs"


def path_of(proof: Proof) -> Path:
    """Where a proof is kept: by claim, and by what exactly it is about."""
    about = json.dumps([proof.fingerprint, proof.regions, proof.slack, bool(proof.machine)])
    name = hashlib.sha256(about.encode()).hexdigest()[:24]
    return folder() / _safe(proof.id) / f"{name}.json"


def _safe(id: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in id)


def keep(proof: Proof) -> Path:
    """Write a finished proof; it replaces one of the same statement."""
    text = json.dumps(proof.to_json(), sort_keys=True)
    entry = {"format": FORMAT, "checksum": _checksum(text), "proof": json.loads(text)}
    path = path_of(proof)
    write_atomically(path, (json.dumps(entry, indent=1, sort_keys=True) + "\n").encode())
    return path


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read(path: Path) -> Proof | None:
    """The proof in a file; None where the file is missing, damaged or of another format."""
    try:
        entry = json.loads(path.read_text())
        text = json.dumps(entry["proof"], sort_keys=True)
        if entry["format"] != FORMAT or entry["checksum"] != _checksum(text):
            return None
        proof = Proof.from_json(entry["proof"])
        Ending(proof.ending)
    except (OSError, ValueError, KeyError, TypeError, UnicodeDecodeError):
        return None
    return proof


@dataclass(frozen=True)
class Known:
    """What earlier runs say of a claim.

    Attributes
    ----------
    current : tuple of Proof
        Of this very claim, the strongest first.
    stale : int
        Proofs of a claim with this id whose body, constants or versions were others.
    """

    current: tuple[Proof, ...]
    stale: int


_ORDER = (Ending.VIOLATED, Ending.PROVED, Ending.RELAXED, Ending.OPEN)


def _strength(proof: Proof) -> tuple[bool, bool, int, bool, float]:
    """What comes first: counterexamples, what a kernel checked as stated, then by the ending."""
    exact = bool(proof.machine) and "up to" not in proof.machine
    order = _ORDER.index(proof.kind)
    return proof.kind is not Ending.VIOLATED, not exact, order, not proof.machine, -proof.share


def known(claim: Claim) -> Known:
    """Look up the finished proofs of a claim."""
    place = folder() / _safe(claim.id)
    if not place.is_dir():
        return Known((), 0)
    mark = fingerprint(claim)
    proofs = [read(path) for path in sorted(place.glob("*.json"))]
    whole = [proof for proof in proofs if proof is not None and proof.id == claim.id]
    current = [proof for proof in whole if proof.fingerprint == mark]
    current.sort(key=_strength)
    return Known(tuple(current), len(whole) - len(current))
