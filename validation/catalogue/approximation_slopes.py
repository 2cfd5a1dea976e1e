"""Section 3 of the theory with the slopes of s.

Quadratic forms that pass through every step for 0 <= Delta <= rho, and the slopes that the two runs
leave possible.
"""

from __future__ import annotations

from validation.catalogue.approximation import SIZES, mean_square, recursion, run, spectral, split
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("3")


def sector_form(xp, M, d):
    """P = Lambda (2 Lambda - M)^{-1} Lambda with Lambda = diag(sum_j |M_ij|)/2 + diag(d).

    2 Lambda - M is positive definite since M is at most the diagonal of its absolute row sums.
    """
    Lambda = xp.eye(M.shape[0]) * (xp.sum(xp.abs(M), axis=1) / 2 + d)
    return Lambda @ xp.linalg.solve(2 * Lambda - M, Lambda)


@section.sharper(
    "approximation.sector_step",
    r"y^T M y \le \rho^2 z^T \Lambda (2\Lambda - M)^{-1} \Lambda z, \quad y = s(a) - s(b),"
    r"\; z = a - b, \; s \text{ nondecreasing}, \; M \succeq 0, \; 2\Lambda \succ M",
    draw(
        net=draw.networks(),
        a=draw.vectors("m"),
        b=draw.vectors("m"),
        B=draw.matrices("q", "m"),
        d=draw.vectors("m", low=2.0**-20),
    ),
    code="bounds.approximation.sector_bound",
    proof="y_i (rho z_i - y_i) >= 0, so y^T M y <= y^T M y + 2 y^T Lambda (rho z - y); complete "
    "the square in y.",
)
def sector_step(xp, net, a, b, B, d, *, c=1):
    y, z, M = net.apply(xp, a) - net.apply(xp, b), a - b, B.T @ B
    return xp.sum(y * (M @ y)), c * xp.sum(z * (sector_form(xp, M, d) @ z))


@section.sharper(
    "approximation.sector",
    r"\|\hat f_T - f'_T - W_o r_T\|_n \le \textstyle\sum_j \rho"
    r"\sqrt{\operatorname{Tr}[P_j Q_{T-1-j}]}, \quad M_0 = W_o'^T W_o', \;"
    r"M_{j+1} = \rho^2 W_h'^T P_j W_h', \; Q_s = \tfrac1n \sum_i u_s u_s^T, \;"
    r"u_s = W_h[J,:] r_s",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        d=draw.vectors("k", low=2.0**-20),
        sizes={**SIZES, "m": (1, 3), "T": (2, 4)},
    ),
    steps=(split, sector_step),
    code="bounds.approximation.sector_bound",
    proof="Unroll as in approximation.trajectory, pass the quadratic form through every step, then "
    "Minkowski over the lags. Lambda_j = diag(sum |M_j|)/2 + diag(d); any other is as valid.",
)
def sector(xp, net, x, J, A, d, *, c=1):
    both = run(xp, net, x, J, A)
    n, W = x.shape[0], both.small.w_hidden
    M, total = both.small.w_output.T @ both.small.w_output, xp.asarray(0.0)
    for j in range(both.T - 1):
        P = sector_form(xp, M, d)
        u = both.recurrent[both.T - 2 - j]
        total = total + xp.sqrt(xp.sum((u @ P) * u) / n)
        M = W.T @ P @ W
    left = both.output_error[-1] - both.readout[-1]
    return xp.sqrt(mean_square(xp, left)), c * total


def largest_slopes(xp, activation, a, b):
    """The largest slope of s between a and b, elementwise."""
    if activation == "tanh":
        nearest = xp.maximum(xp.maximum(xp.minimum(a, b), -xp.maximum(a, b)), 0 * a)
        return 1 - xp.tanh(nearest) ** 2
    off = {"identity": 1, "relu": 0, "leaky_relu": xp.asarray(0.25)}[activation]
    n, k = a.shape
    rows = [
        xp.stack(
            [
                xp.asarray(1.0) * (1 if bool(a[i, j] > 0) or bool(b[i, j] > 0) else off)
                for j in range(k)
            ]
        )
        for i in range(n)
    ]
    return xp.stack(rows)


def local_recursion(xp, net, x, J, A, c, slopes):
    """Norms of e_t, and the recursion with rows scaled by slopes(xp, activation, a, b)."""
    both = run(xp, net, x, J, A)
    small, n, k = both.small, x.shape[0], A.shape[1]
    states, small_states = net.states(xp, x), both.small.states(xp, x)
    v = [xp.asarray(0.0)] * n
    left, right = [], []
    for t in range(1, both.T):
        fixed = x[:, t, :] @ small.w_input.T + small.b_hidden
        a = states[t - 1] @ both.w_rows.T + fixed
        b = small_states[t - 1] @ small.w_hidden.T + fixed
        delta = slopes(xp, net.activation, a, b)
        drive = xp.linalg.vector_norm(delta * both.recurrent[t - 1], axis=1)
        for i in range(n):
            scaled = xp.reshape(delta[i, :], (k, 1)) * small.w_hidden
            v[i] = spectral(xp, scaled) * v[i] + c * drive[i]
        left.append(xp.linalg.vector_norm(both.error[t], axis=1))
        right.append(xp.stack(v))
    return xp.stack(left), xp.stack(right)


@section.sharper(
    "approximation.local",
    r"\|e_t\| \le v_t = \|\delta_t W_h'\|_2 v_{t-1} + \|\delta_t W_h[J,:] r_{t-1}\|, \; v_1 = 0,"
    r"\; \delta_t = \operatorname{diag} \max s' \text{ between the pre-activations of both runs}",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        sizes={**SIZES, "m": (1, 3), "T": (2, 4), "n": (1, 2)},
    ),
    steps=(recursion,),
    code="bounds.approximation.local_bound",
    proof="e_t = Delta_t (W_h' e_{t-1} - W_h[J,:] r_{t-1}), Delta_t diagonal, its entries secant "
    "slopes of s between the two pre-activations: 0 <= Delta_t <= delta_t.",
)
def local(xp, net, x, J, A, *, c=1):
    return local_recursion(xp, net, x, J, A, c, largest_slopes)
