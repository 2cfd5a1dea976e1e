r"""Sharper ways to carry the drive d_t of `approximation.general`: diagonals, sectors, saturation.

Section 3 speaks of e_t = Delta_t (W_h' e_{t-1} + g_t) with e_1 = 0 and g_t = -W_h[J,:] r_{t-1}. For
any small network g_t = d_t, and e_0 = 0 instead. So with e one step later, T + 1 steps, time
weights (0, w_1..w_T) and the second moments of d_t in place of those of W_h[J,:] r_t, the bounds of
that section hold as they are proved and as they are computed:

* `approximation.scaled`: kappa_D = ||D W_h' D^{-1}||_2 for a positive diagonal D;
* `approximation.sector` for a nondecreasing s: P_j is made of W_h' and W_o' alone;
* `approximation.saturation` for a bounded s: |h'_i| <= sup|s| whatever the weights.

`stepwise` is at most `sector`. `weighted_from_mean` spares the moments of every step, which are
measured here. `dissipation` needs the joint moments of drives, read-out residuals and kept states,
and a program over them, and is not offered; `a_priori` is about the reconstruction alone.

The drive's own rounding u, ||fl(d) - d|| <= u for every sequence and step, is one more coordinate
of what second moments are taken of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bounds.approximation.closed import exponent_of
from bounds.approximation.kernels import log_geometric_toeplitz_norm
from bounds.approximation.residuals import Residuals, log_row_drives
from bounds.approximation.saturation import LAGS, RANGES, followed_back, log_ended
from bounds.approximation.scaled import optimal_scaling, scaled_norms
from bounds.approximation.sector import log_propagated
from bounds.rounding import add_up, raised, up
from pruning.activations import Activation
from pruning.checks import Array
from pruning.rnn import RNN

SCALED = r"\|W_o' D^{-1}\|_2\,\rho\,\|L_{T+1}(\rho\|D W_h' D^{-1}\|_2)\|_2\,\|D d\|_{n,w}"
SECTOR = (
    r"\bigl\|\sum_{j<t} \rho"
    r"\sqrt{\operatorname{Tr}[P_j\,\mathrm{E}\,d_{t-j} d_{t-j}^\top]}\bigr\|_w"
)
SATURATION = (
    r"\min_j \sum_{i<j} \rho\sqrt{\operatorname{Tr}[P_i\,\mathrm{E}\,d d^\top]}"
    r" + \bigl(\sum_i d_{j,i} c_i^2\bigr)^{1/2}"
)

_LOST = 2.0**-500


@dataclass(frozen=True, eq=False)
class DriveMoments:
    """Second moments of (d_t, u_t) 2^{-exponent}, and those of the kept states.

    Attributes
    ----------
    steps : (T, k + 1, k + 1) array
    exponent : int
    kept : (T, k) array
        E h_{t,J_i}^2.
    """

    steps: Array
    exponent: int
    kept: Array


class DriveSums:
    """Running second moments of drives, by batches of sequences."""

    def __init__(self, T: int, k: int) -> None:
        self.steps = np.zeros((T, k + 1, k + 1))
        self.kept = np.zeros((T, k))
        self.exponent: int | None = None
        self.n = 0

    def add(self, d: Array, rounding: Array, kept: Array) -> None:
        """Add d (n, T, k), the logarithm of its rounding (n, T), and h_J (n, T, k)."""
        u = np.exp(rounding)[..., None]
        v = np.concatenate([d, u], axis=2)
        own = exponent_of(v)
        if self.exponent is None:
            self.exponent = own
        elif own > self.exponent:
            self.steps = np.ldexp(self.steps, 2 * (self.exponent - own))
            self.exponent = own
        v = np.ldexp(v, -self.exponent)
        # What underflows when it is squared is rounding, too; none of two equal networks is.
        v[..., -1:] += np.where(u > 0, _LOST, 0.0)
        v = v.transpose(1, 2, 0)
        self.steps += v @ v.transpose(0, 2, 1)
        self.kept += np.square(kept).sum(axis=0)
        self.n += len(d)

    def moments(self) -> DriveMoments:
        """Return the means."""
        return DriveMoments(self.steps / self.n, self.exponent or 0, self.kept / self.n)


def parts_of(small: RNN) -> Residuals:
    """The drive as the residual weights of section 3: I of d, and 1 of its rounding, a row each."""
    k = small.m
    hidden, reach = np.eye(k, k + 1), np.zeros((k, k + 1))
    reach[:, k] = 1
    return Residuals(
        hidden,
        np.zeros((small.d_y, k + 1)),
        small.w_hidden,
        small.w_output,
        float(small.activation.lipschitz),
        reach,
    )


def log_scaled(small: RNN, moments: DriveMoments, w: Array) -> float:
    """Log of the propagated term by the best diagonal found, for weights that do not increase."""
    parts, T = parts_of(small), len(w)
    if small.m == 0 or not small.w_output.any():
        return -math.inf
    log_q = log_row_drives(parts, np.tensordot(w, moments.steps, axes=1))
    log_d = optimal_scaling(parts, log_q, T + 1)
    log_kappa, log_readout, log_drive = scaled_norms(parts, log_q, log_d)
    gain = log_geometric_toeplitz_norm(parts.log_rho + log_kappa, T + 1)
    return _shifted(add_up(log_readout, parts.log_rho, gain, log_drive), moments)


def log_sector(small: RNN, moments: DriveMoments, w: Array) -> float:
    """Log of the propagated term by quadratic forms, for a nondecreasing s and any weights."""
    steps, later, mean = _one_later(moments, w)
    found, _ = log_propagated(parts_of(small), mean, len(later), steps, later, None)
    return _shifted(found, moments)


def log_saturation(small: RNN, moments: DriveMoments, w: Array, nondecreasing: bool) -> float:
    """Log of the propagated term where |s| is bounded, for any weights.

    The caps are those of states, in units of their own: d must be in the same.
    """
    s: Activation = small.activation
    parts = parts_of(small)
    if small.m == 0 or not small.w_output.any():
        return -math.inf
    unit = exponent_of(parts.w_output)
    scaled = np.ldexp(parts.w_output, -unit)
    if ((scaled == 0) & (parts.w_output != 0)).any():
        raise FloatingPointError("the entries of the read-outs span more than the range of floats")
    parts = Residuals(
        parts.hidden, parts.output, parts.w_hidden, scaled, parts.rho, parts.hidden_reach
    )
    # Drives in units of their own are tiny or huge: then no lag is followed, and none is read.
    followed = nondecreasing and abs(moments.exponent) < 200
    shift = 2 * moments.exponent if followed else 0
    plain = DriveMoments(np.ldexp(moments.steps, shift), 0, moments.kept)
    steps, later, mean = _one_later(plain, w)
    reach = raised(raised(np.sqrt(moments.kept), 64) + s.bound, 8)
    reach = np.minimum(reach, RANGES.get(s.name, 2 * s.bound))
    # Of e_0 = 0 nothing is asked: every sum ends before it.
    reach = np.vstack([reach[:1], reach])
    lags = min(len(w), LAGS) if followed else 0
    values = []
    for damping in (0.0, 0.3) if lags else (0.0,):
        used, caps = followed_back(parts, mean, reach, lags, damping)
        values.append(log_ended(parts, used, caps, steps, later))
    return up(min(values) + unit * math.log(2))


def _one_later(moments: DriveMoments, w: Array) -> tuple[Array, Array, Array]:
    """Second moments, weights and mean of T + 1 steps, of which the first has no error."""
    size = moments.steps.shape[1]
    steps = np.concatenate([moments.steps, np.zeros((1, size, size))])
    return steps, np.concatenate([[0.0], w]), moments.steps.mean(axis=0)


def _shifted(log_value: float, moments: DriveMoments) -> float:
    return up(log_value + moments.exponent * math.log(2))
