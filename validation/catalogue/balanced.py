"""Section 11 of the theory: pruning that knows the recursion.

Any small network whose nodes are matched with J (refitted, fine-tuned, quantised), the defect along
the small network's own run, and the weight by what the output feels. Every activation that is drawn
has rho = 1 and never decreases.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from validation.arithmetic.values import Value
from validation.catalogue.approximation import mean_square, norm, powers, run, spectral, toeplitz
from validation.catalogue.degrees_of_freedom import smoothed
from validation.catalogue.determinantal import mean, residual
from validation.catalogue.stating import Section
from validation.instances import Network, draw

section = Section("11")
SIZES = {"m": (1, 4), "k": (1, "m"), "T": (1, 4)}
ANY_SMALL = {
    "net": draw.networks(),
    "x": draw.sequences(),
    "J": draw.node_sets(),
    "V_h": draw.matrices("k", "k"),
    "V_i": draw.matrices("k", "d"),
    "v_h": draw.vectors("k"),
    "V_o": draw.matrices("q", "k"),
    "v_o": draw.vectors("q"),
}
GENERAL = draw(**ANY_SMALL, sizes=SIZES)
GENERAL_WEIGHTED = draw(**ANY_SMALL, w=draw.time_weights(), sizes=SIZES)
DEFECT = draw(
    net=draw.networks(),
    x=draw.sequences(),
    J=draw.node_sets(),
    A=draw.matrices("m", "k"),
    sizes=SIZES,
)
LINEAR = draw(
    net=draw.networks(activations=("identity",)),
    x=draw.sequences(),
    J=draw.node_sets(),
    A=draw.matrices("m", "k"),
    c=draw.vectors("T", low=2.0**-10, high=2.0**10),
    sizes=SIZES,
)

LOGITS = draw(
    f=draw.vectors("q", low=-8, high=8),
    d=draw.vectors("q", low=-8, high=8),
    sizes={"q": (2, 6)},
)


@dataclass(frozen=True)
class AnyPair:
    """A network and any small one on the same sequences; lists run over t = 1..T."""

    small: Network
    error: list[Value]
    drive: list[Value]
    offset: list[Value]
    output_error: list[Value]


def run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o):
    """e_t, d_t, q_t and f'_t - f_t of `approximation.general`."""
    small = Network(V_h, V_i, v_h, V_o, v_o, net.activation)
    rows = [xp.take(net.w_hidden, J, axis=0), xp.take(net.w_input, J, axis=0)]
    bias = xp.take(net.b_hidden, J, axis=0)
    large_states, small_states = net.states(xp, x), small.states(xp, x)
    kept = [xp.take(h, J, axis=1) for h in large_states]
    before = [0 * large_states[0], *large_states[:-1]]
    drive = []
    for t, h in enumerate(before):
        ours = xp.take(h, J, axis=1) @ V_h.T + x[:, t, :] @ V_i.T + v_h
        drive.append(ours - (h @ rows[0].T + x[:, t, :] @ rows[1].T + bias))
    f = [h @ net.w_output.T + net.b_output for h in large_states]
    return AnyPair(
        small=small,
        error=[h - h_J for h, h_J in zip(small_states, kept)],
        drive=drive,
        offset=[(h_J @ V_o.T + v_o) - f_t for h_J, f_t in zip(kept, f)],
        output_error=[(h @ V_o.T + v_o) - f_t for h, f_t in zip(small_states, f)],
    )


@section.sharper(
    "approximation.general_split",
    r"f'_t - f_t = W_o' e_t + q_t, \; q_t = (W_o' h_{t,J} + b_o') - (W_o h_t + b_o)",
    GENERAL,
    kind="identity",
    proof="Add and subtract W_o' h_{t,J}.",
)
def general_split(xp, net, x, J, V_h, V_i, v_h, V_o, v_o):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    right = [e @ both.small.w_output.T + q for e, q in zip(both.error, both.offset)]
    return xp.stack(both.output_error), xp.stack(right)


