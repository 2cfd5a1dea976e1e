"""Spectral pruning: from a network and its second moments to a smaller network (F22).

Theory, sections 0 and 1: W_h' = W_h[J,:] A, W_i' = W_i[J,:], b_h' = b_h[J], W_o' = W_o A and
b_o' = b_o.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.backpropagation import TARGETS
from pruning.balanced import balanced_weight
from pruning.checks import (
    Array,
    Inputs,
    as_array,
    as_generator,
    choice,
    integer,
    node_set,
    positive,
    positive_in_units,
    real_array,
    ridge,
    ridge_in_units,
    unused,
    unused_tau,
)
from pruning.covariance import Moments, StateCovariance, covariance_of, seen
from pruning.fisher import softmax_network
from pruning.gauss_newton import RefitStep
from pruning.observability import Observability
from pruning.pruned_rnn import PrunedRNN as PrunedRNN
from pruning.reconstruction import reconstruction_matrix, residual
from pruning.refit.closed_loop import refit_closed_loop
from pruning.refit.divergence import refit_divergence
from pruning.refit.read_out import refit_read_out
from pruning.rnn import RNN
from pruning.selection.dispatch import METHODS, WEIGHTED, select
from pruning.selection.reading import given_theta, reading_weight
from pruning.selection.selection import Selection

OBJECTIVES = ("spectral", "balanced")
REFITS = ("read-out", "closed-loop")
OUTPUTS = ("numbers", "logits")
OBSERVED, FITTED = 5000, 5000
"""At most so many sequences give the balanced weight, and a refit."""

READS = {"last": "last", "every": "mean"}


def selection_weight(rnn: RNN, theta: float, normalise: bool = True) -> Array:
    """Return the fixed weight M of the selection's objective Tr[M C], shape (m, m).

    M = theta I + (1 - theta) Z^T Z with Z = [W_o; W_h].

    Parameters
    ----------
    rnn : RNN
    theta, normalise
        See `pruning.selection.reading.reading_weight`.

    Examples
    --------
    >>> from rnnbounds import RNN, selection_weight
    >>> rnn = RNN([[0, 0], [0, 0]], [[1], [1]], [0, 0], [[1, 0]], [0])
    >>> selection_weight(rnn, theta=0.5)
    array([[0.75, 0.  ],
           [0.  , 0.25]])
    """
    return reading_weight([rnn.w_output, rnn.w_hidden], theta, normalise)


def spectral_prune(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    theta: float | None = None,
    tau: ArrayLike | None = None,
    reconstruct: bool = True,
    method: str = "greedy",
    rng: np.random.Generator | int | None = None,
    *,
    lam: float | None = None,
    normalise: bool | None = None,
    objective: str = "spectral",
    refit: str | None = None,
    x: ArrayLike | None = None,
    targets: str | None = None,
    weight: ArrayLike | None = None,
    outputs: str | None = None,
    progress: Callable[[RefitStep], None] | None = None,
) -> PrunedRNN:
    """Prune the hidden layer to k nodes.

    Source: F22 (reconstructed), theory sections 0 and 1; section 11 for ``balanced`` and `refit`.

    Parameters
    ----------
    rnn : RNN
        The trained network, m nodes.
    covariance_or_x : StateCovariance, (m, m) float array S, or inputs x
        Inputs are floats (n, T, d_x) or integer tokens (n, T); their states are streamed. Of these,
        and of `StateCovariance.from_network`, the rounding of the run is known, and bounds pay for
        it; an array S is taken to be that of the network's states.
    k : int
        Nodes to keep, 0..m; with ``leverage`` the number of draws, at most m.
    theta : float, optional
        Weight of L_A against L_B in the objective ``spectral``, in [0, 1]; 0.5 by default.
    tau : float or (m,) array, optional
        Regulariser >= 0, one value a node of the original network. None means 1e-8 Tr S/m, and the
        merged tau of the draws with ``leverage``.
    reconstruct : bool
        False replaces the reconstruction matrix by the 0/1 embedding of the nodes.
    method : str
        See `select_nodes`.
    rng : numpy Generator or seed
        For the methods that draw.
    lam : float
        > 0, for ``leverage``.
    normalise : bool, optional
        See `selection_weight`; True by default.
    objective : {"spectral", "balanced"}
        Count residuals by what reads the state at the next step (F22), or by what the outputs feel
        of them through all later steps (`balanced_weight`), with neither theta nor normalise.
    refit : {None, "read-out", "closed-loop"}
        Fit the read-out, or all weights of the small network, to the large one's outputs
        (`pruning.refit`). No labels are needed.
    x : (n, T, d_x) floats or (n, T) tokens, optional
        Sequences for the balanced weight and for `refit`; by default `covariance_or_x`, where that
        holds inputs. At most `OBSERVED` and `FITTED` of them are used, drawn by `rng` (seed 0
        where it is not given).
    targets : {None, "last", "every"}
        Whether the output counts at the last step, as by default, or, on average, at every one.
    weight : (m, m) array, optional
        M of the objective, in place of either; for ``balanced`` what `balanced_weight` returned.
    outputs : {None, "numbers", "logits"}
        What the balanced objective and a refit take the outputs for: numbers, whose squared gaps
        count, or logits, of which the divergence of their softmax counts (`refit_divergence`).
        None: logits where the network reads tokens and has an output for each of them, as language
        models have, and numbers otherwise.
    progress : callable, optional
        Called with a `RefitStep` after each step of the closed loop.

    Raises
    ------
    ValueError
        For bad input, and for an argument that has no effect beside the others: theta and normalise
        with another weight or a method that looks at none, lam but for ``leverage``, a tau that is
        not 0 for the embedding of nodes that are chosen without it, x, targets and outputs where
        there is neither a balanced weight to be made nor a refit, and progress without a refit.

    Examples
    --------
    >>> import numpy as np
    >>> from pruning import RNN, spectral_prune
    >>> rng = np.random.default_rng(0)
    >>> rnn = RNN(np.eye(4), rng.normal(size=(4, 2)), np.zeros(4), np.ones((1, 4)), [0.0])
    >>> pruned = spectral_prune(rnn, rng.normal(size=(10, 5, 2)), k=2)
    >>> pruned.pruned.m, len(pruned.nodes)
    (2, 2)
    """
    choice("objective", objective, OBJECTIVES)
    if refit is not None:
        choice("refit", refit, REFITS)
    if targets is not None:
        choice("targets", targets, TARGETS)
    held = seen(rnn, covariance_or_x)
    S, exponent = covariance_of(rnn, held)
    k = integer("k", k, low=0, high=rnn.m)
    if objective == "balanced" and method not in WEIGHTED:
        raise ValueError(
            f"method must be one of {', '.join(WEIGHTED)} for the objective 'balanced', "
            f"got {method!r}"
        )
    if weight is not None and method not in WEIGHTED:
        raise ValueError(
            f"weight must be left out but for the methods {', '.join(WEIGHTED)}, got one for "
            f"{method!r}, which would not look at it"
        )
    choice("method", method, METHODS)
    beside = _beside(objective, method, weight)
    theta = given_theta(theta, beside)
    if beside:
        unused("normalise", normalise, beside)
    if method != "leverage":
        unused("lam", lam, f"the method {method!r}")
    if not reconstruct and method not in WEIGHTED:
        unused_tau(tau, f"the method {method!r} and no reconstruction")
    if refit is None:
        unused("progress", progress, "no refit")
        if objective == "spectral" or weight is not None:
            beside = "a weight" if objective == "balanced" else "the objective 'spectral'"
            for name, value in {"x": x, "targets": targets, "outputs": outputs}.items():
                unused(name, value, f"{beside} and no refit")
    targets = targets or "last"
    inputs: Any = None
    if refit is not None or (objective == "balanced" and weight is None):
        inputs = inputs_of(rnn, covariance_or_x if x is None else x)
        rng = as_generator("rng", 0 if rng is None else rng)
    tau, lam = (
        _in_units(tau, exponent),
        None if lam is None else positive_in_units(positive("lam", lam), exponent),
    )
    # What the answer says of theta is true of a weight that was made with it.
    made_with = theta if objective == "spectral" and weight is None else None
    # Other methods do not look at the objective.
    if weight is None and method in WEIGHTED:
        if objective == "balanced":
            weight = observed_weight(rnn, inputs, targets, rng, outputs)
        else:
            weight = selection_weight(rnn, theta, normalise is not False)
    kept = select(S, k, method, weight, tau, lam, rng, theta=made_with)
    pruned = _assemble(rnn, S, exponent, kept, reconstruct, method, held)
    pruned = replace(pruned, objective=objective)
    if refit is None:
        return pruned
    return refitted(pruned, inputs, refit, targets, rng, progress, outputs)


def _beside(objective: str, method: str, weight: ArrayLike | None) -> str:
    """What leaves theta without effect; empty where it has one."""
    if objective != "spectral":
        return f"the objective {objective!r}"
    if weight is not None:
        return "a weight"
    return "" if method in WEIGHTED else f"the method {method!r}"


def observed_weight(
    rnn: RNN,
    x: ArrayLike,
    targets: str = "last",
    rng: np.random.Generator | int | None = None,
    outputs: str | None = None,
) -> Array:
    """Return the balanced weight from at most `OBSERVED` sequences, shape (m, m).

    Exact for outputs at the last step; by one random probe a sequence where every step counts.

    Parameters
    ----------
    rnn, x
        As in `spectral_prune`.
    targets : {"last", "every"}
    rng : numpy Generator or seed
        Draws sequences and probes; seed 0 by default.
    outputs : {None, "numbers", "logits"}
        As in `spectral_prune`. For logits, by `softmax_network`, which the probes see.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, observed_weight, select_nodes, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> M = observed_weight(rnn, x, rng=0)
    >>> select_nodes(spectral_prune(rnn, x, 6).covariance, 3, weight=M).size
    3
    """
    generator = as_generator("rng", 0 if rng is None else rng)
    drawn = _drawn(inputs_of(rnn, x), OBSERVED, generator)
    return balanced_weight(unobserved(rnn, drawn, targets, generator, outputs).update(drawn))


def unobserved(
    rnn: RNN, x: Inputs, targets: str, rng: np.random.Generator, outputs: str | None
) -> Observability:
    """Return what `observed_weight` fills from the sequences x, before it has seen any.

    For logits the network is `softmax_network` of x.
    """
    probes = None if choice("targets", targets, TARGETS) == "last" else 1
    if are_logits(rnn, x, outputs):
        rnn = softmax_network(rnn, x, READS[targets])
    return Observability(rnn, x.shape[1], READS[targets], probes, rng)


def refitted(
    pruned: PrunedRNN,
    x: ArrayLike,
    refit: str,
    targets: str = "last",
    rng: np.random.Generator | int | None = None,
    progress: Callable[[RefitStep], None] | None = None,
    outputs: str | None = None,
) -> PrunedRNN:
    """Return the pruned network with weights fitted to the outputs of the original.

    Parameters
    ----------
    pruned : PrunedRNN
        Of any method.
    x, refit, targets, rng, progress, outputs
        As in `spectral_prune`; ``closed-loop`` starts from ``read-out``.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, refitted, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(100, 5, 2))
    >>> pruned = spectral_prune(rnn, x, k=3)
    >>> refitted(pruned, x, "read-out").refit
    'read-out'
    """
    large, small = pruned.original, pruned.pruned
    choice("refit", refit, REFITS)
    generator = as_generator("rng", 0 if rng is None else rng)
    drawn = _drawn(inputs_of(large, x), FITTED, generator)
    weights = READS[choice("targets", targets, TARGETS)]
    closed = refit == "closed-loop"
    if are_logits(large, drawn, outputs):
        first = None if closed else progress
        rnn = refit_divergence(large, small, drawn, weights, progress=first)
        if closed:
            rnn = refit_divergence(
                large, rnn, drawn, weights, fit_recursion=True, progress=progress
            )
    else:
        rnn = refit_read_out(large, small, drawn, weights)
        if closed:
            rnn = refit_closed_loop(large, rnn, drawn, weights, progress=progress)
    return replace(pruned, pruned=rnn, refit=refit)


def prune_to(
    rnn: RNN,
    covariance_or_x: Moments,
    nodes: ArrayLike,
    tau: ArrayLike | None = None,
    reconstruct: bool = True,
    method: str = "given nodes",
) -> PrunedRNN:
    """Prune the hidden layer to the given nodes.

    Parameters
    ----------
    rnn, covariance_or_x, reconstruct
        As in `spectral_prune`.
    nodes : (k,) integer array
        J, distinct.
    tau : float or (k,) array, optional
        Regulariser >= 0, one value a kept node in the order of `nodes`; None means 1e-8 Tr S/m.
        Without reconstruction there is none but 0.
    method : str
        What the result says about how the nodes were chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, prune_to
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> prune_to(rnn, x, [4, 1]).nodes
    array([1, 4])
    """
    if not reconstruct:
        unused_tau(tau, "no reconstruction")
    held = seen(rnn, covariance_or_x)
    S, exponent = covariance_of(rnn, held)
    checked = node_set("nodes", nodes, rnn.m)
    order = np.argsort(np.asarray(nodes).reshape(-1), kind="stable")
    kept_tau = ridge("tau", _in_units(tau, exponent), len(checked), S)[order]
    return _assemble(rnn, S, exponent, Selection(checked, kept_tau), reconstruct, method, held)


def are_logits(rnn: RNN, x: Inputs, outputs: str | None) -> bool:
    """Whether the divergence of the softmax counts; `OUTPUTS`, or None for what it looks like."""
    if outputs is not None:
        return choice("outputs", outputs, OUTPUTS) == "logits"
    return bool(x.ndim == 2 and rnn.d_y == rnn.d_x >= 2)


def _in_units(tau: ArrayLike | None, exponent: int) -> ArrayLike | None:
    """Tau in units of 4^exponent, those of the covariance."""
    if tau is None or not exponent:
        return tau
    return ridge_in_units(real_array("tau", tau), exponent)


def _assemble(
    rnn: RNN,
    S: Array,
    exponent: int,
    kept: Selection,
    reconstruct: bool,
    method: str,
    held: StateCovariance | Array,
) -> PrunedRNN:
    nodes, tau = kept.nodes, kept.tau
    if reconstruct:
        A = reconstruction_matrix(S, nodes, tau)
    else:
        A = np.eye(rnn.m)[:, nodes]
        tau = np.zeros(len(nodes))
    pruned = RNN(
        rnn.w_hidden[nodes] @ A,
        rnn.w_input[nodes],
        rnn.b_hidden[nodes],
        rnn.w_output @ A,
        rnn.b_output,
        rnn.activation,
    )
    with np.errstate(over="ignore", invalid="ignore"):
        loss = residual(S, nodes, A) + (A * tau) @ A.T
        losses = {
            "hidden": float(np.trace(loss)),
            "output": float(np.vdot(rnn.w_output @ loss, rnn.w_output)),
            "recurrent": float(np.vdot(rnn.w_hidden[nodes] @ loss, rnn.w_hidden[nodes])),
        }
    # One beyond floats, or the difference of two that are, is infinite.
    losses = {n: max(0.0, v) if math.isfinite(v) else math.inf for n, v in losses.items()}
    known = isinstance(held, StateCovariance) and held.is_run_of(rnn)
    return PrunedRNN(
        rnn,
        pruned,
        nodes,
        tau,
        A,
        S,
        kept.theta,
        method,
        losses,
        exponent,
        rounding=held.rounding if known else None,  # type: ignore[union-attr]
    )


def inputs_of(rnn: RNN, x: object) -> Inputs:
    """Checked inputs; the error says that a covariance is not enough here."""
    array = None if isinstance(x, StateCovariance) else as_array("x", x)
    if array is None or (array.ndim == 2 and array.dtype.kind == "f"):
        raise ValueError(
            "x must be sequences for the objective 'balanced' and for a refit, got second moments "
            "only: give x=... besides them"
        )
    return rnn.check_input(array)


def _drawn(x: Inputs, most: int, rng: np.random.Generator) -> Inputs:
    """At most so many sequences, in random order, so that the last ones can be held out."""
    return x[rng.permutation(len(x))[:most]]
