"""Section 3 of the theory: the error of the compressed network, for any reconstruction matrix A.

e_t = h'_t - h_{t,J} (h' the hidden state of the compressed network), r_t = h_t - A h_{t,J}, kappa =
||W_h'||_2. Every activation that is drawn has rho = 1, which the formulas below leave out.
"""

from __future__ import annotations

from dataclasses import dataclass

from validation.arithmetic.values import Value
from validation.catalogue import proofs
from validation.catalogue.reconstruction import residual_covariance
from validation.catalogue.stating import Section
from validation.instances import Network, draw

section = Section("3", {"paper": "F22, section 3 of the theory (reconstructed)"})
SIZES = {"m": (1, 4), "k": (1, "m"), "T": (1, 4)}
SETTING = draw(
    net=draw.networks(),
    x=draw.sequences(),
    J=draw.node_sets(),
    A=draw.matrices("m", "k"),
    sizes=SIZES,
)
LONGER = draw(
    net=draw.networks(),
    x=draw.sequences(),
    J=draw.node_sets(),
    A=draw.matrices("m", "k"),
    sizes={**SIZES, "T": (2, 5)},
)
WEIGHTED = draw(
    net=draw.networks(),
    x=draw.sequences(),
    J=draw.node_sets(),
    A=draw.matrices("m", "k"),
    w=draw.time_weights(),
    sizes=SIZES,
)


@dataclass(frozen=True)
class Pair:
    """Both networks run on the same sequences; lists run over t = 1..T, entries are (n, .)."""

    small: Network
    w_rows: Value
    error: list[Value]
    residual: list[Value]
    output_error: list[Value]
    readout: list[Value]
    recurrent: list[Value]

    @property
    def T(self) -> int:
        return len(self.error)


def compress(xp, net, J, A):
    """W_h' = W_h[J,:] A, W_i' = W_i[J,:], b_h' = b_h[J], W_o' = W_o A, b_o' = b_o."""
    return Network(
        w_hidden=xp.take(net.w_hidden, J, axis=0) @ A,
        w_input=xp.take(net.w_input, J, axis=0),
        b_hidden=xp.take(net.b_hidden, J, axis=0),
        w_output=net.w_output @ A,
        b_output=net.b_output,
        activation=net.activation,
    )


def run(xp, net, x, J, A):
    """Run both networks."""
    small, w_rows = compress(xp, net, J, A), xp.take(net.w_hidden, J, axis=0)
    large_states, small_states = net.states(xp, x), small.states(xp, x)
    kept = [xp.take(h, J, axis=1) for h in large_states]
    residual = [h - h_J @ A.T for h, h_J in zip(large_states, kept)]
    return Pair(
        small=small,
        w_rows=w_rows,
        error=[h - h_J for h, h_J in zip(small_states, kept)],
        residual=residual,
        output_error=[
            h @ net.w_output.T - g @ small.w_output.T for h, g in zip(large_states, small_states)
        ],
        readout=[r @ net.w_output.T for r in residual],
        recurrent=[r @ w_rows.T for r in residual],
    )


def mean_square(xp, values):
    """(1/n) sum_i ||.||^2 of an (n, .) array."""
    return xp.sum(values**2) / values.shape[0]


def norm(xp, values, w=None):
    """||.||_{n,w}; w = 1/T where it is not given."""
    T = len(values)
    total = xp.asarray(0.0)
    for t, value in enumerate(values):
        total = total + mean_square(xp, value) * (1 if w is None else w[t])
    return xp.sqrt(total / T if w is None else total)


def geometric(xp, a, T):
    """Gam_T(a) = sum_{j=0}^{T-2} a^j, 0 at T = 1."""
    total = xp.asarray(0.0)
    for j in range(T - 1):
        total = total + a**j
    return total


def spectral(xp, W):
    """||W||_2."""
    return xp.linalg.matrix_norm(W, ord=2)


def by_growth(xp, both, growth):
    """||f^ - f'||_{n,T}, and ||W_o r||_{n,T} + ||W_o'||_2 growth ||W_h[J,:] r||_{n,T}."""
    carried = spectral(xp, both.small.w_output) * growth * norm(xp, both.recurrent)
    return norm(xp, both.output_error), norm(xp, both.readout) + carried


def toeplitz(xp, coefficients):
    """Lower triangular, coefficients[s - t] at (s, t)."""
    size = len(coefficients)
    zero = 0 * coefficients[0]
    rows = [
        xp.stack([coefficients[s - t] if s >= t else zero for t in range(size)])
        for s in range(size)
    ]
    return xp.stack(rows)


