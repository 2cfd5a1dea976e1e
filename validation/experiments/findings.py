"""What the finished rows say of spectral pruning beside the other methods."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from validation.experiments.grids import SCRATCH
from validation.experiments.methods import WHOLE, file_of, method_named
from validation.experiments.summaries import Cell, Results, show


@dataclass(frozen=True)
class Lead:
    """By how much spectral pruning is better than another method; less than 0 where it is worse.

    Attributes
    ----------
    rival : str
    score : Cell
        That of the rival.
    seedwise : Cell or None
        The lead of every seed, where both have the same seeds.
    margin : float
        The lead of the means.
    deviations : float or None
        The same in the larger of the two standard deviations, infinite where both are 0; None for
        one seed, which has no deviation.
    """

    rival: str
    score: Cell
    seedwise: Cell | None
    margin: float
    deviations: float | None


def lead(
    results: Results,
    k: int,
    in_paper: bool = False,
    trained: bool = False,
    feels_recursion: bool = True,
) -> Lead | None:
    """Compare spectral pruning with the best other method with as few parameters.

    `in_paper` leaves only the methods that the paper compares with; `trained` compares after
    fine-tuning, and leaves out the small network from scratch; without `feels_recursion` those of
    section 11 are left out. None without rows.
    """
    own = results.scores("spectral", k, trained=trained)
    rivals = [
        pair
        for pair in results.rivals(k, trained=trained)
        if pair[0] != SCRATCH
        and (not in_paper or _in_paper(pair[0]))
        and (feels_recursion or not knows_recursion(pair[0]))
        # One that is not finished yet is no rival: its mean is over other seeds.
        and (own is None or len(pair[1].values) >= len(own.values))
    ]
    if own is None or not rivals:
        return None
    name, other = rivals[0]
    margin, spread = _margin(results, own, other)
    deviations = None
    if len(own.values) > 1:
        deviations = margin / spread if spread else math.copysign(math.inf, margin) * (margin != 0)
    seedwise = None
    if len(own.values) == len(other.values):
        sign = 1 if results.larger_is_better else -1
        seedwise = Cell(tuple(sign * (a - b) for a, b in zip(own.values, other.values)))
    return Lead(name, other, seedwise, margin, deviations)


def _left_out(results: Results, in_paper: bool) -> bool:
    """Whether a rival at some k has fewer seeds than spectral, so that `lead` passes it over."""
    return any(
        own is not None and len(cell.values) < len(own.values)
        for k in results.nodes
        for own in [results.scores("spectral", k)]
        for name, cell in results.rivals(k)
        if not in_paper or _in_paper(name)
    )


def _margin(results: Results, own: Cell, other: Cell) -> tuple[float, float]:
    """By how much the mean of `own` is better, and the larger of the two deviations."""
    margin = own.mean - other.mean
    spread = max(own.deviation, other.deviation)
    return margin if results.larger_is_better else -margin, spread


_LEADS = (
    "better by more than two standard deviations",
    "better by less than two standard deviations",
    "better, by one seed,",
    "not better",
)


def knows_recursion(method: str) -> bool:
    """Whether a method of the table has a balanced weight, or fits the small network."""
    if file_of(method) is not None or method == WHOLE:
        return False
    known = method_named(method)
    return bool(known.refit) or known.draws == "observed"


def _how_much(found: Lead) -> str:
    if found.margin <= 0:
        return _LEADS[3]
    if found.deviations is None:
        return _LEADS[2]
    return _LEADS[0] if found.deviations > 2 else _LEADS[1]


def _in_paper(method: str) -> bool:
    return file_of(method) is None and method_named(method).in_paper


def findings(results: Results) -> list[str]:
    """Return in sentences how spectral pruning compares with the methods of no more parameters."""
    sentences = []
    for in_paper, others in ((False, "other method"), (True, "of the paper's other methods")):
        groups: dict[str, list[str]] = {words: [] for words in _LEADS}
        for k in results.nodes:
            found = lead(results, k, in_paper)
            if found is not None:
                groups[_how_much(found)].append(str(k))
        said = [f"{words} at k = {', '.join(ks)}" for words, ks in groups.items() if ks]
        if said:
            counted = ", of those with as many seeds" if _left_out(results, in_paper) else ""
            sentences.append(
                f"Before fine-tuning, spectral against the best {others} with as few parameters"
                f"{counted}: {'; '.join(said)}."
            )
    return [
        *sentences,
        *_by_the_recursion(results),
        *_balanced(results),
        *_after_training(results),
    ]


def _by_the_recursion(results: Results) -> Iterable[str]:
    k = results.focus
    whole, true = results.scores(WHOLE, None), results.read_out(k)
    pruned = results.scores("spectral", k)
    if whole is not None and true is not None and pruned is not None:
        yield (
            f"k = {k}, where it is lost: the whole network {show(whole, results)}; read out from "
            f"the true states of the nodes that spectral keeps {show(true, results)}; with their "
            f"own recursion {show(pruned, results)}."
        )


FAMILY = tuple(
    nodes + refit
    for nodes in ("balanced", "balanced, by runs")
    for refit in ("", ", read-out", ", closed loop")
)
"""Pruning by what the output feels, and its refits; none of them reads a label."""


def _balanced(results: Results) -> Iterable[str]:
    """The family against the best method that has neither its weight nor its refit."""
    k = results.focus
    for trained, when in ((False, "before fine-tuning"), (True, "after fine-tuning")):
        cells = [(name, results.scores(name, k, trained=trained)) for name in FAMILY]
        found = [(name, cell) for name, cell in cells if cell is not None]
        rivals = [
            pair
            for pair in results.rivals(k, "balanced", trained=trained)
            if not knows_recursion(pair[0]) and pair[0] != SCRATCH
        ]
        if not found or not rivals:
            continue
        rival, other = rivals[0]
        said = []
        for name, own in found:
            margin, spread = _margin(results, own, other)
            words = "not better" if margin <= 0 else "better"
            if margin > 0 and len(own.values) > 1:
                sign = "more" if margin > 2 * spread else "less"
                words += f" by {sign} than two standard deviations"
            count = len(own.values)
            seeds = f" ({count} seed{'s' * (count > 1)})" if count < len(other.values) else ""
            said.append(f"{name} {show(own, results)}{seeds}, {words}")
        yield (
            f"k = {k}, {when}, against the best of the other methods, {rival} with "
            f"{show(other, results)}: {'; '.join(said)}."
        )


def _after_training(results: Results) -> Iterable[str]:
    k = results.focus
    scratch = results.scores(SCRATCH, k, trained=True)
    if scratch is None:
        return
    for name in ("spectral", *FAMILY):
        tuned = results.scores(name, k, trained=True)
        if tuned is None:
            continue
        margin, spread = _margin(results, tuned, scratch)
        verdict = "at least as good" if margin >= 0 else "worse"
        if margin < 0 and spread:
            verdict += f" by {-margin / spread:.1f} standard deviations"
        yield (
            f"k = {k}, after fine-tuning: {name} {show(tuned, results)}, the small network from "
            f"scratch {show(scratch, results)}: {name} is {verdict}."
        )
