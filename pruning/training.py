"""Training by stochastic gradients, deterministic given `rng`, resumable to the same bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.activations import Activation
from pruning.backpropagation import Tape, Weights, check_data, targets_time_major
from pruning.cells import recursion
from pruning.checks import Array, as_generator, choice, integer, positive, real_array
from pruning.initialisation import Seed
from pruning.optimizers import (
    SCHEDULES,
    Optimizer,
    Schedule,
    clip,
    learning_rate_factor,
    optimizer_named,
)
from pruning.rnn import RNN, WEIGHTS
from pruning.training_state import Epoch, TrainingState

__all__ = [
    "DivergenceError",
    "Epoch",
    "InterruptedTraining",
    "TrainingResult",
    "TrainingState",
    "train",
]


@dataclass(frozen=True)
class TrainingResult:
    """The trained network, the record of every epoch, and the state to go on from.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import TrainingResult, initial_rnn, train
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 4, 1))
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> start = initial_rnn(4, d_x=1, d_y=2, rng=0)
    >>> result = train(start, x, y, epochs=3, rng=0)
    >>> isinstance(result, TrainingResult), [epoch.epoch for epoch in result.history]
    (True, [1, 2, 3])
    """

    rnn: RNN
    history: tuple[Epoch, ...]
    state: TrainingState


class DivergenceError(ValueError):
    """The loss or a weight stopped being finite; ``result`` is the last finite epoch's.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import DivergenceError, initial_rnn, train
    >>> rnn = initial_rnn(4, d_x=1, d_y=1, activation="relu", rng=0)
    >>> try:
    ...     y = 1e150 * np.ones((8, 1))
    ...     train(rnn, np.ones((8, 20, 1)), y, loss="squared", optimizer="sgd", rng=0)
    ... except DivergenceError as error:
    ...     print(error.epoch, np.isfinite(error.result.rnn.w_hidden).all())
    2 True
    """

    def __init__(self, epoch: int, learning_rate: float, result: TrainingResult) -> None:
        super().__init__(
            f"training diverged in epoch {epoch} with learning rate {learning_rate:g}: the loss "
            "is no longer finite; try a smaller one, or clip_norm"
        )
        self.epoch, self.learning_rate, self.result = epoch, learning_rate, result

    def __reduce__(self) -> Any:
        return type(self), (self.epoch, self.learning_rate, self.result)


class InterruptedTraining(KeyboardInterrupt):
    """A KeyboardInterrupt during training; ``result`` is the last finished epoch's.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import InterruptedTraining, initial_rnn, train
    >>> rnn = initial_rnn(4, d_x=1, d_y=2, rng=0)
    >>> def stop(epoch):
    ...     if epoch.epoch == 2:
    ...         raise KeyboardInterrupt
    >>> try:
    ...     train(rnn, np.ones((8, 3, 1)), np.zeros(8, int), epochs=5, rng=0, progress=stop)
    ... except InterruptedTraining as stopped:
    ...     print(len(stopped.result.history))
    2
    """

    def __init__(self, result: TrainingResult) -> None:
        super().__init__(f"training was interrupted after epoch {result.state.epoch}")
        self.result = result

    def __reduce__(self) -> Any:
        return type(self), (self.result,)


def train(
    rnn: RNN,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: str = "cross_entropy",
    optimizer: str = "adamw",
    learning_rate: float = 2e-3,
    weight_decay: float = 0.0,
    momentum: float = 0.9,
    epochs: int = 60,
    batch_size: int = 32,
    schedule: Schedule = "cosine",
    clip_norm: float | None = None,
    targets: str = "last",
    gamma: float = 1.0,
    dtype: str = "float64",
    masks: Mapping[str, ArrayLike] | None = None,
    project: Callable[[dict[str, Array]], None] | None = None,
    progress: Callable[[Epoch], None] | None = None,
    checkpoint: Callable[[TrainingState], None] | None = None,
    resume: TrainingState | None = None,
    rng: Seed | None = None,
) -> TrainingResult:
    """Train a network from the weights that it has.

    Parameters
    ----------
    rnn : RNN
        The start; it is not changed.
    x : (n, T, d_x) floats or (n, T) integer tokens
    y : array
        As in `pruning.backpropagation.gradients`.
    loss : {"cross_entropy", "squared", "margin_ramp"}
        The ramp has no gradient where the margin is negative: use it on a network that another
        loss has trained.
    optimizer : {"adamw", "adam", "sgd"}
        The updates of torch.optim, with weight decay on all weights; `momentum` is for ``sgd``.
    learning_rate, weight_decay, momentum : float
    epochs : int
        Passes over the data in all, those before `resume` included; 0 returns the start.
    batch_size : int
        The last batch of an epoch may be smaller.
    schedule : {"cosine", "constant", "step", "one_cycle"} or callable
        See `pruning.optimizers.learning_rate_factor`; it moves at every update.
    clip_norm : float, optional
        Gradients of a larger Euclidean norm, over all weights together, are scaled down to it.
    targets : {"last", "every"}
    gamma : float
        Margin of the ramp.
    dtype : {"float64", "float32"}
        Precision of the training. The weights of the result are float64 in either case.
    masks : dict, optional
        0/1 arrays by name of weight; what is 0 stays 0. Applied at the start and at every update.
    project : callable, optional
        ``project(weights)`` may change the arrays of the dict in place, to keep norms small, say;
        called at the start (not at `resume`) and after every update, before the masks.
    progress : callable, optional
        Called with an `Epoch` after each.
    checkpoint : callable, optional
        Called with a `TrainingState` after each epoch.
    resume : TrainingState, optional
        Go on from here, with the seed in it. With the other arguments as before, the result has
        the same bits as that of a training without a break.
    rng : int or Generator
        Needed unless `resume` is given.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        If an argument is out of range, or y does not fit.
    DivergenceError
        If the loss or a weight is no longer finite; a ValueError that carries the last good result.
    InterruptedTraining
        If a KeyboardInterrupt arrives; a KeyboardInterrupt that carries the last good result.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, train
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 4, 1))
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> start = initial_rnn(4, d_x=1, d_y=2, rng=0)
    >>> result = train(start, x, y, learning_rate=0.02, epochs=20, rng=0)
    >>> correct = result.rnn.predictions(x)[:, -1].argmax(axis=1) == y
    >>> bool(correct.mean() > 0.9)
    True
    """
    inputs, labels = check_data(rnn, x, y, loss, targets)
    n = len(inputs)
    learning_rate = positive("learning_rate", learning_rate)
    epochs = integer("epochs", epochs, 0)
    batch_size = integer("batch_size", batch_size, 1)
    if not callable(schedule):
        choice("schedule", schedule, SCHEDULES)
    largest = math.inf if clip_norm is None else positive("clip_norm", clip_norm)
    tape = Tape(rnn.activation, loss, targets, positive("gamma", gamma))
    weights = Weights.of(rnn, choice("dtype", dtype, ("float64", "float32")))
    rule = optimizer_named(optimizer, weights.flat, weight_decay, momentum)
    constrain = _constraint(weights, masks, project)

    if resume is not None:
        if resume.epoch > epochs:
            raise ValueError(
                f"epochs must be at least the {resume.epoch} that resume has done, got {epochs}"
            )
        _restore(rule, resume, weights, rnn.activation)
        # New masks hold at once; a projection, made twice, need not give the same bits.
        _constraint(weights, masks, None)()
        seed, history = resume.seed, resume.history
    elif rng is None:
        raise ValueError("rng must be an integer or a Generator, got None")
    else:
        seed, history = int(as_generator("rng", rng).integers(2**63)), ()
        constrain()

    def state() -> TrainingState:
        name = rnn.activation.name
        return TrainingState(len(history), seed, weights.sizes, name, rule.state(), history)

    def one_epoch(epoch: int) -> Epoch:
        losses, norms, rate = 0.0, 0.0, 0.0
        for step, batch in enumerate(_batches(n, batch_size, seed, epoch)):
            done = (epoch * steps + step) / (epochs * steps)
            rate = learning_rate * learning_rate_factor(schedule, done)
            x_batch = recursion.time_major(inputs[batch], dtype)
            y_batch = targets_time_major(labels[batch], targets)
            value = tape.value_and_gradient(weights, x_batch, y_batch, gradient)
            norms += clip(gradient.flat, largest)
            rule.step(gradient.flat, rate)
            constrain()
            losses += value * len(batch)
            if not math.isfinite(losses):
                break
        return Epoch(epoch + 1, losses / n, norms / steps, rate)

    steps = -(-n // batch_size)
    gradient = weights.like()
    last = state()
    try:
        while last.epoch < epochs:
            # Overflow is no warning here: it is looked for below.
            with np.errstate(all="ignore"):
                record = one_epoch(last.epoch)
            finite = math.isfinite(record.loss + record.gradient_norm)
            if not (finite and np.isfinite(weights.flat).all()):
                raise DivergenceError(record.epoch, learning_rate, _result(last))
            history = (*history, record)
            last = state()
            if progress is not None:
                progress(record)
            if checkpoint is not None:
                checkpoint(last)
    except KeyboardInterrupt:
        raise InterruptedTraining(_result(last)) from None
    return _result(last)


def _result(state: TrainingState) -> TrainingResult:
    return TrainingResult(state.rnn, state.history, state)


def _batches(n: int, size: int, seed: int, epoch: int) -> Iterator[Any]:
    order = np.random.default_rng([seed, epoch]).permutation(n)
    return (order[start : start + size] for start in range(0, n, size))


def _constraint(
    weights: Weights,
    masks: Mapping[str, ArrayLike] | None,
    project: Callable[[dict[str, Array]], None] | None,
) -> Callable[[], None]:
    """Return the function that brings the weights back to where they must be."""
    named = weights.named()
    mask = None
    if masks:
        kept = weights.like()
        kept.flat[...] = 1
        for name, array in masks.items():
            choice("a name in masks", name, WEIGHTS)
            values = real_array(f"the mask of {name}", array, named[name].shape)
            if not np.isin(values, (0, 1)).all():
                raise ValueError(f"the mask of {name} must hold only 0 and 1")
            kept.named()[name][...] = values
        mask = kept.flat

    def constrain() -> None:
        if project is not None:
            project(named)
        if mask is not None:
            weights.flat[...] *= mask

    return constrain


def _restore(rule: Optimizer, state: TrainingState, weights: Weights, act: Activation) -> None:
    if state.sizes != weights.sizes or state.activation != act.name:
        raise ValueError(
            f"resume must belong to the network, (m, d_x, d_y) = {weights.sizes} with {act.name}, "
            f"got {state.sizes} with {state.activation}"
        )
    wanted = rule.state()
    if set(state.memory) != set(wanted) or any(
        state.memory[name].dtype != array.dtype for name, array in wanted.items()
    ):
        raise ValueError("resume must come from a training with the same optimizer and dtype")
    rule.restore(state.memory)
