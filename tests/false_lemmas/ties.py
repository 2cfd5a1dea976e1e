"""False lemmas with trivial equality on a large set, of vectors and sequences.

Where m = 1, T = 1 or n = 1, where nothing is carried over or all entries agree, both sides are
equal, exactly. The counterexamples lie elsewhere, mostly on small sets: a search that is content
with a ratio of 1 never gets there. Written before the search was taught to look elsewhere; their
counterexamples are in `ties_by_hand`.
"""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw

lemmas = Lemmas("ties", __name__)


def between(xp, share, sharp):
    """1 + share (sharp - 1): the sharp constant, pulled towards 1."""
    return 1 + share * (sharp - 1)


@lemmas.claim(
    "weighted_samples",
    r"\|\sum_i i\, x_i\|^2 \le (1 + c(\sigma^2 - 1)) \sum_i \|x_i\|^2, \ \sigma^2 = \sum_i i^2",
    draw(x=draw.matrices("n", "d"), sizes={"n": (1, 4), "d": (4, 7)}),
    why="Cauchy and Schwarz attain sigma at x_i = i x; for n = 1 both sides agree.",
)
def weighted_samples(xp, x, *, c=Fraction(99, 100)):
    places = xp.asarray(list(range(1, x.shape[0] + 1)))
    return xp.sum((places @ x) ** 2), between(xp, c, xp.sum(places**2)) * xp.sum(x * x)


@lemmas.claim(
    "fourth_moments",
    r"\sum_j (\sum_i i x_{ij}^2)^2 \le (1 + c(\sigma^2 - 1)) \sum_{ij} x_{ij}^4, "
    r"\ \sigma^2 = \sum_i i^2",
    draw(x=draw.matrices("n", "d"), sizes={"n": (1, 4), "d": (3, 6)}),
    why="Squares in the proportions 1, 2, ..., n need sigma^2, in every column.",
)
def fourth_moments(xp, x, *, c=Fraction(97, 100)):
    places = xp.asarray(list(range(1, x.shape[0] + 1)))
    return xp.sum((places @ x**2) ** 2), between(xp, c, xp.sum(places**2)) * xp.sum(x**4)


@lemmas.claim(
    "kantorovich",
    r"\sum p_j \mu_j \sum p_j/\mu_j \le 1 + c\,(\mu_1 - \mu_m)^2/(4 \mu_1 \mu_m)",
    draw(nu=draw.spectra(), p=draw.distributions()),
    why="Kantorovich's constant is attained by half the weight on either end.",
)
def kantorovich(xp, nu, p, *, c=Fraction(49, 50)):
    mu = nu + xp.asarray(2.0) ** -20
    a, b = xp.max(mu), xp.min(mu)
    return xp.sum(p * mu) * xp.sum(p / mu), 1 + c * (a - b) ** 2 / (4 * a * b)


@lemmas.claim(
    "hilbert",
    r"\sum_{i,j} x_i x_j/(i + j - 1) \le \sqrt{\min(m, 2)} \sum x_i^2",
    draw(x=draw.vectors("m"), sizes={"m": (1, 4)}),
    why="The norm of the 4 x 4 Hilbert matrix is 1.5002; it is below sqrt 2 for m = 2 and 3.",
)
def hilbert(xp, x):
    m = x.shape[0]
    total = xp.asarray(0)
    for i in range(m):
        for j in range(m):
            total = total + x[i] * x[j] / (i + j + 1)
    return total, xp.sqrt(xp.asarray(min(m, 2))) * xp.sum(x * x)


@lemmas.claim(
    "autocorrelation",
    r"\sum_{t<T} x_t^T x_{t+1} \le \tfrac{2T + 1}{10} \sum \|x_t\|^2",
    draw(x=draw.matrices("T", "d"), sizes={"T": (1, 3), "d": (3, 5)}),
    why="The best constant is cos(pi/(T+1)): 1/2 for T = 2, but 0.7071 for T = 3.",
)
def autocorrelation(xp, x):
    T = x.shape[0]
    return xp.sum(x[1:, :] * x[:-1, :]), (2 * T + 1) * xp.sum(x * x) / 10


