"""Section 12 of the theory: the error of gated networks along both runs, by its exact recursion.

What inputs and biases bring is drawn for every step and for both networks, any numbers: `u` of the
large network, `w` of the small one, as in `validation.catalogue.gates`, whose steps these are.
"""

from __future__ import annotations

from validation.catalogue.gates import gru_pair, gru_step, lstm_pair, lstm_step
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("12")
SIZES = {"m": (1, 3), "k": (1, "m"), "T": (1, 3), "q": (1, 2)}
READ = {"Z": draw.matrices("q", "m"), "Y": draw.matrices("q", "k"), "b": draw.vectors("q")}
GRU_RUNS = draw(
    W=draw.arrays(3, "m", "m"),
    V=draw.arrays(3, "k", "k"),
    u=draw.arrays("T", 4, "m"),
    w=draw.arrays("T", 4, "k"),
    h=draw.vectors("m"),
    e=draw.vectors("k"),
    J=draw.node_sets(),
    **READ,
    sizes=SIZES,
)
LSTM_RUNS = draw(
    W=draw.arrays(4, "m", "m"),
    V=draw.arrays(4, "k", "k"),
    u=draw.arrays("T", 4, "m"),
    w=draw.arrays("T", 4, "k"),
    h=draw.vectors("m"),
    c=draw.vectors("m"),
    e=draw.vectors("k"),
    e_c=draw.vectors("k"),
    J=draw.node_sets(),
    **READ,
    sizes=SIZES,
)


def logistic_slope(s):
    """The derivative of the logistic function where its value is s."""
    return s * (1 - s)


def tanh_slope(s):
    """The derivative of tanh where its value is s."""
    return 1 - s * s


def secant(xp, change, after, before, slope):
    """(after - before)/change, the slope of a secant; the derivative where nothing changes."""
    still = change == 0
    quotient = (after - before) / xp.where(still, xp.ones_like(change), change)
    return xp.where(still, slope(before), quotient)


def gru_lags(xp, W, V, u, w, h, e, J, secant=secant):
    """J_T ... J_{s+1} b_s for s = 0..T (b_0 = e_0), and the last states of both networks."""
    lags = [e]
    for u_t, w_t in zip(u, w, strict=True):
        large, small = gru_pair(xp, W, V, u_t, w_t, h, e, J)
        d = [V[g] @ large.h - xp.take(W[g] @ h, J, axis=0) for g in range(3)]
        d_r, d_z, d_in, d_b = (w_t[g] - xp.take(u_t[g], J, axis=0) for g in range(4))
        d_r, d_z, d_n = d_r + d[0], d_z + d[1], d_b + d[2]
        D_r = secant(xp, V[0] @ e + d_r, small.r, large.r, logistic_slope)
        D_z = secant(xp, V[1] @ e + d_z, small.z, large.z, logistic_slope)
        moved = d_in + small.r * (V[2] @ e + d_n) + large.v * (small.r - large.r)
        candidate = (1 - small.z) * secant(xp, moved, small.n, large.n, tanh_slope)
        reset, update = candidate * large.v * D_r, (large.h - large.n) * D_z
        reads = candidate * small.r
        lags = [
            small.z * p + reset * (V[0] @ p) + update * (V[1] @ p) + reads * (V[2] @ p)
            for p in lags
        ]
        lags.append(reset * d_r + update * d_z + candidate * d_in + reads * d_n)
        h = gru_step(xp, W, u_t, h).after
        e = small.after - xp.take(h, J, axis=0)
    return lags, h, xp.take(h, J, axis=0) + e


def lstm_lags(xp, W, V, u, w, h, c, e, e_c, J, secant=secant):
    """As `gru_lags`, of the pairs (e_h, e_c)."""
    lags = [(e, e_c)]
    for u_t, w_t in zip(u, w, strict=True):
        (i, f, g, o, after, _), small = lstm_pair(xp, W, V, u_t, w_t, h, c, e, e_c, J)
        i_s, f_s, g_s, o_s, after_s, state_s = small
        h_J, c_J = xp.take(h, J, axis=0), xp.take(c, J, axis=0)
        d = [
            V[n] @ h_J - xp.take(W[n] @ h, J, axis=0) + (w_t[n] - xp.take(u_t[n], J, axis=0))
            for n in range(4)
        ]
        D_i, D_f, D_g, D_o = (
            secant(xp, V[n] @ e + d[n], theirs, ours, tanh_slope if n == 2 else logistic_slope)
            for n, (theirs, ours) in enumerate(((i_s, i), (f_s, f), (g_s, g), (o_s, o)))
        )
        D_c = secant(xp, after_s - after, xp.tanh(after_s), xp.tanh(after), tanh_slope)
        factors = g * D_i, c_J * D_f, i_s * D_g
        out, last = o_s * D_c, xp.tanh(after) * D_o

        def carried(p, p_c, keep=f_s, out=out, last=last, factors=factors):
            cell = keep * p_c
            for n, factor in enumerate(factors):
                cell = cell + factor * (V[n] @ p)
            return out * cell + last * (V[3] @ p), cell

        lags = [carried(p, p_c) for p, p_c in lags]
        born = factors[0] * d[0] + factors[1] * d[1] + factors[2] * d[2]
        lags.append((out * born + last * d[3], born))
        *_, c, h = lstm_step(xp, W, u_t, h, c)
        e, e_c = state_s - xp.take(h, J, axis=0), after_s - xp.take(c, J, axis=0)
    return [p for p, _ in lags], h, xp.take(h, J, axis=0) + e


def sides(xp, lags, h, small, J, Z, Y, b):
    """||f' - f|| and ||q|| + sum_s ||W_o' J_T ... J_{s+1} b_s||."""
    norm = xp.linalg.vector_norm
    q = Y @ xp.take(h, J, axis=0) + b - Z @ h
    right = norm(q)
    for p in lags:
        right = right + norm(Y @ p)
    return norm(Y @ small + b - Z @ h), right


FORMULA = (
    r"\|f'_T - f_T\| \le \|q_T\| + \sum_{s=0}^{T} \|W_o' J_T \cdots J_{s+1} b_s\|, \quad"
    r" e_t = J_t e_{t-1} + b_t, \ b_0 = e_0"
)


@section.sharper(
    "gates.gru_runs",
    FORMULA,
    GRU_RUNS,
    proof="`gates.gru_identity` with z' - z = D_z (W_z' e + d_z) and so on, D the slopes of secants"
    " of both runs; unrolled, f' - f = q + W_o' e_T, and Minkowski over s.",
)
def gru_runs(xp, W, V, u, w, h, e, J, Z, Y, b):
    lags, h, small = gru_lags(xp, W, V, u, w, h, e, J)
    return sides(xp, lags, h, small, J, Z, Y, b)


@section.sharper(
    "gates.lstm_runs",
    FORMULA,
    LSTM_RUNS,
    proof="As `gates.gru_runs`, from `gates.lstm_identity`, J_t acting on the pair (e_h, e_c).",
)
def lstm_runs(xp, W, V, u, w, h, c, e, e_c, J, Z, Y, b):
    lags, h, small = lstm_lags(xp, W, V, u, w, h, c, e, e_c, J)
    return sides(xp, lags, h, small, J, Z, Y, b)
