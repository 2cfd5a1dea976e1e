"""False lemmas on which arithmetics differed, and of the words and draws that bodies lacked.

An integer that wraps, a truncation that only float64 knew, a tenth that is not one, an equality
that a large neighbour hides; then public statements, and plausible ones, on singular values,
pseudo-inverses, spectral radii, entropies and structured matrices.
"""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw

lemmas = Lemmas("arithmetic", __name__)

TWO = draw(A=draw.matrices("m", "m"), B=draw.matrices("m", "m"), sizes={"m": (1, 3)})
PSD = draw(A=draw.covariances(), B=draw.covariances(), sizes={"m": (1, 3)})


# -- numbers ------------------------------------------------------------------------------------


@lemmas.claim(
    "double_factorial",
    r"x \, (2n)!! \le 10^{19}",
    draw(n=draw.integers(1, 20), x=draw.reals(0.5, 1)),
    why="17 even numbers multiply to 4.6e19, which wraps to something small in 64-bit integers.",
)
def double_factorial(xp, n, x):
    return x * xp.prod(2 * xp.arange(1, n + 1)), 10**19


@lemmas.claim(
    "geometric_sums",
    r"\textstyle\sum_{i < n} 7^i \le 2^{63}",
    draw(n=draw.integers(1, 30)),
    why="For n = 24 the partial sums pass 2^63 and wrap in 64-bit integers.",
)
def geometric_sums(xp, n):
    return xp.max(xp.cumulative_sum(xp.asarray(7) ** xp.arange(n))), 2**63


@lemmas.claim(
    "sum_of_truncations",
    r"\textstyle\sum_i x_i \le \sum_i \lfloor x_i \rfloor + m/2",
    draw(x=draw.vectors("m", low=0, high=4)),
    why="Each number may lie nearly 1 above its truncation.",
)
def sum_of_truncations(xp, x):
    whole = xp.asarray(x, dtype=xp.int64)
    return xp.sum(x), xp.sum(whole) + xp.asarray(x.shape[0]) / 2


@lemmas.claim(
    "counts_of_two_levels",
    r"\#\{x_i > 0\} + \#\{x_i > 1\} \le m",
    draw(x=draw.vectors("m")),
    why="A number above 1 counts twice; as logic, true and true would count once.",
)
def counts_of_two_levels(xp, x):
    both = xp.astype(x > 0, xp.int64) + xp.astype(x > 1, xp.int64)
    return xp.sum(both), xp.asarray(x.shape[0])


@lemmas.claim(
    "ten_tenths",
    r"10 \cdot 0.1_{\text{binary}} \, x = x",
    draw(x=draw.positive(below=4)),
    kind="identity",
    why="The float nearest to a tenth is not a tenth.",
)
def ten_tenths(xp, x, *, c=Fraction(0.1)):
    return 10 * c * x, x


@lemmas.claim(
    "three_thirds",
    r"x \le 3 \cdot (1/3)_{\text{binary}} \, x",
    draw(x=draw.positive(below=4)),
    why="The float nearest to a third lies below it, by 2^-55.",
)
def three_thirds(xp, x, *, c=Fraction(1 / 3)):
    return x, 3 * c * x


@lemmas.claim(
    "hyperbolic",
    r"(e^{200x}, \cosh^2 200x - \sinh^2 200x) = (e^{200x}, 2)",
    draw(x=draw.reals(Fraction(1, 100), 2)),
    kind="identity",
    why="The difference of squares is 1; from x = 0.9 on, 512 bits do not see it beside e^200x.",
)
def hyperbolic(xp, x):
    up, down = xp.exp(200 * x), xp.exp(-200 * x)
    return xp.stack([up, ((up + down) ** 2 - (up - down) ** 2) / 4]), xp.stack([up, 0 * x + 2])


@lemmas.claim(
    "small_beside_large",
    r"\operatorname{diag}(b, b - b + 2) \le \operatorname{diag}(2b, b - b + 1), \ b = e^{500x}",
    draw(x=draw.reals(0, Fraction(6, 5))),
    kind="loewner",
    why="2 is not at most 1, whatever b leaves of them.",
)
def small_beside_large(xp, x):
    b = xp.exp(500 * x)
    return xp.diag(xp.stack([b, b - b + 2])), xp.diag(xp.stack([2 * b, b - b + 1]))


