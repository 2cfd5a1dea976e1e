"""report.json: every number of a report, as strictly valid JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bounds.binomial import clopper_pearson
from bounds.terms import Bound
from bounds.tradeoffs import Tradeoff
from validation.output.schema import SCHEMA, Facts, Record
from validation.report.reference import Chains, factors, norms
from validation.report.study import Study
from validation.report.trials import METHODS, Measured, Trial, summary

CONFIDENCE = 0.95


def document(study: Study, findings: Sequence[str]) -> Record:
    """Return the whole report as plain values, finite or None."""
    reference = study.reference
    result: Record = _plain(
        {
            "schema": SCHEMA,
            "findings": list(findings),
            "bounds": [bound.to_json() for bound in reference.bounds],
            "chain": chain(reference.chain.mean),
            "chain_of_the_theorem": chain(reference.chain.read or reference.chain.mean),
            "sharpest_approximation": reference.sharpest.to_json(),
            "chains": [_chains(entry) for entry in reference.chains],
            "measured": {
                "reference": measured(study),
                "trials": accuracies(study),
            },
            "network": network(study),
            "spectrum": {
                "eigenvalues": reference.eigenvalues,
                "lam": reference.need.lams,
                "degrees_of_freedom": reference.need.freedom,
                "nodes_published": reference.need.published,
                "nodes_determinantal": reference.need.sharper,
            },
            "comparison": None
            if reference.side_by_side is None
            else reference.side_by_side.to_json(),
            "tradeoff": {name: tradeoff(t) for name, t in reference.tradeoffs.items()},
            "description_length": None if study.described is None else study.described.to_json(),
            "description_length_pruned": None
            if study.described_pruned is None
            else study.described_pruned.to_json(),
            "settings": settings(study),
        }
    )
    return result


def to_text(values: Facts | Sequence[Any]) -> str:
    """Return the JSON text; a NaN or an infinity would be a bug and raises."""
    return json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def chain(bounds: Sequence[Bound]) -> list[Record]:
    """Return the steps of a chain, each with log10 of its ratio to the step before."""
    return [
        {**bound.to_json(), "log10_factor": factor}
        for bound, factor in zip(bounds, factors(bounds))
    ]


def measured(study: Study) -> Record:
    """Return what the reference network and its pruned version do on the data."""
    reference, n = study.reference, study.data.n
    tests = None if study.data.x_test is None else study.data.y_test.size
    return {
        "k": reference.k,
        "whole": _measured(reference.whole, tests),
        "pruned": _measured(reference.measured, tests),
        "n": n,
        "test_predictions": tests,
        "information_losses": dict(reference.pruned.losses),
    }


def accuracies(study: Study) -> list[Record]:
    """Return mean and deviation over the trials, for every activation, method and size."""
    rows: list[Record] = []
    for activation in study.activations:
        trials = study.of(activation)
        sizes = sorted({row.k for row in trials[0].rows})
        rows.append({"activation": activation, "method": None, "k": None, **_row(trials)})
        rows += [
            {"activation": activation, "method": method, "k": k, **_row(trials, method, k)}
            for method in METHODS
            for k in sizes
        ]
    return rows


def network(study: Study) -> Record:
    """Return the reference network's sizes and norms."""
    reference = study.reference
    rnn = reference.rnn
    return {
        "m": rnn.m,
        "k": reference.k,
        "d_x": rnn.d_x,
        "d_y": rnn.d_y,
        "T": study.data.T,
        "activation": rnn.activation.name,
        "model": study.model,
        "nodes": reference.pruned.nodes,
        "spectral_norms": norms(rnn),
        "spectral_norms_pruned": norms(reference.pruned.pruned),
        "rank": sum(mu > 0 for mu in reference.eigenvalues),
    }


def settings(study: Study) -> Record:
    """Return all that it takes to run the report again."""
    chosen = study.settings.to_json()
    if study.model is not None:
        # Nothing was trained.
        chosen = {name: chosen[name] for name in ("seeds", "theta", "gamma", "delta")}
    return {
        **chosen,
        "activations": study.activations,
        "nodes": [entry.k for entry in study.reference.chains],
        "training_seeds": [trial.seed for trial in study.trials],
        "data": {"name": study.data.name, **study.data.settings},
        "model": study.model,
        "versions": study.versions,
    }


def tradeoff(curve: Tradeoff) -> Record:
    """Return a bound over lam and its minimiser; None where the theorem's condition is empty."""
    best = curve.best
    return {
        "summary": curve.summary(),
        "label": curve.label,
        "interior": curve.interior,
        "best": None if best is None else {"lam": curve.lam[best], "k": curve.nodes[best]},
        "lam": curve.lam,
        "degrees_of_freedom": curve.N,
        "nodes": curve.nodes,
        "log10_total": [None if bound is None else bound.log10_total for bound in curve.bounds],
    }


def _measured(values: Measured, tests: int | None) -> Record:
    interval = None
    if values.accuracy is not None and tests is not None:
        interval = list(clopper_pearson(round(values.accuracy * tests), tests, 1 - CONFIDENCE))
    return {
        "test_accuracy": values.accuracy,
        "test_accuracy_interval": interval,
        "interval_level": CONFIDENCE,
        "train_accuracy": values.train_accuracy,
        "test_ramp_loss": values.risk,
        "train_ramp_loss": values.train_risk,
    }


def _row(trials: list[Trial], method: str | None = None, k: int | None = None) -> Record:
    row: Record = {}
    for name, read in (
        ("test_accuracy", lambda m: m.accuracy),
        ("train_accuracy", lambda m: m.train_accuracy),
        ("test_ramp_loss", lambda m: m.risk),
    ):
        found = summary(trials, method, k, read)
        row[name] = None
        if found is not None:
            row[name] = dict(zip(("mean", "deviation", "values"), found))
    return row


def _chains(entry: Chains) -> Record:
    def brief(bounds: list[Bound]) -> list[Record]:
        return [
            {"id": b.id, "total": b.total, "log10_total": b.log10_total, "label": b.label}
            for b in bounds
        ]

    return {
        "k": entry.k,
        "mean": brief(entry.mean),
        "read": brief(entry.read),
        "sharpness": entry.sharpness.to_json(),
    }


def _plain(value: Any) -> Any:
    """Arrays to lists, NumPy's numbers to Python's, what is not finite to None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
