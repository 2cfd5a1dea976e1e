"""Section 5 of the theory: covering numbers.

Covers that can be counted exactly (the cube), the optimal split of a budget, Maurey's lemma by
enumeration, and the step from distances of parameters to distances of predictions.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

from validation.catalogue.approximation import spectral
from validation.catalogue.lipschitz import (
    outputs,
    parameter_constants,
    radii,
    same_activation,
    state_bounds,
    vector_norm,
)
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("5")


@section.classic(
    "covering.ball",
    r"(1/\epsilon)^p \le N(\epsilon) = \lceil 1/\epsilon \rceil^p \le (1 + 2/\epsilon)^p,"
    r"\text{ the unit ball of } \|\cdot\|_\infty \text{ in } \mathbb{R}^p",
    draw(eps=draw.positive(below=4), p=draw.integers(1, 6)),
    source="volume argument; section 5 of the theory",
    code="bounds.covering",
    proof="The grid of ceil(1/eps)^p cubes of side 2 eps is a cover; it is the smallest, since the "
    "cube holds as many points at mutual distances above 2 eps.",
)
def ball(xp, eps, p):
    count = xp.maximum(xp.ceil(1 / eps), xp.asarray(1.0)) ** p
    return xp.stack([(1 / eps) ** p, count]), xp.stack([count, (1 + 2 / eps) ** p])


def log_product(xp, p, c, a):
    """sum_theta p_theta log(1 + c_theta/a_theta)."""
    return xp.sum(p * xp.log1p(c / a))


@section.sharper(
    "covering.split",
    r"\textstyle\sum p_\theta \log(1 + c_\theta/a_\theta) \le"
    r"\sum p_\theta \log(1 + c_\theta/b_\theta)"
    r"\text{ for } a_\theta = \tfrac12(-c_\theta + \sqrt{c_\theta^2 + 4 p_\theta c_\theta/\nu}),"
    r"\; \textstyle\sum b = \sum a",
    draw(
        c=draw.vectors("blocks", low=2.0**-20),
        p=draw.vectors("blocks", low=2.0**-20),
        nu=draw.positive(above=1e-6, below=1e6),
        b=draw.distributions("blocks", positive=True),
        sizes={"blocks": (1, 5)},
    ),
    code="bounds.covering",
    proof="The sum is convex in a, and a is its stationary point under sum a = const.",
)
def split(xp, c, p, nu, b):
    a = (-c + xp.sqrt(c**2 + 4 * p * c / nu)) / 2
    return log_product(xp, p, c, a), log_product(xp, p, c, b * xp.sum(a))


@section.classic(
    "covering.maurey",
    r"\min_{v_1..v_k \in V} \|x - \tfrac1k \textstyle\sum v_i\|^2 \le (b^2 - \|x\|^2)/k,"
    r"\; x \in \operatorname{conv} V, \; \|v\| \le b",
    draw(
        V=draw.matrices("v", "d"),
        p=draw.distributions("v"),
        k=draw.integers(1, 4),
        sizes={"v": (1, 4), "d": (1, 3)},
    ),
    source="Maurey's lemma, the core of BFT17 Lemma 3.2; section 5 of the theory",
    code="bounds.covering",
    proof="Draw the v_i from p: the mean of the left side is (sum p ||v||^2 - ||x||^2)/k.",
)
def maurey(xp, V, p, k, *, c=1):
    x = p @ V
    squares = []
    for chosen in combinations_with_replacement(range(V.shape[0]), k):
        total = 0 * x
        for i in chosen:
            total = total + V[i, :]
        squares.append(xp.sum((x - total / k) ** 2))
    b_squared = xp.max(xp.sum(V**2, axis=1))
    return xp.min(xp.stack(squares)), c * (b_squared - xp.sum(x**2)) / k


def enlarged_count(xp, p, eps, eta):
    """Log of M = (1 + 2/(eta eps))^p, and q = (r/(1 + r))^p with r = (1 - eta) eps."""
    r = (1 - eta) * eps
    return p * xp.log1p(2 / (eta * eps)), (r / (1 + r)) ** p


@section.sharper(
    "covering.enlarged",
    r"\log M + N \log(1 - q) \le 0, \quad N_{\mathrm{cube}}(\epsilon) \le N \le 1 + \log(M)/q,"
    r"\quad 1 + \log(M)/q \le e \, (1 + 1/\epsilon)^p (1 + p \log(1 + 2 (p + 1)/\epsilon))"
    r"\text{ at } \eta = 1/(p + 1)",
    draw(
        p=draw.integers(1, 6),
        eps=draw.positive(above=1e-3, below=1),
        eta=draw.reals(2.0**-10, 1 - 2.0**-10),
    ),
    source="bounds.enlarged",
    steps=(ball,),
    code="bounds.enlarged",
    proof="N = ceil(log(M)/q) centres drawn uniformly from (1 + r) K, r = (1 - eta) eps: each of "
    "the at most M points of an (eta eps)-net of K has its ball of radius r inside, and is missed "
    "with probability (1 - q)^N. Fewer than one is missed on average, so some draw misses none. "
    "The cube has no smaller cover than ceil(1/eps)^p, wherever the centres lie. Lastly "
    "(1 + 1/p)^p <= e.",
)
def enlarged(xp, p, eps, eta, *, c=1):
    log_M, q = enlarged_count(xp, p, eps, eta)
    N = xp.ceil(c * log_M / q)
    at, share = enlarged_count(xp, p, eps, xp.asarray(1.0) / (p + 1))
    closed = xp.exp(xp.asarray(1.0)) * (1 + 1 / eps) ** p
    left = [log_M + N * xp.log1p(-q), xp.ceil(1 / eps) ** p, N, 1 + at / share]
    right = [0 * q, N, 1 + c * log_M / q, closed * (1 + at)]
    return xp.stack(left), xp.stack(right)


@section.paper(
    "covering.class_mean_square",
    r"\|f - f'\|_{n,w} \le \textstyle\sum_\theta"
    r"\bigl(\sum_t w_t L_{\theta,t}^2\bigr)^{1/2} \|\theta - \theta'\|",
    draw(
        net=draw.networks(activations=("identity",)),
        other=draw.networks(activations=("identity",)),
        s=draw.choices("identity", "relu", "tanh", "leaky_relu"),
        x=draw.sequences(),
        w=draw.time_weights(),
        sizes={"m": (1, 3)},
    ),
    code="bounds.covering",
    proof="lipschitz.parameters at every step, then Minkowski over the blocks. The w-average of "
    "L_{theta,t} would be too small: T = 2, W_i = W_o = 1, W_h = 2, x = 1 against 0.",
)
def class_mean_square(xp, net, other, s, x, w, *, c=1):
    nets = [same_activation(net, s), same_activation(other, s)]
    R, T = radii(xp, nets, x), x.shape[1]
    H = state_bounds(xp, R, T)
    constants = [parameter_constants(xp, R, H, t) for t in range(1, T + 1)]
    f, g = (outputs(xp, each, x) for each in nets)
    left, right = xp.asarray(0.0), xp.asarray(0.0)
    for t in range(T):
        left = left + w[t] * xp.sum((f[t] - g[t]) ** 2) / x.shape[0]
    for name in constants[0]:
        difference = getattr(net, name) - getattr(other, name)
        size = spectral(xp, difference) if name[0] == "w" else vector_norm(xp, difference)
        square = xp.asarray(0.0)
        for t in range(T):
            square = square + w[t] * constants[t][name] ** 2
        right = right + c * xp.sqrt(square) * size
    return xp.sqrt(left), right


@section.classic(
    "covering.frobenius_in_spectral",
    r"\|W\|_2 \le \|W\|_F \le \sqrt{\operatorname{rank}} \, \|W\|_2",
    draw(W=draw.matrices("m", "k"), sizes={"m": (1, 4), "k": (1, 4)}),
    source="section 4 of the theory",
    code="bounds.lipschitz",
    proof="Why a Frobenius ball lies in the spectral ball of the same radius.",
)
def frobenius_in_spectral(xp, W, *, c=1):
    largest, frobenius = spectral(xp, W), xp.linalg.matrix_norm(W, ord="fro")
    rank = xp.sqrt(xp.asarray(float(min(W.shape))))
    return xp.stack([largest, frobenius]), xp.stack([frobenius, c * rank * largest])
