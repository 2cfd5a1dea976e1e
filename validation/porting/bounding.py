"""What `rnnbounds bounds` prints: the error that pruning makes, and what bounds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bounds.approximation import approximation_bound, gated_intervals_bound
from bounds.approximation.along_runs import along_runs_bound, measured_gap
from bounds.assembly import Setting
from bounds.gated_classes import GatedRadii, chen2020_gated, gated_bound
from bounds.sample import largest_input, mean_loss, ramp
from bounds.terms import Bound
from pruning.checks import integer
from pruning.losses import margins
from pruning.rnn import RNN
from pruning.spectral import prune_to
from pruning.stack import Stack
from pruning.stack_pruning import PrunedStack
from validation.porting.chains import fitted, wanted
from validation.porting.models import PrunedFile, Settings, StackForm, described, opened
from validation.porting.sequences import Sequences, read_sequences

FROM_S = ("global", "best")
FITTED = 4000  # sequences at most that images are fitted on
FEW = 4  # sequences for each column of an image, at least


@dataclass(frozen=True, eq=False)
class Bounded:
    """The measured error of a pruned network and bounds on it.

    Attributes
    ----------
    words : str
        Both networks in a phrase.
    error : float
        ||f' - f^||_{n,w} on the sequences.
    size : float
        ||f^||_{n,w}, to hold it against.
    steps : str
        Which outputs count, in words.
    bounds : list of Bound
    risks : list of Bound
        On the risk of the pruned network over new sequences, where there are labels.
    notes : list of str
        What was left out, and why.
    """

    words: str
    error: float
    size: float
    steps: str
    bounds: list[Bound]
    risks: list[Bound]
    notes: list[str]


def bound_file(
    model: Path,
    data: Path,
    settings: Settings,
    *,
    activation: str | None = None,
    time_major: bool = False,
    every_step: bool = False,
    sequences: int = 200,
) -> Bounded:
    """Prune the network in a file and bound the error that this makes.

    Parameters
    ----------
    model, data, settings, activation, time_major, every_step
        As in `rnnbounds prune`.
    sequences : int
        Both networks are run along so many of the evaluation sequences.

    Raises
    ------
    ValueError
        For ONNX and Keras files whose recurrent layers are no chain under a linear layer, padded
        data, and bad input.
    """
    integer("sequences", sequences, 1)
    form = opened(model, activation)
    held = read_sequences(data, time_major)
    if isinstance(form, StackForm) and held.y_eval is not None and held.y_eval.ndim == 2:
        every_step = True  # as `rnnbounds prune` takes labels of every step
    if every_step:
        settings = replace(settings, reads="every")
    found: list[Bound] = []
    notes: list[str] = []
    if isinstance(form, StackForm):
        form.check(held, Path("small.npz"))
        if held.lengths_eval is not None:
            raise ValueError("bounds are for sequences of one length, got lengths")
        pruned = form.prune(held, settings)
        assert isinstance(pruned, PrunedFile)
        result = pruned.result
    else:
        form.check(held, Path("small").with_suffix(model.suffix))
        held, result = _of_a_chain(form, held, settings, every_step, sequences)
        notes.append("what the linear layer adds to both networks, and what follows it")
    x = np.asarray(held.x_eval[:sequences])
    T = x.shape[1]
    weights = np.full(T, 1 / T) if every_step else np.eye(T)[-1]
    if len(result.original.layers[-1]) == 2:
        notes.append("along both runs: for one direction only")
    elif _is_deep_and_plain(result):
        notes.append("along both runs: of plain cells for one layer only")
    else:
        found.append(along_runs_bound(result, x, weights))
        if _is_gated(result):
            found.append(gated_intervals_bound(result, x, weights))
        if settings.refit == "closed-loop":
            found += _beside_images(result, x, weights, held)
    if _is_plain(result) and not settings.refit:
        found = [*_from_moments(result, x, every_step), *found]
    elif settings.refit:
        notes.append("bounds from S alone: for weights by reconstruction, not refitted ones")
    else:
        notes.append("bounds from S alone: for plain cells in one layer only")
    f = result.original.predictions(x)
    size = float(np.sqrt((np.square(f).sum(axis=2) @ weights).mean()))
    steps = "the mean over all steps" if every_step else "the last step"
    words = f"{form.words} -> {described(result.pruned)}"
    error = measured_gap(result, x, weights)
    known = isinstance(form, StackForm) and not every_step
    risks = _risks(result.pruned, x, held.y_eval) if known else []
    steps = f"{steps} of {len(x):,} sequences"
    return Bounded(words, error, size, steps, found, risks, notes)


def _of_a_chain(
    form: Any, held: Sequences, settings: Settings, every_step: bool, sequences: int
) -> tuple[Sequences, PrunedStack]:
    """The recurrent layers of a graph and the linear layer that reads them, as a stack.

    The sequences are what the first recurrent layer reads: the graph's own library runs what stands
    in front. `prune` keeps the same nodes, or there is no saying what is bounded.
    """
    chain = form.chain(held.x)
    if chain.rows is None:
        raise ValueError(
            "bounds are on the outputs of a linear layer that reads the states, "
            "got a network that has another one there"
        )
    if len(chain.layers[-1]) == 2:
        raise ValueError(
            "bounds are for one direction where a graph is read, got both: "
            "take a state_dict of torch"
        )
    if every_step and chain.reads == "last":
        raise ValueError(
            "--every-step is for networks of which every state is read, got one that reads the last"
        )
    bias = np.zeros(len(chain.rows)) if chain.bias is None else chain.bias
    stack = Stack(chain.layers, chain.rows, bias)
    result = fitted(stack, chain.x, None, replace(settings, reads=chain.reads))
    # Where gradients or a fit are asked for, `prune` makes this very stack: not twice.
    kept = [[side.tolist() for side in layer] for layer in result.nodes]
    if not wanted(settings) and form.prune(held, settings).nodes != kept:
        raise ValueError(
            "the nodes that `rnnbounds prune` keeps of this graph are not those of its layers as a "
            "stack, so that there is nothing to bound: give --objective balanced, or a state_dict"
        )
    shown = form.chain(held.x_eval[:sequences]).x
    return Sequences(chain.x, None, shown, None, None, held.held_out), result


def _beside_images(result: PrunedStack, x: Any, weights: Any, held: Sequences) -> list[Bound]:
    """The form for networks whose nodes hold what they please, where sequences are enough for it.

    Images are fitted on the sequences that the network was fitted on.
    """
    (cell,) = result.original.layers[-1]
    columns = (2 if cell.kind == "lstm" else 1) * cell.m + 1
    few = len(held.x) < FEW * columns or x.shape[1] < 3
    if few or held.lengths is not None or held.x.shape[1] != x.shape[1]:
        return []
    fitted_on = np.asarray(held.x[:FITTED])
    return [
        along_runs_bound(
            result,
            x,
            weights,
            beside="images",
            block=2,
            with_read_out=True,
            products=True,
            fitted_on=fitted_on,
        )
    ]


def _risks(small: Stack, x: Any, y: Any) -> list[Bound]:
    """Section 7's theorem for a gated network of one layer, and the form of Chen, Li and Zhao."""
    (cell, *others), *more = small.layers
    if y is None or np.ndim(y) != 1 or cell.kind not in ("gru", "lstm"):
        return []
    if others or more or small.embedding is not None:
        return []
    f = small.predictions(x)[:, -1]
    loss = mean_loss(ramp(margins(f, np.asarray(y)[: len(x)]), Setting.gamma), "margin_ramp")
    setting = Setting(len(x), x.shape[1], loss, complexity="net_chain", split="minimising")
    radii = GatedRadii.of(small, largest_input(x))
    return [gated_bound(small, setting, radii), chen2020_gated(setting, radii)]


