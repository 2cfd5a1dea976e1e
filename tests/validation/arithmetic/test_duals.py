"""Dual numbers: every word of the vocabulary has the slope of its float64 values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.arithmetic import FLOAT64, Unsupported, vocabulary
from validation.arithmetic.dual_arithmetic import DUALS
from validation.arithmetic.duals import Dual

VALUES = {
    "x": np.array([1.5, 0.3125, 2.0]),
    "S": np.array([[2.0, 0.5, 0.25], [0.5, 1.5, -0.5], [0.25, -0.5, 1.0]]),
    "A": np.array([[1.0, -2.0, 0.625], [0.25, 3.0, -0.75]]),
    "lam": 0.5,
}
STEP = 1e-6
MORE = (
    "xp.linalg.det(S - S[0, 0] * xp.eye(3)) * x",
    "xp.linalg.slogdet(xp.stack([S, 2 * S]))[1]",
    "xp.prod(xp.stack([x, 0 * x, x]), axis=0)",
    "x @ S @ x + (S @ x) @ x + x @ x",
    "xp.stack([S, S @ S]) @ x + xp.stack([x, x * x])",
    "xp.linalg.solve(xp.stack([S, S @ S]), xp.stack([S, S]))",
    "xp.linalg.solve(S, x) + xp.linalg.solve(S, xp.asarray([1.0, 2.0, 3.0]))",
    "x ** x + 2 ** x + x ** 2.5 + 2 / x",
    "xp.asarray([x[0], lam, 3.0]) * x",
    "xp.where(x > 1, x * x, 3) + xp.maximum(3 * x, x * x) - xp.minimum(1, x)",
    "xp.linalg.matrix_norm(A, ord='nuc') + xp.linalg.matrix_norm(A, ord=1)",
    "xp.linalg.vector_norm(A) + xp.linalg.vector_norm(A, axis=0)",
    "xp.linalg.matrix_power(S, -2) + xp.linalg.inv(S)",
    "xp.linalg.spectral_radius(S + xp.triu(S))",
    "xp.linalg.eigh(S)[1] @ xp.diag(x)",
    "xp.max(A, axis=(0, 1)) + xp.min(A) + xp.max(A, axis=0, keepdims=True)",
    "xp.concat([A, S], axis=0) + xp.cumulative_sum(xp.ones((5, 3)), axis=1) * x",
    "xp.sort(x, descending=True) * xp.sort(A, axis=0)",
    "xp.broadcast_to(lam, (2, 3)) + xp.full((2, 3), lam)",
    "xp.expand_dims(x, axis=1) * xp.reshape(x, (1, 3)) + xp.permute_dims(A, (1, 0)) @ A",
)
EXAMPLES = [(word.name, word.example) for word in vocabulary()] + [(e, e) for e in MORE]


def at(share, direction):
    moved = {name: VALUES[name] + share * direction[name] for name in VALUES}
    return {**moved, "S": (moved["S"] + moved["S"].T) / 2}


def evaluated(example, arithmetic, names):
    lifted = {name: arithmetic.lift(value) for name, value in names.items()}
    with arithmetic.active():
        return eval(example, {"xp": arithmetic.xp, **lifted})


def directions(seed):
    rng = np.random.default_rng(seed)
    found = {name: rng.standard_normal(np.shape(value)) for name, value in VALUES.items()}
    return {**found, "S": found["S"] + found["S"].T}


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_every_word_has_its_slope(name, example):
    ways = [directions(0), directions(1)]
    names = {
        key: Dual(np.asarray(value)[()], np.stack([way[key] for way in ways]))
        for key, value in at(0.0, ways[0]).items()
    }

    found = evaluated(example, DUALS, names)
    if not isinstance(found, Dual):  # it does not depend on the values, or is a rank
        found = Dual(found, np.zeros((2, *np.shape(found))))

    expected = evaluated(example, FLOAT64, at(0.0, ways[0]))
    np.testing.assert_allclose(found.value, expected, rtol=1e-13, atol=1e-13)
    assert found.shape == np.shape(expected)
    assert found.tangent.shape == (2, *np.shape(expected))
    for i, way in enumerate(ways):
        up, down = (np.asarray(evaluated(example, FLOAT64, at(s, way))) for s in (STEP, -STEP))
        slope = (up - down) / (2 * STEP)
        np.testing.assert_allclose(
            found.tangent[i], slope, rtol=2e-6, atol=2e-6 * (1 + abs(slope)).max()
        )


def test_a_word_without_a_rule_is_refused_by_name():
    class Base:
        def __getattr__(self, name):
            return getattr(FLOAT64.xp, name)

        def cbrt(self, x):
            return np.cbrt(x)

    from validation.arithmetic.dual_arithmetic import Duals

    with pytest.raises(Unsupported, match=r"xp\.cbrt has no derivative"):
        Duals(Base()).xp.cbrt(1.0)
    with pytest.raises(Unsupported, match=r"xp\.argmax is not in the vocabulary"):
        DUALS.xp.argmax([1.0])


@pytest.mark.parametrize("number", [float, int, bool])
def test_a_plain_number_of_a_dual_one_is_refused(number):
    with pytest.raises(Unsupported, match="loses its slope"):
        number(Dual(np.float64(1.0), np.ones(1)))


shapes = st.sampled_from([(), (1,), (3,), (2, 3), (2, 1), (1, 3), (0,), (2, 0)])


@given(a=shapes, b=shapes, seed=st.integers(0, 2**16))
@settings(deadline=None, max_examples=60)
def test_operators_broadcast_as_numpy_does(a, b, seed):
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return
    rng = np.random.default_rng(seed)
    x, y = (Dual(rng.uniform(1, 2, s), rng.standard_normal((2, *s))) for s in (a, b))

    for operator in ("__add__", "__sub__", "__mul__", "__truediv__"):
        both = getattr(x, operator)(y)
        one = getattr(x, operator)(y.value)
        for found in (both, one):
            np.testing.assert_array_equal(found.value, getattr(x.value, operator)(y.value))
            assert found.tangent.shape == (2, *np.shape(found.value))


def test_a_singular_matrix_has_the_slope_of_its_determinant():
    rng = np.random.default_rng(3)
    for rank in (0, 1, 2, 3):
        a = rng.standard_normal((3, rank)) @ rng.standard_normal((rank, 3))
        way = rng.standard_normal((3, 3))

        slope = DUALS.xp.linalg.det(Dual(a, way[None])).tangent[0]

        up, down = np.linalg.det(a + 1e-4 * way), np.linalg.det(a - 1e-4 * way)
        assert slope == pytest.approx((up - down) / 2e-4, abs=1e-6)
