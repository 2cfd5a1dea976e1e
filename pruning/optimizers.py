"""SGD with momentum, Adam and AdamW on one flat vector of weights; learning-rate schedules.

Same updates, defaults and order of operations as torch.optim. Weight decay acts on all weights,
biases included, as it does there when an optimizer is given all of a network's parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from pruning.checks import Array, choice, nonnegative, shown

Schedule = str | Callable[[float], float]

OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("constant", "cosine", "step", "one_cycle")


class Optimizer:
    """An update rule with its memory.

    Parameters
    ----------
    weights : (P,) array
        What `step` changes in place.
    weight_decay : float
        Adam and SGD add weight_decay times the weights to the gradient; AdamW multiplies the
        weights by 1 - learning_rate * weight_decay instead (decoupled).
    """

    def __init__(self, weights: Array, weight_decay: float) -> None:
        self.weights, self.weight_decay = weights, weight_decay
        self.steps = 0
        self._scratch = np.empty_like(weights)
        self.memory: dict[str, Array] = {}

    def step(self, gradient: Array, learning_rate: float) -> None:
        """Update the weights in place; `gradient` may be overwritten."""
        raise NotImplementedError

    def state(self) -> dict[str, Array]:
        """Return a copy of everything that the next step depends on, the weights included."""
        copied = {name: array.copy() for name, array in self.memory.items()}
        return {"weights": self.weights.copy(), "steps": np.array(self.steps), **copied}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a state that `state` returned."""
        self.steps = int(state["steps"])
        self.weights[...] = state["weights"]
        for name, array in self.memory.items():
            array[...] = state[name]

    def _decay_in_gradient(self, gradient: Array) -> None:
        if self.weight_decay:
            np.multiply(self.weights, self.weight_decay, out=self._scratch)
            gradient += self._scratch


class SGD(Optimizer):
    """v <- momentum v + g, w <- w - learning_rate v."""

    def __init__(self, weights: Array, weight_decay: float = 0.0, momentum: float = 0.9) -> None:
        super().__init__(weights, weight_decay)
        self.momentum = momentum
        self.memory = {"velocity": np.zeros_like(weights)}

    def step(self, gradient: Array, learning_rate: float) -> None:
        self.steps += 1
        self._decay_in_gradient(gradient)
        velocity = self.memory["velocity"]
        velocity *= self.momentum
        velocity += gradient
        np.multiply(velocity, learning_rate, out=self._scratch)
        self.weights -= self._scratch


class Adam(Optimizer):
    """Kingma and Ba 2015; with ``decoupled`` weight decay, AdamW (Loshchilov and Hutter 2019)."""

    def __init__(
        self,
        weights: Array,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(weights, weight_decay)
        self.decoupled, self.betas, self.eps = decoupled, betas, eps
        self.memory = {"first": np.zeros_like(weights), "second": np.zeros_like(weights)}

    def step(self, gradient: Array, learning_rate: float) -> None:
        self.steps += 1
        if self.decoupled:
            self.weights *= 1 - learning_rate * self.weight_decay
        else:
            self._decay_in_gradient(gradient)
        first, second = self.memory["first"], self.memory["second"]
        beta1, beta2 = self.betas
        scratch = self._scratch
        first *= beta1
        np.multiply(gradient, 1 - beta1, out=scratch)
        first += scratch
        second *= beta2
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - beta2
        second += scratch
        np.sqrt(second, out=scratch)
        scratch /= math.sqrt(1 - beta2**self.steps)
        scratch += self.eps
        np.divide(first, scratch, out=scratch)
        scratch *= learning_rate / (1 - beta1**self.steps)
        self.weights -= scratch


def optimizer_named(
    name: str, weights: Array, weight_decay: float = 0.0, momentum: float = 0.9
) -> Optimizer:
    """Return the optimizer of this name (``adamw``, ``adam`` or ``sgd``) for these weights.

    `momentum` is read by ``sgd`` only.
    """
    choice("optimizer", name, OPTIMIZERS)
    weight_decay = nonnegative("weight_decay", weight_decay)
    momentum = nonnegative("momentum", momentum)
    if momentum >= 1:
        raise ValueError(f"momentum must be less than 1, got {shown(momentum)}")
    if name == "sgd":
        return SGD(weights, weight_decay, momentum)
    return Adam(weights, weight_decay, decoupled=name == "adamw")


def learning_rate_factor(schedule: Schedule, done: float) -> float:
    """Return what the learning rate is multiplied by when this share of all steps is done.

    Parameters
    ----------
    schedule : str or callable
        ``constant``; ``cosine``, from 1 to 0 along half a cosine; ``step``, divided by 10 after
        one half and again after three quarters; ``one_cycle``, from 1/25 linearly to 1 in the
        first three tenths, then along half a cosine to 0; or a function of `done`.
    done : float
        In [0, 1).
    """
    if callable(schedule):
        return nonnegative("the factor of the schedule", schedule(done))
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    if schedule == "step":
        return 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01
    if schedule == "one_cycle":
        if done < 0.3:
            return 1 / 25 + (1 - 1 / 25) * done / 0.3
        return 0.5 * (1 + math.cos(math.pi * (done - 0.3) / 0.7))
    return 1.0


def clip(gradient: Array, largest: float) -> float:
    """Scale the gradient in place to norm at most `largest`; return the norm before."""
    norm = math.sqrt(float(np.dot(gradient, gradient)))
    if norm > largest:
        gradient *= largest / norm
    return norm
