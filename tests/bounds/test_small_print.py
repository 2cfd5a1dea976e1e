"""Lines of bounds/ that a mutant could change and every other test stay green."""

import dataclasses
import math
from fractions import Fraction
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from helpers.network_pairs import moments, pair

from bounds import Radii, Setting, StatedProblem, generalization_bound, others
from bounds.approximation import (
    a_priori_bound,
    approximation_bound,
    comparator_bound,
    saturation_bound,
    weighted_from_mean_bound,
)
from bounds.approximation.a_priori import event_value
from bounds.approximation.choose import METHODS
from bounds.approximation.dissipation import Reading, _numbers
from bounds.approximation.local import slope_between
from bounds.approximation.recursion import log_state_norms
from bounds.approximation.residuals import residuals
from bounds.approximation.saturation import majorant
from bounds.approximation.scaled import scaled_norms
from bounds.approximation.sector import _form
from bounds.assembly import COMPLEXITY, loss_class
from bounds.complexity import log_radii
from bounds.constrained import ConstrainedClass, margin_bound
from bounds.lipschitz import parameter_lipschitz
from bounds.node_counts import THEOREMS, node_count
from bounds.node_theorems import degrees_of_freedom_bound, determinantal_bound
from bounds.others.chen2020 import SOURCE as CHEN2020
from bounds.others.joukovsky2021 import log_confidence, log_rademacher
from bounds.others.pac_bayes_kl import gaussian_divergence
from bounds.problem import Problem, radii_condition
from bounds.relative_entropy import inverse_kl
from bounds.rounding import EPS, sum_up
from bounds.terms import FIXED_RADII, VALID, Bound, Term, show
from bounds.tradeoffs import tradeoff
from pruning import RNN, initial_rnn, prune_to, spectral_prune
from pruning.activations import activation


def network(m=3, activation="tanh", seed=0):
    rng = np.random.default_rng(seed)
    return RNN(
        rng.normal(size=(m, m)) / 2,
        rng.normal(size=(m, 2)),
        rng.normal(size=m) / 4,
        rng.normal(size=(2, m)),
        np.zeros(2),
        activation,
    )


def test_constants_at_a_step_are_those_of_that_step():
    radii = Radii(0.9, 1.0, 1.0, 0.1, 0.1, 1.0)
    constants = parameter_lipschitz(radii, 4, network().activation, 3)
    for t in (1, 4):
        assert constants.at(t) == {name: v[t - 1] for name, v in constants.blocks.items()}
    assert constants.at(1)["hidden"] < constants.at(2)["hidden"]


def test_measured_radii_are_a_condition_that_is_not_met():
    assert radii_condition("norms").holds is False


def test_inputs_that_are_bounded_do_not_make_measured_radii_fixed():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, size=(20, 3, 2)), rng.integers(0, 2, size=20)
    given = Problem(network(), x, y, input_bound=2.0)
    assert others.parameter_count(given).label == FIXED_RADII
    measured = Radii(9, 9, 9, 9, 9, 10.0, fixed=True, data_fixed=False)
    unbounded = Problem(network(activation="relu"), x, y, radii=measured)
    assert others.parameter_count(unbounded).label != VALID


@pytest.mark.parametrize("size", [0.0, 1e3, -1e6])
def test_radii_of_a_cover_are_rounded_down_by_what_their_logarithm_may_be_off(size):
    u = np.array([1.0, 0.5, 1e-9])
    room = size + np.log(u) - log_radii(size, u)
    least = 2 * EPS * (1 + abs(size) - np.log(u))
    assert (room >= least).all()
    assert (room <= 10 * least).all()


def test_the_margin_bound_is_the_chernoff_bound_of_the_cover_at_half_the_margin():
    members = ConstrainedClass(
        k=2, d_x=2, d_y=2, T=3, hidden=1.0, input=1.0, output=1.0, bias=0.0, data=1.0,
        input_rank=2, blocks=1, gamma=0.5, eps=0.01,
    )  # fmt: skip
    rnn = RNN(0.9 * np.eye(2), 0.9 * np.eye(2), np.zeros(2), 0.9 * np.eye(2), np.zeros(2))
    n, share = 100_000, 0.1
    # A ramp of another width has another constant, and the same cover at another radius.
    setting = Setting(
        n, 3, share, members.delta, gamma=0.1, complexity="net_kl", split="minimising",
        log_price=members.log_price,
    )  # fmt: skip
    log_number = float(members.members(setting).cover(np.array(math.log(0.25 / 0.1))))
    reached = inverse_kl(share, (log_number + setting.log_inv_delta) / n)
    assert margin_bound(rnn, members, share, n).total == pytest.approx(reached, rel=1e-9)


