"""A network of a user's, as the start of a certificate: its data, its units, its steps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from bounds.binomial import upper_risk
from pruning.checks import Inputs, Targets
from pruning.rnn import RNN
from validation.certifying.conversion import integer_network
from validation.certifying.network import Form
from validation.certifying.pipeline import in_units
from validation.certifying.prices import price_table
from validation.certifying.quantised_training import BLOCKS
from validation.certifying.tasks import TASKS, Task, npz_task, task

_SEARCHED_ON = 5000
_PRECISIONS = range(1, 11)


def own_task(data: str) -> tuple[Task, int]:
    """Return the task of a name or an npz file, and the exponent that its numbers were rounded by.

    Raises
    ------
    ValueError
        If there is no such task or file, or it holds what cannot be certified.
    """
    if data in TASKS:
        return task(data), 0
    if not data.endswith(".npz") and not Path(data).exists():
        raise ValueError(f"data must be {', '.join(TASKS)} or an npz file, got {data!r}")
    from validation.data.dataset import read_file

    exponent = exponent_of(read_file(data).x, data)
    return npz_task(data, exponent), exponent


def exponent_of(x: Inputs, where: str) -> int:
    """Return a such that x 2^a are numbers of about ten bits.

    That is finer than what weights of a few bits could use.

    Raises
    ------
    ValueError
        If the language cannot express it.
    """
    top = float(np.abs(x).max())
    exponent = 0 if top == 0 else 10 - math.frexp(top)[1]
    if abs(exponent) > 64:
        raise ValueError(f"x in {where} must be at most 2^74 and at least 2^-54 in size, got {top}")
    return exponent


def own_network(rnn: RNN, of: Task, form: Form, exponent: int) -> RNN:
    """Return the network as it reads integers times 2^-`exponent`.

    Raises
    ------
    ValueError
        If it does not fit the data.
    """
    if not rnn.m:
        raise ValueError("model must have a node, got none")
    T, d = form.shape(*of.images.shape[1:])
    if rnn.w_input.shape[1] != d:
        raise ValueError(
            f"model must read {d} numbers a step, as these sequences of {T} steps have, got "
            f"{rnn.w_input.shape[1]}"
        )
    q = len(rnn.b_output)
    if (of.name == "npz" and q < of.q) or (of.name != "npz" and q != of.q):
        raise ValueError(f"model must know the {of.q} classes of the data, got {q}")
    if rnn.activation.name not in ("relu", "tanh"):
        raise ValueError(f"model must have ReLU or tanh nodes, got {rnn.activation.name}")
    v, w = form.pool
    divisor = {"digits": 16.0, "npz": 2.0**form.exponent}.get(of.name, 255.0) * v * w
    return in_units(rnn, exponent, divisor)


def searched_steps(rnn: RNN, of: Task, form: Form, exponent: int) -> dict[str, int]:
    """Return steps with about the smallest bound without any training.

    One precision for all blocks first, then one finer or coarser for each; errors are counted on at
    most 5,000 sequences and lengths estimated, since every choice is paid for in the code anyway.

    Raises
    ------
    ValueError
        If no precision of 1 to 10 bits gives a network that the language can express.
    """
    images, labels = of.images[:_SEARCHED_ON], of.labels[:_SEARCHED_ON]
    known: dict[tuple[int, ...], float] = {}

    def value(bits: tuple[int, ...]) -> float:
        if bits not in known:
            steps = _steps(rnn, dict(zip(BLOCKS, bits)))
            known[bits] = _about(rnn, steps, of, form, exponent, images, labels)
        return known[bits]

    best = min(((bits,) * len(BLOCKS) for bits in _PRECISIONS), key=value)
    for block in range(len(BLOCKS)):
        near = [
            (*best[:block], bits, *best[block + 1 :])
            for bits in (best[block], best[block] - 1, best[block] + 1)
        ]
        best = min(near, key=value)
    if math.isinf(value(best)):
        tops = ", ".join(f"{b} {np.abs(getattr(rnn, b)).max(initial=0.0):.3g}" for b in BLOCKS)
        raise ValueError(
            "model must have weights such that no sum of a step can reach 2^53 in units of a "
            f"state; it cannot be coded in 1 to 10 bits a weight, its largest are {tops}, for "
            "inputs of at most 1"
        )
    return _steps(rnn, dict(zip(BLOCKS, best)))


def _steps(rnn: RNN, bits: dict[str, int]) -> dict[str, int]:
    """Exponents at which the largest weight of a block has so many bits."""
    tops = {block: float(np.abs(getattr(rnn, block)).max(initial=0.0)) for block in BLOCKS}
    return {b: (math.frexp(tops[b])[1] if tops[b] else 0) - bits[b] for b in BLOCKS}


def _about(
    rnn: RNN,
    steps: dict[str, int],
    of: Task,
    form: Form,
    exponent: int,
    images: Inputs,
    labels: Targets,
) -> float:
    from validation.certifying.pipeline import rounded

    weights = rounded(rnn, steps)
    try:
        network = integer_network(weights, steps, form, exponent, largest_state=math.inf)
        network.check_range(of.x_max * form.pool[0] * form.pool[1])
    except ValueError:
        return math.inf
    length = 60.0
    for block in BLOCKS:
        values = np.abs(network.integers[block]).ravel()
        if values.max(initial=0) > 1 << 12:
            return math.inf
        length += float(price_table(values)[values].sum())
    share = network.errors(images, labels) / len(labels)
    errors = min(of.n, round(share * of.n))
    return upper_risk(errors, of.n, length * math.log(2) + 3.0)
