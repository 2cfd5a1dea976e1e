"""Section 4, symbolic side: the closed forms solve the Horner recursions, for symbolic t."""

import math
from fractions import Fraction

import pytest
import sympy

from bounds.lipschitz import Radii, parameter_lipschitz

a = sympy.Symbol("a", positive=True)
t = sympy.Symbol("t", integer=True, positive=True)
GEOMETRIC = (a**t - 1) / (a - 1)
MEMORY = (t * a ** (t - 1) - (a**t - 1) / (a - 1)) / (a - 1)


def vanishes(expression):
    return sympy.simplify(sympy.expand(sympy.powsimp(sympy.together(expression)))) == 0


def test_the_geometric_sum_solves_its_recursion():
    assert vanishes(GEOMETRIC.subs(t, t + 1) - (a * GEOMETRIC + 1))
    assert sympy.simplify(GEOMETRIC.subs(t, 1)) == 1


def test_the_memory_sum_solves_its_recursion():
    # M_{t+1} = a M_t + H_t with H_t = G_t, M_1 = 0: L_h is R_o rho times the drive times M.
    assert vanishes(MEMORY.subs(t, t + 1) - (a * MEMORY + GEOMETRIC))
    assert sympy.simplify(MEMORY.subs(t, 1)) == 0


def test_a_closed_form_with_another_exponent_does_not_solve_the_recursion():
    wrong = (t * a**t - (a**t - 1) / (a - 1)) / (a - 1)
    assert not vanishes(wrong.subs(t, t + 1) - (a * wrong + GEOMETRIC))


def test_the_memory_sum_tends_to_triangular_numbers_at_ratio_one():
    # With a = 1 + h the bracket over h is t (t - 1)/2 + O(h), from the binomial series.
    h = sympy.Symbol("h")
    powers = [sympy.binomial(t, j).expand(func=True) * h**j for j in range(4)]
    power_t = sum(powers)
    power_t1 = sum(sympy.binomial(t - 1, j).expand(func=True) * h**j for j in range(4))
    bracket = sympy.expand(t * power_t1 - sympy.expand((power_t - 1) / h))
    assert sympy.simplify(bracket.coeff(h, 0)) == 0
    assert sympy.simplify(bracket.coeff(h, 1) - t * (t - 1) / 2) == 0


@pytest.mark.parametrize("ratio", ["1/2", "3", "1025/1024"])
@pytest.mark.parametrize("T", [1, 2, 9, 40])
def test_the_computed_constants_are_the_closed_forms(ratio, T):
    R_h = float(Fraction(ratio))
    logs = parameter_lipschitz(Radii(R_h, 1, 1, 0, 0, 1), T, "relu", 2).logs()
    values = {"hidden": MEMORY, "input": GEOMETRIC, "output": GEOMETRIC}
    for block, form in values.items():
        exact = form.subs({a: sympy.Rational(ratio), t: T})
        if exact == 0:
            assert logs[block][-1] == -math.inf
        else:
            assert logs[block][-1] == pytest.approx(float(sympy.log(exact).evalf(40)), abs=1e-13)
