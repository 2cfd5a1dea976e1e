"""Proofs for Coq that leave no slack, the cheapest first; a maximum or a minimum is two cases.

`interval` cannot decide a goal whose sides meet. Two kinds of proof can: by algebra
(`coq_algebra`), and from a point where both sides agree (`coq_from_point`). What is written Coq
checks; a wrong formula fails, and proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from validation.arithmetic.errors import Unsupported
from validation.arithmetic.expressions import Expression, coq, number
from validation.arithmetic.rational_functions import choosing
from validation.proving.coq_algebra import Aim, Atoms, Variables, at_point, by_algebra, variables_of
from validation.proving.coq_from_point import from_a_point


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
    names = sorted(variables_of(difference))
    if len(names) != 1:
        return tuple(variables)
    name = names[0]
    at0, at1 = (_exact(at_point(difference, name, number(x))) for x in (0, 1))
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
            return Atoms([]).read(expression, now).constant()
    except (Unsupported, IndexError, ZeroDivisionError):
        return None
