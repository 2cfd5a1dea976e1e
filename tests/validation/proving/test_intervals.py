"""Intervals of float64 contain the truth, outwards in every operation, and are narrow."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.arithmetic import FLOAT64, Unsupported, ball, jets, vocabulary
from validation.arithmetic import intervals as iv
from validation.arithmetic.ball import arb
from validation.arithmetic.cells import Cells, Fork, deciding
from validation.arithmetic.enclosures import coordinate
from validation.arithmetic.entry_arithmetics import INTERVALS, JETS
from validation.arithmetic.errors import OutsideVocabulary

FLOATS = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 1.0, -1.0, 5e-324, -5e-324, 2.0**-1040, 1e-200, 1e300, 0.1, 3.0]),
)
BINARY = {
    "add": (iv.add, lambda a, b: a + b),
    "subtract": (iv.subtract, lambda a, b: a - b),
    "multiply": (iv.multiply, lambda a, b: a * b),
    "divide": (iv.divide, lambda a, b: a / b),
}
UNARY = {
    "exp": (iv.exp, lambda x: x.exp(), -700, 700),
    "expm1": (iv.expm1, lambda x: x.expm1(), -700, 700),
    "log": (iv.log, lambda x: x.log(), 1e-300, 1e300),
    "log1p": (iv.log1p, lambda x: x.log1p(), -1 + 2.0**-40, 1e300),
    "tanh": (iv.tanh, lambda x: x.tanh(), -30, 30),
    "sin": (iv.sin, lambda x: x.sin(), -1e4, 1e4),
    "cos": (iv.cos, lambda x: x.cos(), -1e4, 1e4),
    "sqrt": (iv.square_root, lambda x: x.sqrt(), 0, 1e300),
    "xlogx": (iv.xlogx, lambda x: x * x.log(), 1e-300, 1e100),
}


def ends(*numbers):
    low, high = min(numbers), max(numbers)
    return np.array([low]), np.array([high])


def contains(interval, truth):
    """Whether a ball narrower than any float lies inside, poison counting as not knowing."""
    low, high = float(interval[0][0]), float(interval[1][0])
    if np.isnan(low) or np.isnan(high):
        return True
    below = low == -np.inf or not arb(low) > truth
    above = high == np.inf or not arb(high) < truth
    return below and above


@pytest.mark.parametrize("name", BINARY)
@given(a=FLOATS, b=FLOATS, c=FLOATS, d=FLOATS)
@settings(max_examples=200)
def test_an_operation_on_intervals_contains_it_on_their_ends(name, a, b, c, d):
    function, exact = BINARY[name]
    with np.errstate(all="ignore"), ball.working_precision(2400):
        found = function(ends(a, b), ends(c, d))
        for x in (a, b):
            for y in (c, d):
                if name == "divide" and y == 0:
                    assert np.isnan(found[0][0])
                else:
                    assert contains(found, exact(arb(x), arb(y)))


@pytest.mark.parametrize("name", BINARY)
@given(a=st.integers(-(2**20), 2**20), b=st.integers(1, 2**12))
def test_an_exact_result_stays_exact(name, a, b):
    function, _ = BINARY[name]
    x = float(a * b) if name == "divide" else float(a)
    low, high = function(ends(x), ends(float(b)))
    expected = {"add": a + b, "subtract": a - b, "multiply": a * b, "divide": a}[name]
    assert low[0] == high[0] == expected


@pytest.mark.parametrize("name", UNARY)
@given(data=st.data())
@settings(max_examples=200)
def test_an_elementary_function_contains_its_values_and_is_narrow(name, data):
    function, exact, low, high = UNARY[name]
    x, y = (data.draw(st.floats(low, high)) for _ in range(2))
    with np.errstate(all="ignore"), ball.working_precision(256):
        whole = function(ends(x, y))
        for t in (x, y, min(max((x + y) / 2, min(x, y)), max(x, y))):
            truth = exact(arb(t))
            assert contains(whole, truth)
            thin = function(ends(t))
            assert contains(thin, truth)
            size = max(abs(float(thin[0][0])), abs(float(thin[1][0])))
            size = max(size, float(name in ("sin", "cos")))
            assert thin[1][0] - thin[0][0] <= 2.0**-47 * size + 1e-322


@given(x=FLOATS, n=st.integers(-5, 9))
def test_powers_contain_their_values(x, n):
    with np.errstate(all="ignore"), ball.working_precision(9000):
        if x == 0 and n < 0:
            return
        assert contains(iv.power(ends(x), n), ball.integer_power(arb(x), n))


@given(x=st.floats(-4, 4), y=st.floats(-4, 4), n=st.integers(0, 7), t=st.floats(0, 1))
def test_powers_of_wide_intervals_contain_the_powers_inside(x, y, n, t):
    inside = min(max(x + t * (y - x), min(x, y)), max(x, y))
    with ball.working_precision(400):
        assert contains(iv.power(ends(x, y), n), ball.integer_power(arb(inside), n))


def test_what_may_be_undefined_is_poison_and_stays_it():
    with np.errstate(all="ignore"):
        for found in (
            iv.log(ends(0.0, 1.0)), iv.divide(ends(1.0), ends(-1.0, 1.0)),
            iv.square_root(ends(-1.0, 4.0)), iv.xlogx(ends(-1.0, 1.0)),
        ):  # fmt: skip
            for other in (found, iv.add(found, ends(1.0)), iv.multiply(found, ends(0.0))):
                assert np.isnan(other[0][0])
                assert np.isnan(other[1][0])
                assert np.isnan(iv.absolute(other)[0][0])
                assert np.isnan(iv.square(other)[0][0])
                assert np.isnan(iv.maximum(other, ends(7.0))[0][0])


# -- the namespace ------------------------------------------------------------------------------

VALUES = {
    "x": np.array([1.5, 0.25, 2.0]),
    "S": np.array([[2.0, 0.5, 0.25], [0.5, 1.5, -0.5], [0.25, -0.5, 1.0]]),
    "A": np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -0.75]]),
    "lam": 0.5,
}
REFUSED = {
    "lgamma", "erf", "linalg.eigh", "linalg.eigvalsh", "linalg.spectral_radius",
    "linalg.matrix_rank", "linalg.pinv",
}  # fmt: skip
SMALL = {"S": VALUES["S"][:2, :2], "A": VALUES["A"], "x": VALUES["x"], "lam": 0.5}


def names(arithmetic, values):
    return {"xp": arithmetic.xp, **{name: arithmetic.lift(v) for name, v in values.items()}}


@pytest.mark.parametrize("word", vocabulary(), ids=lambda word: word.name)
@pytest.mark.parametrize("arithmetic", [INTERVALS, JETS], ids=str)
def test_every_word_is_enclosed_or_refused_by_name(word, arithmetic):
    with arithmetic.active(), deciding(()):
        if word.name in REFUSED:
            with pytest.raises(Unsupported, match=r"not known over|over these numbers"):
                eval(word.example, names(arithmetic, VALUES))
            return
        found = eval(word.example, names(arithmetic, VALUES))
    with FLOAT64.active():
        expected = np.asarray(eval(word.example, names(FLOAT64, VALUES)))
    for entry, value in zip(found.flat(), expected.ravel().tolist()):
        low, high = (entry.low, entry.high) if arithmetic is INTERVALS else entry.value
        low, high = float(low), float(high)
        assert low - 1e-12 * abs(value) <= value <= high + 1e-12 * abs(value)
        assert high - low <= 1e-12 * max(1.0, abs(value))


def test_eigenvalues_of_two_rows_are_known():
    for example in ("xp.linalg.eigvalsh(S)", "xp.linalg.matrix_norm(S, ord=2)"):
        with INTERVALS.active():
            found = eval(example, names(INTERVALS, SMALL))
        expected = np.ravel(eval(example, names(FLOAT64, SMALL)))
        for entry, value in zip(found.flat(), expected):
            assert entry.low <= value + 1e-14
            assert value - 1e-14 <= entry.high


def test_a_name_outside_of_the_vocabulary_says_so():
    with pytest.raises(OutsideVocabulary, match="not in the vocabulary"):
        _ = INTERVALS.xp.median


def test_cells_that_disagree_on_a_comparison_fork():
    x = Cells.of_entries(coordinate(np.array([0.0, 2.0, 0.5]), np.array([0.5, 3.0, 2.0]), 0, 1))
    with INTERVALS.active():
        with deciding(()), pytest.raises(Fork) as forked:
            bool(x > 1)
        assert forked.value.yes.tolist() == [False, True, True]
        assert forked.value.no.tolist() == [True, False, True]
        with deciding((True,)):
            assert bool(x > 1)


# -- slopes -------------------------------------------------------------------------------------

FORMULAS = [
    "xp.exp(x) * y - x / (1 + y * y)", "xp.log(x + 3) + xp.log1p(x * x) * xp.tanh(y)",
    "xp.sqrt(x * x + y * y + 1) ** 3", "xp.sin(x * y) + xp.cos(x - y) + xp.expm1(x)",
    "xp.maximum(x, y) * xp.minimum(x, 2 * y) + xp.abs(x - y)", "xp.xlogx(x + 3) / (y + 5)",
    "(x + 4) ** -2 + (x + 4) ** y", "xp.where(x > 7, x, y * y)",
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
@given(data=st.data())
@settings(max_examples=60)
def test_slopes_contain_the_difference_quotients_of_balls(formula, data):
    low = [data.draw(st.floats(-2, 2)) for _ in range(2)]
    high = [a + data.draw(st.floats(0, 1)) for a in low]
    p, q = ([data.draw(st.floats(a, b)) for a, b in zip(low, high)] for _ in range(2))
    with INTERVALS.active(), deciding(()):
        x, y = (
            Cells.of_entries(coordinate(np.array([a]), np.array([b]), i, 2))
            for i, (a, b) in enumerate(zip(low, high))
        )
        found = eval(formula, {"xp": INTERVALS.xp, "x": x, "y": y}).entries()
    ends_ = []
    with JETS.active(), deciding(()):
        for point in (p, q):
            x, y = (JETS.lift(t) for t in point)
            ends_.append(eval(formula, {"xp": JETS.xp, "x": x, "y": y}).entries())
        rise = ends_[1] - ends_[0]
    assert found.low <= float(ends_[0].value[1])
    assert float(ends_[0].value[0]) <= found.high
    first, last = found.slopes
    if not np.isfinite([first, last]).all():
        return
    step = np.subtract(q, p)
    most = sum(max(a * s, b * s) for a, b, s in zip(first.ravel(), last.ravel(), step))
    least = sum(min(a * s, b * s) for a, b, s in zip(first.ravel(), last.ravel(), step))
    room = 1e-12 * (1 + abs(most) + abs(least))
    assert float(rise.value[0]) <= most + room
    assert least - room <= float(rise.value[1])


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in UNARY if name != "sqrt"])
def test_the_widening_of_the_elementary_functions_holds_at_ten_million_points(name):
    """All functions together see 10^7 points: outwards in every one, and narrow."""
    function, exact, low, high = UNARY[name]
    rng = np.random.default_rng(list(name.encode()))
    count = 1_250_000
    with ball.working_precision(128), np.errstate(all="ignore"):
        for start in range(0, count, 50_000):
            kind = (start // 50_000) % 3
            n = 50_000
            if kind == 0 or (low <= 0 and kind == 1):
                points = rng.uniform(max(low, -50), min(high, 50), n)
            else:
                points = np.exp(rng.uniform(np.log(max(low, 1e-300)), np.log(high), n))
            points = np.clip(points, low, high)
            bounds = function((points, points))
            for x, a, b in zip(points.tolist(), bounds[0].tolist(), bounds[1].tolist()):
                truth = exact(arb(x))
                assert not arb(a) > truth, (name, x)
                assert not arb(b) < truth, (name, x)
                assert b - a <= 2.0**-47 * max(abs(a), abs(b), 1.0), (name, x)


@given(st.lists(st.tuples(*[st.floats(0, 8)] * 4, st.floats(0, 1), st.floats(0, 1)), min_size=1))
def test_a_share_of_a_sum_is_enclosed_as_one(cells):
    """The share a/(a + b) on cells and its slopes, against fractions."""
    low, high = (np.array([sorted(c[2 * i : 2 * i + 2]) for c in cells]).T for i in (0, 1))
    a = coordinate(low[0], low[1], 0, 2)
    b = coordinate(high[0], high[1], 1, 2)
    with np.errstate(all="ignore"):
        found = a / (a + b)
    for i, cell in enumerate(cells):
        x = Fraction(low[0][i]) + Fraction(cell[4]) * Fraction(low[1][i] - low[0][i])
        y = Fraction(high[0][i]) + Fraction(cell[5]) * Fraction(high[1][i] - high[0][i])
        x, y = min(x, Fraction(low[1][i])), min(y, Fraction(high[1][i]))
        if x + y == 0 or np.isnan(found.low[i]):
            continue
        assert Fraction(found.low[i]) <= x / (x + y) <= Fraction(found.high[i])
        with JETS.active():
            ends = ((low[0][i], low[1][i]), (high[0][i], high[1][i]))
            one, two = (jets.coordinate(*map(float, pair), i == 0) for i, pair in enumerate(ends))
            judged = one / (one + two)
            exact = x / (x + y)
            inside = arb(exact.numerator) / arb(exact.denominator)
            assert not judged.value[0] > inside
            assert not judged.value[1] < inside
            slope = y / (x + y) ** 2
            if judged.slope is not None and judged.slope[0].is_finite():
                inside = arb(slope.numerator) / arb(slope.denominator)
                assert not judged.slope[0] > inside
                assert not judged.slope[1] < inside
        for place, slope in ((0, y / (x + y) ** 2), (1, -x / (x + y) ** 2)):
            ends = [side[place, i] for side in found.slopes]
            if np.isfinite(ends).all():
                assert Fraction(ends[0]) <= slope <= Fraction(ends[1])


def test_a_share_of_a_sum_is_monotone_where_the_quotient_rule_cannot_see_it():
    a = coordinate(np.array([0.0]), np.array([1.0]), 0, 2)
    b = coordinate(np.array([1e-9]), np.array([1e-8]), 1, 2)
    share = a / (a + b)
    assert share.high[0] <= 1
    assert share.slopes[0][0, 0] >= 0
    assert share.slopes[1][1, 0] <= 0
    negative = coordinate(np.array([-1.0]), np.array([1.0]), 0, 2)
    assert np.isnan((negative / (negative + b)).low[0])
