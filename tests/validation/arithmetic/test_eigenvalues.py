"""Certified eigenvalues against spectra that are known exactly, and against attacks."""

import itertools
from fractions import Fraction

import flint
import numpy as np
import pytest
from flint import arb, arb_mat, fmpq, fmpq_mat
from hypothesis import given
from hypothesis import strategies as st

from validation.arithmetic import Undecided, Undefined, balls
from validation.arithmetic.ball import Balls
from validation.arithmetic.eigenvalues import cholesky, eigenvalues, spectral_norm
from validation.arithmetic.refinement import diagonalise, frobenius, identity

PRECISIONS = st.sampled_from([64, 128, 256])


def reflections(m, vectors):
    """An exactly orthogonal rational matrix: a product of Householder reflections."""
    Q = fmpq_mat(m, m, [int(i == j) for i in range(m) for j in range(m)])
    for v in vectors:
        norm = sum(x * x for x in v)
        if norm:
            H = [int(i == j) - fmpq(2 * v[i] * v[j], norm) for i in range(m) for j in range(m)]
            Q = Q * fmpq_mat(m, m, H)
    return Q


def diagonal(values):
    m = len(values)
    return fmpq_mat(m, m, [values[i] if i == j else 0 for i in range(m) for j in range(m)])


def as_balls(matrix):
    return arb_mat(matrix.nrows(), matrix.ncols(), [arb(x) for x in matrix.entries()])


@st.composite
def known_spectra(draw, max_m=7):
    """A rational symmetric matrix and its spectrum, with repetitions and near-repetitions."""
    m = draw(st.integers(1, max_m))
    few = draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3))
    values = []
    for _ in range(m):
        value = fmpq(draw(st.sampled_from(few)))
        nudge = draw(st.sampled_from([None, None, 10, 40, 60, 110]))
        values.append(value if nudge is None else value + fmpq(1, 2**nudge))
    vectors = draw(
        st.lists(st.lists(st.integers(-3, 3), min_size=m, max_size=m), min_size=1, max_size=3)
    )
    Q = reflections(m, vectors)
    return Q * diagonal(values) * Q.transpose(), sorted(values)


@given(known_spectra(), PRECISIONS)
def test_enclosures_contain_the_exact_spectrum_and_are_narrow(matrix_and_values, precision):
    matrix, values = matrix_and_values
    with balls(precision).active():
        found = eigenvalues(as_balls(matrix))
        assert len(found) == len(values)
        for ball, value in zip(found, values):
            with balls(2000).active():
                assert ball.lower() <= arb(value) <= ball.upper()
            assert ball.is_finite()
            # Not much wider than the rounding of the entries, clusters or not.
            assert ball.rad() < arb(2) ** (14 - precision) * 4


@pytest.mark.parametrize("m", [1, 2, 5, 9])
@pytest.mark.parametrize("rank", [0, 1, 3])
def test_the_zeros_of_a_rank_deficient_gram_matrix_are_found(m, rank, rng):
    with balls(128).active():
        F = arb_mat(m, rank, [float(x) for x in rng.normal(size=m * rank)])
        found = eigenvalues(F * F.transpose())
        zeros, rest = found[: max(m - rank, 0)], found[max(m - rank, 0) :]
        assert all(x.contains(0) and x.rad() < 1e-35 for x in zeros)
        assert all(x > 0 for x in rest)


def test_a_fourfold_eigenvalue_is_enclosed():
    with balls(128).active():
        J = fmpq_mat(5, 5, [2 if i == j else 1 for i in range(5) for j in range(5)])
        found = eigenvalues(as_balls(J))
        assert all(x.contains(1) and x.rad() < 1e-36 for x in found[:4])
        assert found[4].contains(6)


def test_clusters_within_clusters_are_split():
    values = [1 + fmpq(1, 2**k) for k in (400, 300, 150, 80)] + [fmpq(1), fmpq(3)]
    Q = reflections(6, [[1, 2, 0, -1, 1, 3], [0, 1, -1, 2, 2, 1]])
    with balls(512).active():
        found = eigenvalues(as_balls(Q * diagonal(values) * Q.transpose()))
        for low, high in itertools.pairwise(found):
            assert low < high


