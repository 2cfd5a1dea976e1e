"""The probabilistic claims: their parts against definitions, and their power against wrong ones."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds import Radii, node_count
from bounds.complexity import dudley
from bounds.covering import class_cover
from bounds.rounding import Upward
from pruning.selection.leverage import leverage_scores
from validation import Conclusion, Evidence, certify
from validation.arithmetic import FLOAT64, RATIONALS, balls
from validation.catalogue import claims
from validation.catalogue import leverage_probabilities as leverage
from validation.catalogue import occam_probabilities as occam
from validation.catalogue import theorems_probabilities as theorem
from validation.catalogue import uniform_probabilities as uniform
from validation.catalogue.finite_classes import TOTAL, Classes, covering_numbers
from validation.checking.evaluation import sides
from validation.checking.statistical import statistical
from validation.checking.verifying import preflight
from validation.instances.sources import NumpySource

CATALOGUE = {c.id: c for c in claims()}
PROBABILISTIC = [c for c in CATALOGUE.values() if c.kind == "probabilistic"]
SEEDS = st.integers(0, 10**6)


def sampler_of(seed):
    instance = leverage.event_probability.instances.sample(np.random.default_rng(seed))
    F, lam = instance.raw["F"], instance.raw["lam"]
    return leverage.Sampler(FLOAT64.xp, F, lam), F @ F.T, lam


@given(SEEDS)
def test_the_sampling_distribution_is_that_of_the_fast_code(seed):
    sampler, S, lam = sampler_of(seed)
    scores = leverage_scores(S, lam)
    assert sampler.q == pytest.approx(scores / scores.sum(), rel=1e-6, abs=1e-9)
    assert abs(sampler.N - scores.sum()) <= 1e-6 * scores.sum()


@given(SEEDS, st.integers(1, 9))
def test_the_gap_is_the_largest_eigenvalue_of_its_definition(seed, k):
    sampler, S, lam = sampler_of(seed)
    rng = np.random.default_rng(seed)
    counts = sampler.multiplicities(rng, k)
    mu, V = np.linalg.eigh(S)
    root = V * np.sqrt(np.maximum(mu, 0))  # S = root root^T
    G = root.T * (counts / (k * sampler.q)) @ root  # up to the rotation V
    shift = np.diag(1 / np.sqrt(np.maximum(mu, 0) + lam))
    largest = np.linalg.eigvalsh(shift @ (np.diag(np.maximum(mu, 0)) - G) @ shift)[-1]
    gap = sampler.gap(counts, k)
    if max(largest, gap) > 0.1:
        assert gap == pytest.approx(largest, rel=1e-5)


@given(SEEDS, st.integers(1, 40))
def test_multiplicities_count_the_draws_by_their_intervals(seed, k):
    sampler, _, _ = sampler_of(seed)
    counts = sampler.multiplicities(np.random.default_rng(seed), k)
    u = np.random.default_rng(seed).random(k)
    ends = np.cumsum(sampler.q)[:-1]
    expected = np.bincount(np.searchsorted(ends, u, side="right"), minlength=sampler.m)
    assert (counts == expected).all()


@given(SEEDS)
def test_a_draw_is_the_same_in_balls(seed):
    claim = leverage.event_probability_chernoff
    instance = claim.instances.sample(np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        fast = sides(claim, instance, FLOAT64, rng=np.random.default_rng(seed))
    arithmetic = balls(128)
    with arithmetic.active():
        slow = sides(claim, instance, arithmetic, rng=np.random.default_rng(seed))
        low, high = arithmetic.enclosure(slow[0])
    assert low - 1e-6 <= fast[0] <= high + 1e-6


@given(SEEDS)
def test_every_node_can_be_drawn_also_in_simpler_instances(seed):
    instance = leverage.existence.instances.sample(np.random.default_rng(seed))
    for _, simpler in zip(range(20), leverage.existence.instances.simpler(instance)):
        F = simpler.raw["F"]
        assert (np.abs(F).max(axis=1) > 0).all()
        assert F.shape == (simpler.sizes["m"],) * 2


@given(st.floats(1e-3, 1e4))
def test_the_count_is_the_ceiling_and_at_least_one(need):
    assert leverage.count(FLOAT64.xp, np.float64(need)) == max(1, math.ceil(need))
    assert leverage.count(FLOAT64.xp, np.float64(-need)) == 1


@pytest.mark.parametrize(
    "id",
    [
        "leverage.event_probability",
        "leverage.event_probability_bernstein",
        "leverage.event_probability_chernoff",
    ],
)
@given(seed=SEEDS)
def test_the_number_of_draws_is_that_of_the_fast_code(id, seed):
    asked = []

    class Counting:
        def random(self, shape):
            asked.append(shape[0])
            return np.random.default_rng(0).random(shape)

    claim = CATALOGUE[id]
    instance = claim.instances.sample(np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        sides(claim, instance, FLOAT64, rng=Counting())
    F = instance.raw["F"]
    fast = node_count(F @ F.T, instance.raw["lam"], id, instance.raw["delta"]).nodes
    assert abs(asked[0] - fast) <= 1 + 1e-3 * fast  # F F^T is rounded there


def finite(seed, M=4, points=3):
    source = NumpySource(np.random.default_rng(seed))
    factor = Classes()
    raw = factor.make(source, {"M": M, "points": points})
    return factor.realise(FLOAT64, raw), raw, factor


@given(SEEDS, st.integers(1, 4), st.integers(1, 4))
def test_finite_classes_have_exact_values_and_weights(seed, M, points):
    G, raw, factor = finite(seed, M, points)
    assert raw["weights"].sum() == TOTAL
    assert (raw["weights"] >= 0).all()
    assert (raw["values"] * 64 == np.rint(raw["values"] * 64)).all()
    assert raw["values"].min() >= 0
    assert raw["values"].max() <= 1
    exact = [
        sum(Fraction(v) * Fraction(int(w), TOTAL) for v, w in zip(row, raw["weights"]))
        for row in raw["values"]
    ]
    assert G.values @ G.p == pytest.approx([float(e) for e in exact], abs=1e-15)
    if points > 1:
        assert factor.drop(raw, "points", 0)["weights"].sum() == TOTAL


@given(SEEDS, st.integers(1, 5))
def test_covering_numbers_are_the_smallest(seed, M):
    _, raw, _ = finite(seed, M)
    table = raw["values"]
    covers = covering_numbers(table)
    distances = np.abs(table[:, None] - table[None]).max(axis=-1)

    def smallest(eps):
        return min(
            len(c)
            for size in range(1, M + 1)
            for c in itertools.combinations(range(M), size)
            if (distances[list(c)].min(axis=0) <= eps).all()
        )

    assert covers[0] == (0.0, len(np.unique(table, axis=0)))
    assert covers[-1][1] == 1
    for eps, size in covers:
        assert size == smallest(eps)
        if eps > 0:
            assert smallest(np.nextafter(eps, 0)) > size


def test_samples_are_exactly_distributed():
    """All 1024 values of the one integer that a draw of one point uses."""
    G, raw, _ = finite(3)

    class One:
        def __init__(self, value):
            self.value = value

        def integers(self, high, size):
            assert high == TOTAL
            return np.full(size, self.value)

    seen = sum(G.sample(One(i), 1) for i in range(TOTAL))
    assert (seen == raw["weights"]).all()


@given(SEEDS, st.lists(st.integers(0, 3), min_size=3, max_size=3).filter(any))
def test_the_rademacher_complexity_sums_over_all_signs(seed, counts):
    G, _, _ = finite(seed)
    sample = np.repeat(np.arange(3), counts)
    n = len(sample)
    total = 0.0
    for signs in itertools.product((-1, 1), repeat=n):
        total += (G.table[:, sample] @ signs).max() / n
    found = uniform.rademacher_of_counts(FLOAT64.xp, G, np.array(counts))
    assert found == pytest.approx(total / 2**n, abs=1e-12)


@given(st.integers(1, 32), st.floats(0, 1), st.data())
def test_the_binomial_tail_is_that_of_scipy(n, p, data):
    from scipy import stats

    k = data.draw(st.integers(0, n))
    tail = occam.binomial_tail(FLOAT64.xp, n, np.float64(p), k)
    assert tail == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-12)


def test_code_lengths_are_complete_prefix_codes():
    for M, lengths in occam.LENGTHS.items():
        assert len(lengths) == M
        assert sum(Fraction(1, 2**length) for length in lengths) == 1


@pytest.mark.parametrize("claim", [uniform.net_kl, occam.binomial, occam.kl, uniform.net])
def test_the_exact_failure_probability_of_one_draw_is_permitted(claim):
    """n = 1: every outcome of the one integer, weighted exactly; some instances nearly attain."""
    nearest = 0.0
    rng = np.random.default_rng(7)
    for _ in range(400):
        instance = claim.instances.sample(rng)
        instance = type(instance)(instance.sizes, {**instance.raw, "n": 1})
        weights = instance.raw["G"]["weights"]
        failing = 0
        for point in np.flatnonzero(weights):

            class Only:
                def integers(self, high, size, point=point, weights=weights):
                    return np.full(size, weights[:point].sum())

            with np.errstate(all="ignore"):
                left, right = sides(claim, instance, FLOAT64, rng=Only())
            failing += int(weights[point]) * bool((left > right + 1e-12).any())
        probability, delta = failing / TOTAL, instance.raw["delta"]
        assert probability <= delta
        nearest = max(nearest, probability / delta)
    assert nearest > 0.8


@given(SEEDS)
def test_the_cover_of_the_theorem_is_that_of_the_fast_code(seed):
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.normal(size=6))
    T, (m, d, q), slope = int(rng.integers(2, 4)), rng.integers(1, 4, size=3).tolist(), 2.5
    fast = class_cover(
        Radii(*sizes, fixed=True, data_fixed=True), T, "relu", m, d, q,
        weights="mean", loss_lipschitz=Upward(slope), split="equal",
    )  # fmt: skip
    blocks = theorem.log_covering(FLOAT64.xp, theorem.Radii(*sizes), slope, T, (m, d, q))
    for eps in (1e-6, 1e-2, 0.3):
        slow = sum(p * math.log1p(scale / eps) for p, scale in blocks)
        assert float(fast(np.array(math.log(eps)))) == pytest.approx(slow, rel=1e-9)


def test_the_dudley_sums_are_close_to_the_fast_code_and_not_below_its_integral():
    blocks = [(6, 40.0), (2, 3.0)]

    def cover(log_eps):
        return sum(p * np.log1p(scale / np.exp(log_eps)) for p, scale in blocks)

    for n in (10.0, 1e4, 1e12):
        slow = theorem.dudley(FLOAT64.xp, blocks, n)
        fast = math.exp(dudley(cover, int(n), math.log(0.5)))
        if fast < 0.5:  # else the fast code says D
            assert fast * (1 - 1e-9) <= slow <= 1.6 * fast


@pytest.mark.randomised(alpha=1e-9, power="the wrong constants of the next test are refuted")
@pytest.mark.parametrize("claim", PROBABILISTIC, ids=lambda c: c.id)
def test_every_probabilistic_claim_passes_through_balls_and_is_not_refuted(claim):
    preflight(claim)
    verdict = statistical(claim, seconds=60, seed=3, draws=400)
    assert verdict.conclusion is Conclusion.NOT_REFUTED
    assert verdict.evidence is Evidence.STATISTICAL


WRONG = [
    ("leverage.event_probability", {"c": Fraction(1, 2)}),
    ("leverage.event_probability", {"inner": Fraction(1, 4)}),
    ("leverage.event_probability_bernstein", {"c": Fraction(8, 9)}),
    ("leverage.event_probability_chernoff", {"c": Fraction(5, 4)}),
    ("leverage.event_probability_sum", {"c": 2}),
    ("leverage.existence_sum", {"c": Fraction(6, 5)}),
    ("uniform.rademacher", {"b": Fraction(1, 2), "c": 1}),
    ("uniform.net", {"union": 0}),
    ("uniform.net_kl", {"inner": Fraction(1, 2)}),
    ("uniform.net_margin", {"union": 0}),
    ("uniform.net_margin", {"level": 0}),
    ("uniform.net_chain", {"union": 0}),
    ("uniform.net_chain", {"c": 1}),
    ("theorem.fixed_nodes", {"distance": 0}),
    ("occam.binomial", {"bits": 0}),
    ("occam.binomial", {"c": 2}),
    ("occam.kl", {"inner": Fraction(1, 2)}),
]


@pytest.mark.parametrize(("id", "wrong"), WRONG)
def test_wrong_constants_are_refuted(id, wrong):
    verdict = statistical(CATALOGUE[id].with_constants(**wrong), seconds=100, seed=0, draws=24_000)
    assert verdict.conclusion is Conclusion.REFUTED


def test_a_node_set_as_the_tight_existence_promises_is_found_by_enumeration():
    claim = leverage.existence_tight
    instance = claim.instances.sample(np.random.default_rng(1))
    assert certify(claim, instance).conclusion in (Conclusion.HOLDS, Conclusion.TIGHT)
    raw = {"F": np.eye(2), "lam": 0.5}
    instance = type(instance)({"m": 2}, raw)
    assert certify(claim, instance).conclusion is Conclusion.HOLDS
    # k = 12 draws for N = 4/3: sum 1/q_j = 2 k for flat scores, so c = 1 is attained.
    impossible = claim.with_constants(c=Fraction(9, 10))
    assert certify(impossible, instance).conclusion is Conclusion.VIOLATED


def test_rationals_do_what_has_no_roots():
    instance = uniform.net_kl.instances.sample(np.random.default_rng(0))
    with RATIONALS.active():
        G = uniform.net_kl.instances.realise(instance, RATIONALS)["G"]
        total = RATIONALS.xp.sum(G.p)
        low, high = RATIONALS.enclosure(total)
    assert low == high == 1
