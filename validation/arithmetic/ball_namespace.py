"""`xp` over balls."""

from __future__ import annotations

from collections.abc import Callable

from flint import arb

from validation.arithmetic import (
    ball,
    eigenvalues,
    eigenvectors,
    singular_values,
    spectral_radius,
    stacks,
)
from validation.arithmetic.ball import Balls
from validation.arithmetic.checked import check_matrix, check_square
from validation.arithmetic.errors import Undecided
from validation.arithmetic.exact_linalg import ExactLinalg
from validation.arithmetic.namespace import ExactNamespace
from validation.arithmetic.objects import ObjectArray
from validation.arithmetic.values import Axis, Given, Value


class BallLinalg(ExactLinalg):
    """`xp.linalg` over balls."""

    def trace(self, x: Value, /, *, offset: int = 0) -> Value:
        """Sum a diagonal of each matrix."""
        if offset == 0 and x._matrix is not None and x.shape[0] == x.shape[1]:
            return Balls.of_entries(x._matrix.trace())
        return super().trace(x, offset=offset)

    def _solve(self, a: Value, b: Value) -> Value:
        try:
            return a.solve(b)
        except ZeroDivisionError:
            raise Undecided("solve: the matrix is not certainly nonsingular") from None

    def slogdet(self, x: Given, /) -> tuple[Value, Value]:
        """Return the signs and the logarithms of the absolute values of determinants."""
        det = self.det(x)
        sign = det.mapped(ball.sign)
        return sign, (det * sign).mapped(ball.logarithm)

    def eigvalsh(self, x: Given, /) -> Value:
        """Return the eigenvalues of symmetric matrices in ascending order, certified."""
        check_square("eigvalsh", x)
        return stacks.over_stacks(singular_values.eigenvalues_with_zeros, x)

    def cholesky(self, x: Given, /) -> Value:
        """Return the lower triangular factor of certainly positive definite matrices."""
        check_square("cholesky", x)
        return stacks.over_stacks(eigenvalues.cholesky, x)

    def eigh(self, x: Given, /) -> Value:
        """Return eigenvalues and oriented unit eigenvectors, where the eigenvalues are apart."""
        check_square("eigh", x)
        values = self.eigvalsh(x)
        return values, stacks.over_stacks(eigenvectors.eigenvectors, x)

    def svdvals(self, x: Given, /) -> Value:
        """Return the singular values in descending order, certified."""
        check_matrix("svdvals", x)
        return stacks.over_stacks(singular_values.singular_values, x)

    def matrix_rank(self, x: Given, /) -> Value:
        """Return ranks, where they are certain."""
        check_matrix("matrix_rank", x)
        return stacks.over_stacks(lambda a: arb(singular_values.rank(a)), x)

    def pinv(self, x: Given, /) -> Value:
        """Return Moore-Penrose inverses, where the rank is certain."""
        check_matrix("pinv", x)
        return stacks.over_stacks(singular_values.pseudo_inverse, x)

    def spectral_radius(self, x: Given, /) -> Value:
        """Return the largest absolute value of an eigenvalue of square matrices, certified."""
        check_square("spectral_radius", x)
        return stacks.over_stacks(spectral_radius.spectral_radius, x)

    def _spectral_norm(self, x: Given) -> Value:
        return stacks.over_stacks(eigenvalues.spectral_norm, x)


class BallNamespace(ExactNamespace):
    """`xp` over balls."""

    array = Balls
    larger = staticmethod(ball.larger)
    smaller = staticmethod(ball.smaller)
    ceiling = staticmethod(ball.ceiling)
    rounding_down = staticmethod(ball.floor)
    truncation = staticmethod(ball.truncation)
    signs = staticmethod(ball.sign)

    def __init__(self, draws: bool = False) -> None:
        super().__init__(draws)
        self.linalg = BallLinalg(self)

    @property
    def pi(self) -> ObjectArray:
        """The number pi."""
        return Balls.of_entries(ball.constant("pi"))

    @property
    def e(self) -> ObjectArray:
        """The number e."""
        return Balls.of_entries(ball.constant("e"))

    def sqrt(self, x: Given, /) -> ObjectArray:
        """Return square roots; a ball that touches 0 is cut there."""
        return self._array(x).mapped(ball.square_root)

    def log(self, x: Given, /) -> ObjectArray:
        """Return natural logarithms."""
        return self._array(x).mapped(ball.logarithm)

    def log1p(self, x: Given, /) -> ObjectArray:
        """Return log(1 + x)."""
        return self._array(x).mapped(ball.logarithm_one_plus)

    def log2(self, x: Given, /) -> ObjectArray:
        """Return logarithms to base 2."""
        return self._array(x).mapped(ball.logarithm_to_base_2)

    def xlogx(self, x: Given, /) -> ObjectArray:
        """Return x log x, 0 at 0."""
        return self._array(x).mapped(ball.x_log_x)

    def lgamma(self, x: Given, /) -> ObjectArray:
        """Return log Gamma(x) of positive numbers."""
        return self._array(x).mapped(ball.log_gamma)

    def logsumexp(self, x: Given, /, *, axis: Axis = None, keepdims: bool = False) -> ObjectArray:
        """Return the logarithm of the sum of exponentials along axes."""
        return self._along(x, axis, keepdims, ball.log_sum_exp)


def _elementwise(name: str) -> Callable[..., Value]:
    function = ball.elementwise(name)

    def method(self: BallNamespace, x: Given, /) -> ObjectArray:
        return self._array(x).mapped(function)

    method.__name__ = name
    method.__doc__ = f"Return {name} of every entry."
    return method


for _name in ("exp", "expm1", "tanh", "sin", "cos", "erf"):
    setattr(BallNamespace, _name, _elementwise(_name))
