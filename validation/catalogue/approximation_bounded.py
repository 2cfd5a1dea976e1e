"""Section 3 of the theory: saturation, and dissipation over the horizon."""

from __future__ import annotations

from validation.catalogue.approximation import SIZES, mean_square, norm, run, split
from validation.catalogue.approximation_slopes import sector_step
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("3")


def row_sums(xp, M):
    """D with diag(d) >= M for a symmetric M: its absolute row sums."""
    return xp.sum(xp.abs(M), axis=1)


def carried(both):
    """W_o' e_t of every step."""
    return [e @ both.small.w_output.T for e in both.error]


@section.sharper(
    "approximation.saturation",
    r"\|W_o' e\|_{n,w} \le \Bigl(\sum_i d_i c_i^2\Bigr)^{1/2}, \quad "
    r"c_i = 1 + \|h_{J_i}\|_{n,w}, \; \operatorname{diag}(d) \succeq W_o'^T W_o', \; |s| \le 1",
    draw(
        net=draw.networks(activations=("tanh",)),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        w=draw.time_weights(),
        sizes={**SIZES, "m": (1, 3), "T": (1, 3)},
    ),
    code="bounds.approximation.saturation_bound",
    proof="e_i = h'_i - h_{J_i} and |h'_i| <= 1, so ||e_i|| <= 1 + ||h_{J_i}|| by Minkowski; "
    "|W_o' e|^2 <= sum_i d_i e_i^2. Here d_i = sum_j |W_o'^T W_o'|_ij.",
)
def saturation(xp, net, x, J, A, w, *, c=1):
    both = run(xp, net, x, J, A)
    d = row_sums(xp, both.small.w_output.T @ both.small.w_output)
    kept = [xp.take(h, J, axis=1) for h in net.states(xp, x)]
    square = sum((xp.sum(h**2, axis=0) * w[t] for t, h in enumerate(kept)), 0 * d)
    reach = 1 + xp.sqrt(square / x.shape[0])
    return norm(xp, carried(both), w), c * xp.sqrt(xp.sum(d * reach**2))


def dissipated(xp, both, w, d, shares, first=True):
    """The sum over t of Tr[X_t Q_t] + Tr[Z_t Y_t], for Lambda_t = diag(sum |M|)/2 + diag(d).

    G_t = 2 Lambda_t - M_t, M_t = w_t W_o'^T W_o' + P_t, is shared in equal parts by what pays for
    e_{t-1}, for g_t and for W_o r_t; three are the truth.
    """
    small, n = both.small, both.error[0].shape[0]
    P = 0 * (small.w_hidden @ small.w_hidden.T)
    eye = xp.eye(P.shape[0])
    total = w[0] * mean_square(xp, both.readout[0]) if first else xp.asarray(0.0)
    for t in range(both.T - 1, 0, -1):
        M = w[t] * (small.w_output.T @ small.w_output) + P
        Lambda = eye * (row_sums(xp, M) / 2 + d)
        part = (2 * Lambda - M) / shares
        g = both.recurrent[t - 1] @ Lambda
        v = w[t] * (both.readout[t] @ small.w_output)
        total = total + w[t] * mean_square(xp, both.readout[t])
        for u in (g, v):
            total = total + xp.sum(u * xp.linalg.solve(part, u.T).T) / n
        W = Lambda @ small.w_hidden
        P = W.T @ xp.linalg.solve(part, W)
    return total


@section.sharper(
    "approximation.dissipation",
    r"\|\hat f - f'\|_{n,w}^2 \le \sum_t \bigl(\operatorname{Tr}[X_t Q_t]"
    r"+ \operatorname{Tr}[Z_t Y_t]\bigr), \quad E_t + D_t + F_t ="
    r"2\Lambda_t - w_t W_o'^T W_o' - P_t, \; X_t = \rho^2 \Lambda_t E_t^{-1} \Lambda_t, \;"
    r"Z_t = w_t I + w_t^2 W_o' D_t^{-1} W_o'^T, \;"
    r"P_{t-1} = \rho^2 W_h'^T \Lambda_t F_t^{-1} \Lambda_t W_h', \; P_T = 0",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        w=draw.time_weights(),
        d=draw.vectors("k", low=2.0**-20),
        sizes={**SIZES, "m": (1, 3)},
    ),
    steps=(split, sector_step),
    code="bounds.approximation.dissipation_bound",
    proof="2 e^T Lambda (rho (W_h' e_ - g) - e) >= 0 by the sector; add it to the square of the "
    "error, pay for each of the three products with e by one part of 2 Lambda - w W_o'^T W_o' - P, "
    "and sum over t = 1..T: the storage e^T P e telescopes from e_0 = 0. Here the parts are equal, "
    "Lambda_t = diag(sum |w W_o'^T W_o' + P|)/2 + diag(d), and N = 0; any other is as valid.",
)
def dissipation(xp, net, x, J, A, w, d, *, c=1):
    both = run(xp, net, x, J, A)
    left = norm(xp, both.output_error, w) ** 2
    return left, c * dissipated(xp, both, w, d, 3)
