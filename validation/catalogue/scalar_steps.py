"""The scalar steps that the proofs of the theory lean on, each a claim of its own.

They are stated so that `rnnbounds prove` can decide them: with numbers in a box, and where both
sides agree at a point (log(1 - B) <= -B at B = 0), in a form whose agreement a machine can see: a
derivative of one sign up to an end of the box, or a midpoint of it. `USED_BY` says which statements
of the catalogue lean on which step, and `REST` what covers the instances outside of a box.
"""

from __future__ import annotations

from fractions import Fraction

from validation.catalogue.stating import Section
from validation.claims import Claim
from validation.instances import draw

section = Section("13")

FAR = 2.0**20


def scalar(id, statement, of, *, proof="", box=None, **factors):
    """A claim about numbers in a box."""
    return section.classic(
        f"step.{id}",
        statement,
        draw(**factors),
        source=f"a step of the proofs of section {of}",
        proof=proof,
        box=box,
    )


def kl(xp, q, p):
    """kl(q||p) of two numbers in (0, 1)."""
    return q * (xp.log(q) - xp.log(p)) + (1 - q) * (xp.log1p(-q) - xp.log1p(-p))


# -- logarithms and exponentials ----------------------------------------------------------------


@scalar(
    "log_of_one_minus",
    r"\log(1 - B) \le -B",
    "2a",
    B=draw.reals(0, 1 - 2.0**-20),
    proof="The derivative of the difference, 1/(1 - B) - 1, is at least 0, and it is 0 at B = 0.",
)
def log_of_one_minus(xp, B, *, c=1):
    return xp.log1p(-B), -c * B


@scalar("log_of_one_plus", r"\log(1 + u) \le u", "7", u=draw.reals(0, FAR))
def log_of_one_plus(xp, u, *, c=1):
    return xp.log1p(u), c * u


@scalar(
    "log_below_tangent",
    r"\log x \le x - 1",
    "2",
    x=draw.positive(),
    box={"x": (2.0**-10, 2.0**10)},
)
def log_below_tangent(xp, x):
    return xp.log(x), x - 1


@scalar(
    "laplace_secant",
    r"e^{-x Y} \le (1 - Y) + Y e^{-x}",
    "2a",
    x=draw.reals(0, 4),
    Y=draw.reals(0, 1),
    proof="Convexity: the chord lies above.",
)
def laplace_secant(xp, x, Y):
    return xp.exp(-x * Y), (1 - Y) + Y * xp.exp(-x)


@scalar("log_four", r"3/4 \le \log 4 \cdot x, \; x \ge 1", "2a", x=draw.reals(1, 2))
def log_four(xp, x):
    return xp.asarray(Fraction(3, 4)), x * xp.log(xp.asarray(4))


@scalar(
    "chernoff_exponent",
    r"1/2.48 \le x (1 - \kappa) + (1 - e^{-x}) \kappa - x/4 \text{ at } x = \log 4",
    "2a",
    kap=draw.reals(0, 1),
    proof="The right side decreases in kap and is 3/4 - (1/4) log 4 = 0.4034... at kap = 1.",
)
def chernoff_exponent(xp, kap, *, c=Fraction(62, 25)):
    x = xp.log(xp.asarray(4))
    return 1 / xp.asarray(c), x * (1 - kap) + (1 - xp.exp(-x)) * kap - x / 4


@scalar("bernstein_function", r"\frac{u^2}{2 (1 + u/3)} \le (1 + u) \log(1 + u) - u", "2a",
        u=draw.reals(0, 16))  # fmt: skip
def bernstein_function(xp, u, *, c=3):
    return u**2 / (2 * (1 + u / c)), (1 + u) * xp.log1p(u) - u


@scalar("hoeffding_lemma", r"1 - p + p e^{s} \le e^{p s + s^2/8}", "6",
        p=draw.reals(0, 1), s=draw.reals(-4, 4))  # fmt: skip
def hoeffding_lemma(xp, p, s, *, c=8):
    return 1 - p + p * xp.exp(s), xp.exp(p * s + s**2 / c)


@scalar("massart_cosh", r"\cosh x \le e^{x^2/2}", "6", x=draw.reals(-4, 4))
def massart_cosh(xp, x, *, c=2):
    return (xp.exp(x) + xp.exp(-x)) / 2, xp.exp(x**2 / c)


# -- relative entropy ---------------------------------------------------------------------------


@scalar("pinsker", r"2 (p - q)^2 \le \mathrm{kl}(p \| q)", "6",
        p=draw.reals(0.01, 0.99), q=draw.reals(0.01, 0.99))  # fmt: skip
