"""False lemmas about covering numbers."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue import covering as true
from validation.catalogue.covering import log_product
from validation.catalogue.lipschitz import (
    parameter_constants,
    radii,
    spectral,
    state_bounds,
)
from validation.instances import Network

lemmas = Lemmas("5", __name__)

maurey_constant = lemmas.mutated(
    true.maurey, "maurey_constant", "x = 0 between v and -v, k = 1.", c=Fraction(99, 100)
)
class_mean_square_constant = lemmas.mutated(
    true.class_mean_square,
    "class_mean_square_constant",
    "Equality where only b_o moves.",
    c=Fraction(19, 20),
)


@lemmas.claim(
    "ball_without_one",
    r"N(\epsilon) = \lceil 1/\epsilon \rceil^p \le (2/\epsilon)^p",
    draw(eps=draw.positive(below=8), p=draw.integers(1, 6)),
    why="True up to eps = 2; the 1 in 1 + 2/eps is what makes it true above.",
)
def ball_without_one(xp, eps, p):
    count = xp.maximum(xp.ceil(1 / eps), xp.asarray(1.0)) ** p
    return count, (2 / eps) ** p


@lemmas.claim(
    "ball_of_grid",
    r"\lfloor 1/\epsilon \rfloor + 1 \le \lceil 1/\epsilon \rceil",
    draw(eps=draw.positive(above=0.05, below=4)),
    why="False where 1/eps is an integer, and only there.",
)
def ball_of_grid(xp, eps):
    return xp.floor(1 / eps) + 1, xp.ceil(1 / eps)


@lemmas.claim(
    "ball_exponent",
    r"N(\epsilon) = \lceil 1/\epsilon \rceil^p \le 1 + p (2/\epsilon)",
    draw(eps=draw.positive(below=4), p=draw.integers(1, 6)),
    why="The number of cubes grows like a power of 1/eps, not linearly.",
)
def ball_exponent(xp, eps, p):
    count = xp.maximum(xp.ceil(1 / eps), xp.asarray(1.0)) ** p
    return count, 1 + p * 2 / eps


BLOCKS = {"blocks": (2, 4)}
SPLIT = draw(
    c=draw.vectors("blocks", low=2.0**-20),
    p=draw.vectors("blocks", low=2.0**-20),
    b=draw.distributions("blocks", positive=True),
    sizes=BLOCKS,
)


@lemmas.claim(
    "equal_split_is_optimal",
    r"\textstyle\sum p_\theta \log(1 + B c_\theta) \le \sum p_\theta \log(1 + c_\theta/b_\theta),"
    r"\; \textstyle\sum b = 1, \; B \text{ the number of blocks}",
    SPLIT,
    why="A block with many parameters should get more of the budget.",
)
def equal_split_is_optimal(xp, c, p, b):
    equal = 0 * b + xp.asarray(1.0) / b.shape[0]
    return log_product(xp, p, c, equal), log_product(xp, p, c, b)


@lemmas.claim(
    "proportional_split_is_optimal",
    r"\textstyle\sum p_\theta \log(1 + c_\theta/a_\theta) \le"
    r"\sum p_\theta \log(1 + c_\theta/b_\theta), \; a_\theta = p_\theta/\textstyle\sum p",
    SPLIT,
    why="That is the limit of large c only.",
)
def proportional_split_is_optimal(xp, c, p, b):
    return log_product(xp, p, c, p / xp.sum(p)), log_product(xp, p, c, b)


@lemmas.claim(
    "maurey_exponent",
    r"\min_{v_1..v_k \in V} \|x - \tfrac1k \textstyle\sum v_i\|^2 \le (b^2 - \|x\|^2)/k^2",
    true.maurey.instances,
    why="The variance of a mean falls like 1/k: two vertices of a tetrahedron leave 1/3 > 1/4.",
)
def maurey_exponent(xp, V, p, k):
    left, right = true.maurey.body(xp, V, p, k)
    return left, right / k


@lemmas.claim(
    "class_mean_square_by_mean",
    r"\|f - f'\|_{n,w} \le \textstyle\sum_t w_t L_{o,t} \|W_o - W_o'\|_2,"
    r"\text{ where only } W_o \text{ differs}",
    true.class_mean_square.instances,
    why="T = 2, W_i = W_o = 1, W_h = 2, x = 1: the outputs 1 and 3 have norm sqrt 5 > 2.",
)
def class_mean_square_by_mean(xp, net, other, s, x, w):
    weights = (net.w_hidden, net.w_input, net.b_hidden)
    moved = Network(*weights, other.w_output, net.b_output, activation=net.activation)
    left, _ = true.class_mean_square.body(xp, net, moved, s, x, w)
    R, T = radii(xp, [net, moved], x), x.shape[1]
    H, mean = state_bounds(xp, R, T), xp.asarray(0.0)
    for t in range(T):
        mean = mean + w[t] * parameter_constants(xp, R, H, t + 1)["w_output"]
    return left, mean * spectral(xp, net.w_output - moved.w_output)


@lemmas.claim(
    "spectral_by_rows",
    r"\|W\|_2 \le \max_i \|W_{i,:}\|",
    draw(W=draw.matrices("m", "k"), sizes={"m": (1, 4), "k": (1, 4)}),
    why="Equal rows add up; true for orthogonal rows.",
)
def spectral_by_rows(xp, W):
    return spectral(xp, W), xp.max(xp.linalg.vector_norm(W, axis=1))


@lemmas.claim(
    "two_one_norm_by_spectral",
    r"\textstyle\sum_j \|W_{:,j}\| \le \sqrt{k} \, \|W\|_2",
    draw(W=draw.matrices("m", "k"), sizes={"m": (1, 4), "k": (1, 4)}),
    why="Cauchy-Schwarz gives the Frobenius norm: the identity has k against sqrt k.",
)
def two_one_norm_by_spectral(xp, W):
    left = xp.sum(xp.linalg.vector_norm(W, axis=0))
    return left, xp.sqrt(xp.asarray(float(W.shape[1]))) * spectral(xp, W)


@lemmas.claim(
    "internal_cover_of_the_same_radius",
    r"\min_i \max_j \|x_i - x_j\| \le \max_j \|x_j - c\| \text{ for every } c",
    draw(X=draw.matrices("n", "d"), c=draw.vectors("d"), sizes={"n": (1, 4)}),
    why="Two points and their midpoint: an internal centre needs twice the radius.",
)
def internal_cover_of_the_same_radius(xp, X, c):
    radii_of = [xp.max(xp.linalg.vector_norm(X - X[i, :], axis=1)) for i in range(X.shape[0])]
    return xp.min(xp.stack(radii_of)), xp.max(xp.linalg.vector_norm(X - c, axis=1))


enlarged_by_fewer_draws = lemmas.mutated(
    true.enlarged,
    "enlarged_by_fewer_draws",
    "Half the draws leave the root of M points of the net uncovered on average.",
    c=Fraction(1, 2),
)


@lemmas.claim(
    "enlarged_with_centres_inside",
    r"\operatorname{vol}(K \cap (y + r K)) \ge r^p \operatorname{vol}(K), \; K = [-1, 1]^p,"
    r"\; y \in K",
    draw(
        y=draw.vectors("p", low=-1, high=1),
        r=draw.positive(above=2.0**-10, below=1),
        sizes={"p": (1, 3)},
    ),
    why="At a corner of the cube only the share 2^-p of a small ball is inside.",
)
def enlarged_with_centres_inside(xp, y, r):
    one = 0 * y + xp.asarray(1.0)
    overlap = (xp.minimum(y + r, one) - xp.maximum(y - r, -one)) / 2
    return r ** y.shape[0], xp.prod(overlap)
