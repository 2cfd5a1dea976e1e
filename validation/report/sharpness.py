"""How sharp the bounds on the error are: times the measured error, over the nodes kept.

From S alone and averaged over time, and beside them what the factors of the sector alone can reach:
no bound that knows only these can be smaller.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bounds.approximation import (
    adversary_limit,
    approximation_error,
    dissipation_bound,
    saturation_bound,
    scaled_bound,
    sector_bound,
)
from bounds.approximation.trajectory import is_nondecreasing
from bounds.rounding import exp_up, log_up
from bounds.terms import Bound, show
from pruning.checks import Array
from validation.output.figures import Series, bounds_over_nodes
from validation.output.schema import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pruning.pruned_rnn import PrunedRNN

QUICK = 13  # the largest k for which the search of minutes takes seconds
QUICK_WORK = QUICK**6 * 7.0  # the same with the length: (T - 1) k^6
# Of the adversary's search; beyond these sequences the measured error counts.
SWEEPS, SEQUENCES = 3, 2000
NAMES = {
    "approximation.scaled": "scaled",
    "approximation.sector": "sector",
    "approximation.saturation": "saturation",
    "approximation.dissipation": "dissipation",
    "approximation.adversary": "reached by slopes 0 and ρ",
    "approximation.adversary.bounded": "the same with |h'| ≤ sup|s|",
}


@dataclass(frozen=True)
class Sharpness:
    """The bounds on the error of one pruned network, from S alone, and their lower limits.

    Attributes
    ----------
    k : int
        Nodes kept.
    log_error : float
        Logarithm of the measured ||f^ - f'||_{n,T}.
    bounds : dict
        By claim id; `approximation.dissipation` where it was searched.
    limits : dict
        `approximation.adversary`, and with ``.bounded`` where s is bounded, as logarithms of the
        ratio to the error.
    """

    k: int
    log_error: float
    bounds: dict[str, Bound]
    limits: dict[str, float]

    def ratios(self) -> dict[str, float]:
        """Logarithms of the bounds over the error, and of what is reached; infinite ones not."""
        if self.log_error == -math.inf:
            return {}
        found = {name: bound.log_total - self.log_error for name, bound in self.bounds.items()}
        return {
            name: value for name, value in (found | self.limits).items() if math.isfinite(value)
        }

    def to_json(self) -> Record:
        """Plain numbers: how many times the error, by claim id."""
        return {
            "k": self.k,
            "error": None if self.log_error == -math.inf else exp_up(self.log_error),
            "log10_ratio": {name: value / math.log(10) for name, value in self.ratios().items()},
            "notes": {name: list(b.notes) for name, b in self.bounds.items() if b.notes},
        }


def sharpness(pruned: PrunedRNN, x: Array, sharpest: bool = False) -> Sharpness:
    """Evaluate the bounds from S alone and the adversary.

    Parameters
    ----------
    pruned : PrunedRNN
    x : (n, T, d_x) floats or (n, T) tokens
        The sample that its covariance comes from.
    sharpest : bool
        Search `approximation.dissipation` for every size, not only where it takes seconds.
    """
    T, k = x.shape[1], pruned.pruned.m
    log_error = log_up(approximation_error(pruned, x))
    s = pruned.original.activation
    bounds = {"approximation.scaled": scaled_bound(pruned, T)}
    limits: dict[str, float] = {}
    if s.bound < math.inf:
        bounds["approximation.saturation"] = saturation_bound(pruned, T)
    if is_nondecreasing(s.name):
        bounds["approximation.sector"] = sector_bound(pruned, T)
        if sharpest or (T - 1) * float(k) ** 6 <= QUICK_WORK:
            bounds["approximation.dissipation"] = dissipation_bound(pruned, T)
        if log_error > -math.inf:
            for name, bounded in (("", False), (".bounded", True)):
                if bounded and s.bound == math.inf:
                    continue
                reached = adversary_limit(pruned, x, None, bounded, SWEEPS, SEQUENCES)
                limits[f"approximation.adversary{name}"] = reached.log_total - log_error
    return Sharpness(k, log_error, bounds, limits)


def curves_over_nodes(found: list[Sharpness], m: int) -> list[Series]:
    """The ratios over k, as logarithms; the sizes below m, where there is an error to bound."""
    sizes = [entry for entry in found if entry.k < m] or found
    ratios = [entry.ratios() for entry in sizes]
    curves = []
    for id, name in NAMES.items():
        values = [ratio.get(id) for ratio in ratios]
        if any(value is not None for value in values):
            logs = [None if value is None else value / math.log(10) for value in values]
            curves.append(Series(name, [entry.k for entry in sizes], logs))
    return curves


def figure(found: list[Sharpness], m: int, *, ax: Axes | None = None) -> Axes:
    """Draw how many times the measured error each bound is, over k."""
    ax = bounds_over_nodes(curves_over_nodes(found, m), ax=ax)
    ax.set(ylabel="times the measured error")
    return ax


def sentence(entry: Sharpness) -> str:
    """What the numbers of one size say, for a reader."""
    ratios = entry.ratios()
    bounds = {id: value for id, value in ratios.items() if id in entry.bounds}
    if not bounds:
        return ""
    best = min(bounds, key=bounds.__getitem__)
    text = (
        f"At k = {entry.k}, averaged over time and from S alone, the smallest bound is {best}, "
        f"{show(bounds[best], 3)} times the measured error."
    )
    limit = ratios.get("approximation.adversary")
    if limit is not None:
        text += (
            f" Slopes of 0 and rho reach {show(limit, 3)} times the error: no bound that knows"
            " only the sector can be below."
        )
        bounded = ratios.get("approximation.adversary.bounded")
        if bounded is not None:
            text += (
                f" With |h'| at most sup|s| they reach {show(bounded, 3)} times, the limit"
                " for bounds that know this, too."
            )
        text += " Below that only the slopes along the runs, or a pass over the data, can help."
    if "approximation.dissipation" not in entry.bounds:
        text += " approximation.dissipation was not searched at this size: --sharpest does it."
    return text
