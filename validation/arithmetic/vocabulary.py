"""The list of what a body may use; the tests run every example in every arithmetic named.

`rnnbounds vocabulary` prints it.
"""

from __future__ import annotations

from typing import NamedTuple

ALL = ("float64", "balls", "rationals")
ROOTS = ("float64", "balls")  # values that are not rational
RATIONAL = ("float64", "rationals")  # values that jump, which no ball can decide


class Word(NamedTuple):
    """One name of the vocabulary.

    Attributes
    ----------
    name : str
        As it is written after `xp.`; operators and attributes as they are written on arrays.
    example : str
        An expression in `xp`, `x` (a vector of 1.5, 0.25, 2.0, in (3,)), `S` (symmetric positive
        definite, in (3, 3)), `A` (in (2, 3)) and `lam` (a number, 0.5).
    meaning : str
        One line.
    arithmetics : tuple of str
        Where it exists.
    """

    name: str
    example: str
    meaning: str
    arithmetics: tuple[str, ...]


def vocabulary() -> list[Word]:
    """Return the vocabulary, in the order of a reader's interest."""
    return [Word(*entry) for entry in _WORDS]


_WORDS: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("+ - * /", "(S + lam * S - x) / 4", "entry by entry, with broadcasting and numbers", ALL),
    ("**", "x ** 3 + x ** -1", "integer powers", ALL),
    ("@", "A @ S @ x", "products of matrices and vectors", ALL),
    ("< <= > >= == !=", "xp.astype(x > 1, xp.float64)", "truth values, where certain", ALL),
    ("x[...]", "S[0, 1:] + x[-2:] + S[None, :2, 0][0, :]", "integers, slices, None and ...", ALL),
    ("x.shape, x.ndim, x.size", "S / S.shape[0] + x.ndim + A.size", "lengths of the axes", ALL),
    ("x.T, x.mT", "A.T @ A + S.mT", "transposes", ALL),
    ("asarray", "xp.asarray([1.0, 2.5, 3.0]) + x", "numbers, exactly", ALL),
    ("zeros", "xp.zeros((2, 3)) + A", "", ALL),
    ("ones", "xp.ones(3) * x", "", ALL),
    ("full", "xp.full((2, 3), 0.5) * A", "one value everywhere", ALL),
    ("zeros_like", "xp.zeros_like(A) + A", "", ALL),
    ("ones_like", "xp.ones_like(A) + A", "", ALL),
    ("eye", "S + lam * xp.eye(3) + xp.eye(3, k=1)", "ones on a diagonal", ALL),
    ("arange", "xp.astype(xp.arange(3), xp.float64) * x", "integers, as range", ALL),
    ("astype", "xp.astype(x >= 0.25, xp.float64)", "numbers from truth values", ALL),
    ("pi", "xp.pi * x", "the number pi", ROOTS),
    ("e", "xp.e * x", "the number e", ROOTS),
    ("sqrt", "xp.sqrt(x)", "in rationals, of squares only", ROOTS),
    ("exp", "xp.exp(x)", "", ROOTS),
    ("expm1", "xp.expm1(x)", "exp(x) - 1", ROOTS),
    ("log", "xp.log(x)", "natural logarithm", ROOTS),
    ("log1p", "xp.log1p(x)", "log(1 + x)", ROOTS),
    ("tanh", "xp.tanh(x)", "", ROOTS),
    ("sin", "xp.sin(x)", "", ROOTS),
    ("cos", "xp.cos(x)", "", ROOTS),
    ("maximum", "xp.maximum(A, 0.0) + xp.maximum(lam, x)", "the larger of two", ALL),
    ("minimum", "xp.minimum(A, 0.5)", "the smaller of two", ALL),
    ("abs", "xp.abs(A)", "", ALL),
    ("square", "xp.square(A)", "x ** 2", ALL),
    ("ceil", "xp.ceil(4 * x - 0.5)", "rounded up, where certain", ALL),
    ("floor", "xp.floor(4 * x + 0.5)", "rounded down, where certain", ALL),
    ("sum", "xp.sum(A, axis=0) + xp.sum(A)", "along axes, or all", ALL),
    ("prod", "xp.prod(A, axis=-1)", "along axes, or all", ALL),
    ("mean", "xp.mean(A, axis=0, keepdims=True)", "along axes, or all", ALL),
    ("max", "xp.max(A, axis=1) + xp.max(x)", "along axes, or all", ALL),
    ("min", "xp.min(A, axis=(0, 1))", "along axes, or all", ALL),
    ("cumulative_sum", "xp.cumulative_sum(x, include_initial=True)", "partial sums", ALL),
    ("stack", "xp.stack([x, x / 2], axis=1)", "along a new axis", ALL),
    ("concat", "xp.concat([A, S], axis=0)", "along an axis that is there", ALL),
    ("reshape", "xp.reshape(A, (3, 2)) @ xp.ones(2)", "in row-major order", ALL),
    ("permute_dims", "xp.permute_dims(A, (1, 0))", "axes in another order", ALL),
    ("matrix_transpose", "xp.matrix_transpose(A)", "the last two axes exchanged", ALL),
    ("expand_dims", "xp.expand_dims(x, axis=0)", "a new axis of length 1", ALL),
    ("squeeze", "xp.squeeze(A[:1, :], axis=0)", "an axis of length 1 removed", ALL),
    ("broadcast_to", "xp.broadcast_to(x, (2, 3))", "", ALL),
    ("flip", "xp.flip(x)", "the order reversed", ALL),
    ("take", "xp.take(S, xp.asarray([0, 2]), axis=1)", "rows or columns by their places", ALL),
    ("tril", "xp.tril(S, k=-1)", "the lower triangle", ALL),
    ("triu", "xp.triu(S)", "the upper triangle", ALL),
    ("matmul", "xp.matmul(A, S)", "@", ALL),
    ("vecdot", "xp.vecdot(A, x)", "inner products along the last axis", ALL),
    ("linalg.matmul", "xp.linalg.matmul(A, S)", "@", ALL),
    ("linalg.vecdot", "xp.linalg.vecdot(x, x)", "inner products along the last axis", ALL),
    ("linalg.outer", "xp.linalg.outer(x, A[0, :])", "products of all pairs", ALL),
    ("linalg.matrix_transpose", "xp.linalg.matrix_transpose(A)", "", ALL),
    ("linalg.trace", "xp.linalg.trace(S)", "", ALL),
    ("linalg.diagonal", "xp.linalg.diagonal(S) + x", "", ALL),
    ("linalg.solve", "xp.linalg.solve(S + lam * xp.eye(3), S)", "S^-1 B, never an inverse", ALL),
    ("linalg.det", "xp.linalg.det(S)", "", ALL),
    ("linalg.slogdet", "xp.linalg.slogdet(S)[1]", "sign and log |det|", ROOTS),
    ("linalg.matrix_power", "xp.linalg.matrix_power(S, 3)", "", ALL),
    ("linalg.cholesky", "xp.linalg.cholesky(S)", "lower factor", ROOTS),
    ("linalg.eigvalsh", "xp.linalg.eigvalsh(S)", "of a symmetric matrix, ascending", ROOTS),
    ("linalg.vector_norm", "xp.linalg.vector_norm(A, axis=1, ord=1)", "ord 1, 2, inf", ALL),
    ("linalg.matrix_norm", "xp.linalg.matrix_norm(A, ord=2)", "ord 'fro', 1, 2, inf", ROOTS),
    ("linalg.matrix_rank", "xp.linalg.matrix_rank(A)", "", RATIONAL),
    ("linalg.pinv", "xp.linalg.pinv(A)", "Moore-Penrose inverse", RATIONAL),
]
