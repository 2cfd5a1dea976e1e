"""False lemmas with trivial equality on a large set, of matrices.

Equal, commuting or diagonal matrices, rank one, k = 0 or m = 1 give equality. See `ties`.
"""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue.degrees_of_freedom import degrees_of_freedom

lemmas = Lemmas("ties_of_matrices", __name__)
PSD = draw.covariances


def loss(xp, S, J):
    """Tr of the Schur complement of S_JJ + 2^-10 I: what the nodes J do not explain."""
    nodes = xp.asarray(list(J))
    cross = xp.take(S, nodes, axis=1)
    inner = xp.take(cross, nodes, axis=0) + xp.eye(len(J)) / 1024
    return xp.linalg.trace(S) - xp.linalg.trace(xp.linalg.solve(inner, cross.T @ cross))


PAIRS = ((0, 1), (0, 2), (1, 2))


def least(xp, values):
    """The smallest of some numbers."""
    return xp.min(xp.stack(values))


@lemmas.claim(
    "greedy_pair",
    r"\min_j L(\{1, j\}) \le \min_{i, j} L(\{i, j\}) \text{ where node 1 is the best alone}, m = 3",
    draw(F=draw.matrices(3, 3)),
    hypotheses={
        r"L(\{1\}) \le L(\{2\})": lambda xp, F: (
            loss(xp, F @ F.T, (0,)), loss(xp, F @ F.T, (1,))),
        r"L(\{1\}) \le L(\{3\})": lambda xp, F: (
            loss(xp, F @ F.T, (0,)), loss(xp, F @ F.T, (2,))),
    },
    why="Two nodes that are poor alone may explain all together; else both sides are one number.",
)  # fmt: skip
def greedy_pair(xp, F):
    S = F @ F.T
    losses = [loss(xp, S, pair) for pair in PAIRS]
    return least(xp, losses[:2]), least(xp, losses)


@lemmas.claim(
    "dof_submodular",
    r"N(A + B + C) + N(C) \le N(A + C) + N(B + C)",
    draw(A=PSD(), B=PSD(), C=PSD(), lam=draw.positive(), sizes={"m": (1, 3)}),
    why="True for numbers and commuting matrices; the mixed derivative of N is "
    "-2 lam (a^T R b)(a^T R^2 b) for A = aa^T, B = bb^T, of either sign.",
)
def dof_submodular(xp, A, B, C, lam):
    both, none = degrees_of_freedom(xp, A + B + C, lam), degrees_of_freedom(xp, C, lam)
    return both + none, degrees_of_freedom(xp, A + C, lam) + degrees_of_freedom(xp, B + C, lam)


@lemmas.claim(
    "cube_convex",
    r"(\tfrac{1}{n} \sum A_i)^3 \preceq \tfrac{n + 19}{20 n} \sum A_i^3, \ A_i \succeq I",
    draw(F=draw.arrays("n", "m", "m"), sizes={"n": (1, 3), "m": (1, 3)}),
    kind="loewner",
    why="The cube is not operator convex; for n = 1 both sides agree, for m = 1 it is true.",
)
def cube_convex(xp, F):
    A = F @ F.mT + xp.eye(F.shape[1])
    cubes = xp.mean(A @ A @ A, axis=0)
    return xp.linalg.matrix_power(xp.mean(A, axis=0), 3), (F.shape[0] + 19) * cubes / 20


@lemmas.claim(
    "minors_of_three",
    r"\det S\, S_{11} S_{22} S_{33} \le (1 + \max_{ij} S_{ij}^2/(S_{ii} S_{jj})) "
    r"\det S_{12} \det S_{13} \det S_{23}",
    draw(S=PSD("m", nonsingular=True), sizes={"m": (3, 3)}),
    why="Equality for diagonal S; three equal correlations of 3/4 break it.",
)
def minors_of_three(xp, S):
    product, pairs, squares = S[0, 0] * S[1, 1] * S[2, 2], xp.asarray(1), []
    for i, j in PAIRS:
        pairs = pairs * (S[i, i] * S[j, j] - S[i, j] ** 2)
        squares.append(S[i, j] ** 2 / (S[i, i] * S[j, j]))
    return xp.linalg.det(S) * product, (1 + xp.max(xp.stack(squares))) * pairs


