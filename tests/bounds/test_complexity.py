"""Section 6: bounds on Rademacher complexities, against exact enumeration and exact integrals."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize

import bounds.complexity as complexity
from bounds.assembly import Setting, loss_class
from bounds.complexity import chain, dudley, massart
from bounds.covering import class_cover, greedy_net
from bounds.lipschitz import Radii
from pruning import RNN


def exact_rademacher(values):
    """E sup_g (1/n) sum_i sigma_i g_i over all signs; values (M, n)."""
    n = values.shape[1]
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=n)))
    return float((signs @ values.T).max(axis=1).mean() / n)


@st.composite
def finite_classes(draw):
    """Values (M, n) of M functions on n points, in [0, 1]; copies and constants included."""
    M, n = draw(st.integers(1, 12)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.random((M, n))
    kind = draw(st.sampled_from(["random", "signs", "copies", "near", "scales"]))
    if kind == "signs":
        values = np.round(values)
    if kind == "copies":
        values[:] = values[:1]
    if kind == "near":
        values = 0.5 + 0.01 * (values - 0.5)
    if kind == "scales":
        values = 0.5 + (values - 0.5) * 4.0 ** -np.arange(M)[:, None]
    return values


def empirical_cover(values):
    """log of the size of a greedy internal net in L2(P_n), as a nonincreasing function of log eps.

    The farthest-point order does not depend on eps, so one pass gives the size at every eps.
    """
    points = values / math.sqrt(values.shape[1])
    distance = np.linalg.norm(points - points[0], axis=1)
    reached = [math.inf]
    for _ in range(len(points) - 1):
        reached.append(float(distance.max()))
        far = points[int(distance.argmax())]
        distance = np.minimum(distance, np.linalg.norm(points - far, axis=1))
    radii = np.array(reached)  # with j centres, points are farther than eps while radii[j] > eps

    def log_covering(log_eps):
        eps = np.exp(log_eps)
        return np.log((radii[None] > np.atleast_1d(eps).ravel()[:, None]).sum(axis=1)).reshape(
            np.shape(log_eps)
        )

    return log_covering


def radius(values):
    """D = sup ||g - c|| in L2(P_n), c the mean of the functions."""
    return float(np.linalg.norm(values - values.mean(axis=0), axis=1).max()) / math.sqrt(
        values.shape[1]
    )


@given(finite_classes())
def test_every_bound_is_above_the_exact_rademacher_complexity(values):
    n = values.shape[1]
    exact = exact_rademacher(values)
    D = radius(values) * (1 + 1e-12)
    log_D = math.log(D) if D else -math.inf
    cover = empirical_cover(values)
    assert exact <= math.exp(dudley(cover, n, log_D)) + 1e-14
    assert exact <= math.exp(chain(cover, n, log_D)) + 1e-14
    # Rad does not feel a shift by a fixed function, nor does D here.
    assert exact <= math.exp(massart(math.log(len(values)), log_D, n)) + 1e-14


@given(finite_classes())
def test_the_greedy_net_counts_what_the_test_says_it_does(values):
    cover = empirical_cover(values)
    points = values / math.sqrt(values.shape[1])
    for eps in (0.03, 0.2, 0.6):
        assert math.exp(float(cover(math.log(eps)))) == pytest.approx(len(greedy_net(points, eps)))


def test_chain_and_massart_are_not_far_above_for_two_opposite_functions():
    n = 8
    values = np.array([np.zeros(n), np.ones(n)])
    exact = exact_rademacher(values)
    bound = math.exp(massart(math.log(2), math.log(0.5), n))
    assert exact <= bound <= 1.6 * exact


def parametric(p, log_c):
    """log N = p log(1 + c/eps)."""
    return lambda log_eps: p * np.logaddexp(0.0, log_c - np.asarray(log_eps))


@given(st.integers(1, 500), st.floats(-2, 30), st.integers(1, 10**9), st.floats(-3, 3))
def test_dudley_is_just_above_the_infimum_of_the_integral(p, log_c, n, log_D):
    D, cover = math.exp(log_D), parametric(p, log_c)

    def value(a):
        inner = integrate.quad(
            lambda v: math.exp(v) * math.sqrt(float(cover(v))),
            math.log(a),
            math.log(D / 2),
            epsabs=0,
            epsrel=1e-10,
            limit=500,
        )[0]
        return 4 * a + 12 / math.sqrt(n) * inner

    best = optimize.minimize_scalar(
        lambda s: value(D / 2 * math.exp(-s)), bounds=(0, 40), method="bounded"
    )
    infimum = min(best.fun, 2 * D)
    bound = math.exp(dudley(cover, n, log_D))
    if infimum >= D:
        assert bound == pytest.approx(D, rel=1e-12)
    else:
        assert infimum * (1 - 1e-9) <= bound <= infimum * 1.003


@given(st.integers(1, 100), st.floats(0, 900), st.integers(1, 10**12))
def test_the_scale_of_the_class_moves_the_bounds_along(p, log_c, n):
    # (D, c) -> (e^s D, e^s c) multiplies every bound by e^s, at 10^373 as at 1.
    for bound in (dudley, chain):
        small = bound(parametric(p, log_c), n, math.log(0.5))
        large = bound(parametric(p, log_c + 859.0), n, math.log(0.5) + 859.0)
        assert math.isfinite(large)
        assert large - 859 == pytest.approx(small, abs=1e-9)


@given(st.integers(1, 100), st.floats(0, 900), st.integers(1, 10**9))
def test_more_sequences_never_hurt_and_no_bound_exceeds_D(p, log_c, n):
    cover = parametric(p, log_c)
    for bound in (dudley, chain):
        values = [bound(cover, n * factor, 0.0) for factor in (1, 2, 10, 1000)]
        assert all(a >= b for a, b in itertools.pairwise(values))
        assert values[0] <= 0
        assert bound(cover, n, 0.0) <= bound(parametric(p + 1, log_c), n, 0.0)


def test_a_class_of_diameter_zero_has_no_complexity():
    for bound in (dudley, chain):
        assert bound(parametric(3, 1.0), 10, -math.inf) == -math.inf
    assert massart(3.0, -math.inf, 5) == -math.inf
    assert massart(0.0, 1.0, 5) == -math.inf


def test_a_class_of_one_function_has_hardly_any_complexity():
    # log N = 0 everywhere: only the last grid radius remains.
    for bound in (dudley, chain):
        assert bound(lambda log_eps: np.zeros(np.shape(log_eps)), 10, 0.0) < -25


@given(st.integers(1, 50), st.floats(-1, 8), st.integers(1, 10**5))
def test_the_chain_is_the_best_of_all_chains_on_its_grid(p, log_c, n):
    u = np.exp(-np.array([0.0, 0.4, 1.0, 1.7, 2.5, 4.0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(complexity, "chain_grid", lambda: u)
        found = math.exp(chain(parametric(p, log_c), n, 0.0))
    cover = parametric(p, log_c)(np.log(u))
    best = math.inf
    for size in range(len(u)):
        for levels in itertools.combinations(range(1, len(u)), size):
            path = (0, *levels)
            steps = itertools.pairwise(path)
            total = u[path[-1]] + sum(u[a] * math.sqrt(2 * cover[b] / n) for a, b in steps)
            best = min(best, total)
    assert best <= found <= best * (1 + 1e-9)


@settings(max_examples=20)
@given(st.sampled_from(["relu", "tanh"]), st.integers(1, 3), st.integers(0, 2**32))
def test_a_finite_part_of_a_loss_class_has_less_complexity_than_its_bound(s, k, seed):
    # Small radii, so that D, which the bounds never exceed, is small against B/2 = 1/2.
    rng = np.random.default_rng(seed)
    radii = Radii(0.5, 1, 0.02, 0.1, 0.01, 1)
    n, T, members = 8, 3, 40
    x = rng.uniform(-1, 1, size=(n, T, 1))
    y = rng.choice([-1.0, 1.0], size=(n, T))

    def ball(shape, radius):
        W = rng.normal(size=shape)
        return W * (radius * rng.random() / np.linalg.norm(W))

    values = []
    for _ in range(members):
        rnn = RNN(
            ball((k, k), 0.5), ball((k, 1), 1), ball(k, 0.1), ball((1, k), 0.02), ball(1, 0.01), s
        )
        values.append(np.clip(1 - y * rnn.predictions(x)[..., 0], 0, 1).mean(axis=1))
    setting = Setting(n, T, 0.0, weights="mean")
    found = loss_class(setting, radii, k, 1, 1, s)
    assert found.log_diameter < math.log(0.1)
    exact = exact_rademacher(np.array(values))
    for bound in (dudley, chain):
        assert exact <= math.exp(bound(found.cover, n, found.log_diameter))


def test_the_chain_gains_at_least_the_ratio_of_the_constants_over_dudley():
    # As an integral the chain has 4 sqrt 2 where Dudley has 12; the best levels do better still.
    cover = class_cover(Radii(1, 1, 1, 1, 1, 1), 28, "relu", 10, 28, 10, weights="last")
    gain = math.exp(dudley(cover, 10**8, math.log(0.5)) - chain(cover, 10**8, math.log(0.5)))
    assert gain >= 12 / (4 * math.sqrt(2))


def test_bad_arguments_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        dudley(parametric(1, 0.0), 0, 0.0)
    with pytest.raises(ValueError, match="log_diameter must be finite"):
        chain(parametric(1, 0.0), 1, math.inf)
    with pytest.raises(ValueError, match="log_size must be at least 0"):
        massart(-1.0, 0.0, 1)
