"""index.html: one file that asks for nothing from outside."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from latex2mathml.converter import convert
from markupsafe import Markup

from bounds.binomial import clopper_pearson
from bounds.terms import Bound, show
from validation.output.figures import Drawing, inline
from validation.report.comparison import total_shown
from validation.report.document import CONFIDENCE, settings
from validation.report.findings import percent, short_name, times
from validation.report.reference import norms
from validation.report.sharpness import sentence
from validation.report.study import Study
from validation.report.trials import METHODS, Measured, mean_accuracy

CAPTIONS = {
    "accuracy": (
        "Accuracy over the nodes kept, without fine-tuning. The band is one standard deviation "
        "each way"
    ),
    "error_mean": (
        "The error of the pruned network averaged over time, and the bounds on it: each line is a "
        "step of the proof, from the measured error to the a-priori bound. k = m is left out."
    ),
    "error_read": (
        "The same at the last step, where the network is read out: this is the norm of the theorem."
    ),
    "chain": (
        "Where the approximation bound loses: each step of the proof starts where the one before "
        "ends, and × is the factor it costs."
    ),
    "sharpness": (
        "How many times the measured error each bound is, averaged over time and from S alone. "
        "The lines of slopes are no bounds: they are errors that factors of the sector reach on "
        "these residuals, so that no method that knows only the sector (and |h'| ≤ sup|s|) can be "
        "below. Dissipation is drawn where it was searched."
    ),
    "terms": (
        "The terms of the generalization bound, sorted, beside the measured losses. Beyond the "
        "line at 1 a bound on this loss says nothing."
    ),
    "felt": (
        "Where the error is born and where it is felt: what the kept nodes lose of the states at "
        "each step, and what the output feels of it through all later steps, for the nodes of the "
        "paper's objective and for those of the balanced one."
    ),
    "spectrum": "Eigenvalues of the time-mean covariance S of the hidden state.",
    "nodes_needed": (
        "Degrees of freedom N(λ), and the nodes that two theorems ask for. Above the line at m a "
        "condition is empty."
    ),
    "tradeoff": (
        "The bound over λ, each with the fewest nodes that its theorem asks for there; a line ends "
        "where that is more than m."
    ),
    "comparison": (
        "Every kind of bound as if the sample had n sequences and everything measured on it were "
        "the same; solid: valid, dashed: valid if the radii were fixed in advance, dotted: a "
        "hypothesis is violated. Linear up to 1, logarithmic above, and cut at 10⁸."
    ),
    "nodes_for_loss": (
        "Nodes for a residual of at most 4 λN(λ): what each theorem asks for, what greedy "
        "selection needs, and a set that is certified for 2 λN(λ)."
    ),
}


def render(study: Study, findings: Sequence[str], figures: Mapping[str, Drawing]) -> str:
    """Return the page.

    Parameters
    ----------
    study : Study
    findings : sequence of str
        Sentences to begin with.
    figures : mapping
        Drawings by the names of `CAPTIONS`; those that are missing are left out.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_template),
    )
    environment.filters |= {"math": mathml, "shown": show, "percent": percent, "total": total_shown}
    reference = study.reference
    return environment.get_template("template.html").render(
        study=study,
        reference=reference,
        findings=findings,
        figures=[
            {
                "name": name,
                "caption": caption + _more(study, name),
                "svg": Markup(inline(figures[name].svg, name)),
            }
            for name, caption in CAPTIONS.items()
            if name in figures
        ],
        bounds=reference.bounds,
        chains=[
            (title, _steps(steps))
            for title, steps in (
                ("at the last step, the norm of the theorem", reference.chain.read),
                ("averaged over time", reference.chain.mean),
            )
            if steps
        ],
        sharpness=sentence(reference.chain.sharpness),
        sides=reference.side_by_side,
        losses=_losses(study),
        accuracies=[(name, _accuracies(study, name)) for name in study.activations],
        methods=METHODS,
        norms=(norms(reference.rnn), norms(reference.pruned.pruned)),
        settings=json.dumps(settings(study), indent=1, ensure_ascii=False),
        tested=study.data.x_test is not None,
    )


@functools.lru_cache(maxsize=512)
def mathml(latex: str, display: str = "inline") -> Markup:
    """Return a formula as MathML; latex2mathml escapes what it does not know."""
    # After \bigl and its like latex2mathml takes a delimiter as it stands.
    latex = re.sub(r"(\\[bB]igg?[lr]?)\\\|", r"\1‖", latex)
    return Markup(convert(latex, display=display))


def _more(study: Study, name: str) -> str:
    if name == "accuracy":
        over = "trainings" if study.model is None else "draws of the random nodes"
        return f", over {study.settings.seeds} {over}."
    if name == "tradeoff":
        return " " + study.reference.tradeoffs["theorem.degrees_of_freedom"].summary()
    return ""


def _template(name: str) -> str:
    return resources.files("validation.report").joinpath(name).read_text("utf-8")


def _steps(steps: Sequence[Bound]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        factor = ""
        if number:
            ratio = step.log_total - steps[number - 1].log_total
            factor = times(ratio) if abs(ratio) < float("inf") else ""
        rows.append({"step": step, "name": short_name(step), "factor": factor})
    return rows


def _losses(study: Study) -> list[dict[str, Any]]:
    reference, rows = study.reference, []
    tests = 0 if study.data.x_test is None else study.data.y_test.size

    def add(name: str, measured: Measured) -> None:
        interval = None
        if measured.accuracy is not None:
            interval = clopper_pearson(round(measured.accuracy * tests), tests, 1 - CONFIDENCE)
        rows.append({"name": name, "measured": measured, "interval": interval})

    add(f"whole network, m = {reference.rnn.m}", reference.whole)
    add(f"pruned network, k = {reference.k}", reference.measured)
    return rows


def _accuracies(study: Study, activation: str) -> list[dict[str, Any]]:
    trials = study.of(activation)
    sizes = sorted({row.k for row in trials[0].rows})
    return [
        {"k": k, "cells": [mean_accuracy(trials, method, k) for method in METHODS]} for k in sizes
    ]