@lemmas.claim(
    "commutator",
    r"\operatorname{Tr} A^2 B^2 \le \operatorname{Tr} (AB)^2 + "
    r"c\,(\|A\|_F^2 \|B\|_F^2 - (\operatorname{Tr} AB)^2), \ A = P + P^T,\ B = Q + Q^T",
    draw(P=draw.matrices("m", "m"), Q=draw.matrices("m", "m"), sizes={"m": (1, 4)}),
    why="The constant of Boettcher and Wenzel is 1: two Pauli matrices. Equality for m = 1.",
)
def commutator(xp, P, Q, *, c=Fraction(24, 25)):
    A, B = P + P.T, Q + Q.T
    AB = A @ B
    slack = xp.sum(A * A) * xp.sum(B * B) - xp.sum(A * B) ** 2
    return xp.sum(AB * AB), xp.sum(AB * AB.T) + c * slack


@lemmas.claim(
    "minkowski",
    r"\det A + \det B + c (2^m - 2) \sqrt{\det A \det B} \le \det(A + B)",
    draw(A=PSD("m", nonsingular=True), B=PSD("m", nonsingular=True), sizes={"m": (1, 4)}),
    why="A = B attains it with c = 1; for m = 1 both sides are A + B.",
)
def minkowski(xp, A, B, *, c=Fraction(21, 20)):
    det, m = xp.linalg.det, A.shape[0]
    middle = c * (2**m - 2) * xp.sqrt(det(A) * det(B))
    return det(A) + det(B) + middle, det(A + B)


@lemmas.claim(
    "squares_of_sums",
    r"(\sum_i A_i)^2 \preceq (1 + c(n - 1)) \sum_i A_i^2 + \tfrac{n - 1}{50} \|F\|_F^4 I",
    draw(F=draw.arrays("n", "m", "m"), sizes={"n": (1, 3), "m": (3, 5)}),
    kind="loewner",
    why="Equal A_i need the factor n; the last term is small where they have rank one.",
)
def squares_of_sums(xp, F, *, c=Fraction(9, 10)):
    A, n = F @ F.mT, F.shape[0]
    S = xp.sum(A, axis=0)
    squares = xp.sum(A @ A, axis=0)
    room = (n - 1) * xp.sum(F * F) ** 2 / 50
    return S @ S, (1 + c * (n - 1)) * squares + room * xp.eye(F.shape[1])


@lemmas.claim(
    "dof_of_mean",
    r"N(\tfrac{1}{n} \sum S_i) \le (1 + c(n - 1)) \tfrac{1}{n} \sum N(S_i)",
    draw(
        F=draw.arrays("n", "m", "m", low=-1024, high=1024), lam=draw.positive(),
        sizes={"n": (1, 3), "m": (3, 5)},
    ),
    why="Large orthogonal S_i of rank one: N is n on the left and 1 on the right, so n is needed.",
)  # fmt: skip
def dof_of_mean(xp, F, lam, *, c=Fraction(99, 100)):
    n = F.shape[0]
    S = F @ F.mT
    total = xp.asarray(0)
    for i in range(n):
        total = total + degrees_of_freedom(xp, S[i, :, :], lam)
    return degrees_of_freedom(xp, xp.mean(S, axis=0), lam), (1 + c * (n - 1)) * total / n


@lemmas.claim(
    "leverage_floor",
    r"\sum_i S_{ii}/(S_{ii} + \lambda) \le (1 + c(m - 1)) N(\lambda), \ S = FF^T, \ |F_{ij}| \le 1",
    draw(
        F=draw.matrices("m", "m", low=-1, high=1), lam=draw.positive(above=0.25, below=4),
        sizes={"m": (1, 4)},
    ),
    why="Four equal rows of ones, and lam = 1/4: 3.82 N. Up to m = 3 it is true, for m = 1 equal.",
)  # fmt: skip
def leverage_floor(xp, F, lam, *, c=Fraction(93, 100)):
    S = F @ F.T
    d = xp.linalg.diagonal(S)
    right = (1 + c * (F.shape[0] - 1)) * degrees_of_freedom(xp, S, lam)
    return xp.sum(d / (d + lam)), right


@lemmas.claim(
    "blocks",
    r"\|\sum_i A_i A_i^T\|_2 \le (1 + c(n - 1)) \max_i \|A_i\|_2^2",
    draw(A=draw.arrays("n", "m", "d"), sizes={"n": (1, 4), "m": (3, 5), "d": (3, 5)}),
    why="Blocks that share the largest singular value and its vector need the factor n.",
)
def blocks(xp, A, *, c=Fraction(49, 50)):
    n = A.shape[0]
    norms = [xp.linalg.matrix_norm(A[i, :, :], ord=2) for i in range(n)]
    largest = xp.max(xp.stack(norms)) ** 2
    return xp.linalg.matrix_norm(xp.sum(A @ A.mT, axis=0), ord=2), (1 + c * (n - 1)) * largest


