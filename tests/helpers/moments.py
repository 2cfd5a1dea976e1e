"""Second moments to draw, and their exact rational Schur complements."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

EPS = float(np.finfo(float).eps)


@st.composite
def exact_covariances(draw, max_m=6):
    """S = F F^T, exact in float64, so that no rounding stands between S and its rank.

    Nodes may be dead, copies, copies up to 2^-20 (condition number 1e12), or graded by 2^-12.
    """
    m = draw(st.integers(1, max_m))
    rank = draw(st.integers(0, m))
    entries = st.lists(st.integers(-4, 4), min_size=m * rank, max_size=m * rank)
    F = np.array(draw(entries), dtype=float).reshape(m, rank)
    kind = draw(st.sampled_from(["plain", "copies", "near copies", "graded"]))
    if kind == "copies" and m > 1:
        F[m // 2 :] = F[: m - m // 2]
    if kind == "near copies" and m > 1:
        F[m // 2 :] = F[: m - m // 2] + 2.0**-20 * F[m // 2 :]
    if kind == "graded":
        F *= 2.0 ** -np.array(draw(st.lists(st.integers(0, 12), min_size=m, max_size=m)))[:, None]
    S = F @ F.T
    rows = [[Fraction(v) for v in row] for row in F.tolist()]
    for i in range(m):
        for j in range(m):
            exact = sum((a * b for a, b in zip(rows[i], rows[j])), Fraction(0))
            assert Fraction(float(S[i, j])) == exact
    return S


@st.composite
def spectra_covariances(draw, max_m=12):
    """S = Q diag(mu) Q^T with a drawn spectrum: condition numbers to 1e12, any rank, repeats."""
    m = draw(st.integers(1, max_m))
    rank = draw(st.integers(0, m))
    exponents = draw(st.lists(st.integers(-12, 0), min_size=rank, max_size=rank))
    mu = np.zeros(m)
    mu[:rank] = 10.0 ** np.array(exponents, dtype=float)
    seed = draw(st.integers(0, 2**32 - 1))
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(m, m)))[0]
    S = (Q * mu) @ Q.T
    return (S + S.T) / 2


def node_sets(m):
    """Strategy: any set of nodes in 0..m-1, sorted."""
    return st.sets(st.integers(0, m - 1)).map(lambda s: np.array(sorted(s), dtype=np.int64))


def ridges(size):
    """Strategy: tau with zeros among powers of two, so that S_J + I_tau stays exact."""
    value = st.sampled_from([0.0, 0.0, 2.0**-10, 0.5, 4.0])
    return st.lists(value, min_size=size, max_size=size).map(np.array)


def rational(matrix):
    return [[Fraction(float(v)) for v in row] for row in np.asarray(matrix)]


def exact_schur(S, nodes, tau):
    """C by elimination of one node after the other in rationals; singular pivots are skipped."""
    C = rational(S)
    m = len(C)
    for j, t in zip(np.asarray(nodes).tolist(), np.asarray(tau, dtype=float).tolist()):
        pivot = C[j][j] + Fraction(t)
        if pivot == 0:
            continue
        column = [C[i][j] for i in range(m)]
        C = [
            [entry - column[i] * other / pivot for entry, other in zip(C[i], column)]
            for i in range(m)
        ]
    return C


def exact_norm(S, nodes, tau):
    """||A||_F of an exact minimiser A, with weight on as many nodes as S_J + I_tau has rank.

    Gauss-Jordan with the largest pivot first, which keeps it near the least norm.
    """
    m, k = len(S), len(nodes)
    exact = rational(S)
    rows = [[exact[i][j] for j in nodes] + exact[i] for i in nodes]
    for i in range(k):
        rows[i][i] += Fraction(float(tau[i]))
    free, used = set(range(k)), []
    while free:
        i = max(free, key=lambda i: rows[i][i])
        free.discard(i)
        if rows[i][i] == 0:
            continue
        used.append(i)
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for other in range(k):
            if other != i and rows[other][i] != 0:
                factor = rows[other][i]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[i])]
    return float(np.sqrt(sum(float(rows[i][k + j]) ** 2 for i in used for j in range(m))))


def exact_rank(S):
    """The number of pivots that are not 0 when S is eliminated in rationals."""
    m = len(S)
    before = rational(S)
    rank = 0
    for j in range(m):
        pivot = before[j][j]
        if pivot == 0:
            continue
        rank += 1
        column = [before[i][j] for i in range(m)]
        before = [
            [entry - column[i] * other / pivot for entry, other in zip(before[i], column)]
            for i in range(m)
        ]
    return rank


def exact_gains(C, M, tau, closed):
    """The fall of Tr[M C] by each node, in rationals; 0 for the closed ones."""
    m = len(C)
    gains = []
    for j in range(m):
        pivot = C[j][j] + Fraction(float(tau[j]))
        if j in closed or pivot == 0:
            gains.append(Fraction(0))
            continue
        column = [C[i][j] for i in range(m)]
        image = [sum((a * b for a, b in zip(row, column)), Fraction(0)) for row in M]
        gains.append(sum((a * b for a, b in zip(column, image)), Fraction(0)) / pivot)
    return gains


def floats(C):
    m = len(C)
    return np.array([[float(v) for v in row] for row in C]).reshape(m, m)
