"""Section 4: constants against exact rationals, and against random members of the class."""

import math
from fractions import Fraction
from itertools import pairwise

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.lipschitz import (
    BLOCKS,
    Radii,
    block_sizes,
    input_lipschitz,
    matrix_norm,
    output_bound,
    parameter_lipschitz,
    state_bound,
)
from bounds.loss_constants import loss_constants
from pruning.checks import time_weights
from pruning.losses import loss_values
from pruning.rnn import RNN

ACTIVATIONS = ["relu", "tanh", "identity", "logistic", "leaky_relu:0.1", "leaky_relu:2.0"]
SIZES = st.sampled_from([0.0, 0.5, 1.0, 3.0, 1e-3, 0.1, 7.25])
RADII = st.builds(Radii, SIZES, SIZES, SIZES, SIZES, SIZES, SIZES)


def exact_constants(radii, T, rho, at_zero_root_k):
    """H_t and L_{theta,t} from the sums as the theory writes them, in rationals."""
    R = {name: Fraction(radii[name]) for name in BLOCKS}
    a, x = rho * R["hidden"], Fraction(radii.data)
    drive = rho * (R["input"] * x + R["bias_hidden"]) + at_zero_root_k
    H = [drive * sum((a**j for j in range(t)), Fraction(0)) for t in range(T + 1)]
    steps = range(1, T + 1)
    geometric = {t: sum((a**j for j in range(t)), Fraction(0)) for t in steps}
    memory = {t: sum(a ** (t - s) * H[s - 1] for s in range(1, t + 1)) for t in steps}
    return H, {
        "hidden": [R["output"] * rho * memory[t] for t in steps],
        "input": [R["output"] * x * rho * geometric[t] for t in steps],
        "output": [H[t] for t in steps],
        "bias_hidden": [R["output"] * rho * geometric[t] for t in steps],
        "bias_output": [Fraction(1) for _ in steps],
    }


def assert_just_above(logs, true):
    for log, value in zip(logs, true, strict=True):
        if value == 0:
            assert log == -math.inf
            continue
        with flint.ctx.workprec(200):
            exact = (flint.arb(value.numerator) / value.denominator).log()
        assert flint.arb(float(log)) >= exact
        assert log - float(exact) <= 1e-14 * (1 + abs(log))


@given(RADII, st.integers(1, 12), st.sampled_from(["relu", "identity", "leaky_relu:2.0"]))
def test_constants_are_the_exact_sums_rounded_up(radii, T, s):
    rho = Fraction(2 if s == "leaky_relu:2.0" else 1)
    H, L = exact_constants(radii, T, rho, Fraction(0))
    assert_just_above(state_bound(radii, T, s, 5), H[1:])
    outputs = [Fraction(radii.output) * h + Fraction(radii.bias_output) for h in H[1:]]
    assert_just_above(output_bound(radii, T, s, 5), outputs)
    logs = parameter_lipschitz(radii, T, s, 5).logs()
    for block in BLOCKS:
        assert_just_above(logs[block], L[block])


@given(RADII, st.integers(1, 8))
def test_a_shifted_activation_adds_its_value_at_zero(radii, T):
    # rho = 1/4, s(0) = 1/2, sup = 1, k = 4: sqrt k = 2 exactly.
    H, _ = exact_constants(radii, T, Fraction(1, 4), Fraction(1))
    assert_just_above(state_bound(radii, T, "logistic", 4), [min(h, Fraction(2)) for h in H[1:]])


@given(RADII, st.integers(1, 10), st.integers(0, 9))
def test_a_bounded_activation_caps_the_states(radii, T, k):
    capped = state_bound(radii, T, "tanh", k)
    free = state_bound(radii, T, "relu", k)
    ceiling = 0.5 * math.log(k) if k else -math.inf
    for now, before in zip(capped, free):
        assert now == pytest.approx(min(before, ceiling), abs=1e-14)


