"""Random bodies over the whole vocabulary, for the test that every arithmetic gives one meaning.

A program is a list of lines, each an expression in `xp` and in the values before it. It is written
while it runs in float64, which tells the shapes; then the same lines run elsewhere.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from validation.arithmetic import FLOAT64, Unsupported
from validation.arithmetic.ball import Balls, arb
from validation.arithmetic.truth import is_truth

FAILURES = (ArithmeticError, Unsupported, ValueError, IndexError)


@dataclass
class Program:
    """A body: named inputs, and lines `v3 = ...` that use them.

    Attributes
    ----------
    inputs : dict of str to float64 array
        Exact numbers; lifted in each arithmetic.
    lines : list of (name, word, expression)
        In order; `word` is the name in the vocabulary.
    """

    inputs: dict[str, Any]
    lines: list[tuple[str, str, str]] = field(default_factory=list)

    def run(self, arithmetic, radius: float = 0.0):
        """Values by name; an exception stands for a value that could not be had.

        What depends on such a value is left out. With a radius, the inputs and every value are
        widened by it, relative to the largest entry.
        """
        text = " ".join(expression for _, _, expression in self.lines)
        used = [name for name in self.inputs if name in _names_in(text)]
        values = {name: arithmetic.lift(self.inputs[name]) for name in used}
        for name in used if radius else ():
            values[name] = _widened(values[name], radius)
        failed = {}
        scope = {"xp": arithmetic.xp, "inf": math.inf}
        with arithmetic.active():
            for name, _, expression in self.lines:
                try:
                    value = eval(_compiled(expression), scope, dict(values))
                    values[name] = _widened(value, radius) if radius else value
                except NameError:  # of a value that failed
                    continue
                except (*FAILURES, np.linalg.LinAlgError) as error:
                    failed[name] = error
        return {**values, **failed}

    def __str__(self) -> str:
        given = "\n".join(f"{name} = {value!r}" for name, value in self.inputs.items())
        return given + "\n" + "\n".join(f"{name} = {text}" for name, _, text in self.lines)


class Writer:
    """Writes one program after another from a generator of random numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    # -- operands -------------------------------------------------------------------------------

    def numbers(self, shape: tuple[int, ...]):
        """Exact numbers: small integers, dyadic fractions, or of very different sizes."""
        rng, kind = self.rng, self.rng.integers(5)
        if kind == 0:
            values = rng.integers(-2, 3, size=shape)
        elif kind == 1:
            values = rng.integers(-16, 17, size=shape) / 8
        elif kind == 2:
            values = rng.standard_normal(shape)
        elif kind == 3:
            values = rng.integers(0, 9, size=shape) / 4
        else:
            values = np.ldexp(rng.integers(-8, 9, size=shape) / 8, rng.integers(-20, 21, shape))
        return np.asarray(values, dtype=np.float64)

    def pick(self, options):
        """One of the options."""
        options = list(options)
        return options[int(self.rng.integers(len(options)))]

    def program(self, length: int = 4) -> Program:
        """Inputs of 0, 1 and more axes (some empty, some equal), and lines that use them."""
        n, m = int(self.rng.integers(1, 4)), int(self.rng.integers(0 if self.chance(8) else 1, 4))
        inputs = {
            "s": self.numbers(()),
            "v": self.numbers((m,)),
            "w": self.numbers((m,)),
            "A": self.numbers((n, m)),
            "M": self.numbers((m, m)),
            "B": self.numbers((2, n, m)),
        }
        if self.chance(4):
            inputs["M"] = inputs["M"] + inputs["M"].T
        if self.chance(6):
            inputs["w"] = inputs["v"].copy()
        return self.fill(Program(inputs), length)

    def chance(self, one_in: int) -> bool:
        """Whether something happens that happens once in so many times."""
        return int(self.rng.integers(one_in)) == 0

    def again(self, program: Program) -> Program:
        """The same body on other numbers of the same shapes."""
        inputs = {name: self.numbers(np.shape(value)) for name, value in program.inputs.items()}
        return Program(inputs, program.lines)

    def fill(self, program: Program, length: int, words: list[str] | None = None) -> Program:
        """Add lines; float64 runs them at once, so that the shapes are known."""
        with FLOAT64.active():
            values = {k: FLOAT64.lift(v) for k, v in program.inputs.items()}
            for i in range(length):
                word = self.pick(words or CALLS)
                expression = CALLS[word](self, values)
                if expression is None:
                    continue
                name = f"r{i}"
                program.lines.append((name, word, expression))
                try:
                    value = eval(expression, {"xp": FLOAT64.xp, "inf": math.inf}, dict(values))
                except (*FAILURES, np.linalg.LinAlgError):
                    continue
                if isinstance(value, tuple) or is_truth(value):
                    continue
                if isinstance(value, np.ndarray | np.floating) and np.size(value) <= 40:
                    values[name] = value
        return program

    # -- names of operands of some shape ----------------------------------------------------------

    def any(self, values) -> str:
        """Any operand."""
        return self.pick(values)

    def of(self, values, ndim: int | tuple[int, ...]) -> str | None:
        """An operand with so many axes, if there is one."""
        allowed = (ndim,) if isinstance(ndim, int) else ndim
        names = [name for name, value in values.items() if np.ndim(value) in allowed]
        return self.pick(names) if names else None

    def square(self, values) -> str | None:
        """A square matrix, or a Gram matrix of another one."""
        names = [
            name
            for name, value in values.items()
            if np.ndim(value) == 2 and value.shape[0] == value.shape[1]
        ]
        if names and not self.chance(3):
            return self.pick(names)
        other = self.of(values, 2)
        return f"({other} @ {other}.T)" if other else None

    def symmetric(self, values) -> str:
        """A symmetric matrix."""
        other = self.of(values, 2)
        if self.chance(2):
            return f"({other}.T @ {other})"
        square = self.square(values)
        return f"({square} + {square}.T)"

    def axis(self, value) -> str:
        """An axis of a value, or several, or none."""
        ndim = np.ndim(value)
        options = ["None", *map(str, range(-ndim, ndim))]
        if ndim > 1:
            options += ["(0, 1)", "(-1, 0)", "(-2, -1)"]
        return self.pick(options)

    def literal(self) -> str:
        """A short number."""
        return self.pick(["0", "1", "2", "-1", "0.5", "3.25", "-2.0", "7"])

    def operand(self, values) -> str:
        """An operand or a literal."""
        return self.literal() if self.chance(3) else self.any(values)

    def truth(self, values) -> str:
        """A comparison."""
        sign = self.pick(["<", "<=", ">", ">=", "==", "!="])
        return f"({self.any(values)} {sign} {self.operand(values)})"


