"""Determinantal and volume sampling: distributions by enumeration, guarantees set by set."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from pruning import (
    certified_nodes,
    information_loss,
    sample_determinantal,
    sample_volume,
    select_nodes,
)

EPS = np.finfo(float).eps


def rotated(mu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    Q = np.linalg.qr(rng.standard_normal((len(mu), len(mu))))[0]
    S = (Q * mu) @ Q.T
    return (S + S.T) / 2


def spectra(m: int) -> dict[str, np.ndarray]:
    j = np.arange(1, m + 1)
    return {
        "flat": np.ones(m),
        "exponential": 2.0**-j,
        "polynomial": j**-2.0,
        "one spike": np.r_[1.0, np.full(m - 1, 1e-3)],
        "rank three": np.r_[np.ones(3), np.zeros(m - 3)],
        "condition 1e12": 10.0 ** (-12 * (j - 1) / (m - 1)),
        "zero": np.zeros(m),
    }


def chi_square_limit(cells: int) -> float:
    # The chi-square approximation is poor this far out; a factor 2 in the statistic covers it
    # where every expected count is at least 20.
    return 2 * chi2.isf(1e-10, cells - 1)


def statistic(draws: list[tuple[int, ...]], weights: dict[tuple[int, ...], float]) -> float:
    """Pearson's statistic; rare sets are put into one cell."""
    total, n = math.fsum(weights.values()), len(draws)
    expected = {J: n * w / total for J, w in weights.items()}
    counts = dict.fromkeys(weights, 0)
    for J in draws:
        counts[J] += 1
    common = [J for J in weights if expected[J] >= 20]
    rest = n - sum(expected[J] for J in common), n - sum(counts[J] for J in common)
    value = sum((counts[J] - expected[J]) ** 2 / expected[J] for J in common)
    return value + ((rest[1] - rest[0]) ** 2 / max(rest[0], 20) if rest[0] > 1e-9 else 0.0)


@pytest.mark.randomised(
    alpha=1e-9,
    power="independent draws with the leverage scores as probabilities differ by 0.1 in total "
    "variation here and exceed the limit with probability > 0.999",
)
@pytest.mark.parametrize("rank", [4, 2])
def test_determinantal_sampling_has_its_distribution(rank: int, rng: np.random.Generator) -> None:
    F = rng.standard_normal((4, rank))
    S, lam = F @ F.T, 0.7
    weights = {}
    for k in range(5):
        for J in itertools.combinations(range(4), k):
            weights[J] = max(0.0, float(np.linalg.det(S[np.ix_(J, J)] / lam))) if J else 1.0
    weights = {J: w for J, w in weights.items() if w > 1e-12}
    draws = [tuple(sample_determinantal(S, lam, rng).tolist()) for _ in range(4000)]
    assert statistic(draws, weights) < chi_square_limit(len(weights))


@pytest.mark.randomised(
    alpha=1e-9, power="uniform sets of two nodes exceed the limit with probability > 0.999"
)
def test_volume_sampling_has_its_distribution(rng: np.random.Generator) -> None:
    F = rng.standard_normal((5, 3))
    S = F @ F.T
    weights = {
        J: float(np.linalg.det(S[np.ix_(J, J)])) for J in itertools.combinations(range(5), 2)
    }
    draws = [tuple(sample_volume(S, 2, rng).tolist()) for _ in range(4000)]
    assert statistic(draws, weights) < chi_square_limit(len(weights))


@pytest.mark.randomised(
    alpha=1e-9,
    power="leverage sampling with N(lam) draws, whose residual is larger by half, is detected "
    "with probability > 0.999",
)
def test_mean_residual_is_lam_times_degrees_of_freedom(rng: np.random.Generator) -> None:
    S, lam, n = rotated(np.arange(1, 13) ** -2.0, rng), 0.05, 10_000
    mu = np.linalg.eigvalsh(S)
    expected = lam * float(np.sum(mu / (mu + lam)))
    losses = np.array(
        [information_loss(S, sample_determinantal(S, lam, rng), 0.0) for _ in range(n)]
    )
    # Hoeffding: losses lie in [0, Tr S].
    width = float(np.trace(S)) * math.sqrt(math.log(2 / 1e-9) / (2 * n))
    assert abs(losses.mean() - expected) <= width
    assert width < expected / 3  # narrow enough to mean something