@section.sharper(
    "approximation.general_recursion",
    r"e_t = \Delta_t (W_h' e_{t-1} + d_t),\; 0 \le \Delta_t \le \rho:\;"
    r"0 \le e_t \odot (W_h' e_{t-1} + d_t) \le \rho (W_h' e_{t-1} + d_t)^2",
    GENERAL,
    proof="The two pre-activations differ by W_h' e_{t-1} + d_t, and s is nondecreasing and "
    "rho-Lipschitz: multiply both differences.",
    code="pruning.cells",
)
def general_recursion(
    xp,
    net,
    x,
    J,
    V_h,
    V_i,
    v_h,
    V_o,
    v_o,
    *,
    c=1,
):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    left, right, before = [], [], 0 * both.error[0]
    for e, d in zip(both.error, both.drive):
        change = before @ both.small.w_hidden.T + d
        left += [-e * change, e * change]
        right += [0 * change, c * change * change]
        before = e
    return xp.stack(left), xp.stack(right)


@section.sharper(
    "approximation.general",
    r"\|f' - f\|_{n,T} \le \|q\|_{n,T} + \|W_o'\|_2\, \rho\, \|L_{T+1}(\rho\kappa)\|_2 \|d\|_{n,T}"
    r",\; L_{T+1} \text{ of size } T \times T",
    GENERAL,
    steps=(general_split, general_recursion),
    code="bounds.approximation.general_bound",
    proof="Unroll the recursion from e_0 = 0: the lags are j = 0..T-1, since d_1 need not vanish.",
)
def general(
    xp,
    net,
    x,
    J,
    V_h,
    V_i,
    v_h,
    V_o,
    v_o,
    *,
    c=1,
):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    kappa, T = spectral(xp, both.small.w_hidden), len(both.drive)
    growth = spectral(xp, toeplitz(xp, powers(kappa, T)))
    carried = spectral(xp, both.small.w_output) * growth * norm(xp, both.drive)
    return norm(xp, both.output_error), norm(xp, both.offset) + c * carried


@section.sharper(
    "approximation.general_weighted",
    r"\|f' - f\|_{n,w} \le \|q\|_{n,w} + \|W_o'\|_2 (\textstyle\sum_t w_t u_t^2)^{1/2},"
    r"\; u_t = \rho (\kappa u_{t-1} + \|d_t\|_n),\; u_0 = 0",
    GENERAL_WEIGHTED,
    steps=(general_split, general_recursion),
    code="bounds.approximation.general_bound",
    proof="Minkowski in L2 of the sample, step by step; any time weights, the last step included.",
)
def general_weighted(
    xp,
    net,
    x,
    J,
    V_h,
    V_i,
    v_h,
    V_o,
    v_o,
    w,
    *,
    c=1,
):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    kappa, u, total = spectral(xp, both.small.w_hidden), xp.asarray(0.0), xp.asarray(0.0)
    for t, d in enumerate(both.drive):
        u = kappa * u + xp.sqrt(mean_square(xp, d))
        total = total + w[t] * u**2
    carried = c * spectral(xp, both.small.w_output) * xp.sqrt(total)
    return norm(xp, both.output_error, w), norm(xp, both.offset, w) + carried


COMPARED = draw(
    **ANY_SMALL,
    B=draw.arrays("T", "k", "m"),
    offset=draw.matrices("T", "k"),
    sizes=SIZES,
)