@pytest.mark.parametrize("power", [-4000, -1200, -1000, 1000, 1200, 4000])
def test_sizes_outside_the_range_of_floats_change_nothing(power):
    values = [fmpq(1), fmpq(2), fmpq(2), fmpq(7, 2)]
    Q = reflections(4, [[1, 2, 0, -1], [0, 1, -1, 2]])
    with balls(128).active():
        scale = arb(fmpq(2) ** power)
        found = eigenvalues(as_balls(Q * diagonal(values) * Q.transpose()) * scale)
        for x, value in zip(found, values):
            assert (x / scale).contains(arb(value))
            assert (x / scale).rad() < 1e-35


def test_a_graded_matrix_keeps_absolute_accuracy():
    with balls(128).active():
        values = [fmpq(10) ** -12, fmpq(1), fmpq(10) ** 12]
        Q = reflections(3, [[1, 2, 2], [3, 0, -1]])
        found = eigenvalues(as_balls(Q * diagonal(values) * Q.transpose()))
        assert all(x.contains(arb(v)) or (x - arb(v)).contains(0) for x, v in zip(found, values))
        assert found[0].rad() < 1e-24
        assert found[0] > 0


@given(known_spectra(max_m=5), st.sampled_from([1e-3, 1e-1, 1.0]), st.integers(0, 2**32))
def test_no_symmetric_matrix_inside_wide_balls_escapes(matrix_and_values, radius, seed):
    matrix, _ = matrix_and_values
    rng = np.random.default_rng(seed)
    m = matrix.nrows()
    with balls(96).active():
        wide = [arb(matrix[i, j], radius) for i in range(m) for j in range(m)]
        found = eigenvalues(arb_mat(m, m, wide))
        for _ in range(5):
            # exactly representable shifts at and inside the radius
            shift = rng.choice([-1.0, 1.0, 0.0, 0.5], size=(m, m)) * radius
            inside = [
                arb(matrix[i, j]) + arb(float(shift[min(i, j), max(i, j)]))
                for i in range(m)
                for j in range(m)
            ]
            for ball, value in zip(found, eigenvalues(arb_mat(m, m, inside))):
                assert ball.lower() <= value.mid() <= ball.upper()
        assert all(x.rad() < 4 * m * radius + 1e-20 for x in found)


def test_a_radius_of_the_wrong_triangle_is_shared():
    with balls(128).active():
        a = arb_mat(2, 2, [1, arb(0.5, 0.25), 0.5, 1])
        found = eigenvalues(a)
        assert found[0].contains(0.5)
        assert found[1].contains(1.5)


def test_a_certainly_asymmetric_matrix_is_an_error():
    with balls(128).active(), pytest.raises(Undefined, match="symmetric"):
        eigenvalues(arb_mat(2, 2, [1, 2, 3, 1]))


def test_what_is_not_finite_has_no_eigenvalues():
    with balls(128).active():
        for bad in (arb("nan"), arb("inf"), arb(0, arb("inf"))):
            assert all(x.is_nan() for x in eigenvalues(arb_mat(2, 2, [1, bad, bad, 1])))


def test_the_empty_and_the_single_are_themselves():
    assert eigenvalues(arb_mat(0, 0)) == []
    assert eigenvalues(arb_mat(1, 1, [arb(2, 1)]))[0].rad() < 1.001
    xp = balls(128).xp
    assert xp.linalg.eigvalsh(xp.zeros((0, 0))).shape == (0,)
    assert xp.linalg.matrix_norm(xp.zeros((0, 3)), ord=2) == 0
    assert xp.linalg.det(xp.zeros((0, 0))) == 1
    assert xp.linalg.solve(xp.zeros((0, 0)), xp.zeros((0, 2))).shape == (0, 2)
    assert (xp.zeros((2, 0)) @ xp.zeros((0, 3))).shape == (2, 3)


