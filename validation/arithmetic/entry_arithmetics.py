"""The readings of a body that prove: intervals over cells, jets of balls, recorded expressions,
quotients of polynomials.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from validation.arithmetic.values import Value


@dataclass(frozen=True)
class EntryArithmetic:
    """One reading of a formula, as `Arithmetic` for the part that a body sees.

    Attributes
    ----------
    name : str
        "intervals", "jets", "expressions" or "quotients of polynomials".
    precision : int or None
        Bits of the balls of jets.
    """

    name: str
    precision: int | None = None

    @property
    def xp(self) -> Value:
        """The namespace that a body receives."""
        return _namespace(self.name)

    @property
    def xp_of_draws(self) -> Value:
        """The same; what is proved on a region does not draw."""
        return self.xp

    @contextmanager
    def active(self) -> Iterator[None]:
        """Work with this reading's precision, and without NumPy's warnings."""
        if self.precision is None:
            with np.errstate(all="ignore"):
                yield
            return
        from validation.arithmetic.ball import working_precision

        with working_precision(self.precision):
            yield

    def lift(self, value: Value) -> Value:
        """Convert an instance's value exactly, or enclose it; counts, names and None pass."""
        if isinstance(value, bool | np.bool_):
            return bool(value)
        if isinstance(value, int | np.integer):
            return int(value)
        if value is None or isinstance(value, str) or callable(value):
            return value
        return self.xp.array.lift(value)

    def number(self, entry: Value) -> Value:
        """Return an array without axes that holds one entry."""
        return self.xp.array.of_entries(entry)

    def __str__(self) -> str:
        return self.name if self.precision is None else f"balls of {self.precision} bits"


INTERVALS = EntryArithmetic("intervals")
JETS = EntryArithmetic("jets", 80)
FINE_JETS = EntryArithmetic("jets", 320)
EXPRESSIONS = EntryArithmetic("expressions")
QUOTIENTS = EntryArithmetic("quotients of polynomials")


@functools.cache
def _namespace(name: str) -> Value:
    if name == "intervals":
        from validation.arithmetic.cells import CellNamespace

        return CellNamespace()
    if name == "jets":
        from validation.arithmetic.jets import JetNamespace

        return JetNamespace()
    if name == "quotients of polynomials":
        from validation.arithmetic.rational_functions import QuotientNamespace

        return QuotientNamespace()
    from validation.arithmetic.expressions import ExpressionNamespace

    return ExpressionNamespace()