def test_ratio_one_gives_triangular_numbers_exactly():
    T = 40
    logs = parameter_lipschitz(Radii(1, 1, 1, 0, 0, 1), T, "relu", 3).logs()
    t = np.arange(1, T + 1)
    assert logs["hidden"][0] == -math.inf
    assert_just_above(logs["hidden"], [Fraction(int(i * (i - 1) // 2)) for i in t])
    assert_just_above(logs["input"], [Fraction(int(i)) for i in t])


def test_long_sequences_stay_finite_and_match_the_closed_form():
    T, a = 784, Fraction(3)
    logs = parameter_lipschitz(Radii(3, 1, 1, 1, 1, 1), T, "relu", 10).logs()
    closed = 2 * (T * a ** (T - 1) - (a**T - 1) / (a - 1)) / (a - 1)
    assert_just_above(logs["hidden"][-1:], [closed])
    assert logs["hidden"][-1] / math.log(10) > 373
    assert all(np.isfinite(values[1:]).all() for values in logs.values())


@given(RADII, st.integers(1, 6), st.integers(0, 4), st.sampled_from((*BLOCKS, "data")))
def test_constants_grow_with_T_and_with_every_radius(radii, T, k, name):
    larger = Radii(**{b: getattr(radii, b) * (1.5 if b == name else 1) for b in (*BLOCKS, "data")})
    for s in ACTIVATIONS:
        one, two = parameter_lipschitz(radii, T + 1, s, k), parameter_lipschitz(larger, T + 1, s, k)
        for block in BLOCKS:
            values = one.blocks[block]
            assert all(a <= b for a, b in pairwise(values))
            assert all(a <= b for a, b in zip(values, two.blocks[block]))


@st.composite
def members(draw, count=2):
    """Networks of one class, which reach its radii, and an input that reaches R_x."""
    k = draw(st.integers(0, 4))
    d_x, d_y, T = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 6))
    norm = draw(st.sampled_from(["spectral", "frobenius"]))
    radii = Radii(*[draw(SIZES) for _ in range(6)], norm=norm)
    s = draw(st.sampled_from(ACTIVATIONS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shapes = [(k, k), (k, d_x), (d_y, k), (k, 1), (d_y, 1)]

    def weight(shape, radius):
        # Rank one and full rank, on the boundary and inside.
        W = rng.normal(size=shape)
        if min(shape, default=0) and rng.random() < 0.5:
            W = np.outer(W[:, 0], np.ones(shape[1]) if rng.random() < 0.5 else W[0])
        size = matrix_norm(W, norm)
        scale = 1 if rng.random() < 0.5 else rng.random()
        return W * (scale * radius / size * (1 - 1e-14)) if size else W

    networks = []
    for _ in range(count):
        h, i, o, b, c = (weight(sh, radii[n]) for sh, n in zip(shapes, BLOCKS))
        networks.append(RNN(h, i, b[:, 0], o, c[:, 0], s))
    x = rng.normal(size=(8, T, d_x))
    x *= radii.data / np.linalg.norm(x, axis=-1, keepdims=True)
    return radii, networks, x


@given(members())
def test_states_and_outputs_obey_their_bounds(case):
    radii, networks, x = case
    T = x.shape[1]
    for rnn in networks:
        H = np.exp(state_bound(radii, T, rnn.activation, rnn.m))
        f = np.exp(output_bound(radii, T, rnn.activation, rnn.m))
        assert (np.linalg.norm(rnn.states(x), axis=-1) <= H * (1 + 1e-12)).all()
        assert (np.linalg.norm(rnn.predictions(x), axis=-1) <= f * (1 + 1e-12)).all()


def block_distances(one, two):
    return {
        "hidden": matrix_norm(one.w_hidden - two.w_hidden, "spectral"),
        "input": matrix_norm(one.w_input - two.w_input, "spectral"),
        "output": matrix_norm(one.w_output - two.w_output, "spectral"),
        "bias_hidden": float(np.linalg.norm(one.b_hidden - two.b_hidden)),
        "bias_output": float(np.linalg.norm(one.b_output - two.b_output)),
    }


@given(members())
def test_two_members_differ_by_at_most_the_sum_over_blocks(case):
    radii, (one, two), x = case
    T = x.shape[1]
    distances = block_distances(one, two)
    logs = parameter_lipschitz(radii, T, one.activation, one.m).logs()
    allowed = sum(np.exp(logs[b]) * distances[b] for b in BLOCKS)
    gap = np.linalg.norm(one.predictions(x) - two.predictions(x), axis=-1)
    size = np.linalg.norm(one.predictions(x), axis=-1)
    assert (gap <= allowed + 1e-12 * (1 + size)).all()


@given(members(count=1), st.data())
def test_one_input_moves_later_outputs_by_at_most_its_constant(case, data):
    radii, (rnn,), x = case
    T = x.shape[1]
    s = data.draw(st.integers(0, T - 1))
    moved = x.copy()
    moved[:, s] = -x[:, s][::-1]
    allowed = np.exp(input_lipschitz(radii, T, rnn.activation))
    change = np.linalg.norm(moved[:, s] - x[:, s], axis=-1)
    f, g = rnn.predictions(x), rnn.predictions(moved)
    size = np.linalg.norm(f, axis=-1).max()
    for t in range(s, T):
        gap = np.linalg.norm(f[:, t] - g[:, t], axis=-1)
        assert (gap <= allowed[t - s] * change + 1e-12 * (1 + size)).all()
    assert (f[:, :s] == g[:, :s]).all()


def test_constants_are_attained_by_a_linear_node():
    # One identity node at the radii: every L but L_h is the derivative itself.
    T, a = 5, 0.5
    rnn = RNN([[a]], [[2.0]], [0.5], [[3.0]], [0.0], "identity")
    radii = Radii(a, 2.0, 3.0, 0.5, 0.0, 1.5)
    x = np.full((1, T, 1), 1.5)
    assert np.exp(output_bound(radii, T, "identity", 1))[-1] == pytest.approx(
        rnn.predictions(x)[0, -1, 0], rel=1e-12
    )
    logs = parameter_lipschitz(radii, T, "identity", 1).logs()
    for block, index in [("w_hidden", (0, 0)), ("w_input", (0, 0)), ("b_hidden", (0,))]:
        step = 1e-6
        weights = {n: np.array(getattr(rnn, n)) for n in WEIGHTS}
        weights[block][index] += step
        moved = RNN(*(weights[n] for n in WEIGHTS), "identity")
        slope = (moved.predictions(x) - rnn.predictions(x))[0, -1, 0] / step
        name = {"w_hidden": "hidden", "w_input": "input", "b_hidden": "bias_hidden"}[block]
        assert slope == pytest.approx(math.exp(logs[name][-1]), rel=1e-4)


WEIGHTS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")


@given(st.integers(2, 5), st.floats(0.05, 4), st.integers(0, 2**32))
def test_losses_are_lipschitz_with_their_constants_and_within_their_range(d_y, gamma, seed):
    rng = np.random.default_rng(seed)
    f = rng.normal(size=(50, d_y)) * rng.choice([0.1, 1, 5])
    g = f + rng.normal(size=f.shape) * rng.choice([1e-3, 0.1, 1, 5], size=(50, 1))
    labels = rng.integers(0, d_y, 50)
    reach = float(max(np.linalg.norm(f, axis=1).max(), np.linalg.norm(g, axis=1).max()))
    gap = np.linalg.norm(f - g, axis=1)
    for name, y in [
        ("margin_ramp", labels),
        ("cross_entropy", labels),
        ("squared", rng.normal(size=f.shape)),
    ]:
        R_y = float(np.linalg.norm(y, axis=-1).max()) if name == "squared" else None
        constants = loss_constants(name, d_y=d_y, gamma=gamma, output=reach, label=R_y)
        rho, B = math.exp(constants.lipschitz.log()), math.exp(constants.range.log())
        one, two = loss_values(name, f, y, gamma), loss_values(name, g, y, gamma)
        assert (np.abs(one - two) <= rho * gap + 1e-12 * (1 + one)).all()
        assert one.min() >= 0
        assert one.max() <= B * (1 + 1e-12)


def test_loss_constants_are_attained():
    # The gradient of cross-entropy tends to (e_j - e_y), of norm sqrt 2; the ramp's is that/gamma.
    f = np.array([[30.0, -30.0]])
    g = f + 1e-4 * np.array([[1.0, -1.0]]) / math.sqrt(2)
    y = np.array([1])
    slope = (loss_values("cross_entropy", g, y) - loss_values("cross_entropy", f, y))[0] / 1e-4
    assert slope == pytest.approx(math.sqrt(2), rel=1e-6)
    f = np.array([[0.1, 0.2]])
    g = f + 1e-4 * np.array([[1.0, -1.0]]) / math.sqrt(2)
    slope = (loss_values("margin_ramp", f, y, 0.5) - loss_values("margin_ramp", g, y, 0.5))[0]
    constant = math.exp(loss_constants("margin_ramp", d_y=2, gamma=0.5).lipschitz.log())
    assert -slope / 1e-4 == pytest.approx(constant, rel=1e-6)


def test_the_squared_loss_needs_only_the_compressed_network_to_be_bounded():
    # psi(f') - psi(f^) <= (R_y + R_f) ||f' - f^|| although f^ is far outside.
    y, small, large = np.array([[1.0]]), np.array([[-2.0]]), np.array([[50.0]])
    rho = math.exp(loss_constants("squared", d_y=1, output=2.0, label=1.0).lipschitz.log())
    gap = loss_values("squared", small, y) - loss_values("squared", large, y)
    assert gap[0] <= rho * 52


@given(st.integers(1, 5), st.integers(0, 2**32))
def test_the_absolute_loss_is_lipschitz_in_either_norm(d_y, seed):
    rng = np.random.default_rng(seed)
    y, f, g = rng.normal(size=(3, 50, d_y))
    R_y, R_f = (float(np.linalg.norm(v, axis=1).max()) for v in (y, np.concatenate([f, g])))
    gap = np.linalg.norm(f - g, axis=1)
    for norm, order in (("sum", 1), ("euclidean", 2)):
        constants = loss_constants("absolute", d_y=d_y, output=R_f, label=R_y, norm=norm)
        rho, B = math.exp(constants.lipschitz.log()), math.exp(constants.range.log())
        one, two = (np.linalg.norm(y - v, order, axis=1) for v in (f, g))
        assert (np.abs(one - two) <= rho * gap * (1 + 1e-12)).all()
        assert max(one.max(), two.max()) <= B * (1 + 1e-12)


def test_a_scalar_margin_has_constant_one_over_gamma():
    assert loss_constants("margin_ramp", d_y=1, gamma=0.25).lipschitz == 4.0


@given(st.integers(0, 2**32), st.sampled_from([0, 1, 3, 6]))
def test_measured_radii_contain_the_network_and_smaller_ones_do_not(seed, m):
    rng = np.random.default_rng(seed)
    rnn = RNN(
        rng.normal(size=(m, m)),
        rng.normal(size=(m, 2)),
        rng.normal(size=m),
        rng.normal(size=(2, m)),
        rng.normal(size=2),
    )
    for norm in ("spectral", "frobenius"):
        radii = Radii.of(rnn, 1.0, norm)
        assert radii.contain(rnn)
        assert not radii.fixed
        smaller = Radii(radii.hidden, radii.input, radii.output, radii.bias_hidden, 0.0, 1.0)
        assert not smaller.contain(rnn)


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 8), st.integers(-140, 140))
def test_norms_are_rounded_up(seed, rows, columns, power):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(rows, columns)) * 10.0**power
    square = sum(Fraction(float(w)) ** 2 for w in W.ravel())
    assert Fraction(matrix_norm(W, "frobenius")) ** 2 >= square
    # ||W||_2^2 is the largest eigenvalue of W^T W: the excess must leave s^2 - W^T W positive.
    s = Fraction(matrix_norm(W, "spectral"))
    exact = [[Fraction(float(w)) for w in row] for row in W]
    gram = [[sum(r[i] * r[j] for r in exact) for j in range(columns)] for i in range(columns)]
    for i in range(columns):
        gram[i][i] -= s**2
    assert negative_semidefinite(gram)


def negative_semidefinite(A):
    """By exact symmetric elimination."""
    A = [row[:] for row in A]
    for i in range(len(A)):
        if A[i][i] > 0:
            return False
        if A[i][i] == 0:
            continue
        for j in range(i + 1, len(A)):
            factor = A[j][i] / A[i][i]
            for column in range(i + 1, len(A)):
                A[j][column] -= factor * A[i][column]
    return True


def test_block_sizes_count_every_entry():
    rnn = RNN(np.zeros((3, 3)), np.zeros((3, 2)), np.zeros(3), np.zeros((4, 3)), np.zeros(4))
    total = sum(getattr(rnn, name).size for name in WEIGHTS)
    assert sum(block_sizes(3, 2, 4).values()) == total


def test_bad_arguments_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="hidden must be at least 0"):
        Radii(-1, 1, 1, 1, 1, 1)
    with pytest.raises(ValueError, match="norm must be one of"):
        Radii(1, 1, 1, 1, 1, 1, norm="nuclear")
    with pytest.raises(ValueError, match="T must be an integer of at least 1"):
        state_bound(Radii(1, 1, 1, 1, 1, 1), 0, "relu", 1)
    with pytest.raises(ValueError, match="weights must sum to 1"):
        time_weights([0.5, 0.6], 2)
    with pytest.raises(ValueError, match="weights must be at least 0"):
        time_weights([1.5, -0.5], 2)
    with pytest.raises(ValueError, match="output must bound"):
        loss_constants("cross_entropy", d_y=2)
    with pytest.raises(ValueError, match="gamma must be a real number"):
        loss_constants("margin_ramp", d_y=2)