@section.sharper(
    "approximation.comparator",
    r"c_t = B_t h_t + \beta_t,\; e_t = h'_t - c_t = \Delta_t W_h' e_{t-1} + p_t:\;"
    r"0 \le (e_t - p_t) \odot W_h' e_{t-1} \le \rho (W_h' e_{t-1})^2,\;"
    r" p_t = s(W_h' c_{t-1} + W_i' x_t + b_h') - c_t",
    COMPARED,
    code="bounds.approximation.comparator_bound",
    proof="Subtract and add s(W_h' c_{t-1} + W_i' x_t + b_h'); c may be any sequence at all.",
)
def comparator(
    xp, net, x, J, V_h, V_i, v_h, V_o, v_o,
    B, offset, *, c = 1,
):  # fmt: skip
    small = Network(V_h, V_i, v_h, V_o, v_o, net.activation)
    left, right = [], []
    before, along = 0 * x[:, 0, :1] @ V_h[:1, :], 0 * x[:, 0, :1] @ V_h[:1, :]
    for t, (h, g) in enumerate(zip(net.states(xp, x), small.states(xp, x))):
        image = h @ B[t].T + offset[t]
        stepped = small.apply(xp, along @ V_h.T + x[:, t, :] @ V_i.T + v_h)
        change, error = before @ V_h.T, g - image
        grown = error - (stepped - image)
        left += [-grown * change, grown * change]
        right += [0 * change, c * change * change]
        before, along = error, image
    return xp.stack(left), xp.stack(right)


@dataclass(frozen=True)
class Lifted:
    """The large network along the small one's run, h~_t = A h'_t; lists run over t = 1..T."""

    states: list[Value]
    small_states: list[Value]
    lift: list[Value]
    defect: list[Value]


def lifted(xp, net, x, J, A):
    """p_t = s(W_h h~_{t-1} + W_i x_t + b_h) - h~_t."""
    small = run(xp, net, x, J, A).small
    small_states = small.states(xp, x)
    lift = [h @ A.T for h in small_states]
    before = [0 * lift[0], *lift[:-1]]
    defect = [
        net.apply(xp, h @ net.w_hidden.T + x[:, t, :] @ net.w_input.T + net.b_hidden) - now
        for t, (h, now) in enumerate(zip(before, lift))
    ]
    return Lifted(net.states(xp, x), small_states, lift, defect)


def back(net, T):
    """W_o W_h^{T-t}, t = 1..T: df_T/dh_t of a linear network."""
    products = [net.w_output]
    for _ in range(T - 1):
        products.append(products[-1] @ net.w_hidden)
    return products[::-1]


@section.sharper(
    "approximation.defect",
    r"\delta_t = D_t W_h \delta_{t-1} + p_t,\; 0 \le D_t \le \rho:\;"
    r"0 \le (\delta_t - p_t) \odot W_h \delta_{t-1} \le \rho (W_h \delta_{t-1})^2,"
    r"\; \delta_t = h_t - A h'_t",
    DEFECT,
    code="bounds.approximation.defect",
    proof="Subtract and add s(W_h h~_{t-1} + W_i x_t + b_h), h~ = A h'.",
)
def defect(xp, net, x, J, A, *, c=1):
    along = lifted(xp, net, x, J, A)
    left, right, before = [], [], 0 * along.lift[0]
    for h, now, p in zip(along.states, along.lift, along.defect):
        change, delta = before @ net.w_hidden.T, h - now
        left += [-(delta - p) * change, (delta - p) * change]
        right += [0 * change, c * change * change]
        before = delta
    return xp.stack(left), xp.stack(right)


@section.sharper(
    "approximation.defect_kept",
    r"A[J,:] = I \;\Rightarrow\; (p_t)_J = 0",
    DEFECT,
    kind="identity",
    proof="On J one step of the large network from A h'_{t-1} is one step of the small one.",
)
def defect_kept(xp, net, x, J, A):
    along = lifted(xp, net, x, J, identity_on(xp, J, A))
    kept = [xp.take(p, J, axis=1) for p in along.defect]
    return xp.stack(kept), xp.stack([0 * p for p in kept])


def identity_on(xp, J, A):
    """A with A[J,:] := I: what J reads of its own errors is put back from the unit rows."""
    unit = xp.take(xp.eye(A.shape[0]), J, axis=0)
    return A + unit.T @ (xp.eye(A.shape[1]) - xp.take(A, J, axis=0))


