"""Section 5: covers against exact covering numbers, greedy nets and 200-bit balls."""

import dataclasses
import math
from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.covering import (
    ball_covering,
    class_cover,
    cover_of_blocks,
    greedy_net,
    maurey,
    minimising_split,
)
from bounds.lipschitz import BLOCKS, Radii, block_sizes, parameter_lipschitz
from bounds.rounding import Upward
from pruning.rnn import RNN

EPS_RANGE = st.floats(1e-6, 3.0)
LOGS = st.floats(-900, 900)


@given(st.integers(1, 20), st.one_of(EPS_RANGE, st.just(1.0), st.floats(1e-300, 1e-200)))
def test_the_ball_of_the_maximum_norm_has_its_exact_covering_number_between(p, eps):
    # The unit cube of the maximum norm needs ceil(1/eps)^p cubes, and no fewer.
    exact = Fraction(math.ceil(1 / Fraction(eps)))
    lower, upper = ball_covering(p, eps)
    with flint.ctx.workprec(300):
        true = p * flint.arb(int(exact)).log()
        stated = p * (1 + 2 / flint.arb(eps)).log()
    assert lower <= float(true) * (1 + 1e-15)
    assert flint.arb(upper) >= true
    if eps < 1:
        assert flint.arb(upper) >= stated
        assert upper <= float(stated) * (1 + 1e-12)


@given(st.integers(1, 3), st.floats(0.3, 0.9), st.integers(0, 2**32))
def test_a_greedy_net_of_points_in_a_ball_is_within_the_packing_bound(p, eps, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(400, p))
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1)
    net = greedy_net(points, eps)
    gaps = np.linalg.norm(points[:, None] - points[net], axis=-1)
    assert gaps.min(axis=1).max() <= eps
    # Points more than eps apart lie in different balls of an eps/2 cover.
    assert math.log(len(net)) <= ball_covering(p, eps / 2)[1]


def test_a_greedy_net_covers_and_its_points_are_apart():
    points = np.arange(10.0)[:, None]
    net = greedy_net(points, 2.0)
    apart = np.diff(np.sort(points[net, 0]))
    assert apart.min() > 2
    assert len(greedy_net(points, 0.0)) == 10
    assert len(greedy_net(points, 100.0)) == 1
    assert len(greedy_net(np.zeros((0, 2)), 1.0)) == 0


@given(
    st.lists(st.tuples(st.integers(1, 400), LOGS), min_size=1, max_size=5),
    st.lists(LOGS, min_size=1, max_size=3),
)
def test_the_minimising_split_is_feasible_exactly(blocks, log_eps):
    sizes = np.array([float(p) for p, _ in blocks])
    reach = np.array([r for _, r in blocks])
    eps = np.array(log_eps)
    shares = minimising_split(sizes, reach[:, None] + np.zeros_like(eps), eps)
    assert (shares > 0).all()
    for column in shares.T:
        assert sum(map(Fraction, column)) <= 1
        assert sum(column) >= 1 - 1e-12


@given(
    st.lists(st.tuples(st.integers(1, 400), st.floats(-30, 300)), min_size=1, max_size=5),
    st.floats(-40, 5),
    st.integers(0, 2**32),
)
def test_no_other_split_gives_a_smaller_cover(blocks, log_eps, seed):
    sizes = {str(i): p for i, (p, _) in enumerate(blocks)}
    reach = np.array([r for _, r in blocks])
    best = cover_of_blocks(sizes, {n: Upward(1) for n in sizes}, "minimising")
    best = dataclasses.replace(best, log_reach=reach)
    equal = dataclasses.replace(best, split="equal")
    value = float(best(log_eps))
    assert value <= float(equal(log_eps)) * (1 + 1e-12)
    rng = np.random.default_rng(seed)
    own = best.shares(np.array(log_eps))
    for scale in (1.0, 0.1, 1e-3, 1e-5):
        other = own * np.exp(scale * rng.normal(size=own.shape))
        other /= other.sum()
        terms = best.sizes * np.logaddexp(0, math.log(2) + reach - log_eps - np.log(other))
        assert value <= terms.sum() * (1 + 1e-11)


