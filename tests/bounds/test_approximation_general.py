"""Bounds on any small network with matched nodes, and the defect (theory, section 11)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bounds import generalization_bound
from bounds.approximation import (
    approximation_bound,
    approximation_error,
    comparator_bound,
    general_bound,
    linear_bound,
    step_losses,
    trajectory_bound,
)
from bounds.approximation.general import MEAN, METHODS
from pruning import RNN, Observability, prune_to, spectral_prune

seeds = st.integers(0, 2**32)


def network(rng, m, q=2, d_x=2, act="tanh", scale=1.0):
    return RNN(
        scale * rng.normal(size=(m, m)) / np.sqrt(max(1, m)),
        rng.normal(size=(m, d_x)),
        rng.normal(size=m),
        rng.normal(size=(q, m)),
        rng.normal(size=q),
        act,
    )


def pair(rng, m, k, n, T, act, tokens=False, near=0.0):
    """A network and another of k nodes, unrelated or near to the reconstruction."""
    large = network(rng, m, act=act)
    x = rng.integers(0, 2, size=(n, T)) if tokens else rng.normal(size=(n, T, 2))
    pruned = prune_to(large, x, rng.choice(m, k, replace=False))
    if near:
        own = pruned.pruned.weights
        moved = {name: w + near * rng.normal(size=w.shape) for name, w in own.items()}
        small = RNN(**moved, activation=act)
    else:
        small = network(rng, k, act=act)
    return replace(pruned, pruned=small), x


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.integers(1, 5),
    st.integers(0, 5),
    st.integers(1, 5),
    st.sampled_from(["relu", "tanh", "identity", "logistic", "leaky_relu:0.25", "leaky_relu:3"]),
    st.booleans(),
    st.sampled_from([0.0, 1e-9, 0.1]),
    st.sampled_from(METHODS),
    st.sampled_from(["mean", "last", "falling", "any"]),
)
def test_no_error_is_above_its_bound(seed, m, k, T, act, tokens, near, method, kind):
    rng = np.random.default_rng(seed)
    pruned, x = pair(rng, m, min(k, m), 3, T, act, tokens, near)
    w = {
        "mean": np.full(T, 1 / T),
        "last": np.eye(T)[-1],
        "falling": np.sort(rng.dirichlet(np.ones(T)))[::-1],
        "any": rng.dirichlet(np.ones(T)),
    }[kind]
    if method in MEAN and (np.diff(w) > 0).any():
        with pytest.raises(ValueError, match="weights must not increase"):
            general_bound(pruned, x, method, w)
        return
    if method == "saturation" and act not in ("tanh", "logistic"):
        with pytest.raises(ValueError, match="the activation must be bounded for method"):
            general_bound(pruned, x, method, w)
        return
    bound = general_bound(pruned, x, method, w)
    assert approximation_error(pruned, x, w) <= bound.total


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(0, 5), st.integers(1, 5))
def test_the_toeplitz_form_is_the_textbook_formula(seed, m, k, T):
    rng = np.random.default_rng(seed)
    pruned, x = pair(rng, m, min(k, m), 3, T, "tanh")
    full, small, J = pruned.original, pruned.pruned, pruned.nodes
    h = full.states(x)
    before = np.concatenate([np.zeros((3, 1, m)), h[:, :-1]], axis=1)
    ours = before[:, :, J] @ small.w_hidden.T + x @ small.w_input.T + small.b_hidden
    theirs = before @ full.w_hidden[J].T + x @ full.w_input[J].T + full.b_hidden[J]
    q = h[:, :, J] @ small.w_output.T + small.b_output - h @ full.w_output.T - full.b_output
    kappa = np.linalg.norm(small.w_hidden, 2) if small.m else 0.0
    lag = np.arange(T)[:, None] - np.arange(T)
    L = np.where(lag >= 0, kappa ** np.maximum(lag, 0), 0.0)
    norm = [np.sqrt(np.square(v).sum() / (3 * T)) for v in (q, ours - theirs)]
    out = np.linalg.norm(small.w_output, 2) if small.m else 0.0
    expected = norm[0] + out * np.linalg.norm(L, 2) * norm[1]
    assert general_bound(pruned, x, "toeplitz").total == pytest.approx(expected, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(1, 4), st.integers(1, 5))
def test_on_a_reconstruction_the_trajectory_is_that_of_section_3(seed, m, k, T):
    rng = np.random.default_rng(seed)
    large, x = network(rng, m, act="relu"), rng.normal(size=(4, T, 2))
    pruned = prune_to(large, x, np.arange(min(k, m)))
    ours, theirs = general_bound(pruned, x, "trajectory"), trajectory_bound(pruned, x)
    assert ours.total == pytest.approx(theirs.total, rel=1e-8, abs=1e-12)
    w = np.eye(T)[-1]
    last = general_bound(pruned, x, "trajectory", w).total
    assert last == pytest.approx(trajectory_bound(pruned, x, w).total, rel=1e-8, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seeds,
    st.integers(1, 5),
    st.integers(0, 5),
    st.integers(1, 5),
    st.sampled_from(["relu", "tanh", "logistic", "leaky_relu:3"]),
    st.booleans(),
    st.booleans(),
)
def test_no_error_is_above_the_comparators_bound(seed, m, k, T, act, tokens, last):
    rng = np.random.default_rng(seed)
    pruned, x = pair(rng, m, min(k, m), 4, T, act, tokens)
    w = np.eye(T)[-1] if last else rng.dirichlet(np.ones(T))
    found = comparator_bound(pruned, x, w)
    assert approximation_error(pruned, x, w) <= found.total * (1 + 1e-9) + 1e-9


def test_a_linear_image_of_the_large_network_has_no_propagated_error():
    # A rotation of the nodes that are kept: matched nodes are far off, the comparator is exact.
    rng = np.random.default_rng(0)
    large, x = network(rng, 3, act="identity"), rng.normal(size=(50, 6, 2))
    Q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = RNN(
        Q @ large.w_hidden @ Q.T, Q @ large.w_input, Q @ large.b_hidden,
        large.w_output @ Q.T, large.b_output, "identity",
    )  # fmt: skip
    pruned = replace(prune_to(large, x, [0, 1, 2]), pruned=turned)
    assert comparator_bound(pruned, x).total < 1e-8
    assert general_bound(pruned, x, "trajectory").total > 0.1


def test_one_lag_more_than_section_3():
    # The example of the theory: T = 1, W_i' = 0, and Gam_1 = 0 would bound an error of 1 by 0.
    large = RNN([[0.0]], [[1.0]], [0.0], [[1.0]], [0.0], "identity")
    pruned = prune_to(large, np.ones((1, 1, 1)), [0])
    pruned = replace(pruned, pruned=replace(large, w_input=[[0.0]]))
    for method in METHODS:
        if method != "saturation":
            assert general_bound(pruned, np.ones((1, 1, 1)), method).total == pytest.approx(1)


def test_the_same_network_twice_has_no_error():
    rng = np.random.default_rng(0)
    large, x = network(rng, 3), rng.normal(size=(4, 5, 2))
    pruned = replace(prune_to(large, x, [0, 1, 2]), pruned=large)
    for method in METHODS:
        # (A cap on bounded states does not see that they are equal, unless every lag is followed.)
        assert general_bound(pruned, x, method).total == 0


@settings(max_examples=8, deadline=None)
@given(seeds, st.integers(1, 6), st.integers(2, 6), st.sampled_from(["last", "mean"]))
def test_forms_are_never_worse_than_what_they_begin_with(seed, k, T, kind):
    rng = np.random.default_rng(seed)
    pruned, x = pair(rng, 6, k, 4, T, "tanh", near=0.3)
    w = np.eye(T)[-1] if kind == "last" else np.full(T, 1 / T)
    found = {
        name: general_bound(pruned, x, name, w).log_total
        for name in METHODS
        if kind == "mean" or name not in MEAN
    }
    assert found["sector"] <= found["weighted"] + 1e-9
    if kind == "mean":
        assert found["scaled"] <= found["toeplitz"] + 1e-9
    others = [value for name, value in found.items() if name != "trajectory"]
    assert found["best"] == min(others)


def test_saturation_does_not_grow_with_the_length():
    """kappa = 3: every other bound doubles with each step, and states of tanh stay below 1."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(5, 60, 2))
    pruned, _ = pair(rng, 5, 3, 5, 60, "tanh", near=0.5)
    small = pruned.pruned
    loud = replace(small, w_hidden=3 * small.w_hidden / np.linalg.norm(small.w_hidden, 2))
    pruned = replace(pruned, pruned=loud)
    found = {m: general_bound(pruned, x, m).total for m in ("toeplitz", "saturation", "best")}
    reach = 2 * np.linalg.norm(loud.w_output) * np.sqrt(3)
    assert approximation_error(pruned, x) <= found["best"] <= found["saturation"]
    assert found["saturation"] < 3 * reach + general_bound(pruned, x).terms[0].value
    assert found["toeplitz"] > 1e10