@section.sharper(
    "balanced.linear_defect",
    r"s = \mathrm{id}:\; f_T - b_o - W_o A h'_T = \sum_{t \le T} W_o W_h^{T-t} p_t",
    LINEAR,
    kind="identity",
    steps=(defect,),
    proof="D_t = I: unroll.",
)
def linear_defect(xp, net, x, J, A, c):
    along = lifted(xp, net, x, J, A)
    total = [p @ G.T for G, p in zip(back(net, x.shape[1]), along.defect)]
    return along.states[-1] @ net.w_output.T - along.lift[-1] @ net.w_output.T, sum(
        total[1:], total[0]
    )


def felt(xp, products, vectors):
    """Tr[O_t P_t]: (1/n) sum_i ||G_t p_t||^2, P_t the second moment of the vectors."""
    result = []
    for G, p in zip(products, vectors):
        P = p.T @ p / p.shape[0]
        result.append(xp.linalg.trace(G @ P @ G.T))
    return result


def weighted_sum(values, c):
    """(sum_t c_t) sum_t value_t / c_t."""
    total = values[0] / c[0]
    for t in range(1, len(values)):
        total = total + values[t] / c[t]
    return total


@section.sharper(
    "balanced.linear",
    r"s = \mathrm{id}:\; \|f_T - f'_T\|_n^2 \le (\textstyle\sum_t c_t)"
    r"\sum_t \operatorname{Tr}[O_t P_t]/c_t,\; P_t \text{ the second moment of } p_t",
    LINEAR,
    source="section 11 of the theory; Moore 1981",
    steps=(linear_defect,),
    code="bounds.approximation.defect",
    proof="Minkowski over the steps, then Cauchy-Schwarz with any c_t > 0.",
)
def linear(xp, net, x, J, A, c, *, factor=1):
    along = lifted(xp, net, x, J, A)
    gap = (along.states[-1] - along.lift[-1]) @ net.w_output.T
    values = felt(xp, back(net, x.shape[1]), along.defect)
    return mean_square(xp, gap), factor * xp.sum(c) * weighted_sum(values, c)


@section.sharper(
    "balanced.weight",
    r"s = \mathrm{id}:\; \|\textstyle\sum_t (df_T/dh_t) r_t\|_n^2 \le (\sum_t c_t)"
    r"\sum_t \operatorname{Tr}[O_t R_t]/c_t",
    LINEAR,
    code="pruning.Observability",
    proof="df_T/dh_t = W_o W_h^{T-t} for every sequence: Minkowski, then Cauchy-Schwarz.",
)
def weight(xp, net, x, J, A, c, *, factor=1):
    r = run(xp, net, x, J, A).residual
    products = back(net, x.shape[1])
    parts = [one @ G.T for G, one in zip(products, r)]
    values = felt(xp, products, r)
    left = mean_square(xp, sum(parts[1:], parts[0]))
    return left, factor * xp.sum(c) * weighted_sum(values, c)


@section.sharper(
    "balanced.objective",
    r"\sum_t \operatorname{Tr}[O_t R_t]/c_t \le T \operatorname{Tr}[M R],\; M = \sum_t O_t/c_t,"
    r"\; R = \tfrac{1}{T} \sum_t R_t",
    LINEAR,
    code="pruning.balanced_weight",
    proof="R_t <= T R for every t, and O_t >= 0.",
)
def objective(xp, net, x, J, A, c, *, factor=1):
    r = run(xp, net, x, J, A).residual
    products, T = back(net, x.shape[1]), x.shape[1]
    rows = xp.concat(r, axis=0)
    R = rows.T @ rows / rows.shape[0]
    whole = [xp.linalg.trace(G @ R @ G.T) for G in products]
    return weighted_sum(felt(xp, products, r), c), factor * T * weighted_sum(whole, c)


PROBES = draw(
    w_hidden=draw.matrices("m", "m"),
    w_output=draw.matrices("q", "m"),
    slopes=draw.arrays("T", "m", low=0, high=1),
    w=draw.vectors("T", low=0, high=1),
    sizes={"m": (1, 3), "q": (1, 2), "T": (1, 3)},
)


