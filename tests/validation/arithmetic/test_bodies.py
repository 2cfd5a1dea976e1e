"""Typical bodies of claims mean the same in NumPy, the strict standard, balls and rationals."""

import functools
import math
import operator
import subprocess
import sys

import flint
import numpy as np
import pytest
from flint import arb
from helpers import strict_arithmetic as strict
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from validation.arithmetic import FLOAT64, RATIONALS, Undecided, Undefined, Unsupported, balls
from validation.arithmetic.ball import Balls

B = balls(128)


@pytest.fixture(autouse=True)
def _active():
    with B.active():
        yield


# -- bodies -------------------------------------------------------------------------------------


def covariance(xp, F):
    return F @ F.mT / F.shape[1]


def degrees_of_freedom(xp, F, lam):
    S = covariance(xp, F)
    return xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))


def leverage_scores(xp, F, lam):
    S = covariance(xp, F)
    return xp.linalg.diagonal(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))


def ridge_schur_complement(xp, F, lam):
    S = covariance(xp, F)
    J = xp.asarray([0, 2])
    SJ = xp.take(S, J, axis=0)
    return S - SJ.mT @ xp.linalg.solve(xp.take(SJ, J, axis=1) + lam * xp.eye(2), SJ)


def tail_by_eigenvalues(xp, F, lam):
    mu = xp.flip(xp.linalg.eigvalsh(covariance(xp, F)))
    return xp.sum(mu[1:] / (mu[1:] + lam)) + xp.sum(xp.astype(mu > 1e9, xp.float64))


def dpp_normalisation(xp, F, lam):
    S = covariance(xp, F)
    return xp.linalg.det(xp.eye(S.shape[0]) + S / lam)


def log_determinant(xp, F, lam):
    sign, value = xp.linalg.slogdet(covariance(xp, F) + lam * xp.eye(F.shape[0]))
    return sign * value


def network(xp, F, lam, activation=lambda xp, x: xp.maximum(x, 0.0)):
    h = xp.zeros((F.shape[0],))
    outputs = []
    for t in range(3):
        h = activation(xp, lam * (F[:, :1] * h[None, :]) @ xp.ones(h.shape[0]) + F[:, t % 2])
        outputs.append(h)
    return xp.stack(outputs, axis=0)


def geometric_sum(xp, F, lam):
    total = xp.zeros(())
    for _ in range(4):
        total = total * lam + 1
    return total * xp.linalg.matrix_norm(F, ord=2) * xp.linalg.matrix_norm(F)


def stacks_of_matrices(xp, F, lam):
    S = covariance(xp, F)
    both = xp.stack([S + lam * xp.eye(S.shape[0]), 2 * S + xp.eye(S.shape[0])])
    return xp.linalg.trace(xp.linalg.solve(both, S[None, ...]) @ both)


RATIONAL = [
    degrees_of_freedom,
    leverage_scores,
    ridge_schur_complement,
    dpp_normalisation,
    network,
    stacks_of_matrices,
]
ROOTS = [
    tail_by_eigenvalues,
    log_determinant,
    geometric_sum,
    functools.partial(network, activation=lambda xp, x: xp.tanh(x)),
]
FACTORS = st.integers(0, 2**32).map(
    lambda seed: np.random.default_rng(seed).integers(-16, 17, size=(4, 3)) / 8.0
)
LAMS = st.integers(1, 64).map(lambda n: n / 16)


@pytest.mark.parametrize("body", RATIONAL + ROOTS, ids=lambda f: getattr(f, "__name__", "tanh"))
@given(FACTORS, LAMS)
def test_a_body_means_the_same_in_four_arithmetics(body, F, lam):
    expected = strict.values(body(strict.xp, strict.lift(F), strict.lift(lam)))
    with FLOAT64.active():
        fast = body(FLOAT64.xp, FLOAT64.lift(F), FLOAT64.lift(lam))
    np.testing.assert_allclose(fast, expected, rtol=1e-9, atol=1e-9)
    with B.active():
        low, high = B.enclosure(body(B.xp, B.lift(F), B.lift(lam)))
        value = body(B.xp, B.lift(F), B.lift(lam))
    assert low.shape == expected.shape
    np.testing.assert_allclose(low, expected, rtol=1e-9, atol=1e-9)
    assert (high - low <= 1e-15 * np.abs(high) + 1e-18).all()
    if body in RATIONAL:
        exact = body(RATIONALS.xp, RATIONALS.lift(F), RATIONALS.lift(lam))
        for ball, number in zip(value.flat(), exact.flat()):
            with balls(1000).active():
                assert (ball - number).contains(0)
            assert ball.rad() < 1e-30