def powers(a, count):
    """a^0..a^(count - 1)."""
    return [a**j for j in range(count)]


@section.paper(
    "approximation.split",
    r"\hat f_t - f'_t = W_o r_t - W_o' e_t",
    SETTING,
    kind="identity",
    proof="W_o h_t = W_o r_t + W_o A h_{t,J}, and W_o' h'_t = W_o A h_{t,J} + W_o' e_t.",
)
def split(xp, net, x, J, A):
    both = run(xp, net, x, J, A)
    right = [u - e @ both.small.w_output.T for u, e in zip(both.readout, both.error)]
    return xp.stack(both.output_error), xp.stack(right)


@section.paper(
    "approximation.recursion",
    r"\|e_t\| \le \rho (\|W_h' e_{t-1}\| + \|W_h[J,:] r_{t-1}\|)"
    r"\text{ for every sequence}, \; e_0 = r_0 = 0",
    LONGER,
    proof="The two pre-activations differ by W_h' e_{t-1} - W_h[J,:] r_{t-1}; s is rho-Lipschitz.",
    code="bounds.approximation",
)
def recursion(xp, net, x, J, A, *, c=1):
    both = run(xp, net, x, J, A)
    left, right = [], []
    for t in range(1, both.T):
        carried = both.error[t - 1] @ both.small.w_hidden.T
        left.append(xp.linalg.vector_norm(both.error[t], axis=1))
        right.append(
            xp.linalg.vector_norm(carried, axis=1)
            + c * xp.linalg.vector_norm(both.recurrent[t - 1], axis=1)
        )
    return xp.stack(left), xp.stack(right)


@section.classic(
    "approximation.young",
    r"\Bigl(\sum_t w_t \bigl(\sum_{s<t} a^{t-1-s} u_s\bigr)^2\Bigr)^{1/2}"
    r"\le \Gamma_T(a) \Bigl(\sum_t w_t u_t^2\Bigr)^{1/2}, \; w \text{ nonincreasing}",
    draw(
        u=draw.vectors("T", low=0),
        a=draw.positive(below=1e3),
        w=draw.time_weights(decreasing=True),
        sizes={"T": (2, 6)},
    ),
    source="Young's inequality for convolutions; section 3 of the theory",
    proof="Minkowski over the shifts: a shift to later times does not increase the weighted norm.",
)
def young(xp, u, a, w, *, c=1):
    T = u.shape[0]
    total = xp.asarray(0.0)
    for t in range(T):
        convolved = xp.asarray(0.0)
        for s in range(t):
            convolved = convolved + a ** (t - 1 - s) * u[s]
        total = total + w[t] * convolved**2
    return xp.sqrt(total), c * geometric(xp, a, T) * xp.sqrt(xp.sum(w * u**2))


@section.paper(
    "approximation.global",
    r"\|\hat f - f'\|_{n,T} \le \|W_o r\|_{n,T}"
    r"+ \|W_o'\|_2 \, \rho \, \Gamma_T(\rho\kappa) \, \|W_h[J,:] r\|_{n,T}",
    SETTING,
    steps=(split, recursion, young),
    code="bounds.approximation.global_bound",
    symbolic=proofs.gam,
)
def global_(xp, net, x, J, A, *, c=1):
    both = run(xp, net, x, J, A)
    return by_growth(xp, both, c * geometric(xp, spectral(xp, both.small.w_hidden), both.T))


@section.paper(
    "approximation.global_from_covariance",
    r"\|Z r\|_{n,T}^2 = \operatorname{Tr}[Z R Z^T], \quad "
    r"R = S - A S_{J:} - S_{:J} A^T + A S_J A^T",
    SETTING,
    kind="identity",
    code="pruning.residual_covariance",
    proof="Second moments are enough: no pass over the data is needed beyond S.",
)
def from_covariance(xp, net, x, J, A):
    both, states = run(xp, net, x, J, A), xp.concat(net.states(xp, x), axis=0)
    S = states.T @ states / states.shape[0]
    R = residual_covariance(xp, S, J, A)
    left = xp.sum(xp.concat(both.readout, axis=0) ** 2) / states.shape[0]
    return left, xp.linalg.trace(net.w_output @ R @ net.w_output.T)


