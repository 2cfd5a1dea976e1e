"""`spectrum` at sizes where eigenvalues of S replace singular values of its factor."""

from __future__ import annotations

import numpy as np
import pytest

from pruning import sample_determinantal, sample_volume
from pruning.factor import pivoted_cholesky
from pruning.selection import leverage
from pruning.selection.leverage import LARGE, spectrum

EPS = np.finfo(float).eps
M = LARGE + 22


def _matrix(kind, exponent=0):
    rng = np.random.default_rng(7)
    if kind == "square":
        F = rng.standard_normal((M, M))
    elif kind == "decaying":
        F = rng.standard_normal((M, M)) * np.exp(-np.arange(M) / 40)
    elif kind == "graded":
        F = np.exp(-np.arange(M) / 5)[:, None] * rng.standard_normal((M, 2 * M))
    elif kind == "of lower rank":
        F = rng.standard_normal((M, M - 40))
    elif kind == "of small rank":
        F = rng.standard_normal((M, 9))
    elif kind == "copies":
        F = np.repeat(rng.standard_normal((M // 2, M)), 2, axis=0)
    else:
        F = rng.standard_normal((M, M)) * (np.arange(M) % 3 > 0)[:, None]  # dead nodes
    return F @ F.T * 4.0**exponent


KINDS = ["square", "decaying", "graded", "of lower rank", "of small rank", "copies", "dead nodes"]


def _by_singular_values(S, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(leverage, "LARGE", 10**9)
        return spectrum(S)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exponent", [0, -240, 240])
def test_it_puts_S_together_and_has_the_rank_of_the_factor(kind, exponent, monkeypatch):
    S = _matrix(kind, exponent)
    mu, U = spectrum(S)
    unit, top = 4.0**exponent, mu[0]
    assert len(mu) == pivoted_cholesky(S / unit)[2]
    assert np.all(mu > 0)
    assert np.all(np.diff(mu) <= 0)
    assert np.abs(U.T @ U - np.eye(len(mu))).max() <= 1e-13
    assert np.abs((U * (mu / unit)) @ U.T - S / unit).max() <= 64 * M * EPS * top / unit
    assert np.all(U[np.diag(S) == 0] == 0)
    true, V = _by_singular_values(S, monkeypatch)
    assert np.abs(mu - true).max() <= 8 * np.sqrt(M) * EPS * top
    assert np.abs(mu / true - 1).max() <= 2.0**-12  # the least one, too
    lam = true[len(true) // 2]
    kept, same = (U * (mu / (mu + lam))) @ U.T, (V * (true / (true + lam))) @ V.T
    assert np.abs(kept - same).max() <= 64 * M * EPS * top / lam


def test_both_ways_are_gone(monkeypatch):
    asked = []
    eigh = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda S: asked.append(len(S)) or eigh(S))
    ways = {}
    for kind in KINDS:
        asked.clear()
        spectrum(_matrix(kind))
        ways[kind] = list(asked)
    assert ways["square"] == ways["decaying"] == ways["of lower rank"] == [M]
    assert ways["graded"] == ways["of small rank"] == []
    assert len(ways["dead nodes"]) == 1
    assert ways["dead nodes"][0] < M  # without the rows that are 0


@pytest.mark.parametrize("kind", ["square", "of lower rank", "dead nodes"])
def test_samples_are_those_by_singular_values(kind, monkeypatch):
    # All eigenvalues are simple, so that only rounding could tell the two ways apart.
    S = _matrix(kind)
    lam = float(np.trace(S)) / M
    for seed in range(8):
        pair = sample_determinantal(S, lam, seed), sample_volume(S, M // 3, seed)
        with monkeypatch.context() as patch:
            patch.setattr(leverage, "LARGE", 10**9)
            assert np.array_equal(pair[0], sample_determinantal(S, lam, seed))
            assert np.array_equal(pair[1], sample_volume(S, M // 3, seed))
