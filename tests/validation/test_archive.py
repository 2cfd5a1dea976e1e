"""Where a search looks: ties set apart, sizes as strata, exact slopes, structured moves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from validation import Instance, catalogue, claim, draw, load_claim
from validation.checking.archive import NICHES, TIES, Archive, cell_of, description
from validation.checking.climbing import smoothed
from validation.checking.families import leaves, moved, together
from validation.checking.searched import search
from validation.checking.slopes import NoSlopeError, agrees, margin_slope, ratio_slope
from validation.checking.strata import Strata, size_cells
from validation.checking.trials import Trials

LONG = 1000.0


def vector(*numbers, **sizes):
    return Instance({"m": len(numbers), **sizes}, {"x": np.array(numbers, dtype=float)})


def test_ties_have_places_of_their_own():
    archive = Archive()

    for i in range(50):
        archive.keep(0.0, vector(1.0, 2.0 + i))
    archive.keep(-0.5, vector(1.0, 2.0))

    assert len(archive) == TIES + 1
    entry = archive.chosen(np.random.default_rng(0))
    assert entry.value == -0.5
    assert archive.tie(np.random.default_rng(0)).value == 0.0
    assert archive.ranked(10, 3)[0][0] == 0.0


def test_nothing_to_climb_from_where_all_are_ties():
    archive = Archive()
    archive.keep(0.0, vector(1.0))

    assert archive.chosen(np.random.default_rng(0)) is None


def test_one_instance_is_kept_a_description_and_few_a_cell():
    archive = Archive()

    for i in range(20):
        archive.keep(-1.0 - i, vector(1.0, 1.5 + i / 100))  # all alike
    assert len(archive) == 1
    for zeros, scale in itertools.product((0.0, 1.0), (1.0, 1e4, 1e8, 1e12, 1e16)):
        archive.keep(-scale / 1e16 - zeros, vector(zeros, scale, 3 * scale))

    cell = archive.cells[cell_of(vector(0.0, 1.0, 2.0))]
    assert len(cell.niches) == NICHES


def test_every_cell_is_climbed_from():
    archive = Archive()
    for m in range(1, 9):
        archive.keep(-float(m), vector(*range(1, m + 1)))

    rng = np.random.default_rng(0)
    chosen = {len(archive.chosen(rng).instance.raw["x"]) for _ in range(60)}

    assert chosen == set(range(1, 9))


def test_a_description_tells_zeros_ties_ranks_and_magnitudes_apart():
    def of(F):
        return description(Instance({}, {"F": np.array(F, dtype=float), "lam": 1.0}))

    different = [[[1, 2], [3, 5]], [[1, 0], [3, 5]], [[1, 1], [3, 5]], [[1, 2], [2, 4]],
                 [[1e5, 2], [3, 5]], [[0, 0], [0, 0]], [[1, 1], [1, 1]]]  # fmt: skip

    assert len({of(F) for F in different}) == len(different)


def test_all_combinations_of_sizes_are_drawn_in_turn():
    product = draw(S=draw.covariances(), J=draw.node_sets(), sizes={"m": (1, 4), "k": (0, "m")})
    statement = claim("test.sizes", "x", product)(lambda xp, S, J: (0 * S[0, 0], S[0, 0]))
    cells = size_cells(product)
    strata = Strata(statement)
    rng = np.random.default_rng(0)

    drawn = [strata.draw(rng) for _ in range(2 * len(cells))]

    assert len(cells) == len(set(cells)) == 2 + 3 + 4 + 5
    assert cells[-1] == (4, 4)
    counts = {cell: sum(tuple(i.sizes.values()) == cell for i in drawn) for cell in cells}
    assert set(counts.values()) == {2}
    assert all(len(i.raw["J"]) == i.sizes["k"] for i in drawn)


def test_the_account_says_where_it_did_not_look():
    statement = claim("test.account", "x", draw(x=draw.vectors("m"), sizes={"m": (1, 6)}))(
        lambda xp, x: (xp.max(xp.abs(x)), xp.linalg.vector_norm(x))
    )

    few = search(statement, seconds=LONG, max_evaluations=30).looked
    many = search(statement, seconds=LONG, max_evaluations=3000).looked

    assert few.cells == 6
    assert few.seldom == 6
    assert "6 of 6 combinations of sizes tried less than 20 times" in str(few)
    assert many.seldom == 0
    assert 0 < many.tied < many.evaluations  # m = 1
    assert many.there >= 0.05 * many.evaluations
    assert "at the largest sizes (m = 6)" in str(many)
    assert "% of them at equality" in str(many)


def test_sizes_with_nothing_but_ties_do_not_hold_the_search_up():
    # m = 1 is an equality; equal contributions in eight directions fail by 1 in 1000.
    statement = claim("test.held_up", "x", draw(x=draw.matrices("n", 8), sizes={"n": (1, 6)}))(
        lambda xp, x: (
            1000 * xp.sum(xp.sum(x, axis=0) ** 2),
            (1000 + 999 * (x.shape[0] - 1)) * xp.sum(x * x),
        )
    )

    found = [search(statement, seconds=LONG, seed=s, max_evaluations=1500) for s in range(3)]

    assert all(sample.worst[0][0] > 0 for sample in found)


def sloped():
    """Claims of the catalogue whose slopes are to agree with differences."""
    return [c for c in catalogue.claims() if c.deterministic and c.kind != "identity"]


@pytest.mark.parametrize("statement", sloped(), ids=lambda c: c.id)
def test_slopes_of_the_catalogue_agree_with_differences(statement):
    rng = np.random.default_rng(0)
    agreed = tried = 0
    with np.errstate(all="ignore"):
        for _ in range(60):
            if agreed or tried >= 20:
                break
            instance = statement.instances.sample(rng)
            try:
                if not math.isfinite(ratio_slope(statement, instance, 30.0).value):
                    continue
                tried += 1
                agreed += agrees(statement, instance, 30.0, rng)
            except NoSlopeError:
                continue

    # A body that chooses among nodes, or counts, may have none; none of them disagrees throughout.
    assert agreed or not tried


def test_nearly_all_of_the_catalogue_has_slopes():
    rng = np.random.default_rng(1)
    without = []
    with np.errstate(all="ignore"):
        for statement in sloped():
            for _ in range(40):
                try:
                    ratio_slope(statement, statement.instances.sample(rng), 30.0)
                    break
                except NoSlopeError:
                    continue
            else:
                without.append(statement.id)

    assert len(without) <= 0.1 * len(sloped()), without


def test_the_slope_of_a_hypothesis_is_that_of_its_margin():
    statement = claim(
        "test.disc", "x", draw(x=draw.reals(-1, 1), y=draw.reals(-1, 1)),
        hypotheses={"x^2 + y^2 <= 1/4": lambda xp, x, y: (x * x + y * y, xp.asarray(0.25))},
    )(lambda xp, x, y: (x + y, xp.asarray(1.0)))  # fmt: skip
    trials = Trials(statement)

    for x, y in ((0.6, 0.7), (0.1, 0.2), (-0.9, 0.0)):
        found = margin_slope(statement, Instance({}, {"x": x, "y": y}))
        up = trials.margin(Instance({}, {"x": x + 1e-6, "y": y}))
        down = trials.margin(Instance({}, {"x": x - 1e-6, "y": y}))

        assert found.value == trials.margin(Instance({}, {"x": x, "y": y}))
        assert found.slope[0] == pytest.approx((up - down) / 2e-6, rel=1e-5)


def test_a_body_that_makes_plain_numbers_has_no_slope_and_is_climbed_all_the_same():
    def body(xp, x):
        return xp.asarray(0.5), 1 + xp.asarray(float(x) - 0.3) ** 2

    statement = claim("test.plain", "x", draw(x=draw.reals()))(body)

    with pytest.raises(NoSlopeError):
        ratio_slope(statement, Instance({}, {"x": 0.5}), 30.0)
    instance = Instance({}, {"x": 0.5})
    assert smoothed(statement, instance, 30.0) < 0
    trials = Trials(statement, seconds=LONG)
    from validation.checking.climbing import gradient
    from validation.checking.space import Space

    value = trials.attempt(instance).value
    trials.begin(value, instance)
    gradient(trials, Space(statement, instance), value, np.random.default_rng(0), 200)
    assert trials.sloped is None
    assert trials.best[0] > value


def test_several_matrices_are_brought_into_one_structure():
    statement = load_claim("dof.convex")
    statement = claim(
        "test.two", "x", draw(A=draw.covariances(), F=draw.arrays("n", "m", "m"),
                              sizes={"m": (3, 3), "n": (2, 2)}),
    )(lambda xp, A, F: (A[0, 0], A[0, 0]))  # fmt: skip
    rng = np.random.default_rng(0)
    commuting = equal = low = blocks = 0
    for _ in range(400):
        instance = statement.instances.sample(rng)
        numbers = statement.instances.parameters(instance)
        values = together(numbers.values.copy(), leaves(statement, instance), rng)
        after = statement.instances.with_parameters(instance, values)
        P, Q = (f @ f.T for f in after.raw["F"])
        scale = max(np.abs(P).max() * np.abs(Q).max(), 1e-300)
        commuting += np.abs(P @ Q - Q @ P).max() <= 1e-12 * scale
        equal += np.array_equal(*after.raw["F"]) and after.raw["F"].any()
        low += max(np.linalg.matrix_rank(f) for f in after.raw["F"]) == 1
        blocks += all(not f[0, 1:].any() and not f[1:, 0].any() for f in after.raw["F"])

    assert min(commuting, equal, low, blocks) >= 10


def test_moves_of_several_keep_to_the_bounds():
    statement = claim(
        "test.bounded", "x", draw(A=draw.matrices(3, 3, low=0, high=1), B=draw.matrices(3, 3)),
    )(lambda xp, A, B: (A[0, 0], A[0, 0]))  # fmt: skip
    rng = np.random.default_rng(0)
    current = statement.instances.sample(rng)

    for _ in range(300):
        current = moved(statement, current, rng)
        assert (current.raw["A"] >= 0).all()
        assert (current.raw["A"] <= 1).all()
        if np.abs(current.raw["B"]).max() > 1e20:
            current = statement.instances.sample(rng)