# -- public statements --------------------------------------------------------------------------


@lemmas.claim(
    "column_norms_of_inverse",
    r"2 n_i \le \tfrac{31}{32} \textstyle\sum_j n_j",
    draw(Z=draw.matrices("m", "m"), sizes={"m": (3, 5)}),
    hypotheses={r"|\det Z| \ge 2^{-30}": lambda xp, Z: (xp.asarray(2) ** -30,
                                                        xp.abs(xp.linalg.det(Z)))},
    why="With 1 for 31/32 it is true and attained in the limit, by oblique projections.",
)  # fmt: skip
def column_norms_of_inverse(xp, Z, *, c=Fraction(31, 32)):
    X = Z / xp.linalg.vector_norm(Z, axis=1, keepdims=True)
    n = xp.linalg.vector_norm(xp.linalg.solve(X, xp.eye(Z.shape[0])), axis=0)
    return 2 * n, c * xp.sum(n) * xp.ones_like(n)


@lemmas.claim(
    "singular_values_of_product",
    r"\sigma_i(AB) \le \sigma_i(A) \sigma_i(B)",
    TWO,
    why="It is sigma_i(A) sigma_1(B) that bounds; projections onto different lines of a product.",
)
def singular_values_of_product(xp, A, B):
    sigma = xp.linalg.svdvals
    return sigma(A @ B), sigma(A) * sigma(B)


@lemmas.claim(
    "schatten_trace",
    r"\operatorname{Tr} (A^4 + B^4)^{1/4} \le \operatorname{Tr} (A^2 + B^2)^{1/2}",
    PSD,
    why="True of numbers and of commuting matrices; false at m = 2 (Open Problem Garden).",
)
def schatten_trace(xp, A, B):
    def trace_of_power(p):
        total = xp.linalg.matrix_power(A, p) + xp.linalg.matrix_power(B, p)
        mu = xp.maximum(xp.linalg.eigvalsh(total), 0)
        return xp.sum(mu ** (xp.asarray(1) / p))

    return trace_of_power(4), trace_of_power(2)


@lemmas.claim(
    "condition_of_product",
    r"\kappa(AB) \le \kappa(A) \kappa(B), \ \kappa(X) = \|X\|_2 \|X^+\|_2",
    draw(A=draw.matrices("n", "m"), B=draw.matrices("m", "n"),
         sizes={"n": (1, 2), "m": (2, 3)}),
    why="True of square nonsingular matrices; a wide A and a tall B meet at any angle.",
)  # fmt: skip
def condition_of_product(xp, A, B):
    def kappa(X):
        norm = xp.linalg.matrix_norm
        return norm(X, ord=2) * norm(xp.linalg.pinv(X), ord=2)

    return kappa(A @ B), kappa(A) * kappa(B)


@lemmas.claim(
    "radius_grows_with_semidefinite",
    r"\rho(A) \le \rho(A + B), \ A = \begin{pmatrix} 2I & C \\ -C^T & 2I \end{pmatrix}, B \ge 0",
    draw(C=draw.matrices("m", "m"), B=draw.covariances("n"), sizes={"m": (1, 2), "n": (2, 4)}),
    given=lambda C, B: len(B) == 2 * len(C),
    why="B on one block only brings two complex eigenvalues together on the real axis.",
)
def radius_grows_with_semidefinite(xp, C, B):
    m = C.shape[0]
    two = 2 * xp.eye(m)
    A = xp.concat([xp.concat([two, C], axis=1), xp.concat([-C.T, two], axis=1)], axis=0)
    return xp.linalg.spectral_radius(A), xp.linalg.spectral_radius(A + B)


# -- words --------------------------------------------------------------------------------------


@lemmas.claim(
    "rank_of_sum",
    r"\operatorname{rank}(A + B) \le \max(\operatorname{rank} A, \operatorname{rank} B)",
    TWO,
    why="Two lines span a plane.",
)
def rank_of_sum(xp, A, B):
    rank = xp.linalg.matrix_rank
    return rank(A + B), xp.maximum(rank(A), rank(B))


