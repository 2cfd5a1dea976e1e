"""Average conditional losses along one text: against balls, exact sums and simulated texts."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from bounds.martingales import (
    FINE,
    FORMS,
    GRID,
    conditional_loss,
    smoothed_range,
    text_bound,
)
from bounds.relative_entropy import inverse_kl
from bounds.terms import VALID

LOSSES = st.lists(st.sampled_from([0.0, 1.0, 0.5, 0.125, 1 / 3, 1e-9]), min_size=1, max_size=12)
LEVELS = st.floats(0, 60)


def evidence(form, z, m):
    """The logarithm of the mixed evidence at an average m, in balls."""
    arb, n = flint.arb, len(z)
    total = arb(0)
    for bet in GRID:
        theta = arb(bet)
        if form == "betting":
            value = sum(((1 - theta * arb(x)).log() for x in z), arb(0))
            value -= n * (1 - theta * arb(m)).log()
        else:
            V, before = arb(0), Fraction(1, 2)
            for t, x in enumerate(z, start=1):
                guess = before / t
                V += (arb(x) - arb(guess.numerator) / guess.denominator) ** 2
                before += Fraction(x)
            value = theta * (n * arb(m) - sum((arb(x) for x in z), arb(0)))
            value -= (-(1 - theta).log() - theta) * V
        total += value.exp()
    return (total / len(GRID)).log()


@pytest.mark.parametrize("form", ["betting", "bernstein"])
@given(z=LOSSES, L=LEVELS)
def test_the_average_returned_is_certainly_excluded_and_one_a_little_smaller_is_not(form, z, L):
    m = conditional_loss(z, L, form)
    flint.ctx.prec = 200
    if m < 1:
        # The running means of the code are rounded; the bound holds for them as for the exact ones.
        slack = 0 if form == "betting" else 1e-12
        assert evidence(form, z, m) > flint.arb(L) - slack
    below = m * (1 - 1e-7)
    if below > 0:
        assert evidence(form, z, below) < flint.arb(L) + 1e-9


@given(st.integers(1, 60), st.data(), st.floats(0.1, 50))
def test_for_errors_it_is_no_smaller_than_kl_and_not_much_larger(n, data, L):
    k = data.draw(st.integers(0, n))
    m = conditional_loss([1.0] * k + [0.0] * (n - k), L)
    assert m >= inverse_kl(k / n, L / n) * (1 - 1e-12)
    # The mixture costs the logarithm of its size, and the grid a part of L.
    # Beyond 0.99 the best bet lies outside the grid.
    assert m <= inverse_kl(k / n, (1.02 * L + math.log(len(GRID)) + 0.1) / n) or m > 0.99


@given(z=LOSSES, first=LEVELS, second=LEVELS)
@pytest.mark.parametrize("form", FORMS)
def test_it_grows_with_the_price_and_lies_above_the_mean(form, z, first, second):
    low, high = sorted((first, second))
    assert conditional_loss(z, low, form) <= conditional_loss(z, high, form) <= 1
    # At delta = 1 betting excludes what is more probable than not, and nothing below the mean.
    assert conditional_loss(z, low, form) >= np.mean(z) * (1 - 1e-12)


@given(z=LOSSES, L=LEVELS)
def test_counts_stand_for_repetitions(z, L):
    values, counts = np.unique(z, return_counts=True)
    listed = conditional_loss(z, L)
    assert conditional_loss(values, L, counts=counts) == pytest.approx(listed, rel=1e-12)


def test_many_losses_are_rounded_up_and_never_down(rng):
    z = rng.beta(1, 5, FINE + 1)
    m = conditional_loss(z, 100.0)
    values, counts = np.unique(np.ceil(z * 512) / 512, return_counts=True)
    exact = conditional_loss(z[: FINE // 2], 100.0)
    assert z.mean() < m < conditional_loss(values, 100.0, counts=counts)
    assert m == pytest.approx(exact, rel=0.02)


def test_it_adapts_to_the_variance_where_azuma_cannot(rng):
    z = np.clip(0.25 + 0.01 * rng.standard_normal(20_000), 0, 1)
    L = 2000.0
    gaps = {form: conditional_loss(z, L, form) - z.mean() for form in FORMS}
    assert gaps["azuma"] == pytest.approx(math.sqrt(L / (2 * len(z))), rel=1e-6)
    assert gaps["bernstein"] < gaps["azuma"] / 2
    assert gaps["betting"] < gaps["azuma"] / 2


# --- coverage -------------------------------------------------------------------------------------

DELTAS = (0.5, 0.75, 0.9, 0.05)


@functools.cache
def cached(z, L, form):
    return conditional_loss(z, L, form)


def ordered(z, form):
    """Losses as a key: only Bernstein's form looks at their order."""
    return tuple(z if form == "bernstein" else np.sort(z))


def chains():
    """Transition matrices and losses of a symbol, chosen against the bounds."""
    for p in (0.05, 0.3, 0.5, 0.7, 0.95):
        yield np.array([[1 - p, p], [1 - p, p]]), np.array([0.0, 1.0])
        yield np.array([[1 - p, p], [p, 1 - p]]), np.array([0.0, 1.0])
        yield np.array([[1 - p, p], [1.0, 0.0]]), np.array([0.25, 1.0])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("delta", DELTAS)
