"""False statements planted for the search to find, each hidden in a way of its own."""

from __future__ import annotations

from fractions import Fraction

from validation import claim, draw


def dof(xp, S, lam):
    return xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))


@claim("planted.convex", "N is convex in log lam", draw(
    S=draw.covariances(), lam=draw.positive(), step=draw.positive(below=4)))  # fmt: skip
def convex(xp, S, lam, step):
    return 2 * dof(xp, S, lam), dof(xp, S, lam * (1 + step)) + dof(xp, S, lam / (1 + step))


@claim("planted.equal_entries", "||x||_1 <= 0.9999 sqrt(m) ||x||_2: fails where all are equal",
       draw(x=draw.vectors("m"), sizes={"m": (3, 6)}))  # fmt: skip
def equal_entries(xp, x, *, c=Fraction(9999, 10000)):
    return xp.sum(xp.abs(x)), c * xp.sqrt(xp.sum(x * x) * x.shape[0])


@claim("planted.rosenbrock", "fails at the end of a curved valley",
       draw(x=draw.reals(), y=draw.reals()))  # fmt: skip
def rosenbrock(xp, x, y):
    return xp.asarray(1.0) + xp.asarray(2.0) ** -10, 1 + (3 - x) ** 2 + 100 * (y - x * x) ** 2


@claim("planted.ill_conditioned", "fails near the minimum of a turned quadratic, condition 1e6",
       draw(x=draw.vectors(4)))  # fmt: skip
def ill_conditioned(xp, x):
    shifted = x - xp.asarray([0.375, 1.25, -0.625, 2.75])
    A = xp.asarray([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    turned = A @ shifted * xp.asarray([1000.0, 100, 10, 1])
    return xp.asarray(1.0) + xp.asarray(2.0) ** -13, 1 + xp.sum(turned * turned)


@claim("planted.boundary", "x + 2y <= 2.236 on the disc: the maximum is sqrt 5",
       draw(x=draw.reals(-1, 1), y=draw.reals(-1, 1)),
       hypotheses={"x^2 + y^2 <= 1": lambda xp, x, y: (x * x + y * y, xp.asarray(1.0))},
       )  # fmt: skip
def boundary(xp, x, y, *, c=Fraction(2236, 1000)):
    return x + 2 * y, xp.asarray(c)


@claim("planted.equal_rows", "S <= 0.9999 m diag(S): fails for equal rows up to sign",
       draw(S=draw.covariances("m", nonsingular=True), sizes={"m": (3, 5)}),
       kind="loewner")  # fmt: skip
def equal_rows(xp, S, *, c=Fraction(9999, 10000)):
    return S, c * S.shape[0] * xp.linalg.diagonal(S) * xp.eye(S.shape[0])


@claim("planted.tie", "lam != 3 F_11^2: flat everywhere else",
       draw(F=draw.matrices("m", "m"), lam=draw.positive(), sizes={"m": (1, 3)}))  # fmt: skip
def tie(xp, F, lam):
    gap = xp.abs(lam / 3 - F[0, 0] ** 2)
    return xp.maximum(lam * xp.asarray(2.0) ** -40 - gap, 0 * lam), 0 * lam


@claim("planted.period_two", "|h_T| <= 0.99 T max|x| for h_t = -h_{t-1} + x_t, T = 6",
       draw(x=draw.vectors("T"), sizes={"T": (6, 6)}))  # fmt: skip
def period_two(xp, x, *, c=Fraction(99, 100)):
    h = 0 * x[0]
    for t in range(x.shape[0]):
        h = x[t] - h
    return xp.abs(h), c * x.shape[0] * xp.max(xp.abs(x))


PLANTED = (
    convex, equal_entries, rosenbrock, ill_conditioned, boundary, equal_rows, tie, period_two,
)  # fmt: skip
