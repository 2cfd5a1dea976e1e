"""Networks and what is left of them, to draw; their errors exactly, or with the rounding known."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
from hypothesis import strategies as st

from pruning.rnn import RNN
from pruning.spectral import PrunedRNN

EPS = float(np.finfo(float).eps)


def pair(rnn, nodes, A, S, tau=None, method="greedy"):
    """The PrunedRNN of any reconstruction matrix A."""
    nodes = np.asarray(nodes, dtype=np.int64)
    small = RNN(
        rnn.w_hidden[nodes] @ A,
        rnn.w_input[nodes],
        rnn.b_hidden[nodes],
        rnn.w_output @ A,
        rnn.b_output,
        rnn.activation,
    )
    tau = np.zeros(len(nodes)) if tau is None else tau
    return PrunedRNN(rnn, small, nodes, tau, A, S, None, method, {})


def moments(h):
    """S_t of every step, (T, m, m), and their mean."""
    per_step = np.einsum("nti,ntj->tij", h, h) / len(h)
    return per_step, per_step.mean(axis=0)


@st.composite
def exact_pairs(draw, max_T=4, activations=("relu", "identity", "leaky_relu:0.5")):
    """(pruned, x, per-step covariances) of dyadic numbers so small that float64 makes no error.

    A is any small matrix, the embedding or a least-squares guess rounded to halves. Nodes may be
    dead, k may be 0 or m, T may be 1, and W_h' may have the norm 1 exactly.
    """
    m, d_x, d_y = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    n, T = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 2, max_T]))
    activation = draw(st.sampled_from(activations))

    def matrix(*shape, half=False):
        size = int(np.prod(shape))
        values = draw(st.lists(st.integers(-2, 2), min_size=size, max_size=size))
        return np.array(values, dtype=float).reshape(shape) / (2 if half else 1)

    w_hidden = draw(st.sampled_from(["any", "identity", "zero"]))
    W = {
        "any": lambda: matrix(m, m),
        "identity": lambda: np.eye(m),
        "zero": lambda: np.zeros((m, m)),
    }
    rnn = RNN(W[w_hidden](), matrix(m, d_x), matrix(m), matrix(d_y, m), matrix(d_y), activation)
    x = matrix(n, T, d_x)
    nodes = sorted(draw(st.sets(st.integers(0, m - 1))))
    embedding = np.eye(m)[:, nodes]
    A = embedding if draw(st.booleans()) else matrix(m, len(nodes), half=True)
    per_step, S = moments(rnn.states(x))
    return pair(rnn, nodes, A, S), x, per_step


@st.composite
def float_pairs(draw, max_T=6):
    """(pruned, x, per-step covariances) of every activation, reconstructed by least squares."""
    m, d_x, d_y = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    n, T = draw(st.integers(1, 6)), draw(st.integers(1, max_T))
    activation = draw(
        st.sampled_from(["relu", "tanh", "identity", "leaky_relu", "leaky_relu:2", "logistic"])
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.3, 1.0, 1.7]))
    W = rng.normal(size=(m, m)) * scale / np.sqrt(m)
    dead = rng.random(m) < 0.2
    W[dead] = 0
    w_input = rng.normal(size=(m, d_x)) * ~dead[:, None]
    rnn = RNN(
        W,
        w_input,
        rng.normal(size=m) * 0.1 * ~dead,
        rng.normal(size=(d_y, m)),
        rng.normal(size=d_y),
        activation,
    )
    x = rng.normal(size=(n, T, d_x))
    per_step, S = moments(rnn.states(x))
    nodes = np.flatnonzero(rng.random(m) < draw(st.sampled_from([0.0, 0.5, 0.8, 1.0])))
    ridge = draw(st.sampled_from([1e-8, 1e-2]))
    tau = np.full(len(nodes), ridge * max(np.trace(S) / m, 1e-3))
    A = np.linalg.solve(S[np.ix_(nodes, nodes)] + np.diag(tau), S[nodes]).T
    return pair(rnn, nodes, A, S, tau), x, per_step


def weightings(T):
    """Time weights: 1/T, the last step, the first, rising and falling."""
    rising = np.arange(1.0, T + 1)
    rising = rising / rising.sum()
    unit = np.eye(T)
    return {
        "mean": np.full(T, 1 / T),
        "last": unit[-1],
        "first": unit[0],
        "rising": rising,
        "falling": rising[::-1].copy(),
    }


def exact_states(rnn, x):
    """States in Fractions, as nested lists n, T, m; ReLU, identity and dyadic leaky ReLU."""
    name, _, slope = rnn.activation.name.partition(":")
    low = {"relu": Fraction(0), "identity": Fraction(1), "leaky_relu": Fraction(slope or "1/100")}

    def s(a):
        return a if a > 0 else low[name] * a

    W = [[Fraction(v) for v in row] for row in rnn.w_hidden.tolist()]
    V = [[Fraction(v) for v in row] for row in rnn.w_input.tolist()]
    b = [Fraction(v) for v in rnn.b_hidden.tolist()]
    runs = []
    for sequence in x.tolist():
        h, run = [Fraction(0)] * rnn.m, []
        for step in sequence:
            inputs = [Fraction(v) for v in step]
            h = [
                s(
                    sum((w * v for w, v in zip(W[i], h)), Fraction(0))
                    + sum((w * v for w, v in zip(V[i], inputs)), Fraction(0))
                    + b[i]
                )
                for i in range(rnn.m)
            ]
            run.append(h)
        runs.append(run)
    return runs


def exact_square_error(pruned, x, weights):
    """||f^ - f'||_{n,w}^2 as a Fraction, for weights as they are stored."""
    full, small = exact_states(pruned.original, x), exact_states(pruned.pruned, x)
    Wo = [[Fraction(v) for v in row] for row in pruned.original.w_output.tolist()]
    Wp = [[Fraction(v) for v in row] for row in pruned.pruned.w_output.tolist()]
    total = Fraction(0)
    for run, run_small in zip(full, small):
        for w, h, g in zip(weights.tolist(), run, run_small):
            for row, row_small in zip(Wo, Wp):
                gap = sum((a * v for a, v in zip(row, h)), Fraction(0))
                gap -= sum((a * v for a, v in zip(row_small, g)), Fraction(0))
                total += Fraction(w) * gap * gap
    return total / len(full)


