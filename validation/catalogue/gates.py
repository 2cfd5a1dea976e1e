"""Section 12 of the theory: one step of a GRU and an LSTM, whole and pruned.

Primes are the small network's, e = h' - h_J. A step reads what its inputs and biases bring: `u` of
the large network, `w` of the small one, any numbers; with W_h' = W_h[J,:] A and the same inputs the
differences are W_h'e - W_h[J,:] r.
"""

from __future__ import annotations

from dataclasses import dataclass

from validation.arithmetic.values import Value
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("12")
SIZES = {"m": (1, 3), "k": (1, "m")}
GRU = draw(
    W=draw.arrays(3, "m", "m"),
    V=draw.arrays(3, "k", "k"),
    u=draw.arrays(4, "m"),
    w=draw.arrays(4, "k"),
    h=draw.vectors("m"),
    e=draw.vectors("k"),
    J=draw.node_sets(),
    sizes=SIZES,
)
LSTM = draw(
    W=draw.arrays(4, "m", "m"),
    V=draw.arrays(4, "k", "k"),
    u=draw.arrays(4, "m"),
    w=draw.arrays(4, "k"),
    h=draw.vectors("m"),
    c=draw.vectors("m"),
    e=draw.vectors("k"),
    e_c=draw.vectors("k"),
    J=draw.node_sets(),
    sizes=SIZES,
)


@dataclass(frozen=True)
class Step:
    """One step of a GRU, on the kept nodes: gates, v = W_hn h + b_hn, candidate, state."""

    h: Value
    r: Value
    z: Value
    v: Value
    n: Value
    after: Value


def logistic(xp, x):
    """1/(1 + exp(-x)), by tanh, which overflows nowhere."""
    return (1 + xp.tanh(x / 2)) / 2


def gru_step(xp, W, u, h):
    """A GRU's step; u holds what inputs and biases bring to r, z, n, and b_hn."""
    r = logistic(xp, u[0] + W[0] @ h)
    z = logistic(xp, u[1] + W[1] @ h)
    v = W[2] @ h + u[3]
    n = xp.tanh(u[2] + r * v)
    return Step(h, r, z, v, n, (1 - z) * n + z * h)


def gru_pair(xp, W, V, u, w, h, e, J):
    """The large network's step on the kept nodes, and the small one's."""
    whole = gru_step(xp, W, u, h)
    parts = (whole.h, whole.r, whole.z, whole.v, whole.n, whole.after)
    kept = Step(*(xp.take(part, J, axis=0) for part in parts))
    return kept, gru_step(xp, V, w, kept.h + e)


def gaps(xp, W, V, u, w, h, e, J, gates):
    """How far the small network's gates are driven from the large one's, gate by gate."""
    kept = xp.take(h, J, axis=0) + e
    return [
        V[gate] @ kept + w[gate] - xp.take(W[gate] @ h + u[gate], J, axis=0)
        for gate in range(gates)
    ]


def lstm_step(xp, W, u, h, c):
    """An LSTM's step: gates i, f, g, o, then c+ and h+."""
    i, f, o = (logistic(xp, u[gate] + W[gate] @ h) for gate in (0, 1, 3))
    g = xp.tanh(u[2] + W[2] @ h)
    after = f * c + i * g
    return i, f, g, o, after, o * xp.tanh(after)


def lstm_pair(xp, W, V, u, w, h, c, e, e_c, J):
    """The large network's step on the kept nodes, and the small one's."""
    kept = [xp.take(part, J, axis=0) for part in lstm_step(xp, W, u, h, c)]
    start = (xp.take(h, J, axis=0) + e, xp.take(c, J, axis=0) + e_c)
    return kept, lstm_step(xp, V, w, *start)


def spectral(xp, A):
    """||A||_2."""
    return xp.linalg.matrix_norm(A, ord=2)


@section.sharper(
    "gates.gru_identity",
    r"e^+ = z' \odot e + (z' - z) \odot (h_J - n) + (1 - z') \odot (n' - n)",
    GRU,
    kind="identity",
    proof="h^+ = n + z (h - n) on both sides; subtract, and add and subtract z'(h_J - n) and z'n.",
)
def gru_identity(xp, W, V, u, w, h, e, J):
    large, small = gru_pair(xp, W, V, u, w, h, e, J)
    moved = (small.z - large.z) * (large.h - large.n) + (1 - small.z) * (small.n - large.n)
    return small.after - large.after, small.z * e + moved


@section.sharper(
    "gates.gru_slopes",
    r"|z' - z| \le \tfrac14 |\delta u_z|, \quad"
    r" |n' - n| \le |\delta u_n + r' \odot \delta v| + \tfrac14 |v| \odot |\delta u_r|",
    GRU,
    proof="The logistic function's secants lie in [0, 1/4], tanh's in [0, 1];"
    " r'v' - r v = r'(v' - v) + v (r' - r).",
)
def gru_slopes(xp, W, V, u, w, h, e, J, *, quarter=0.25):
    large, small = gru_pair(xp, W, V, u, w, h, e, J)
    d_r, d_z = gaps(xp, W, V, u, w, h, e, J, 2)
    d_n = w[2] - xp.take(u[2], J, axis=0)
    left = [xp.abs(small.z - large.z), xp.abs(small.n - large.n)]
    inner = xp.abs(d_n + small.r * (small.v - large.v))
    right = [quarter * xp.abs(d_z), inner + quarter * xp.abs(large.v) * xp.abs(d_r)]
    return xp.stack(left), xp.stack(right)


