"""`xp` over balls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ball, eigenvalues, objects
from .ball import Balls
from .errors import Undecided
from .namespace import ExactLinalg, ExactNamespace, _square


class BallLinalg(ExactLinalg):
    """`xp.linalg` over balls."""

    def trace(self, x: Any, /, *, offset: int = 0) -> Any:
        """Sum a diagonal of each matrix."""
        if offset == 0 and x._matrix is not None:
            return Balls.of_entries(x._matrix.trace())
        return super().trace(x, offset=offset)

    def _solve(self, a: Any, b: Any) -> Any:
        try:
            return a.solve(b)
        except ZeroDivisionError:
            raise Undecided("solve: the matrix is not certainly nonsingular") from None

    def slogdet(self, x: Any, /) -> tuple[Any, Any]:
        """Return the signs and the logarithms of the absolute values of determinants."""
        det = self.det(x)
        sign = det.mapped(_sign)
        return sign, (det * sign).mapped(ball.logarithm)

    def eigvalsh(self, x: Any, /) -> Any:
        """Return the eigenvalues of symmetric matrices in ascending order, certified."""
        _square("eigvalsh", x)
        return objects.over_stacks(eigenvalues.eigenvalues, x)

    def cholesky(self, x: Any, /) -> Any:
        """Return the lower triangular factor of certainly positive definite matrices."""
        _square("cholesky", x)
        return objects.over_stacks(eigenvalues.cholesky, x)

    def _spectral_norm(self, x: Any) -> Any:
        return objects.over_stacks(eigenvalues.spectral_norm, x)


class BallNamespace(ExactNamespace):
    """`xp` over balls."""

    array = Balls
    larger = staticmethod(ball.larger)
    smaller = staticmethod(ball.smaller)
    ceiling = staticmethod(ball.ceiling)
    rounding_down = staticmethod(ball.floor)

    def __init__(self) -> None:
        self.linalg = BallLinalg(self)

    @property
    def pi(self) -> Any:
        """The number pi."""
        return Balls.of_entries(ball.constant("pi"))

    @property
    def e(self) -> Any:
        """The number e."""
        return Balls.of_entries(ball.constant("e"))

    def sqrt(self, x: Any, /) -> Any:
        """Return square roots; a ball that touches 0 is cut there."""
        return self._array(x).mapped(ball.square_root)

    def log(self, x: Any, /) -> Any:
        """Return natural logarithms."""
        return self._array(x).mapped(ball.logarithm)

    def log1p(self, x: Any, /) -> Any:
        """Return log(1 + x)."""
        return self._array(x).mapped(ball.logarithm_one_plus)


def _elementwise(name: str) -> Callable[..., Any]:
    function = ball.elementwise(name)

    def method(self: BallNamespace, x: Any, /) -> Any:
        return self._array(x).mapped(function)

    method.__name__ = name
    method.__doc__ = f"Return {name} of every entry."
    return method


for _name in ("exp", "expm1", "tanh", "sin", "cos"):
    setattr(BallNamespace, _name, _elementwise(_name))


def _sign(x: Any) -> Any:
    if x > 0:
        return ball.arb(1)
    if x < 0:
        return ball.arb(-1)
    if x.is_exact() and x == 0:
        return ball.arb(0)
    raise Undecided(f"slogdet: the sign of the determinant {x}")
