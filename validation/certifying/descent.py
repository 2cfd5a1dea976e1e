"""Descent on the bound itself: single integers of a network, changed where that lowers it.

After a training: each number is tried one step up, one step down and at 0, and a change is kept if
it lowers what the errors and the bits are worth together. All of that is free: the bound holds for
every code of the language at once. Most sequences are far from another class, so that changes are
tried on those with the smallest margins, and kept only where all sequences agree.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bounds.binomial import upper_risk
from pruning.checks import as_generator
from validation.certifying.network import IntegerNetwork
from validation.certifying.prices import price_table
from validation.certifying.tasks import Task

SOME = 5000
"""Sequences that changes are tried on."""
TRIED = ("w_output", "w_hidden", "w_input", "b_output")


def descended(
    network: IntegerNetwork,
    task: Task,
    bits: int,
    *,
    seconds: float,
    delta: float = 0.05,
    rng: np.random.Generator | int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> IntegerNetwork:
    """Return a network whose errors and bits are worth less, or the same where none was found.

    Parameters
    ----------
    network : IntegerNetwork
        Of images.
    task : Task
    bits : int
        The length of its code.
    seconds : float
        When to stop, at the latest; a sweep without a change ends it as well.
    delta : float
    rng : Generator or seed
        For the order of the changes.
    say : callable
    """
    form = network.images_form()
    v, w = form.pool
    x = form.sequences(task.images)
    labels = np.asarray(task.labels)
    generator, until = as_generator("rng", rng), time.time() + seconds
    here = {block: values.copy() for block, values in network.integers.items()}
    current = replace(network, integers=here)
    scores = current.readouts(x)
    errors = _errors(scores, labels)
    bit = _worth(errors, task.n, bits, delta)
    say(f"{errors} errors, {bits} bits: a bit is worth {bit:.3f} errors")
    order = [(b, i) for b in TRIED for i in range(here[b].size)]
    while time.time() < until:
        changed, near = 0, _nearest(scores, labels)
        before = _errors(scores[near], labels[near])
        for place in generator.permutation(len(order)):
            if time.time() >= until:
                break
            block, i = order[place]
            flat = here[block].reshape(-1)
            old = int(flat[i])
            price = price_table(np.abs(here[block]).ravel())
            for new in _candidates(old):
                if max(abs(new), abs(old)) >= len(price):
                    continue
                saved = bit * float(price[abs(old)] - price[abs(new)])
                flat[i] = new
                if not _fits(current, task.x_max * v * w):
                    flat[i] = old
                    continue
                found = _errors(current.readouts(x[near]), labels[near])
                if found - before - saved < -1e-9:
                    whole = current.readouts(x)
                    total = _errors(whole, labels)
                    if total - errors - saved < -1e-9:
                        errors, scores, before, old = total, whole, found, new
                        changed += 1
                        continue
                flat[i] = old
        say(f"{errors} errors after {changed} changes")
        if not changed:
            break
    return current


def _candidates(old: int) -> list[int]:
    """Towards 0 first, which is cheaper."""
    sign = 1 if old > 0 else -1
    return [new for new in dict.fromkeys((0, old - sign, old + sign)) if new != old]


def _fits(network: IntegerNetwork, x_max: int) -> bool:
    try:
        network.check_range(x_max)
    except ValueError:
        return False
    return True


def _errors(scores: Any, labels: Any) -> int:
    return int((scores.argmax(axis=1) != labels).sum())


def _nearest(scores: Any, labels: Any) -> Any:
    """The sequences with the smallest margins, wrong ones among them."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
    others = scores.copy()
    np.put_along_axis(others, labels[:, None], -np.inf, axis=1)
    margins = np.abs(own - others.max(axis=1))
    return np.argsort(margins, kind="stable")[:SOME]


def _worth(errors: int, n: int, bits: int, delta: float) -> float:
    """How many errors a bit is worth, from the slopes of the bound."""

    def at(k: int, length: float) -> float:
        return upper_risk(k, n, length * math.log(2) - math.log(delta))

    more = min(n, errors + max(1, n // 1000))
    of_errors = (at(more, bits) - at(errors, bits)) / max(1, more - errors)
    of_bits = (at(errors, bits + 64) - at(errors, bits)) / 64
    return of_bits / of_errors if of_errors > 0 else 1.0
