"""What an arithmetic says when it cannot answer (theory, section 10)."""

from __future__ import annotations


class Undecided(ArithmeticError):
    """A question about a ball that its radius leaves open; a higher precision may answer it."""


class Undefined(ArithmeticError):
    """A value that certainly does not exist: a root of a negative number, a singular solve."""


class Unsupported(TypeError):
    """A function, a name or an operand that this arithmetic does not have."""


class OutsideVocabulary(Unsupported, AttributeError):
    """A name that is not in the vocabulary, so that `hasattr` says no and the message says why."""
