"""An instance in decimals, as a person would write it down, and its two sides as certified."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from validation.arithmetic import FLOAT64, RATIONALS, Unsupported, balls
from validation.arithmetic.values import Value
from validation.checking.certified import Certificate, certify
from validation.checking.evaluation import NUMERICAL, sides
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion

DIGITS = (6, 9, 12, 17, 25, 40)
LONG = 20
BEYOND = "beyond 10^6000"


def facts(claim: Claim, instance: Instance) -> tuple[str, ...]:
    """One line or more an argument of the body, then enclosures of the two sides."""
    lines: list[str] = []
    with FLOAT64.active(), np.errstate(all="ignore"):
        for name, value in claim.instances.realise(instance, FLOAT64).items():
            lines += _lines(name, value)
    if claim.deterministic:
        lines += _sides(claim, instance)
    return tuple(lines)


def number(value: Value) -> str:
    """A number or an array, with as many digits as it needs and no more than eight."""
    if np.ndim(value) == 0:
        return f"{np.asarray(value)[()]:.8g}" if np.asarray(value).dtype.kind == "f" else str(value)
    return np.array2string(np.asarray(value), precision=8, separator=", ")


def _lines(name: str, value: Value) -> Iterator[str]:
    if hasattr(value, "__dataclass_fields__"):
        for field in value.__dataclass_fields__:
            yield from _lines(f"{name}.{field}", getattr(value, field))
        return
    plain = isinstance(value, int | float | np.ndarray | np.generic)
    text = number(value) if plain and not isinstance(value, bool) else str(value)
    first, *rest = text.split("\n")
    yield f"{name} = {first}"
    yield from (" " * (len(name) + 3) + line for line in rest)


def _sides(claim: Claim, instance: Instance) -> list[str]:
    """The sides as the arithmetic that decided encloses them, shortened outwards."""
    try:
        certificate = certify(claim, instance)
    except ClaimError as error:
        return [f"sides: {error}"]
    for arithmetic in [certificate.by] if certificate.by else [balls(512), RATIONALS]:
        try:
            with arithmetic.active():
                left, right = sides(claim, instance, arithmetic)
                ends = [arithmetic.ends(left), arithmetic.ends(right)]
                place = arithmetic.compare(left, right, claim.order).index
        except (*NUMERICAL, Unsupported):
            continue
        lines = [*_side("left", *ends[0]), *_side("right", *ends[1])]
        shape = max((end[0].shape for end in ends), key=len)
        if shape and claim.kind != "loewner":
            lines += _entry(certificate, ends, shape, place)
        return lines if shape else _scalars(certificate, ends)
    return ["the sides could not be enclosed"]


def _scalars(certificate: Certificate, ends: Value) -> list[str]:
    left, right = ([end[()] for end in side] for side in ends)
    digits = _telling(certificate, left, right)
    lines = [_line("left", left, digits), _line("right", right, digits)]
    return [*lines, *_apart("left", "right", left, right, digits)]


def _entry(certificate: Certificate, ends: Value, shape: Value, place: Value) -> list[str]:
    left, right = ([np.broadcast_to(end, shape)[place] for end in side] for side in ends)
    digits = _telling(certificate, left, right)
    where = ", ".join(str(i) for i in place)
    names = f"left[{where}]", f"right[{where}]"
    lines = [_line(name, side, digits) for name, side in zip(names, (left, right))]
    return [*lines, *_apart(*names, left, right, digits)]


def _line(name: str, ends: list[Value], digits: int) -> str:
    low, high = ends
    return f"{name} {interval(low, high, digits)}"


def _telling(certificate: Certificate, left: list[Value], right: list[Value]) -> int:
    """Digits that tell the sides apart where the statement fails, six at least."""
    if certificate.conclusion is not Conclusion.VIOLATED or None in (*left, *right):
        return DIGITS[1]
    larger, smaller = (left[0], right[1]) if left[0] > right[1] else (right[0], left[1])
    for digits in DIGITS:
        if shortened(larger, digits, decimal.ROUND_FLOOR) > shortened(
            smaller, digits, decimal.ROUND_CEILING
        ):
            return digits
    return DIGITS[-1]


def _apart(
    left_name: str, right_name: str, left: list[Value], right: list[Value], digits: int
) -> list[str]:
    """The difference, where the sides are disjoint and their printed ends do not show it."""
    if None in (*left, *right) or not (left[0] > right[1] or right[0] > left[1]):
        return []
    if not left[0] > right[1]:
        left_name, right_name, left, right = right_name, left_name, right, left
    if shortened(left[0], digits, decimal.ROUND_FLOOR) > shortened(
        right[1], digits, decimal.ROUND_CEILING
    ):
        return []
    apart = interval(left[0] - right[1], left[1] - right[0], DIGITS[0])
    return [f"{left_name} - {right_name} {apart}"]


def interval(low: Fraction | None, high: Fraction | None, digits: int) -> str:
    """An enclosure whose printed ends contain it; ``= x`` where it is x and x is short."""
    if low is None or high is None:
        return f"is {BEYOND}, or not finite"
    if low == high and shortened(low, LONG, decimal.ROUND_FLOOR) == low:
        digits = LONG  # a number that is short enough is written out
    below = shortened(low, digits, decimal.ROUND_FLOOR)
    above = shortened(high, digits, decimal.ROUND_CEILING)
    if below == above:
        return f"= {written(below)}"
    return f"in [{written(below)}, {written(above)}]"


def shortened(x: Fraction, digits: int, rounding: str) -> decimal.Decimal:
    """A decimal number of so many digits, rounded in that direction."""
    context = decimal.Context(
        prec=digits, rounding=rounding, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN
    )
    # Context.divide rounds once, and integers become decimals exactly.
    return context.divide(decimal.Decimal(x.numerator), decimal.Decimal(x.denominator))


def written(x: decimal.Decimal) -> str:
    """Without zeros at the end, and with an exponent where that is shorter."""
    if x == 0:
        return "0"
    sign, digits, exponent = x.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).rstrip("0")
    point = len(digits) + exponent  # where the decimal point stands, from the first digit
    minus = "-" if sign else ""
    if -5 < point <= 16:
        if point <= 0:
            return f"{minus}0.{'0' * -point}{text}"
        whole = text[:point].ljust(point, "0")
        return f"{minus}{whole}" + (f".{text[point:]}" if len(text) > point else "")
    return f"{minus}{text[0]}" + (f".{text[1:]}" if len(text) > 1 else "") + f"e{point - 1:+d}"


def _side(name: str, low: Value, high: Value) -> list[str]:
    """An array of nine digits, and how far its entries may be from the true ones."""
    if not low.shape:
        return [f"{name} {interval(low[()], high[()], DIGITS[1])}"]
    if any(end is None for end in (*low.flat, *high.flat)):
        return [f"{name}: an entry is {BEYOND}, or not finite"]
    middle = [
        Fraction(shortened((a + b) / 2, DIGITS[1], decimal.ROUND_HALF_EVEN))
        for a, b in zip(low.flat, high.flat)
    ]
    away = [max(m - a, b - m) for m, a, b in zip(middle, low.flat, high.flat)]
    texts = np.empty(len(middle), dtype=object)
    texts[:] = [written(shortened(m, DIGITS[1], decimal.ROUND_HALF_EVEN)) for m in middle]
    texts = texts.reshape(low.shape)
    first, *rest = np.array2string(texts, separator=", ", formatter={"object": str}).split("\n")
    error = ""
    if any(away):
        relative = all(m != 0 or d == 0 for m, d in zip(middle, away))
        worst = max(d / abs(m) if relative and m != 0 else d for m, d in zip(middle, away))
        text = written(shortened(worst, 2, decimal.ROUND_CEILING))
        error = f"  (each entry within {text}{' of itself' if relative else ''})"
    lines = [f"{name} = {first}", *(" " * (len(name) + 3) + line for line in rest)]
    return [*lines[:-1], lines[-1] + error]