def test_the_rounding_of_s_counts_over_lam_in_the_event():
    S, lam = np.eye(2), 1e-13
    value = event_value(S, np.arange(2), np.full(2, lam), lam)
    assert value >= 8 * 2 * EPS / lam


def test_weights_are_the_mean_where_none_are_given():
    rnn, rng = network(), np.random.default_rng(1)
    x = rng.normal(size=(5, 4, 2))
    _, S = moments(rnn.states(x))
    pruned = pair(rnn, [0, 2], np.eye(3)[:, [0, 2]], S)
    found = approximation_bound(pruned, 4, "weighted_from_mean")
    assert found.total == weighted_from_mean_bound(pruned, 4, np.full(4, 0.25)).total


def test_an_overflow_beside_the_comparator_is_infinite_with_a_sentence():
    rnn = network(activation="relu")
    rnn = dataclasses.replace(rnn, w_hidden=np.full((3, 3), 1e200), b_hidden=np.full(3, 9.0))
    x = np.ones((2, 5, 2))
    pruned = pair(rnn, [0, 1], np.eye(3)[:, :2], np.eye(3))
    bound = comparator_bound(pruned, x)
    assert bound.log_total == math.inf
    assert "No bound was found" in bound.notes[0]


def test_what_may_have_underflowed_hardly_widens_second_moments():
    G, none = np.eye(2), np.zeros((2, 2))
    found = Reading(G, G, none).moments(np.eye(2), 1e-14)
    assert found.allowance.max() <= 2e-14


def test_a_sum_beyond_floats_is_infinite():
    assert sum_up([1e308] * 10) == math.inf


def test_a_class_may_be_scaled_by_a_constant_of_either_kind():
    radii = Radii(0.5, 1.0, 1.0, 0.1, 0.1, 1.0)
    setting = Setting(n=100, T=3, empirical_loss=0.1)
    members = loss_class(setting, radii, 2, 2, 2, network().activation)
    assert np.isfinite(members.cover(np.array(-2.0)))


def test_the_constants_of_the_norm_that_the_theorems_promise():
    S = np.diag([1.0, 0.5, 0.1])
    promised = {name: node_count(S, 0.1, name).norm for name in THEOREMS}
    assert promised["leverage.existence"] == math.sqrt(20 / 3)
    assert promised["leverage.existence_tight"] == math.sqrt(5)
    assert promised["dpp.tradeoff_norm"] == math.sqrt(3)
    assert sum(norm is not None for norm in promised.values()) == 3


def test_the_confidence_of_joukovsky2021_by_hand():
    by_hand = 4 * math.sqrt(2 * math.log(4 / 0.05) / 100)
    assert math.exp(log_confidence(0.05, 100)) == pytest.approx(by_hand, rel=1e-12)
    root = math.sqrt(2 * (4 * 5 * math.log(2) + math.log(3) + math.log(7)) / 100)
    by_hand = root * 2.0 * 3.0 * (1 + 0.5 + 0.25 + 0.125 + 0.0625)
    found = math.exp(log_rademacher(0.5, 2.0, 3.0, 5, 3, 7, 100))
    assert found == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("learned", [True, False])
def test_a_network_that_was_not_picked_is_not_known_to_be(learned):
    rng = np.random.default_rng(0)
    rnn, x = network(), rng.normal(size=(30, 3, 2))
    y = rnn.predictions(x)[:, -1].argmax(axis=-1)
    bound = others.pick_to_learn(Problem(rnn, x, y), 4, picked=learned)
    (found,) = [c for c in bound.conditions if "preferent" in c.name]
    assert found.holds is (True if learned else None)


def test_columns_of_a_table_start_below_each_other():
    terms = (Term("a", 0.0, "f", "s"), Term("a longer name", 700.0, "f", "s"))
    lines = Bound("id", "", terms).table().splitlines()
    rows = [line for line in lines if line.lstrip().startswith("a")]
    assert len(rows) == 2
    assert len({len(line[: line.rindex("  ")]) for line in rows}) == 1, rows