@settings(max_examples=12)
@given(FACTORS, LAMS, st.sampled_from([2.0**-40, 2.0**-20, 2.0**-7]), st.integers(0, 2**32))
def test_no_point_inside_the_inputs_escapes_the_outputs(F, lam, radius, seed):
    rng = np.random.default_rng(seed)
    wide = Balls._from_list([arb(float(x), radius) for x in F.ravel()], F.shape)
    # Every point is exact: the entries are eighths, the radius a power of two.
    points = [F + radius * rng.choice([-1.0, -0.5, 0.0, 1.0], size=F.shape) for _ in range(3)]
    for body in RATIONAL + ROOTS:
        with balls(128).active():
            try:
                outer = body(B.xp, wide, Balls.of_entries(arb(lam)))
            except Undecided:
                continue
            for point in points:
                inner = body(B.xp, B.lift(point), B.lift(lam))
                for big, small in zip(outer.flat(), inner.flat()):
                    assert not big.is_finite() or big.overlaps(small)
                    assert not big.is_finite() or small.rad() < 1e-25
                    assert not big.is_finite() or (big + arb(0, 1e-25)).contains(small)


UNARY = ["sqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "abs", "square"]


@pytest.mark.parametrize("name", UNARY)
@given(st.floats(-8, 8), st.sampled_from([0.0, 1e-20, 1e-3, 1.0, 4.0]), st.floats(-1, 1))
def test_elementwise_functions_enclose_the_value_at_every_point(name, mid, radius, part):
    function = getattr(B.xp, name)
    point = arb(mid) + arb(part) * radius
    with balls(64).active():
        try:
            outer = function(Balls.of_entries(arb(mid, radius))).entries()
        except Undefined:
            assume(False)
    with balls(300).active():
        lowest = {"sqrt": 0, "log": 0, "log1p": -1}.get(name)
        assume(lowest is None or point > lowest or (name == "sqrt" and point == 0))
        inner = function(Balls.of_entries(point)).entries()
        assert not outer.is_finite() or outer.contains(inner)
        if name in ("exp", "expm1", "tanh", "sin", "cos", "abs", "square", "sqrt"):
            assert outer.is_finite()


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("operation", ["add", "sub", "mul", "truediv"])
@given(st.lists(st.floats(-4, 4), min_size=4, max_size=4), st.sampled_from([0.0, 1e-9, 1.0]))
def test_pairs_enclose_the_value_at_every_point(name, operation, numbers, radius):
    a, b, s, t = numbers
    wide = [Balls.of_entries(arb(x, radius)) for x in (a, b)]
    point = [Balls.of_entries(arb(x) + arb(y / 4) * radius) for x, y in ((a, s), (b, t))]
    for function in (getattr(B.xp, name), getattr(operator, operation)):
        outer, inner = function(*wide).entries(), function(*point).entries()
        assert not outer.is_finite() or (outer + arb(0, 1e-30)).contains(inner)


@given(st.data())
def test_shapes_follow_the_standard(data):
    shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)
    shape = data.draw(shapes)
    array = np.arange(1.0, 1 + math.prod(shape)).reshape(shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    keep = data.draw(st.booleans())
    index = tuple(
        data.draw(
            st.sampled_from(
                [0, -1, slice(None), slice(None, None, -1), slice(0, 1), slice(1, None)]
            )
        )
        for _ in shape
    )
    calls = [
        lambda xp, x: xp.sum(x, axis=axis, keepdims=keep),
        lambda xp, x: xp.max(x, axis=axis, keepdims=keep),
        lambda xp, x: xp.prod(x, axis=axis, keepdims=keep),
        lambda xp, x: xp.mean(x, keepdims=keep),
        lambda xp, x: xp.sum(x, axis=tuple(range(len(shape)))),
        lambda xp, x: xp.cumulative_sum(x, axis=axis, include_initial=keep),
        lambda xp, x: xp.stack([x, 2 * x], axis=axis),
        lambda xp, x: xp.concat([x, 2 * x], axis=axis),
        lambda xp, x: xp.concat([x, 2 * x], axis=None),
        lambda xp, x: xp.flip(x, axis=axis),
        lambda xp, x: xp.expand_dims(x, axis=axis),
        lambda xp, x: xp.permute_dims(x, tuple(reversed(range(len(shape))))),
        lambda xp, x: xp.reshape(x, (-1,)),
        lambda xp, x: xp.broadcast_to(x, (2, *shape)),
        lambda xp, x: xp.take(x, xp.asarray([0, 0]), axis=axis),
        lambda xp, x: x + xp.sum(x, axis=axis, keepdims=True),
        lambda xp, x: xp.linalg.vector_norm(x, axis=axis, keepdims=keep, ord=math.inf),
        lambda xp, x: x[index],
        lambda xp, x: x[None, ..., None],
    ]
    if len(shape) > 1:
        calls += [
            lambda xp, x: x @ x.mT,
            lambda xp, x: xp.linalg.trace(x, offset=axis),
            lambda xp, x: xp.linalg.diagonal(x, offset=-axis),
            lambda xp, x: xp.tril(x, k=axis),
            lambda xp, x: xp.triu(x, k=axis),
            lambda xp, x: xp.linalg.matrix_norm(x, ord=1, keepdims=keep),
            lambda xp, x: xp.vecdot(x, x, axis=-1),
        ]
    for call in calls:
        expected = strict.values(call(strict.xp, strict.lift(array)))
        for arithmetic in (B, RATIONALS):
            found = call(arithmetic.xp, arithmetic.lift(array))
            assert found.shape == expected.shape
            assert found.ndim == expected.ndim
            assert found.size == expected.size
            np.testing.assert_allclose(arithmetic.enclosure(found)[0], expected, rtol=1e-15)


@pytest.mark.parametrize("arithmetic", [B, RATIONALS], ids=str)
@pytest.mark.parametrize(
    "call",
    [
        lambda xp, x: xp.sum(x, axis=2),
        lambda xp, x: xp.linalg.solve(x, x),
        lambda xp, x: xp.linalg.det(x),
        lambda xp, x: x @ x,
        lambda xp, x: x[0] @ x,
        lambda xp, x: xp.take(x, [0, 5], axis=0),
        lambda xp, x: xp.take(x, [0]),
        lambda xp, x: xp.stack([x, x[0]]),
        lambda xp, x: x + x.T,
        lambda xp, x: x[5],
        lambda xp, x: x[0, 0, 0],
        lambda xp, x: xp.max(xp.zeros((0,))),
        lambda xp, x: xp.reshape(x, (4, 2)),
        lambda xp, x: xp.linalg.outer(x, x),
        lambda xp, x: len(x[0, 0]),
        lambda xp, x: bool(x),
    ],
)
def test_wrong_shapes_are_errors(arithmetic, call):
    x = arithmetic.lift(np.arange(6.0).reshape(2, 3))
    with pytest.raises((ValueError, IndexError, TypeError)):
        call(arithmetic.xp, x)


def test_broken_places_are_refused():
    for arithmetic in (FLOAT64, B, RATIONALS):
        x = arithmetic.lift([1.0, 2.0, 3.0])
        assert float(arithmetic.enclosure(arithmetic.xp.take(x, [2.0, 0.0]))[0][0]) == 3.0
        assert arithmetic.xp.take(x, ()).shape == (0,)
        with pytest.raises(Unsupported, match="integer places"):
            arithmetic.xp.take(x, [0.5])


# -- rationals ----------------------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32), st.integers(0, 3))
def test_the_pseudo_inverse_satisfies_penrose_exactly_and_the_rank_is_its_trace(r, c, seed, rank):
    rng = np.random.default_rng(seed)
    A = RATIONALS.lift(
        rng.integers(-3, 4, size=(r, rank)) @ rng.integers(-3, 4, size=(rank, c)) / 4
    )
    P = RATIONALS.xp.linalg.pinv(A)
    assert (A @ P @ A == A).all()
    assert (P @ A @ P == P).all()
    assert ((A @ P).T == A @ P).all()
    assert ((P @ A).T == P @ A).all()
    assert RATIONALS.xp.linalg.trace(A @ P) == RATIONALS.xp.linalg.matrix_rank(A)


def test_roots_exist_where_they_are_rational():
    x = RATIONALS.lift([2.25, 0.0, 4.0])
    assert (RATIONALS.xp.sqrt(x) == RATIONALS.lift([1.5, 0.0, 2.0])).all()
    assert RATIONALS.xp.linalg.vector_norm(RATIONALS.lift([3.0, 4.0])) == 5
    with pytest.raises(Unsupported, match="sqrt"):
        RATIONALS.xp.sqrt(RATIONALS.lift(2.0))
    with pytest.raises(Undefined):
        RATIONALS.xp.sqrt(RATIONALS.lift(-1.0))
    with pytest.raises(Undefined, match="divided by zero"):
        RATIONALS.lift(1.0) / 0
    with pytest.raises(Undefined):
        RATIONALS.lift(0.0) ** -1


def test_exact_enumeration_of_a_determinantal_process():
    # E|J| = N(lam) over all 2^m subsets, as an identity of rationals.
    xp = RATIONALS.xp
    S = covariance(xp, RATIONALS.lift(np.array([[1.0, 2.0], [0.5, -1.0], [1.5, 1.0]])))
    lam = RATIONALS.lift(0.75)
    total, size = xp.zeros(()), xp.zeros(())
    for bits in range(8):
        J = [j for j in range(3) if bits >> j & 1]
        weight = xp.linalg.det(xp.take(xp.take(S, J, axis=0), J, axis=1) / lam)
        total, size = total + weight, size + len(J) * weight
    N = xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(3), S))
    assert size / total == N


# -- the package --------------------------------------------------------------------------------


def test_float64_does_not_import_flint():
    code = (
        "import sys\n"
        "from validation.arithmetic import FLOAT64, Relation, balls, raise_precision\n"
        "with FLOAT64.active():\n"
        "    c = FLOAT64.compare(FLOAT64.xp.sum(FLOAT64.lift([1.0])), 2.0, 'scalar')\n"
        "assert c.relation is Relation.BELOW\n"
        "balls(64)\n"
        "assert 'flint' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_precision_changes_between_calls_of_one_namespace():
    widths = []
    for bits in (64, 256):
        with balls(bits).active():
            widths.append(B.xp.pi.entries().rad())
            assert flint.ctx.prec == bits
    assert widths[1] < widths[0] * arb(2) ** -180