def pinsker(xp, p, q, *, c=2):
    return c * (p - q) ** 2, kl(xp, p, q)


@scalar(
    "pinsker_curvature",
    r"4 \le 1/p + 1/(1 - p)",
    "6",
    p=draw.reals(2.0**-10, 1 - 2.0**-10),
    proof="Of the difference kl(p||q) - 2 (p - q)^2, the second derivative in p; at p = q both "
    "the difference and its first derivative are 0.",
)
def pinsker_curvature(xp, p, *, c=4):
    return xp.asarray(c), 1 / p + 1 / (1 - p)


@scalar("kl_below_chi_square", r"\mathrm{kl}(p \| q) \le (p - q)^2/(q (1 - q))", "6",
        p=draw.reals(0.01, 0.99), q=draw.reals(0.01, 0.99))  # fmt: skip
def kl_below_chi_square(xp, p, q):
    return kl(xp, p, q), (p - q) ** 2 / (q * (1 - q))


@scalar(
    "kl_increases",
    r"0 \le \frac{d}{p (1 - p)}, \; p = q + d, \; d \ge 0",
    "6",
    q=draw.reals(0.01, 0.5),
    d=draw.reals(0, 0.375),
    proof="The derivative of kl(q||p) in p: so kl's inverse is the upper end of an interval.",
)
def kl_increases(xp, q, d):
    p = q + d
    return 0 * d, d / (p * (1 - p))


@scalar("kl_inverse", r"2 t^2 \le \mathrm{kl}(q \| q + t)", "6",
        q=draw.reals(0.01, 0.5), t=draw.reals(0, 0.375))  # fmt: skip
def kl_inverse(xp, q, t, *, c=2):
    return c * t**2, kl(xp, q, q + t)


# -- degrees of freedom, eigenvalue by eigenvalue -----------------------------------------------


@scalar("dof_range", r"\frac{u}{1 + u} \le u, \; u = \mu/\lambda", "2", u=draw.reals(0, FAR))
def dof_range(xp, u):
    return 1 - 1 / (1 + u), u


@scalar("dof_at_most_one", r"0 \le \frac{u}{1 + u} \le 1, \; u = \mu/\lambda", "2",
        u=draw.reals(0, FAR))  # fmt: skip
def dof_at_most_one(xp, u):
    kap = 1 - 1 / (1 + u)
    return xp.stack([0 * u, kap]), xp.stack([kap, 0 * u + 1])


@scalar("dof_decreasing", r"-\frac{u}{(1 + u)^2} \le 0, \; u = \mu/\lambda", "2",
        u=draw.reals(0, FAR),
        proof="lam times the derivative of mu/(mu + lam) in lam.")  # fmt: skip
def dof_decreasing(xp, u):
    return -u / (1 + u) ** 2, 0 * u


@scalar("dof_convex", r"2 (1 + 2 s) \le (1 + s) (2 + 2 s), \; s \ge 0", "2",
        s=draw.reals(0, FAR),
        proof="2/(1 + s) <= 1 + 1/(1 + 2 s), cleared of denominators; mu + lam is the unit.",
)  # fmt: skip
def dof_convex(xp, s):
    return 2 * (1 + 2 * s), (1 + s) * (2 + 2 * s)


@scalar("dof_product_increasing", r"0 \le \frac{u^2}{(1 + u)^2}, \; u = \mu/\lambda", "2",
        u=draw.reals(0, FAR))  # fmt: skip
def dof_product_increasing(xp, u):
    return 0 * u, (u / (1 + u)) ** 2


@scalar("split_above", r"1 \le \frac{2}{1 + t}, \; t = \lambda/\mu \le 1", "2",
        t=draw.reals(0, 1))  # fmt: skip
def split_above(xp, t, *, c=2):
    return 0 * t + 1, c / (1 + t)


@scalar("split_below", r"t \le \frac{2 t}{1 + t}, \; t = \mu/\lambda \le 1", "2",
        t=draw.reals(0, 1))  # fmt: skip
def split_below(xp, t, *, c=2):
    return t, c * t / (1 + t)


@scalar("kappa_squared", r"\kappa^2 \le \kappa", "2b", kap=draw.reals(0, 1))
def kappa_squared(xp, kap):
    return kap**2, kap


@scalar("leverage_quarter", r"\frac{1}{1 - t} \le 4, \; t \le 3/4", "2a",
        t=draw.reals(0, 0.75),
        proof="G + lam >= (1 - t)(S + lam) where S - G <= t (S + lam).")  # fmt: skip
def leverage_quarter(xp, t, *, c=4):
    return 1 / (1 - t), 0 * t + c