@lemmas.claim(
    "pseudo_inverse_of_product",
    r"(AB)^+ = B^+ A^+",
    draw(A=draw.matrices("n", "m"), B=draw.matrices("m", "n"), sizes={"n": (1, 2), "m": (1, 2)}),
    kind="identity",
    why="The order is reversed for full ranks that meet, not in general.",
)
def pseudo_inverse_of_product(xp, A, B):
    pinv = xp.linalg.pinv
    return pinv(A @ B), pinv(B) @ pinv(A)


@lemmas.claim(
    "radius_of_product",
    r"\rho(AB) \le \rho(A) \rho(B)",
    TWO,
    why="Two nilpotent matrices may multiply to a projection.",
)
def radius_of_product(xp, A, B):
    rho = xp.linalg.spectral_radius
    return rho(A @ B), rho(A) * rho(B)


@lemmas.claim(
    "nuclear_and_frobenius",
    r"\|A\|_* \le \tfrac65 \|A\|_F",
    draw(A=draw.matrices("q", "m")),
    why="The root of the rank is needed: 1.41 for the identity of two dimensions.",
)
def nuclear_and_frobenius(xp, A, *, c=Fraction(6, 5)):
    return xp.linalg.matrix_norm(A, ord="nuc"), c * xp.linalg.matrix_norm(A)


@lemmas.claim(
    "entropy_and_largest",
    r"-\textstyle\sum_i p_i \log p_i \le 2 (1 - \max_i p_i)",
    draw(p=draw.distributions("m")),
    why="Near a corner the entropy falls slower than linearly.",
)
def entropy_and_largest(xp, p):
    return -xp.sum(xp.xlogx(p)), 2 * (1 - xp.max(p))


@lemmas.claim(
    "gamma_concave",
    r"\log\Gamma(x) + \log\Gamma(y) \le 2 \log\Gamma((x + y)/2)",
    draw(x=draw.positive(below=8), y=draw.positive(below=8)),
    why="log Gamma is convex: the other direction holds.",
)
def gamma_concave(xp, x, y):
    return xp.lgamma(x) + xp.lgamma(y), 2 * xp.lgamma((x + y) / 2)


@lemmas.claim(
    "error_function_slope",
    r"\operatorname{erf}(x) \le x",
    draw(x=draw.reals(0, 2)),
    why="Its slope at 0 is 2/sqrt(pi) > 1.",
)
def error_function_slope(xp, x):
    return xp.erf(x), x


@lemmas.claim(
    "sorted_pairs",
    r"\textstyle\sum_i |x_i - y_i| \le \sum_i |x_{(i)} - y_{(i)}|",
    draw(x=draw.vectors("m"), y=draw.vectors("m")),
    why="Sorting both brings them together, not apart.",
)
def sorted_pairs(xp, x, y):
    return xp.sum(xp.abs(x - y)), xp.sum(xp.abs(xp.sort(x) - xp.sort(y)))


# -- draws --------------------------------------------------------------------------------------


@lemmas.claim(
    "square_is_monotone",
    r"S \le S' \implies S^2 \le S'^2",
    draw(pair=draw.ordered_pairs(), sizes={"m": (1, 3)}),
    kind="loewner",
    why="The square is not operator monotone.",
)
def square_is_monotone(xp, pair):
    S, more = pair
    return S @ S, more @ more


@lemmas.claim(
    "three_unit_vectors",
    r"|x^T y| + |y^T z| \le 1 + |x^T z|",
    draw(x=draw.unit_vectors(), y=draw.unit_vectors(), z=draw.unit_vectors()),
    why="y between two orthogonal vectors: 1.41 against 1.",
)
def three_unit_vectors(xp, x, y, z):
    return xp.abs(x @ y) + xp.abs(y @ z), 1 + xp.abs(x @ z)


@lemmas.claim(
    "smallest_of_correlation",
    r"1 - \max_{i \ne j} |R_{ij}| \le \lambda_{\min}(R)",
    draw(R=draw.correlations(), sizes={"m": (2, 4)}),
    why="True for m = 2; three vectors in a plane are dependent without being parallel.",
)
def smallest_of_correlation(xp, R):
    off = xp.abs(R - R * xp.eye(R.shape[0]))
    return 1 - xp.max(off), xp.linalg.eigvalsh(R)[0]


