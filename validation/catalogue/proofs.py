r"""SymPy proofs of what is scalar in the theory, attached to claims as ``symbolic=``.

Each proof is a function without required arguments that returns a sentence saying what was proved,
and raises `ProofError` where a step fails. The statement is an argument with the published form as
its default, so that the tests can hand in a wrong one. SymPy is imported when a proof runs.

Only these devices are used: an expression vanishes after simplification; a rational function whose
numerator and denominator have nonnegative coefficients in nonnegative symbols is nonnegative; a
limit; a sum that telescopes; a comparison of two numbers, evaluated to 50 digits.
"""

from __future__ import annotations


class ProofError(AssertionError):
    """A step of a proof does not hold."""


def require(step, what):
    """Go on only where a step holds."""
    if step is not True:
        raise ProofError(f"not proved: {what}")


def vanishes(expression):
    """Whether an expression simplifies to 0."""
    import sympy

    expanded = sympy.expand(sympy.powsimp(sympy.together(sympy.expand(expression))))
    return bool(sympy.simplify(expanded) == 0)


def nonnegative(expression):
    """Whether a rational function is >= 0 for all nonnegative symbols, by its coefficients."""
    import sympy

    numerator, denominator = sympy.fraction(sympy.cancel(sympy.together(expression)))
    symbols = sorted(expression.free_symbols, key=str)
    if not symbols:
        return bool(expression >= 0)
    signs = []
    for part in (numerator, denominator):
        coefficients = sympy.Poly(sympy.expand(part), *symbols).coeffs()
        if all(c >= 0 for c in coefficients):
            signs.append(1)
        elif all(c <= 0 for c in coefficients):
            signs.append(-1)
        else:
            return False
    return signs[0] == signs[1] or bool(numerator == 0)


def below(left, right):
    """Whether left < right for two numbers, with room for 50 digits."""
    import sympy

    gap = sympy.N(right - left, 50, maxn=200)
    return bool(gap > sympy.Rational(1, 10**40))


def _symbols(names, **assumptions):
    import sympy

    return sympy.symbols(names, **assumptions)


def _time():
    """The ratio a > 0, and the number of steps t = 1, 2, ..."""
    return _symbols("a", positive=True), _symbols("t", integer=True, positive=True)


def geometric_form(a, t):
    """(a^t - 1)/(a - 1) = sum_{j<t} a^j."""
    return (a**t - 1) / (a - 1)


def memory_form(a, t):
    """[t a^{t-1} - (a^t - 1)/(a - 1)]/(a - 1) = sum_{s<=t} a^{t-s} sum_{j<s-1} a^j."""
    return (t * a ** (t - 1) - (a**t - 1) / (a - 1)) / (a - 1)


def geometric(form=geometric_form, at_one=lambda t: t):
    """The closed form of the geometric sum for symbolic t, and its removable point."""
    import sympy

    a, t = _time()
    require(vanishes(form(a, t + 1) - (a * form(a, t) + 1)), "G_{t+1} = a G_t + 1")
    require(vanishes(form(a, sympy.Integer(1)) - 1), "G_1 = 1")
    require(vanishes(at_one(t + 1) - at_one(t) - 1) and at_one(1) == 1, "the sum at a = 1")
    require(_limit_at_one(form, a, t, at_one), "the closed form tends to the sum at a = 1")
    return (
        "SymPy: (a^t - 1)/(a - 1) solves G_{t+1} = a G_t + 1, G_1 = 1, for symbolic t, and is "
        "continuous at a = 1 with the value t"
    )


def gam(form=lambda a, T: (a ** (T - 1) - 1) / (a - 1)):
    """Gam_T(a) = sum_{j=0}^{T-2} a^j = (a^{T-1} - 1)/(a - 1)."""
    import sympy

    a, T = _time()
    require(vanishes(form(a, sympy.Integer(1))), "Gam_1 = 0")
    require(vanishes(form(a, T + 1) - form(a, T) - a ** (T - 1)), "Gam_{T+1} = Gam_T + a^{T-1}")
    require(_limit_at_one(form, a, T, lambda T: T - 1), "Gam_T tends to T - 1 at a = 1")
    return (
        "SymPy: Gam_T(a) = (a^{T-1} - 1)/(a - 1) for symbolic T, with the removable point "
        "Gam_T(1) = T - 1"
    )


def memory(form=memory_form, at_one=lambda t: t * (t - 1) / 2):
    """The closed form of L_h for symbolic t, and its removable point."""
    import sympy

    a, t = _time()
    step = form(a, t + 1) - (a * form(a, t) + geometric_form(a, t))
    require(vanishes(step), "M_{t+1} = a M_t + G_t")
    require(vanishes(form(a, sympy.Integer(1))), "M_1 = 0")
    require(vanishes(at_one(t + 1) - at_one(t) - t), "M_{t+1} = M_t + t at a = 1")
    require(_limit_at_one(form, a, t, at_one), "the closed form tends to the sum at a = 1")
    return (
        "SymPy: [t a^{t-1} - (a^t - 1)/(a - 1)]/(a - 1) solves M_{t+1} = a M_t + G_t, M_1 = 0, for "
        "symbolic t, and is continuous at a = 1 with the value t(t - 1)/2"
    )


