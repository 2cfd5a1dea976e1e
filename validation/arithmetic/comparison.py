"""Two sides of a statement, compared as far as an arithmetic can tell (theory, section 10).

A comparison is a value without truth: what was found (`relation`), how far the sides are apart
(`ratio_low`, `ratio_high`, `margin`), and where. Every number in it is rounded to the safe side.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

ORDERS = ("scalar", "elementwise", "loewner", "identity")


class Relation(enum.Enum):
    """How two sides stand to each other."""

    BELOW = "below"  # certainly left <= right everywhere, and not known to be equal anywhere
    EQUAL = "equal"  # certainly left <= right everywhere, and exactly equal somewhere
    ABOVE = "above"  # certainly left > right somewhere; for an identity: certainly different
    OVERLAP = "overlap"  # the enclosures overlap somewhere, and lie above nowhere
    NOT_FINITE = "not finite"  # some entry is infinite, is not a number, or has no enclosure

    def __bool__(self) -> NoReturn:
        raise TypeError("a relation has no truth value; compare it with `is`")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing two sides gave.

    Attributes
    ----------
    relation : Relation
        For float64 it is what the rounded numbers say, and proves nothing.
    ratio_low, ratio_high : float or None
        Enclosure of the largest left/right over the entries whose right side is certainly
        positive; in the Loewner order, of the smallest c with left <= c right, where right is
        certainly positive definite. None if there is no such entry.
    margin : float or None
        Lower end of the smallest right - left over all entries; in the Loewner order, of its
        smallest eigenvalue.
    index : tuple of int
        Where the worst entry is: one that decides the relation, with the smallest margin among
        those.
    finite : bool
        Whether every entry of both sides is finite.
    agreement_bits : float or None
        For an identity: the p of "agrees to 2^-p", relative to the largest entry if that is
        certainly not 0, absolute otherwise; inf for exactly equal sides.
    reason : str or None
        Why there is no answer, where the arithmetic said so.
    """

    relation: Relation
    ratio_low: float | None = None
    ratio_high: float | None = None
    margin: float | None = None
    index: tuple[int, ...] = ()
    finite: bool = True
    agreement_bits: float | None = None
    reason: str | None = None

    @property
    def certain(self) -> bool:
        """Whether a higher precision cannot change the relation."""
        return self.relation in (Relation.BELOW, Relation.EQUAL, Relation.ABOVE)

    def __bool__(self) -> NoReturn:
        raise TypeError("a comparison has no truth value; read its relation")


def check_sides(order: str, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    """Return the common shape of two sides, or say what is wrong with theirs."""
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
    if order == "scalar" and (left or right):
        raise ValueError(f"both sides must be numbers, got shapes {left} and {right}")
    if order == "loewner" and (left != right or len(left) != 2 or left[0] != left[1]):
        raise ValueError(
            f"both sides must be square matrices of one shape, got shapes {left} and {right}"
        )
    if left == right or right == ():
        return left
    if left == ():
        return right
    raise ValueError(f"both sides must have one shape, got {left} and {right}")


def compare_floats(left: Any, right: Any, order: str) -> Comparison:
    """Compare two float64 arrays by their values; an indication, not a proof."""
    left, right = np.asarray(left), np.asarray(right)
    for side in (left, right):
        if side.dtype.kind not in "fiubO":
            raise ValueError(f"both sides must be real, got an array of {side.dtype}")
    left, right = left.astype(np.float64, copy=False), right.astype(np.float64, copy=False)
    shape = check_sides(order, left.shape, right.shape)
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        bad = ~(np.isfinite(left) & np.isfinite(right))
        return Comparison(Relation.NOT_FINITE, index=_first(bad), finite=False)
    if order == "loewner":
        return _loewner_floats(left, right)
    if 0 in shape:
        return Comparison(Relation.EQUAL, agreement_bits=math.inf if order == "identity" else None)
    gap = right - left
    flat = int(gap.argmin())
    worst = float(gap.ravel()[flat]) if gap.shape else float(gap)
    index = tuple(int(i) for i in np.unravel_index(flat, gap.shape))
    positive = right > 0
    ratio: float | None = None
    if positive.all():
        ratio = float((left / right).max())
    elif positive.any():
        wide_left, wide_right = np.broadcast_arrays(left, right)
        ratio = float((wide_left[positive] / wide_right[positive]).max())
    if order == "identity":
        apart = np.abs(gap)
        flat = int(apart.argmax())
        index = tuple(int(i) for i in np.unravel_index(flat, gap.shape))
        bits = _agreement(
            float(apart.max()), max(float(np.abs(left).max()), float(np.abs(right).max()))
        )
        relation = Relation.EQUAL if bits == math.inf else Relation.OVERLAP
        return Comparison(relation, ratio, ratio, worst, index, agreement_bits=bits)
    relation = Relation.BELOW if worst > 0 else Relation.EQUAL if worst == 0 else Relation.ABOVE
    return Comparison(relation, ratio, ratio, worst, index)


def _loewner_floats(left: Any, right: Any) -> Comparison:
    if left.size == 0:
        return Comparison(Relation.EQUAL)
    gap = right - left
    worst = float(np.linalg.eigvalsh((gap + gap.T) / 2)[0])
    ratio: float | None
    try:
        factor = np.linalg.cholesky((right + right.T) / 2)
        half = np.linalg.solve(factor, left)
        whole = np.linalg.solve(factor, half.T)
        ratio = float(np.linalg.eigvalsh((whole + whole.T) / 2)[-1])
    except np.linalg.LinAlgError:
        ratio = None
    relation = Relation.BELOW if worst > 0 else Relation.EQUAL if worst == 0 else Relation.ABOVE
    return Comparison(relation, ratio, ratio, worst)


def _agreement(apart: float, scale: float) -> float:
    """Return p such that apart <= 2^-p scale (absolute where the scale is 0)."""
    if apart == 0:
        return math.inf
    return -math.log2(apart / scale) if scale > 0 and apart / scale > 0 else -math.log2(apart)


def _first(mask: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0]) if mask.ndim else ()