@lemmas.claim(
    "bell",
    r"\sum_{ij} a_{ij} u_i^T v_j \le \max_{s, t = \pm 1} \sum_{ij} a_{ij} s_i t_j \,"
    r"\max_i \|u_i\| \max_j \|v_j\| \cdot (4/3 \text{ if } d > 1), \ A \in R^{2 \times 2}",
    draw(
        A=draw.matrices(2, 2), U=draw.matrices(2, "d"), V=draw.matrices(2, "d"),
        sizes={"d": (1, 4)},
    ),
    why="In the plane Bell's inequality fails by sqrt 2, at a = 1, 1, 1, -1; signs attain d = 1.",
)  # fmt: skip
def bell(xp, A, U, V, *, c=Fraction(4, 3)):
    signs = [xp.abs(A[0, 0] + s * A[0, 1]) + xp.abs(A[1, 0] + s * A[1, 1]) for s in (1, -1)]
    longest = xp.sqrt(xp.max(xp.sum(U * U, axis=1)) * xp.max(xp.sum(V * V, axis=1)))
    factor = c if U.shape[1] > 1 else 1
    return xp.sum(A * (U @ V.T)), factor * xp.max(xp.stack(signs)) * longest


@lemmas.claim(
    "best_node",
    r"\mu_1(S) \le (1 + c(m - 1)) \max_i (S^2)_{ii}/S_{ii}",
    draw(F=draw.matrices("m", "m"), sizes={"m": (1, 3)}),
    why="S = (1 1)(1 1)^T/2 + t I with t = 0.7 has ratio 1.207 for m = 2.",
)
def best_node(xp, F, *, c=Fraction(1, 5)):
    S = F @ F.T + xp.eye(F.shape[0]) / 1024
    largest = xp.max(xp.linalg.eigvalsh(S))
    ratios = xp.linalg.diagonal(S @ S) / xp.linalg.diagonal(S)
    return largest, (1 + c * (F.shape[0] - 1)) * xp.max(ratios)


@lemmas.claim(
    "welch",
    r"(\sum_i \|x_i\|^2)^2 \le (1 + c(d - 1)) \sum_{ij} (x_i^T x_j)^2",
    draw(x=draw.matrices("n", "d"), sizes={"n": (2, 5), "d": (1, 3)}),
    why="Tight frames, as three vectors at 120 degrees, need the factor d; d = 1 is an equality.",
)
def welch(xp, x, *, c=Fraction(99, 100)):
    gram = x @ x.T
    return xp.linalg.trace(gram) ** 2, (1 + c * (x.shape[1] - 1)) * xp.sum(gram * gram)


@lemmas.claim(
    "signed_sums",
    r"\sum_i \|x_i\|_2 \le (1 + c(d - 1)) \max_{s = \pm 1} \|\sum_i s_i x_i\|_2",
    draw(x=draw.matrices("n", "d"), sizes={"n": (1, 4), "d": (1, 2)}),
    why="On the line it is an equality; in the plane three vectors at 60 degrees need 3/2.",
)
def signed_sums(xp, x, *, c=Fraction(9, 20)):
    sums = [x[0, :]]
    for i in range(1, x.shape[0]):
        sums = [s + sign * x[i, :] for s in sums for sign in (1, -1)]
    lengths = xp.max(xp.stack([xp.linalg.vector_norm(s) for s in sums]))
    return xp.sum(xp.linalg.vector_norm(x, axis=1)), (1 + c * (x.shape[1] - 1)) * lengths


@lemmas.claim(
    "leverage_order",
    r"\ell_1(4\lambda) \le \ell_2(4\lambda) \text{ where } \ell_1(\lambda) \le \ell_2(\lambda)",
    draw(F=draw.matrices("m", "m"), lam=draw.positive(), sizes={"m": (2, 3)}),
    hypotheses={
        r"\ell_1(\lambda) \le \ell_2(\lambda)": lambda xp, F, lam: scores(xp, F, lam),
    },
    why="The order of the scores depends on lam for m = 3; two nodes keep it.",
)
def leverage_order(xp, F, lam):
    return scores(xp, F, 4 * lam)


def scores(xp, F, lam):
    """Leverage scores of the first two nodes of F F^T + 2^-20 I."""
    m = F.shape[0]
    S = F @ F.T + xp.eye(m) / 1048576
    found = xp.linalg.diagonal(xp.linalg.solve(S + lam * xp.eye(m), S))
    return found[0], found[1]
