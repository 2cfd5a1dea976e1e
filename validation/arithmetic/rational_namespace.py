"""`xp` over exact rationals: no logarithms, no eigenvalues; rank and pseudo-inverse instead."""

from __future__ import annotations

from flint import fmpq

from validation.arithmetic import rational, stacks
from validation.arithmetic.checked import check_matrix
from validation.arithmetic.errors import Undefined
from validation.arithmetic.exact_linalg import ExactLinalg, refuse
from validation.arithmetic.namespace import ExactNamespace
from validation.arithmetic.objects import ObjectArray
from validation.arithmetic.rational import Rationals
from validation.arithmetic.values import Given, Value


class RationalLinalg(ExactLinalg):
    """`xp.linalg` over rationals."""

    def _solve(self, a: Value, b: Value) -> Value:
        try:
            return a.solve(b)
        except ZeroDivisionError:
            raise Undefined("solve: the matrix is singular") from None

    def matrix_rank(self, x: Given, /) -> Value:
        """Return ranks."""
        check_matrix("matrix_rank", x)
        return stacks.over_stacks(lambda a: fmpq(a.rank()), x)

    def pinv(self, x: Given, /) -> Value:
        """Return Moore-Penrose inverses."""
        check_matrix("pinv", x)
        return stacks.over_stacks(rational.pseudo_inverse, x)

    slogdet = staticmethod(refuse("xp.linalg.slogdet"))
    eigvalsh = staticmethod(refuse("xp.linalg.eigvalsh"))
    cholesky = staticmethod(refuse("xp.linalg.cholesky"))
    eigh = staticmethod(refuse("xp.linalg.eigh"))
    svdvals = staticmethod(refuse("xp.linalg.svdvals"))
    spectral_radius = staticmethod(refuse("xp.linalg.spectral_radius"))
    _spectral_norm = staticmethod(refuse("xp.linalg.matrix_norm with ord=2"))


class RationalNamespace(ExactNamespace):
    """`xp` over rationals."""

    array = Rationals
    larger = staticmethod(rational.larger)
    smaller = staticmethod(rational.smaller)
    ceiling = staticmethod(rational.ceiling)
    rounding_down = staticmethod(rational.floor)
    truncation = staticmethod(rational.truncation)
    signs = staticmethod(rational.sign)

    def __init__(self, draws: bool = False) -> None:
        super().__init__(draws)
        self.linalg = RationalLinalg(self)

    @property
    def pi(self) -> Value:
        """Refuse: pi is not rational."""
        return refuse("xp.pi")()

    @property
    def e(self) -> Value:
        """Refuse: e is not rational."""
        return refuse("xp.e")()

    def sqrt(self, x: Given, /) -> ObjectArray:
        """Return the roots of squares; others are refused."""
        return self._array(x).mapped(rational.square_root)

    def log2(self, x: Given, /) -> ObjectArray:
        """Return the logarithms of powers of 2; others are refused."""
        return self._array(x).mapped(rational.logarithm_to_base_2)

    def xlogx(self, x: Given, /) -> ObjectArray:
        """Return 0 at 0 and at 1; other values are refused."""
        return self._array(x).mapped(rational.x_log_x)

    logsumexp = staticmethod(refuse("xp.logsumexp"))
    lgamma = staticmethod(refuse("xp.lgamma"))
    erf = staticmethod(refuse("xp.erf"))
    exp = staticmethod(refuse("xp.exp"))
    expm1 = staticmethod(refuse("xp.expm1"))
    log = staticmethod(refuse("xp.log"))
    log1p = staticmethod(refuse("xp.log1p"))
    tanh = staticmethod(refuse("xp.tanh"))
    sin = staticmethod(refuse("xp.sin"))
    cos = staticmethod(refuse("xp.cos"))
