r"""Section 9 of the theory: steps of other people's bounds that hold instance by instance.

What holds with a probability is in `others_probabilities`.
"""

from __future__ import annotations

from itertools import product

from validation.catalogue.lipschitz import horner
from validation.catalogue.stating import Section
from validation.instances import Network, draw

section = Section("9")


def row_norm(xp, matrix):
    """The largest l1-norm of a row."""
    return xp.max(xp.sum(xp.abs(matrix), axis=1))


def outputs(xp, net, x):
    """f_T, (n, q)."""
    return net.states(xp, x)[-1] @ net.w_output.T + net.b_output


@section.classic(
    "others.without_biases",
    r"W_h' = \begin{pmatrix} W_h & 0 \\ 0 & 0 \end{pmatrix},"
    r"W_i' = \begin{pmatrix} W_i & b_h \\ 0 & 1 \end{pmatrix},"
    r"W_o' = (W_o, b_o/s(1)) \text{ on } (x_t, 1) \text{ gives the same } f_t",
    draw(net=draw.networks(), x=draw.sequences(), sizes={"m": (0, 3)}),
    kind="identity",
    code="bounds.others.unbiased",
    proof="The last node is s(1) at every step, and nothing else reads it.",
)
def without_biases(xp, net, x):
    m, d = net.w_input.shape
    n, T, _ = x.shape
    q = net.b_output.shape[0]
    one = xp.ones((1, 1))
    top = xp.concat([net.w_hidden, xp.zeros((m, 1))], axis=1)
    hidden = xp.concat([top, xp.zeros((1, m + 1))], axis=0)
    driven = xp.concat([net.w_input, xp.reshape(net.b_hidden, (m, 1))], axis=1)
    driven = xp.concat([driven, xp.concat([xp.zeros((1, d)), one], axis=1)], axis=0)
    level = net.apply(xp, one)[0, 0]
    read = xp.concat([net.w_output, xp.reshape(net.b_output, (q, 1)) / level], axis=1)
    zero_h, zero_o = xp.zeros((m + 1,)), xp.zeros((q,))
    plain = Network(hidden, driven, zero_h, read, zero_o, net.activation)
    wider = xp.concat([x, xp.ones((n, T, 1))], axis=2)
    return outputs(xp, plain, wider), outputs(xp, net, x)


@section.classic(
    "others.row_norm_state",
    r"\|h_T\|_\infty \le b \max_t \|x_t\|_\infty \textstyle\sum_{j<T} a^j, \;"
    r"a, b \text{ the largest row } \ell_1 \text{ norms of } W_h, W_i",
    draw(net=draw.networks(biases=False), x=draw.sequences(), sizes={"m": (1, 3)}),
    source="Joukovsky et al. 2021 (as read), section 9 of the theory",
    code="bounds.others.joukovsky2021",
    proof="||h_t|| <= a ||h_{t-1}|| + b ||x_t|| in the sup norm, for rho = 1 and s(0) = 0.",
)
def row_norm_state(xp, net, x, *, c=1):
    a, b = row_norm(xp, net.w_hidden), row_norm(xp, net.w_input)
    right = b * xp.max(xp.abs(x)) * horner(xp, a, x.shape[1])
    return xp.max(xp.abs(net.states(xp, x)[-1])), c * right


@section.classic(
    "others.joukovsky2021_linear",
    r"\mathbb{E}_\sigma \sup_{\|v\|_1 \le 1, \|u\|_1 \le 1} \tfrac1n"
    r"\textstyle\sum_i \sigma_i v \langle u, x_i \rangle \le B_x \sqrt{2(4 \log 2 + \log d)/n}",
    draw(X=draw.matrices("n", "d"), sizes={"n": (1, 6), "d": (1, 4)}),
    source="Joukovsky et al. 2021 (as read), section 9 of the theory",
    code="bounds.others.joukovsky2021",
    proof="T = 1, s the identity, m = 1: the supremum is a maximum over 2 d signed coordinates.",
)
def joukovsky_linear(xp, X, *, c=4):
    n, d = X.shape
    total = xp.asarray(0.0)
    for signs in product((-1.0, 1.0), repeat=n):
        total = total + xp.max(xp.abs(xp.asarray(list(signs)) @ X)) / n
    B = xp.sqrt(xp.max(xp.sum(X**2, axis=0)) / n)
    logs = c * xp.log(xp.asarray(2.0)) + xp.log(xp.asarray(float(d)))
    return total / 2**n, B * xp.sqrt(2 * logs / n)


@section.classic(
    "others.tu2020_growth",
    r"\textstyle\sum_{t=1}^T t b^{t-1} = \frac{1}{1-b}"
    r"\bigl(\frac{1-b^T}{1-b} - T b^T\bigr), \; b \ne 1",
    draw(b=draw.positive(below=1e3), T=draw.size("T"), sizes={"T": (1, 8)}),
    kind="identity",
    given=lambda b: b != 1,
    source="Tu, He, Tao 2020 (as read), section 9 of the theory",
    code="bounds.others.tu2020",
    proof="The derivative of a geometric sum; its limit at b = 1 is T(T + 1)/2.",
)
def tu_growth(xp, b, T):
    total = xp.asarray(0.0)
    for t in range(T, 0, -1):
        total = t + b * total
    return total, ((1 - b**T) / (1 - b) - T * b**T) / (1 - b)


@section.classic(
    "others.chen2020_ball",
    r"\|W\|_F^2 \le \min(p, q) \|W\|_2^2, \; W \in \mathbb{R}^{p \times q}",
    draw(W=draw.matrices("p", "q"), sizes={"p": (1, 4), "q": (1, 4)}),
    source="Chen, Li, Zhao 2020 (in the form of), section 9 of the theory",
    code="bounds.others.chen2020",
    proof="min(p, q) singular values, none above ||W||_2: a spectral ball lies in a Frobenius one.",
)
def chen_ball(xp, W, *, c=1):
    p, q = W.shape
    gram = W @ W.T if p <= q else W.T @ W
    return xp.sum(W**2), c * min(p, q) * xp.max(xp.linalg.eigvalsh(gram))


def gaussian_divergence(xp, distance2, p, sigma2, s2):
    """KL(N(w, sigma^2 I_p) || N(w_0, s^2 I_p)), distance2 = ||w - w_0||^2."""
    ratio = sigma2 / s2
    return (p * (ratio - 1 - xp.log(ratio)) + distance2 / s2) / 2


@section.classic(
    "others.pac_bayes_prior",
    r"KL(N(w, \sigma^2 I) \| N(w_0, s^2 I)) \ge \tfrac p2 \log(1 + \|w - w_0\|^2/(p \sigma^2)) ="
    r"\text{its value at } s^2 = \sigma^2 + \|w - w_0\|^2/p",
    draw(
        w=draw.vectors("p"),
        sigma2=draw.positive(above=1e-3, below=1e3),
        s2=draw.positive(above=1e-3, below=1e3),
        sizes={"p": (1, 4)},
    ),
    code="bounds.others.pac_bayes_kl",
    proof="The derivative in s^2 has one zero; there the divergence is the logarithm.",
)
def pac_bayes_prior(xp, w, sigma2, s2, *, c=1):
    p, distance2 = w.shape[0], xp.sum(w**2)
    least = p * xp.log(1 + distance2 / (p * sigma2)) / 2
    return c * least, gaussian_divergence(xp, distance2, p, sigma2, s2)
