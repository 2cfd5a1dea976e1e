"""The list of what a body may use; the tests run every example in every arithmetic named.

`rnnbounds vocabulary` prints it. Every namespace of every arithmetic is held to this one table: a
word has one meaning, and a namespace without it refuses it by name. `substitute` says what stands
in for a name that does not exist.
"""

from __future__ import annotations

import difflib
import functools
from typing import NamedTuple

ALL = ("float64", "balls", "rationals")
ROOTS = ("float64", "balls")  # values that are not rational


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


EIGH = "eigenvalues ascending, orthonormal columns; where these are certain"

_WORDS: list[tuple[str, str, str, tuple[str, ...]]] = [
    ("+ - * /", "(S + lam * S - x) / 4", "entry by entry, with broadcasting and numbers", ALL),
    ("**", "x ** 3 + x ** -1", "powers; real ones of numbers >= 0", ALL),
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
    ("log2", "xp.log2(x)", "in rationals, of powers of 2 only", ROOTS),
    ("xlogx", "xp.xlogx(x)", "x log x, with 0 log 0 = 0", ROOTS),
    ("logsumexp", "xp.logsumexp(A, axis=1)", "log of the sum of exp, along axes or all", ROOTS),
    ("lgamma", "xp.lgamma(x)", "log Gamma(x), x > 0", ROOTS),
    ("erf", "xp.erf(x)", "2/sqrt(pi) int_0^x exp(-t^2) dt", ROOTS),
    ("tanh", "xp.tanh(x)", "", ROOTS),
    ("sin", "xp.sin(x)", "", ROOTS),
    ("cos", "xp.cos(x)", "", ROOTS),
    ("maximum", "xp.maximum(A, 0.0) + xp.maximum(lam, x)", "the larger of two", ALL),
    ("minimum", "xp.minimum(A, 0.5)", "the smaller of two", ALL),
    ("abs", "xp.abs(A)", "", ALL),
    ("sign", "xp.sign(A)", "-1, 0 or 1, where certain", ALL),
    ("square", "xp.square(A)", "x ** 2", ALL),
    ("where", "xp.where(A > 0, A, 2 * A)", "one or the other, by truth values", ALL),
    ("ceil", "xp.ceil(4 * x - 0.5)", "rounded up, where certain", ALL),
    ("floor", "xp.floor(4 * x + 0.5)", "rounded down, where certain", ALL),
    ("sum", "xp.sum(A, axis=0) + xp.sum(A)", "along axes, or all", ALL),
    ("prod", "xp.prod(A, axis=-1)", "along axes, or all", ALL),
    ("mean", "xp.mean(A, axis=0, keepdims=True)", "along axes, or all", ALL),
    ("max", "xp.max(A, axis=1) + xp.max(x)", "along axes, or all", ALL),
    ("min", "xp.min(A, axis=(0, 1))", "along axes, or all", ALL),
    ("cumulative_sum", "xp.cumulative_sum(x, include_initial=True)", "partial sums", ALL),
    ("sort", "xp.sort(A, axis=1, descending=True)", "in order along an axis (the last)", ALL),
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
    ("diag", "xp.diag(x) + S", "the diagonal matrix of a vector", ALL),
    ("kron", "xp.kron(A, S)", "Kronecker product of two matrices", ALL),
    ("matmul", "xp.matmul(A, S)", "@", ALL),
    ("vecdot", "xp.vecdot(A, x)", "inner products along the last axis", ALL),
    ("linalg.matmul", "xp.linalg.matmul(A, S)", "@", ALL),
    ("linalg.vecdot", "xp.linalg.vecdot(x, x)", "inner products along the last axis", ALL),
    ("linalg.outer", "xp.linalg.outer(x, A[0, :])", "products of all pairs", ALL),
    ("linalg.matrix_transpose", "xp.linalg.matrix_transpose(A)", "", ALL),
    ("linalg.trace", "xp.linalg.trace(S)", "", ALL),
    ("linalg.diagonal", "xp.linalg.diagonal(S) + x", "", ALL),
    ("linalg.solve", "xp.linalg.solve(S + lam * xp.eye(3), S)", "S^-1 B", ALL),
    ("linalg.inv", "xp.linalg.inv(S)", "S^-1 itself; for S^-1 B use solve, which is sharper", ALL),
    ("linalg.det", "xp.linalg.det(S)", "", ALL),
    ("linalg.slogdet", "xp.linalg.slogdet(S)[1]", "sign and log |det|", ROOTS),
    ("linalg.matrix_power", "xp.linalg.matrix_power(S, 3)", "", ALL),
    ("linalg.cholesky", "xp.linalg.cholesky(S)", "lower factor", ROOTS),
    ("linalg.eigvalsh", "xp.linalg.eigvalsh(S)", "of a symmetric matrix, ascending", ROOTS),
    ("linalg.eigh", "xp.linalg.eigh(S)[1]", EIGH, ROOTS),
    ("linalg.spectral_radius", "xp.linalg.spectral_radius(S)", "largest |eigenvalue|", ROOTS),
    ("linalg.svdvals", "xp.linalg.svdvals(A)", "singular values, decreasing", ROOTS),
    ("linalg.vector_norm", "xp.linalg.vector_norm(A, axis=1, ord=1)", "ord 1, 2, inf", ALL),
    ("linalg.matrix_norm", "xp.linalg.matrix_norm(A, ord=2)", "ord 'fro', 'nuc', 1, 2, inf", ROOTS),
    ("linalg.matrix_rank", "xp.linalg.matrix_rank(A)", "where certain", ALL),
    ("linalg.pinv", "xp.linalg.pinv(A)", "Moore-Penrose inverse, where the rank is certain", ALL),
]

