r"""`theorem.stratified`: radii measured on the data, and paid for (theory, section 7).

Every block's radius is rounded up to a grid 2^{j/g}, and the point j of the grid has the weight
w(j) = (2/3)/((|j|+1)(|j|+2)), which sums to 1 over the integers. A union over the grids replaces
log(1/delta) by log(1/delta) + log(1/prod w): a valid bound, without any radius fixed in advance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from bounds.assembly import assemble, common_conditions, inputs_bounded, loss_class
from bounds.formerly import formerly, stratified
from bounds.lipschitz import BLOCKS, Radii
from bounds.problem import Complexity, Problem, StatedProblem, setting_of
from bounds.rounding import add_up
from bounds.terms import FIXED_RADII, VALID, Bound, Condition
from pruning.checks import integer

if TYPE_CHECKING:
    from pruning.pruned_rnn import PrunedRNN

ZERO_WEIGHT = 1 / 8  # of the radius 0, which no power of two reaches


@formerly(stratified)
def stratified_bound(
    pruned: PrunedRNN,
    problem: Problem | StatedProblem,
    approximation: Bound | None = None,
    *,
    whole: Problem | StatedProblem | None = None,
    fineness: Mapping[str, int] | None = None,
    **how: Unpack[Complexity],
) -> Bound:
    """The bound of `theorem.fixed_nodes` with measured radii and their price.

    Parameters
    ----------
    pruned, problem, approximation, whole, **how
        As for `fixed_nodes_bound`; of the radii of the problem R_x alone is read, and the norm.
    fineness : mapping of block to int, optional
        g of each block's grid 2^{j/g}, fixed in advance: T for ``hidden`` and 1 for the others by
        default. Rounding R_h up to a power of two would multiply L by as much as 2^T.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Problem, initial_rnn, spectral_prune, stratified_bound
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> pruned = spectral_prune(rnn, x, 3)
    >>> bound = stratified_bound(pruned, Problem(pruned.pruned, x, y, input_bound=2**0.5))
    >>> bound.id, str(bound.label)
    ('theorem.stratified', 'valid')
    """
    setting = setting_of("stratified", pruned, problem, approximation, whole, how)
    small, given = pruned.pruned, problem.measured
    steps = {block: setting.T if block == "hidden" else 1 for block in BLOCKS}
    steps.update(fineness or {})
    measured = Radii.of(small, given.data, given.norm, data_fixed=given.data_fixed)
    rounded: dict[str, Any] = {}
    price = {}
    for block in BLOCKS:
        g = integer(f"fineness of {block}", steps[block], 1)
        rounded[block], price[block] = grid_radius(measured[block], g)
    # The size k, from 0..m.
    sizes = math.log(pruned.original.m + 1)
    total = add_up(setting.log_price, sizes, *price.values())
    radii = replace(measured, **rounded)
    paid = replace(setting, log_price=total)
    members = loss_class(paid, radii, small.m, small.d_x, small.d_y, small.activation)
    nats = f"Radii on a grid and k in 0..m were paid for with {total:.4g} nats."
    conditions = common_conditions(paid, members, small.activation, nats)
    label = VALID if inputs_bounded(setting, members) else FIXED_RADII
    if approximation is not None:
        conditions += approximation.conditions
        label = label if approximation.label == VALID else approximation.label
    conditions.append(Condition("f' in the class", radii.contain(small), "Radii were rounded up."))
    return assemble("theorem.stratified", paid, members, approximation, label, conditions, (nats,))


def grid_radius(radius: float, g: int) -> tuple[float, float]:
    """Return the smallest grid value 2^{j/g} >= radius, and log(1/w(j)); the atom for radius 0."""
    if radius == 0:
        return 0.0, -math.log(ZERO_WEIGHT)
    j = math.ceil(g * math.log2(radius)) - 1
    # The grid is what this float expression says, so that rounding does not matter.
    while 2.0 ** (j / g) < radius:
        j += 1
    return 2.0 ** (j / g), -math.log((1 - ZERO_WEIGHT) * grid_weight(j))


def grid_weight(j: int) -> float:
    """w(j) = (2/3)/((|j| + 1)(|j| + 2))."""
    return 2 / 3 / ((abs(j) + 1) * (abs(j) + 2))