@pytest.mark.parametrize("size", [1e-300, 1e-180, 1e-30, 1e30, 1e150])
def test_drives_of_any_size_are_carried(size):
    """The drive is -size at the first step alone, and the error doubles from then on."""
    large = RNN([[2.0]], [[1.0]], [0.0], [[1.0]], [0.0], "identity")
    x = np.array([[[1.0], [0.0], [0.0]]])
    x = x * size
    pruned = prune_to(large, x, [0])
    pruned = replace(pruned, pruned=replace(large, w_input=[[0.0]]))
    last = np.eye(3)[-1]
    for method in ("weighted", "sector"):
        found = general_bound(pruned, x, method, last)
        assert found.log_total >= np.log(4) + np.log(size)
        assert found.log_total == pytest.approx(np.log(4) + np.log(size), abs=2e-3)


@pytest.mark.parametrize("exponent", [-500, -300, 300, 500])
def test_units_do_not_matter_and_nothing_fails_open(exponent):
    rng = np.random.default_rng(1)
    pruned, x = pair(rng, 4, 2, 3, 4, "relu", near=0.1)
    plain = general_bound(pruned, x).log_total
    for name in ("original", "pruned"):
        net = getattr(pruned, name)
        scaled = replace(
            net,
            w_output=np.ldexp(net.w_output, exponent),
            b_output=np.ldexp(net.b_output, exponent),
        )
        pruned = replace(pruned, **{name: scaled})
    found = general_bound(pruned, x).log_total
    assert found == pytest.approx(plain + exponent * np.log(2), rel=1e-9)


