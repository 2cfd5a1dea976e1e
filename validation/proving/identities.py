"""What a certificate is, and the exact check that is all that is believed of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from validation.arithmetic.values import Polynomial
from validation.proving.signs import Chart

MOST_SECONDS = 10.0  # for one program that looks for one
Exponents = tuple[int, ...]


@dataclass(frozen=True)
class Certificate:
    """An identity that proves p >= 0 on a case.

    Attributes
    ----------
    kind : str
        "equal", "signs", "factors", "assumptions" or "squares", for a reader.
    scale : polynomial
        The s above.
    own : polynomial or None
        The t above; None for 0.
    terms : tuple of (sigma, indices of the assumptions it is multiplied with)
        The index after the last is that of -p.
    squares : tuple of (sigma, q)
        Each sigma not negative by its signs.
    """

    kind: str
    scale: Any
    terms: tuple[tuple[Any, tuple[int, ...]], ...] = ()
    squares: tuple[tuple[Any, Any], ...] = ()
    own: Any = None


def confirmed(
    chart: Chart, p: Polynomial, assumed: Sequence[Polynomial], found: Certificate
) -> bool:
    """Whether a certificate proves p >= 0 where all of `assumed` are: multiplied out, exactly."""
    zero = chart.context.constant(0)
    scale, own = found.scale, zero if found.own is None else found.own
    if not (chart.never_negative(scale) and chart.never_negative(own)):
        return False
    if not (chart.always_positive(scale) or chart.always_positive(own)):
        return False
    assumed = [*assumed, -p]
    if any(not chart.never_negative(sigma) for sigma, _ in found.terms):
        return False
    if any(not chart.never_negative(rho) for rho, _ in found.squares):
        return False
    total = zero
    for sigma, indices in found.terms:
        for i in indices:
            sigma = sigma * assumed[i]
        total = total + sigma
    for rho, q in found.squares:
        total = total + rho * q * q
    return bool(((scale - own * p) * p - total).is_zero())