def _limit_at_one(form, a, t, value):
    """Whether form(1 + h, t) = value(t) + O(h), by the binomial series of (1 + h)^t.

    The series is cut after h^4; the forms divide by h^2 at most.
    """
    import sympy

    h = sympy.Symbol("h")
    expression = sympy.expand(sympy.together(form(a, t)) * (a - 1) ** 2)

    def series(base, exponent):
        terms = [sympy.ff(exponent, j).expand(func=True) / sympy.factorial(j) for j in range(5)]
        return sum(term * h**j for j, term in enumerate(terms))

    expanded = sympy.powsimp(sympy.simplify(expression))
    powers = expanded.replace(
        lambda e: e.is_Pow and e.base == a and not e.exp.is_number,
        lambda e: series(a, e.exp),
    ).subs(a, 1 + h)
    polynomial = sympy.expand(powers)
    if not polynomial.is_polynomial(h):
        return False
    low = [sympy.simplify(polynomial.coeff(h, j)) for j in range(3)]
    if not (low[0] == 0 and low[1] == 0):
        return False
    return bool(sympy.simplify(low[2] - value(t)) == 0)


def _kap():
    mu, lam = _symbols("mu lam", positive=True)
    return mu, lam, mu / (mu + lam)


def decreasing(term=lambda mu, lam: mu / (mu + lam)):
    """N is decreasing: every term has a derivative <= 0."""
    import sympy

    mu, lam, _ = _kap()
    require(nonnegative(-sympy.diff(term(mu, lam), lam)), "d/dlam mu/(mu + lam) <= 0")
    return "SymPy: d/dlam mu/(mu + lam) = -mu/(mu + lam)^2 <= 0 for all mu, lam > 0"


def convex(term=lambda mu, lam: mu / (mu + lam)):
    """N is convex: every term has a second derivative >= 0."""
    import sympy

    mu, lam, _ = _kap()
    require(nonnegative(sympy.diff(term(mu, lam), lam, 2)), "d^2/dlam^2 mu/(mu + lam) >= 0")
    return "SymPy: d^2/dlam^2 mu/(mu + lam) = 2 mu/(mu + lam)^3 >= 0 for all mu, lam > 0"


def product_increasing(term=lambda mu, lam: lam * mu / (mu + lam)):
    """Lam N is increasing and tends to Tr S."""
    import sympy

    mu, lam, _ = _kap()
    require(nonnegative(sympy.diff(term(mu, lam), lam)), "d/dlam lam mu/(mu + lam) >= 0")
    require(bool(sympy.limit(term(mu, lam), lam, sympy.oo) == mu), "the limit is mu")
    require(nonnegative(mu - term(mu, lam)), "lam mu/(mu + lam) <= mu")
    return (
        "SymPy: d/dlam lam mu/(mu + lam) = mu^2/(mu + lam)^2 >= 0, bounded by and tending to mu, "
        "for all mu, lam > 0"
    )


def range_trace(term=lambda mu, lam: mu / (mu + lam)):
    """N <= Tr S/lam, and each term is in [0, 1]."""
    mu, lam, _ = _kap()
    require(nonnegative(mu / lam - term(mu, lam)), "mu/(mu + lam) <= mu/lam")
    require(nonnegative(1 - term(mu, lam)), "mu/(mu + lam) <= 1")
    require(nonnegative(term(mu, lam)), "0 <= mu/(mu + lam)")
    return "SymPy: 0 <= mu/(mu + lam) <= min(1, mu/lam) for all mu, lam > 0"


def spectrum_split(c: int = 2) -> str:
    """1 <= 2 mu/(mu + lam) for mu > lam, mu <= 2 lam mu/(mu + lam) for mu <= lam."""
    mu, lam, kap = _kap()
    s = _symbols("s", nonnegative=True)
    above = (c * kap - 1).subs(mu, lam + s)
    require(nonnegative(above), "1 <= 2 mu/(mu + lam) for mu >= lam")
    tail = (c * lam * kap - mu).subs(lam, mu + s)
    require(nonnegative(tail), "mu <= 2 lam mu/(mu + lam) for mu <= lam")
    return "SymPy: term by term, with mu = lam + s and lam = mu + s, s >= 0"


