"""The search: the finder itself is under test, on false statements that are hidden on purpose."""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import time
from fractions import Fraction

import numpy as np
import pytest
from helpers.planted import PLANTED, boundary, convex, equal_entries, ill_conditioned, rosenbrock

from validation import ClaimError, Conclusion, Instance, certify, claim, draw, load_claim
from validation.checking.climbing import METHODS
from validation.checking.families import leaves, moved, snaps
from validation.checking.sampled import draw_sample
from validation.checking.searched import search
from validation.checking.space import Space
from validation.checking.trials import REACH, SpentError, Trials

LONG = 1000.0  # seconds that no run here takes
ALWAYS = {"convex", "equal_entries", "equal_rows", "period_two"}
EVALUATIONS = 3000


def finds(statement, seed, evaluations=EVALUATIONS) -> bool:
    found = search(statement, seconds=LONG, seed=seed, max_evaluations=evaluations)
    ratio, instance = found.worst[0]
    if not ratio > 0:
        return False
    # Whatever the search says is violated is certified to be.
    assert certify(statement, instance).conclusion is Conclusion.VIOLATED
    return True


def named(statement) -> str:
    return statement.id.split(".")[1]


@pytest.mark.parametrize("statement", PLANTED, ids=named)
def test_a_planted_false_statement_is_found_from_most_seeds(statement):
    seeds = range(5)

    found = sum(finds(statement, seed) for seed in seeds)

    assert found >= (5 if named(statement) in ALWAYS else 3)


@pytest.mark.long
@pytest.mark.parametrize("statement", PLANTED, ids=named)
def test_a_planted_false_statement_is_found_from_nearly_all_of_twenty_seeds(statement):
    found = sum(finds(statement, seed, 3 * EVALUATIONS) for seed in range(20))

    assert found >= (20 if named(statement) in ALWAYS else 18)


@pytest.mark.parametrize("statement", [rosenbrock, ill_conditioned, boundary], ids=named)
def test_random_draws_alone_do_not_find_what_the_search_finds(statement):
    sample = draw_sample(statement, count=EVALUATIONS, seed=0)

    assert sample.worst[0][0] < 0


def quadratic(hidden):
    """Left/right is largest, and above 1, at one hidden point only."""

    def body(xp, x):
        gap = x - xp.asarray(hidden)
        turned = xp.asarray([[2.0, 1.0], [1.0, 1.0]]) @ gap
        return xp.asarray(1.0) + xp.asarray(2.0) ** -16, 1 + xp.sum(turned * turned)

    return claim("test.hidden", "x", draw(x=draw.vectors(2)))(body)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("logarithmic", [False, True])
def test_every_method_climbs_to_a_hidden_point(method, logarithmic):
    statement = quadratic([0.5, -1.25])
    trials = Trials(statement, seconds=LONG)
    start = Instance({}, {"x": np.array([2.0, 2.0])})
    value = trials.attempt(start).value
    space = Space(statement, start, logarithmic)

    trials.begin(value, start)
    with contextlib.suppress(SpentError):  # not long after it has certified a violation
        METHODS[method](trials, space, value, np.random.default_rng(1), 2000)

    assert trials.best is not None
    assert trials.best[0] > 0
    np.testing.assert_allclose(trials.best[1].raw["x"], [0.5, -1.25], atol=0.01)


@pytest.mark.parametrize("method", ["coordinates", "evolution", "simplex"])
def test_a_climb_goes_along_the_boundary_of_the_hypotheses(method):
    start = Instance({}, {"x": 0.5, "y": -0.25})
    trials = Trials(boundary, seconds=LONG)
    trials.demand_hypotheses([start])
    value = trials.attempt(start).value

    trials.begin(value, start)
    space = Space(boundary, start, projecting=True)
    with contextlib.suppress(SpentError):
        METHODS[method](trials, space, value, np.random.default_rng(0), 300)

    assert trials.best is not None
    x, y = trials.best[1].raw["x"], trials.best[1].raw["y"]
    assert x * x + y * y <= 1
    assert x + 2 * y == pytest.approx(math.sqrt(5), rel=2e-3)


def test_one_seed_and_a_number_of_trials_give_one_result():
    runs = [search(convex, seconds=LONG, seed=5, max_evaluations=600) for _ in range(2)]

    assert runs[0] == runs[1]
    assert search(convex, seconds=LONG, seed=6, max_evaluations=600) != runs[0]