@pytest.mark.parametrize("precision", [64, 128, 1024])
def test_the_refined_vectors_have_the_precision_asked_for(precision, rng):
    with balls(precision).active():
        A = rng.normal(size=(6, 6))
        centre = arb_mat(6, 6, (A + A.T).ravel().tolist())
        state = diagonalise(centre)
        limit = arb(2) ** (12 - precision)
        assert state.error < limit * frobenius(centre)
        assert state.defect < limit
        V = state.vectors
        assert frobenius(V.transpose() * V - identity(6)) < limit


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 2**32),
    st.sampled_from([0, 1, 2]),
    PRECISIONS,
)
def test_spectral_norms_agree_with_float64_and_dominate_products(rows, columns, seed, rank, bits):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))
    with balls(bits).active():
        norm = spectral_norm(arb_mat(rows, columns, A.ravel().tolist()))
        assert float(norm) == pytest.approx(np.linalg.norm(A, 2), rel=1e-7, abs=1e-7)
        assert norm.upper() >= 0
        # Exactly: ||A v|| <= upper(norm) ||v|| for every integer vector.
        upper = Fraction(0) if norm.upper() == 0 else fraction(norm.upper())
        for _ in range(5):
            v = [int(x) for x in rng.integers(-4, 5, size=columns)]
            image = [sum(Fraction(A[i, j]) * v[j] for j in range(columns)) for i in range(rows)]
            assert sum(x * x for x in image) <= upper**2 * sum(x * x for x in v)


def fraction(exact):
    mantissa, exponent = exact.man_exp()
    return int(mantissa) * Fraction(2) ** int(exponent)


def test_the_spectral_norm_of_exact_vectors_and_orthogonal_matrices_is_narrow():
    with balls(128).active():
        assert spectral_norm(arb_mat(1, 2, [3, 4])) == 5
        norm = spectral_norm(as_balls(reflections(4, [[1, 2, 3, 4]])))
        assert norm.contains(1)
        assert norm.rad() < 1e-36


def test_cholesky_says_definite_indefinite_or_undecided():
    with balls(128).active():
        S = arb_mat(2, 2, [2, 1, 1, 2])
        L = cholesky(S)
        assert (L * L.transpose()).contains(S)
        assert L[0, 1] == 0
        with pytest.raises(Undefined):
            cholesky(arb_mat(2, 2, [1, 2, 2, 1]))
        with pytest.raises(Undecided):
            cholesky(arb_mat(2, 2, [1, 1, 1, 1]))
        assert Balls.of_matrix(L).shape == (2, 2)


def test_flint_itself_gives_up_on_repeated_eigenvalues():
    # Why this module exists; if FLINT learns it, the module can shrink.
    with balls(128).active():
        J = flint.acb_mat(5, 5, [2 if i == j else 1 for i in range(5) for j in range(5)])
        Q = flint.acb_mat(as_balls(reflections(5, [[1, 2, 3, 4, 5]])))
        with pytest.raises(ValueError, match="isolate"):
            (Q * J * Q.transpose()).eig()


@pytest.mark.parametrize("scale", [0.75, 0.99, 1.01, 1.1])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_bad_eigenvectors_give_wide_enclosures_and_not_wrong_ones(scale, noise, monkeypatch, rng):
    from validation.arithmetic import eigenvalues as module
    from validation.arithmetic import refinement

    values = [fmpq(-2), fmpq(1), fmpq(1), fmpq(5)]
    Q = reflections(4, [[1, 2, 0, -1], [0, 1, -1, 2]])

    def careless(centre):
        exact = np.array([float(arb(x)) for x in Q.entries()]).reshape(4, 4)
        V = scale * exact + noise * rng.normal(size=(4, 4))
        vectors = arb_mat(4, 4, V.ravel().tolist())
        return refinement._examine(centre, frobenius(centre), vectors)

    monkeypatch.setattr(module, "diagonalise", careless)
    with balls(128).active():
        found = eigenvalues(as_balls(Q * diagonal(values) * Q.transpose()))
        assert all(x.contains(arb(v)) for x, v in zip(found, sorted(values)))
        assert all(x.rad() > 1e-3 for x in found)


def test_eigenvectors_that_are_not_certainly_independent_decide_nothing(monkeypatch):
    from validation.arithmetic import eigenvalues as module
    from validation.arithmetic import refinement

    def dependent(centre):
        return refinement._examine(centre, frobenius(centre), arb_mat(2, 2, [1, 1, 1, 1]))

    monkeypatch.setattr(module, "diagonalise", dependent)
    with balls(128).active(), pytest.raises(Undecided, match="independent"):
        eigenvalues(arb_mat(2, 2, [2, 1, 1, 2]))
