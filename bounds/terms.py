"""Named terms and the bounds that they add up to.

Values are kept as natural logarithms, so that T = 784 with ratio 3 is a number like any other:
`Term.value` is None beyond the range of floats, `Term.log10_value` never is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Context, Decimal
from enum import Enum
from typing import Any

from bounds.rounding import add_up, exp_up, ldexp_up, log_sum_up, sum_up


class Standing(Enum):
    """What a bound is worth."""

    VALID = "valid"
    FIXED_RADII = "valid if the radii were fixed in advance"
    ORDER_ONLY = "order only"
    VIOLATED = "hypothesis violated"


class Label(str):
    """A standing, and of a violated one the hypothesis; as text, what is printed.

    Made by `VALID`, `FIXED_RADII`, `ORDER_ONLY` and `violated` alone; ask `standing` and `which`,
    never the text.
    """

    __slots__ = ("standing", "which")
    standing: Standing
    which: str

    def __new__(cls, standing: Standing, which: str = "") -> Label:
        """Return the label; `which` belongs to a violated one and to no other."""
        if bool(which) != (standing is Standing.VIOLATED):
            raise ValueError(f"which must be given for a violated hypothesis alone, got {which!r}")
        label = super().__new__(cls, f"{standing.value}: {which}" if which else standing.value)
        label.standing, label.which = standing, which
        return label

    def __reduce__(self) -> tuple[type[Label], tuple[Standing, str]]:
        return Label, (self.standing, self.which)

    @property
    def is_bound(self) -> bool:
        """Whether the number bounds something, radii fixed in advance or not."""
        return self.standing in (Standing.VALID, Standing.FIXED_RADII)


VALID = Label(Standing.VALID)
FIXED_RADII = Label(Standing.FIXED_RADII)
ORDER_ONLY = Label(Standing.ORDER_ONLY)


class NotANumber(ValueError, ArithmeticError):
    """A term came out as nan: no bound."""


def violated(which: str) -> Label:
    """The label of a bound one of whose hypotheses the network at hand does not meet.

    Examples
    --------
    >>> from rnnbounds import violated
    >>> label = violated("k is too small")
    >>> str(label), label.is_bound
    ('hypothesis violated: k is too small', False)
    """
    return Label(Standing.VIOLATED, which)


@dataclass(frozen=True)
class Condition:
    """A hypothesis of a bound, and whether the network at hand meets it.

    Attributes
    ----------
    name : str
        Short name, such as ``s(0) = 0``.
    holds : bool or None
        None where it cannot be decided from what was given.
    detail : str
        One sentence with the numbers.

    Examples
    --------
    >>> from rnnbounds import Condition
    >>> condition = Condition("k >= 5 N log(80 N)", None, "lam was not given")
    >>> condition.holds is None
    True
    """

    name: str
    holds: bool | None
    detail: str


IID = Condition(
    "i.i.d. sequences",
    None,
    "The sequences of the sample must be independent and identically distributed.",
)
"""What every probabilistic bound assumes, and no program can see."""


@dataclass(frozen=True)
class Term:
    """One named, nonnegative summand.

    Attributes
    ----------
    name : str
        What it is: ``approximation``, ``complexity``, ``confidence``, ``empirical loss``, ...
    log_value : float
        Natural logarithm of the value; -inf for 0, and +inf where no bound was found. Never nan.
    formula : str
        LaTeX of what was computed.
    source : str
        Claim id, or paper and section of the theory.
    inputs : mapping
        The numbers that went in, by their symbols.
    parts : tuple of Term
        A finer breakdown, which adds up to this term; may be empty.
    in_units : tuple of (float, int) or None
        log v and e where the value was computed as v 2^e, so that the same in other units is the
        same v; see `scaled`.

    Examples
    --------
    >>> import math
    >>> from rnnbounds import Term
    >>> term = Term("approximation", math.log(0.5), "rho |f - f'|", "section 3 of the theory")
    >>> round(term.value, 12), round(term.log10_value, 3)
    (0.5, -0.301)
    >>> Term("propagated", 5000.0, "kappa^T", "section 3 of the theory").value is None
    True
    """

    name: str
    log_value: float
    formula: str
    source: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Term, ...] = ()
    in_units: tuple[float, int] | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.log_value):
            raise NotANumber(f"the term {self.name!r} must be a number, got {self.log_value}")

    @property
    def value(self) -> float | None:
        """The value as a float, rounded up, or None beyond the range of floats."""
        value = self.rounded_up()
        return value if value < math.inf else None

    @property
    def log10_value(self) -> float | None:
        """Decimal logarithm of the value; None for the values 0 and infinity."""
        return None if math.isinf(self.log_value) else self.log_value / math.log(10)

    def rounded_up(self) -> float:
        """The value, rounded up; infinite beyond the range of floats."""
        log_unit, exponent = self.in_units or (self.log_value, 0)
        return ldexp_up(exp_up(log_unit), exponent)

    def scaled(self, exponent: int) -> Term:
        """Return the term times 2^exponent; its value is scaled exactly."""
        if exponent == 0 or math.isinf(self.log_value):
            return self
        log_unit, before = self.in_units or (self.log_value, 0)
        after = before + exponent
        return replace(
            self,
            log_value=add_up(log_unit, after * math.log(2)),
            in_units=(log_unit, after),
            parts=tuple(part.scaled(exponent) for part in self.parts),
        )

    def to_json(self) -> dict[str, Any]:
        """Strictly valid JSON: no NaN, no Infinity."""
        return {
            "name": self.name,
            "value": self.value,
            "log10_value": self.log10_value,
            **({"infinite": True} if self.log_value == math.inf else {}),
            "formula": self.formula,
            "source": self.source,
            "inputs": {name: plain(value) for name, value in self.inputs.items()},
            "parts": [part.to_json() for part in self.parts],
        }


@dataclass(frozen=True)
class Bound:
    """A bound as a list of terms that sum to its total.

    Attributes
    ----------
    id : str
        The claim's id where there is one.
    statement : str
        LaTeX of the inequality.
    terms : tuple of Term
        Summands.
    label : str
        `VALID`, `FIXED_RADII`, `ORDER_ONLY` or `violated(which)`.
    conditions : tuple of Condition
        The hypotheses, each with its state on the network at hand.
    notes : tuple of str
        Sentences a reader of the number must see.

    Examples
    --------
    >>> import math
    >>> from rnnbounds import VALID, Bound, Term
    >>> terms = [Term(name, math.log(v), name, "mine") for name, v in (("a", 0.25), ("b", 0.5))]
    >>> bound = Bound("mine.sum", "x <= a + b", tuple(terms), label=VALID)
    >>> round(bound.total, 12), bound.label
    (0.75, 'valid')
    """

    id: str
    statement: str
    terms: tuple[Term, ...]
    label: Label = VALID
    conditions: tuple[Condition, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The id, and in brackets what bounds the approximation error inside, where something does.

        ``theorem.fixed_nodes[weighted]`` holds `approximation.weighted`: one name, one number.
        """
        inside = next((term.source for term in self.terms if term.name == "approximation"), "")
        kind, _, which = inside.partition(" ")[0].partition(".")
        return f"{self.id}[{which}]" if kind == "approximation" and which else self.id

    @property
    def log_total(self) -> float:
        """Natural logarithm of the sum of the terms, rounded up."""
        return log_sum_up(term.log_value for term in self.terms)

    @property
    def total(self) -> float | None:
        """The sum of the terms' values as a float, rounded up; None beyond the range of floats."""
        total = sum_up(term.rounded_up() for term in self.terms)
        return total if total < math.inf else None

    @property
    def log10_total(self) -> float | None:
        """Decimal logarithm of the sum; None for 0 and for infinity."""
        return None if math.isinf(self.log_total) else self.log_total / math.log(10)

    def scaled(self, exponent: int) -> Bound:
        """The same statement with both sides times 2^exponent; the total is scaled exactly."""
        return replace(self, terms=tuple(term.scaled(exponent) for term in self.terms))

    def __getitem__(self, name: str) -> Term:
        for term in self.terms:
            if term.name == name:
                return term
        raise KeyError(f"{self.id} has no term {name!r}; it has {[t.name for t in self.terms]}")

    def to_json(self) -> dict[str, Any]:
        """Strictly valid JSON: no NaN, no Infinity."""
        return {
            "id": self.id,
            "name": self.name,
            "statement": self.statement,
            "total": self.total,
            "log10_total": self.log10_total,
            **({"infinite": True} if self.log_total == math.inf else {}),
            "label": str(self.label),
            "terms": [term.to_json() for term in self.terms],
            "conditions": [
                {"name": c.name, "holds": c.holds, "detail": c.detail} for c in self.conditions
            ],
            "notes": list(self.notes),
        }

    def to_latex(self) -> str:
        """A LaTeX tabular, one row a term: name, formula, value, source."""
        rows = [
            rf"{_latex_text(t.name)} & ${t.formula}$ & {show_latex(t.log_value)} & "
            rf"{_latex_text(t.source)} \\"
            for t in self.terms
        ]
        total = rf"total & & {show_latex(self.log_total)} & {_latex_text(self.label)} \\"
        head = rf"\multicolumn{{4}}{{l}}{{$\displaystyle {self.statement}$}} \\"
        lines = [r"\begin{tabular}{llrl}", head, r"\hline", *rows, r"\hline", total]
        return "\n".join([*lines, r"\end{tabular}"])

    def table(self) -> str:
        """Plain text, one line a term."""
        rows = [(term.name, show_above(term.log_value), term.source) for term in self.terms]
        rows.append(("total", show_above(self.log_total), self.label))
        widths = [max(len(row[i]) for row in rows) for i in range(2)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows]
        return "\n".join([self.name, *lines])