def probe_means(xp, w_hidden, w_output, slopes, w, values):
    """E g_t g_t^T over all v with these equally likely entries, and sum_{s>=t} w_s G^T G, by t.

    The weights are squares here, w_s^2: sqrt(w_s) enters the gradient.
    """
    T, q, m = slopes.shape[0], w_output.shape[0], w_output.shape[1]
    exact, means = [0 * w_hidden for _ in range(T)], [0 * w_hidden for _ in range(T)]
    for s in range(T):
        G = w_output
        for t in range(s, -1, -1):
            exact[t] = exact[t] + w[s] ** 2 * (G.T @ G)
            G = (G * slopes[t]) @ w_hidden
    draws = list(itertools.product(values, repeat=T * q))
    for flat in draws:
        v = xp.reshape(xp.asarray(list(flat)), (T, q))
        g = xp.zeros(m)
        for t in range(T - 1, -1, -1):
            g = (g * slopes[t + 1]) @ w_hidden if t < T - 1 else g
            g = g + w[t] * (v[t] @ w_output)
            means[t] = means[t] + xp.reshape(g, (m, 1)) @ xp.reshape(g, (1, m))
    return [total / len(draws) for total in means], exact


@section.sharper(
    "balanced.probes",
    r"\mathbb{E}\, g_t g_t^T = \sum_{s \ge t} w_s (df_s/dh_t)^T (df_s/dh_t),\;"
    r"g_t = \tfrac{d}{dh_t} \sum_s \sqrt{w_s}\, v_s^T f_s,\; v \text{ random signs}",
    PROBES,
    kind="identity",
    code="pruning.Observability",
    proof="E v_s v_r^T is I for s = r and 0 otherwise; the mean here is over all 2^{qT} patterns.",
)
def probes(xp, w_hidden, w_output, slopes, w):
    means, exact = probe_means(xp, w_hidden, w_output, slopes, w, (-1.0, 1.0))
    return xp.stack(means), xp.stack(exact)


@section.sharper(
    "balanced.determinantal",
    r"J \sim \mathrm{DPP}(S/\lambda):\; \mathbb{E} \operatorname{Tr}[M C] ="
    r"\lambda \operatorname{Tr}[M S (S + \lambda)^{-1}] \text{ for every } M",
    draw(
        S=draw.covariances(nonsingular=True),
        M=draw.symmetric(),
        lam=draw.positive(),
        sizes={"m": (1, 4)},
    ),
    kind="identity",
    source="DKM20; section 11 of the theory",
    proof="`dpp.residual` gives E C, and the trace with M is linear: the process need not know M.",
    code="pruning.certified_nodes",
)
def determinantal(xp, S, M, lam):
    left = mean(xp, S, lam, lambda J: xp.linalg.trace(M @ residual(xp, S, J)))
    return left, lam * xp.linalg.trace(M @ smoothed(xp, S, lam))


@section.sharper(
    "balanced.divergence",
    r"\mathrm{KL}(\operatorname{softmax} f \,\|\, \operatorname{softmax}(f + d))"
    r" \le (\max_i d_i - \min_i d_i)^2/8 \le \|d\|^2/4",
    LOGITS,
    code="pruning.refit.divergence.Divergence",
    proof="The left side is log E exp(d - E d) for p = softmax f: Hoeffding's lemma. And "
    "(a - b)^2 <= 2 a^2 + 2 b^2. So squared gaps of logits bound what a fit of them costs in "
    "log-perplexity; with many improbable words by far too much, and with two equal ones exactly.",
)
def divergence(xp, f, d, *, c=1):
    p = xp.exp(f) / xp.sum(xp.exp(f))
    centred = d - xp.sum(p * d)
    spread = xp.max(d) - xp.min(d)
    found = xp.log(xp.sum(p * xp.exp(centred)))
    bound = c * spread * spread / 8
    return xp.stack([found, bound]), xp.stack([bound, c * xp.sum(d * d) / 4])