@lemmas.claim(
    "norm_of_stochastic",
    r"\|P\|_2 \le 1",
    draw(P=draw.stochastic_matrices("n", "m")),
    why="Rows that agree have the norm sqrt(n) times the norm of one.",
)
def norm_of_stochastic(xp, P):
    return xp.linalg.matrix_norm(P, ord=2), xp.asarray(1)


@lemmas.claim(
    "any_order_is_best",
    r"\textstyle\sum_i i\, x_{\pi(i)} \le \sum_i i\, x_i",
    draw(x=draw.vectors("m"), order=draw.permutations("m")),
    why="The rearrangement inequality needs x ascending.",
)
def any_order_is_best(xp, x, order):
    i = xp.arange(x.shape[0])
    return xp.sum(i * xp.take(x, order)), xp.sum(i * x)


@lemmas.claim(
    "minors_fall",
    r"\det S \le \det S_J",
    draw(S=draw.covariances(), J=draw.subsets(), sizes={"m": (1, 3)}),
    why="Minors grow with the nodes as soon as there is variance above 1 left.",
)
def minors_fall(xp, S, J):
    kept = xp.take(xp.take(S, J, axis=0), J, axis=1)
    return xp.linalg.det(S), xp.linalg.det(kept)


@lemmas.claim(
    "trace_of_absolute_value",
    r"\textstyle\sum_i |\lambda_i| \le |\sum_i \lambda_i|",
    draw(A=draw.symmetric()),
    why="Eigenvalues of both signs cancel.",
)
def trace_of_absolute_value(xp, A):
    return xp.sum(xp.abs(xp.linalg.eigvalsh(A))), xp.abs(xp.linalg.trace(A))


@lemmas.claim(
    "norm_of_triangular",
    r"\|L\|_2 \le \max_i |L_{ii}| + \max_{i > j} |L_{ij}|",
    draw(L=draw.triangular(), sizes={"m": (2, 4)}),
    why="Many entries off the diagonal add up; with m = 2 it holds.",
)
def norm_of_triangular(xp, L):
    off = xp.max(xp.abs(xp.tril(L, k=-1)))
    return xp.linalg.matrix_norm(L, ord=2), xp.max(xp.abs(xp.linalg.diagonal(L))) + off


@lemmas.claim(
    "inverse_and_norm",
    r"\|Z^{-1}\|_2 \le \|Z\|_F / |\det Z|",
    draw(Z=draw.nonsingular(), sizes={"m": (2, 3)}),
    why="True for m = 2, where the norms of Z and of its adjugate agree; not for m = 3.",
)
def inverse_and_norm(xp, Z):
    inverse = xp.linalg.matrix_norm(xp.linalg.inv(Z), ord=2)
    return inverse, xp.linalg.matrix_norm(Z) / xp.abs(xp.linalg.det(Z))


@lemmas.claim(
    "mean_of_spectra",
    r"\tfrac1n \textstyle\sum_i \lambda_{\max}(S_i) \le \lambda_{\max}(\tfrac1n \sum_i S_i)",
    draw(stack=draw.covariance_stacks(), sizes={"n": (1, 3), "m": (1, 3)}),
    why="The largest eigenvalue is convex: the other direction holds.",
)
def mean_of_spectra(xp, stack):
    largest = [xp.linalg.eigvalsh(stack[i])[-1] for i in range(stack.shape[0])]
    return xp.mean(xp.stack(largest)), xp.linalg.eigvalsh(xp.mean(stack, axis=0))[-1]


@lemmas.claim(
    "equal_angles",
    r"\|V V^T\|_2 \le 1 + \max_{i \ne j} |v_i^T v_j|, \ \|v_i\| = 1",
    draw(V=draw.unit_rows("n", "m"), sizes={"n": (2, 4), "m": (2, 3)}),
    why="True of two vectors; n equal ones have n.",
)
def equal_angles(xp, V):
    G = V @ V.T
    off = xp.abs(G - G * xp.eye(V.shape[0]))
    return xp.linalg.matrix_norm(G, ord=2), 1 + xp.max(off)
