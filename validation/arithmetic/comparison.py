"""Two sides of a statement, compared as far as an arithmetic can tell (theory, section 10).

A comparison is a value without truth: what was found (`relation`), how far the sides are apart
(`ratio_low`, `ratio_high`, `margin`), and where. Every number in it is rounded to the safe side.
"""

from __future__ import annotations

import enum
import math
import numbers
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from validation.arithmetic.values import Value

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
        smallest eigenvalue, where that had to be computed.
    index : tuple of int
        Where the worst entry is: one that decides the relation, with the smallest margin among
        those.
    finite : bool
        Whether every entry of both sides is finite.
    agreement_bits : float or None
        For an identity, and for sides that overlap: the p of "equal to 2^-p", the least over the
        entries in question (those that overlap; in the Loewner order, the smallest eigenvalue of
        the difference, with rows and columns over the roots of the diagonal). Each entry counts
        relative to itself where it is certainly not 0, and absolutely elsewhere; inf for exactly
        equal sides.
    absolute : bool
        Whether some entry counted absolutely, so that "equal" may also mean "both small".
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
    absolute: bool = False
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


def compare_floats(left: Value, right: Value, order: str) -> Comparison:
    """Compare two float64 arrays by their values; an indication, not a proof."""
    if isinstance(left, float) and isinstance(right, float) and order in ("scalar", "elementwise"):
        return _compare_two(float(left), float(right))
    left, right = _real(left), _real(right)
    shape = check_sides(order, left.shape, right.shape)
    gap = right - left
    if not np.isfinite(gap).all():
        bad = ~(np.isfinite(left) & np.isfinite(right)) | ~np.isfinite(gap)
        return Comparison(Relation.NOT_FINITE, index=_first(bad), finite=False)
    if order == "loewner":
        return _loewner_floats(left, right)
    if 0 in shape:
        return Comparison(Relation.EQUAL, agreement_bits=math.inf if order == "identity" else None)
    ratio = _float_ratio(left, right)
    worst = float(gap.min())
    if order == "identity":
        apart = np.abs(gap)
        scale = np.maximum(np.abs(left), np.abs(right))
        bits = min(map(_agreement, apart.ravel().tolist(), np.ravel(scale).tolist()))
        relation = Relation.EQUAL if bits == math.inf else Relation.OVERLAP
        index = _place(int(apart.argmax()), shape)
        return Comparison(relation, ratio, ratio, worst, index, agreement_bits=bits)
    return Comparison(_float_relation(worst), ratio, ratio, worst, _place(int(gap.argmin()), shape))


def _compare_two(left: float, right: float) -> Comparison:
    gap = right - left
    if not math.isfinite(gap):
        return Comparison(Relation.NOT_FINITE, finite=False)
    ratio = left / right if right > 0 else None
    if ratio == math.inf or ratio == -math.inf:
        ratio = None
    return Comparison(_float_relation(gap), ratio, ratio, gap)


def _float_relation(gap: float) -> Relation:
    return Relation.BELOW if gap > 0 else Relation.EQUAL if gap == 0 else Relation.ABOVE


def _float_ratio(left: Value, right: Value) -> float | None:
    positive = right > 0
    if positive.all():
        ratio = float((left / right).max())
    elif positive.any():
        left, right = np.broadcast_arrays(left, right)
        positive = right > 0
        ratio = float((left[positive] / right[positive]).max())
    else:
        return None
    return ratio if math.isfinite(ratio) else None


def _real(side: Value) -> Value:
    if isinstance(side, np.ndarray) and side.dtype == np.float64:
        return side
    array = np.asarray(side)
    if array.dtype.kind == "O" and not all(isinstance(x, numbers.Real) for x in array.ravel()):
        raise ValueError(f"both sides must be arrays of real numbers, got {type(side).__name__}")
    if array.dtype.kind not in "fiubO":
        raise ValueError(f"both sides must be real, got an array of {array.dtype}")
    return array.astype(np.float64)


def _place(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) < 2:
        return (flat,) if shape else ()
    return tuple(int(i) for i in np.unravel_index(flat, shape))


def _loewner_floats(left: Value, right: Value) -> Comparison:
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
    return Comparison(_float_relation(worst), ratio, ratio, worst)


def _agreement(apart: float, scale: float) -> float:
    """Return p such that apart <= 2^-p scale (absolute where the scale is 0)."""
    if apart == 0:
        return math.inf
    return -math.log2(apart / scale) if scale > 0 and apart / scale > 0 else -math.log2(apart)


def _first(mask: Value) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0]) if mask.ndim else ()
