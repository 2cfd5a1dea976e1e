"""Proofs for Coq that leave no slack: by algebra, and from a point where both sides agree.

`interval` cannot decide a goal whose sides meet. Two kinds of proof can. *By algebra*: right - left
is P/Q with Q positive and P a sum of products that are not negative, in coordinates x - low and
high - x; exponentials are positive unknowns. *From a point*: the difference f has f(c) = 0, and a
derivative of one sign on each side of c, or f'(c) = 0 and f'' >= 0; the derivative is then a goal
by algebra. What is written here Coq checks; a wrong formula fails, and proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from validation.arithmetic.errors import Unsupported
from validation.arithmetic.expressions import Expression, coq, coq_number, number, variable
from validation.arithmetic.polynomials import fraction, terms_of
from validation.arithmetic.rational_functions import Choosing, Quotient, choosing
from validation.arithmetic.rational_functions import number as quotient_number
from validation.proving.pieces import Domain
from validation.proving.signs import chart

Variables = Sequence[tuple[str, Fraction, Fraction]]

LEMMAS = """Lemma from_left : forall (f df : R -> R) (a b : R),
  (forall x, a <= x <= b -> is_derive f x (df x)) ->
  (forall x, a <= x <= b -> 0 <= df x) ->
  forall x, a <= x <= b -> f a <= f x.
Proof.
  intros f df a b D P x X.
  destruct (MVT_gen f a x df) as [c [C E]].
  - intros y Y. rewrite Rmin_left, Rmax_right in Y by lra. apply D; lra.
  - intros y Y. rewrite Rmin_left, Rmax_right in Y by lra.
    apply derivable_continuous_pt. exists (df y). apply is_derive_Reals, D; lra.
  - rewrite Rmin_left, Rmax_right in C by lra.
    assert (0 <= df c * (x - a)) by (apply Rmult_le_pos; [apply P|]; lra). lra.
Qed.

Lemma from_right : forall (f df : R -> R) (a b : R),
  (forall x, a <= x <= b -> is_derive f x (df x)) ->
  (forall x, a <= x <= b -> df x <= 0) ->
  forall x, a <= x <= b -> f b <= f x.
Proof.
  intros f df a b D P x X.
  destruct (MVT_gen f x b df) as [c [C E]].
  - intros y Y. rewrite Rmin_left, Rmax_right in Y by lra. apply D; lra.
  - intros y Y. rewrite Rmin_left, Rmax_right in Y by lra.
    apply derivable_continuous_pt. exists (df y). apply is_derive_Reals, D; lra.
  - rewrite Rmin_left, Rmax_right in C by lra.
    assert (0 <= (- df c) * (b - x)) by (apply Rmult_le_pos; [specialize (P c); lra | lra]). lra.
Qed.

Lemma from_middle : forall (f df ddf : R -> R) (a b c : R),
  (forall x, a <= x <= b -> is_derive f x (df x)) ->
  (forall x, a <= x <= b -> is_derive df x (ddf x)) ->
  (forall x, a <= x <= b -> 0 <= ddf x) ->
  a <= c <= b -> df c = 0 -> forall x, a <= x <= b -> f c <= f x.
Proof.
  intros f df ddf a b c D DD P C Z x X.
  assert (M : forall u v, a <= u <= v -> v <= b -> df u <= df v).
  { intros u v U V. apply (from_left df ddf u b); try lra; intros y Y; [apply DD | apply P]; lra. }
  destruct (Rle_dec c x) as [L|L].
  - apply (from_left f df c b); try lra; intros y Y; [apply D; lra|]. rewrite <- Z. apply M; lra.
  - apply (from_right f df a c); try lra; intros y Y; [apply D; lra|]. rewrite <- Z. apply M; lra.