@section.sharper(
    "approximation.toeplitz",
    r"\|\hat f - f'\|_{n,T} \le \|W_o r\|_{n,T}"
    r"+ \|W_o'\|_2 \, \rho \, \|L_T(\rho\kappa)\|_2 \, \|W_h[J,:] r\|_{n,T}",
    LONGER,
    steps=(split, recursion),
    code="bounds.approximation",
    proof="The recursion is a lower triangular Toeplitz matrix applied to the residual norms.",
)
def toeplitz_bound(xp, net, x, J, A, *, c=1):
    both = run(xp, net, x, J, A)
    kappa = spectral(xp, both.small.w_hidden)
    return by_growth(xp, both, c * spectral(xp, toeplitz(xp, powers(kappa, both.T - 1))))


@section.sharper(
    "approximation.toeplitz_below_global",
    r"\|L_T(a)\|_2 \le \Gamma_T(a)",
    draw(a=draw.positive(below=1e3), T=draw.size("T"), sizes={"T": (2, 6)}),
    proof="The largest row sum and column sum are both Gam_T(a).",
    code="bounds.approximation",
)
def toeplitz_below_global(xp, a, T, *, c=1):
    return spectral(xp, toeplitz(xp, powers(a, T - 1))), c * geometric(xp, a, T)


@section.sharper(
    "approximation.toeplitz_at_one",
    r"\|L_T(1)\|_2 = \frac{1}{2 \sin(\pi/(4T - 2))}",
    draw(T=draw.size("T"), sizes={"T": (2, 8)}),
    kind="identity",
    code="bounds.approximation",
)
def toeplitz_at_one(xp, T):
    ones = powers(xp.asarray(1.0), T - 1)
    return spectral(xp, toeplitz(xp, ones)), 1 / (2 * xp.sin(xp.pi / (4 * T - 2)))


def power_coefficients(xp, W, count):
    """min(kappa^j, || |W|^j ||_2), j = 0..count - 1."""
    kappa, entrywise = spectral(xp, W), xp.abs(W)
    power, result = xp.eye(W.shape[0]), []
    for j in range(count):
        result.append(xp.minimum(kappa**j, spectral(xp, power)))
        power = power @ entrywise
    return result


@section.sharper(
    "approximation.power",
    r"\|\hat f - f'\|_{n,T} \le \|W_o r\|_{n,T} + \|W_o'\|_2 \, \rho \,"
    r"\|\mathrm{Toeplitz}(\rho^j \min(\kappa^j, \||W_h'|^j\|_2))\|_2 \|W_h[J,:] r\|_{n,T}",
    LONGER,
    code="bounds.approximation",
    proof="|Delta W' Delta W' ...| <= rho^j |W'|^j entrywise, for diagonal |Delta| <= rho.",
)
def power_bound(xp, net, x, J, A, *, c=1):
    both = run(xp, net, x, J, A)
    coefficients = power_coefficients(xp, both.small.w_hidden, both.T - 1)
    return by_growth(xp, both, c * spectral(xp, toeplitz(xp, coefficients)))


@section.sharper(
    "approximation.weighted",
    r"\|\hat f - f'\|_{n,w} \le \|W_o r\|_{n,w} + \|W_o'\|_2 (\textstyle\sum_t w_t b_t^2)^{1/2},"
    r"\; b_t = \rho(\kappa b_{t-1} + \|W_h[J,:] r_{t-1}\|_n)",
    WEIGHTED,
    steps=(split, recursion),
    code="bounds.approximation",
    proof="Minkowski in L2 of the sample, step by step; any weights, the last step included.",
)
def weighted(xp, net, x, J, A, w, *, c=1):
    both = run(xp, net, x, J, A)
    kappa, b, total = spectral(xp, both.small.w_hidden), xp.asarray(0.0), xp.asarray(0.0)
    for t in range(1, both.T):
        b = kappa * b + xp.sqrt(mean_square(xp, both.recurrent[t - 1]))
        total = total + w[t] * b**2
    carried = spectral(xp, both.small.w_output) * xp.sqrt(total)
    return norm(xp, both.output_error, w), norm(xp, both.readout, w) + c * carried


@section.sharper(
    "approximation.weighted_from_mean",
    r"\|e\|_{n,w} \le \rho \sqrt{T} \, \|\operatorname{diag}(\sqrt{w_2}..\sqrt{w_T})"
    r"L_T(\rho\kappa)\|_2 \, \|W_h[J,:] r\|_{n,T}",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        w=draw.time_weights(),
        sizes={**SIZES, "T": (2, 5)},
    ),
    steps=(recursion,),
    code="bounds.approximation",
)
def weighted_from_mean(xp, net, x, J, A, w):
    both = run(xp, net, x, J, A)
    T = both.T
    L = toeplitz(xp, powers(spectral(xp, both.small.w_hidden), T - 1))
    growth = spectral(xp, xp.reshape(xp.sqrt(w[1:]), (T - 1, 1)) * L)
    return norm(xp, both.error, w), xp.sqrt(xp.asarray(float(T))) * growth * norm(
        xp, both.recurrent
    )


