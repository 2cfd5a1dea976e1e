"""One program in every arithmetic, and where their meanings differ."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from helpers.bodies import SUMS, Program

from validation.arithmetic import FLOAT64, RATIONALS, Undecided, Unsupported, balls
from validation.arithmetic.ball import Balls, arb
from validation.arithmetic.truth import is_truth

COARSE = balls(40)  # its rounding, in every step, is far above float64's
FINE = balls(128)
EXACT = balls(4000)


@dataclass
class Found:
    """What comparing the arithmetics on one program gave.

    Attributes
    ----------
    wrong : list of str
        Disagreements of shape, kind or value; there must be none.
    compared : dict of str to int
        How many values were compared: "float64", "rationals".
    left_out : dict of str to int
        Why others were not.
    """

    wrong: list[str] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def meanings(program: Program) -> Found:
    """Run a program in float64, in balls of 40 and of 128 bits, and in rationals, and compare.

    Shapes and kinds are those of the balls. A rational has to lie inside the ball of 128 bits. A
    float has to lie inside the ball of 40 bits, which has been rounded coarser than float64 in
    each step; or, since sums and the functions of LAPACK are stable backwards and not entry by
    entry, inside the value that it has where every array before has radii of 2^-44 of its largest
    entry, or within 2^-40 of the largest entry of the value. Where float64 has lost a number (an
    underflow, a rank below its resolution), nothing after it is compared.
    """
    found = Found()
    floats, coarse = program.run(FLOAT64), program.run(COARSE)
    around = _Once(lambda: program.run(COARSE, 2.0**-44))
    fine, rationals = program.run(FINE), program.run(RATIONALS)
    lost = ""
    for name, word, _ in program.lines:
        lost = lost or _lost(word, floats.get(name), fine.get(name))
        if lost:
            found.left_out[lost] = found.left_out.get(lost, 0) + 1
        for kind, other, inner in (
            ("float64", None if lost else floats.get(name), coarse.get(name)),
            ("rationals", rationals.get(name), fine.get(name)),
        ):
            if other is None or inner is None:
                continue
            reason, wrong = _compared(kind, other, inner)
            if wrong and kind == "float64" and SUMS.search(str(program)):
                wrong = "" if _stable(other, inner, around().get(name)) else wrong
            if wrong:
                found.wrong.append(f"{name} ({word}): {wrong}")
            if reason:
                found.left_out[reason] = found.left_out.get(reason, 0) + 1
            elif not wrong:
                found.compared[kind] = found.compared.get(kind, 0) + 1
    return found


class _Once:
    """A value that is computed when it is first asked for."""

    def __init__(self, function) -> None:
        self.function, self.value = function, None

    def __call__(self):
        if self.value is None:
            self.value = self.function()
        return self.value


def _lost(word: str, value, exact) -> str:
    """Why float64 has lost a number of this value; empty where it has not."""
    if not isinstance(exact, Balls) or value is None or isinstance(value, Exception):
        return ""
    if is_truth(value):
        return ""
    numbers = np.ravel(value)
    if len(numbers) != exact.size or not np.isfinite(numbers).all():
        return ""
    tiny = [x != 0 and abs(x) < 1e-290 for x in exact.flat()]
    if any(tiny):
        return "float64 underflows"
    if word == "linalg.pinv" and exact.size:
        low = np.array(FINE.enclosure(exact)[0])
        if np.isfinite(low).all() and np.linalg.cond(low) > 2.0**40:
            return "a rank is below float64's resolution"
    return ""


def _stable(value, inner, around) -> bool:
    """Whether a float is within what a backward stable computation may return."""
    if isinstance(value, Exception) or isinstance(inner, Exception):
        return False
    if is_truth(value):  # at a tie, which balls may hit exactly where LAPACK rounds
        return isinstance(around, Undecided) or not _compared("float64", value, around)[1]
    if np.shape(value) != inner.shape:
        return False
    low, high = (np.ravel(end) for end in COARSE.enclosure(inner))
    slack = 2.0**-40 * np.abs(high).max(initial=0)
    numbers = np.ravel(value)
    if (low - slack <= numbers).all() and (numbers <= high + slack).all():
        return True
    if around is None or isinstance(around, Undecided):
        return True  # the computation is discontinuous there, or before
    return not isinstance(around, Exception) and not _compared("float64", value, around)[1]


def _compared(kind: str, value, inner) -> tuple[str, str]:
    """Why nothing was compared, and what is wrong; both empty where all is well."""
    if isinstance(inner, Undecided):
        return "balls are undecided", ""
    if isinstance(value, Exception) or isinstance(inner, Exception):
        if isinstance(value, Exception) and isinstance(inner, Exception):
            return "", ""  # refused by both
        if isinstance(value, Unsupported) and kind == "rationals":
            return "not rational", ""
        if isinstance(value, ArithmeticError):
            return f"{kind} has no value", ""
        return "", f"{kind}: {value!r:.200}, balls: {inner!r:.200}"
    if is_truth(value) != is_truth(inner):
        return "", f"{kind} and balls differ in kind: {value!r:.100}, {inner!r:.100}"
    if np.shape(value) != inner.shape if kind == "float64" else value.shape != inner.shape:
        return "", f"{kind} has another shape than balls {inner.shape}: {value!r:.100}"
    if is_truth(value):
        same = np.array_equal(np.asarray(value), np.asarray(inner))
        return "", "" if same else f"{kind} and balls differ: {value!r:.100}, {inner!r:.100}"
    if kind == "rationals":
        with EXACT.active():
            pairs = zip(inner.flat(), value.flat())
            if all(not b.is_finite() or (b - arb(x)).contains(0) for b, x in pairs):
                return "", ""
        return "", f"{value!r:.200} is outside of {inner!r:.200}"
    numbers = np.ravel(value)
    if not np.isfinite(numbers).all():
        return "float64 is not finite", ""
    if not all(x.is_finite() for x in inner.flat()):
        return "balls are not finite", ""
    low, high = (np.ravel(end) for end in COARSE.enclosure(inner))
    if (low <= numbers).all() and (numbers <= high).all():
        return "", ""
    return "", f"float64 {value!r:.200} is outside of {inner!r:.200}"
