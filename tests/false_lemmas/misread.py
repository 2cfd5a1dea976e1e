"""False lemmas that float64 takes for true: numbers that are absorbed, and success that is none.

On nearly all of their instances the float64 sides look harmless, so that nothing which looks at the
worst of them only, or believes a success, ever asks the balls.
"""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw

lemmas = Lemmas("misread", __name__)
BITS = 2.0**60


@lemmas.claim(
    "absorbed",
    r"(2^{60} + x) - 2^{60} \le x/2",
    draw(x=draw.reals(2.0**-8, 1)),
    why="float64 absorbs x, and sees 0 on the left.",
)
def absorbed(xp, x):
    return (BITS + x) - BITS, x / 2


@lemmas.claim(
    "exponential_of_little",
    r"e^x - 1 \le x/2",
    draw(x=draw.reals(2.0**-80, 2.0**-60)),
    why="e^x rounds to 1.",
)
def exponential_of_little(xp, x):
    return xp.exp(x) - 1, x / 2


@lemmas.claim(
    "determinant_of_nearly_singular",
    r"1 - (1 + x)(1 - x) \le x^2/2",
    draw(x=draw.reals(2.0**-60, 2.0**-40)),
    why="It is x^2; both factors round to 1, or the product does.",
)
def determinant_of_nearly_singular(xp, x):
    return 1 - (1 + x) * (1 - x), x * x / 2


@lemmas.claim(
    "variance_of_far_numbers",
    r"n^{-1} \sum (x_i + 2^{60})^2 - (n^{-1} \sum x_i + 2^{60})^2 \le 2^{-10} \max |x_i - x_j|^2",
    draw(x=draw.reals(0, 1), y=draw.reals(2, 3)),
    why="The variance of two numbers is a quarter of their squared distance; one pass loses it.",
)
def variance_of_far_numbers(xp, x, y):
    a, b = x + BITS, y + BITS
    mean = (a + b) / 2
    return (a * a + b * b) / 2 - mean * mean, (y - x) ** 2 / 1024


@lemmas.claim(
    "bits_that_are_absorbed",
    r"P(\sum_i (b_i 2^{-60} + 1) > n) \le 1/10, \ b_i \text{ fair bits}, \ n = 8",
    draw(x=draw.choices(1)),
    kind="probabilistic",
    failure=Fraction(1, 10),
    why="It fails unless all bits are 0; float64 sees n, always.",
)
def bits_that_are_absorbed(xp, rng, x):
    bits = xp.asarray(rng.integers(0, 2, 8).astype(float))
    total = bits[0] / BITS + x
    for i in range(1, 8):
        total = total + (bits[i] / BITS + 1)
    return total - 8, xp.asarray(0.0) + 2.0**-80


@lemmas.claim(
    "mean_that_is_far",
    r"P(|\bar u - 1/2| > 1/4) \le 1/1000, \ u_i \text{ uniform}, \ n = 2",
    draw(shift=draw.choices(BITS)),
    kind="probabilistic",
    failure=Fraction(1, 1000),
    why="It is that far with probability 1/4; float64 keeps multiples of 256 of the two.",
)
def mean_that_is_far(xp, rng, shift):
    u = xp.asarray(rng.random(2)) + shift
    return xp.abs(u[0] + u[1] - 2 * shift - 1), xp.asarray(1) / 2
