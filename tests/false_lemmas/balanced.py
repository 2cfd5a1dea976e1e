"""False lemmas about pruning that knows the recursion."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue import balanced as true
from validation.catalogue import blocks as along
from validation.catalogue.approximation import (
    geometric,
    mean_square,
    norm,
    powers,
    run,
    spectral,
    toeplitz,
)
from validation.catalogue.balanced import (
    DEFECT,
    GENERAL,
    LINEAR,
    PROBES,
    back,
    felt,
    identity_on,
    lifted,
    probe_means,
    run_any,
    weighted_sum,
)
from validation.instances import subsets

lemmas = Lemmas("11", __name__)

general_constant = lemmas.mutated(
    true.general,
    "general_constant",
    "At T = 1 both sides are |W_o' d_1|.",
    c=Fraction(19, 20),
)
general_recursion_constant = lemmas.mutated(
    true.general_recursion,
    "general_recursion_constant",
    "The secant factor of the identity is 1.",
    c=Fraction(19, 20),
)
defect_constant = lemmas.mutated(
    true.defect,
    "defect_constant",
    "The secant factor of the identity is 1.",
    c=Fraction(19, 20),
)
divergence_constant = lemmas.mutated(
    true.divergence,
    "divergence_constant",
    "Two words of probability 1/2 and a small d = (e, -e): e^2/2 on both sides.",
    c=Fraction(19, 20),
)
comparator_constant = lemmas.mutated(
    true.comparator,
    "comparator_constant",
    "The secant factor of the identity is 1.",
    c=Fraction(19, 20),
)
weight_constant = lemmas.mutated(
    true.weight,
    "weight_constant",
    "One step and one node: both sides are the square of the residual read out.",
    factor=Fraction(19, 20),
)
linear_constant = lemmas.mutated(
    true.linear,
    "linear_constant",
    "One step: both sides are the square of the defect read out.",
    factor=Fraction(19, 20),
)
objective_constant = lemmas.mutated(
    true.objective,
    "objective_constant",
    "A residual at one step alone is T times the mean.",
    factor=Fraction(19, 20),
)


@lemmas.claim(
    "first_drive_forgotten",
    r"\|f' - f\|_{n,T} \le \|q\|_{n,T} + \|W_o'\|_2 \Gamma_T(\kappa) \|d\|_{n,T}",
    GENERAL,
    why="T = 1: section 3's sum over lags is empty, and a changed W_i' errs at once.",
)
def first_drive_forgotten(xp, net, x, J, V_h, V_i, v_h, V_o, v_o):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    growth = geometric(xp, spectral(xp, V_h), len(both.drive))
    carried = spectral(xp, V_o) * growth * norm(xp, both.drive)
    return norm(xp, both.output_error), norm(xp, both.offset) + carried


@lemmas.claim(
    "read_out_bias_forgotten",
    r"\|f' - f\|_{n,T} \le \|W_o' h_J - W_o h\|_{n,T} + \|W_o'\|_2 \|L_{T+1}\|_2 \|d\|_{n,T}",
    GENERAL,
    why="A refitted read-out moves b_o' as well.",
)
def read_out_bias_forgotten(xp, net, x, J, V_h, V_i, v_h, V_o, v_o):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    growth = spectral(xp, toeplitz(xp, powers(spectral(xp, V_h), len(both.drive))))
    offset = [q - (v_o - net.b_output) for q in both.offset]
    carried = spectral(xp, V_o) * growth * norm(xp, both.drive)
    return norm(xp, both.output_error), norm(xp, offset) + carried


def propagated(xp, net, x, defect):
    """sum_t W_o W_h^{T-t} p_t."""
    parts = [p @ G.T for G, p in zip(back(net, x.shape[1]), defect)]
    return sum(parts[1:], parts[0])


@lemmas.claim(
    "defect_without_bias",
    r"f_T - W_o A h'_T = \sum_t W_o W_h^{T-t} p_t",
    LINEAR,
    kind="identity",
    why="f_T holds b_o.",
)
def defect_without_bias(xp, net, x, J, A, c):
    along = lifted(xp, net, x, J, A)
    left = along.states[-1] @ net.w_output.T + net.b_output - along.lift[-1] @ net.w_output.T
    return left, propagated(xp, net, x, along.defect)


@lemmas.claim(
    "defect_without_lift",
    r"f_T - f'_T = \sum_t W_o W_h^{T-t} p_t,\; \tilde h = h' \text{ on } J,\; 0 \text{ elsewhere}",
    LINEAR,
    kind="identity",
    why="The read-out of the small network is W_o A, and A h' is not 0 on what was dropped.",
)
def defect_without_lift(xp, net, x, J, A, c):
    small = run(xp, net, x, J, A).small
    states = small.states(xp, x)
    unit = xp.take(xp.eye(net.w_hidden.shape[0]), J, axis=0)
    lift = [h @ unit for h in states]
    before = [0 * lift[0], *lift[:-1]]
    defect = [
        h @ net.w_hidden.T + x[:, t, :] @ net.w_input.T + net.b_hidden - now
        for t, (h, now) in enumerate(zip(before, lift))
    ]
    left = net.states(xp, x)[-1] @ net.w_output.T - states[-1] @ small.w_output.T
    return left, propagated(xp, net, x, defect)


@lemmas.claim(
    "defect_vanishes_for_any_reconstruction",
    r"(p_t)_J = 0 \text{ for every } A",
    DEFECT,
    kind="identity",
    why="A ridge, or a pseudo-inverse on a node that is dead on the data, leaves A[J,:] != I.",
)
def defect_vanishes_for_any_reconstruction(xp, net, x, J, A):
    along = lifted(xp, net, x, J, A)
    kept = [xp.take(p, J, axis=1) for p in along.defect]
    return xp.stack(kept), xp.stack([0 * p for p in kept])


@lemmas.claim(
    "defect_vanishes_everywhere",
    r"A[J,:] = I \Rightarrow p_t = 0",
    DEFECT,
    kind="identity",
    why="Dropped nodes have a defect: it is all that is lost.",
)
def defect_vanishes_everywhere(xp, net, x, J, A):
    along = lifted(xp, net, x, J, identity_on(xp, J, A))
    return xp.stack(along.defect), xp.stack([0 * p for p in along.defect])


@lemmas.claim(
    "observability_of_the_small_network",
    r"s = \mathrm{id}:\; \|f_T - f'_T\|_n^2 \le (\textstyle\sum_t c_t)"
    r"\sum_t \operatorname{Tr}[A^T O'_t A\, P'_t]/c_t,\; O'_t \text{ of the small network}",
    LINEAR,
    why="The defect lives on nodes that the small network has not.",
)
def observability_of_the_small_network(xp, net, x, J, A, c):
    along = lifted(xp, net, x, J, A)
    small = run(xp, net, x, J, A).small
    gap = (along.states[-1] - along.lift[-1]) @ net.w_output.T
    kept = [xp.take(p, J, axis=1) for p in along.defect]
    values = felt(xp, back(small, x.shape[1]), kept)
    return mean_square(xp, gap), xp.sum(c) * weighted_sum(values, c)


@lemmas.claim(
    "weight_for_nonlinear",
    r"\|\textstyle\sum_t G_t r_t\|_n^2 \le (\sum_t c_t) \sum_t \operatorname{Tr}[O_t R_t]/c_t"
    r"\text{ for Jacobians } G_t^i \text{ of every sequence}, O_t = E G_t^T G_t",
    draw(
        G=draw.arrays("n", "T"),
        r=draw.arrays("n", "T"),
        c=draw.vectors("T", low=2.0**-10, high=2.0**10),
        sizes={"n": (1, 3), "T": (1, 3)},
    ),
    why="Jacobian and residual (1, 1) and (0, 0) on two sequences: 1/2 on the left, 1/4 for T = 1.",
)
def weight_for_nonlinear(xp, G, r, c):
    n, T = G.shape
    left = xp.sum(xp.sum(G * r, axis=1) ** 2) / n
    values = [xp.sum(G[:, t] ** 2) / n * xp.sum(r[:, t] ** 2) / n for t in range(T)]
    return left, xp.sum(c) * weighted_sum(values, c)


@lemmas.claim(
    "plain_sum_without_steps",
    r"s = \mathrm{id}:\; \|\textstyle\sum_t (df_T/dh_t) r_t\|_n^2"
    r"\le \sum_t \operatorname{Tr}[O_t R_t]",
    LINEAR,
    why="Steps may add up: with c_t = 1 the sum carries the factor T.",
)
def plain_sum_without_steps(xp, net, x, J, A, c):
    r = run(xp, net, x, J, A).residual
    products = back(net, x.shape[1])
    parts = [one @ G.T for G, one in zip(products, r)]
    values = felt(xp, products, r)
    return mean_square(xp, sum(parts[1:], parts[0])), sum(values[1:], values[0])


@lemmas.claim(
    "probes_with_a_mean",
    r"\mathbb{E}\, g_t g_t^T = \sum_{s \ge t} w_s (df_s/dh_t)^T (df_s/dh_t),\;"
    r"v \text{ with entries } -1/2, 3/2 \text{ (mean } 1/2)",
    PROBES,
    kind="identity",
    why="A mean makes entries correlate, and the variance is 1 all the same.",
)
def probes_with_a_mean(xp, w_hidden, w_output, slopes, w):
    means, exact = probe_means(xp, w_hidden, w_output, slopes, w, (-0.5, 1.5))
    return xp.stack(means), xp.stack(exact)


@lemmas.claim(
    "general_weight_as_a_change_of_coordinates",
    r"\min_{|J| = k} \operatorname{Tr}[M C] \le (k + 1) \sum_{j > k} \mu_j(M^{1/2} S M^{1/2})"
    r"\text{ for every } M \succeq 0",
    draw(
        S=draw.covariances(nonsingular=True),
        L=draw.matrices("m", "r"),
        k=draw.size("k"),
        sizes={"m": (1, 3), "r": (1, 3), "k": (0, "m")},
    ),
    why="Only a diagonal M carries nodes into nodes: S = I_2 and M all ones promise 0 at k = 1.",
)
def general_weight_as_a_change_of_coordinates(xp, S, L, k):
    m, M = S.shape[0], L @ L.T
    losses = [xp.linalg.trace(M @ true.residual(xp, S, J)) for J in subsets(m) if len(J) == k]
    least = losses[0]
    for loss in losses[1:]:
        least = xp.minimum(least, loss)
    F = xp.linalg.cholesky(S)
    mu = xp.linalg.eigvalsh(F.T @ M @ F)
    return least, (k + 1) * xp.sum(mu[: m - k])


def blocks(xp, net, x, J, *weights, L):
    """||f'_T - f_T||_n, and the parts whose norms bound it."""
    both = run_any(xp, net, x, J, *weights)
    parts = along.parts_of(along.terms_by_lag(xp, both), both.offset[-1], L)
    return xp.sqrt(mean_square(xp, both.output_error[-1])), parts