def _is_plain(result: PrunedStack) -> bool:
    layers = result.original.layers
    return len(layers) == 1 and len(layers[0]) == 1 and layers[0][0].kind == "plain"


def _is_deep_and_plain(result: PrunedStack) -> bool:
    """Several layers with a plain one on top, which `along_runs_bound` refuses."""
    layers = result.original.layers
    return len(layers) > 1 and layers[-1][0].kind == "plain"


def _is_gated(result: PrunedStack) -> bool:
    """One layer, one direction; what `gated_intervals_bound` takes."""
    layers = result.original.layers
    return len(layers) == 1 and len(layers[0]) == 1 and layers[0][0].kind in ("gru", "lstm")


def _from_moments(result: PrunedStack, x: Any, every_step: bool) -> list[Bound]:
    """Bounds of section 3 on the sample itself: S is formed from it again."""
    from pruning.covariance import StateCovariance

    stack, cell = result.original, result.original.layers[0][0]
    assert cell.kind == "plain"
    rnn = RNN(
        cell.w_hidden,
        cell.w_input if stack.embedding is None else cell.w_input @ stack.embedding.T,
        cell.b_input + cell.b_hidden,
        stack.w_output,
        stack.b_output,
        cell.activation,  # type: ignore[union-attr]
    )
    covariance = StateCovariance.from_network(rnn, x, per_step=True)
    pruned = prune_to(rnn, covariance, result.nodes[0][0])
    same = np.allclose(
        pruned.pruned.w_hidden, result.pruned.layers[0][0].w_hidden, rtol=1e-9, atol=1e-12
    )
    if not same:
        # S of the sample differs from the S that the network was pruned on: A is that one's.
        small = result.pruned.layers[0][0]
        pruned = replace(
            pruned,
            reconstruction=result.chains[0][0],
            tau=np.zeros(len(result.nodes[0][0])),
            pruned=replace(pruned.pruned, w_hidden=small.w_hidden, w_output=result.pruned.w_output),
        )
    T = x.shape[1]
    if every_step:
        return [approximation_bound(pruned, T, method) for method in FROM_S]
    w = np.eye(T)[-1]
    return [approximation_bound(pruned, T, "best", w, covariance.per_step)]
