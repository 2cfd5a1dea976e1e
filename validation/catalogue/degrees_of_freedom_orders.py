r"""Orders of growth of sections 2 and 7: each with the explicit inequality that proves it.

A ladder samples an order and proves nothing; the inequalities are certified on every instance, and
hold for every number of nodes.
"""

from __future__ import annotations

from fractions import Fraction

from validation.catalogue import proofs
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("2")
section_7 = Section("7")


def decay(xp, m):
    """1, 2, ..., m as numbers."""
    return xp.asarray([float(j) for j in range(1, m + 1)])


def power(xp, base, exponent):
    """base^exponent for base > 0."""
    return xp.exp(exponent * xp.log(base))


def effective(xp, mu, lam):
    """N(lam) of a spectrum."""
    return xp.sum(mu / (mu + lam))


def polynomial(xp, share, c, a):
    """mu_j = share_j c j^{-a} <= c j^{-a}."""
    return share * c * power(xp, decay(xp, share.shape[0]), -a)


def exponential(xp, share, c, a):
    """mu_j = share_j c e^{-a j} <= c e^{-a j}."""
    return share * c * xp.exp(-a * decay(xp, share.shape[0]))


POLYNOMIAL = draw(
    share=draw.vectors("m", low=0.0, high=1.0),
    c=draw.positive(above=1e-6, below=1e6),
    a=draw.reals(1.0625, 8.0),
    lam=draw.positive(),
    sizes={"m": (1, 24)},
)


@section.sharper(
    "dof.order_polynomial_sharp",
    r"\mu_j \le c j^{-a}, \, a > 1 \;\Rightarrow\; N(\lambda) \le (c/\lambda)^{1/a}"
    r"\frac{\pi/a}{\sin(\pi/a)}",
    POLYNOMIAL,
    code="bounds.degrees_of_freedom",
    proof="N <= sum_j 1/(1 + (lam/c) j^a), at most the integral of dx/(1 + (lam/c) x^a) from 0, "
    "as the integrand decreases; the integral is Euler's. The constant is the limit as lam -> 0.",
    invariance={"c": 1, "lam": 1},
)
def order_polynomial_sharp(xp, share, c, a, lam, *, factor=1):
    angle = xp.pi / a
    left = effective(xp, polynomial(xp, share, c, a), lam)
    return left, factor * power(xp, c / lam, 1 / a) * angle / xp.sin(angle)


@section.classic(
    "dof.order_polynomial_simple",
    r"\mu_j \le c j^{-a}, \, a > 1 \;\Rightarrow\; N(\lambda) \le \frac{a}{a - 1}"
    r"(c/\lambda)^{1/a}",
    POLYNOMIAL,
    code="bounds.degrees_of_freedom",
    proof="Terms are at most min(1, (c/lam) x^{-a}) for every x <= j: integrate it over (0, oo).",
    invariance={"c": 1, "lam": 1},
)
def order_polynomial_simple(xp, share, c, a, lam, *, factor=1):
    left = effective(xp, polynomial(xp, share, c, a), lam)
    return left, factor * power(xp, c / lam, 1 / a) * a / (a - 1)


@section.paper(
    "dof.order",
    r"\mu_j \le c j^{-a}, \, a > 1 \;\Rightarrow\; N(\lambda) = O((c/\lambda)^{1/a}), \;"
    r"\lambda \to 0",
    draw(c=draw.positive(above=0.25, below=4.0), a=draw.reals(1.5, 6.0)),
    kind="order",
    ladder=(1.0, 256.0, 16),
    steps=(order_polynomial_sharp, order_polynomial_simple),
    code="bounds.degrees_of_freedom",
    proof="dof.order_polynomial_simple is the explicit form. The ladder runs over x = "
    "(c/lam)^{1/a}, for 2^10 nodes with mu_j = c j^{-a}; exponent is that of x.",
)
def order(xp, x, c, a, *, exponent=1):
    mu = c * power(xp, decay(xp, 2**10), -a)
    return effective(xp, mu, c * power(xp, x, -a)), power(xp, x, exponent)


@section.sharper(
    "dof.order_exponential_explicit",
    r"\mu_j \le c e^{-a j} \;\Rightarrow\; N(\lambda) \le \tfrac1a \log(1 + c/\lambda)",
    draw(
        share=draw.vectors("m", low=0.0, high=1.0),
        c=draw.positive(above=1e-6, below=1e6),
        a=draw.positive(above=2.0**-6, below=8.0),
        lam=draw.positive(),
        sizes={"m": (1, 24)},
    ),
    code="bounds.degrees_of_freedom",
    proof="N is at most the integral of dx/(1 + (lam/c) e^(a x)) from 0 on: log(1 + c/lam)/a.",
    invariance={"c": 1, "lam": 1},
)
def order_exponential_explicit(xp, share, c, a, lam, *, factor=1):
    left = effective(xp, exponential(xp, share, c, a), lam)
    return left, factor * xp.log1p(c / lam) / a