def test_coverage_at_small_n_by_summing_over_all_texts(form, delta):
    L = -math.log(delta)
    for P, loss in chains():
        for n in (1, 2, 5):
            missed = 0.0
            for path in itertools.product(range(2), repeat=n):
                before = (0, *path[:-1])
                chance = math.prod(P[i, j] for i, j in zip(before, path))
                lengths = (n,) if form == "azuma" else range(1, n + 1)
                missed += chance * any(
                    np.mean([P[i] @ loss for i in before[:t]])
                    > cached(ordered(loss[list(path[:t])], form), L, form)
                    for t in lengths
                )
            assert missed <= delta + 1e-12


@pytest.mark.randomised(
    alpha=1e-9,
    power="the mean of the losses itself, returned as the bound, misses every other time",
)
@pytest.mark.parametrize("form", FORMS)
def test_coverage_on_simulated_texts_with_a_choice_among_codes(form, rng):
    # Three predictors with codes of 1, 2 and 2 bits; the smallest slack is what is looked at.
    delta, runs, n = 0.9, 400, 40
    P = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.05, 0.9, 0.05]])
    Z = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.0], [0.25, 0.75, 1.0]])
    missed = 0
    for _ in range(runs):
        path = [0]
        for u in rng.random(n):
            path.append(int(np.searchsorted(np.cumsum(P[path[-1]])[:-1], u, side="right")))
        before, after = np.array(path[:-1]), np.array(path[1:])
        missed += any(
            (P @ loss)[before].mean()
            > cached(ordered(loss[after], form), bits * math.log(2) - math.log(delta), form)
            for loss, bits in zip(Z, (1, 2, 2))
        )
    # P(Bin(runs, delta) >= missed) above 1e-9/3, three forms.
    assert binom.sf(missed - 1, runs, delta) > 1e-9 / 3


def test_a_bound_that_ignores_the_choice_among_codes_fails():
    # The false lemma in the code's own words: smoothing chosen afterwards, its bits unpaid.
    delta = 0.9375
    bound = conditional_loss([0.0], -math.log(delta))
    assert bound < 0.5  # each of two predictors fails on its own symbol of a fair coin


# --- terms and bad input --------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_terms_add_up_to_the_bound_in_units_of_the_loss(form, rng):
    scale = smoothed_range(50, 2.0**-10)
    losses = rng.gamma(2.0, 1.0, 3000).clip(0, scale)
    found = text_bound(losses, scale, bits=300, delta=0.05, form=form)
    L = 300 * math.log(2) + math.log(20)
    assert found.label == VALID
    assert found.total == pytest.approx(scale * conditional_loss(losses / scale, L, form), rel=1e-9)
    assert found.total >= scale * conditional_loss(losses / scale, L, form)
    assert found.terms[0].value == pytest.approx(losses.mean())
    assert "i.i.d. sequences" not in {c.name for c in found.conditions}
    assert found.id == f"martingale.{form}"


def test_the_range_of_a_smoothed_loss_is_rounded_up():
    for V in (1, 2, 50, 256, 10_000):
        for a in (1.0, 0.5, 1e-3, 2.0**-40, 0.3):
            flint.ctx.prec = 200
            exact = (flint.arb(V) / flint.arb(a)).log() / flint.arb(2).log()
            assert flint.arb(smoothed_range(V, a)) >= exact.mid() or V == a == 1
            assert smoothed_range(V, a) <= float(exact.mid()) * (1 + 1e-14) + 1e-300


BAD = [
    (lambda: conditional_loss([], 1.0), "losses must be"),
    (lambda: conditional_loss([0.5, 1.5], 1.0), "losses must be"),
    (lambda: conditional_loss([0.5, math.nan], 1.0), "losses must be"),
    (lambda: conditional_loss([[0.5]], 1.0), "losses must be"),
    (lambda: conditional_loss([0.5], -1.0), "log_inv_delta must be"),
    (lambda: conditional_loss([0.5], 1.0, "hoeffding"), "form must be"),
    (lambda: conditional_loss([0.5], 1.0, counts=[0]), "counts must be"),
    (lambda: conditional_loss([0.5], 1.0, counts=[1.5]), "counts must be"),
    (lambda: conditional_loss([0.5], 1.0, "bernstein", counts=[1]), "counts must be None"),
    (lambda: text_bound([2.0], 1.0, bits=3, delta=0.1), "losses must be"),
    (lambda: text_bound([0.5], 1.0, bits=-1, delta=0.1), "bits must be"),
    (lambda: text_bound([0.5], 1.0, bits=1, delta=0.0), "delta must"),
    (lambda: smoothed_range(0, 0.5), "alphabet must be"),
    (lambda: smoothed_range(4, 2.0), "weight must be at most 1"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_endless_code_says_nothing():
    assert conditional_loss([0.0, 0.5], math.inf) == 1.0


def test_losses_that_are_on_the_fine_grid_stay_where_they_are(rng):
    # The checker of certificates hands over all multiples of 2^-18 with their counts.
    z, counts = np.arange(FINE + 1) / FINE, np.zeros(FINE + 1, int)
    counts[rng.integers(0, FINE, 50)] += 1
    used = counts > 0
    short = conditional_loss(z[used], 5.0, counts=counts[used])
    assert conditional_loss(z, 5.0, counts=counts) == short
