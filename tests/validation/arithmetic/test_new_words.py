"""Singular values, spectral radii, eigenvectors, ranks, logarithms: against mpmath."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.arithmetic import RATIONALS, Undecided, Undefined, Unsupported, balls
from validation.arithmetic.ball import Balls, lower, upper

B = balls(128)
xp = B.xp
DIGITS = 60


@pytest.fixture(autouse=True)
def _active():
    with B.active(), mpmath.workdps(DIGITS):
        yield


def ball(mid, radius=0.0):
    return Balls.of_entries(arb(mid, radius))


def encloses(found, number, width=1e-30):
    """Whether a ball contains a number known to 50 digits, and is narrow relative to 1 + |x|."""
    with balls(220).active():
        exact = arb(mpmath.nstr(mpmath.mpf(number), 55)) + arb(0, 1e-48 * (1 + abs(float(number))))
        assert found.is_finite()
        assert found.overlaps(exact), (found, number)
        assert found.rad() <= width * (1 + abs(float(number))), (found, number)
    return True


def matrices(low=1, high=4, square=False):
    """Matrices of any rank, of small dyadic numbers or of very different sizes."""

    @st.composite
    def made(draw):
        rows = draw(st.integers(low, high))
        columns = rows if square else draw(st.integers(low, high))
        rank = draw(st.integers(0, min(rows, columns)))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        left, right = rng.integers(-3, 4, (rows, rank)), rng.integers(-3, 4, (rank, columns))
        scale = draw(st.sampled_from([1.0, 0.25, 2.0**40, 2.0**-40]))
        if draw(st.booleans()):
            return rng.integers(-4, 5, (rows, columns)) * scale
        return (left @ right) * scale

    return made()


# -- singular values -------------------------------------------------------------------------------


@settings(max_examples=60)
@given(matrices())
def test_singular_values_are_those_of_mpmath_and_zeros_are_exact(A):
    found = xp.linalg.svdvals(B.lift(A)).flat()
    expected = sorted(mpmath.svd_r(mpmath.matrix(A.tolist()), compute_uv=False), reverse=True)
    rank = int(np.linalg.matrix_rank(A))
    scale = float(np.abs(A).max()) or 1.0
    assert len(found) == min(A.shape)
    for i, (value, number) in enumerate(zip(found, expected)):
        if i >= rank:
            assert value.is_exact()
            assert value == 0
        else:
            assert encloses(value / scale, number / scale)
    # descending, as far as they do not overlap
    assert not any(a < b for a, b in itertools.pairwise(found))


def test_singular_values_near_zero_keep_all_digits():
    # By the Gram matrix, 2^-50 would be known to 2^-78 only.
    tiny = 2.0**-50
    found = xp.linalg.svdvals(B.lift([[1.0, 1.0], [1.0, 1.0 + tiny], [1.0, 1.0]]))
    small = found[1].entries()
    with mpmath.workdps(80):
        A = mpmath.matrix([[1, 1], [1, 1 + mpmath.mpf(tiny)], [1, 1]])
        exact = mpmath.svd_r(A, compute_uv=False)[1]
        assert abs(mpmath.mpf(upper(small)) - exact) < 3e-16 * exact
    assert small.rad() < 1e-36


@settings(max_examples=25)
@given(matrices(), st.sampled_from([2.0**-60, 2.0**-20, 2.0**-4]), st.integers(0, 2**32))
def test_singular_values_of_points_do_not_escape(A, radius, seed):
    rng = np.random.default_rng(seed)
    radius *= float(np.abs(A).max()) or 1.0
    wide = Balls._from_list([arb(float(x), radius) for x in A.ravel()], A.shape)
    outer = xp.linalg.svdvals(wide).flat()
    for _ in range(3):
        point = A + radius * rng.choice([-1.0, 0.0, 0.5, 1.0], size=A.shape)
        for value, inner in zip(outer, xp.linalg.svdvals(B.lift(point)).flat()):
            assert value.overlaps(inner)
            assert value.lower() <= inner.upper() + arb(0, 1e-30).upper()


def test_the_nuclear_norm_is_the_sum_of_singular_values():
    A = B.lift([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]])
    assert xp.linalg.matrix_norm(A, ord="nuc").entries().overlaps(arb(5))
    assert xp.linalg.matrix_norm(A, ord="nuc").entries().rad() < 1e-36
    orthogonal = B.lift([[0.0, 1.0], [-1.0, 0.0]])
    assert xp.linalg.matrix_norm(orthogonal, ord="nuc").entries().overlaps(arb(2))
    assert xp.linalg.matrix_norm(B.lift(np.zeros((0, 3))), ord="nuc") == 0
    with pytest.raises(Unsupported):
        RATIONALS.xp.linalg.matrix_norm(RATIONALS.lift([[1.0, 2.0]]), ord="nuc")


# -- ranks and pseudo-inverses ---------------------------------------------------------------------


@settings(max_examples=60)
@given(matrices(low=0))
def test_ranks_and_pseudo_inverses_are_those_of_the_rationals(A):
    exact = RATIONALS.lift(A)
    assert int(xp.linalg.matrix_rank(B.lift(A))) == int(RATIONALS.xp.linalg.matrix_rank(exact))
    found, expected = xp.linalg.pinv(B.lift(A)), RATIONALS.xp.linalg.pinv(exact)
    assert found.shape == expected.shape == A.shape[::-1]
    for value, number in zip(found.flat(), expected.flat()):
        with balls(1000).active():
            assert (value - arb(number)).contains(0)
        assert value.rad() <= 1e-28 * (1 + abs(value).upper())


def test_a_rank_that_is_not_certain_is_undecided():
    wide = Balls._from_list([arb(1, 1e-30), arb(1), arb(1), arb(1)], (2, 2))
    for function in (xp.linalg.matrix_rank, xp.linalg.pinv):
        with pytest.raises(Undecided, match="not exact and not certainly of full rank"):
            function(wide)
    full = Balls._from_list([arb(2, 1e-3), arb(1), arb(1), arb(1)], (2, 2))
    assert int(xp.linalg.matrix_rank(full)) == 2
    assert (full @ xp.linalg.pinv(full))[0, 0].entries().contains(1)


def test_no_rank_is_certified_that_some_point_does_not_have(rng):
    for _ in range(200):
        A = rng.integers(-2, 3, (3, 2)).astype(float)
        radius = float(rng.choice([0.0, 2.0**-20, 0.25, 1.0]))
        wide = Balls._from_list([arb(x, radius) for x in A.ravel()], A.shape)
        try:
            rank = int(xp.linalg.matrix_rank(wide))
        except Undecided:
            continue
        points = [A + radius * rng.choice([-1.0, 0.0, 1.0], size=A.shape) for _ in range(8)]
        assert {int(RATIONALS.xp.linalg.matrix_rank(RATIONALS.lift(P))) for P in points} == {rank}


# -- the spectral radius ---------------------------------------------------------------------------


@settings(max_examples=60)
@given(matrices(square=True))
def test_the_spectral_radius_is_that_of_mpmath(A):
    scale = 2.0 ** np.ceil(np.log2(np.abs(A).max() or 1.0))
    found = xp.linalg.spectral_radius(B.lift(A)).entries() / scale
    with mpmath.workdps(200):
        # Eigenvalues of a defective matrix move by a root of a change; 50 digits are left.
        values = [mpmath.mpf(A[0, 0]) / scale]
        if len(A) > 1:
            values = mpmath.eig(mpmath.matrix((A / scale).tolist()), left=False, right=False)
        largest = max(abs(value) for value in values)
    with balls(220).active():
        assert found.overlaps(arb(mpmath.nstr(largest, 55)) + arb(0, 1e-38))
        assert found.rad() < 1e-30


@pytest.mark.parametrize(
    ("A", "radius", "width"),
    [
        ([[2.0]], 2, 1e-36),
        ([[-3.0]], 3, 1e-36),
        ([[0.0, -1.0], [1.0, 0.0]], 1, 1e-36),  # a rotation
        ([[0.0, 1.0], [0.0, 0.0]], 0, 0),  # nilpotent, triangular
        ([[1.0, -1.0], [1.0, -1.0]], 0, 0),  # nilpotent, not triangular
        ([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 2.0]], 2, 0),  # a Jordan block
        ([[1.0, 1.0, 0.0], [-1.0, 3.0, 0.0], [0.0, 0.0, 1.0]], 2, 1e-36),  # defective
        ([[0.0, 1.0], [1.0, 0.0]], 1, 1e-36),  # 1 and -1 tie
        ([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 1, 1e-36),  # three tie on the circle
        ([[0.0] * 3] * 3, 0, 0),
    ],
)
def test_known_spectral_radii(A, radius, width):
    found = xp.linalg.spectral_radius(B.lift(A)).entries()
    assert found.contains(radius)
    assert found.rad() <= width


@settings(max_examples=40)
@given(matrices(square=True), st.sampled_from([2.0**-60, 2.0**-20, 2.0**-4]), st.integers(0, 2**32))
def test_spectral_radii_of_points_do_not_escape(A, radius, seed):
    rng = np.random.default_rng(seed)
    radius *= float(np.abs(A).max()) or 1.0
    wide = Balls._from_list([arb(float(x), radius) for x in A.ravel()], A.shape)
    outer = xp.linalg.spectral_radius(wide).entries()
    assert outer.is_finite()
    for _ in range(4):
        point = A + radius * rng.choice([-1.0, 0.0, 0.5, 1.0], size=A.shape)
        assert outer.overlaps(xp.linalg.spectral_radius(B.lift(point)).entries())


def test_a_ball_around_a_defective_matrix_is_as_wide_as_its_eigenvalues_are_sensitive():
    for radius, width in ((2.0**-100, 2.0**-46), (2.0**-40, 2.0**-16)):
        A = np.array([[1.0, 1.0, 0.0], [-1.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
        wide = Balls._from_list([arb(x, radius) for x in A.ravel()], (3, 3))
        found = xp.linalg.spectral_radius(wide).entries()
        assert found.contains(2)
        assert found.rad() < width


def test_spectral_radii_of_stacks_and_of_nothing():
    stack = B.lift(np.stack([2 * np.eye(2), np.zeros((2, 2))]))
    assert [float(upper(x)) for x in xp.linalg.spectral_radius(stack).flat()] == [2.0, 0.0]
    assert xp.linalg.spectral_radius(B.lift(np.zeros((0, 0)))) == 0
    with pytest.raises(ValueError, match="square"):
        xp.linalg.spectral_radius(B.lift(np.zeros((2, 3))))
    bad = Balls._from_list([arb("nan"), arb(1), arb(1), arb(1)], (2, 2))
    assert not xp.linalg.spectral_radius(bad).entries().is_finite()


# -- eigenvectors ----------------------------------------------------------------------------------


@st.composite
def symmetric(draw):
    n = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    A = rng.integers(-4, 5, (n, n)) / 4.0
    return (A + A.T) * draw(st.sampled_from([1.0, 2.0**60, 2.0**-60]))


@settings(max_examples=60)
@given(symmetric())
def test_eigenvectors_diagonalise_and_are_narrow_or_undecided(A):
    S = B.lift(A)
    gaps = np.diff(np.linalg.eigvalsh(A))
    scale = float(np.abs(A).max()) or 1.0
    try:
        values, V = xp.linalg.eigh(S)
    except Undecided:
        assert gaps.size
        assert gaps.min() < 1e-12 * scale
        return
    n = len(A)
    for residual in (S @ V - V * values[None, :], (V.T @ V - xp.eye(n)) * scale):
        for x in residual.flat():
            assert x.contains(0)
            assert x.rad() <= 1e-26 * scale
    weights = (633 / 1024) ** np.arange(n)
    assert (B.lift(weights) @ V > 0).all()


@settings(max_examples=25)
@given(symmetric(), st.sampled_from([2.0**-60, 2.0**-20, 2.0**-8]), st.integers(0, 2**32))
def test_eigenvectors_of_points_do_not_escape(A, radius, seed):
    rng = np.random.default_rng(seed)
    radius *= float(np.abs(A).max()) or 1.0
    wide = Balls._from_list([arb(float(x), radius) for x in A.ravel()], A.shape)
    try:
        outer = xp.linalg.eigh(wide)[1].flat()
    except Undecided:
        return
    for _ in range(4):
        E = np.tril(radius * rng.choice([-1.0, 0.0, 0.5, 1.0], size=A.shape))
        inner = xp.linalg.eigh(B.lift(A + E + np.tril(E, -1).T))[1].flat()
        assert all(a.overlaps(b) for a, b in zip(outer, inner))


def test_equal_eigenvalues_have_no_certain_eigenvectors():
    with pytest.raises(Undecided, match="not certainly different"):
        xp.linalg.eigh(xp.eye(2))
    with pytest.raises(Undefined, match="symmetric"):
        xp.linalg.eigh(B.lift([[1.0, 2.0], [0.0, 1.0]]))
    values, vectors = xp.linalg.eigh(B.lift([[3.0]]))
    assert values[0] == 3
    assert vectors[0, 0] == 1


# -- functions of one number -----------------------------------------------------------------------

POINTS = st.one_of(
    st.integers(1, 64).map(lambda i: i / 8), st.floats(2.0**-40, 2.0**10, allow_subnormal=False)
)


@given(POINTS)
def test_values_at_points_are_those_of_mpmath(x):
    exact = mpmath.mpf(x)
    assert encloses(xp.xlogx(B.lift(x)).entries(), exact * mpmath.log(exact))
    assert encloses(xp.log2(B.lift(x)).entries(), mpmath.log(exact) / mpmath.log(2))
    assert encloses(xp.lgamma(B.lift(x)).entries(), mpmath.loggamma(exact))
    assert encloses(xp.erf(B.lift(x)).entries(), mpmath.erf(exact))
    assert encloses((B.lift(x) ** Fraction(1, 3)).entries(), exact ** (mpmath.mpf(1) / 3))
    assert encloses((B.lift(x) ** 0.75).entries(), exact ** mpmath.mpf("0.75"))


@given(st.floats(0, 3), st.sampled_from([0.0, 2.0**-30, 0.25, 1.0]), st.floats(-1, 1))
def test_values_in_balls_that_touch_zero_are_enclosed(mid, radius, part):
    point = mid + radius * (round(part * 16) / 16)
    for function in (xp.xlogx, lambda x: x ** Balls.lift(1.5), lambda x: x ** Balls.lift(0.25)):
        outer = function(ball(mid, radius)).entries()
        assert outer.is_finite()
        if point < 0:
            continue
        inner = function(B.lift(float(point))).entries()
        assert (outer + arb(0, 1e-30)).contains(inner)


def test_x_log_x_is_zero_at_zero_and_narrow_around_it():
    assert xp.xlogx(B.lift(0.0)) == 0
    around = xp.xlogx(ball(0, 0.25)).entries()
    assert lower(around) < 0.25 * math.log(0.25)
    assert lower(around) > -0.35
    assert upper(around) < 1e-3
    assert upper(xp.xlogx(ball(0, 2.0)).entries()) < 1.4
    assert not xp.xlogx(B.lift(-1.0)).entries().is_finite()
    assert RATIONALS.xp.xlogx(RATIONALS.lift(0.0)) == 0
    assert RATIONALS.xp.xlogx(RATIONALS.lift(1.0)) == 0
    with pytest.raises(Unsupported, match="xlogx"):
        RATIONALS.xp.xlogx(RATIONALS.lift(2.0))


def test_logarithms_of_powers_of_two_are_exact():
    for k in (-1074, -3, 0, 1, 52, 1023):
        assert xp.log2(B.lift(2.0**k)) == k
        assert RATIONALS.xp.log2(RATIONALS.lift(2.0**k)) == k
    with pytest.raises(Unsupported, match="log2"):
        RATIONALS.xp.log2(RATIONALS.lift(3.0))
    with pytest.raises(Undefined, match="log2"):
        RATIONALS.xp.log2(RATIONALS.lift(0.0))


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=5), st.sampled_from([0.0, 1e300]))
def test_logsumexp_does_not_overflow(numbers, shift):
    shift = shift if all(abs(x) < 1 for x in numbers) else 0.0
    found = xp.logsumexp(B.lift([x + shift for x in numbers])).entries()
    exact = [mpmath.mpf(x + shift) for x in numbers]
    top = max(exact)
    expected = top + mpmath.log(sum(mpmath.exp(x - top) for x in exact))
    assert encloses(found, expected)


@given(
    st.integers(0, 4096),
    st.integers(1, 4096),
    st.integers(-6, 6),
    st.integers(1, 6),
)
def test_powers_of_rationals_are_exact_or_refused(top, bottom, p, q):
    base = Fraction(top, bottom)
    power = Fraction(p, q)
    x = RATIONALS.lift(base**power.denominator)
    if base == 0 and power < 0:
        with pytest.raises(Undefined):
            x**power
        return
    assert x**power == RATIONALS.lift(base**power.numerator)
    if base > 1 and power.denominator > 1:
        with pytest.raises(Unsupported, match="not rational"):
            (x + Fraction(1, 10**9)) ** power


# -- sorting ---------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(-8, 8), st.sampled_from([0.0, 0.25, 1.0, 3.0])), min_size=1,
             max_size=6),
    st.integers(0, 2**32),
    st.booleans(),
)  # fmt: skip
def test_order_statistics_of_points_do_not_escape(pairs, seed, descending):
    rng = np.random.default_rng(seed)
    wide = Balls._from_list([arb(mid, radius) for mid, radius in pairs], (len(pairs),))
    outer = xp.sort(wide, descending=descending).flat()
    for _ in range(5):
        point = sorted(
            (mid + radius * rng.choice([-1.0, 0.0, 0.5, 1.0]) for mid, radius in pairs),
            reverse=descending,
        )
        assert all((b + arb(0, 1e-30)).contains(x) for b, x in zip(outer, point))
    if all(radius == 0 for _, radius in pairs):
        assert all(b.is_exact() for b in outer)


def test_signs_are_told_where_they_are_certain():
    assert [int(x) for x in map(int, xp.sign(B.lift([-2.0, 0.0, 1e-300])))] == [-1, 0, 1]
    with pytest.raises(Undecided, match="sign"):
        xp.sign(ball(0, 1e-30))


def test_truncation_is_told_where_it_is_certain():
    assert int(xp.astype(ball(2.5, 0.25), xp.int64)) == 2
    assert int(xp.astype(ball(-2.5, 0.25), xp.int64)) == -2
    assert int(xp.astype(ball(0, 0.5), xp.int64)) == 0
    with pytest.raises(Undecided):
        xp.astype(ball(1, 1e-20), xp.int64)


# -- exact zeros among eigenvalues ------------------------------------------------------------


@settings(max_examples=60)
@given(matrices())
def test_eigenvalues_that_are_zero_are_exactly_zero(A):
    signs = np.diag(np.where(np.arange(len(A[0])) % 2, -1.0, 1.0))
    for S in (A @ A.T, A @ signs @ A.T):
        found = xp.linalg.eigvalsh(B.lift(S)).flat()
        rank = int(RATIONALS.xp.linalg.matrix_rank(RATIONALS.lift(S)))
        zeros = [x for x in found if x == 0]
        assert len(zeros) == len(S) - rank
        assert all(x.is_exact() for x in zeros)
        assert not any(a > b for a, b in itertools.pairwise(found))


def test_a_small_eigenvalue_is_not_taken_for_zero():
    for tiny in (2.0**-140, -(2.0**-140), 2.0**-400):
        found = xp.linalg.eigvalsh(B.lift([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])).flat()
        assert found[0] > 0
        values = xp.linalg.eigvalsh(B.lift(np.diag([1.0, tiny, 0.0]))).flat()
        assert sum(x == 0 for x in values) == 0 or any(x.contains(tiny) for x in values)
        assert any(x.contains(tiny) for x in values)


@pytest.mark.timeout(30)
def test_a_power_that_would_never_be_finished_is_refused():
    for exponent in (10**12, -(10**12), Fraction(10**15, 3)):
        with pytest.raises((Unsupported, Undefined), match="too long"):
            RATIONALS.lift(3.0) ** RATIONALS.lift(Fraction(exponent))
    assert RATIONALS.lift(3.0) ** RATIONALS.lift(Fraction(400)) == 3**400
    assert RATIONALS.lift(1.0) ** RATIONALS.lift(Fraction(1000)) == 1