@lemmas.claim(
    "second_difference",
    r"\sum_t \|x_{t+1} - 2 x_t + x_{t-1}\|^2 \le 12 \sum \|x_t\|^2 \text{, equality for } T < 3",
    draw(x=draw.matrices("T", "d"), sizes={"T": (1, 5), "d": (2, 4)}),
    why="The best constant is 6, 10 and (13 + sqrt 129)/2 = 12.18 for T = 3, 4 and 5.",
)
def second_difference(xp, x):
    if x.shape[0] < 3:
        return xp.sum(x * x), xp.sum(x * x)
    return xp.sum((x[2:, :] - 2 * x[1:-1, :] + x[:-2, :]) ** 2), 12 * xp.sum(x * x)


@lemmas.claim(
    "power_traces",
    r"|\operatorname{Tr} W^T| \le \max(|\operatorname{Tr} W|^T, |\operatorname{Tr} W^2|^{T/2})",
    draw(W=draw.matrices("m", "m"), T=draw.integers(1, 4), sizes={"m": (1, 3)}),
    why="The cyclic permutation of three nodes: Tr W = Tr W^2 = 0, Tr W^3 = 3.",
)
def power_traces(xp, W, T):
    trace = xp.linalg.trace
    square = xp.abs(trace(W @ W)) ** (T // 2)
    square = square * xp.sqrt(xp.abs(trace(W @ W))) if T % 2 else square
    right = xp.maximum(xp.abs(trace(W)) ** T, square)
    return xp.abs(trace(xp.linalg.matrix_power(W, T))), right


@lemmas.claim(
    "aligned_steps",
    r"\|\sum_t W^{T-t} x_t\|^2 \le (1 + c(T-1)) \sum_t \|W^{T-t} x_t\|^2",
    draw(W=draw.matrices("m", "m"), x=draw.matrices("T", "m"), sizes={"m": (4, 6), "T": (1, 4)}),
    why="Equal contributions need the factor T.",
)
def aligned_steps(xp, W, x, *, c=Fraction(49, 50)):
    h, squares = 0 * x[0, :], xp.asarray(0)
    parts = []
    for t in range(x.shape[0]):
        parts = [W @ part for part in parts] + [x[t, :]]
    for part in parts:
        h, squares = h + part, squares + xp.sum(part * part)
    return xp.sum(h * h), between(xp, c, x.shape[0]) * squares


@lemmas.claim(
    "carried_error",
    r"\|h_T - g_T\| \le \max(1, c\|V\|_F)^{T-2} \sum_t \|(W - V) h_{t-1}\|",
    draw(
        W=draw.matrices("m", "m"), V=draw.matrices("m", "m"), x=draw.matrices("T", "m"),
        sizes={"m": (3, 5), "T": (2, 4)},
    ),
    why="The error is carried on by V, whose norm is that of Frobenius for rank one; at T = 2 "
    "nothing has been carried.",
)  # fmt: skip
def carried_error(xp, W, V, x, *, c=Fraction(9, 10)):
    h = g = 0 * x[0, :]
    total = xp.asarray(0)
    for t in range(x.shape[0]):
        total = total + xp.linalg.vector_norm((W - V) @ h)
        h, g = W @ h + x[t, :], V @ g + x[t, :]
    rate = xp.maximum(c * xp.linalg.matrix_norm(V), 1)
    return xp.linalg.vector_norm(h - g), rate ** (x.shape[0] - 2) * total


@lemmas.claim(
    "relu_forgets",
    r"\|h_T - h'_T\| \le \|W^T (h_0 - h'_0)\|, \ h_t = \max(W h_{t-1} + b, 0)",
    draw(
        W=draw.matrices("m", "m", low=-2, high=2), b=draw.vectors("m", low=0, high=64),
        h=draw.vectors("m", low=-1, high=1), g=draw.vectors("m", low=-1, high=1),
        T=draw.integers(1, 3), sizes={"m": (1, 3)},
    ),
    why="W^2 may be 0, while the relu keeps one of two terms that would cancel.",
)  # fmt: skip
def relu_forgets(xp, W, b, h, g, T):
    gap = h - g
    for _ in range(T):
        h, g, gap = xp.maximum(W @ h + b, 0 * b), xp.maximum(W @ g + b, 0 * b), W @ gap
    return xp.sum((h - g) ** 2), xp.sum(gap * gap)


@lemmas.claim(
    "tanh_lipschitz",
    r"\|h_T(x) - h_T(y)\| \le \sum_t (c\|W\|_2)^{T-t} \|x_t - y_t\|, \ s = \tanh",
    draw(
        W=draw.matrices("m", "m", low=-2, high=2), x=draw.matrices("T", "m"),
        y=draw.matrices("T", "m"), sizes={"m": (3, 4), "T": (1, 3)},
    ),
    why="Small aligned inputs make it an equality without c; equality at T = 1 is approached only.",
)  # fmt: skip
def tanh_lipschitz(xp, W, x, y, *, c=Fraction(24, 25)):
    h = g = 0 * x[0, :]
    rate, right = c * xp.linalg.matrix_norm(W, ord=2), xp.asarray(0)
    for t in range(x.shape[0]):
        h, g = xp.tanh(W @ h + x[t, :]), xp.tanh(W @ g + y[t, :])
        right = rate * right + xp.linalg.vector_norm(x[t, :] - y[t, :])
    return xp.linalg.vector_norm(h - g), right


@lemmas.claim(
    "identity_lipschitz",
    r"\|h_T(x)\| \le \sum_t (c\|W\|_F)^{T-t} \|x_t\|, \ s = \mathrm{id}",
    draw(
        W=draw.matrices("m", "m"), x=draw.matrices("T", "m"), sizes={"m": (4, 6), "T": (1, 4)},
    ),
    why="For W of rank one the Frobenius norm is the spectral one, and is attained.",
)  # fmt: skip
def identity_lipschitz(xp, W, x, *, c=Fraction(29, 30)):
    h, right = 0 * x[0, :], xp.asarray(0)
    rate = c * xp.linalg.matrix_norm(W)
    for t in range(x.shape[0]):
        h = W @ h + x[t, :]
        right = rate * right + xp.linalg.vector_norm(x[t, :])
    return xp.linalg.vector_norm(h), right


@lemmas.claim(
    "peak_of_states",
    r"\max_t \|h_t\| \le \max(\|h_1\|, \|h_2\|, \|h_T\|) + \tfrac{5}{4} \max_t \|x_t\|, \ "
    r"h_t = a h_{t-1} + x_t, \ |a| \le 1, \text{ without the last term up to } T = 3",
    draw(a=draw.reals(-1, 1), x=draw.matrices("T", "d"), sizes={"T": (1, 6), "d": (3, 5)}),
    why="h may rise for four steps and come back in two: 1, 2, 3, 4, 3, 2 with T = 6.",
)
def peak_of_states(xp, a, x):
    T, h, states = x.shape[0], 0 * x[0, :], []
    for t in range(T):
        h = a * h + x[t, :]
        states.append(xp.linalg.vector_norm(h))
    ends = xp.max(xp.stack([states[0], states[min(1, T - 1)], states[-1]]))
    if T < 4:
        return ends, ends
    return xp.max(xp.stack(states)), ends + 5 * xp.max(xp.linalg.vector_norm(x, axis=1)) / 4


@lemmas.claim(
    "product_of_many",
    r"\prod_t t |x_t| \le c^{T-1} T^{1-T} (\sum_t t |x_t|)^T",
    draw(x=draw.vectors("T"), sizes={"T": (1, 3)}),
    why="Equal t x_t give T^-T, which is more than c^(T-1) T^(1-T) at T = 3, not at T = 2.",
)
def product_of_many(xp, x, *, c=Fraction(11, 20)):
    T = x.shape[0]
    a = xp.asarray(list(range(1, T + 1))) * xp.abs(x)
    return xp.prod(a), c ** (T - 1) * xp.sum(a) ** T / xp.asarray(T) ** (T - 1)


@lemmas.claim(
    "means_of_samples",
    r"\|\bar x\|_4^4 \le c^{n-1} \tfrac{1}{n} \sum_i \|x_i\|_4^4",
    draw(x=draw.matrices("n", "d"), sizes={"n": (1, 4), "d": (5, 8)}),
    why="Equal samples attain Jensen's inequality; c = 49/50.",
)
def means_of_samples(xp, x, *, c=Fraction(49, 50)):
    n = x.shape[0]
    return xp.sum(xp.mean(x, axis=0) ** 4), c ** (n - 1) * xp.sum(x**4) / n