@section.sharper(
    "approximation.last_step_from_mean",
    r"\|e_T\|_n \le \rho \sqrt{T \, \Gamma_T((\rho\kappa)^2)} \, \|W_h[J,:] r\|_{n,T}",
    SETTING,
    steps=(recursion,),
    code="bounds.approximation",
    proof="Cauchy-Schwarz over the steps.",
)
def last_step_from_mean(xp, net, x, J, A, *, c=1):
    both = run(xp, net, x, J, A)
    kappa = spectral(xp, both.small.w_hidden)
    growth = xp.sqrt(both.T * geometric(xp, kappa**2, both.T))
    return norm(xp, both.error[-1:]), c * growth * norm(xp, both.recurrent)


@section.sharper(
    "approximation.readout_from_mean",
    r"\|W_o r\|_{n,w} \le \sqrt{T \max_t w_t} \, \|W_o r\|_{n,T}",
    WEIGHTED,
    code="bounds.approximation",
)
def readout_from_mean(xp, net, x, J, A, w):
    both = run(xp, net, x, J, A)
    return norm(xp, both.readout, w), xp.sqrt(both.T * xp.max(w)) * norm(xp, both.readout)


@section.sharper(
    "approximation.scaled",
    r"\|\hat f - f'\|_{n,T} \le \|W_o r\|_{n,T} + \|W_o' D^{-1}\|_2 \, \rho \,"
    r"\Gamma_T(\rho \|D W_h' D^{-1}\|_2) \, \|D W_h[J,:] r\|_{n,T}",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        D=draw.vectors("k", low=2.0**-10, high=2.0**10),
        sizes=SIZES,
    ),
    steps=(split,),
    code="bounds.approximation",
    proof="An elementwise s keeps ||D(s(a) - s(b))|| <= rho ||D(a - b)||.",
)
def scaled(xp, net, x, J, A, D, *, c=1):
    both = run(xp, net, x, J, A)
    column = xp.reshape(D, (D.shape[0], 1))
    growth = geometric(xp, spectral(xp, column * both.small.w_hidden / D), both.T)
    recurrent = norm(xp, [u * D for u in both.recurrent])
    carried = spectral(xp, both.small.w_output / D) * growth * recurrent
    return norm(xp, both.output_error), norm(xp, both.readout) + c * carried


@section.sharper(
    "approximation.trajectory",
    r"e_T = -\sum_{s<T} \Delta_T W_h' \Delta_{T-1} \cdots W_h' \Delta_{s+1} W_h[J,:] r_s,"
    r"\quad s(a) - s(b) = \Delta (a - b)",
    draw(
        net=draw.networks(activations=("identity", "relu", "leaky_relu")),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        sizes={"m": (1, 3), "k": (1, "m"), "T": (2, 4), "n": (1, 1)},
    ),
    kind="identity",
    code="bounds.approximation",
    proof="Unroll a - b = W_h' e_{t-1} - W_h[J,:] r_{t-1}.",
)
def trajectory(xp, net, x, J, A):
    both, k = run(xp, net, x, J, A), A.shape[1]
    deltas = []
    for t in range(1, both.T):
        before = [both.error[t - 1], both.recurrent[t - 1]]
        difference = before[0] @ both.small.w_hidden.T - before[1]
        deltas.append(
            [
                1 if bool(difference[0, j] == 0) else both.error[t][0, j] / difference[0, j]
                for j in range(k)
            ]
        )
    unrolled = xp.zeros((k,))
    for s in range(both.T - 1):
        term = -both.recurrent[s][0, :]
        for t in range(s, both.T - 1):
            if t > s:
                term = both.small.w_hidden @ term
            term = xp.stack([deltas[t][j] * term[j] for j in range(k)])
        unrolled = unrolled + term
    return both.error[-1][0, :], unrolled


@section.classic(
    "approximation.lipschitz",
    r"|s(a) - s(b)| \le \rho |a - b|, \text{ elementwise}",
    draw(net=draw.networks(), a=draw.vectors("m"), b=draw.vectors("m")),
    source="section 0 of the theory",
    code="pruning.activations",
)
def lipschitz(xp, net, a, b):
    return xp.abs(net.apply(xp, a) - net.apply(xp, b)), xp.abs(a - b)
