"""False lemmas about degrees of freedom and ridge leverage scores."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue import degrees_of_freedom as true
from validation.catalogue.degrees_of_freedom import degrees_of_freedom, smoothed
from validation.catalogue.reconstruction import minor

lemmas = Lemmas("2", __name__)
SETTING = draw(S=draw.covariances(), lam=draw.positive())
TWO_LAM = draw(S=draw.covariances(), lam=draw.positive(), step=draw.positive())
TWO_S = draw(S=draw.covariances(), D=draw.covariances(), lam=draw.positive())

range_constant = lemmas.mutated(
    true.range_trace,
    "range_constant",
    "N(lam) lam/Tr S tends to 1 as lam grows.",
    c=Fraction(99, 100),
)
spectrum_split_constant = lemmas.mutated(
    true.spectrum_split,
    "spectrum_split_constant",
    "An eigenvalue just above lam counts 1 and adds just above 1/2 to N.",
    c=Fraction(19, 10),
)
spectrum_split_tail_constant = lemmas.mutated(
    true.spectrum_split_tail,
    "spectrum_split_tail_constant",
    "An eigenvalue just below lam adds just below 1/2 to N.",
    c=Fraction(199, 100),
)
spectrum_split_joint_constant = lemmas.mutated(
    true.spectrum_split_joint,
    "spectrum_split_joint_constant",
    "Both terms come near 2 where the spectrum lies near lam.",
    c=Fraction(19, 10),
)


@lemmas.claim(
    "spectrum_split_both_closed",
    r"\#\{\mu_j \ge \lambda\} + \textstyle\sum_{\mu_j \le \lambda} \mu_j/\lambda \le 2 N(\lambda)",
    draw(mu=draw.spectra(), lam=draw.positive()),
    why="An eigenvalue equal to lam is counted twice: false on a set of measure 0.",
)
def spectrum_split_both_closed(xp, mu, lam):
    left = xp.asarray(0.0)
    for j in range(mu.shape[0]):
        left = left + int(bool(mu[j] >= lam))
        if bool(mu[j] <= lam):
            left = left + mu[j] / lam
    return left, 2 * xp.sum(mu / (mu + lam))


@lemmas.claim(
    "range_spectral",
    r"N(\lambda) \le \|S\|_2/\lambda",
    SETTING,
    why="The spectral norm stands where the trace belongs.",
)
def range_spectral(xp, S, lam):
    return degrees_of_freedom(xp, S, lam), xp.linalg.matrix_norm(S, ord=2) / lam


@lemmas.claim(
    "range_frobenius",
    r"N(\lambda) \le \|S\|_F/\lambda",
    SETTING,
    why="The Frobenius norm stands where the trace belongs.",
)
def range_frobenius(xp, S, lam):
    return degrees_of_freedom(xp, S, lam), xp.linalg.matrix_norm(S, ord="fro") / lam


@lemmas.claim(
    "range_exponent",
    r"N(\lambda) \le (\operatorname{Tr} S/\lambda)^2",
    SETTING,
    why="N is linear in Tr S/lam where that is small, not quadratic.",
)
def range_exponent(xp, S, lam):
    return degrees_of_freedom(xp, S, lam), (xp.linalg.trace(S) / lam) ** 2


@lemmas.claim(
    "convex_in_log_lam",
    r"2 N(\sqrt{\lambda_1 \lambda_2}) \le N(\lambda_1) + N(\lambda_2)",
    draw(S=draw.covariances(), lam=draw.positive(), ratio=draw.positive(above=1e-6, below=1e6)),
    why="mu/(mu + lam) is a logistic function of log lam, concave where lam < mu.",
)
def convex_in_log_lam(xp, S, lam, ratio):
    middle = 2 * degrees_of_freedom(xp, S, lam)
    ends = degrees_of_freedom(xp, S, lam / ratio) + degrees_of_freedom(xp, S, lam * ratio)
    return middle, ends


@lemmas.claim(
    "inverse_is_convex",
    r"2/N((\lambda_1 + \lambda_2)/2) \le 1/N(\lambda_1) + 1/N(\lambda_2)",
    draw(S=draw.covariances(nonsingular=True), lam=draw.positive(), step=draw.positive()),
    why="1/N is a harmonic mean of functions linear in lam, hence concave; linear at m = 1.",
)
def inverse_is_convex(xp, S, lam, step):
    ends = 1 / degrees_of_freedom(xp, S, lam) + 1 / degrees_of_freedom(xp, S, lam + 2 * step)
    return 2 / degrees_of_freedom(xp, S, lam + step), ends


@lemmas.claim(
    "product_decreasing",
    r"\lambda' N(\lambda') \le \lambda N(\lambda) \text{ for } \lambda \le \lambda'",
    TWO_LAM,
    why="lam N(lam) increases to Tr S.",
)
def product_decreasing(xp, S, lam, step):
    larger = (lam + step) * degrees_of_freedom(xp, S, lam + step)
    return larger, lam * degrees_of_freedom(xp, S, lam)


@lemmas.claim(
    "halved_by_doubling",
    r"2 N(2 \lambda) \le N(\lambda)",
    SETTING,
    why="The product lam N(lam) increases, so doubling lam leaves more than half.",
)
def halved_by_doubling(xp, S, lam):
    return 2 * degrees_of_freedom(xp, S, 2 * lam), degrees_of_freedom(xp, S, lam)


@lemmas.claim(
    "leverage_is_even",
    r"l_j(\lambda) \le N(\lambda)/m",
    SETTING,
    why="N/m is the mean of the leverage scores, not their maximum.",
)
def leverage_is_even(xp, S, lam):
    scores = xp.linalg.diagonal(smoothed(xp, S, lam))
    return scores, 0 * scores + xp.sum(scores) / S.shape[0]


@lemmas.claim(
    "leverage_from_the_diagonal",
    r"S_{jj}/(S_{jj} + \lambda) \le l_j(\lambda)",
    SETTING,
    why="Jensen points the other way: mu/(mu + lam) is concave in mu; equality for diagonal S.",
)
def leverage_from_the_diagonal(xp, S, lam):
    variances = xp.linalg.diagonal(S)
    return variances / (variances + lam), xp.linalg.diagonal(smoothed(xp, S, lam))


@lemmas.claim(
    "leverage_of_a_block",
    r"N_{S_J}(\lambda) \le \sum_{j \in J} l_j(\lambda)",
    draw(S=draw.covariances(), J=draw.node_sets(), lam=draw.positive(), sizes={"k": (1, "m")}),
    why="Jensen for operators points the other way; equality where J is decoupled or all nodes.",
)
def leverage_of_a_block(xp, S, J, lam):
    scores = xp.linalg.diagonal(smoothed(xp, S, lam))
    return degrees_of_freedom(xp, minor(xp, S, J, J), lam), xp.sum(xp.take(scores, J, axis=0))


@lemmas.claim(
    "superadditive",
    r"N_S(\lambda) + N_D(\lambda) \le N_{S + D}(\lambda)",
    TWO_S,
    why="mu/(mu + lam) is concave and 0 at 0: N is subadditive.",
)
def superadditive(xp, S, D, lam):
    apart = degrees_of_freedom(xp, S, lam) + degrees_of_freedom(xp, D, lam)
    return apart, degrees_of_freedom(xp, S + D, lam)


@lemmas.claim(
    "square_is_monotone",
    r"S^2 \preceq (S + D)^2 \text{ for } D \succeq 0",
    draw(S=draw.covariances(), D=draw.covariances()),
    kind="loewner",
    why="The square is not operator monotone; true where S and D commute.",
)
def square_is_monotone(xp, S, D):
    return S @ S, (S + D) @ (S + D)


@lemmas.claim(
    "products_commute",
    r"\operatorname{Tr}[S^2 D^2] \le \operatorname{Tr}[(S D)^2]",
    draw(S=draw.covariances(), D=draw.covariances()),
    why="The inequality of Lieb and Thirring points the other way; equality where S and D commute.",
)
def products_commute(xp, S, D):
    return xp.linalg.trace(S @ S @ D @ D), xp.linalg.trace(S @ D @ S @ D)


@lemmas.claim(
    "half_at_the_mean",
    r"m/2 \le N(\operatorname{Tr} S/m)",
    draw(F=draw.matrices("m", "m"), floor=draw.positive(below=1.0)),
    why="Jensen points the other way; equality for a flat spectrum only.",
)
def half_at_the_mean(xp, F, floor):
    m = F.shape[0]
    S = F @ F.T + floor * xp.eye(m)
    return xp.asarray(float(m)) / 2, degrees_of_freedom(xp, S, xp.linalg.trace(S) / m)


@lemmas.claim(
    "sampling_weights_increase",
    r"\max_j q_j(\lambda') \le \max_j q_j(\lambda) \text{ for } \lambda \le \lambda',"
    r"\; q_j = l_j/N",
    draw(S=draw.covariances(nonsingular=True), lam=draw.positive(), step=draw.positive()),
    why="A large lam makes q proportional to the variances, which is less even.",
)
def sampling_weights_increase(xp, S, lam, step):
    def largest(value):
        scores = xp.linalg.diagonal(smoothed(xp, S, value))
        return xp.max(scores) / xp.sum(scores)

    return largest(lam + step), largest(lam)
