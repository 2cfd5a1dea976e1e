"""The one bisection: where a monotone condition ends, from the side on which it holds."""

from __future__ import annotations

from collections.abc import Callable


def last_holding(
    holds: Callable[[float], bool],
    inside: float,
    outside: float,
    rtol: float = 0.0,
    atol: float = 0.0,
) -> float:
    """Return a point at which `holds` was seen to be true, next to one at which it was not.

    Parameters
    ----------
    holds : callable
        True at `inside`, which is not checked, and up to some point on the way to `outside`.
    inside, outside : float
        Either may be the larger. The result is `inside` or was tried, and never `outside`: for an
        upper bound take the condition that certifies it.
    rtol, atol : float
        Stop at this distance, relative to `inside` or not; 0 goes on to neighbouring floats.
    """
    while True:
        middle = inside + (outside - inside) / 2
        if middle in (inside, outside) or abs(outside - inside) <= max(rtol * abs(inside), atol):
            return inside
        if holds(middle):
            inside = middle
        else:
            outside = middle