def test_an_overflow_is_infinity_with_a_sentence():
    large = RNN([[1e200]], [[1.0]], [0.0], [[1.0]], [0.0], "identity")
    x = np.ones((1, 4, 1))
    pruned = prune_to(replace(large, w_hidden=[[0.5]]), x, [0])
    for one in (replace(pruned, original=large), replace(pruned, pruned=large)):
        for method in ("best", "trajectory"):
            bound = general_bound(one, x, method)
            assert bound.log_total >= 100 * np.log(10)
    assert "No bound was found" in general_bound(replace(pruned, original=large), x).notes[0]


def test_refitted_networks_are_sent_to_the_general_bound_and_the_theorem_takes_them():
    rng = np.random.default_rng(2)
    large, x = network(rng, 8), rng.normal(size=(150, 4, 2))
    y = large.predictions(x)[:, -1].argmax(axis=1)
    pruned = spectral_prune(large, x, 4, objective="balanced", refit="closed-loop")
    with pytest.raises(ValueError, match="for a refitted or fine-tuned one use general_bound"):
        approximation_bound(pruned, 4)
    w = np.eye(4)[-1]
    error = approximation_error(pruned, x, w)
    along = general_bound(pruned, x, "trajectory", w).total
    assert error <= along <= 10 * error
    theorem = generalization_bound(pruned, x, y, input_bound=9.0)
    best = general_bound(pruned, x, "best", w)
    parts = theorem["approximation"].parts
    assert best.id == "approximation.general"
    assert sum(part.value for part in parts) == pytest.approx(theorem["approximation"].value)
    assert theorem["approximation"].value >= best.total


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "relu"}, "must have the activation of the original, got relu for tanh"),
        ({"w_output": np.ones((3, 2)), "b_output": np.ones(3)}, "d_y = 2, got 2, 2 and 3"),
    ],
)
def test_networks_that_do_not_match_are_refused(change, message):
    rng = np.random.default_rng(0)
    large, x = network(rng, 3), rng.normal(size=(4, 5, 2))
    pruned = prune_to(large, x, [0, 1])
    with pytest.raises(ValueError, match=message):
        general_bound(replace(pruned, pruned=replace(pruned.pruned, **change)), x)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(0, 5), st.integers(1, 5))
