"""What flows through the body of a claim, by name.

Much of it has no type that a checker could know: python-flint has no stubs, and one formula is read
over arrays of NumPy, balls, rationals, jets, duals and more, whose operators answer with several
classes. Such a thing is at least called by what it is.
"""

from __future__ import annotations

from typing import Any, SupportsIndex, TypeAlias

Given: TypeAlias = object
"""What a formula hands to a function of `xp`: converted or refused before it is used."""
Value: TypeAlias = Any
"""An array or a number of some arithmetic, or of NumPy: what a body computes with."""
Number: TypeAlias = Any
"""One entry of an exact array: a rational or a ball of python-flint, a jet, a cell, a quotient."""
Matrix: TypeAlias = Any
"""A matrix of python-flint, or what answers to the same names, as `EntryMatrix` does."""
Polynomial: TypeAlias = Any
"""A polynomial of python-flint with rational coefficients, or one coefficient of it."""
Namespace: TypeAlias = Any
"""An `xp`, the vocabulary over one arithmetic; what is not in it is refused by its name."""
Axis: TypeAlias = int | tuple[int, ...] | None
Shape: TypeAlias = SupportsIndex | tuple[SupportsIndex, ...] | list[SupportsIndex]
