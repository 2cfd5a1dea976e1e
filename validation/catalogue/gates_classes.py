"""Section 12 of the theory: how far the states of two gated networks of one class can be apart.

Both run from h_0 = c_0 = 0 on the same inputs. `bounds.gated_classes` has the constants of every
block; here all blocks move at once.
"""

from __future__ import annotations

from validation.catalogue.gates import gru_step, lstm_step, spectral
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("12")
SIZES = {"k": (1, 3), "d": (1, 2), "T": (1, 3)}


def pairs(gates):
    """Two networks of k nodes, their biases by gate, and one sequence."""
    return draw(
        W=draw.arrays(gates, "k", "k"),
        V=draw.arrays(gates, "k", "k"),
        A=draw.arrays(gates, "k", "d"),
        B=draw.arrays(gates, "k", "d"),
        a=draw.arrays(4, "k"),
        b=draw.arrays(4, "k"),
        x=draw.arrays("T", "d"),
        sizes=SIZES,
    )


def drives(x_t, A, a, gates):
    """What an input and the biases bring to each gate; a GRU's b_hn follows as it is."""
    return [A[g] @ x_t + a[g] for g in range(gates)] + [a[g] for g in range(gates, 4)]


def changes(xp, W, V, A, B, a, b, x, gates):
    """Radii of the W_h, and per gate what another W_h, W_i and bias bring to it."""
    norm = xp.linalg.vector_norm
    reach = xp.max(xp.stack([norm(x_t) for x_t in x]))
    R = [xp.maximum(spectral(xp, W[g]), spectral(xp, V[g])) for g in range(gates)]
    hidden = [spectral(xp, W[g] - V[g]) for g in range(gates)]
    rest = [reach * spectral(xp, A[g] - B[g]) + norm(a[g] - b[g]) for g in range(gates)]
    return R, hidden, rest


@section.sharper(
    "gates.gru_parameters",
    r"\|h_t - h_t'\| \le E_t = \kappa E_{t-1} + \tfrac12 d_z + d_n + \tfrac14 V d_r, \quad"
    r" \kappa = 1 + \tfrac12 R_z + R_n + \tfrac14 V R_r, \quad V = \sqrt k R_n + \|b_{hn}\|",
    pairs(3),
    proof="`gates.gru_identity` for two networks of one size: |h - n| <= 2, |v| <= V, z' e +"
    " (1 - z')(n' - n) is at most |e| + |n' - n|, and d_g = sqrt(k) ||W_g - W_g'|| [t > 1] + R_x"
    " ||W_ig - W_ig'|| + ||b_g - b_g'||; d_n has b_in and b_hn.",
)
def gru_parameters(xp, W, V, A, B, a, b, x, *, half=0.5, quarter=0.25, stay=1):
    R, hidden, rest = changes(xp, W, V, A, B, a, b, x, 3)
    norm = xp.linalg.vector_norm
    root_k = xp.sqrt(xp.asarray(1.0 * W.shape[1]))
    most = R[2] * root_k + xp.maximum(norm(a[3]), norm(b[3]))
    h, other, E = xp.zeros_like(a[0]), xp.zeros_like(a[0]), xp.asarray(0.0)
    for t, x_t in enumerate(x):
        h = gru_step(xp, W, drives(x_t, A, a, 3), h).after
        other = gru_step(xp, V, drives(x_t, B, b, 3), other).after
        d_r, d_z, d_n = (rest[g] + (root_k * hidden[g] if t else 0) for g in range(3))
        kappa = stay + half * R[1] + R[2] + quarter * most * R[0]
        drive = half * d_z + d_n + norm(a[3] - b[3]) + quarter * most * d_r
        E = kappa * E + drive
    return norm(h - other), E


@section.sharper(
    "gates.lstm_parameters",
    r"\|c_t - c_t'\| \le C_t = C_{t-1} + \tfrac{t-1}4 u_f + u_g + \tfrac14 u_i, \quad"
    r" \|h_t - h_t'\| \le E_t = C_t + \tfrac14 u_o, \quad u_g = R_g E_{t-1} + d_g",
    pairs(4),
    proof="`gates.lstm_identity` for two networks of one size; |c_{t-1}| <= t - 1, |g|, f', i', o',"
    " |tanh| <= 1; d_g as for a GRU.",
)
def lstm_parameters(xp, W, V, A, B, a, b, x, *, quarter=0.25, grows=1, stay=1):
    R, hidden, rest = changes(xp, W, V, A, B, a, b, x, 4)
    norm = xp.linalg.vector_norm
    root_k = xp.sqrt(xp.asarray(1.0 * W.shape[1]))
    zero = xp.zeros_like(a[0])
    h, c, other, other_c, E, C = zero, zero, zero, zero, xp.asarray(0.0), xp.asarray(0.0)
    for t, x_t in enumerate(x):
        *_, c, h = lstm_step(xp, W, drives(x_t, A, a, 4), h, c)
        *_, other_c, other = lstm_step(xp, V, drives(x_t, B, b, 4), other, other_c)
        u_i, u_f, u_g, u_o = (
            R[g] * E + rest[g] + (root_k * hidden[g] if t else 0) for g in range(4)
        )
        C = stay * C + quarter * (grows * t * u_f + u_i) + u_g
        E = C + quarter * u_o
    return xp.stack([norm(c - other_c), norm(h - other)]), xp.stack([C, E])
