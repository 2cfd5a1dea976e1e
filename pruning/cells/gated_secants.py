"""Secant factors of gated cells: the difference of two runs as an exact linear recursion.

Theory, section 12, `gates.gru` and `gates.lstm`. With e = h' - h_J, primes for the small network
and d_g what its gate g gets beside what the large one's gets when both read the large one's state,

    GRU    e+ = z' e + (z' - z) (h_J - n) + (1 - z') (n' - n),
           z' - z = D_z (W_z' e + d_z),  r' - r = D_r (W_r' e + d_r),
           n' - n = D_n (d_in + r' (W_n' e + d_n) + v (r' - r)),
    LSTM   e_c+ = f' e_c + (f' - f) c_J + i' (g' - g) + (i' - i) g,
           e_h+ = o' D_c e_c+ + (o' - o) tanh(c+),

products entry by entry, and every D a secant slope: in [0, 1/4] for the logistic function, in
[0, 1] for tanh. Nothing is lost: norms are for later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.cells.gru import GRU
from pruning.cells.gru_steps import GRURun
from pruning.cells.lstm import LSTM
from pruning.cells.lstm_steps import LSTMRun
from pruning.checks import Array, Nodes

_LOGISTIC, _TANH = 0.25, 1.0


@dataclass(frozen=True, eq=False)
class GatedSecants:
    """e_t = J_t e_{t-1} + b_t along two runs, J_t a sum of diagonals times weights.

    Attributes
    ----------
    births : (T, n, k) array, or (T, n, 2 k) for an LSTM: e_h and e_c side by side
    diagonal : (T, n, k) array
        z' of a GRU, f' of an LSTM: what stays in its node.
    gates : (T, n, gates, k) array
        What stands in front of each gate's W' e.
    w_hidden : (gates, k, k) array
    out : (T, n, k) array or None
        o' D_c of an LSTM; its last gate reaches e_h directly.
    inner : (T, n, k) array or None
        r' where a GRU's candidate reads r * e instead of e; its last gate is then the candidate.
    through : (T, n, k) array or None
        h_J D_r, with it: how r' - r moves what the candidate reads.
    """

    births: Array
    diagonal: Array
    gates: Array
    w_hidden: Array
    out: Array | None = None
    inner: Array | None = None
    through: Array | None = None

    def carry(self, t: int, v: Array) -> Array:
        """J_t v for vectors v (n, s, k), or (n, s, 2 k) for an LSTM; t counts from 0."""
        k = self.w_hidden.shape[1]
        shown = v[..., :k]
        parts = [shown @ w.T for w in self.w_hidden]
        if self.inner is not None and self.through is not None:
            # The first gate is the reset gate, the last one the candidate.
            read = self.inner[t][:, None] * shown + self.through[t][:, None] * parts[0]
            parts[-1] = read @ self.w_hidden[-1].T
        if self.out is None:
            moved = self.diagonal[t][:, None] * shown
            for gate, part in enumerate(parts):
                moved += self.gates[t, :, gate][:, None] * part
            return np.asarray(moved)
        cell = self.diagonal[t][:, None] * v[..., k:]
        for gate, part in enumerate(parts[:-1]):
            cell += self.gates[t, :, gate][:, None] * part
        state = self.out[t][:, None] * cell + self.gates[t, :, -1][:, None] * parts[-1]
        return np.concatenate([state, cell], axis=-1)


def gru_secants(
    large: GRU,
    run: GRURun,
    small: GRU,
    small_run: GRURun,
    nodes: Nodes,
    x: Array,
    x_small: Array | None = None,
) -> GatedSecants:
    """The recursion of the difference of two GRUs.

    Parameters
    ----------
    large, small : GRU
        `small` has k nodes and any weights; the reset gate stands in the same place in both.
    run, small_run : GRURun
    nodes : (k,) integer array
        The node of `large` that each node of `small` is matched with.
    x, x_small : (T, n, d) arrays
        What each reads; the same by default.
    """
    if large.reset_after != small.reset_after:
        raise ValueError("the reset gate must stand in the same place in both networks")
    k = small.m
    in_drive, in_state = _driven(large, run, small, nodes, x, x if x_small is None else x_small, 3)
    h_J, r, z, n, v = (a[:, :, nodes] for a in (run.before, run.r, run.z, run.n, run.v))
    e = small_run.before - h_J
    w = small.w_hidden.reshape(3, k, k)
    d_r, d_z = (in_drive[g] + in_state[g] for g in (0, 1))
    D_r = _slope(small_run.r - r, e @ w[0].T + d_r, _LOGISTIC)
    D_z = _slope(small_run.z - z, e @ w[1].T + d_z, _LOGISTIC)
    if large.reset_after:
        d_n = in_state[2]
        change = in_drive[2] + small_run.r * (e @ w[2].T + d_n) + v * (small_run.r - r)
        D_n = _slope(small_run.n - n, change, _TANH)
        open_ = (1 - small_run.z) * D_n
        gates = np.stack([open_ * v * D_r, (h_J - n) * D_z, open_ * small_run.r], axis=2)
        births = (
            gates[:, :, 0] * d_r + gates[:, :, 1] * d_z + open_ * (in_drive[2] + small_run.r * d_n)
        )
        return GatedSecants(births, small_run.z, gates, w)
    d_n = _reset_before(large, run, small, nodes)
    moved = small_run.r * e + (small_run.r - r) * h_J
    D_n = _slope(small_run.n - n, in_drive[2] + moved @ w[2].T + d_n, _TANH)
    open_ = (1 - small_run.z) * D_n
    gates = np.stack([np.zeros_like(open_), (h_J - n) * D_z, open_], axis=2)
    through = h_J * D_r
    births = gates[:, :, 1] * d_z + open_ * (in_drive[2] + d_n + (through * d_r) @ w[2].T)
    return GatedSecants(births, small_run.z, gates, w, None, small_run.r, through)


def lstm_secants(
    large: LSTM,
    run: LSTMRun,
    small: LSTM,
    small_run: LSTMRun,
    nodes: Nodes,
    x: Array,
    x_small: Array | None = None,
) -> GatedSecants:
    """The recursion of the difference of two LSTMs; see `gru_secants`."""
    k = small.m
    in_drive, in_state = _driven(large, run, small, nodes, x, x if x_small is None else x_small, 4)
    d = in_drive + in_state
    before_c = run.before_c[:, :, nodes]
    i, f, g, o, c = (a[:, :, nodes] for a in (run.i, run.f, run.g, run.o, run.c))
    e = small_run.before - run.before[:, :, nodes]
    w = small.w_hidden.reshape(4, k, k)
    change = [e @ w[gate].T + d[gate] for gate in range(4)]
    D_i = _slope(small_run.i - i, change[0], _LOGISTIC)
    D_f = _slope(small_run.f - f, change[1], _LOGISTIC)
    D_g = _slope(small_run.g - g, change[2], _TANH)
    D_o = _slope(small_run.o - o, change[3], _LOGISTIC)
    squashed = np.tanh(c)
    D_c = _slope(np.tanh(small_run.c) - squashed, small_run.c - c, _TANH)
    gates = np.stack([g * D_i, before_c * D_f, small_run.i * D_g, squashed * D_o], axis=2)
    born_c = sum(gates[:, :, gate] * d[gate] for gate in range(3))
    out = small_run.o * D_c
    born_h = out * born_c + gates[:, :, 3] * d[3]
    births = np.concatenate([born_h, born_c], axis=2)
    return GatedSecants(births, small_run.f, gates, w, out)


def _driven(
    large: Any, run: Any, small: Any, nodes: Nodes, x: Array, x_small: Array, gates: int
) -> tuple[Array, Array]:
    """What the small network's gates get more, from inputs and from h_J; (gates, T, n, k) each."""
    rows = (np.arange(gates)[:, None] * large.m + nodes).reshape(-1)
    in_drive = x_small @ small.w_input.T - x @ large.w_input[rows].T
    in_drive += small.b_input - large.b_input[rows]
    recurrent = -large.w_hidden[rows]
    recurrent[:, nodes] += small.w_hidden
    in_state = run.before @ recurrent.T + (small.b_hidden - large.b_hidden[rows])
    T, n, _ = in_drive.shape
    shape = (T, n, gates, small.m)
    moved = (2, 0, 1, 3)
    return in_drive.reshape(shape).transpose(moved), in_state.reshape(shape).transpose(moved)


def _reset_before(large: GRU, run: GRURun, small: GRU, nodes: Nodes) -> Array:
    """W_n' (r h)_J - W_n[J,:] (r h) and the difference of its biases."""
    m, k = large.m, small.m
    recurrent = -large.w_hidden[2 * m + nodes]
    recurrent[:, nodes] += small.w_hidden[2 * k :]
    bias = small.b_hidden[2 * k :] - large.b_hidden[2 * m + nodes]
    return np.asarray((run.r * run.before) @ recurrent.T + bias)


def _slope(gap: Array, change: Array, most: float) -> Array:
    """The secant slope gap/change, 0 where nothing changes; rounding is brought back to range."""
    out = np.zeros_like(gap)
    np.divide(gap, change, out=out, where=change != 0)
    return np.clip(out, 0.0, most)
