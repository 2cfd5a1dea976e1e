"""Classes fixed in advance: what a cover pays for, and what the label says."""

import json
import math
from dataclasses import replace

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.constrained import SETTINGS, ConstrainedClass, constrained_bound, margin_bound
from bounds.covering import ClassCover
from bounds.enlarged import MARGIN, EnlargedCover, enlarged
from bounds.lipschitz import Radii, parameter_lipschitz
from bounds.terms import VALID
from pruning.losses import loss_values, margins
from pruning.rnn import RNN

GRID = {"k": (4, 8), "gamma": (0.01, 0.1, 0.5), "energy": (1.0, 2.0)}
SMALL = ConstrainedClass(
    4, 6, 3, 5, 1.1, 1.0, 1.0, 0.1, 1.5, 3, 2, 0.1, 0.002, grid=GRID
)  # k, d_x, d_y, T, three radii, bias, R_x, rank, blocks, gamma, eps


def member(members, rng, share=0.99):
    """A network of the class at `share` of its radii."""

    def ball(shape, radius, mask=1.0):
        w = rng.normal(size=shape) * mask
        return w * (share * radius / np.linalg.norm(w, 2))

    k, size = members.k, members.k // members.blocks
    mask = np.kron(np.eye(members.blocks), np.ones((size, size)))
    return RNN(
        ball((k, k), members.hidden, mask),
        ball((k, members.d_x), members.input),
        np.full(k, members.bias),
        ball((members.d_y, k), members.output),
        np.zeros(members.d_y),
        "relu",
    )


def inputs_of(members, rng, n=50):
    """Inputs of the largest norm in the subspace of pairs of equal columns."""
    x = np.repeat(rng.normal(size=(n, members.T, members.input_rank)), 2, axis=2)
    return x * (members.data / np.linalg.norm(x, axis=2, keepdims=True))


@given(
    st.integers(1, 300),
    st.floats(-8, 8),
    st.floats(-12, 2),
)
def test_the_enlarged_cover_is_the_smaller_of_its_two_formulas(p, log_reach, log_eps):
    cover = EnlargedCover(("hidden",), np.array([float(p)]), np.array([log_reach]))
    value = float(cover(log_eps))
    with flint.ctx.workprec(200):
        share = flint.arb(float(cover.shares(log_eps)[0]))
        ratio = (flint.arb(log_reach) - log_eps).exp() / share  # 1/eps of the unit ball
        inside = p * (1 + 2 * ratio).log()
        net = p * (1 + 2 * (p + 1) * ratio).log()
        outside = p * (1 + ratio).log() + 1 + (1 + net).log()
        best = min(float(inside), float(outside)) if ratio > 1 / MARGIN else float(inside)
    assert best <= value <= best * (1 + 1e-11)


def test_centres_drawn_as_in_the_proof_of_the_enlarged_cover_cover_the_square():
    # p = 2, maximum norm, eps = 0.3, eta = 1/3: the proof's number of centres, and its event.
    rng = np.random.default_rng(0)
    p, eps, eta = 2, 0.3, 1 / 3
    near = (1 - eta) * eps
    q = (near / (1 + near)) ** p
    count = math.ceil(p * math.log(1 + 2 / (eta * eps)) / q)
    bound = p * math.log(1 + 1 / eps) + 1 + math.log(1 + p * math.log(1 + 2 * (p + 1) / eps))
    line = np.linspace(-1, 1, 81)
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)

    def covers():
        centres = rng.uniform(-1 - near, 1 + near, size=(count, p))
        far = np.abs(points[:, None] - centres).max(axis=2).min(axis=1)
        return far.max() <= eps

    assert math.log(count) <= bound
    assert any(covers() for _ in range(20))


def test_an_enlarged_class_keeps_its_centre_and_what_was_fixed():
    larger = enlarged(SMALL.radii)
    assert larger.fixed
    assert larger.data_fixed
    assert larger.data == SMALL.data
    for block in ("hidden", "input", "output"):
        assert larger.ball(block) >= SMALL.radii.ball(block) * (1 + MARGIN)
    assert larger.ball("bias_hidden") == 0
    plain = enlarged(Radii(1, 2, 3, 0, 0, 1, fixed=True))
    assert plain.hidden >= 1 + MARGIN
    assert plain.bias_hidden == 0


@given(st.integers(0, 2**32), st.floats(0.2, 1.0))
def test_losses_move_by_no_more_than_the_reduced_parameters_allow(seed, share):
    rng = np.random.default_rng(seed)
    f, g = member(SMALL, rng), member(SMALL, rng, share)
    x, y = inputs_of(SMALL, rng), rng.integers(SMALL.d_y, size=50)
    V = np.kron(np.eye(3), np.full((2, 1), 0.5**0.5))  # basis of the inputs' subspace
    P = np.eye(3) - 1 / 3
    L = parameter_lipschitz(SMALL.radii, SMALL.T, "relu", SMALL.k).at(SMALL.T)
    distance = (
        math.exp(L["hidden"].log()) * np.linalg.norm(f.w_hidden - g.w_hidden, 2)
        + math.exp(L["input"].log()) * np.linalg.norm((f.w_input - g.w_input) @ V, 2)
        + math.exp(L["output"].log()) * np.linalg.norm(P @ (f.w_output - g.w_output), 2)
    )
    ends = [net.predictions(x)[:, -1] for net in (f, g)]
    apart = np.abs(margins(ends[0], y) - margins(ends[1], y)).max()
    assert apart <= math.sqrt(2) * distance * (1 + 1e-12)
    ramps = [loss_values("margin_ramp", end, y, SMALL.gamma) for end in ends]
    assert np.abs(ramps[0] - ramps[1]).max() <= math.sqrt(2) / SMALL.gamma * distance + 1e-12