@pytest.mark.parametrize("name", spectra(24))
@pytest.mark.parametrize("lam", [1e-8, 1e-4, 1e-2, 0.3, 1.0, 10.0, 1e4])
def test_derandomised_set_keeps_the_promise_of_existence(
    name: str, lam: float, rng: np.random.Generator
) -> None:
    S = rotated(spectra(24)[name], rng)
    found = certified_nodes(S, lam)
    N = found.degrees_of_freedom
    slack = 1 + 1e4 * EPS
    assert found.value <= 2 * slack
    assert len(found.nodes) <= 2 * N * slack
    assert information_loss(S, found.nodes, 0.0) <= 2 * lam * N * slack + 1e4 * EPS * np.trace(S)


@given(
    seed=st.integers(0, 2**32),
    m=st.integers(1, 9),
    rank=st.integers(0, 9),
    exponent=st.integers(-6, 6),
)
def test_derandomised_value_is_at_most_two(seed: int, m: int, rank: int, exponent: int) -> None:
    F = np.random.default_rng(seed).standard_normal((m, min(rank, m)))
    found = certified_nodes(F @ F.T, 10.0**exponent)
    assert found.value <= 2 * (1 + 1e4 * EPS) + 1e4 * EPS * np.sum(F * F) / 10.0**exponent


@pytest.mark.parametrize("name", [name for name in spectra(16) if name != "zero"])
@pytest.mark.parametrize("k", [0, 1, 2, 5, 16])
def test_derandomised_volume_set_meets_every_form_of_its_bound(
    name: str, k: int, rng: np.random.Generator
) -> None:
    S = rotated(spectra(16)[name], rng)
    nodes = select_nodes(S, k, method="volume")
    assert len(nodes) == k
    mu = np.sort(np.linalg.eigvalsh(S))[::-1].clip(min=0)
    loss = information_loss(S, nodes, 0.0)
    for i in range(k + 1):
        bound = (k + 1) / (k + 1 - i) * float(mu[i:].sum())
        assert loss <= bound * (1 + 1e4 * EPS) + 1e4 * EPS * float(np.trace(S))


def test_derandomised_volume_set_is_never_worse_than_the_mean_over_all_sets(
    rng: np.random.Generator,
) -> None:
    S = rotated(np.array([1.0, 0.5, 0.5, 0.1, 0.01]), rng)
    volumes, losses = [], []
    for J in itertools.combinations(range(5), 2):
        volumes.append(np.linalg.det(S[np.ix_(J, J)]))
        losses.append(information_loss(S, np.array(J), 0.0))
    mean = float(np.dot(volumes, losses) / np.sum(volumes))
    assert information_loss(S, select_nodes(S, 2, method="volume"), 0.0) <= mean * (1 + 1e4 * EPS)


@pytest.mark.parametrize("method", ["determinantal", "volume"])
def test_sizes_and_edges(method: str, rng: np.random.Generator) -> None:
    S = np.diag([2.0, 1.0, 0.0, 0.0])
    for k in range(5):
        for generator in (None, rng):
            nodes = select_nodes(S, k, method=method, rng=generator)
            assert len(set(nodes.tolist())) == k
            live = {0, 1}
            assert set(nodes.tolist()) <= live if k <= 2 else live <= set(nodes.tolist())


def test_determinantal_draws_its_own_size(rng: np.random.Generator) -> None:
    S = np.eye(6)
    assert len(select_nodes(S, None, method="determinantal", lam=1e-12, rng=rng)) == 6
    assert len(select_nodes(S, None, method="determinantal", lam=1e12, rng=rng)) == 0
    with pytest.raises(ValueError, match="lam must be given"):
        select_nodes(S, None, method="determinantal")


def test_a_thousand_singular_nodes_can_be_sampled(rng: np.random.Generator) -> None:
    F = rng.standard_normal((1000, 40))
    nodes = sample_volume(F @ F.T, 30, rng)
    assert len(nodes) == 30
    assert np.linalg.matrix_rank(F[nodes]) == 30
