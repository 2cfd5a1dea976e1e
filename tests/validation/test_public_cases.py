"""Public statements that were called undecided, or refused, with the right verdict.

Singular values, pseudo-inverses, spectral radii and norms meet in one body here; exact equality
at zero singular values is tight, and a singular draw outside the hypotheses spoils nothing.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from validation import Conclusion, Instance, certify, claim, draw, verify

GREEN = (Conclusion.HOLDS, Conclusion.TIGHT)


def concluded(statement, budget=3.0, **options):
    outcome = verify(statement, quick=True, budget=budget, seed=0, **options)
    return outcome.conclusion, outcome.error or outcome.verdict.message


def at(**raw):
    sizes = {"m": len(raw["Z"])} if "Z" in raw else {}
    return Instance(sizes, raw)


# -- 1. oblique projections -----------------------------------------------------------------------

DETERMINANT = {
    r"|\det Z| \ge 2^{-30}": lambda xp, Z: (xp.asarray(2) ** -30, xp.abs(xp.linalg.det(Z)))
}


def column_norms(factor, low, name, **options):
    @claim(name, "x", draw(Z=factor, sizes={"m": (low, 5)}), **options)
    def norms(xp, Z, *, c=1):
        X = Z / xp.linalg.vector_norm(Z, axis=1, keepdims=True)
        n = xp.linalg.vector_norm(xp.linalg.solve(X, xp.eye(Z.shape[0])), axis=0)
        return 2 * n, c * xp.sum(n) * xp.ones_like(n)

    return norms


def test_row_1_oblique_projections():
    general = column_norms(draw.nonsingular(), 2, "test.oblique_general")
    conclusion, message = concluded(general)
    assert conclusion in GREEN, message

    drawn = column_norms(
        draw.matrices("m", "m"), 2, "test.oblique", hypotheses=DETERMINANT,
        given=lambda Z: abs(np.linalg.det(Z)) >= 2.0**-30,
    )  # fmt: skip
    conclusion, message = concluded(drawn)
    assert conclusion in GREEN, message


def test_row_1_with_a_smaller_constant_is_false():
    smaller = column_norms(
        draw.matrices("m", "m"), 3, "test.oblique", hypotheses=DETERMINANT
    ).with_constants(c=Fraction(31, 32))
    assert concluded(smaller)[0] is Conclusion.VIOLATED


# -- 2. singular values of a product ---------------------------------------------------------------

SQUARE = draw(A=draw.matrices("m", "m"), B=draw.matrices("m", "m"), sizes={"m": (1, 3)})


def sigma(right):
    """sigma_i(AB) <= sigma_i(A) right(sigma(B)); made here, so that pytest does not collect it."""

    @claim("test.sigma", "x", SQUARE)
    def body(xp, A, B):
        values = xp.linalg.svdvals
        return values(A @ B), values(A) * right(values(B))

    return body


TRUE, WRONG = (lambda values: values[0]), (lambda values: values)


def test_row_2_singular_values_of_a_product():
    ones = np.ones((2, 2))
    assert certify(sigma(TRUE), at(A=ones, B=ones)).conclusion is Conclusion.TIGHT
    assert concluded(sigma(TRUE))[0] in GREEN
    assert concluded(sigma(WRONG))[0] is Conclusion.VIOLATED


@pytest.mark.parametrize("scale", [1.0, 3.0, 2.0**-40, 0.1])
def test_lemmas_attained_at_zero_singular_values_are_tight(scale):
    # Rank one by construction, with entries that round: the zeros are not seen exactly.
    A = np.outer([1.0, 0.3, 0.7], [0.1, 0.2, 0.9]) * scale
    statements = {
        "products": (sigma(TRUE), at(A=np.ones((3, 3)), B=np.ones((3, 3)) * scale)),
        "transposes": (
            claim("test.transposed", "x", draw(F=draw.matrices("m", "r")), kind="identity")(
                lambda xp, F: (xp.linalg.svdvals(F @ F.T), xp.linalg.svdvals(xp.exp(0 * F[0, 0])
                                                                             * (F @ F.T)))
            ),
            Instance({"m": 3, "r": 1}, {"F": A[:, :1].copy()}),
        ),
    }  # fmt: skip
    for statement, instance in statements.values():
        found = certify(statement, instance)
        assert found.conclusion in GREEN, found.message


# -- 3. traces of powers ---------------------------------------------------------------------------

PSD = draw(A=draw.covariances(), B=draw.covariances(), sizes={"m": (1, 3)})


def trace_of_root(xp, A, B, p):
    total = xp.linalg.matrix_power(A, p) + xp.linalg.matrix_power(B, p)
    mu = xp.maximum(xp.linalg.eigvalsh(total), 0)
    return xp.sum(mu ** (xp.asarray(1) / p))


def test_row_3_traces_of_powers():
    @claim("test.trace_2", "x", PSD)
    def first(xp, A, B):
        return trace_of_root(xp, A, B, 2), xp.linalg.trace(A + B)

    @claim("test.trace_4", "x", PSD)
    def second(xp, A, B):
        return trace_of_root(xp, A, B, 4), trace_of_root(xp, A, B, 2)

    conclusion, message = concluded(first)
    assert conclusion in GREEN, message
    assert concluded(second)[0] is Conclusion.VIOLATED


# -- 4. condition numbers --------------------------------------------------------------------------


def test_row_4_condition_numbers_of_rectangular_matrices():
    def kappa(xp, X):
        norm = xp.linalg.matrix_norm
        return norm(X, ord=2) * norm(xp.linalg.pinv(X), ord=2)

    def body(xp, A, B):
        return kappa(xp, A @ B), kappa(xp, A) * kappa(xp, B)

    rectangular = draw(
        A=draw.matrices("n", "m"), B=draw.matrices("m", "n"), sizes={"n": (1, 2), "m": (2, 3)}
    )
    assert concluded(claim("test.kappa", "x", rectangular)(body))[0] is Conclusion.VIOLATED
    square = draw(A=draw.nonsingular(), B=draw.nonsingular(), sizes={"m": (1, 3)})
    assert concluded(claim("test.kappa_square", "x", square)(body))[0] in GREEN


# -- 5. spectral radii -----------------------------------------------------------------------------


def test_row_5_spectral_radii():
    @claim("test.radius", "x", draw(
        C=draw.matrices(2, 2), B=draw.covariances(4)))  # fmt: skip
    def radius(xp, C, B):
        two = 2 * xp.eye(2)
        A = xp.concat([xp.concat([two, C], axis=1), xp.concat([-C.T, two], axis=1)], axis=0)
        return xp.linalg.spectral_radius(A), xp.linalg.spectral_radius(A + B)

    assert concluded(radius)[0] is Conclusion.VIOLATED

    @claim("test.radius_norm", "x", draw(A=draw.matrices("m", "m"), sizes={"m": (1, 3)}))
    def below_the_norm(xp, A):
        return xp.linalg.spectral_radius(A), xp.linalg.matrix_norm(A, ord=2)

    assert concluded(below_the_norm)[0] in GREEN


# -- words and draws in true lemmas ----------------------------------------------------------------

LEMMAS = {
    "the nuclear norm is at most the root of the rank times Frobenius'": (
        draw(A=draw.matrices("q", "m")),
        lambda xp, A: (
            xp.linalg.matrix_norm(A, ord="nuc"),
            xp.sqrt(xp.linalg.matrix_rank(A)) * xp.linalg.matrix_norm(A),
        ),
    ),
    "Weyl, of ordered pairs": (
        draw(pair=draw.ordered_pairs(), sizes={"m": (1, 3)}),
        lambda xp, pair: (xp.linalg.eigvalsh(pair[0]), xp.linalg.eigvalsh(pair[1])),
    ),
    "log-sum-exp is at least the largest": (
        draw(x=draw.vectors("m")),
        lambda xp, x: (xp.max(x), xp.logsumexp(x)),
    ),
    "the entropy is at most the logarithm of m": (
        draw(p=draw.distributions("m")),
        lambda xp, p: (-xp.sum(xp.xlogx(p)), xp.log(xp.asarray(p.shape[0]))),
    ),
    "Hadamard, of correlations": (
        draw(R=draw.correlations(), sizes={"m": (1, 4)}),
        lambda xp, R: (xp.linalg.det(R), xp.asarray(1)),
    ),
    "a stochastic matrix has spectral radius at most 1": (
        draw(P=draw.stochastic_matrices("m", "m"), sizes={"m": (1, 3)}),
        lambda xp, P: (xp.linalg.spectral_radius(P), xp.asarray(1)),
    ),
    "Cauchy and Schwarz, of unit vectors": (
        draw(x=draw.unit_vectors(), y=draw.unit_vectors()),
        lambda xp, x, y: (xp.abs(x @ y), xp.asarray(1)),
    ),
    "the rearrangement inequality": (
        draw(x=draw.vectors("m"), y=draw.vectors("m"), order=draw.permutations("m")),
        lambda xp, x, y, order: (
            xp.sum(xp.sort(x) * xp.take(xp.sort(y), order)), xp.sum(xp.sort(x) * xp.sort(y)),
        ),
    ),
    "principal minors of contractions fall": (
        draw(L=draw.triangular(), J=draw.subsets(), sizes={"m": (1, 3)}),
        lambda xp, L, J: (
            xp.sum(xp.take(L, J, axis=0) ** 2), xp.sum(L**2),
        ),
    ),
    "Kronecker products multiply traces": (
        draw(A=draw.symmetric(), B=draw.symmetric(), sizes={"m": (1, 3)}),
        lambda xp, A, B: (
            xp.linalg.trace(xp.kron(A, B)), xp.linalg.trace(A) * xp.linalg.trace(B) + 1,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LEMMAS)
def test_true_lemmas_with_the_new_words_and_draws_are_green(name):
    instances, body = LEMMAS[name]
    conclusion, message = concluded(claim("test.lemma", name, instances)(body), budget=1.0)
    assert conclusion in GREEN, message