@section.sharper(
    "gates.gru",
    r"\|e^+\| \le \kappa \|e\| + \|\mathrm{drive}\|, \quad \kappa = \max z' + \|W_n'\| +"
    r" \tfrac14 \|\mathrm{diag}(|h_J - n|) W_z'\| + \tfrac14 \|\mathrm{diag}(|v|) W_r'\|",
    GRU,
    proof="`gates.gru_identity` with `gates.gru_slopes`, delta u = W'e + d; the drive holds"
    " |h_J - n| |d_z|/4, |d_n|, |d_v| and |v| |d_r|/4; 1 - z', r' <= 1.",
)
def gru(xp, W, V, u, w, h, e, J, *, quarter=0.25, stay=1):
    large, small = gru_pair(xp, W, V, u, w, h, e, J)
    d_r, d_z, d_v = (
        V[gate] @ large.h + w[place] - xp.take(W[gate] @ h + u[place], J, axis=0)
        for gate, place in ((0, 0), (1, 1), (2, 3))
    )
    d_n = w[2] - xp.take(u[2], J, axis=0)
    far, wide = xp.abs(large.h - large.n), xp.abs(large.v)
    column = (-1, 1)
    kappa = (
        stay * xp.max(small.z)
        + spectral(xp, V[2])
        + quarter * spectral(xp, xp.reshape(far, column) * V[1])
        + quarter * spectral(xp, xp.reshape(wide, column) * V[0])
    )
    drive = quarter * (far * xp.abs(d_z) + wide * xp.abs(d_r)) + xp.abs(d_n) + xp.abs(d_v)
    norm = xp.linalg.vector_norm
    return norm(small.after - large.after), kappa * norm(e) + norm(drive)


@section.classic(
    "gates.gru_states",
    r"|h^+| \le \max(1, |h|) \text{ entry by entry}",
    GRU,
    proof="h^+ is a mean of n in [-1, 1] and h.",
)
def gru_states(xp, W, V, u, w, h, e, J, *, most=1):
    step = gru_step(xp, W, u, h)
    return xp.abs(step.after), xp.maximum(most * xp.ones_like(h), xp.abs(h))


@section.sharper(
    "gates.lstm_identity",
    r"e_c^+ = f' \odot e_c + (f' - f) \odot c_J + i' \odot (g' - g) + (i' - i) \odot g, \quad"
    r" e_h^+ = o' \odot (\tanh c'^+ - \tanh c^+) + (o' - o) \odot \tanh c^+",
    LSTM,
    kind="identity",
    proof="Products: a'b' - a b = a'(b' - b) + (a' - a) b, three times.",
)
def lstm_identity(xp, W, V, u, w, h, c, e, e_c, J):
    (i, f, g, o, after, state), small = lstm_pair(xp, W, V, u, w, h, c, e, e_c, J)
    i_s, f_s, g_s, o_s, after_s, state_s = small
    in_cell = f_s * e_c + (f_s - f) * xp.take(c, J, axis=0) + i_s * (g_s - g) + (i_s - i) * g
    in_state = o_s * (xp.tanh(after_s) - xp.tanh(after)) + (o_s - o) * xp.tanh(after)
    left = xp.stack([after_s - after, state_s - state])
    return left, xp.stack([in_cell, in_state])


@section.sharper(
    "gates.lstm",
    r"|e_c^+| \le f' |e_c| + \tfrac14 |c_J| |\delta u_f| + |\delta u_g| + \tfrac14 |\delta u_i|,"
    r" \quad |e_h^+| \le |e_c^+| + \tfrac14 |\delta u_o|",
    LSTM,
    proof="`gates.lstm_identity` with secants in [0, 1/4] and [0, 1]; i', o', |g|, |tanh| <= 1.",
)
def lstm(xp, W, V, u, w, h, c, e, e_c, J, *, quarter=0.25, stay=1):
    large, small = lstm_pair(xp, W, V, u, w, h, c, e, e_c, J)
    d_i, d_f, d_g, d_o = (xp.abs(d) for d in gaps(xp, W, V, u, w, h, e, J, 4))
    in_cell = xp.abs(small[4] - large[4])
    held = xp.abs(xp.take(c, J, axis=0))
    right = stay * small[1] * xp.abs(e_c) + quarter * (held * d_f + d_i) + d_g
    left = xp.stack([in_cell, xp.abs(small[5] - large[5])])
    return left, xp.stack([right, in_cell + quarter * d_o])


@section.classic(
    "gates.lstm_states",
    r"|c^+| \le |c| + 1, \quad |h^+| \le 1 \text{ entry by entry}",
    LSTM,
    proof="f, i, |g| <= 1 and o, |tanh| <= 1; from c_0 = 0 hence |c_t| <= t.",
)
def lstm_states(xp, W, V, u, w, h, c, e, e_c, J, *, more=1):
    step = lstm_step(xp, W, u, h, c)
    left = xp.stack([xp.abs(step[4]), xp.abs(step[5])])
    return left, xp.stack([xp.abs(c) + more, xp.ones_like(c)])
