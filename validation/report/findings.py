"""The finding in plain words. Every sentence is computed from the numbers of the study."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from bounds.terms import Bound, show
from validation.report.reference import Reference
from validation.report.study import Study
from validation.report.trials import METHODS, RECONSTRUCTED, Trial, mean_accuracy

CHAIN_NAMES = {
    "measured": "measured error",
    "split": "triangle inequality",
    "operator": "norm of the read-out taken",
    "lipschitz": "Lipschitz constant of s",
    "one_step": "norm of the recurrence taken",
    "approximation.recursion": "recursion, measured vectors",
    "approximation.weighted": "one norm a step",
    "approximation.weighted_from_mean": "one norm for all steps",
    "approximation.toeplitz": "steps replaced by their mean",
    "approximation.global": "global bound (Young)",
    "losses": "information losses",
    "approximation.a_priori": "a priori, √λ",
}


def findings(study: Study) -> list[str]:
    """Return the sentences that the page begins with."""
    reference = study.reference
    found = [_pruning(study), _chain(reference), _theorem(reference), _paid(reference)]
    found.append(_condition(reference))
    return [sentence for sentence in found if sentence]


def short_name(step: Bound) -> str:
    """Return what a step of a chain is called in figures and tables."""
    return CHAIN_NAMES.get(step.id, step.id)


def percent(value: float) -> str:
    """Write a share as a percentage with one decimal."""
    return f"{100 * value:.1f} %"


def number(log_value: float) -> str:
    """Write exp(log_value) as in a sentence: 0.0866, 1.9, 3,495, 10^18."""
    if not math.log(1e-4) < log_value < math.log(999_999):
        return show(log_value, 3)
    value = math.exp(log_value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(log_ratio: float) -> str:
    """Write exp(log_ratio) as a factor, to two figures: 1.3, 410, 1,800, 10^18."""
    if not math.log(1e-4) < log_ratio < math.log(999_999):
        return show(log_ratio, 2)
    value = float(f"{math.exp(log_ratio):.2g}")
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def order_kept(steps: Sequence[Bound]) -> bool:
    """Whether every step of a chain is at least the one before, to the rounding of its numbers.

    The measured error is computed in float64 without rounding outwards, hence the 1e-9.
    """
    logs = [step.log_total for step in steps]
    return all(b >= a - 1e-9 for a, b in itertools.pairwise(logs))


def largest_step(steps: Sequence[Bound]) -> tuple[Bound, float] | None:
    """Return the step of a chain that loses most, and the logarithm of the factor."""
    known = [(b, b.log_total - a.log_total) for a, b in itertools.pairwise(steps)]
    known = [(step, ratio) for step, ratio in known if math.isfinite(ratio)]
    return max(known, key=lambda pair: pair[1]) if known else None


def _pruning(study: Study) -> str:
    reference, trials = study.reference, study.of(study.activations[0])
    where = "training accuracy" if study.data.x_test is None else "test accuracy"
    k, m = reference.k, reference.rnn.m

    def mean(method: str | None = None) -> str:
        return percent(mean_accuracy(trials, method, None if method is None else k)[0])

    activation = trials[0].activation
    if study.model is not None:
        who = f"the {activation} network of {study.model}, {m} nodes, reaches"
    elif len(trials) == 1:
        who = f"one trained {activation} network of {m} nodes reaches"
    else:
        who = f"{len(trials)} trained {activation} networks of {m} nodes reach on average"
    others = "; ".join(f"{method}: {mean(method)}" for method in METHODS[1:])
    return (
        f"On {study.data.name}, {who} a {where} of {mean()}; pruned to {k} nodes with "
        f"reconstruction, without fine-tuning, {mean(RECONSTRUCTED)} ({others})."
        + substitutes([trial for name in study.activations for trial in study.of(name)])
    )


def substitutes(trials: Sequence[Trial]) -> str:
    """What rows named *balanced* hold where they are not what they are called; or nothing."""
    said = dict.fromkeys(why for trial in trials for why in trial.failed)
    return f" Some rows that are called balanced hold {'; '.join(said)}." if said else ""


def _chain(reference: Reference) -> str:
    steps = reference.chain.steps
    norm = "at the last step" if reference.chain.read else "averaged over time"
    first, last = steps[0], steps[-1]
    kept = all(order_kept(entry.mean) and order_kept(entry.read) for entry in reference.chains)
    verdict = (
        "Every step of the approximation bound held at every size"
        if kept
        else "A step of the approximation bound was VIOLATED at some size"
    )
    sentence = f"{verdict}; "
    if math.isinf(first.log_total):
        return sentence + f"at k = {reference.k} the error is exactly 0."
    sentence += (
        f"at k = {reference.k} the output moves by {number(first.log_total)} {norm}, and "
        f"{last.id} allows {number(last.log_total)}, "
        f"about {times(last.log_total - first.log_total)} times as much."
    )
    largest = largest_step(steps)
    if largest is not None:
        sentence += (
            f" The step that loses most, a factor of {times(largest[1])}, is {largest[0].id}."
        )
    sharpest = reference.sharpest
    sentence += f" The sharpest bound on it here is {number(sharpest.log_total)} ({sharpest.id})."
    return sentence


def _theorem(reference: Reference) -> str:
    bound = reference.bounds[0]
    top = max(bound.terms, key=lambda term: term.log_value)
    loss, kind = reference.measured.risk, "test"
    if loss is None:
        loss, kind = reference.measured.train_risk, "training"
    sentence = (
        f"{bound.name} totals {number(bound.log_total)} against a measured {kind} loss of "
        f"{loss:.3g}"
    )
    if loss > 0:
        sentence += f", about {times(bound.log_total - math.log(loss))} times as much"
    share = math.exp(top.log_value - bound.log_total)
    sentence += f"; its largest term is the {top.name}, {percent(share)} of the total."
    if bound.log_total >= 0:
        sentence += (
            " The ramp loss never exceeds 1, so this total says nothing about the network: the "
            "bound is vacuous at this size."
        )
    else:
        sentence += " The total is below 1, the trivial bound."
    return sentence


def _paid(reference: Reference) -> str:
    plain = reference.bounds[0]
    paid = reference.bound("theorem.stratified")
    sentence = (
        f"The radii in {plain.name} were measured on the trained network: it is {plain.label}."
    )
    if paid is not None:
        total = number(paid.log_total)
        sentence += (
            f" With the radii paid for and the sharpest approximation bound, {paid.name} totals "
            f"{total} ({paid.label})."
        )
    return sentence


def _condition(reference: Reference) -> str:
    bound = reference.bound("theorem.degrees_of_freedom")
    if bound is None:
        return ""
    k, m, N = reference.k, reference.rnn.m, reference.largest_freedom
    trace = float(reference.S.trace())
    sentence = (
        f"The condition k ≥ 5 N(λ) log(80 N(λ)) lets k = {k} of m = {m} nodes serve only "
        f"N(λ) ≤ {N:.3g}."
    )
    need = reference.need
    lam = next((lam for lam, n in zip(need.lams, need.published) if n <= m), None)
    if lam is not None:
        sentence += f" It is empty (asks for more than m nodes) for every λ below {lam:.3g}"
        sentence += f"; Tr S is {trace:.3g}."
    sentence += f" The total of {bound.name} is {number(bound.log_total)} ({bound.label})."
    return sentence
