"""Random and degenerate pairs of networks, and every bound of section 3 against the exact error."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import mpmath
import numpy as np
from helpers.network_pairs import exact_square_error, exact_states, log_sqrt

from bounds.approximation import (
    a_priori_bound,
    approximation_bound,
    comparator_bound,
    general_bound,
    global_bound,
    local_bound,
    power_bound,
    recursion_bound,
    scaled_bound,
    sector_bound,
    stepwise_bound,
    toeplitz_bound,
    trajectory_bound,
    weighted_bound,
    weighted_from_mean_bound,
)
from bounds.terms import VALID
from pruning import RNN, StateCovariance
from pruning.spectral import prune_to

FLOAT64, INFINITE = "about float64 runs only", "infinite"
EXTREMES = (-1000, -565, -540, -170, -30, -1, 0, 0, 0, 0, 1, 30, 170, 500, 565)


def network(seed):
    """(pruned, x, covariance) number `seed`: few bits an entry, scales that are no joke.

    Entries are dyadic, so that much of float64 is exact; powers of two on whole matrices, on nodes
    (a similarity of W_h, which a read-out undoes) or on single entries; dead, repeated and unread
    nodes; k from 0 to m; with and without reconstruction.
    """
    rng = np.random.default_rng(seed)
    m, d_x, d_y = rng.integers(1, 5), rng.integers(1, 3), rng.integers(1, 3)
    n, T = int(rng.choice([1, 2, 4])), int(rng.choice([1, 2, 3, 6]))

    def matrix(*shape):
        values = rng.integers(-4, 5, size=shape) / rng.choice([1, 2, 8])
        return values * (rng.random(shape) < rng.choice([1.0, 0.6, 0.3]))

    W, V, b = matrix(m, m), matrix(m, d_x), matrix(m) * rng.integers(0, 2)
    Wo, x = matrix(d_y, m), matrix(n, T, d_x)
    kind = rng.integers(0, 6)
    if kind == 1:  # whole matrices
        Wo, x, b = Wo * _power(rng), x * (p := _power(rng, 500)), b * p
    elif kind == 2:  # a diagonal similarity
        d = np.array([_power(rng, 300) for _ in range(m)])
        W, V, b, Wo = d[:, None] * W / d, d[:, None] * V, d * b, Wo / d
    elif kind == 3:  # single entries
        for A in (W, V, Wo):
            A *= np.array([_power(rng, 200) for _ in range(A.size)]).reshape(A.shape)
    elif kind == 4:
        W *= _power(rng, 170)
    elif kind == 5 and m > 1:
        W[1], V[1], b[1] = W[0], V[0], b[0]
        Wo[:, 0] = 0
    activation = str(rng.choice(["relu", "identity", "leaky_relu:0.5"]))
    rnn = RNN(W, V, b, Wo, np.zeros(d_y), activation)
    nodes = np.flatnonzero(rng.random(m) < rng.choice([0.0, 0.5, 0.5, 1.0]))
    covariance = StateCovariance.from_network(rnn, x, per_step=True)
    tau = float(rng.choice([0.0, 1e-9, 0.5])) * (np.trace(covariance.scaled) if n > 1 else 1.0)
    reconstruct = bool(rng.integers(0, 2))
    given = np.full(len(nodes), tau if reconstruct else 0.0)
    pruned = prune_to(rnn, covariance, nodes, given, reconstruct)
    return pruned, x, covariance


def cancelling(seed):
    """The same of a network in which float64 loses a state, or most of it, to cancellation.

    A pre-activation is brought to 0, or to a last bit, at one or two steps of one sequence, by its
    bias, by an input or by another node, in exact arithmetic rounded once; entries have all their
    bits, scales differ by up to 2^600, and a large read-out shows what was lost.
    """
    rng = np.random.default_rng([seed, 1])
    m, d_x = int(rng.integers(2, 5)), int(rng.integers(1, 3))
    n, T = int(rng.choice([1, 2, 4])), int(rng.choice([2, 3, 6]))

    def matrix(*shape):
        values = rng.normal(size=shape)
        if rng.random() < 0.4:
            values = rng.integers(-4, 5, size=shape) / rng.choice([1, 2, 3, 8])
        return values * (rng.random(shape) < rng.choice([1.0, 0.7]))

    W, V, b, x = matrix(m, m), matrix(m, d_x), matrix(m), matrix(n, T, d_x)
    Wo = matrix(int(rng.integers(1, 3)), m)
    scale = 2.0 ** float(rng.choice([-300, -60, 0, 0, 60, 170, 300]))
    if rng.random() < 0.5:
        W *= scale
    else:
        x, b = x * scale, b * scale
    activation = str(rng.choice(["relu", "relu", "identity", "leaky_relu:0.5"]))
    lost = int(rng.integers(0, m))
    for t in sorted(
        rng.choice(np.arange(1, T), size=int(rng.integers(1, min(T, 3))), replace=False)
    ):
        i, node = int(rng.integers(0, n)), lost if rng.random() < 0.7 else int(rng.integers(0, m))
        _cancel(rng, (W, V, b), x, activation, i, int(t), node)
    Wo[:, lost] *= 2.0 ** float(rng.choice([0, 20, 40, 60, 170]))
    rnn = RNN(W, V, b, Wo, np.zeros(len(Wo)), activation)
    keep = rng.random(m) < rng.choice([0.0, 0.5, 0.5, 1.0])
    keep[lost] &= rng.random() < 0.3
    covariance = StateCovariance.from_network(rnn, x, per_step=True)
    nodes, reconstruct = np.flatnonzero(keep), bool(rng.integers(0, 2))
    tau = np.zeros(len(nodes))
    return prune_to(rnn, covariance, nodes, tau, reconstruct), x, covariance


def _cancel(rng, weights, x, activation, i, t, node):
    """Change one weight of `node` so that its pre-activation at step t of sequence i is about 0."""
    W, V, b = weights
    m, d_x = V.shape
    rnn = RNN(W, V, b, np.zeros((1, m)), [0.0], activation)
    before = exact_states(rnn, x[i : i + 1, :t])[0][-1]
    rows = [Fraction(float(v)) for v in (*W[node], *V[node], b[node])]
    values = [*before, *(Fraction(float(v)) for v in x[i, t]), Fraction(1)]
    movable = [j for j, v in enumerate(values) if v != 0]
    j = int(rng.choice(movable if rng.random() < 0.6 else [m + d_x]))
    rest = sum((w * v for at, (w, v) in enumerate(zip(rows, values)) if at != j), Fraction(0))
    quotient = -rest / values[j]
    if abs(quotient) > Fraction(2) ** 900:
        return
    moved = float(quotient) * (1 + float(rng.choice([0, 0, 1, -1, 8])) * 2.0**-52)
    if j < m:
        W[node, j] = moved
    elif j < m + d_x:
        V[node, j - m] = moved
    else:
        b[node] = moved


FAMILIES = {"any": network, "cancelling": cancelling}


def _power(rng, largest=1000):
    e = int(rng.choice(EXTREMES))
    return 2.0 ** max(-largest, min(largest, e))


def bounds_of(pruned, x, covariance):
    """Every bound on ||f^ - f'||_{n,T} as (name, a call that computes it): quick ones, searches."""
    T = x.shape[1]
    quick = {
        "global": lambda: global_bound(pruned, T),
        "toeplitz": lambda: toeplitz_bound(pruned, T),
        "power": lambda: power_bound(pruned, T),
        "weighted from mean": lambda: weighted_from_mean_bound(pruned, T, np.full(T, 1 / T)),
        "recursion": lambda: recursion_bound(pruned, x),
        "local": lambda: local_bound(pruned, x),
        "trajectory": lambda: trajectory_bound(pruned, x),
        "general": lambda: general_bound(pruned, x),
        "general trajectory": lambda: general_bound(pruned, x, "trajectory"),
        "comparator": lambda: comparator_bound(pruned, x),
    }
    searches = {
        "scaled": lambda: scaled_bound(pruned, T),
        "stepwise": lambda: stepwise_bound(pruned, T),
        "sector": lambda: sector_bound(pruned, T),
        "best": lambda: approximation_bound(pruned, T, "best"),
    }
    with np.errstate(over="ignore"):
        size = float(np.ldexp(max(np.trace(covariance.scaled), 1e-300), 2 * pruned.exponent))
    if 0 < size < np.inf:
        quick["a priori"] = lambda: a_priori_bound(pruned, T, 0.3 * size)
    try:
        S = covariance.per_step
    except ValueError:
        return list(quick.items()), list(searches.items())  # beyond floats
    quick["weighted"] = lambda: weighted_bound(pruned, S)
    quick["weighted by powers"] = lambda: weighted_bound(pruned, S, kernel="power")
    searches["sector by step"] = lambda: sector_bound(pruned, T, per_step=S)
    searches["best by step"] = lambda: approximation_bound(pruned, T, "best", per_step=S)
    return list(quick.items()), list(searches.items())