@given(
    st.lists(st.tuples(st.integers(1, 400), st.floats(-300, 300)), min_size=1, max_size=5),
    st.floats(-200, 200),
    st.sampled_from(["equal", "minimising"]),
)
def test_the_logarithm_of_a_cover_is_rounded_up(blocks, log_eps, split):
    sizes = {str(i): p for i, (p, _) in enumerate(blocks)}
    cover = cover_of_blocks(sizes, {n: Upward(1) for n in sizes}, split)
    cover = dataclasses.replace(cover, log_reach=np.array([r for _, r in blocks]))
    value, shares = float(cover(log_eps)), cover.shares(np.array(log_eps))
    with flint.ctx.workprec(1200):
        true = flint.arb(0)
        for (p, log_reach), share in zip(blocks, shares):
            ratio = 2 * (flint.arb(log_reach) - flint.arb(log_eps)).exp() / flint.arb(float(share))
            true += p * (1 + ratio).log()
    assert flint.arb(value) >= true
    assert value <= float(true) * (1 + 1e-9)


def test_blocks_that_cannot_move_cost_nothing():
    cover = class_cover(Radii(1, 1, 1, 0, 0, 1), 3, "relu", 2, 2, 2)
    assert set(cover.names) == {"hidden", "input", "output"}
    empty = class_cover(Radii(0, 0, 0, 0, 0, 1), 3, "relu", 2, 2, 2)
    assert (empty(np.array([-5.0, 0.0])) == 0).all()
    none = class_cover(Radii(1, 1, 1, 1, 0, 1), 3, "relu", 0, 2, 2)
    assert none(np.array(-3.0)) == 0


@given(st.floats(0, 4), st.floats(-20, 2), st.sampled_from(["equal", "minimising"]))
def test_the_cover_shrinks_with_eps_and_grows_with_T(R_h, log_eps, split):
    def cover(T, at):
        radii = Radii(R_h, 1, 1, 1, 1, 1)
        return float(class_cover(radii, T, "relu", 3, 2, 2, weights="last", split=split)(at))

    # The minimising split is found to 1e-12 or so.
    for T in (1, 2, 5):
        assert cover(T, log_eps) <= cover(T + 1, log_eps) * (1 + 1e-11)
        assert cover(T, log_eps + 0.1) <= cover(T, log_eps) * (1 + 1e-11)


def networks_of(radii, k, count, rng, s):
    """Members of the class with d_x = d_y = 1, on its boundary and inside."""

    def ball(shape, radius):
        W = rng.normal(size=shape)
        size = np.linalg.norm(W, 2) if len(shape) == 2 else np.linalg.norm(W)
        return W * (radius * min(1.0, 1.2 * rng.random()) / size * (1 - 1e-13))

    return [
        RNN(
            ball((k, k), radii.hidden),
            ball((k, 1), radii.input),
            ball((k,), radii.bias_hidden),
            ball((1, k), radii.output),
            ball((1,), radii.bias_output),
            s,
        )
        for _ in range(count)
    ]


@given(
    st.sampled_from(["relu", "tanh", "identity"]),
    st.sampled_from(["supremum", "weighted", "loss"]),
    st.integers(1, 2),
    st.floats(0.2, 1.5),
    st.integers(0, 2**32),
)
def test_a_greedy_net_of_members_is_within_the_cover_of_the_class(s, metric, k, scale, seed):
    rng = np.random.default_rng(seed)
    radii = Radii(scale, 1, scale, 0.3, 0.1, 1)
    T, n = 3, 4
    w = rng.dirichlet(np.ones(T))
    w /= math.fsum(w)
    x = rng.uniform(-1, 1, size=(n, T, 1))
    f = np.array([r.predictions(x)[..., 0] for r in networks_of(radii, k, 40, rng, s)])
    if metric == "supremum":
        points, distance = f.reshape(40, -1), lambda d: np.abs(d).max(axis=-1)
    elif metric == "weighted":
        points = (f * np.sqrt(w / n)).reshape(40, -1)
        distance = lambda d: np.linalg.norm(d, axis=-1)  # noqa: E731
    else:
        # A 1-Lipschitz loss, |f - y|, summed over time with its weights.
        points = np.abs(f - x[..., 0]) @ w
        distance = lambda d: np.abs(d).max(axis=-1)  # noqa: E731
    cover = class_cover(radii, T, s, k, 1, 1, metric=metric, weights=w)
    gaps = distance(points[:, None] - points)
    for eps in (0.5, 0.1, 0.02):
        net = [0]
        while gaps[:, net].min(axis=1).max() > eps:
            net.append(int(gaps[:, net].min(axis=1).argmax()))
        assert math.log(len(net)) <= cover(math.log(eps / 2))


