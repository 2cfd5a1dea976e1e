"""Train one network, prune it to several sizes by several methods, and measure what is left."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bounds.sample import mean_loss
from pruning.baselines import random_nodes
from pruning.checks import Array, Inputs, Nodes, Targets
from pruning.covariance import StateCovariance
from pruning.initialisation import initial_rnn
from pruning.losses import loss_values
from pruning.refit.closed_loop import refit_closed_loop
from pruning.refit.divergence import refit_divergence
from pruning.refit.read_out import refit_read_out
from pruning.rnn import RNN
from pruning.spectral import (
    PrunedRNN,
    are_logits,
    observed_weight,
    selection_weight,
    spectral_prune,
)
from pruning.training import train
from validation.data.dataset import Dataset
from validation.report.settings import START, Settings

RECONSTRUCTED = "spectral, with reconstruction"
METHODS = (
    RECONSTRUCTED,
    "spectral, without reconstruction",
    "random nodes, with reconstruction",
    "random nodes, without reconstruction",
    "balanced",
    "balanced, read-out refitted",
    "balanced, closed loop",
)
FITTED, STEPS, LOGITS = 1000, 6, 1 << 25
"""Sequences and steps of a refit in the report, which is to take seconds, and logits at most."""


@dataclass(frozen=True)
class Measured:
    """What a network does on the data; None where there is no test set.

    Attributes
    ----------
    accuracy, train_accuracy : float
        Share of predictions with a positive margin (a tie is an error).
    risk, train_risk : float
        Mean margin ramp loss; that on the training sequences enters bounds and is rounded up.
    """

    accuracy: float | None
    train_accuracy: float
    risk: float | None
    train_risk: float


@dataclass(frozen=True)
class Row:
    """One pruned network: how it was made, and what it does."""

    method: str
    k: int
    measured: Measured


@dataclass(frozen=True)
class Trial:
    """One trained network and its pruned versions."""

    activation: str
    seed: int
    rnn: RNN
    whole: Measured
    rows: tuple[Row, ...]
    failed: tuple[str, ...] = ()
    """Why rows named *balanced* are not what they are called; empty where they are."""
    balanced: Mapping[int, Nodes] = field(default_factory=dict)
    """By size, the nodes of the rows named *balanced*; empty where those hold spectral's."""


def run_trial(settings: Settings, data: Dataset, activation: str, seed: int) -> Trial:
    """Train a network from this seed, prune and measure it.

    The numbers depend on the arguments alone, not on the process or on what ran before.
    """
    rng = np.random.default_rng([seed, 0])
    start = initial_rnn(
        settings.m,
        data.d_x,
        data.classes,
        activation,
        init="identity",
        scale=START[activation],
        rng=rng,
    )
    result = train(
        start,
        data.x,
        data.y,
        loss="cross_entropy",
        optimizer="adamw",
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        epochs=settings.epochs,
        batch_size=min(settings.batch_size, data.n),
        schedule="cosine",
        targets="every" if data.every_step else "last",
        rng=rng,
    )
    return prune_trial(settings, data, result.rnn, activation, seed)