def test_the_size_of_a_program_counts_its_three_cones_at_every_step_but_one():
    # k = 3 and 4 numbers read: two cones of 2 k and one of 4 + k, T - 1 times.
    problem = SimpleNamespace(k=3, T=5, states=np.zeros((1, 4, 4)))
    assert _numbers(problem) == 4 * (2 * 21**2 + 28**2)


def test_one_step_has_an_a_priori_bound():
    rnn, rng = network(), np.random.default_rng(1)
    x = rng.normal(size=(5, 1, 2))
    _, S = moments(rnn.states(x))
    pruned = pair(rnn, [0, 2], np.eye(3)[:, [0, 2]], S)
    assert a_priori_bound(pruned, 1, 0.1).log_total > -math.inf


def test_relu_is_flat_up_to_0_itself():
    low, high = np.array([-2.0, -2.0, 0.0, -1.0]), np.array([-1.0, 0.0, 0.0, 1e-300])
    assert slope_between(activation("relu"), low, high).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("seed", range(8))
def test_a_diagonal_above_a_matrix_is_above_it_and_touches_it(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 6))
    F = rng.normal(size=(k + 1, k)) * 10.0 ** rng.integers(-3, 3, size=k)
    M = F.T @ F / np.square(F).sum()
    d = majorant(M, np.exp(rng.normal(size=k)))
    top = float(np.linalg.eigvalsh(M / np.sqrt(d) / np.sqrt(d)[:, None])[-1])
    assert 1 - 1e-6 < top <= 1


@pytest.mark.parametrize("exponent", [-20, 0, 20])
def test_the_divergence_pays_for_the_rounding_of_its_quotient(exponent):
    s = 2.0**exponent  # so that distance2/(2 s^2) is exact
    paid = gaussian_divergence(3.0, 1, s, s) - 1.5 / s**2
    assert 8 * EPS * 3 / s**2 <= paid <= 64 * EPS * (2 + 3 / s**2)


@pytest.mark.parametrize(("lam", "said"), [(1e-3, False), (50.0, True)])
def test_a_residual_as_large_as_that_of_no_node_is_said_to_be(lam, said):
    rnn, setting = network(), Setting(n=100, T=3, empirical_loss=0.1)
    wide = Radii(9, 9, 9, 9, 9, 10.0, fixed=True, data_fixed=True)
    bound = degrees_of_freedom_bound(
        StatedProblem(rnn, setting, wide), np.diag([1.0, 0.5, 0.1]), 3, lam=lam
    )
    assert any("no smaller than Tr S" in note for note in bound.notes) == said


def test_each_theorem_of_a_tradeoff_counts_nodes_in_its_own_way():
    rnn, setting = network(), Setting(n=100, T=3, empirical_loss=0.1)
    wide = Radii(9, 9, 9, 9, 9, 10.0, fixed=True, data_fixed=True)
    S, lams = np.diag([1.0, 0.5, 0.1]), [0.05, 0.5, 5.0]
    counts = {"degrees_of_freedom": "leverage.existence", "determinantal": "dpp.tradeoff_norm"}
    for theorem, name in counts.items():
        found = tradeoff(StatedProblem(rnn, setting, wide), S, lams, theorem=theorem)
        due = [max(1, node_count(S, lam, name).nodes) for lam in lams]
        assert found.nodes.tolist() == due


@pytest.mark.parametrize("m", [2, 40])
def test_what_cancels_in_a_state_norm_is_as_large_as_its_rounding_may_be(m):
    h, G = np.ones((1, 1, m)), np.ones((1, m))
    h[..., ::2] = -1
    found = math.exp(log_state_norms(h, G)[0, 0])
    assert 2 * m * m * EPS <= found <= 100 * m * m * EPS


def test_nodes_that_lose_nothing_are_shown_to_be_as_promised():
    S = np.diag([1.0, 0.5, 0.1])
    rnn = dataclasses.replace(network(), w_hidden=np.eye(3) / 9)
    wide = Radii(9, 9, 9, 9, 9, 10.0, fixed=True, data_fixed=True)
    setting = Setting(n=100, T=3, empirical_loss=0.1)
    pruned = prune_to(rnn, S, np.arange(3), 0.0)
    bound = determinantal_bound(StatedProblem(rnn, setting, wide), S, 3, pruned=pruned)
    (these,) = [c for c in bound.conditions if c.name == "the nodes at hand"]
    assert these.holds, these


