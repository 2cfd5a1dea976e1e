"""From a recipe to a code, its errors and its bound, safe to kill and to resume."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import numpy as np

from bounds.binomial import upper_risk
from bounds.rounding import raised
from pruning.baselines.table import METHODS, prune_by
from pruning.checks import Array, Inputs, choice, integer
from pruning.initialisation import initial_rnn
from pruning.rnn import RNN
from pruning.storage import load_network
from validation.certifying.conversion import integer_network, largest_state
from validation.certifying.descent import descended
from validation.certifying.language import LANGUAGE, decode, encode
from validation.certifying.network import BLOCKS, IntegerNetwork
from validation.certifying.quantised_training import Training, checkpoint_path, train_quantised
from validation.certifying.recipes import Recipe
from validation.certifying.tasks import Task

Say = Callable[[str], None]
_PRUNED_ON = 10_000


@dataclass(frozen=True, eq=False)
class Certified:
    """A code and what it certifies.

    Attributes
    ----------
    network : IntegerNetwork
        What the code was decoded to.
    code : list of int
        Bits.
    task : Task
    errors : int
        Of the decoded network on the task's n sequences.
    delta : Decimal
    bound : Decimal
        Rounded up to six digits.
    language : int
        What the code is written in.
    """

    network: IntegerNetwork
    code: list[int]
    task: Task
    errors: int
    delta: Decimal
    bound: Decimal
    language: int = LANGUAGE

    def test_errors(self) -> tuple[int, int] | None:
        """Errors on what was held out, and how many that are; the bound knows nothing of them."""
        if self.task.test_labels is None:
            return None
        errors = self.network.errors(self.task.test_images, self.task.test_labels)
        return errors, len(self.task.test_labels)


def certified(
    network: IntegerNetwork,
    task: Task,
    delta: Decimal,
    *,
    language: int = LANGUAGE,
    subspaces: Mapping[str, tuple[int, tuple[int, ...]]] | None = None,
) -> Certified:
    """Encode a network, decode it again, count its errors, and bound them.

    Parameters
    ----------
    network : IntegerNetwork
    task : Task
    delta : Decimal
        In (0, 1).
    language : int
    subspaces : mapping, optional
        See `validation.certifying.language.encode`.

    Raises
    ------
    ValueError
        If the language cannot express the network.
    """
    v, w = network.images_form().pool
    network.check_range(task.x_max * v * w)
    code = encode(network, task.name, language, subspaces)
    decoded = decode(code, task.name, task.images.shape[1:], language=language)
    if not decoded.same(network):
        raise AssertionError("the code was not decoded to the network that was encoded")
    errors = decoded.errors(task.images, task.labels)
    above = bound(errors, task.n, len(code), delta)
    return Certified(decoded, code, task, errors, delta, above, language)


def bound(errors: int, n: int, bits: int, delta: Decimal) -> Decimal:
    """Return sup{p: P(Bin(n, p) <= errors) >= delta 2^-bits}, rounded up to six digits."""
    integer("bits", bits, 0)
    log_inv = raised(bits * math.log(2) - math.log(delta), 8)
    risk = upper_risk(errors, n, log_inv)
    return min(Decimal(risk).quantize(Decimal("1e-6"), ROUND_CEILING), Decimal("1.000000"))


def produce(
    recipe: Recipe,
    task: Task,
    *,
    start: RNN | None = None,
    work: Path | None = None,
    models: Path = Path("models"),
    delta: Decimal = Decimal("0.05"),
    until: float = math.inf,
    descent: float = 0.0,
    say: Say = lambda line: None,
) -> Certified:
    """Train, prune, train to be short, and encode.

    Parameters
    ----------
    recipe : Recipe
    task : Task
    start : RNN, optional
        A network that takes the place of the large one. It reads integers of the sequence times
        2^-`input_exponent`.
    work : path, optional
        A folder for checkpoints, whose names hold a hash of the settings; a run that finds them
        goes on from them.
    models : path
        Where the networks of `rnnbounds train` are.
    delta : Decimal
    until : float
        A time of `time.time`: what is trained by then is encoded as it stands.
    descent : float
        Seconds for changing single numbers at the end; see `validation.certifying.descent`.
    say : callable
    """
    integer("k", recipe.k, 1, recipe.m if start is None else start.m)
    exponent = input_exponent(recipe, task)
    x = recipe.form.sequences(task.images).astype(np.float32) * np.float32(2.0**-exponent)
    large = start
    if large is None:
        large = large_network(recipe, task, work=work, models=models, until=until, say=say)
    small = _pruned(recipe, large, x[:_PRUNED_ON])
    trained = small
    if recipe.training.epochs:
        trained, finished = train_quantised(
            small,
            x,
            task.labels,
            recipe.training,
            teacher=answers_of(large, x) if recipe.training.teacher else None,
            checkpoint=checkpoint_path(
                work,
                recipe.name,
                {**recipe.settings(), "data": dict(task.data_sha256), "start": _digest(large)},
            ),
            say=lambda p: say(
                f"epoch {p.epoch}: loss {p.loss:.4f}, error {p.error:.2%}, about {p.bits:.0f} bits"
            ),
            until=until,
        )
        if not finished:
            say("stopped before the last epoch; the same call goes on from the checkpoint")
    else:
        trained = rounded(small, recipe.training.steps)
    network = integer_network(
        trained,
        recipe.training.steps,
        recipe.form,
        exponent,
        largest_state=2 * largest_state(trained, x[:_PRUNED_ON]),
        centre="w_output" not in recipe.training.subspace,
    )
    subspaces = subspaces_of(trained, recipe.training)
    found = certified(network, task, delta, subspaces=subspaces)
    if not descent:
        return found
    changed = descended(
        network, task, len(found.code), seconds=descent, delta=float(delta), say=say
    )
    after = certified(changed, task, delta, subspaces=subspaces)
    return min(found, after, key=lambda one: one.bound)


def subspaces_of(rnn: RNN, options: Training) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Return the seeds and coordinates that the blocks of a network are written relative to."""
    if not (options.epochs and options.quantised):
        return {}
    found = {}
    for block in options.subspace:
        units = np.ldexp(getattr(rnn, block).ravel(), -options.steps[block])
        S = options.signs(block, getattr(rnn, block).shape)
        z = np.rint(np.linalg.lstsq(S.astype(np.float64), units)[0]).astype(np.int64)
        if not np.array_equal(S @ z, units):
            raise AssertionError(f"{block} does not lie where it was trained")
        found[block] = (options.seed, tuple(z.tolist()))
    if options.reference:
        size = round(options.reference / 2.0 ** options.steps["w_hidden"])
        found["w_hidden"] = (options.seed, (size,))
    return found


