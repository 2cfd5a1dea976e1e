r"""`approximation.comparator`: the small network beside a linear image of the large one's run.

After a fit of the small network's own run its nodes are no longer those of J: they hold other
combinations of the large network's states, and what `approximation.general` carries from matched
nodes cancels only in the sum. For *any* maps c_t = B_t (h_t, 1), c_0 = 0, put
p_t := s(W_h' c_{t-1} + W_i' x_t + b_h') - c_t, the defect of one step of the small network along
the comparator, and q_t := (W_o' c_t + b_o') - (W_o h_t + b_o). Then e_t = h'_t - c_t obeys
e_t = Delta_t W_h' e_{t-1} + p_t with secant factors 0 <= Delta_t <= rho, and
f'_t - f_t = W_o' e_t + q_t. B_t = the rows of J gives `approximation.general`. Here each B_t is the
least-squares fit of h'_t on (h_t, 1): the bound says how much of the error is left where the two
networks are linearly related at every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.blocks import Blocks, along_bound, checked_blocks, log_gap_norms
from bounds.approximation.carried import carried_along
from bounds.approximation.closed import FAILED, nothing_found
from bounds.approximation.general import check_pair
from bounds.approximation.images import ImageSums, unless_through_all, with_one
from bounds.approximation.measured import RunErrors, Runs, paired_runs, read_rounding
from bounds.approximation.recursion import log_norms, log_square_mean, log_state_norms
from bounds.rounding import SMALLEST_NORMAL, inner_product, raised, roundings
from bounds.terms import Bound
from pruning.cells.secants import secant_factors
from pruning.checks import Array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

ID = "approximation.comparator"


def comparator_bound(
    pruned: PrunedRNN,
    x: ArrayLike,
    weights: ArrayLike | None = None,
    batch: int = 64,
    *,
    block: int = 1,
    with_read_out: bool = False,
) -> Bound:
    r"""||f' - f||_{n,w} <= ||q||_{n,w} + || sum_s ||W_o' Delta_t W_h' ... W_h' p_s|| ||_{n,w}.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks, of any weights.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample: both networks are run on it, twice.
    weights : (T,) array, optional
        Any time weights; 1/T by default.
    batch : int
        Sequences held in memory at a time.
    block, with_read_out : int, bool
        As in `general_bound`: lags added before a norm is taken, and q_t with them.

    Returns
    -------
    Bound
        Terms ``read-out`` and ``propagated``, or ``propagated`` alone where q_t is in it; +inf,
        with a sentence, where floats cannot tell. Labelled as no bound where there are no more
        sequences than the fits have columns, so that c_t = h'_t.

    Raises
    ------
    ValueError
        If the networks do not match, or a block holds all lags.

    Notes
    -----
    Norms are taken of the terms of an identity, along both runs, and, since the terms sum to
    W_o' e_t, which is measured, the norm of that where it is larger. Cost O(n T d_y k^2) for the
    last step alone, O(n T^2 k^2) otherwise. Source: theory, section 11.
    """
    check_pair(pruned)
    checked = pruned.original.check_input(x)
    w = time_weights(weights, checked.shape[1])
    blocks = checked_blocks(block, with_read_out, w)
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
            return _bound(pruned, checked, w, batch, blocks)
    except FAILED as error:
        return nothing_found(ID, str(error) or type(error).__name__)


def _bound(pruned: PrunedRNN, x: Any, w: Array, batch: int, blocks: Blocks) -> Bound:
    n, T = x.shape[:2]
    maps, rank = _fitted(pruned, x, batch)
    full, small = pruned.original, pruned.pruned
    read_out, spread, start, errors = [], [], 0, RunErrors(pruned)
    for runs in paired_runs(pruned, x, batch):
        part = x[start : start + len(runs.states)]
        start += len(part)
        c = np.einsum("ntm,tmk->ntk", with_one(runs.states), maps)
        born, change = _step(pruned, part, c, runs)
        e = runs.pruned_states - c
        factors = secant_factors(e - born, change, small.activation)
        q = c @ small.w_output.T - runs.states @ full.w_output.T
        q += small.b_output - full.b_output
        off = errors.original(part, runs.states)
        slip = _slip(pruned, c, runs, off)
        last_only = bool(not w[:-1].any())
        carried = carried_along(small, factors, born, last_only, after=True, blocks=blocks, q=q)
        logs = log_norms(raised(carried, 8 * (T + small.m))[..., None])
        # The terms sum to W_o' e_t, which is measured: no rounding of theirs can go below it.
        apart = errors.pruned(part, runs.pruned_states)
        apart = apart + roundings(1, np.abs(runs.pruned_states) + np.abs(c))
        unseen = raised(apart @ np.abs(small.w_output).T, small.m + 8)
        if blocks.apart:
            read_out.append(log_square_mean(log_norms(np.abs(q) + slip), w))
            floor = log_state_norms(e, small.w_output, unseen)
        else:
            floor = log_gap_norms(e, small.w_output, q, unseen + slip)
        spread.append(log_square_mean(np.maximum(logs, floor), w))
    carried_text = r"W_o' \Delta_t W_h' \cdots \Delta_{s+1} W_h' p_s"
    inputs = {"T": T, "n": n}
    found = along_bound(ID, blocks, read_out, spread, carried_text, inputs, errors.condition)
    return unless_through_all(found, rank, n)


def _slip(pruned: PrunedRNN, c: Array, runs: Runs, off: Array) -> Array:
    """How far q may be from that of the exact states of the original, (n, T, d_y)."""
    full, small = pruned.original, pruned.pruned
    size = np.abs(c) @ np.abs(small.w_output).T + np.abs(runs.states) @ np.abs(full.w_output).T
    size = size + np.abs(small.b_output) + np.abs(full.b_output)
    slip = inner_product(full.m + small.m + 2, size)
    # Products that are not 0 may be no floats, nor their sum.
    some = (c != 0) @ (small.w_output != 0).T | (runs.states != 0) @ (full.w_output != 0).T
    slip = np.where(some, np.maximum(slip, (full.m + small.m) * SMALLEST_NORMAL), slip)
    return np.asarray(slip + read_rounding(full.w_output, off))


def _step(pruned: PrunedRNN, x: Any, c: Array, runs: Runs) -> tuple[Array, Array]:
    """p_t, and W_h' e_{t-1}, which is what the two arguments of s differ by."""
    small = pruned.pruned
    drive = small.w_input.T[x] if x.ndim == 2 else x @ small.w_input.T
    along = drive + small.b_hidden
    along[:, 1:] += c[:, :-1] @ small.w_hidden.T
    change = np.zeros_like(c)
    change[:, 1:] = (runs.pruned_states - c)[:, :-1] @ small.w_hidden.T
    return small.activation.apply(along) - c, change


def _fitted(pruned: PrunedRNN, x: Any, batch: int) -> tuple[Array, int]:
    """B_t^T of every step, (T, m + 1, k): least squares of h'_t on (h_t, 1); and their rank."""
    sums = ImageSums(x.shape[1], pruned.original.m + 1, pruned.pruned.m)
    for runs in paired_runs(pruned, x, batch):
        sums.add(with_one(runs.states.transpose(1, 0, 2)), runs.pruned_states.transpose(1, 0, 2))
    return sums.maps()