@lemmas.claim(
    "blocks_without_the_oldest_lag",
    r"\|f'_T - f_T\|_n \le \sum_b \|\cdot\|_n \text{ over the lags } 0..T-2",
    along.BLOCKS,
    why="d_1 need not vanish: W_i' or b_h' may have changed.",
)
def blocks_without_the_oldest_lag(xp, net, x, J, V_h, V_i, v_h, V_o, v_o, L):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    parts = along.parts_of(along.terms_by_lag(xp, both)[:-1], both.offset[-1], L)
    right = [xp.sqrt(mean_square(xp, part)) for part in parts]
    return xp.sqrt(mean_square(xp, both.output_error[-1])), sum(right[1:], right[0])


@lemmas.claim(
    "largest_block",
    r"\|f'_T - f_T\|_n \le \max_b \|\cdot\|_n",
    along.BLOCKS,
    why="Blocks of one sign add up.",
)
def largest_block(xp, net, x, J, V_h, V_i, v_h, V_o, v_o, L):
    left, parts = blocks(xp, net, x, J, V_h, V_i, v_h, V_o, v_o, L=L)
    return left, xp.max(xp.stack([xp.sqrt(mean_square(xp, part)) for part in parts]))


@lemmas.claim(
    "blocks_of_the_best_sequence",
    r"\|f'_T - f_T\|_n \le \sum_b \min_i \|\cdot\|",
    along.BLOCKS,
    why="On another sequence the block may be larger.",
)
def blocks_of_the_best_sequence(xp, net, x, J, V_h, V_i, v_h, V_o, v_o, L):
    left, parts = blocks(xp, net, x, J, V_h, V_i, v_h, V_o, v_o, L=L)
    least = [xp.min(xp.sqrt(xp.sum(part**2, axis=1))) for part in parts]
    return left, sum(least[1:], least[0])


@lemmas.claim(
    "read_out_in_no_block",
    r"\|f'_T - f_T\|_n \le \sum_b \|\cdot\|_n \text{ without } q_T",
    along.BLOCKS,
    why="Another read-out is an error of its own.",
)
def read_out_in_no_block(xp, net, x, J, V_h, V_i, v_h, V_o, v_o, L):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    parts = along.parts_of(along.terms_by_lag(xp, both), 0 * both.offset[-1], L)
    right = [xp.sqrt(mean_square(xp, part)) for part in parts]
    return xp.sqrt(mean_square(xp, both.output_error[-1])), sum(right[1:], right[0])


blocks_as_if_orthogonal = lemmas.mutated(
    along.general_products,
    "blocks_as_if_orthogonal",
    "Blocks of lags are no martingale: what one step misses the next may miss, too.",
    c=0,
)