@scalar("node_ratio", r"7.3 \le \tfrac53 \log(80 N), \; N \ge 1", "7", N=draw.reals(1, 2.0**10))
def node_ratio(xp, N, *, c=Fraction(73, 10)):
    return xp.asarray(c), 5 * xp.log(80 * N) / 3


# -- activations and losses ---------------------------------------------------------------------


@scalar("tanh_slope", r"0 \le 1 - \tanh^2 x \le 1", "3", x=draw.reals(-FAR, FAR))
def tanh_slope(xp, x, *, c=1):
    slope = 1 - xp.tanh(x) ** 2
    return xp.stack([0 * x, slope]), xp.stack([slope, 0 * x + c])


@scalar("tanh_below_identity", r"\tanh x \le x, \; x \ge 0", "3", x=draw.reals(0, FAR))
def tanh_below_identity(xp, x):
    return xp.tanh(x), x


@scalar("tanh_secant", r"0 \le \tanh(a + d) - \tanh a \le d, \; d \ge 0", "3",
        a=draw.reals(-4, 4), d=draw.reals(0, 4))  # fmt: skip
def tanh_secant(xp, a, d, *, c=1):
    rise = xp.tanh(a + d) - xp.tanh(a)
    return xp.stack([0 * d, rise]), xp.stack([rise, c * d])


@scalar("logistic_slope", r"\sigma (1 - \sigma) \le 1/4, \; \sigma \in [0, 1]", "12",
        sigma=draw.reals(0, 1))  # fmt: skip
def logistic_slope(xp, sigma, *, c=4):
    return sigma * (1 - sigma), 0 * sigma + 1 / xp.asarray(c)


@scalar("logistic_range", r"0 \le 1/(1 + e^{-x}) \le 1", "12", x=draw.reals(-64, 64))
def logistic_range(xp, x):
    sigma = 1 / (1 + xp.exp(-x))
    return xp.stack([0 * x, sigma]), xp.stack([sigma, 0 * x + 1])


@scalar("relu_secant", r"0 \le (a + d)_+ - a_+ \le d, \; d \ge 0", "3",
        a=draw.reals(-4, 4), d=draw.reals(0, 4))  # fmt: skip
def relu_secant(xp, a, d, *, c=1):
    rise = xp.maximum(a + d, 0) - xp.maximum(a, 0)
    return xp.stack([0 * d, rise]), xp.stack([rise, c * d])


@scalar("ramp_secant", r"0 \le r(z) - r(z + d) \le d, \; r(z) = \min(1, (1 - z)_+)", "4",
        z=draw.reals(-4, 4), d=draw.reals(0, 4))  # fmt: skip
def ramp_secant(xp, z, d, *, c=1):
    def ramp(x):
        return xp.minimum(xp.maximum(1 - x, 0), 1)

    fall = ramp(z) - ramp(z + d)
    return xp.stack([0 * d, fall]), xp.stack([fall, c * d])


@scalar(
    "cross_entropy_gradient",
    r"u^2 (1 + v^2 + (1 - v)^2) \le 2",
    "4",
    u=draw.reals(0, 1),
    v=draw.reals(0, 1),
    proof="The gradient of the cross-entropy is softmax - e_y; of three classes the other two "
    "share u = 1 - p_y as v and 1 - v.",
)
def cross_entropy_gradient(xp, u, v, *, c=2):
    return u**2 * (1 + v**2 + (1 - v) ** 2), 0 * u + c


@scalar("cross_entropy_range", r"\log\frac{1 + e^{-z}}{2} \le (-z)_+", "4",
        z=draw.reals(-16, 16))  # fmt: skip
def cross_entropy_range(xp, z, *, c=2):
    return xp.log((1 + xp.exp(-z)) / c), xp.maximum(-z, 0)


# -- sums in time, covers -----------------------------------------------------------------------


def geometric(xp, a, T):
    """1 + a + ... + a^{T-1}, by Horner's rule."""
    total = 0 * a
    for _ in range(T):
        total = a * total + 1
    return total


@scalar("geometric_sum", r"\textstyle\sum_{j<T} a^j \le T \max(1, a)^{T-1}", "4",
        a=draw.reals(0, 2), T=draw.integers(1, 5))  # fmt: skip
def geometric_sum(xp, a, T):
    return geometric(xp, a, T), T * xp.maximum(a, 1) ** (T - 1)


@scalar("geometric_above_one", r"T \le \textstyle\sum_{j<T} a^j, \; a \ge 1", "4",
        a=draw.reals(1, 2), T=draw.integers(1, 5))  # fmt: skip
def geometric_above_one(xp, a, T):
    return 0 * a + T, geometric(xp, a, T)