def show(log_value: float, digits: int = 4) -> str:
    """Write exp(log_value) for a reader: ``0.0123``, ``1.234e+05``, ``10^373``."""
    if math.isinf(log_value):
        return "0" if log_value < 0 else "infinite"
    log10 = log_value / math.log(10)
    if log10 >= 15 or log10 <= -300:
        return f"10^{log10:.0f}" if abs(log10) >= 100 else f"10^{log10:.1f}"
    return f"{math.exp(log_value):.{digits}g}"


def show_above(log_value: float, digits: int = 4) -> str:
    """Write an upper bound exp(log_value): as `show`, but never as less than it is."""
    if math.isinf(log_value):
        return show(log_value)
    log10 = log_value / math.log(10)
    if log10 >= 15 or log10 <= -300:
        scale = 1 if abs(log10) >= 100 else 10
        exponent = math.ceil(math.nextafter(log10, math.inf) * scale) / scale
        return f"10^{exponent:.0f}" if scale == 1 else f"10^{exponent:.1f}"
    up = Context(prec=digits, rounding=ROUND_CEILING)
    return f"{float(up.create_decimal(Decimal(exp_up(log_value)))):.{digits}g}"


def show_latex(log_value: float, digits: int = 4) -> str:
    r"""Write an upper bound as LaTeX: ``$0.0124$``, ``$1.235 \cdot 10^{5}$``, ``$10^{373}$``."""
    text = show_above(log_value, digits)
    if text == "infinite":
        return r"$\infty$"
    if text.startswith("10^"):
        return f"$10^{{{text[3:]}}}$"
    mantissa, e, exponent = text.partition("e")
    return rf"${mantissa} \cdot 10^{{{int(exponent)}}}$" if e else f"${text}$"


def _latex_text(text: str) -> str:
    return "".join("\\" + c if c in "_%&#$" else c for c in text)


def plain(value: Any) -> Any:
    """The value for strictly valid JSON: NumPy numbers as Python's, inf and nan as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy, without importing it
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