Qed.
"""
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


# -- expressions as quotients of polynomials ----------------------------------------------------


class _Atoms:
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
    atoms = _Atoms(aim.variables)
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


def proofs(aim: Aim) -> Iterator[str]:
    """Proofs of 0 <= gap worth trying, the cheapest first; a maximum or minimum is two cases."""
    node = _choice(aim.gap)
    if node is None:
        yield from by_algebra(aim)
        yield from from_a_point(aim)
        return
    a, b = node.parts
    up = node.name == "max"
    texts = [f"({coq(a)})", f"({coq(b)})"]
    parts = []
    for smaller, larger in ((a, b), (b, a)):
        chosen = larger if up else smaller
        inner = replace(
            aim, gap=_replaced(aim.gap, node, chosen),
            variables=_narrowed(aim.variables, larger + (-smaller)),
        )  # fmt: skip
        parts.append(next(proofs(inner), None))
    if None in parts:
        return
    name = "Rmax" if up else "Rmin"
    ways = ("right", "left") if up else ("left", "right")
    yield (
        f"destruct (Rle_lt_dec {' '.join(texts)}) as [C|C]; "
        f"[rewrite ({name}_{ways[0]} {' '.join(texts)}) by lra | "
        f"rewrite ({name}_{ways[1]} {' '.join(texts)}) by lra]. "
        f"{{ {parts[0]} }} {{ {parts[1]} }}"
    )


def _choice(expression: Expression) -> Expression | None:
    for part in expression.parts:
        found = _choice(part)
        if found is not None:
            return found
    return expression if expression.name in ("max", "min") else None


def _replaced(expression: Expression, node: Expression, by: Expression) -> Expression:
    if coq(expression) == coq(node):
        return by
    parts = tuple(_replaced(part, node, by) for part in expression.parts)
    return Expression(expression.name, parts, expression.value)


def _narrowed(variables: Variables, difference: Expression) -> Any:
    """The ranges, where a linear expression in one of the variables is >= 0."""
    names = sorted(_variables(difference))
    if len(names) != 1:
        return tuple(variables)
    name = names[0]
    at0, at1 = (_exact(_at(difference, name, number(x))) for x in (0, 1))
    if at0 is None or at1 is None or at0 == at1:
        return tuple(variables)
    root, rises = -at0 / (at1 - at0), at1 > at0
    return tuple(
        v if v[0] != name
        else (name, max(v[1], root), v[2]) if rises
        else (name, v[1], min(v[2], root))
        for v in variables
    )  # fmt: skip


def _exact(expression: Expression) -> Fraction | None:
    try:
        with choosing([]) as now:
            return _Atoms([]).read(expression, now).constant()
    except (Unsupported, IndexError, ZeroDivisionError):
        return None


# -- from a point where both sides agree --------------------------------------------------------


def from_a_point(aim: Aim) -> Iterator[str]:
    """Proofs of 0 <= gap along one variable, from a point at which gap = 0."""
    for place, (name, low, high) in enumerate(aim.variables):
        rest = [v for i, v in enumerate(aim.variables) if i != place]
        points = [number(low), number(high), number((low + high) / 2), number(1), number(0)]
        points += [variable(other) for other, *_ in rest]
        try:
            slope = derivative(aim.gap, name)
        except Unsupported:
            return
        for c in points:
            if c.is_number() and not low <= Fraction(c.value) <= high:
                continue
            if _value(aim.gap, name, c, rest) != 0:
                continue
            yield from _from(aim, name, low, high, c, slope, rest)


def _from(
    aim: Aim, name: str, low: Fraction, high: Fraction, c: Expression, slope: Expression, rest: Any
) -> Iterator[str]:
    gap = coq(aim.gap)
    f = f"(fun {name} : R => {gap})"
    df = f"(fun {name} : R => {coq(slope)})"
    derive = "auto_derive; [repeat split; nonzero || positive | field; repeat split; nonzero]"
    zero = _vanishes(aim.gap, name, c)
    start = f"assert (Z : {f} {coq(c)} = 0) by ({zero}). "
    a, b = coq_number(low), coq_number(high)
    end = c.is_number() and Fraction(c.value) in (low, high)
    if end:
        rising = Fraction(c.value) == low
        lemma = "from_left" if rising else "from_right"
        sign = slope if rising else -slope
        for proof in by_algebra(replace(aim, gap=sign)):
            turned = "" if rising else f"enough (0 <= {coq(sign)}) by lra. "
            yield (
                f"{start}rewrite <- Z. apply ({lemma} {f} {df} {a} {b}); [ | | lra]. "
                f"{{ clear dependent {name}. intros {name} ?. {derive}. }} "
                f"{{ clear dependent {name}. intros {name} ?. {turned}{proof} }}"
            )
    if _value(slope, name, c, rest) == 0:
        second = derivative(slope, name)
        ddf = f"(fun {name} : R => {coq(second)})"
        flat = _vanishes(slope, name, c)
        for proof in by_algebra(replace(aim, gap=second)):
            yield (
                f"{start}rewrite <- Z. apply (from_middle {f} {df} {ddf} {a} {b}); "
                f"[ | | | lra | {flat} | lra]. "
                f"{{ clear dependent {name}. intros {name} ?. {derive}. }} "
                f"{{ clear dependent {name}. intros {name} ?. {derive}. }} "
                f"{{ clear dependent {name}. intros {name} ?. {proof} }}"
            )


def derivative(expression: Expression, name: str) -> Expression:
    """The derivative by a variable; the rules need no proof, since Coq derives again."""
    kind, parts = expression.name, expression.parts
    if kind in ("number", "constant"):
        return number(0)
    if kind == "variable":
        return number(1 if expression.value == name else 0)
    inner = [derivative(part, name) for part in parts]
    if kind == "+":
        return inner[0] + inner[1]
    if kind == "neg":
        return -inner[0]
    if kind == "*":
        return inner[0] * parts[1] + parts[0] * inner[1]
    if kind == "/":
        return (inner[0] * parts[1] - parts[0] * inner[1]) / parts[1] ** 2
    if kind == "power":
        n = int(expression.value)
        return number(n) * parts[0] ** (n - 1) * inner[0]
    if kind == "exp":
        return expression * inner[0]
    if kind == "expm1":
        return Expression("exp", parts) * inner[0]
    if kind == "log":
        return inner[0] / parts[0]
    if kind == "log1p":
        return inner[0] / (1 + parts[0])
    if kind == "tanh":
        e = Expression("exp", (number(2) * parts[0],))
        return number(4) * e / (e + 1) ** 2 * inner[0]
    raise Unsupported(f"no derivative of {kind} is written for Coq")


def _value(expression: Expression, name: str, c: Expression, rest: Variables) -> float | int:
    """The value at a point, to see whether it may be 0 there: Coq then decides."""
    import math

    worst = 0.0
    for share in (0.25, 0.6, 0.9):
        known = {other: float(a) + share * float(b - a) for other, a, b in rest}
        known[name] = float(Fraction(c.value)) if c.is_number() else known[str(c.value)]
        try:
            worst = max(worst, abs(_float(expression, known)))
        except (ValueError, ZeroDivisionError, OverflowError):
            return math.inf
    return 0 if worst < 1e-12 else worst


def _float(expression: Expression, known: dict[str, float]) -> float:
    import math

    kind = expression.name
    if kind == "number":
        return float(Fraction(expression.value))
    if kind == "variable":
        return known[str(expression.value)]
    if kind == "constant":
        return math.pi if expression.value == "pi" else math.e
    x = [_float(part, known) for part in expression.parts]
    functions: dict[str, Any] = {
        "+": lambda: x[0] + x[1], "*": lambda: x[0] * x[1], "/": lambda: x[0] / x[1],
        "neg": lambda: -x[0], "power": lambda: x[0] ** int(expression.value),
        "max": lambda: max(x), "min": lambda: min(x), "abs": lambda: abs(x[0]),
        "exp": lambda: math.exp(x[0]), "expm1": lambda: math.expm1(x[0]),
        "log": lambda: math.log(x[0]), "log1p": lambda: math.log1p(x[0]),
        "tanh": lambda: math.tanh(x[0]), "sqrt": lambda: math.sqrt(x[0]),
        "sin": lambda: math.sin(x[0]), "cos": lambda: math.cos(x[0]),
        "xlogx": lambda: x[0] * math.log(x[0]) if x[0] else 0.0,
    }  # fmt: skip
    return float(functions[kind]())


def _vanishes(expression: Expression, name: str, c: Expression) -> str:
    """A tactic that shows an expression to be 0 at a point.

    Arguments of one function that are equal there are written alike, logarithms of 1 and
    exponentials of 0 as their values.
    """
    at = _at(expression, name, c)
    steps = ["cbv beta"]
    for kind, known, lemma in (("log", 1, "ln_1"), ("exp", 0, "exp_0")):
        first: list[tuple[Expression, str]] = []
        for argument, text in _arguments(at, kind):
            if _equal(argument, number(known)):
                steps.append(f"replace ({text}) with {known} by (field; nonzero); rewrite {lemma}")
                continue
            same = next((t for other, t in first if _equal(argument, other)), None)
            if same is None:
                first.append((argument, text))
            elif same != text:
                steps.append(f"replace ({text}) with ({same}) by (field; repeat split; nonzero)")
    steps.append("try lra; try (field; repeat split; nonzero)")
    return "; ".join(steps)


def _equal(a: Expression, b: Expression) -> bool:
    """Whether two expressions are one quotient of polynomials."""
    names = sorted(_variables(a) | _variables(b))
    atoms = _Atoms([(name, Fraction(0), Fraction(0)) for name in names])
    try:
        with choosing(names) as now:
            return bool((atoms.read(a, now) - atoms.read(b, now)).top.is_zero())
    except (Unsupported, IndexError, ZeroDivisionError):
        return False


def _variables(expression: Expression) -> set[str]:
    if expression.name == "variable":
        return {str(expression.value)}
    return {name for part in expression.parts for name in _variables(part)}


def _arguments(expression: Expression, kind: str) -> list[tuple[Expression, str]]:
    """What a function is applied to, as an expression and as it stands in Coq."""
    found = [pair for part in expression.parts for pair in _arguments(part, kind)]
    if expression.name == kind:
        found.append((expression.parts[0], coq(expression.parts[0])))
    if expression.name == "log1p" and kind == "log":
        found.append((1 + expression.parts[0], f"1 + {coq(expression.parts[0])}"))
    if expression.name == "tanh" and kind == "exp":
        twice = number(2) * expression.parts[0]
        found.append((twice, f"2 * {coq(expression.parts[0])}"))
    return list({text: (argument, text) for argument, text in found}.values())


def _at(expression: Expression, name: str, c: Expression) -> Expression:
    if expression.name == "variable":
        return c if expression.value == name else expression
    parts = tuple(_at(part, name, c) for part in expression.parts)
    return Expression(expression.name, parts, expression.value)


__all__ = ["LEMMAS", "TACTICS", "Aim", "proofs"]
