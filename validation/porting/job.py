"""One run of `rnnbounds prune`: open, prune, compare, time, write."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from validation.output.schema import SCHEMA
from validation.porting.measures import Difference, difference
from validation.porting.models import Pruned, Settings, opened
from validation.porting.sequences import read_sequences


@dataclass(frozen=True, eq=False)
class Done:
    """What happened.

    Attributes
    ----------
    before : str
        The whole network in a phrase.
    pruned : Pruned
    change : Difference
    held_out : bool
        Whether the comparison is on other sequences than those that it was pruned on.
    bytes : (int, int)
        Sizes of the files, whole and pruned.
    latency : (float, float, str)
        Seconds for one sequence, whole and pruned, and what ran them.
    out : str
    """

    before: str
    pruned: Pruned
    change: Difference
    held_out: bool
    bytes: tuple[int, int]
    latency: tuple[float, float, str]
    out: str


def prune_file(
    model: Path,
    data: Path,
    out: Path,
    settings: Settings,
    *,
    activation: str | None = None,
    time_major: bool = False,
    every_step: bool = False,
) -> Done:
    """Prune the network in a file and write the result; see `rnnbounds prune`.

    Raises
    ------
    ValueError
        If the model, the data or a setting does not fit. `out` is written completely or not at
        all.
    """
    for name, path in (("the network", model), ("the data", data)):
        if out.resolve() == path.resolve() or (out.exists() and out.samefile(path)):
            raise ValueError(f"{out} is {name}: the pruned network must have a file of its own")
    form = opened(model, activation)
    if not out.resolve().parent.is_dir():
        raise ValueError(f"{out} cannot be written: there is no folder {out.resolve().parent}")
    held = read_sequences(data, time_major)
    if out.is_dir():
        raise ValueError(f"{out} must be a file for the pruned network, it is a folder")
    form.check(held, out)
    steps = every_step or (held.y_eval is not None and held.y_eval.ndim == 2)
    # What counts for the objective and for a refit is what is compared.
    pruned = form.prune(held, replace(settings, reads="every" if steps else "last"))
    before, after = pruned.outputs(held)
    change = difference(before, after, held, steps)
    pruned.write(out)
    sizes = model.stat().st_size, out.stat().st_size
    latency = pruned.latency(held)
    return Done(form.words, pruned, change, held.held_out, sizes, latency, str(out))


def records(done: Done) -> list[tuple[str, str]]:
    """Return what to print: a name and a line each."""
    change = done.change
    whole, small = done.pruned.parameters
    where = "held-out" if done.held_out else "the same"
    rows = [
        ("network", f"{done.before} -> {done.pruned.words}"),
        ("parameters", f"{whole:,} -> {small:,}"),
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
    over = f"{change.outputs:,} outputs ({where} sequences)"
    if change.agreement is None:
        rows.append(("distance", f"{_distance(change)}, {over}"))
    else:
        same = f"{change.agreement:.2%} of {over} have the same largest entry"
        rows.append(("agreement", f"{same}; {_distance(change)}"))
    rows.append(("lost", ", ".join(f"{loss:.2%}" for loss in done.pruned.losses) + _LOST))
    if done.pruned.tried:
        rows.append(("by runs", _said(done.pruned.tried)))
    before, after, runtime = done.latency
    speed = before / after
    word = "faster" if speed > 1.05 else "slower" if speed < 0.95 else "no faster"
    times = f", {speed if speed > 1 else 1 / speed:.2f} times" if word != "no faster" else ""
    rows.append(
        (
            "latency",
            f"{before * 1e3:.3g} -> {after * 1e3:.3g} ms a sequence in {runtime}: {word}{times}",
        )
    )
    note = getattr(done.pruned, "note", "")
    if note:
        rows.append(("note", note))
    rows.append(("wrote", done.out))
    return rows


def _distance(change: Difference) -> str:
    if change.distance == float("inf"):
        return "the whole network's are all the same, which leaves their distance without a unit"
    return f"distance {change.distance:.3g} of the outputs' spread"


_LOST = " of what reads the states is not rebuilt (by layer)"


def _said(tried: list[dict[str, Any]]) -> str:
    """How many sets were run, and the best and the worst gap; by direction where apart."""
    parts = []
    for side in dict.fromkeys(one.get("direction") for one in tried):
        of_side = [one["gap"] for one in tried if one.get("direction") == side]
        gaps = [math.inf if gap is None else gap for gap in of_side]
        sets = "one set of nodes" if len(gaps) == 1 else f"the best of {len(gaps)} sets of nodes"
        worst = f" (the worst: {max(gaps):.4g})" if len(gaps) > 1 else ""
        parts.append(f"{sets}: gap {min(gaps):.4g} on held-out x{worst}")
    return "; ".join(parts)


def to_json(done: Done) -> str:
    """Return what happened as JSON."""
    facts = {
        "schema": SCHEMA,
        "before": done.before,
        "after": done.pruned.words,
        "nodes": done.pruned.nodes,
        "losses": done.pruned.losses,
        "tried": done.pruned.tried,
        "parameters": list(done.pruned.parameters),
        "bytes": list(done.bytes),
        "latency_seconds": list(done.latency[:2]),
        "runtime": done.latency[2],
        "held_out": done.held_out,
        **asdict(done.change),
        "note": getattr(done.pruned, "note", ""),
        "out": done.out,
    }
    return json.dumps(facts, indent=1) + "\n"