def stratified_weights(scale=None):
    """Sum over the integers of (2/3)/((|j| + 1)(|j| + 2)) = 1, by telescoping."""
    import sympy

    scale = sympy.Rational(2, 3) if scale is None else sympy.Rational(scale)
    j, J = _symbols("j J", integer=True, nonnegative=True)
    weight = 1 / ((j + 1) * (j + 2))
    require(vanishes(weight - (1 / (j + 1) - 1 / (j + 2))), "1/((j+1)(j+2)) telescopes")
    one_side = 1 - 1 / (J + 2)  # sum over 0..J
    require(vanishes(one_side - one_side.subs(J, J - 1) - weight.subs(j, J)), "the partial sums")
    require(one_side.subs(J, 0) == sympy.Rational(1, 2), "the first partial sum")
    both = scale * (2 * one_side - weight.subs(j, 0))
    require(vanishes(both - (1 - 4 / (3 * (J + 2)))), "the sum over |j| <= J is 1 - 4/(3 (J + 2))")
    require(bool(sympy.limit(both, J, sympy.oo) == 1), "the weights sum to 1")
    return "SymPy: the weights telescope; over |j| <= J they sum to 1 - 4/(3 (J + 2)), in all to 1"


def chernoff_constant(constant=None):
    """2.48 >= 1/(3/4 - (1/4) ln 4), and the exponent is smallest at kap = 1."""
    import sympy

    constant = sympy.Rational(62, 25) if constant is None else sympy.Rational(constant)
    kap, x = _symbols("kap x", positive=True)
    exponent = x * (1 - kap) + (1 - sympy.exp(-x)) * kap - x / 4
    at = exponent.subs(x, sympy.log(4))
    slope = sympy.simplify(sympy.diff(at, kap))
    require(vanishes(slope - (sympy.Rational(3, 4) - sympy.log(4))), "the slope in kap")
    require(below(sympy.Rational(3, 4), sympy.log(4)), "ln 4 > 3/4, so kap = 1 is the worst")
    least = sympy.simplify(at.subs(kap, 1))
    require(vanishes(least - (sympy.Rational(3, 4) - sympy.log(4) / 4)), "the value at kap = 1")
    require(below(1 / least, constant), "1/(3/4 - (1/4) ln 4) < 2.48")
    one = exponent.subs(kap, 1)
    require(vanishes(sympy.diff(one, x).subs(x, sympy.log(4))), "x = ln 4 is stationary at kap = 1")
    require(vanishes(sympy.diff(one, x, 2) + sympy.exp(-x)), "and the exponent is concave in x")
    return (
        "SymPy: at x = ln 4, the best x for kap = 1, the exponent decreases in kap to "
        "3/4 - (1/4) ln 4 > 1/2.48 at kap = 1"
    )


def node_ratio(constant=None):
    """5 N log(80 N)/(3 N) increases in N and exceeds 7.3 at N = 1."""
    import sympy

    constant = sympy.Rational(73, 10) if constant is None else sympy.Rational(constant)
    N = _symbols("N", positive=True)
    ratio = 5 * N * sympy.log(80 * N) / (3 * N)
    slope = sympy.simplify(sympy.diff(ratio, N))
    require(vanishes(slope - sympy.Rational(5, 3) / N), "the ratio is (5/3) log(80 N)")
    require(nonnegative(slope), "it increases")
    require(below(constant, ratio.subs(N, 1)), "its value at N = 1")
    return "SymPy: the ratio is (5/3) log(80 N), increasing, and above 7.3 at N = 1"


def integral_step(factor: int = 2) -> str:
    """int_0^B sqrt(log(1 + c/eps)) d eps <= 2 sqrt(c B)."""
    import sympy

    u, c, B, eps = _symbols("u c B eps", positive=True)
    gap = u - sympy.log(1 + u)
    require(bool(gap.subs(u, 0) == 0), "log(1 + 0) = 0")
    require(nonnegative(sympy.diff(gap, u)), "d/du (u - log(1 + u)) = u/(1 + u) >= 0")
    primitive = 2 * sympy.sqrt(c * eps)
    require(vanishes(sympy.diff(primitive, eps) - sympy.sqrt(c / eps)), "the primitive")
    integral = primitive.subs(eps, B) - sympy.limit(primitive, eps, 0, "+")
    require(vanishes(integral - 2 * sympy.sqrt(c * B)), "the integral of sqrt(c/eps) on (0, B]")
    slack = sympy.simplify((factor * sympy.sqrt(c * B) - integral) / sympy.sqrt(c * B))
    require(bool(slack >= 0), "the constant 2")
    return (
        "SymPy: log(1 + u) <= u for u >= 0, by its derivative, and the integral of sqrt(c/eps) "
        "over (0, B] is 2 sqrt(c B)"
    )


def integral_exponent(exponent=None):
    """With p of order k^2 and c of order sqrt k the step gives sqrt(p) sqrt(c) = k^{5/4}."""
    import sympy

    exponent = sympy.Rational(5, 4) if exponent is None else sympy.Rational(exponent)
    k = _symbols("k", positive=True)
    bound = sympy.sqrt(k**2) * 2 * sympy.sqrt(sympy.sqrt(k))
    require(vanishes(bound / k**exponent - 2), "sqrt(k^2) sqrt(sqrt k) = k^{5/4}")
    return integral_step() + "; with p = k^2 and c = sqrt k that is 2 k^{5/4}"