def input_exponent(recipe: Recipe, task: Task) -> int:
    """Return e such that every number of a sequence times 2^-e is at most 1."""
    v, w = recipe.form.pool
    return math.ceil(math.log2(task.x_max * v * w))


def large_network(
    recipe: Recipe,
    task: Task,
    *,
    work: Path | None = None,
    models: Path = Path("models"),
    until: float = math.inf,
    say: Say = lambda line: None,
) -> RNN:
    """Return the network that is pruned: trained, or read from a file; see `produce`."""
    exponent = input_exponent(recipe, task)
    if recipe.model:
        path = models / f"{recipe.model}.safetensors"
        if not path.exists():
            raise ValueError(f"{recipe.name} starts from {path}, and there is no such file")
        return in_units(load_network(path), exponent, 255.0)
    x = recipe.form.sequences(task.images).astype(np.float32) * np.float32(2.0**-exponent)
    d = x.shape[2]
    start = initial_rnn(
        recipe.m,
        d,
        task.q,
        activation=recipe.activation,
        scale=recipe.scale,
        input_scale=d**-0.5,
        rng=recipe.large.seed,
    )
    own = ("task", "form", "m", "large", "scale", "activation")
    settings = {key: value for key, value in recipe.settings().items() if key in own}
    settings["data"] = dict(task.data_sha256)
    large, _ = train_quantised(
        start,
        x,
        task.labels,
        recipe.large,
        checkpoint=checkpoint_path(work, f"{recipe.task}-large", settings),
        say=lambda p: say(f"large network, epoch {p.epoch}: loss {p.loss:.4f}"),
        until=until,
    )
    return large


def pruned(recipe: Recipe, large: RNN, task: Task) -> RNN:
    """Return what the recipe's first stage makes of a network."""
    exponent = input_exponent(recipe, task)
    some = recipe.form.sequences(task.images[:_PRUNED_ON]).astype(np.float32)
    return _pruned(recipe, large, some * np.float32(2.0**-exponent))


def answers_of(rnn: RNN, x: Inputs, temperature: float = 2.0) -> Array:
    """Return what a teacher answers to sequences (n, T, d), (n, q)."""
    parts = []
    for begin in range(0, len(x), 2000):
        y = rnn.predictions(x[begin : begin + 2000])[:, -1] / temperature
        e = np.exp(y - y.max(axis=1, keepdims=True))
        parts.append(e / e.sum(axis=1, keepdims=True))
    return np.concatenate(parts)


def rounded(rnn: RNN, steps: Mapping[str, int]) -> RNN:
    """Return the network with every weight at the nearest multiple of its block's step."""
    weights = {}
    for block in BLOCKS:
        units = np.rint(np.ldexp(getattr(rnn, block), -steps[block]))
        weights[block] = np.ldexp(units, steps[block])
    return RNN(**weights, activation=rnn.activation)


def in_units(rnn: RNN, exponent: int, divisor: float) -> RNN:
    """Return a network of integers times 2^-exponent for one that reads them over `divisor`."""
    return replace(rnn, w_input=rnn.w_input * (2.0**exponent / divisor))


def _pruned(recipe: Recipe, large: RNN, x: Inputs) -> RNN:
    integer("k", recipe.k, 1, large.m)
    if recipe.k == large.m:
        return large
    choice("method", recipe.method, METHODS)
    some = x.astype(np.float64)
    options = {"x": some} if "inputs" in METHODS[recipe.method].takes else {}
    found = prune_by(recipe.method, large, some, recipe.k, recipe.training.seed, **options)
    return getattr(found, "pruned", large)


def _digest(rnn: RNN) -> str:
    joined = b"".join(weights.tobytes() for weights in rnn.weights.values())
    return hashlib.sha256(joined).hexdigest()