def shifted(centre, rnn):
    names = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")
    return RNN(*(getattr(centre, n) + getattr(rnn, n) for n in names), rnn.activation)


@given(st.sampled_from(["relu", "tanh"]), st.floats(0.01, 0.5), st.integers(0, 2**32))
def test_a_class_around_a_reference_contains_and_covers_its_members(s, spread, seed):
    rng = np.random.default_rng(seed)
    k, T, n = 2, 3, 4
    centre = RNN(np.eye(k), np.ones((k, 1)), np.zeros(k), np.ones((1, k)) / 2, np.zeros(1), s)
    small = Radii(spread, spread, spread, 0.1 * spread, 0.0, 1)
    radii = Radii.around(centre, {block: small[block] for block in BLOCKS}, 1.0)
    near = Radii(spread, spread, spread, 0.1 * spread, 1, 1)
    members = [shifted(centre, r) for r in networks_of(near, k, 40, rng, s)]
    members = [RNN(r.w_hidden, r.w_input, r.b_hidden, r.w_output, [0.0], s) for r in members]
    assert all(radii.contain(r) for r in members)
    assert not radii.contain(RNN(np.zeros((k, k)), *[getattr(centre, n) for n in REST], s))
    x = rng.uniform(-1, 1, size=(n, T, 1))
    points = np.array([r.predictions(x)[..., 0].ravel() for r in members])
    gaps = np.abs(points[:, None] - points).max(axis=-1)
    cover = class_cover(radii, T, s, k, 1, 1, metric="supremum")
    for eps in (0.5, 0.1, 0.02):
        net = [0]
        while gaps[:, net].min(axis=1).max() > eps * spread:
            net.append(int(gaps[:, net].min(axis=1).argmax()))
        assert math.log(len(net)) <= cover(math.log(eps * spread / 2))
    # The distance to the centre, which bounds D.
    own = centre.predictions(x)[..., 0].ravel()
    assert np.abs(points - own).max() <= np.exp(cover.log_reach).sum() * (1 + 1e-12)


REST = ("w_input", "b_hidden", "w_output", "b_output")


@given(st.sampled_from(["relu", "identity", "tanh"]), st.integers(1, 3), st.integers(0, 2**32))
def test_distances_in_the_class_norms_obey_their_constants(s, k, seed):
    rng = np.random.default_rng(seed)
    radii = Radii(1.2, 1, 1, 0.3, 0.1, 1)
    T = 5
    w = rng.dirichlet(np.ones(T))
    w /= math.fsum(w)
    x = rng.uniform(-1, 1, size=(20, T, 1))
    one, two = networks_of(radii, k, 2, rng, s)
    moved = {
        "hidden": np.linalg.norm(one.w_hidden - two.w_hidden, 2),
        "input": np.linalg.norm(one.w_input - two.w_input),
        "output": np.linalg.norm(one.w_output - two.w_output),
        "bias_hidden": np.linalg.norm(one.b_hidden - two.b_hidden),
        "bias_output": np.linalg.norm(one.b_output - two.b_output),
    }
    L = parameter_lipschitz(radii, T, s, k)
    gap = np.abs(one.predictions(x) - two.predictions(x))[..., 0]

    def allowed(constants):
        return sum(math.exp(constants[b].log()) * moved[b] for b in BLOCKS) * (1 + 1e-12)

    assert gap.max() <= allowed(L.at(T))
    assert (gap @ w).max() <= allowed(L.mean(w))
    assert np.sqrt((gap**2 @ w).mean()) <= allowed(L.root_mean_square(w))


def test_the_average_over_time_is_not_enough_in_the_weighted_norm():
    # Theory, section 5: W_o = 1 against 0 has distance sqrt 5, and sum_t w_t L_{o,t} is 2.
    x = np.ones((1, 2, 1))
    one = RNN([[2.0]], [[1.0]], [0.0], [[1.0]], [0.0], "identity")
    two = RNN([[2.0]], [[1.0]], [0.0], [[0.0]], [0.0], "identity")
    gap = (one.predictions(x) - two.predictions(x))[0, :, 0]
    distance = math.sqrt((gap**2).mean())
    L = parameter_lipschitz(Radii(2, 1, 1, 0, 0, 1), 2, "identity", 1)
    assert distance == math.sqrt(5)
    assert L.mean("mean")["output"] == 2.0
    assert distance > 2
    assert math.exp(L.root_mean_square("mean")["output"].log()) == pytest.approx(math.sqrt(5))