def _widened(value, radius: float):
    """A ball array with its radii increased, relative to the largest entry."""
    if not isinstance(value, Balls) or not value.size:
        return value
    largest = functools.reduce(lambda a, b: a.max(b), (abs(x) for x in value.flat()))
    around = arb(0, (radius * largest).upper())
    return value.mapped(lambda x: x + around)


@functools.lru_cache(maxsize=4096)
def _compiled(expression: str):
    return compile(expression, "<body>", "eval")


@functools.lru_cache(maxsize=4096)
def _names_in(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\b[a-zA-Z]\b", text))


Call = Callable[[Writer, dict[str, Any]], str | None]


def _unary(name: str) -> Call:
    return lambda w, v: f"xp.{name}({w.any(v)})"


def _positive(name: str) -> Call:
    return lambda w, v: f"xp.{name}(xp.abs({w.any(v)}){w.pick([' + 0.5', '', ' + 1'])})"


def _binary(sign: str) -> Call:
    def call(w: Writer, v) -> str:
        pair = [w.any(v), w.operand(v)]
        w.rng.shuffle(pair)
        return f"{pair[0]} {sign} {pair[1]}"

    return call


def _reduction(name: str) -> Call:
    def call(w: Writer, v) -> str:
        x = w.any(v)
        keep = w.pick(["", ", keepdims=True"])
        return f"xp.{name}({x}, axis={w.axis(v[x])}{keep})"

    return call


def _one_axis(name: str, more: str = "") -> Call:
    def call(w: Writer, v) -> str | None:
        x = w.of(v, (1, 2, 3))
        return f"xp.{name}({x}, axis={int(w.rng.integers(np.ndim(v[x])))}{w.pick(['', more])})"

    return call


def _of_square(text: str) -> Call:
    return lambda w, v: text.format(w.square(v))


def _of_symmetric(text: str) -> Call:
    return lambda w, v: text.format(w.symmetric(v))


def _of_matrix(text: str) -> Call:
    return lambda w, v: text.format(w.of(v, 2))


def _index(w: Writer, v) -> str:
    x = w.any(v)
    parts = [w.pick(["0", "-1", ":", "::-1", "1:", ":2", "None"]) for _ in range(np.ndim(v[x]))]
    if w.chance(3):
        parts.insert(0, "...") if w.chance(2) else parts.append("None")
    return f"{x}[{', '.join(parts) or '...'}]"


def _matmul(text: str) -> Call:
    def call(w: Writer, v) -> str:
        x, y = w.of(v, (1, 2, 3)), w.of(v, (1, 2, 3))
        if w.chance(2) and np.ndim(v[y]) > 1:
            y = f"xp.matrix_transpose({y})"
        return text.format(x, y)

    return call


def _take(w: Writer, v) -> str | None:
    x = w.of(v, (1, 2, 3))
    axis = int(w.rng.integers(np.ndim(v[x])))
    places = w.pick(["[0]", "[0, 0]", "xp.arange(1)", "xp.asarray([0, -1])", "()", "[-1, 0, -1]"])
    return f"xp.take({x}, {places}, axis={axis})"


def _astype(w: Writer, v) -> str:
    what = w.truth(v) if w.chance(2) else w.any(v)
    return f"xp.astype({what}, xp.{w.pick(['float64', 'int64'])})"


def _solve(w: Writer, v) -> str:
    square = w.square(v)
    right = w.pick([square, f"xp.linalg.diagonal({square})"])
    shift = w.pick(["0", "2", "0.5"])
    return f"xp.linalg.solve({square} + {shift} * xp.eye({square}.shape[0]), {right})"


def _shape(w: Writer, v) -> str:
    x = w.any(v)
    return f"xp.asarray([{x}.ndim, {x}.size, *{x}.shape])"


def _reshape(w: Writer, v) -> str:
    x = w.any(v)
    return w.pick([f"xp.reshape({x}, -1)", f"xp.reshape({x}, (1, {x}.size))"])


def _transposed(w: Writer, v) -> str:
    return f"{w.of(v, 2)}.T" if w.chance(2) else f"{w.of(v, (2, 3))}.mT"


def _permute(w: Writer, v) -> str:
    x = w.any(v)
    return f"xp.permute_dims({x}, {tuple(w.rng.permutation(np.ndim(v[x])).tolist())})"


def _squeeze(w: Writer, v) -> str:
    return f"xp.squeeze({w.any(v)}[None], axis=0)"


def _norm(w: Writer, v) -> str:
    x = w.any(v)
    order = w.pick(["1", "2", "inf"])
    return f"xp.linalg.vector_norm({x}, axis={w.pick(['None', '-1', '0'])}, ord={order})"


def _created(name: str) -> Call:
    def call(w: Writer, v) -> str:
        shape = w.pick(["3", "(2,)", "(2, 3)", "()", "(0, 2)", f"{w.any(v)}.shape"])
        dtype = w.pick(["", ", dtype=xp.float64", ", dtype=xp.int64"])
        return f"xp.{name}({shape}{dtype})"

    return call


ORDERS = ["1", "2", "inf", "'fro'", "'nuc'"]

# By the names of the vocabulary: a test demands that none is missing.
CALLS: dict[str, Call] = {
    "+ - * /": lambda w, v: _binary(w.pick("+-*/"))(w, v),
    "**": lambda w, v: w.pick([
        f"{w.any(v)} ** {w.pick(['0', '1', '2', '3', '-1', '-2'])}",
        f"xp.abs({w.any(v)}) ** {w.pick(['0.5', '1.5', '0.25', '-0.5', 'xp.abs(s)'])}",
        f"{w.pick(['2', '0.5', '3'])} ** {w.any(v)}",
    ]),
    "@": _matmul("{} @ {}"),
    "< <= > >= == !=": lambda w, v: w.truth(v),
    "x[...]": _index,
    "x.shape, x.ndim, x.size": _shape,
    "x.T, x.mT": _transposed,
    "asarray": lambda w, v: w.pick([
        f"xp.asarray({w.literal()})",
        f"xp.asarray([{w.literal()}, {w.literal()}], dtype=xp.int64)",
        f"xp.asarray([s, {w.literal()}])",
        f"xp.asarray({w.any(v)}, dtype=xp.int64)",
        "xp.asarray([])",
        "xp.asarray([10**30, -(2**63), 2**64])",
    ]),
    "zeros": _created("zeros"),
    "ones": _created("ones"),
    "full": lambda w, v: f"xp.full({w.pick(['3', '(2, 2)', '()'])}, {w.pick(['s', '2', '0.75'])}"
                         f"{w.pick(['', ', dtype=xp.int64'])})",
    "zeros_like": _unary("zeros_like"),
    "ones_like": _unary("ones_like"),
    "eye": lambda w, v: f"xp.eye({w.pick(['3', '2, 3', '0', '1'])}, k={w.pick('012')})",
    "arange": lambda w, v: f"xp.arange({w.pick(['4', '1, 4', '5, 0, -2', '0', '0, 7, 3'])})",
    "astype": _astype,
    "pi": lambda w, v: f"xp.pi * {w.any(v)}",
    "e": lambda w, v: f"xp.e - {w.any(v)}",
    "sqrt": lambda w, v: w.pick([_positive("sqrt")(w, v), f"xp.sqrt({w.any(v)} ** 2)"]),
    "exp": _unary("exp"),
    "expm1": _unary("expm1"),
    "log": _positive("log"),
    "log1p": _positive("log1p"),
    "log2": lambda w, v: w.pick([_positive("log2")(w, v), "xp.log2(xp.asarray([1, 2, 8, 0.25]))"]),
    "xlogx": _positive("xlogx"),
    "logsumexp": _reduction("logsumexp"),
    "lgamma": _positive("lgamma"),
    "erf": _unary("erf"),
    "tanh": _unary("tanh"),
    "sin": _unary("sin"),
    "cos": _unary("cos"),
    "maximum": lambda w, v: f"xp.maximum({w.any(v)}, {w.operand(v)})",
    "minimum": lambda w, v: f"xp.minimum({w.operand(v)}, {w.any(v)})",
    "abs": _unary("abs"),
    "sign": _unary("sign"),
    "square": _unary("square"),
    "where": lambda w, v: f"xp.where({w.truth(v)}, {w.any(v)}, {w.operand(v)})",
    "ceil": _unary("ceil"),
    "floor": _unary("floor"),
    "sum": _reduction("sum"),
    "prod": _reduction("prod"),
    "mean": _reduction("mean"),
    "max": _reduction("max"),
    "min": _reduction("min"),
    "cumulative_sum": _one_axis("cumulative_sum", ", include_initial=True"),
    "sort": _one_axis("sort", ", descending=True"),
    "stack": lambda w, v: "xp.stack([{0}, 2 * {0}], axis={1})".format(w.any(v), w.pick([0, -1])),
    "concat": lambda w, v: (lambda x: f"xp.concat([{x}, -{x}], axis={w.pick(['0', 'None'])})")(
        w.of(v, (1, 2, 3))
    ),
    "reshape": _reshape,
    "permute_dims": _permute,
    "matrix_transpose": lambda w, v: f"xp.matrix_transpose({w.of(v, (2, 3))})",
    "expand_dims": lambda w, v: f"xp.expand_dims({w.any(v)}, axis={w.pick(['0', '-1'])})",
    "squeeze": _squeeze,
    "broadcast_to": lambda w, v: (lambda x: f"xp.broadcast_to({x}, (2, *{x}.shape))")(w.any(v)),
    "flip": lambda w, v: f"xp.flip({w.any(v)}, axis=None)",
    "take": _take,
    "tril": lambda w, v: f"xp.tril({w.of(v, (2, 3))}, k={w.pick(['0', '1', '-1'])})",
    "triu": lambda w, v: f"xp.triu({w.of(v, (2, 3))}, k={w.pick(['0', '1', '-1'])})",
    "diag": lambda w, v: f"xp.diag({w.of(v, 1)})",
    "kron": lambda w, v: f"xp.kron({w.of(v, 2)}, {w.of(v, 2)})",
    "matmul": _matmul("xp.matmul({}, {})"),
    "vecdot": lambda w, v: f"xp.vecdot({w.of(v, (1, 2, 3))}, {w.of(v, 1)})",
    "linalg.matmul": _matmul("xp.linalg.matmul({}, {})"),
    "linalg.vecdot": lambda w, v: f"xp.linalg.vecdot({w.of(v, 1)}, {w.of(v, (1, 2))})",
    "linalg.outer": lambda w, v: f"xp.linalg.outer({w.of(v, 1)}, {w.of(v, 1)})",
    "linalg.matrix_transpose": lambda w, v: f"xp.linalg.matrix_transpose({w.of(v, (2, 3))})",
    "linalg.trace": lambda w, v: f"xp.linalg.trace({w.of(v, (2, 3))}, offset={w.pick('01')})",
    "linalg.diagonal": lambda w, v: f"xp.linalg.diagonal({w.of(v, (2, 3))}, offset={w.pick('01')})",
    "linalg.solve": _solve,
    "linalg.inv": _of_square("xp.linalg.inv({0} + 2 * xp.eye({0}.shape[0]))"),
    "linalg.det": _of_square("xp.linalg.det({})"),
    "linalg.slogdet": lambda w, v: _of_square("xp.linalg.slogdet({0} + 2 * xp.eye({0}.shape[0]))")(
        w, v
    ) + w.pick(["[0]", "[1]"]),
    "linalg.matrix_power": lambda w, v: f"xp.linalg.matrix_power({w.square(v)}, {w.pick('0123')})",
    "linalg.cholesky": _of_matrix("xp.linalg.cholesky({0}.T @ {0} + xp.eye({0}.shape[1]))"),
    "linalg.eigvalsh": _of_symmetric("xp.linalg.eigvalsh({})"),
    "linalg.eigh": lambda w, v: _of_symmetric("xp.linalg.eigh({})")(w, v) + w.pick(["[0]", "[1]"]),
    "linalg.spectral_radius": _of_square("xp.linalg.spectral_radius({})"),
    "linalg.svdvals": _of_matrix("xp.linalg.svdvals({})"),
    "linalg.vector_norm": _norm,
    "linalg.matrix_norm": lambda w, v: (
        f"xp.linalg.matrix_norm({w.of(v, 2)}, ord={w.pick(ORDERS)})"
    ),
    "linalg.matrix_rank": _of_matrix("xp.linalg.matrix_rank({})"),
    "linalg.pinv": _of_matrix("xp.linalg.pinv({})"),
}  # fmt: skip


# -- one meaning ----------------------------------------------------------------------------------


# In a program with one of these, rounding is relative to the largest entry of an array. (Integers
# beyond 2^53 are rounded when float64 takes them and exact in balls of whatever precision.)
SUMS = re.compile(r"linalg|@|matmul|vecdot|sum|mean|prod|\*\*30")
