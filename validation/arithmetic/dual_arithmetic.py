"""Dual numbers as a reading of bodies: `DUALS`, beside float64, balls and rationals."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from validation.arithmetic.arithmetics import FLOAT64
from validation.arithmetic.dual_namespace import DualNamespace
from validation.arithmetic.duals import Dual
from validation.arithmetic.values import Namespace, Value


@dataclass(frozen=True)
class Duals:
    """The reading of a body in dual numbers; an arithmetic for `evaluation.pair`.

    Attributes
    ----------
    base : namespace
        That of the values; `xp` of float64 by default.
    """

    base: Value = None
    name: str = "duals"
    precision: None = None

    @property
    def xp(self) -> Value:
        """The namespace that a body receives."""
        return _namespace(self.base)

    @property
    def xp_of_draws(self) -> Value:
        """The same; draws enter as constants."""
        return self.xp

    def active(self) -> AbstractContextManager[Value]:
        """A context in which bodies are to be called."""
        return np.errstate(all="ignore")

    def lift(self, value: Value) -> Value:
        """Dual arrays as they are; anything else is a constant."""
        return value if type(value) is Dual else FLOAT64.lift(value)

    def __str__(self) -> str:
        return self.name


@functools.cache
def _namespace(base: Namespace) -> Value:
    return DualNamespace(FLOAT64.xp if base is None else base)


DUALS = Duals()