@pytest.mark.parametrize("theorem", [determinantal_bound, degrees_of_freedom_bound])
@pytest.mark.parametrize("size", [1e160, 1e200])
def test_losses_beyond_floats_are_not_shown_to_be_as_promised(theorem, size):
    # What the theorem allows is beyond floats, too; floats cannot tell which of them is larger.
    S = np.diag([1.0, 0.5, 0.1])
    rnn = dataclasses.replace(network(), w_hidden=size * np.eye(3))
    wide = Radii(size, 2 * size, 9, 9, 9, 10.0, fixed=True, data_fixed=True)
    setting = Setting(n=100, T=3, empirical_loss=0.1)
    pruned = prune_to(rnn, S, np.arange(2), 0.1)
    assert pruned.losses["recurrent"] == np.inf
    bound = theorem(StatedProblem(rnn, setting, wide), S, 2, pruned=pruned)
    (these,) = [c for c in bound.conditions if c.name == "the nodes at hand"]
    assert not these.holds
    assert "||W_h[J,:] r||^2" in these.detail


def test_without_kept_nodes_no_norm_is_larger_than_0():
    rnn, x = network(), np.random.default_rng(1).normal(size=(5, 4, 2))
    _, S = moments(rnn.states(x))
    pruned = pair(rnn, np.zeros(0, dtype=int), np.zeros((3, 0)), S)
    parts = residuals(pruned)
    assert scaled_norms(parts, np.zeros(0), np.zeros(0)) == (-math.inf, -math.inf, -math.inf)


@pytest.mark.parametrize("lam", [1e-6, 0.1, 0.3])
def test_the_degrees_of_freedom_that_a_theorem_counts_are_not_below_the_exact_ones(lam):
    wide = Radii(9, 9, 9, 9, 9, 10.0, fixed=True, data_fixed=True)
    setting = Setting(n=100, T=3, empirical_loss=0.1)
    mu = [1.0, 0.5, 0.1]
    bound = determinantal_bound(StatedProblem(network(), setting, wide), np.diag(mu), 3, lam=lam)
    exact = sum(Fraction(v) / (Fraction(v) + Fraction(lam)) for v in mu)
    terms = [part for term in bound.terms for part in (term, *term.parts)]
    counted = {term.inputs["N(lam)"] for term in terms if "N(lam)" in term.inputs}
    assert counted
    for N in counted:
        assert Fraction(N) >= exact
        assert float(exact) + 1e-11 + 20 * EPS / lam >= N


def test_the_diameter_of_a_class_is_shown_where_it_is_not_0():
    wide = Radii(0.9, 1, 1, 0.1, 0.1, 1.0, fixed=True, data_fixed=True)
    setting = Setting(n=100, T=3, empirical_loss=0.1)
    bound = determinantal_bound(StatedProblem(network(), setting, wide), np.eye(3), 3)
    shown = [t.inputs["log D"] for t in bound.terms if "log D" in t.inputs]
    assert shown
    assert all(isinstance(value, float) and math.isfinite(value) for value in shown)


def test_a_form_is_above_the_exact_one_by_its_allowance():
    rng = np.random.default_rng(0)
    k = 12
    F = rng.normal(size=(k, k))
    M, scale = F.T @ F / k, np.full(k, 20.0)
    P = _form(M, scale)
    with mpmath.workdps(40):
        L = mpmath.diag(scale.tolist())
        exact = L * (2 * L - mpmath.matrix(M.tolist())) ** -1 * L
        gap = np.array((mpmath.matrix(P.tolist()) - exact).tolist(), dtype=float)
    room = np.linalg.eigvalsh((gap + gap.T) / 2)
    size = EPS * np.linalg.norm(P)
    assert 4 * k * size <= room[0]
    assert room[-1] <= 400 * k * size


def test_only_the_complexity_of_chen2020_is_theirs():
    rng = np.random.default_rng(0)
    given = Problem(network(), rng.normal(size=(9, 3, 2)), rng.integers(0, 2, size=9))
    for term in others.chen2020(given).terms:
        assert (term.source == CHEN2020) == (term.name == COMPLEXITY)


def test_saturation_by_step_is_nearly_0_where_nothing_is_lost():
    rnn, x = network(), np.random.default_rng(1).normal(size=(5, 4, 2))
    per_step, S = moments(rnn.states(x))
    whole = saturation_bound(pair(rnn, [0, 1, 2], np.eye(3), S), 4, per_step=per_step)
    assert whole.total < 1e-6
    less = saturation_bound(pair(rnn, [0, 2], np.eye(3)[:, [0, 2]], S), 4, per_step=per_step)
    assert less.total > 1e-2