def prune_trial(settings: Settings, data: Dataset, rnn: RNN, activation: str, seed: int) -> Trial:
    """Prune a trained network by every method to every size, and measure the results."""
    covariance = StateCovariance.from_network(rnn, data.x)
    weight, why = felt_weight(rnn, data, settings.theta)
    rows, failed, nodes = [], [why], {}
    for k in settings.sizes(rnn.m):
        felt = spectral_prune(rnn, covariance, k, objective="balanced", weight=weight)
        if not why:
            nodes[k] = felt.nodes
        for number, method in enumerate(METHODS):
            if method.startswith("balanced"):
                pruned, unfitted = balanced(method, felt, data)
                failed.append(unfitted)
            else:
                rng = np.random.default_rng([seed, 1, k, number // 2])
                pruned = prune(method, rnn, covariance, k, settings.theta, rng).pruned
            rows.append(Row(method, k, measure(pruned, data, settings.gamma)))
    said = tuple(dict.fromkeys(why for why in failed if why))
    whole = measure(rnn, data, settings.gamma)
    return Trial(activation, seed, rnn, whole, tuple(rows), said, nodes)


def prune(
    method: str,
    rnn: RNN,
    covariance: StateCovariance,
    k: int,
    theta: float,
    rng: np.random.Generator,
) -> PrunedRNN:
    """Prune by one of the first four `METHODS`; equal `rng` give both random ones equal nodes."""
    reconstruct = not method.endswith("without reconstruction")
    if method.startswith("random"):
        return random_nodes(rnn, covariance, k, rng, reconstruct=reconstruct)
    return spectral_prune(rnn, covariance, k, theta=theta, reconstruct=reconstruct)


def felt_weight(rnn: RNN, data: Dataset, theta: float) -> tuple[Array, str]:
    """Return the balanced weight, or that of spectral pruning and why there is no other.

    A read-out of 0, and states or gradients beyond the range of floats, have no balanced weight.
    """
    try:
        return observed_weight(rnn, data.x, "every" if data.every_step else "last"), ""
    except ValueError as error:
        return selection_weight(rnn, theta), f"spectral's nodes ({error})"


def balanced(method: str, pruned: PrunedRNN, data: Dataset) -> tuple[RNN, str]:
    """Fit what was pruned to the balanced nodes as one of the balanced `METHODS` does.

    On training sequences without their labels. With what comes why it was not fitted, where a run
    beyond the range of floats cannot be.
    """
    rnn, small = pruned.original, pruned.pruned
    if method == "balanced":
        return small, ""
    x, reads = data.x, "mean" if data.every_step else "last"
    logits, most = are_logits(rnn, x, None), FITTED
    if logits:
        each = rnn.d_y * (x.shape[1] if data.every_step else 1)
        most = max(2, min(FITTED, LOGITS // each))
    x = x[np.random.default_rng(0).permutation(len(x))[:most]]
    closed = method.endswith("closed loop")
    try:
        with warnings.catch_warnings():
            # The report shows what comes of it.
            warnings.filterwarnings("ignore", message="the closed loop has")
            if logits:
                small = refit_divergence(rnn, small, x, reads, steps=STEPS)
                if closed:
                    small = refit_divergence(rnn, small, x, reads, fit_recursion=True, steps=STEPS)
            else:
                small = refit_read_out(rnn, small, x, reads)
                if closed:
                    small = refit_closed_loop(rnn, small, x, reads, steps=STEPS)
    except ValueError as error:
        return small, f"networks whose refit could not be made ({error})"
    return small, ""


def measure(rnn: RNN, data: Dataset, gamma: float) -> Measured:
    """Return accuracy and mean ramp loss on the training and the test sequences."""
    train_accuracy, losses = _on(rnn, data.x, data.y, gamma)
    train_risk = mean_loss(losses, "margin_ramp")
    if data.x_test is None:
        return Measured(None, train_accuracy, None, train_risk)
    accuracy, losses = _on(rnn, data.x_test, data.y_test, gamma)
    return Measured(accuracy, train_accuracy, float(losses.mean()), train_risk)


def _on(rnn: RNN, x: Inputs, y: Targets, gamma: float) -> tuple[float, Array]:
    """Return accuracy and losses."""
    predictions = rnn.predictions(x)
    if y.ndim == 1:
        predictions = predictions[:, -1]
    errors = loss_values("zero_one", predictions, y)
    return 1 - float(errors.mean()), loss_values("margin_ramp", predictions, y, gamma)


def shown_accuracy(measured: Measured) -> float:
    """Return the accuracy on the test set, or on the training set where there is no other."""
    return measured.train_accuracy if measured.accuracy is None else measured.accuracy


def mean_accuracy(
    trials: Sequence[Trial], method: str | None = None, k: int | None = None
) -> tuple[float, float]:
    """Return mean and standard deviation over the trials of `shown_accuracy`."""
    found = summary(trials, method, k, shown_accuracy)
    assert found is not None
    return found[:2]


def summary(
    trials: Sequence[Trial], method: str | None, k: int | None, read: Callable[[Measured], Any]
) -> tuple[float, float, list[float]] | None:
    """Return mean, standard deviation and values over the trials; None without a test set.

    `method` None stands for the whole network. The deviation is the sample's, 0 for one trial.
    """
    if method is None:
        values = [read(trial.whole) for trial in trials]
    else:
        values = [
            read(row.measured)
            for trial in trials
            for row in trial.rows
            if row.method == method and row.k == k
        ]
    if any(value is None for value in values):
        return None
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(np.mean(values)), deviation, [float(value) for value in values]