def test_the_linear_bound_holds_and_kept_nodes_have_no_defect(seed, m, k, T):
    rng = np.random.default_rng(seed)
    large, x = network(rng, m, act="identity"), rng.normal(size=(6, T, 2))
    pruned = prune_to(large, x, np.arange(min(k, m)), tau=0.0)
    error = approximation_error(pruned, x, np.eye(T)[-1])
    bound = linear_bound(pruned, x)
    assert error <= bound.total
    assert bound.label == "valid"
    losses = step_losses(pruned, x)
    if k >= m:
        assert np.allclose(losses.defect, 0, atol=1e-18 * (1 + np.square(large.states(x)).max()))


@settings(max_examples=40, deadline=None)
@given(
    seeds,
    st.sampled_from([1, 40, 120]),
    st.sampled_from([0.0, 1e-300, 1.0, 1e100]),
    st.sampled_from([1e-200, 1.0, 1e200]),
    st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_the_linear_bound_fails_closed_at_any_size(seed, T, inputs, outputs, factor):
    rng = np.random.default_rng(seed)
    large = network(rng, 4, act="identity")
    large = replace(
        large, w_hidden=factor * large.w_hidden, b_hidden=np.zeros(4),
        w_output=outputs * large.w_output,
    )  # fmt: skip
    x = inputs * rng.normal(size=(3, T, 2))
    with np.errstate(over="ignore", invalid="ignore"):
        assume(np.isfinite(large.states(x)).all())
        pruned = prune_to(large, x, [0, 2])
        gap = pruned.pruned.predictions(x)[:, -1] - large.predictions(x)[:, -1]
        # In units in which squares are floats; inf, or no number, is inf.
        size = np.abs(gap).max() if np.isfinite(gap).all() else np.inf
        bound = linear_bound(pruned, x)
    if size > 0:
        rows = np.sqrt(np.square(gap / size).sum(axis=1).mean()) if size < np.inf else 1.0
        assert np.log(rows) + np.log(size) <= bound.log_total


def test_losses_by_step_are_the_definitions():
    rng = np.random.default_rng(3)
    large, x = network(rng, 4, act="tanh"), rng.normal(size=(5, 3, 2))
    pruned = prune_to(large, x, [0, 2])
    A, h, small = pruned.reconstruction, large.states(x), pruned.pruned.states(x)
    lift = small @ A.T
    before = np.concatenate([np.zeros((5, 1, 4)), lift[:, :-1]], axis=1)
    p = np.tanh(before @ large.w_hidden.T + x @ large.w_input.T + large.b_hidden) - lift
    r = h - h[:, :, pruned.nodes] @ A.T
    O_t = Observability(large, 3).update(x).per_step
    found = step_losses(pruned, x)
    for t in range(3):
        P, R = p[:, t].T @ p[:, t] / 5, r[:, t].T @ r[:, t] / 5
        expected = [np.trace(R), np.trace(P), np.trace(O_t[t] @ R), np.trace(O_t[t] @ P)]
        ours = [found.residual, found.defect, found.residual_felt, found.defect_felt]
        np.testing.assert_allclose([v[t] for v in ours], expected, rtol=1e-9)
    assert linear_bound(pruned, x).label == "hypothesis violated: s = id"


def test_residuals_that_are_no_numbers_are_not_felt_as_nothing():
    large = RNN(np.eye(2), np.eye(2), [0, 0], [[1.0, 0.0]], [0], "identity")
    x = np.ones((2, 3, 2))
    pruned = prune_to(large, x, [1])
    pruned = replace(pruned, reconstruction=np.array([[0.0], [1.7e308]]))
    with np.errstate(over="ignore", invalid="ignore"):
        found = step_losses(pruned, x)
    # Of the first node nothing is kept; of the second, which is not read, more than floats hold.
    assert (found.residual_felt[1:] == np.inf).all()
    assert linear_bound(pruned, x).log_total == np.inf


def test_step_losses_of_a_refitted_network_are_refused():
    rng = np.random.default_rng(4)
    large, x = network(rng, 4), rng.normal(size=(40, 3, 2))
    pruned = spectral_prune(large, x, 2, refit="read-out")
    with pytest.raises(ValueError, match="weights of its reconstruction"):
        step_losses(pruned, x)
    plain = spectral_prune(large, x, 2)
    with pytest.raises(ValueError, match="observability must be of m = 4 and T = 3"):
        step_losses(plain, x, observability=Observability(large, 2).update(x[:, :2]))