def violations(seed, every=1, family="any"):
    """(evaluations by name, descriptions of valid bounds below the exact error) of network `seed`.

    Those that say that they are about float64 runs only are counted under that name, too.

    One network in `every` sees all bounds; the others, so that there can be more of them, see
    four of the quick ones in turn, and every second one a search.
    """
    try:
        pruned, x, covariance = FAMILIES[family](seed)
    except ValueError:
        return Counter(), []  # weights or states beyond floats are refused
    log_error = log_sqrt(exact_square_error(pruned, x, np.full(x.shape[1], 1 / x.shape[1])))
    quick, searches = bounds_of(pruned, x, covariance)
    if seed % every:
        quick = [quick[(4 * seed + i) % len(quick)] for i in range(4)]
        searches = [searches[seed // 2 % len(searches)]] if seed % 2 == 0 else []
    evaluated, found = Counter(), []
    for name, call in quick + searches:
        bound = call()
        # Images through all states of few sequences give the error itself: rounded up, too.
        if bound.label != VALID and name != "comparator":
            continue
        evaluated[name] += 1
        if "float64 runs" in [condition.name for condition in bound.conditions]:
            evaluated[FLOAT64] += 1
        if bound.log_total == math.inf:
            evaluated[INFINITE] += 1
        if not log_error <= mpmath.mpf(bound.log_total):
            found.append(
                f"{family}, seed {seed}: {name} {bound.log_total} below {float(log_error)}"
            )
    return evaluated, found
