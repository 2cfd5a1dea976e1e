"""`xp.linalg` over dual numbers: the derivatives of matrix functions.

Eigenvalues and singular values that coincide have one-sided slopes only; what is returned is one
of them, good enough to climb by. Ranks do not move.
"""

from __future__ import annotations

import math
import operator

import numpy as np

from validation.arithmetic.checked import Checked, check_matrix_order, check_vector_order
from validation.arithmetic.duals import Dual, value_of
from validation.arithmetic.errors import Undefined, Unsupported
from validation.arithmetic.values import Axis, Namespace, Value


class DualLinalg(Checked):
    """`xp.linalg` over dual numbers."""

    prefix = "xp.linalg"

    def __init__(self, xp: Namespace) -> None:
        self.xp = xp
        self.base = xp.base.linalg

    def __getattr__(self, name: str) -> Value:
        if not name.startswith("_") and hasattr(self.base, name):
            raise Unsupported(f"xp.linalg.{name} has no derivative in dual numbers")
        return super().__getattr__(name)

    def matmul(self, x1: Value, x2: Value, /) -> Value:
        """Multiply matrices, as `@`."""
        return x1 @ x2

    def vecdot(self, x1: Value, x2: Value, /, *, axis: int = -1) -> Value:
        """Return inner products along an axis."""
        return self.xp.vecdot(x1, x2, axis=axis)

    def outer(self, x1: Value, x2: Value, /) -> Value:
        """Return the products of all pairs of entries of two vectors."""
        return x1[:, None] * x2[None, :]

    def matrix_transpose(self, x: Value, /) -> Value:
        """Exchange the last two axes."""
        return x.mT

    def trace(self, x: Value, /, *, offset: int = 0) -> Value:
        """Sum a diagonal of each matrix."""
        return self.xp.sum(self.diagonal(x, offset=offset), axis=-1)

    def diagonal(self, x: Value, /, *, offset: int = 0) -> Value:
        """Return a diagonal of each matrix."""
        value = self.base.diagonal(value_of(x), offset=offset)
        if type(x) is not Dual:
            return value
        return Dual(value, self.base.diagonal(x.tangent, offset=offset))

    def solve(self, x1: Value, x2: Value, /) -> Value:
        """Solve x1 y = x2 for square x1: dy = x1^-1 (dx2 - dx1 y)."""
        a, b = value_of(x1), value_of(x2)
        if np.ndim(b) == 1 and (type(x1) is Dual or type(x2) is Dual):
            return self.solve(x1, x2[:, None])[..., 0]
        y = self.base.solve(a, b)
        right = None
        if type(x2) is Dual:
            right = x2.aligned(np.ndim(y))
        if type(x1) is Dual:
            moved = x1.aligned(np.ndim(y)) @ y
            right = -moved if right is None else right - moved
        if right is None:
            return y
        return Dual(y, self.base.solve(np.broadcast_to(a, right.shape[:-2] + a.shape[-2:]), right))

    def inv(self, x: Value, /) -> Value:
        """Return inverses."""
        y = self.base.inv(value_of(x))
        return Dual(y, -(y @ x.tangent @ y)) if type(x) is Dual else y

    def det(self, x: Value, /) -> Value:
        """Return determinants; the derivative is by the adjugate, for singular matrices too."""
        value = self.base.det(value_of(x))
        if type(x) is not Dual:
            return value
        return Dual(value, np.sum(_cofactors(x.value) * x.tangent, axis=(-2, -1)))

    def slogdet(self, x: Value, /) -> Value:
        """Return sign and log |det|."""
        sign, value = self.base.slogdet(value_of(x))
        if type(x) is not Dual:
            return sign, value
        slope = self.base.solve(np.broadcast_to(x.value, x.tangent.shape), x.tangent)
        return sign, Dual(value, np.trace(slope, axis1=-2, axis2=-1))

    def matrix_power(self, x: Value, n: int, /) -> Value:
        """Multiply a square matrix with itself; a negative power inverts."""
        if type(x) is not Dual:
            return self.base.matrix_power(x, n)
        n = operator.index(n)
        if n < 0:
            return self.inv(self.matrix_power(x, -n))
        result: Value = None
        while n:
            if n & 1:
                result = x if result is None else result @ x
            n >>= 1
            if n:
                x = x @ x
        if result is None:
            return self.base.matrix_power(x.value, 0)
        return result

    def cholesky(self, x: Value, /) -> Value:
        """Return the lower triangular factor L: dL = L P(L^-1 dx L^-T), P halves the diagonal."""
        L = self.base.cholesky(value_of(x))
        if type(x) is not Dual:
            return L
        half = np.linalg.solve(L, (x.tangent + x.tangent.mT) / 2)
        inner = np.linalg.solve(L, half.mT)
        inner = np.tril(inner) - np.eye(L.shape[-1]) * inner / 2
        return Dual(L, L @ inner)

    def eigvalsh(self, x: Value, /) -> Value:
        """Return the eigenvalues of symmetric matrices in ascending order."""
        if type(x) is not Dual:
            return self.base.eigvalsh(x)
        values, vectors = self.base.eigh(x.value)
        inner = vectors.mT @ ((x.tangent + x.tangent.mT) / 2) @ vectors
        return Dual(values, np.diagonal(inner, axis1=-2, axis2=-1))

    def eigh(self, x: Value, /) -> Value:
        """Return ascending eigenvalues and oriented unit eigenvectors of symmetric matrices."""
        values, vectors = self.base.eigh(value_of(x))
        if type(x) is not Dual:
            return values, vectors
        inner = vectors.mT @ ((x.tangent + x.tangent.mT) / 2) @ vectors
        gaps = values[..., None, :] - values[..., :, None]
        turned = np.where(gaps == 0, 0.0, inner / np.where(gaps == 0, 1.0, gaps))
        slopes = np.diagonal(inner, axis1=-2, axis2=-1)
        return Dual(values, slopes), Dual(vectors, vectors @ turned)

    def svdvals(self, x: Value, /) -> Value:
        """Return the singular values in descending order."""
        if type(x) is not Dual:
            return self.base.svdvals(x)
        U, s, V = _svd(x.value, full_matrices=False)
        return Dual(s, np.diagonal(U.mT @ x.tangent @ V.mT, axis1=-2, axis2=-1))

    def spectral_radius(self, x: Value, /) -> Value:
        """Return the largest |z| of the eigenvalues: its slope is Re(z* y^H dx v/(y^H v))/|z|."""
        value = self.base.spectral_radius(value_of(x))
        if type(x) is not Dual:
            return value
        if x.ndim != 2:
            raise Unsupported("xp.linalg.spectral_radius of a stack has no derivative here")
        z, right = np.linalg.eig(x.value)
        if z.size == 0:
            return value
        i = int(np.argmax(np.abs(z)))
        try:
            left = np.linalg.inv(right)[i]  # row i: y^H/(y^H v)
        except np.linalg.LinAlgError:
            raise Unsupported(
                "xp.linalg.spectral_radius has no slope at a defective matrix"
            ) from None
        moved = np.einsum("i,pij,j->p", left, x.tangent, right[:, i])
        scale = abs(z[i]) or 1.0
        return Dual(value, (np.conj(z[i]) * moved).real / scale)

    def vector_norm(
        self, x: Value, /, *, axis: Axis = None, keepdims: bool = False, ord: object = 2
    ) -> Value:
        """Return the 1-, 2- or infinity-norm along axes."""
        if type(x) is not Dual:
            return self.base.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)
        check_vector_order(ord)
        if ord == 1:
            return self.xp.sum(abs(x), axis=axis, keepdims=keepdims)
        if ord == math.inf:
            return self.xp.max(abs(x), axis=axis, keepdims=keepdims)
        value = self.base.vector_norm(x.value, axis=axis, keepdims=True)
        unit = x.value / np.where(value == 0, 1.0, value)
        inner = self.xp.sum(Dual(unit * x.value, unit * x.tangent), axis=axis, keepdims=keepdims)
        return Dual(value if keepdims else value.reshape(inner.shape)[()], inner.tangent)

    def matrix_norm(self, x: Value, /, *, keepdims: bool = False, ord: object = "fro") -> Value:
        """Return the norm "fro", "nuc", 2 (spectral), 1 or inf (sums)."""
        if type(x) is not Dual:
            return self.base.matrix_norm(x, keepdims=keepdims, ord=ord)
        check_matrix_order(ord)
        if 0 in x.shape[-2:]:
            return self.base.matrix_norm(x.value, keepdims=keepdims, ord=ord)
        if ord == "fro":
            result = self.vector_norm(x, axis=(-2, -1))
        elif ord == "nuc":
            result = self.xp.sum(self.svdvals(x), axis=-1)
        elif ord == 2:
            result = self.svdvals(x)[..., 0]
        else:
            sums = self.xp.sum(abs(x), axis=-2 if ord == 1 else -1)
            result = self.xp.max(sums, axis=-1)
        return self.xp.reshape(result, (*result.shape, 1, 1)) if keepdims else result

    def matrix_rank(self, x: Value, /) -> Value:
        """Return ranks, which do not move."""
        return self.base.matrix_rank(value_of(x))

    def pinv(self, x: Value, /) -> Value:
        """Return Moore-Penrose inverses; the derivative is that at constant rank."""
        y = self.base.pinv(value_of(x))
        if type(x) is not Dual:
            return y
        a, d = x.value, x.tangent
        m, n = a.shape[-2:]
        outside, inside = np.eye(m) - a @ y, np.eye(n) - y @ a
        slope = -(y @ d @ y) + y @ y.mT @ d.mT @ outside + inside @ d.mT @ y.mT @ y
        return Dual(y, slope)


def _svd(a: Value, full_matrices: bool) -> Value:
    """The singular value decomposition; of what is not finite LAPACK's may never come to an end."""
    if not np.isfinite(a).all():
        raise Undefined("the matrix is not finite in float64")
    return np.linalg.svd(a, full_matrices=full_matrices)


def _cofactors(a: Value) -> Value:
    """The slopes of the determinant: det(U) det(V) U c V, c_i the product of the s_j, j != i."""
    U, s, V = _svd(a, full_matrices=True)
    m = s.shape[-1]
    others = np.stack([np.prod(np.delete(s, i, axis=-1), axis=-1) for i in range(m)], axis=-1)
    sign = np.linalg.det(U) * np.linalg.det(V)
    return np.asarray(sign)[..., None, None] * ((U * others[..., None, :]) @ V)
