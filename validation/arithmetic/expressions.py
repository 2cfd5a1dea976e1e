"""What a body computes, recorded: one expression an entry, printed as SymPy, LaTeX and Coq.

Numbers are exact fractions; sums and products with 0 and 1 are not recorded. A formula has no
branches: a comparison is refused, with what would do.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NoReturn

import numpy as np

from validation.arithmetic.cells import EntryArray, EntryNamespace, add_functions
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.values import Number

Value = Fraction | str | int


class Expression:
    """An operation and what it is applied to.

    Attributes
    ----------
    name : str
        "number", "variable", "constant" (pi, e), "+", "*", "/", "neg", "power", "max", "min", "abs"
        or an elementary function.
    parts : tuple of Expression
    value : Fraction, str or int
        Of a number, the name of a variable or constant, the exponent of a power.
    """

    __slots__ = ("name", "parts", "value")

    def __init__(self, name: str, parts: tuple[Expression, ...] = (), value: Value = 0) -> None:
        self.name, self.parts, self.value = name, parts, value

    def is_number(self, value: int | None = None) -> bool:
        """Whether this is a number (this one)."""
        return self.name == "number" and (value is None or self.value == value)

    def certainly_nonnegative(self) -> bool:
        """Never known: a recorded formula stands for all its values."""
        return False

    def raised_to(self, floor: Expression) -> Expression:
        """The same: what is known of a value does not change its formula."""
        return self

    def agreeing(self, other: Expression) -> Expression:
        """Return one of two that are recorded alike, else their mean: if equal, that is either."""
        return self if _same(self, other, set()) else (self + other) / 2

    def square(self) -> Expression:
        """Return the square."""
        return self**2

    def sqrt(self) -> Expression:
        """Return the root."""
        return Expression("sqrt", (self,))

    def __add__(self, other: Number) -> Expression:
        other = _operand(other)
        if other is NotImplemented:
            return NotImplemented
        if self.is_number() and other.is_number():
            return number(self.value + other.value)
        if self.is_number(0):
            result: Expression = other
            return result
        return self if other.is_number(0) else Expression("+", (self, other))

    def __radd__(self, other: Number) -> Expression:
        return number(other) + self if isinstance(other, int) else NotImplemented

    def __neg__(self) -> Expression:
        if self.is_number():
            return number(-self.value)  # type: ignore[operator]
        return self.parts[0] if self.name == "neg" else Expression("neg", (self,))

    def __sub__(self, other: Number) -> Expression:
        other = _operand(other)
        return NotImplemented if other is NotImplemented else self + (-other)

    def __rsub__(self, other: Number) -> Expression:
        return number(other) - self if isinstance(other, int) else NotImplemented

    def __mul__(self, other: Number) -> Expression:
        other = _operand(other)
        if other is NotImplemented:
            return NotImplemented
        if self.is_number() and other.is_number():
            return number(self.value * other.value)
        for a, b in ((self, other), (other, self)):
            if a.is_number(0):
                return a
            if a.is_number(1):
                return b
            if a.is_number(-1):
                return -b
        return Expression("*", (self, other))

    def __rmul__(self, other: Number) -> Expression:
        return number(other) * self if isinstance(other, int) else NotImplemented

    def __truediv__(self, other: Number) -> Expression:
        other = _operand(other)
        if other is NotImplemented:
            return NotImplemented
        if other.is_number(0):
            raise ZeroDivisionError("a formula divides by 0")
        if self.is_number() and other.is_number():
            return number(Fraction(self.value) / Fraction(other.value))
        if other.is_number(1):
            return self
        return self if self.is_number(0) else Expression("/", (self, other))

    def __rtruediv__(self, other: Number) -> Expression:
        return number(other) / self if isinstance(other, int) else NotImplemented

    def __abs__(self) -> Expression:
        return Expression("abs", (self,))

    def __pow__(self, n: int) -> Expression:
        if n == 0:
            return number(1)
        if n == 1:
            return self
        if n < 0:
            return 1 / self**-n
        if self.is_number():
            return number(Fraction(self.value) ** n)
        return Expression("power", (self,), n)

    def __repr__(self) -> str:
        return latex(self)


def _operand(other: Number) -> Number:
    if isinstance(other, int):
        return number(other)
    return other if isinstance(other, Expression) else NotImplemented


def _same(a: Expression, b: Expression, seen: set[tuple[int, int]]) -> bool:
    """Whether two are recorded alike; pairs in `seen` were found so, or are being looked at."""
    if a is b or (id(a), id(b)) in seen:
        return True
    if (a.name, a.value, len(a.parts)) != (b.name, b.value, len(b.parts)):
        return False
    seen.add((id(a), id(b)))
    return all(_same(x, y, seen) for x, y in zip(a.parts, b.parts))


def number(value: Number) -> Expression:
    """Return an exact number."""
    return Expression("number", (), Fraction(value))


def variable(name: str) -> Expression:
    """Return a variable."""
    return Expression("variable", (), name)


class Expressions(EntryArray):
    """An array of expressions."""

    __slots__ = ()
    kind = "expression"
    number = Expression

    @classmethod
    def exact(cls, value: Number) -> Number:
        """Convert one number exactly."""
        if isinstance(value, Expression):
            return value
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, int | float | Fraction) and np.isfinite(float(value)):
            return number(value)
        raise Unsupported(f"{value!r} has no value in a formula")

    @classmethod
    def is_exact_integer(cls, value: Number) -> bool:
        """Whether an entry is a whole number."""
        return bool(value.is_number() and value.value.denominator == 1)

    @classmethod
    def integer_part(cls, value: Number) -> int:
        """Convert a whole number."""
        return int(value.value)

    @classmethod
    def power(cls, base: Number, exponent: Number) -> Number:
        """Raise to an integer or to 1/2; other powers by exp and log."""
        simple = cls.integer_powers(base, exponent)
        if simple is not None:
            return simple
        if not isinstance(exponent, Expressions):
            exponent = cls.operand(exponent)
        if not isinstance(base, Expressions) or exponent is NotImplemented:
            return NotImplemented
        return (exponent * base.mapped(_function("log"))).mapped(_function("exp"))

    def _answer(
        self, a: Number, b: Number, yes: Callable[..., Number], no: Callable[..., Number]
    ) -> bool:
        if a.is_number() and b.is_number():
            return bool(yes(a.value, b.value))
        raise Unsupported(
            "a recorded formula has no branches: write the comparison with xp.maximum and "
            "xp.minimum, or state one claim for each case"
        )


def _function(name: str) -> Callable[[Expression], Expression]:
    return lambda x: Expression(name, (x,))


def _refused(name: str) -> Callable[..., NoReturn]:
    def function(*parts: Number) -> NoReturn:
        raise Unsupported(f"xp.{name} is not known over expressions: it jumps")

    return function


_NAMES = ("exp", "expm1", "log", "log1p", "xlogx", "tanh", "sin", "cos")


class ExpressionNamespace(EntryNamespace):
    """`xp` over expressions."""

    array = Expressions
    larger = staticmethod(lambda a, b: Expression("max", (a, b)))
    smaller = staticmethod(lambda a, b: Expression("min", (a, b)))
    ceiling = staticmethod(_refused("ceil"))
    rounding_down = staticmethod(_refused("floor"))
    truncation = staticmethod(_refused("astype to integers"))
    signs = staticmethod(_refused("sign"))

    @property
    def pi(self) -> Number:
        """The number pi."""
        return Expressions.of_entries(Expression("constant", (), "pi"))

    @property
    def e(self) -> Number:
        """The number e."""
        return Expressions.of_entries(Expression("constant", (), "e"))


add_functions(
    ExpressionNamespace,
    {"sqrt": Expression.sqrt, **{name: _function(name) for name in _NAMES}},
)


# -- printing -----------------------------------------------------------------------------------


def sympy_of(expression: Expression) -> Number:
    """Return the expression in SymPy, with real symbols; nothing is simplified by us."""
    import sympy

    functions = {
        "+": lambda a, b: a + b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
        "neg": lambda a: -a, "max": sympy.Max, "min": sympy.Min, "abs": sympy.Abs,
        "sqrt": sympy.sqrt, "exp": sympy.exp, "expm1": lambda a: sympy.exp(a) - 1,
        "log": sympy.log, "log1p": lambda a: sympy.log(1 + a), "tanh": sympy.tanh,
        "xlogx": lambda a: a * sympy.log(a), "sin": sympy.sin, "cos": sympy.cos,
    }  # fmt: skip

    def made(node: Expression) -> Number:
        if node.name == "number":
            value = Fraction(node.value)
            return sympy.Rational(value.numerator, value.denominator)
        if node.name == "variable":
            return sympy.Symbol(str(node.value), real=True)
        if node.name == "constant":
            return sympy.pi if node.value == "pi" else sympy.E
        parts = [made(part) for part in node.parts]
        return parts[0] ** int(node.value) if node.name == "power" else functions[node.name](*parts)

    return made(expression)


_LATEX = {"exp": r"\exp", "log": r"\log", "tanh": r"\tanh", "sin": r"\sin", "cos": r"\cos"}


def latex(expression: Expression) -> str:
    """Return the expression in LaTeX, grouped as it was computed."""
    name, parts = expression.name, [latex(part) for part in expression.parts]
    if name == "number":
        value = Fraction(expression.value)
        if value.denominator == 1:
            return str(value)
        return rf"\tfrac{{{value.numerator}}}{{{value.denominator}}}"
    if name == "variable":
        return str(expression.value)
    if name == "constant":
        return r"\pi" if expression.value == "pi" else "e"
    if name == "+":
        last = expression.parts[1]
        if last.name == "neg":
            return f"{parts[0]} - {_grouped(last.parts[0], sums=True)}"
        return f"{parts[0]} + {parts[1]}"
    if name == "neg":
        return f"-{_grouped(expression.parts[0], sums=True)}"
    if name == "*":
        return r" \, ".join(_grouped(part, sums=True) for part in expression.parts)
    if name == "/":
        return rf"\frac{{{parts[0]}}}{{{parts[1]}}}"
    if name == "power":
        return f"{_grouped(expression.parts[0])}^{{{expression.value}}}"
    if name == "sqrt":
        return rf"\sqrt{{{parts[0]}}}"
    if name == "abs":
        return rf"\left|{parts[0]}\right|"
    if name in ("max", "min"):
        return rf"\{name}\left({parts[0]}, {parts[1]}\right)"
    if name == "expm1":
        return rf"\left(\exp\left({parts[0]}\right) - 1\right)"
    if name == "log1p":
        return rf"\log\left(1 + {parts[0]}\right)"
    if name == "xlogx":
        return rf"{_grouped(expression.parts[0])} \log\left({parts[0]}\right)"
    return rf"{_LATEX[name]}\left({parts[0]}\right)"


def _grouped(part: Expression, sums: bool = False) -> str:
    simple = part.name in ("number", "variable", "constant", "sqrt", "abs", "max", "min")
    if simple and not (part.is_number() and part.value < 0):  # type: ignore[operator]
        return latex(part)
    if sums and part.name in ("*", "/", "power", "exp", "log", "log1p", "tanh", "sin", "cos"):
        return latex(part)
    return rf"\left({latex(part)}\right)"


def coq(expression: Expression) -> str:
    """Return the expression in Coq's real numbers.

    Raises
    ------
    Unsupported
        For what has no form there.
    """
    name, parts = expression.name, [coq(part) for part in expression.parts]
    if name == "number":
        return coq_number(Fraction(expression.value))
    if name == "variable":
        return str(expression.value)
    if name == "constant":
        return "PI" if expression.value == "pi" else "(exp 1)"
    if name == "+":
        last = expression.parts[1]
        if last.name == "neg":
            return f"({parts[0]} - {coq(last.parts[0])})"
        return f"({parts[0]} + {parts[1]})"
    forms = {
        "neg": "(- {0})", "*": "({0} * {1})", "/": "({0} / {1})", "sqrt": "(sqrt {0})",
        "abs": "(Rabs {0})", "max": "(Rmax {0} {1})", "min": "(Rmin {0} {1})",
        "exp": "(exp {0})", "expm1": "(exp {0} - 1)", "log": "(ln {0})",
        "log1p": "(ln (1 + {0}))", "xlogx": "({0} * ln {0})", "sin": "(sin {0})",
        "cos": "(cos {0})", "tanh": "(1 - 2 / (exp (2 * {0}) + 1))",
    }  # fmt: skip
    if name == "power":
        return f"({parts[0]} ^ {int(expression.value)})"
    return forms[name].format(*parts)


def coq_number(value: Fraction) -> str:
    """Return an exact number in Coq."""
    if value.denominator == 1:
        return str(value) if value >= 0 else f"({value})"
    return f"({value.numerator} / {value.denominator})"


def names(expression: Expression) -> set[str]:
    """Return the operations that occur in an expression."""
    found = {expression.name}
    for part in expression.parts:
        found |= names(part)
    return found
