"""Classes of gated networks: constants against differences of networks, and the labels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.stacks import stack_of
from hypothesis import given
from hypothesis import strategies as st

from bounds.approximation.along_runs import along_runs_bound, measured_gap
from bounds.assembly import Setting
from bounds.gated_classes import (
    GATES,
    GatedRadii,
    block_sizes,
    chen2020_gated,
    gated_bound,
    parameter_lipschitz,
    weights_of,
)
from bounds.terms import FIXED_RADII, VALID
from pruning.stack import Stack
from pruning.stack_pruning import prune_stack

KINDS = ("gru", "gru, reset before", "lstm")


def moved(stack, rng, size):
    """The stack with other weights."""
    (cell,) = stack.layers[0]
    names = ("w_input", "w_hidden", "b_input", "b_hidden")
    arrays = {n: getattr(cell, n) + size * rng.normal(size=getattr(cell, n).shape) for n in names}
    read = stack.w_output + size * rng.normal(size=stack.w_output.shape)
    return Stack(((replace(cell, **arrays),),), read, stack.b_output + size * rng.normal(size=2))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_outputs_differ_by_at_most_the_constants_times_the_weights(kind, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 9999)))
    k, T = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    scale = data.draw(st.sampled_from([0.0, 0.3, 1.0, 5.0]))
    size = data.draw(st.sampled_from([1e-3, 0.1, 2.0]))
    one = stack_of(kind, (k,), 1, 3, 2, rng, scale)
    other = moved(one, rng, size)
    x = rng.normal(size=(3, T, 3)) * data.draw(st.sampled_from([0.1, 1.0, 10.0]))
    x_max = float(np.linalg.norm(x, axis=2).max())
    norms = [GatedRadii.of(net, x_max) for net in (one, other)]
    radii = replace(
        norms[0], blocks={n: max(norm.blocks[n] for norm in norms) for n in norms[0].blocks}
    )
    assert all(radii.contain(net) for net in (one, other))
    constants = parameter_lipschitz(radii, T)
    ours, theirs = weights_of(one), weights_of(other)
    gap = np.linalg.norm(one.predictions(x) - other.predictions(x), axis=2).max(axis=0)
    for t in range(1, T + 1):
        bound = sum(
            math.exp(L.log()) * np.linalg.norm(ours[name] - theirs[name], 2)
            for name, L in constants.at(t).items()
            if L.mantissa
        )
        assert gap[t - 1] <= bound * (1 + 1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_no_constant_is_idle(kind):
    """One step from h_0 = 0 with one small change: the constants are met to within a factor."""
    rng = np.random.default_rng(0)
    stack = stack_of(kind, (3,), 1, 2, 2, rng, 0.2)
    radii = GatedRadii.of(stack, 1.0)
    logs = parameter_lipschitz(radii, 6).logs()
    for name, values in logs.items():
        first = -math.inf if name.startswith("hidden") else values[0]
        assert values[0] == first
        assert (np.diff(values) >= 0).all()
        assert values[-1] > -math.inf or name.startswith("bias v")
    if kind == "lstm":  # c_0 = 0: the forget gate has nothing to forget in the first step
        assert logs["input f"][0] == -math.inf


def test_the_minimal_gated_unit_has_the_constants_of_its_recursion():
    """By hand at T = 2, all radii 1, k = 1: e_1 = d, e_2 = kappa e_1 + d."""
    blocks = dict.fromkeys(block_sizes("mgu", 1, 1, 1), 1.0)
    constants = parameter_lipschitz(GatedRadii("mgu", 1, 1, 1, blocks, 1.0), 2)
    f, n = (np.exp(constants.logs()[f"bias {gate}"]) for gate in "fn")
    kappa = 1 + 0.5 + 1 * (1 + 0.25)
    drive = 0.5 + 0.25
    np.testing.assert_allclose(n, [1, 1 + kappa])
    np.testing.assert_allclose(f, [drive, drive * (1 + kappa)])


@pytest.mark.parametrize("kind", KINDS)
def test_the_theorem_is_labelled_by_its_radii(kind):
    rng = np.random.default_rng(1)
    whole = stack_of(kind, (5,), 1, 2, 2, rng, 0.4)
    x = rng.normal(size=(40, 3, 2)).clip(-1, 1)
    pruned = prune_stack(whole, x, 3)
    last = np.eye(3)[-1]
    setting = Setting(n=40, T=3, empirical_loss=0.2, complexity="net_chain")
    distance = along_runs_bound(pruned, x, last)
    assert measured_gap(pruned, x, last) <= distance.total
    measured = GatedRadii.of(pruned.pruned, 2**0.5, data_fixed=True)
    bound = gated_bound(pruned.pruned, setting, measured, distance)
    assert bound.label == FIXED_RADII
    assert [term.name for term in bound.terms] == [
        "empirical loss",
        "approximation",
        "complexity",
        "confidence",
    ]
    fixed = replace(
        measured,
        fixed=True,
        blocks={n: 2.0 ** math.ceil(math.log2(r)) for n, r in measured.blocks.items() if r}
        | {n: 0.0 for n, r in measured.blocks.items() if not r},
    )
    assert gated_bound(pruned.pruned, setting, fixed, distance).label == VALID
    small = replace(fixed, blocks={name: r / 4 for name, r in fixed.blocks.items()})
    assert gated_bound(pruned.pruned, setting, small).label.standing.value == "hypothesis violated"
    assert bound.log10_total >= math.log10(0.2)


@pytest.mark.parametrize("kind", GATES)
def test_the_form_of_chen_is_wider_than_ours(kind):
    blocks = dict.fromkeys(block_sizes(kind, 4, 3, 2), 0.5)
    radii = GatedRadii(kind, 4, 3, 2, blocks, 1.0, fixed=True, data_fixed=True)
    setting = Setting(n=10**6, T=2, empirical_loss=0.1)
    bound = chen2020_gated(setting, radii)
    assert bound.label == VALID
    assert bound.id == "others.chen2020"
    from bounds.gated_classes import gated_class

    own = gated_class(setting, radii).cover
    wide = dict(zip(own.names, own.log_reach))
    given_ = bound.terms[2].inputs["log R L"]
    for name, reach in wide.items():
        side = {"hidden": 4, "input": 3, "bias": 1, "output": 2, "bias_output": 1}
        assert given_[name] == pytest.approx(reach + math.log(side[name.split()[0]]) / 2)


def test_bad_classes_are_one_sentence():
    rng = np.random.default_rng(2)
    with pytest.raises(ValueError, match="one layer"):
        GatedRadii.of(stack_of("gru", (3, 3), 1, 2, 2, rng), 1.0)
    with pytest.raises(ValueError, match="blocks of a class of kind lstm"):
        GatedRadii("lstm", 1, 1, 1, {"output": 1.0}, 1.0)
    with pytest.raises(ValueError, match="the cell"):
        GatedRadii.of(stack_of("plain", (3,), 1, 2, 2, rng), 1.0)
