"""`xp` over exact rationals: no logarithms, no eigenvalues; rank and pseudo-inverse instead."""

from __future__ import annotations

from typing import Any

from . import objects, rational
from .errors import Undefined
from .namespace import ExactLinalg, ExactNamespace, _matrices, refuse
from .rational import Rationals


class RationalLinalg(ExactLinalg):
    """`xp.linalg` over rationals."""

    def _solve(self, a: Any, b: Any) -> Any:
        try:
            return a.solve(b)
        except ZeroDivisionError:
            raise Undefined("solve: the matrix is singular") from None

    def matrix_rank(self, x: Any, /) -> Any:
        """Return ranks."""
        _matrices("matrix_rank", x)
        return objects.over_stacks(lambda a: rational.fmpq(a.rank()), x)

    def pinv(self, x: Any, /) -> Any:
        """Return Moore-Penrose inverses."""
        _matrices("pinv", x)
        return objects.over_stacks(_pseudo_inverse, x)

    slogdet = staticmethod(refuse("xp.linalg.slogdet"))
    eigvalsh = staticmethod(refuse("xp.linalg.eigvalsh"))
    cholesky = staticmethod(refuse("xp.linalg.cholesky"))
    _spectral_norm = staticmethod(refuse("xp.linalg.matrix_norm with ord=2"))


class RationalNamespace(ExactNamespace):
    """`xp` over rationals."""

    array = Rationals
    larger = staticmethod(rational.larger)
    smaller = staticmethod(rational.smaller)
    ceiling = staticmethod(rational.ceiling)
    rounding_down = staticmethod(rational.floor)

    def __init__(self) -> None:
        self.linalg = RationalLinalg(self)

    @property
    def pi(self) -> Any:
        """Refuse: pi is not rational."""
        return refuse("xp.pi")()

    @property
    def e(self) -> Any:
        """Refuse: e is not rational."""
        return refuse("xp.e")()

    def sqrt(self, x: Any, /) -> Any:
        """Return the roots of squares; others are refused."""
        return self._array(x).mapped(rational.square_root)

    exp = staticmethod(refuse("xp.exp"))
    expm1 = staticmethod(refuse("xp.expm1"))
    log = staticmethod(refuse("xp.log"))
    log1p = staticmethod(refuse("xp.log1p"))
    tanh = staticmethod(refuse("xp.tanh"))
    sin = staticmethod(refuse("xp.sin"))
    cos = staticmethod(refuse("xp.cos"))


def _pseudo_inverse(a: Any) -> Any:
    """Return A^+ = C^T (C C^T)^{-1} (B^T B)^{-1} B^T for the full-rank factorization A = B C."""
    reduced, rank = a.rref()
    rows, columns = a.nrows(), a.ncols()
    matrix = Rationals.matrix
    if rank == 0:
        return matrix(columns, rows, [0] * (rows * columns))
    pivots = [next(j for j in range(columns) if reduced[i, j] != 0) for i in range(rank)]
    B = matrix(rows, rank, [a[i, j] for i in range(rows) for j in pivots])
    C = matrix(rank, columns, [reduced[i, j] for i in range(rank) for j in range(columns)])
    Bt, Ct = B.transpose(), C.transpose()
    return Ct * (C * Ct).solve((Bt * B).solve(Bt))
