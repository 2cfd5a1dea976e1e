"""One run of `rnnbounds prune`: open, prune, compare, time, write."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pruning.stack import Stack
from pruning.stack_pruning import PrunedStack, prune_stack
from validation.porting.measures import Difference, difference, seconds, torch_latency
from validation.porting.models import described, opened
from validation.porting.sequences import Sequences, read_sequences


@dataclass(frozen=True, eq=False)
class Done:
    """What happened.

    Attributes
    ----------
    before, after : str
        The networks in a phrase.
    pruned : PrunedStack
    change : Difference
    held_out : bool
        Whether the comparison is on other sequences than S was formed from.
    parameters, bytes : (int, int)
        Of the whole network and of the pruned one: weights, and the sizes of the files.
    latency : (float, float)
        Seconds for one sequence, whole and pruned.
    runtime : str
        What ran it.
    out : str
    """

    before: str
    after: str
    pruned: PrunedStack
    change: Difference
    held_out: bool
    parameters: tuple[int, int]
    bytes: tuple[int, int]
    latency: tuple[float, float]
    runtime: str
    out: str


def prune_file(
    model: Path,
    data: Path,
    k: Any,
    out: Path,
    *,
    total: int | None = None,
    theta: float = 0.5,
    method: str = "greedy",
    reconstruct: bool = True,
    activation: str | None = None,
    time_major: bool = False,
    every_step: bool = False,
    seed: int = 0,
) -> Done:
    """Prune the network in a file and write the result; see `rnnbounds prune`.

    Raises
    ------
    ValueError
        If the model, the data or a setting does not fit. `out` is written completely or not at
        all.
    """
    form = opened(model, activation)
    form.check_out(out)
    if not out.resolve().parent.is_dir():
        raise ValueError(f"{out} cannot be written: there is no folder {out.resolve().parent}")
    held = read_sequences(data, time_major)
    _check_width(form.stack, held, time_major)
    rng = seed if method in ("random",) else None
    pruned = prune_stack(
        form.stack,
        held.x,
        k,
        total=total,
        lengths=held.lengths,
        theta=theta,
        method=method,
        reconstruct=reconstruct,
        rng=rng,
    )
    steps = every_step or (held.y_eval is not None and held.y_eval.ndim == 2)
    before, after = (
        stack.predictions(held.x_eval, held.lengths_eval, "float32")
        for stack in (form.stack, pruned.pruned)
    )
    change = difference(before, after, held, steps)
    form.write(out, pruned)
    latency, runtime = _latency(form.stack, pruned.pruned, held)
    return Done(
        form.words,
        described(pruned.pruned),
        pruned,
        change,
        held.held_out,
        (form.stack.parameters, pruned.pruned.parameters),
        (model.stat().st_size, out.stat().st_size),
        latency,
        runtime,
        str(out),
    )


def records(done: Done) -> list[tuple[str, str]]:
    """Return what to print: a name and a line each."""
    change = done.change
    where = "held-out" if done.held_out else "the same"
    rows = [
        ("network", f"{done.before} -> {done.after}"),
        ("parameters", f"{done.parameters[0]:,} -> {done.parameters[1]:,}"),
        ("file", f"{done.bytes[0]:,} -> {done.bytes[1]:,} bytes"),
    ]
    if change.accuracy_before is not None and change.accuracy_after is not None:
        rows.append(
            (
                "accuracy",
                f"{change.accuracy_before:.2%} -> {change.accuracy_after:.2%} "
                f"on {change.outputs:,} outputs ({where} sequences)",
            )
        )
    rows.append(
        (
            "agreement",
            f"{change.agreement:.2%} of {change.outputs:,} outputs ({where} sequences) have the "
            f"same largest entry; distance {change.distance:.3g} of the outputs' spread",
        )
    )
    rows.append(("lost", ", ".join(f"{loss:.2%}" for loss in done.pruned.losses) + _LOST))
    before, after = done.latency
    speed = before / after
    word = "faster" if speed > 1.05 else "slower" if speed < 0.95 else "no faster"
    times = f", {speed if speed > 1 else 1 / speed:.2f} times" if word != "no faster" else ""
    rows.append(
        (
            "latency",
            f"{before * 1e3:.3g} -> {after * 1e3:.3g} ms a sequence in {done.runtime}: "
            f"{word}{times}",
        )
    )
    rows.append(("wrote", done.out))
    return rows


_LOST = " of what reads the states is not rebuilt (by layer)"


def to_json(done: Done) -> str:
    """Return what happened as JSON."""
    facts = {
        "schema": 1,
        "before": done.before,
        "after": done.after,
        "nodes": [[side.tolist() for side in layer] for layer in done.pruned.nodes],
        "losses": list(done.pruned.losses),
        "parameters": list(done.parameters),
        "bytes": list(done.bytes),
        "latency_seconds": list(done.latency),
        "runtime": done.runtime,
        "held_out": done.held_out,
        **asdict(done.change),
        "out": done.out,
    }
    return json.dumps(facts, indent=1) + "\n"


def _check_width(stack: Stack, held: Sequences, time_major: bool) -> None:
    x = held.x
    tokens = x.ndim == 2
    if tokens != (stack.embedding is not None):
        wants = "integer tokens (n, T)" if stack.embedding is not None else "numbers (n, T, d_x)"
        raise ValueError(f"the network reads {wants}, but x is {x.dtype} of shape {x.shape}")
    if not tokens and x.shape[2] != stack.d_x:
        raise ValueError(f"x has {x.shape[2]} numbers a step, but the network reads {stack.d_x}")


def _latency(whole: Stack, pruned: Stack, held: Sequences) -> tuple[tuple[float, float], str]:
    """Seconds for one sequence as long as the data's, in torch where it is installed."""
    T = int(held.x_eval.shape[1])
    runs = [torch_latency(stack, T) for stack in (whole, pruned)]
    if runs[0] is None or runs[1] is None:
        one = held.x_eval[:1]
        return (
            seconds(lambda: whole.layer_states(one, dtype="float32")),
            seconds(lambda: pruned.layer_states(one, dtype="float32")),
        ), "NumPy"
    return (seconds(runs[0]), seconds(runs[1])), "torch on the processor"