def test_modules_that_happen_to_be_loaded_do_not_change_a_search(tmp_path, monkeypatch):
    def run():
        return search(equal_entries, seconds=LONG, seed=2, max_evaluations=2500)

    before = run()
    numbers = ", ".join(f"{i * 0.137}, {i * 1111}" for i in range(1, 400))
    (tmp_path / "module_of_numbers.py").write_text(f"NUMBERS = [{numbers}]\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("module_of_numbers")

    assert run() == before


def test_a_longer_search_begins_with_the_trials_of_a_shorter_one():
    seen = []
    for evaluations in (300, 700):
        tried = []

        def given(x, y):
            tried.append((float(x), float(y)))  # noqa: B023
            return True

        statement = claim("test.watched", "x", draw(x=draw.reals(), y=draw.reals()), given=given)(
            lambda xp, x, y: (x * x - y, 1 + x * x + y * y)
        )
        search(statement, seconds=LONG, seed=1, max_evaluations=evaluations)
        seen.append(tried)

    assert 250 <= len(seen[0]) < len(seen[1])
    assert seen[1][: len(seen[0])] == seen[0]


def test_time_is_kept_also_where_one_trial_is_slow():
    def slow(xp, x):
        time.sleep(0.01)
        return x, x + 1

    statement = claim("test.slow", "x", draw(x=draw.positive(below=4)))(slow)
    begun = time.monotonic()

    found = search(statement, seconds=0.5)

    # A machine may stall; a trial takes at least 10 ms, and all that are allowed over a minute.
    assert time.monotonic() - begun < 30
    assert 1 <= found.coverage.drawn <= 60


def test_rounding_is_not_called_a_violation():
    # Equal sides, which float64 tells apart by up to 1e-4 where x is large.
    statement = claim("test.rounding", "x", draw(x=draw.reals()))(
        lambda xp, x: ((1 + x) * (1 + x) - x * x, 1 + 2 * x)
    )

    found = search(statement, seconds=LONG, max_evaluations=1500)

    assert found.coverage.evaluated > 500
    assert all(ratio <= 0 for ratio, _ in found.worst)


def test_nought_by_nought_does_not_lead_the_search_away():
    # F F^T of rank one: both sides vanish, and float64 sees a ratio of rounding errors.
    def body(xp, F):
        S = F @ F.T
        gap = S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0]
        return gap, 2 * gap

    statement = claim("test.nought", "x", draw(F=draw.matrices(2, 1)))(body)

    found = search(statement, seconds=LONG, max_evaluations=800)

    assert all(ratio <= 0 for ratio, _ in found.worst)


@pytest.mark.parametrize("name", ["dpp.norm", "approximation.global", "selection.eckart_young"])
def test_no_true_and_attained_claim_is_called_violated(name):
    found = search(load_claim(name), seconds=LONG, max_evaluations=1500)

    assert found.worst[0][0] == pytest.approx(0, abs=1e-6)
    assert found.worst[0][0] <= 1e-9
    verdicts = {certify(load_claim(name), instance).conclusion for _, instance in found.worst}
    assert Conclusion.VIOLATED not in verdicts


@pytest.mark.parametrize("seed", [1, pytest.param(4, marks=pytest.mark.long)])
def test_the_constant_of_the_leverage_bound_is_approached(seed):
    found = search(load_claim("leverage.loss_bound"), seconds=LONG, seed=seed, max_evaluations=8000)

    assert 0.999 < math.exp(found.worst[0][0]) <= 1


def test_a_slightly_smaller_constant_of_the_leverage_bound_is_refuted():
    smaller = load_claim("leverage.loss_bound").with_constants(c=Fraction(399, 100))

    assert finds(smaller, seed=1, evaluations=8000)


def test_the_counts_add_up_and_rejected_instances_are_counted():
    found = search(boundary, seconds=LONG, max_evaluations=1000).coverage

    assert found.rejected > 0
    assert found.drawn == found.rejected + found.evaluated + found.undecided <= 1000


def test_instances_on_which_float64_breaks_down_are_kept_for_the_balls():
    statement = claim("test.breaks", "x", draw(x=draw.reals(0, 8)))(
        lambda xp, x: (x, x + 1 / xp.maximum(x - 5, 0 * x))
    )

    found = search(statement, seconds=LONG, max_evaluations=300)

    assert found.coverage.undecided > 0
    assert found.strange