# What is asked for under other names, and what says it here. Keys have no "linalg.".
_SUBSTITUTES: dict[str, str] = {
    "absolute": "xp.abs",
    "all": "xp.min(xp.astype(truth, xp.float64))",
    "amax": "xp.max",
    "amin": "xp.min",
    "any": "xp.max(xp.astype(truth, xp.float64))",
    "append": "xp.concat",
    "argmax": "xp.max for the value; a place jumps, so that no ball encloses it",
    "argmin": "xp.min for the value; a place jumps, so that no ball encloses it",
    "argsort": "xp.sort for the values; places jump, so that no ball encloses them",
    "array": "xp.asarray",
    "average": "xp.sum(weights * x) / xp.sum(weights)",
    "block": "xp.concat, once an axis",
    "clip": "xp.minimum(xp.maximum(x, low), high)",
    "concatenate": "xp.concat",
    "cond": "xp.linalg.svdvals",
    "cosh": "(xp.exp(x) + xp.exp(-x)) / 2",
    "cross": "the entries, stacked by xp.stack",
    "cumprod": "xp.exp(xp.cumulative_sum(xp.log(x))) of positive numbers",
    "cumsum": "xp.cumulative_sum",
    "diagflat": "xp.diag",
    "divide": "x / y",
    "dot": "x @ y",
    "eig": "xp.linalg.spectral_radius, or xp.linalg.eigvalsh of a symmetric matrix",
    "eigvals": "xp.linalg.spectral_radius, or xp.linalg.eigvalsh of a symmetric matrix",
    "einsum": "@, xp.permute_dims and xp.sum",
    "empty": "xp.zeros",
    "erfc": "1 - xp.erf(x)",
    "exp2": "2 ** x",
    "gamma": "xp.exp(xp.lgamma(x))",
    "gammaln": "xp.lgamma",
    "hstack": "xp.concat",
    "hypot": "xp.sqrt(x**2 + y**2)",
    "identity": "xp.eye",
    "inner": "xp.vecdot",
    "isclose": "the two sides themselves: comparing them is what a claim does",
    "allclose": "the two sides themselves: comparing them is what a claim does",
    "linspace": "xp.arange(n + 1) / n",
    "log10": "xp.log(x) / xp.log(xp.asarray(10))",
    "logaddexp": "xp.logsumexp(xp.stack([x, y]), axis=0)",
    "lstsq": "xp.linalg.solve of the normal equations, or xp.linalg.pinv",
    "median": "xp.sort",
    "multiply": "x * y",
    "nan_to_num": "xp.where",
    "norm": "xp.linalg.vector_norm or xp.linalg.matrix_norm",
    "pow": "x ** y",
    "power": "x ** y",
    "qr": "xp.linalg.cholesky of the Gram matrix",
    "random": "draw for what an instance fixes, or a claim of kind 'probabilistic' and its rng",
    "relu": "xp.maximum(x, 0)",
    "ndim": "x.ndim",
    "shape": "x.shape",
    "sigmoid": "(1 + xp.tanh(x / 2)) / 2",
    "size": "x.size",
    "sinh": "(xp.exp(x) - xp.exp(-x)) / 2",
    "std": "xp.sqrt(xp.mean((x - xp.mean(x)) ** 2))",
    "subtract": "x - y",
    "add": "x + y",
    "svd": "xp.linalg.svdvals",
    "swapaxes": "xp.permute_dims",
    "tan": "xp.sin(x) / xp.cos(x)",
    "tensordot": "xp.reshape and @",
    "transpose": "xp.permute_dims, xp.matrix_transpose or x.T",
    "true_divide": "x / y",
    "unique": "xp.sort",
    "var": "xp.mean((x - xp.mean(x)) ** 2)",
    "vstack": "xp.concat",
    "xlogy": "xp.xlogx, or xp.where around a logarithm",
}


def substitute(name: str, place: str = "") -> str:
    """Return what to use for a name that is asked of `xp` (place "") or `xp.linalg` ("linalg.").

    A word of the vocabulary stands for itself, wherever it was looked for.
    """
    if name == "inv":
        return "xp.linalg.solve, which is sharper than a product with xp.linalg.inv"
    words = _names()
    for known in (place + name, name, "linalg." + name):
        if known in words:
            return f"xp.{known}"
    if name in _SUBSTITUTES:
        return _SUBSTITUTES[name]
    close = difflib.get_close_matches(name, sorted(w.split(".")[-1] for w in words), 1, 0.8)
    return substitute(close[0]) if close else ""


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(word.name for word in vocabulary())