@scalar("toeplitz_at_one", r"1 \le 2 (T - 1) \sin\frac{\pi}{4 T - 2}, \; T \ge 3", "3",
        T=draw.integers(3, 64))  # fmt: skip
def toeplitz_at_one(xp, T):
    return xp.asarray(1), 2 * (T - 1) * xp.sin(xp.pi / (4 * T - 2))


@scalar("covering_ball", r"\log(1/\varepsilon) \le \log(1 + 2/\varepsilon)", "5",
        eps=draw.positive(above=2.0**-20, below=1))  # fmt: skip
def covering_ball(xp, eps):
    return -xp.log(eps), xp.log(1 + 2 / eps)


@scalar("covering_equal_split", r"2 \log(1 + 2 x) \le \log(1 + x/a) + \log(1 + x/(1 - a))", "5",
        x=draw.reals(0.125, 8), a=draw.reals(0.125, 0.875))  # fmt: skip
def covering_equal_split(xp, x, a):
    return 2 * xp.log1p(2 * x), xp.log1p(x / a) + xp.log1p(x / (1 - a))


@scalar("covering_chain", r"\log(1 + 2 x) \le \log(1 + x) + \log 2", "5", x=draw.reals(0, FAR))
def covering_chain(xp, x):
    return xp.log1p(2 * x), xp.log1p(x) + xp.log(xp.asarray(2))


USED_BY: dict[str, tuple[Claim, ...]] = {
    "dof.range": (dof_range,),
    "dof.range_rank": (dof_at_most_one,),
    "dof.decreasing": (dof_decreasing,),
    "dof.convex": (dof_convex,),
    "dof.product_increasing": (dof_product_increasing,),
    "dof.leverage": (dof_at_most_one,),
    "dof.spectrum_split": (split_above,),
    "dof.spectrum_split_tail": (split_below,),
    "dof.spectrum_split_joint": (split_above, split_below),
    "leverage.loss_bound": (leverage_quarter,),
    "leverage.event_probability_bernstein": (bernstein_function,),
    "leverage.event_probability_sum": (laplace_secant, log_of_one_minus),
    "leverage.event_probability_chernoff": (chernoff_exponent, log_four, log_of_one_minus),
    "leverage.chernoff_exponent": (chernoff_exponent, log_four),
    "dpp.norm": (kappa_squared,),
    "approximation.toeplitz": (toeplitz_at_one,),
    "approximation.sector": (tanh_slope, relu_secant),
    "approximation.trajectory": (tanh_secant, tanh_slope, tanh_below_identity, relu_secant),
    "lipschitz.state": (geometric_sum, geometric_above_one),
    "lipschitz.loss": (ramp_secant, cross_entropy_gradient, cross_entropy_range),
    "gates.gru": (logistic_slope, logistic_range, tanh_slope),
    "gates.lstm": (logistic_slope, logistic_range, tanh_slope),
    "covering.ball": (covering_ball,),
    "covering.class": (covering_equal_split, covering_chain),
    "uniform.net": (hoeffding_lemma,),
    "uniform.net_kl": (pinsker, pinsker_curvature, kl_increases, kl_inverse),
    "uniform.finite": (massart_cosh,),
    "theorem.integral_step": (log_of_one_plus,),
    "theorem.node_ratio": (node_ratio, log_below_tangent),
    "others.pac_bayes_kl": (kl_increases, kl_inverse, kl_below_chi_square),
}
"""Which steps the proof of a statement takes, by the statement's id."""

REST: dict[str, str] = {
    "step.log_of_one_minus": "B in (1 - 2^-20, 1): log(1 - B) <= -13 < -B",
    "step.log_of_one_plus": "u > 2^20: the derivative of u - log(1 + u) stays positive",
    "step.log_below_tangent": "the derivative 1 - 1/x has the sign of x - 1 everywhere",
    "step.dof_range": "u > 2^20: u/(1 + u) < 1 < u",
    "step.dof_at_most_one": "u > 2^20: the numerator is below the denominator",
    "step.dof_convex": "the difference is 2 s^2, of one sign for all s",
    "step.tanh_slope": "beyond 2^20 tanh^2 stays in [0, 1]",
    "step.tanh_below_identity": "x > 2^20: tanh x <= 1 < x",
    "step.logistic_range": "beyond 64 the denominator stays above 1 and finite",
    "step.covering_chain": "1 + 2x <= 2 + 2x for all x >= 0",
    "step.node_ratio": "the right side increases in N",
    "step.pinsker_curvature": "at the ends of (0, 1) the right side grows without bound",
}
"""What covers the numbers outside of a step's box, where its domain is not compact."""
