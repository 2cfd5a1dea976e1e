"""Proofs for Coq from a point where both sides agree, without slack.

The difference f has f(c) = 0, and a derivative of one sign on each side of c, or f'(c) = 0 and
f'' >= 0; the derivative is then a goal by algebra.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from validation.arithmetic.errors import Unsupported
from validation.arithmetic.expressions import Expression, coq, coq_number, number, variable
from validation.arithmetic.rational_functions import choosing
from validation.proving.coq_algebra import Aim, Atoms, Variables, at_point, by_algebra, variables_of

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
    at = at_point(expression, name, c)
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
    names = sorted(variables_of(a) | variables_of(b))
    atoms = Atoms([(name, Fraction(0), Fraction(0)) for name in names])
    try:
        with choosing(names) as now:
            return bool((atoms.read(a, now) - atoms.read(b, now)).top.is_zero())
    except (Unsupported, IndexError, ZeroDivisionError):
        return False


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