@given(
    st.floats(0, 100), st.floats(0, 100), st.floats(1e-3, 10), st.integers(1, 9), st.integers(1, 9)
)
def test_maurey_is_the_exact_ceiling_rounded_up(a, b, eps, d_in, d_out):
    count = math.ceil((Fraction(a) * Fraction(b) / Fraction(eps)) ** 2)
    with flint.ctx.workprec(200):
        true = count * flint.arb(2 * d_in * d_out).log()
    value = maurey(a, b, eps, d_in, d_out)
    assert flint.arb(value) >= true
    # The square is rounded up by 2^-92: an exact integer may become the next one.
    assert value <= float(true) * (1 + 1e-12) + math.log(2 * d_in * d_out)


@given(st.integers(1, 3), st.integers(1, 3), st.floats(0.2, 1.0), st.integers(0, 2**32))
def test_a_greedy_net_of_linear_maps_is_within_maurey(d_in, d_out, eps, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(5, d_in))
    A = rng.normal(size=(300, d_in, d_out)) * (rng.random((300, d_in, 1)) < 0.6)
    norms = np.linalg.norm(A, axis=1).sum(axis=1)
    A *= (rng.random(300) ** 0.2 / np.maximum(norms, 1e-9))[:, None, None]
    points = (X @ A).reshape(300, -1)
    net = greedy_net(points, 2 * eps)
    assert math.log(len(net)) <= maurey(1.0, float(np.linalg.norm(X)), eps, d_in, d_out)


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.floats(1e-3, 1e3),
    st.one_of(st.floats(1e-6, 1 - 1e-9), st.sampled_from([1 - 1e-9, 0.5**0.5, 0.70711, 3**-0.5])),
)
def test_maurey_is_never_below_the_volume_in_the_norm_of_the_ball(d_in, d_out, R, share):
    # X = I is the smallest X that keeps the norm of every W; equal rows have ||W^T||_{2,1} = a.
    eps = share * R
    W = np.full((d_out, d_in), R / math.sqrt(d_in * d_out))
    a = float(np.linalg.norm(W, axis=1).sum())
    assert np.linalg.norm(W, 2) == pytest.approx(R)
    assert a == pytest.approx(math.sqrt(d_out) * R)
    volume = ball_covering(d_in * d_out, eps / R)[1]
    assert maurey(a, math.sqrt(d_in), eps, d_in, d_out) > volume


def test_maurey_is_below_the_volume_on_a_sample_of_rank_one():
    # In ||W X^T||_F/||X||_2 <= ||W||_F at the same eps: the rank of the inputs counts, not d_in.
    d_in, d_out, eps = 400, 20, 0.5
    X = np.ones((5, d_in)) / math.sqrt(5 * d_in)
    assert np.linalg.norm(X, 2) == pytest.approx(np.linalg.norm(X))
    on_sample = maurey(math.sqrt(d_out), float(np.linalg.norm(X)), eps, d_in, d_out)
    assert on_sample < ball_covering(d_in * d_out, eps)[1]


def test_maurey_beyond_floats_is_infinite():
    assert maurey(1e200, 1e200, 1e-200, 2, 2) == math.inf


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_the_cover_counts_all_parameters(k, d_x, d_y):
    # As eps -> 0, log N/log(1/eps) tends to the number of parameters.
    cover = class_cover(Radii(1, 1, 1, 1, 1, 1), 2, "relu", k, d_x, d_y)
    p = sum(block_sizes(k, d_x, d_y).values())
    slope = (cover(np.array(-600.0)) - cover(np.array(-500.0))) / 100
    assert slope == pytest.approx(p, rel=1e-9)


def test_bad_arguments_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="eps must be positive"):
        ball_covering(1, 0.0)
    with pytest.raises(ValueError, match="metric must be one of"):
        class_cover(Radii(1, 1, 1, 1, 1, 1), 2, "relu", 1, 1, 1, metric="hamming")
    with pytest.raises(ValueError, match="split must be one of"):
        class_cover(Radii(1, 1, 1, 1, 1, 1), 2, "relu", 1, 1, 1, split="fair")
    with pytest.raises(ValueError, match="points must have shape"):
        greedy_net([1.0, 2.0], 1.0)