@section.paper(
    "dof.order_exponential",
    r"\mu_j \le c e^{-a j} \;\Rightarrow\; N(\lambda) = O(\log(1/\lambda)), \; \lambda \to 0",
    draw(c=draw.positive(above=2.0**-6, below=2.0**6), a=draw.positive(above=0.25, below=4.0)),
    kind="order",
    ladder=(0.0625, 2.0**-160, 20),
    steps=(order_exponential_explicit,),
    code="bounds.degrees_of_freedom",
    proof="dof.order_exponential_explicit is the explicit form. The ladder has 2^9 nodes.",
)
def order_exponential(xp, x, c, a, *, exponent=1):
    mu = c * xp.exp(-a * decay(xp, 2**9))
    return effective(xp, mu, x), power(xp, xp.log(1 / x), exponent)


def root_integral(xp, log_number, upper, pieces=32):
    """An upper bound on the integral of sqrt(log N(eps)) over (0, upper].

    With eps = upper s^2 it is that of 2 upper s sqrt(log N(upper s^2)) over (0, 1]. For every
    log N that is a sum of p log(1 + c/eps) this increases in s, so right sums are above it.
    """
    total = xp.asarray(0.0)
    for i in range(1, pieces + 1):
        s = xp.asarray(1.0 * i) / pieces
        total = total + 2 * upper * s * xp.sqrt(log_number(upper * s**2))
    return total / pieces


@section_7.paper(
    "theorem.integral_step",
    r"\int_0^B \sqrt{\log(1 + c/\epsilon)} \, d\epsilon \le 2 \sqrt{c B}",
    draw(c=draw.positive(above=2.0**-10), B=draw.positive(below=2.0**10)),
    code="bounds.degrees_of_freedom_bound",
    symbolic=proofs.integral_step,
    proof="log(1 + u) <= u. The left side here is a right sum after eps = B s^2, above the "
    "integral, since s^2 log(1 + c/(B s^2)) increases in s.",
    invariance={"c": 1, "B": 1},
)
def integral_step(xp, c, B, *, factor=2):
    left = root_integral(xp, lambda eps: xp.log1p(c / eps), B)
    return left, factor * xp.sqrt(c * B)


@section_7.paper(
    "theorem.degrees_of_freedom_order",
    r"\int_0^B \sqrt{\textstyle\sum_\theta p_\theta \log(1 + c_\theta \sqrt{k}/\epsilon)}"
    r"\, d\epsilon = O(k^{5/4}), \; p = (k^2, k d, k, q k, q)",
    draw(
        d=draw.integers(1, 64),
        q=draw.integers(1, 16),
        c=draw.positive(above=2.0**-4, below=2.0**8),
        B=draw.positive(above=2.0**-4, below=2.0**4),
    ),
    kind="order",
    ladder=(4.0, 2.0**40, 24),
    source="F22, section 7 of the theory (reconstructed)",
    steps=(integral_step,),
    symbolic=proofs.integral_exponent,
    code="bounds.degrees_of_freedom_bound",
    proof="The integral step with c of order sqrt k, times sqrt(p) of order k; the norms are held "
    "constant. The integral itself has order k sqrt(log k): the fitted slope stays below 5/4.",
)
def degrees_of_freedom_order(xp, x, d, q, c, B, *, exponent=Fraction(5, 4)):
    scale = c * xp.sqrt(x)
    p = x**2 + (d + 1 + q) * x + q

    def log_number(eps):
        return p * xp.log1p(scale / eps)

    return root_integral(xp, log_number, B), power(xp, x, exponent)


@section_7.sharper(
    "theorem.node_ratio",
    r"5 N \log(80 N) \ge 7.3 \cdot 3 N \text{ for } N \ge 1: \text{ nodes of the published theorem"
    r" against those of the determinantal one}",
    draw(N=draw.positive(above=1.0, below=1e9)),
    code="bounds.node_counts",
    symbolic=proofs.node_ratio,
    proof="The ratio is (5/3) log(80 N), which increases; at N = 1 it is 7.303.",
)
def node_ratio(xp, N, *, c=Fraction(73, 10)):
    return 3 * c * N, 5 * N * xp.log(80 * N)
