"""Proofs for Coq by algebra: right - left is a quotient with a sign that is seen.

It is P/Q with Q positive and P a sum of products that are not negative, in coordinates x - low and
high - x; exponentials are positive unknowns. What is written here Coq checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from validation.arithmetic.errors import Unsupported
from validation.arithmetic.expressions import Expression, coq, coq_number, number
from validation.arithmetic.polynomials import fraction, terms_of
from validation.arithmetic.rational_functions import Choosing, Quotient, choosing
from validation.arithmetic.rational_functions import number as quotient_number
from validation.proving.pieces import Domain
from validation.proving.signs import chart

Variables = Sequence[tuple[str, Fraction, Fraction]]

TACTICS = """Ltac nonzero := first [lra | apply Rgt_not_eq; positive]
with positive := first
  [ lra | apply exp_pos | apply Rmult_lt_0_compat; positive | apply pow_lt; positive
  | apply Rdiv_lt_0_compat; positive | apply Rplus_lt_le_0_compat; [positive | nonnegative]
  | apply Rplus_le_lt_0_compat; [nonnegative | positive] | nra ]
with nonnegative := first
  [ lra | apply pow2_ge_0 | apply Rplus_le_le_0_compat; nonnegative
  | apply Rmult_le_pos; nonnegative | apply pow_le; nonnegative | apply Rlt_le; positive ].
"""


@dataclass(frozen=True)
class Aim:
    """0 <= right - left, with what the variables are known to be.

    Attributes
    ----------
    variables : tuple of (name, low, high)
    gap : Expression
    """

    variables: tuple[tuple[str, Fraction, Fraction], ...]
    gap: Expression


class Atoms:
    """Expressions as quotients, with an indeterminate for every exponential."""

    def __init__(self, variables: Variables) -> None:
        self.variables = list(variables)
        self.names = [name for name, *_ in variables]
        self.exponentials: list[str] = []
        self.places: dict[str, Quotient] = {}

    def read(self, expression: Expression, now: Choosing) -> Quotient:
        name, parts = expression.name, expression.parts
        if name == "number":
            return quotient_number(Fraction(expression.value))
        if name == "variable":
            return now.unknowns()[self.names.index(str(expression.value))]
        if name in ("exp", "tanh"):
            twice = parts[0] if name == "exp" else number(2) * parts[0]
            atom = self._atom(coq(twice), now)
            return atom if name == "exp" else 1 - 2 / (atom + 1)
        values = [self.read(part, now) for part in parts]
        if name == "+":
            return values[0] + values[1]
        if name == "*":
            return values[0] * values[1]
        if name == "/":
            return values[0] / values[1]
        if name == "neg":
            return -values[0]
        if name == "power":
            return values[0] ** int(expression.value)
        raise Unsupported(f"{name} has no form as a quotient of polynomials")

    def _atom(self, text: str, now: Choosing) -> Quotient:
        if text not in self.exponentials:
            self.exponentials.append(text)
        return now.unknowns()[len(self.names) + self.exponentials.index(text)]


def _polynomial(p: Any, names: Sequence[str]) -> str:
    """A polynomial in Coq."""
    terms = []
    for exponents, c in terms_of(p).items():
        factors = [name if e == 1 else f"{name} ^ {e}" for name, e in zip(names, exponents) if e]
        value = fraction(c)
        if value != 1 or not factors:
            factors.insert(0, coq_number(value))
        terms.append(" * ".join(factors))
    return " + ".join(terms) or "0"


def by_algebra(aim: Aim) -> Iterator[str]:
    """Proofs of 0 <= gap where it is a quotient of polynomials with a sign that is seen."""
    if aim.gap.is_number():
        yield "lra."
        return
    atoms = Atoms(aim.variables)
    places = [name for name, *_ in aim.variables]
    try:
        with choosing([*places, *(f"exp{i}" for i in range(4))]) as now:
            gap = atoms.read(aim.gap, now)
    except (Unsupported, IndexError):
        return
    exponentials = [f"(exp {text})" for text in atoms.exponentials]
    unused = 4 - len(exponentials)
    names = [*places, *exponentials, *["0"] * unused]
    for low, high in ((True, False), (True, True), (False, True)):
        domains = [Domain(a if low else None, b if high else None) for _, a, b in aim.variables] + [
            Domain(Fraction(0), None, True)
        ] * (len(exponentials) + unused)
        where = chart([*domains, *[Domain(Fraction(0))] * 4])
        seen = [_seen(where, p) for p in (gap.top, gap.bottom)]
        if seen[0] is None or seen[1] is None or seen[0][1] != seen[1][1]:
            continue
        top, bottom = seen[0][0], seen[1][0]
        shifted = _shifts(aim.variables, low, high) + names[len(places) :] + ["0"] * 4
        P, Q = _product(top, shifted), _product(bottom, shifted)
        if gap.top.is_constant() and gap.bottom.is_constant():
            yield f"replace ({coq(aim.gap)}) with ({P}) by (field; repeat split; nonzero). lra."
            return
        facts = "".join(f"pose proof (exp_pos {text}). " for text in atoms.exponentials)
        yield (
            f"{facts}assert (Q : 0 < {Q}) by positive. assert (P : 0 <= {P}) by nonnegative. "
            f"replace ({coq(aim.gap)}) with (({P}) / ({Q})) by (field; repeat split; nonzero). "
            "apply Rmult_le_pos; [exact P | apply Rlt_le, Rinv_0_lt_compat, Q]."
        )
    return


def _seen(where: Any, p: Any) -> tuple[list[tuple[Any, int]], bool] | None:
    """Factors with powers, every odd one not negative by its signs, and whether p is minus them."""
    constant, factors = p.factor()
    negative = constant < 0
    found = [(where.context.constant(-constant if negative else constant), 1)]
    for factor, power in factors:
        written = where.written(factor)
        if power % 2 == 0 or where.never_negative(written):
            found.append((written, power))
        elif where.never_negative(-written):
            negative = not negative
            found.append((-written, power))
        else:
            return None
    return found, negative


def _product(factors: Sequence[tuple[Any, int]], names: Sequence[str]) -> str:
    parts = []
    for p, power in factors:
        text = f"({_polynomial(p, names)})"
        while power >= 2:
            parts.append(f"{text} ^ 2")
            power -= 2
        if power:
            parts.append(text)
    return " * ".join(parts)


def _shifts(variables: Variables, low: bool, high: bool) -> list[str]:
    """What the coordinates of a chart are called in Coq."""
    found = []
    for name, a, b in variables:
        above, below = f"({name} - {coq_number(a)})", f"({coq_number(b)} - {name})"
        if low and high:
            width = coq_number(b - a)
            found += [f"({above} / {width})", f"({below} / {width})"]
        else:
            found.append(above if low else below)
    return found


def variables_of(expression: Expression) -> set[str]:
    if expression.name == "variable":
        return {str(expression.value)}
    return {name for part in expression.parts for name in variables_of(part)}


def at_point(expression: Expression, name: str, c: Expression) -> Expression:
    if expression.name == "variable":
        return c if expression.value == name else expression
    parts = tuple(at_point(part, name, c) for part in expression.parts)
    return Expression(expression.name, parts, expression.value)
