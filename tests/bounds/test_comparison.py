"""Every bound side by side."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from bounds import FIXED_RADII, VALID, Radii, generalization_bound
from bounds.comparison import compare, comparison, informative_from
from pruning import RNN, load_network, spectral_prune
from validation.data.digits import digits


@pytest.fixture
def sample(rng):
    x = rng.random((120, 4, 3))
    y = (x.sum(axis=(1, 2)) > 6).astype(np.int64)
    net = RNN(
        0.5 * np.eye(6),
        rng.normal(size=(6, 3)),
        np.zeros(6),
        rng.normal(size=(2, 6)),
        np.zeros(2),
        "tanh",
    )
    return net, x[:80], y[:80], x[80:], y[80:]


OPTIONS = {"input_bound": math.sqrt(3), "gamma": 0.5, "delta": 0.1}


def test_every_bound_is_there_once_with_a_label_and_its_terms(sample):
    net, x, y, x_test, y_test = sample
    bounds = compare(spectral_prune(net, x, 3), x, y, x_test, y_test, **OPTIONS)
    ids = [bound.id for bound in bounds]
    assert len(ids) == len(set(ids))
    families = {
        "theorem.fixed_nodes",
        "theorem.degrees_of_freedom",
        "theorem.determinantal",
        "theorem.stratified.net_kl",
        "others.parameter_count.dudley",
        "others.tu2020",
        "others.joukovsky2021",
        "others.chen2020",
        "others.zhang2018",
        "others.akpinar2019",
        "others.occam_hoeffding",
        "others.pac_bayes_kl",
        "others.maurer_pontil",
        "others.test_set_binomial",
        "occam.binomial",
        "occam.kl",
    }
    assert families <= set(ids)
    for bound in bounds:
        row = bound.to_json()
        assert {"id", "total", "label", "terms"} <= set(row)
        json.dumps(row, allow_nan=False)


def test_the_theorems_are_those_of_generalization_bound(sample):
    """The same numbers by another way: one call a theorem, from the data."""
    net, x, y, *_ = sample
    pruned = spectral_prune(net, x, 3)
    found = {b.id: b for b in compare(pruned, x, y, **OPTIONS)}
    options = {**OPTIONS, "split": "minimising"}
    for method in ("dudley", "net_chain", "net_kl"):
        for theorem in ("fixed_nodes", "stratified"):
            alone = generalization_bound(
                pruned, x, y, theorem, approximation=None, complexity=method, **options
            )
            assert found[f"theorem.{theorem}.{method}"].log_total == pytest.approx(
                alone.log_total, abs=1e-9
            )
        through = generalization_bound(pruned, x, y, complexity=method, **options)
        own = found[f"theorem.fixed_nodes.approximation.{method}"]
        assert own.log_total == pytest.approx(through.log_total, abs=1e-9)
    for theorem in ("degrees_of_freedom", "determinantal"):
        alone = generalization_bound(pruned, x, y, theorem, **OPTIONS)
        assert found[f"theorem.{theorem}"].log_total == pytest.approx(alone.log_total, abs=1e-9)
    published = generalization_bound(pruned, x, y, approximation="weighted_from_mean", **OPTIONS)
    assert found["theorem.fixed_nodes"].log_total == pytest.approx(published.log_total, abs=1e-6)


def test_as_if_at_its_own_size_is_the_bound_itself(sample):
    net, x, y, *_ = sample
    own = comparison(spectral_prune(net, x, 3), x, y, **OPTIONS)
    here = {b.id: b.log_total for b in own.bounds()}
    for bound in own.as_if(n=80, T=4):
        assert bound.log_total == pytest.approx(here[bound.id], abs=1e-9), bound.id
        assert own.bound(bound.id).log_total == pytest.approx(here[bound.id], abs=1e-12)


def test_no_total_grows_with_the_sample(sample):
    net, x, y, *_ = sample
    own = comparison(spectral_prune(net, x, 3), x, y, **OPTIONS)
    sizes = [10**2, 10**4, 10**8, 10**12]
    rows = [{b.id: b.log_total for b in own.as_if(n)} for n in sizes]
    for id in rows[0]:
        totals = [row[id] for row in rows]
        # Errors are rounded up to whole ones, which matters at n = 100.
        assert all(b <= a + 1e-9 for a, b in itertools.pairwise(totals[1:])), id


def test_a_network_that_was_not_pruned_has_no_approximation_error(sample):
    net, x, y, *_ = sample
    bounds = compare(net, x, y, **OPTIONS)
    assert not [b for b in bounds if "approximation" in b.id or "determinantal" in b.id]
    found = {b.id: b for b in bounds}
    assert found["theorem.fixed_nodes.net"].log_total == pytest.approx(
        found["others.parameter_count.net"].log_total
    )


def test_a_class_that_was_fixed_in_advance_makes_the_theorem_valid(sample):
    net, x, y, *_ = sample
    radii = Radii(1.0, 9.0, 9.0, 1.0, 1.0, math.sqrt(3), fixed=True, data_fixed=True)
    options = {**OPTIONS, "radii": radii}
    found = {b.id: b for b in compare(net, x, y, eps=0.01, **options)}
    assert found["theorem.fixed_nodes.net_kl"].label == VALID
    measured = {b.id: b for b in compare(net, x, y, eps=0.01, **OPTIONS)}
    assert measured["theorem.fixed_nodes.net_kl"].label == FIXED_RADII
    paid = {b.id: b for b in compare(net, x, y, eps=0.01, log_price=50.0, **options)}
    name = "theorem.fixed_nodes.dudley"
    assert paid[name].log_total > found[name].log_total


def test_the_first_informative_sample_size_is_a_crossing(sample):
    net, x, y, *_ = sample
    own = comparison(spectral_prune(net, x, 3), x, y, **OPTIONS)
    found = informative_from(own, ["theorem.stratified.net", "others.parameter_count.dudley"])
    assert set(found) == {"theorem.stratified.net", "others.parameter_count.dudley"}
    for id, n in found.items():
        assert n is not None
        assert own.bound(id, n).log_total < 0 < own.bound(id, round(n * 0.98)).log_total + 1e-9
    assert "others.zhang2018" not in informative_from(own, ["others.zhang2018"])


def test_all_nodes_pruned_away_is_a_network_too(sample):
    net, x, y, *_ = sample
    bounds = compare(spectral_prune(net, x, 0), x, y, **OPTIONS)
    assert "theorem.degrees_of_freedom" not in [b.id for b in bounds]
    assert all(b.log_total < math.inf for b in bounds)


def test_the_draws_are_those_of_the_seed(sample):
    net, x, y, *_ = sample
    first, again, other = (
        {b.id: b.log_total for b in compare(net, x, y, seed=seed, **OPTIONS)} for seed in (1, 1, 2)
    )
    assert first == again
    assert first["others.pac_bayes_kl"] != other["others.pac_bayes_kl"]


MODELS = [
    path
    for name in ("digits", "digits-relu")  # of plain networks, not of gated ones
    for path in sorted((Path(__file__).parents[2] / "models").glob(f"{name}-[0-9].safetensors"))
]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_on_every_digits_network_nets_are_sharper_than_dudley(path):
    """Never worse, and 5 to 10 times smaller where neither bound is vacuous."""
    data = digits()
    pruned = spectral_prune(load_network(path), data.x, 32)
    own = comparison(pruned, data.x, data.y, input_bound=data.x_bound)

    def gap(method: str, n: int) -> float:
        found = own.bound(f"theorem.fixed_nodes.{method}", n)
        return found["complexity"].value + found["confidence"].value

    for method in ("net", "net_chain"):
        assert gap(method, data.n) < gap("dudley", data.n)
        assert 5 < gap("dudley", 10**6) / gap(method, 10**6) < 10
    assert gap("net_chain", 10**6) < gap("net", 10**6)


def test_an_id_that_no_bound_has_is_refused(rng):
    net = RNN(np.eye(3), np.ones((3, 2)), np.zeros(3), np.ones((2, 3)), np.zeros(2), "relu")
    own = comparison(net, rng.standard_normal((6, 2, 2)), np.array([0, 1] * 3))
    with pytest.raises(ValueError, match=r"id must be one of theorem\.fixed_nodes, .* got 'others"):
        own.bound("others.problem")
    assert own.bound("theorem.fixed_nodes") is None  # nothing was pruned


def test_published_theorems_hold_the_published_distance_and_sharper_ones_the_sharpest(sample):
    net, x, y, _, _ = sample
    bounds = compare(spectral_prune(net, x, 3), x, y, **OPTIONS)
    names = {bound.id: bound.name for bound in bounds}
    assert names["theorem.fixed_nodes"] == "theorem.fixed_nodes[weighted_from_mean]"
    sharper = [bound.name for bound in bounds if bound.id.startswith("theorem.stratified")]
    assert sharper
    assert not any("weighted_from_mean" in name for name in sharper)
