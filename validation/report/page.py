"""index.html: one file that asks for nothing from outside."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from bounds.binomial import clopper_pearson
from bounds.terms import Bound, Standing, show
from validation.output.figures import inline
from validation.output.mathml import mathml
from validation.output.schema import Record
from validation.report.comparison import total_shown
from validation.report.document import CONFIDENCE, settings
from validation.report.findings import largest_step, percent, short_name
from validation.report.gallery import Figure
from validation.report.legend import IDS, PAPER, SYMBOLS
from validation.report.reference import norms
from validation.report.sharpness import sentence
from validation.report.study import Study
from validation.report.trials import METHODS, Measured, mean_accuracy

THEOREMS = {
    "theorem.fixed_nodes": "the nodes at hand",
    "theorem.degrees_of_freedom": "some nodes, k ≥ 5 N log(80 N)",
    "theorem.determinantal": "some nodes, k ≥ 3 N",
    "theorem.stratified": "the nodes at hand",
}
"""For which nodes a theorem speaks."""


def render(
    study: Study,
    findings: Sequence[str],
    figures: Mapping[str, Figure],
    docs: str | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    study : Study
    findings : sequence of str
        Sentences to begin with.
    figures : mapping
        Of `validation.report.gallery.gallery`.
    docs : str, optional
        Where the folder ``docs`` is, seen from the page; without it the theory is named, not
        linked.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_template),
    )
    environment.filters |= {"math": formula, "id": breakable}
    environment.filters |= {"shown": show, "percent": percent, "total": total_shown}
    reference = study.reference
    return environment.get_template("template.html").render(
        study=study,
        reference=reference,
        networks=networks(study),
        findings=findings,
        figures=[
            {
                "name": name,
                "caption": figure.caption,
                "wide": figure.drawing.size[0] > 5,
                "svg": Markup(inline(figure.drawing.svg, name)),
            }
            for name, figure in figures.items()
        ],
        bounds=reference.bounds,
        theorems=THEOREMS,
        steps=_steps(reference.chain.steps),
        over_time=_steps(reference.chain.mean) if reference.chain.read else [],
        sharpness=sentence(reference.chain.sharpness),
        sides=reference.side_by_side,
        violated=Standing.VIOLATED.value,
        losses=_losses(study),
        accuracies=[(name, _accuracies(study, name)) for name in study.activations],
        methods=METHODS,
        norms=(norms(reference.rnn), norms(reference.pruned.pruned)),
        settings=json.dumps(settings(study), indent=1, ensure_ascii=False),
        tested=study.data.x_test is not None,
        symbols=SYMBOLS,
        ids=IDS,
        paper=PAPER,
        docs=docs,
    )


def networks(study: Study) -> str:
    """Say which networks the page is about, and why other tables may have other numbers."""
    if study.model is not None:
        return (
            f"The network is {study.model}; nothing was trained. What is drawn at random are the "
            "nodes of the random methods, "
            + ("once." if study.settings.seeds == 1 else f"{study.settings.seeds} times.")
        )
    chosen, seeds = study.settings, study.settings.seeds
    numbered = "seed 0" if seeds == 1 else f"seeds 0 to {seeds - 1}"
    text = (
        f"The networks were trained for this page: {' and '.join(study.activations)}, {chosen.m} "
        f"nodes, {chosen.epochs} epochs, {numbered}; where one network is spoken of it is "
        f"{study.activations[0]}, seed 0."
    )
    if study.data.name.startswith("digits"):
        text += (
            " The tables under results/ are about other trainings of the same recipe, the "
            "committed networks models/digits-0 to 4 (rounded to 32 bits, their batches in "
            "another order), so that their numbers differ from these by as much as one training "
            "differs from another."
        )
    return text


def formula(latex: str) -> Markup:
    """Return a formula as MathML between whose pieces a line may end."""
    return Markup(mathml(latex))


def breakable(text: str) -> Markup:
    """Return a text whose ids may be broken after a dot or a low line, and not within a word."""
    ids = re.sub(r"(?<=[a-z])[._[](?=[a-z])", lambda found: found[0] + "<wbr>", escape(text))
    return Markup(ids)


def _template(name: str) -> str:
    return resources.files("validation.report").joinpath(name).read_text("utf-8")


def _steps(steps: Sequence[Bound]) -> list[Record]:
    rows: list[Record] = []
    largest = largest_step(steps)
    for number, step in enumerate(steps):
        factor = ""
        if number:
            ratio = step.log_total - steps[number - 1].log_total
            factor = f"× {show(ratio, 3)}" if abs(ratio) < float("inf") else ""
        worst = largest is not None and step is largest[0]
        rows.append({"step": step, "name": short_name(step), "factor": factor, "worst": worst})
    return rows


def _losses(study: Study) -> list[Record]:
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


def _accuracies(study: Study, activation: str) -> list[Record]:
    trials = study.of(activation)
    sizes = sorted({row.k for row in trials[0].rows})
    return [
        {"k": k, "cells": [mean_accuracy(trials, method, k) for method in METHODS]} for k in sizes
    ]