def test_directions_that_are_not_paid_for_change_no_loss():
    rng = np.random.default_rng(1)
    f, x, y = member(SMALL, rng), inputs_of(SMALL, rng), rng.integers(3, size=50)
    off = rng.normal(size=(4, 3)) @ np.kron(np.eye(3), np.array([[1.0, -1.0]]))
    g = replace(f, w_input=f.w_input + off, w_output=f.w_output + rng.normal(size=4))
    first, second = (margins(net.predictions(x)[:, -1], y) for net in (f, g))
    assert first == pytest.approx(second, abs=1e-12)
    assert SMALL.sizes == {"hidden": 8, "input": 12, "output": 8}


def test_a_member_has_a_valid_bound_that_sums_to_its_total():
    f = member(SMALL, np.random.default_rng(2))
    bound = constrained_bound(f, SMALL, 0.1, 10**6)
    assert bound.label == VALID
    assert bound.total == pytest.approx(math.fsum(term.value for term in bound.terms))
    assert bound["approximation"].value == 0
    assert 0.1 < bound.total < 0.2
    # Nobody can see whether the sequences are independent.
    assert all(c.holds for c in bound.conditions if c.name != "i.i.d. sequences")


@pytest.mark.parametrize(
    "change",
    [
        lambda f: replace(f, w_hidden=f.w_hidden * 1.02),
        lambda f: replace(f, w_input=f.w_input * 1.02),
        lambda f: replace(f, w_output=f.w_output * 1.02),
        lambda f: replace(f, b_hidden=f.b_hidden + 1e-15),
        lambda f: replace(f, b_output=f.b_output + 1e-300),
        lambda f: replace(f, w_hidden=f.w_hidden + 1e-300),  # outside the blocks
        lambda f: RNN(**f.weights, activation="tanh"),
    ],
)
def test_a_network_outside_the_class_has_no_valid_bound(change):
    f = member(SMALL, np.random.default_rng(3))
    assert SMALL.contains(f)
    outside = change(f)
    assert not SMALL.contains(outside)
    for bound in (constrained_bound, margin_bound):
        assert bound(f, SMALL, 0.1, 10**6).label == VALID
        assert bound(outside, SMALL, 0.1, 10**6).label == "hypothesis violated: f' in the class"


def test_the_grid_is_paid_for_and_must_hold_what_was_chosen():
    assert SMALL.log_price >= math.log(2 * 3 * 2)
    assert SMALL.log_price == pytest.approx(math.log(12), rel=1e-12)
    f = member(SMALL, np.random.default_rng(4))
    free = replace(SMALL, grid={})
    wide = replace(SMALL, grid={**GRID, "hidden": tuple(np.linspace(0.1, 1.1, 100_000))})
    totals = [constrained_bound(f, c, 0.1, 5000).total for c in (free, SMALL, wide)]
    assert totals == sorted(totals)
    assert totals[0] < totals[1] < totals[2]
    with pytest.raises(ValueError, match=r"gamma must be in its grid, got 0\.2"):
        replace(SMALL, gamma=0.2)
    with pytest.raises(ValueError, match="must not be empty"):
        replace(SMALL, grid={"gamma": ()})
    with pytest.raises(ValueError, match="blocks must divide k = 4, got 3"):
        replace(SMALL, blocks=3)


def test_settings_that_are_written_out_cost_their_text_and_need_no_grid():
    text = replace(SMALL, paid_by="text", preparation={"energy": 4.0})
    # Read back, the text gives the settings: no two settings share one.
    values = json.loads(text.text)
    assert values[-1] == {"energy": 4.0}
    assert [getattr(text, name) for name in SETTINGS] == values[:-1]
    assert all(" " <= character <= "~" for character in text.text)
    assert text.log_price >= (len(text.text) + 1) * math.log(96)
    assert replace(text, grid={}).log_price == text.log_price
    assert ConstrainedClass.from_json(json.loads(json.dumps(text.to_json()))).text == text.text
    with pytest.raises(ValueError, match="paid_by must be one of grid, text, got 'hope'"):
        replace(SMALL, paid_by="hope")


@given(st.integers(0, 2**32), st.floats(0, 1), st.sampled_from([10**3, 10**5, 10**7]))
def test_both_bounds_shrink_with_n_and_never_fall_below_the_loss(seed, loss, n):
    f = member(SMALL, np.random.default_rng(seed))
    for bound in (constrained_bound, margin_bound):
        few, many = bound(f, SMALL, loss, n).total, bound(f, SMALL, loss, 10 * n).total
        assert loss <= many <= few + 1e-12
        assert few <= 1 + 1e-9


def test_paying_for_fewer_parameters_lowers_the_bound():
    rng = np.random.default_rng(5)
    whole = replace(SMALL, blocks=1, input_rank=6)
    f = member(SMALL, rng)
    assert (
        constrained_bound(f, SMALL, 0.1, 5000).total < constrained_bound(f, whole, 0.1, 5000).total
    )


def test_the_enlarged_cover_is_never_larger_than_the_one_from_inside():
    sizes, reach = np.array([100.0, 70.0, 90.0]), np.array([5.0, 3.0, 3.5])
    names = ("hidden", "input", "output")
    log_eps = np.linspace(-12, 2, 57)
    better = EnlargedCover(names, sizes, reach)(log_eps)
    assert np.all(better <= ClassCover(names, sizes, reach)(log_eps) * (1 + 1e-12))


def test_a_class_survives_json():
    assert ConstrainedClass.from_json(SMALL.to_json()).to_json() == SMALL.to_json()
    with pytest.raises(ValueError, match="do not describe a class"):
        ConstrainedClass.from_json({"k": 3})