def test_saturation_reads_states_of_any_size():
    # tanh is the identity here, so that everything read goes with x.
    rnn, x = network(), np.random.default_rng(1).normal(size=(5, 4, 2))
    rnn = dataclasses.replace(rnn, b_hidden=np.zeros(3))
    logs = []
    for a in (-300, -400):
        pruned = prune_to(rnn, np.ldexp(x, a), np.array([0, 2]))
        logs.append(saturation_bound(pruned, 4)["read-out"].log_value)
    assert logs[0] - logs[1] == pytest.approx(100 * math.log(2), abs=1e-6)


@pytest.mark.parametrize("kind", ["relu", "tanh", "identity"])
def test_a_bound_called_valid_lists_no_hypothesis_that_fails(kind):
    rnn = network(4, kind)
    x = np.random.default_rng(1).normal(size=(9, 3, 2))
    per_step, S = moments(rnn.states(x))
    pruned = prune_to(rnn, S, [0, 2, 3])
    for method in METHODS:
        # Those need a solver, or a bounded activation; what a_priori says of k it does not need.
        if method in ("sharpest", "dissipation", "a_priori", "saturation"):
            continue
        own = None if method in ("global", "toeplitz", "power", "scaled") else per_step
        bound = approximation_bound(pruned, 3, method, per_step=own, lam=0.1)
        failing = [condition.name for condition in bound.conditions if condition.holds is False]
        assert (bound.label == VALID) == (not failing), (method, failing)


def test_numbers_are_shown_in_full_where_a_float_holds_them():
    assert show(math.log(0.0123)) == "0.0123"
    assert show(-299 * math.log(10)) == "1e-299"
    assert show(14.9 * math.log(10)) == "7.943e+14"
    assert show(15 * math.log(10)) == "10^15.0"
    assert show(-301 * math.log(10)) == "10^-301"
    assert show(99.4 * math.log(10)) == "10^99.4"


def test_equal_weights_may_be_said_to_a_bound_on_the_mean():
    rnn = network(4, "relu")
    x = np.random.default_rng(1).normal(size=(9, 3, 2))
    pruned = prune_to(rnn, moments(rnn.states(x))[1], [0, 2, 3])
    plain = approximation_bound(pruned, 3, "scaled")
    said = approximation_bound(pruned, 3, "scaled", weights=[1 / 3] * 3)
    assert said.log_total == plain.log_total
    with pytest.raises(ValueError, match="1/T"):
        approximation_bound(pruned, 3, "scaled", weights=[0.5, 0.25, 0.25])


def test_a_norm_that_is_scaled_is_worth_it_where_rows_differ_in_size():
    """W_h' far from normal: its 2-norm is 64, its spectral radius 1/2."""
    w_hidden = np.array([[0.5, 64.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.25]])
    rnn = RNN(w_hidden, np.ones((3, 1)), np.zeros(3), np.ones((1, 3)), np.zeros(1), "relu")
    x = np.random.default_rng(1).uniform(size=(9, 6, 1))
    pruned = prune_to(rnn, moments(rnn.states(x))[1], [0, 1])
    scaled = approximation_bound(pruned, 6, "scaled").log_total
    assert scaled < approximation_bound(pruned, 6, "toeplitz").log_total - 1


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_a_loss_without_the_bound_on_its_labels_names_the_argument_that_is_missing(loss):
    rnn = initial_rnn(3, d_x=2, d_y=1, activation="tanh", rng=0)
    x = np.zeros((4, 3, 2))
    message = f"label_bound must bound .* for the loss {loss}, got None"

    with pytest.raises(ValueError, match=message):
        Setting(n=4, T=3, empirical_loss=0.5, loss=loss)
    with pytest.raises(ValueError, match=message):
        Problem(rnn, x, np.zeros((4, 1)), loss=loss)
    with pytest.raises(ValueError, match=message):
        generalization_bound(spectral_prune(rnn, x + 1, 2), x, np.zeros((4, 1)), loss=loss)
    with pytest.raises(ValueError, match="label_bound must be at least 0"):
        Setting(n=4, T=3, empirical_loss=0.5, loss=loss, label_bound=-1.0)
    with pytest.raises(ValueError, match="loss must be one of"):
        Setting(n=4, T=3, empirical_loss=0.5, loss="hinge")