def log_sqrt(square):
    """Log of the root of a Fraction, to 60 digits."""
    if square == 0:
        return -mpmath.inf
    with mpmath.workdps(60):
        return mpmath.log(mpmath.mpf(square.numerator) / square.denominator) / 2


def rounding_of_error(pruned, x, weights):
    """A bound on |float64 value - exact value| of ||f^ - f'||_{n,w}.

    Running error analysis of both networks: an inner product of length l of known vectors is off by
    at most l u times that of their absolute values, an activation by 4 ulp, and errors of the
    previous state pass through |W_h| and rho. Twice the first-order sum is returned.
    """
    gap = 0.0
    for rnn in (pruned.original, pruned.pruned):
        h = rnn.states(x)
        n, T, m = h.shape
        error, rho = np.zeros((n, m)), rnn.activation.lipschitz
        W, V, Wo = np.abs(rnn.w_hidden), np.abs(rnn.w_input), np.abs(rnn.w_output)
        previous = np.zeros((n, m))
        out = np.zeros((n, T, rnn.d_y))
        for t in range(T):
            size = np.abs(previous) @ W.T + np.abs(x[:, t]) @ V.T + np.abs(rnn.b_hidden)
            error = rho * (error @ W.T + (m + rnn.d_x + 4) * EPS * size)
            error = error + 4 * EPS * np.abs(h[:, t])
            previous = h[:, t]
            size = np.abs(previous) @ Wo.T + np.abs(rnn.b_output)
            out[:, t] = error @ Wo.T + (m + 4) * EPS * size
        gap += float(np.sqrt(np.square(out).sum(-1).mean(0) @ weights))
    return 2 * gap