def test_starts_are_where_the_search_begins():
    start = Instance({"m": 4}, {"x": np.array([1.0, 1.0, 1.0, 1.0])})

    found = search(equal_entries, [start], seconds=LONG, max_evaluations=1)

    assert found.worst == [(pytest.approx(1e-4, rel=1e-3), start)]


def test_a_claim_without_real_numbers_is_searched_too():
    statement = claim("test.whole", "x", draw(i=draw.integers(0, 40)))(
        lambda xp, i: (xp.asarray(i), xp.asarray(39.5))
    )

    assert finds(statement, seed=0, evaluations=1000)


def test_progress_is_reported_and_never_goes_back():
    shares = []
    search(
        rosenbrock,
        seconds=LONG,
        max_evaluations=700,
        progress=lambda share, _: shares.append(share),
    )

    assert len(shares) > 5
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] <= 1


def test_faults_of_a_body_are_raised_as_what_they_are():
    def fails_at_large_numbers(xp, x):
        if float(x) > 1000:
            raise KeyError("x")
        return x, xp.asarray(2000.0)

    statement = claim("test.fault", "x", draw(x=draw.reals()))(fails_at_large_numbers)

    with pytest.raises(ClaimError, match=r"test\.fault"):
        search(statement, seconds=LONG, max_evaluations=3000)


def test_a_budget_of_trials_is_never_exceeded():
    trials = Trials(convex, seconds=LONG, most=3)
    instance = convex.instances.sample(np.random.default_rng(0))

    for _ in range(3):
        trials.attempt(instance)
    with pytest.raises(SpentError):
        trials.attempt(instance)


CATALOGUE = ["approximation.weighted", "leverage.output_loss_bound", "dpp.tradeoff", "dof.convex"]


@pytest.mark.parametrize("name", CATALOGUE)
def test_moves_give_instances_of_the_same_product(name):
    statement = load_claim(name)
    rng = np.random.default_rng(0)
    current = statement.instances.sample(rng)
    others = [statement.instances.sample(rng) for _ in range(3)]
    differing = 0

    for _ in range(300):
        after = moved(statement, current, rng, others)
        numbers = statement.instances.parameters(after)
        assert (numbers.low <= numbers.values).all()
        assert (numbers.values <= numbers.high).all()
        assert Instance.from_json(json.loads(json.dumps(after.to_json()))) == after
        differing += after != current
        current = after if np.abs(numbers.values).max(initial=0) < 1e20 else current

    assert differing > 150


def test_snaps_put_ties_zeros_and_powers_of_two():
    statement = claim("test.snap", "x", draw(x=draw.vectors(2)))(lambda xp, x: (x, x))

    seen = {tuple(i.raw["x"]) for i in snaps(statement, Instance({}, {"x": np.array([3.2, -7.0])}))}

    assert {(0.0, -7.0), (1.0, -7.0), (3.0, -7.0), (4.0, -7.0), (-7.0, -7.0), (3.2, 3.2)} <= seen


def test_leaves_cover_the_numbers_in_their_order():
    statement = load_claim("approximation.weighted")
    instance = statement.instances.sample(np.random.default_rng(2))

    parts = leaves(statement, instance)

    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    assert parts[-1].stop == statement.instances.parameters(instance).values.size
    assert all(math.prod(part.shape) == part.stop - part.start for part in parts)


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("name", CATALOGUE)
def test_the_start_of_a_space_is_the_instance_itself(name, logarithmic):
    statement = load_claim(name)
    instance = statement.instances.sample(np.random.default_rng(4))

    space = Space(statement, instance, logarithmic)

    assert space.at(space.start) == instance
    moved_point = space.start + 0.1
    other = space.at(moved_point)
    np.testing.assert_allclose(space.point_of(other), moved_point, atol=0.11)


def test_a_search_does_not_climb_out_of_the_range_of_floats():
    found = search(load_claim("covering.frobenius_in_spectral"), seconds=30, max_evaluations=1500)
    numbers = [abs(n) for _, instance in found.worst for n in instance.numbers() if n]
    assert numbers
    assert max(numbers) <= REACH
    assert min(numbers) >= 1 / REACH
