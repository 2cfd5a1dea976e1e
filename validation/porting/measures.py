"""What happened to a network: agreement, distance of the outputs, accuracy, time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from validation.porting.sequences import Sequences


@dataclass(frozen=True)
class Difference:
    """Two networks on the same sequences.

    Attributes
    ----------
    agreement : float or None
        Share of outputs whose largest entry is the same; None of outputs of one entry.
    distance : float
        Root mean square of the distance of the outputs, over that of the whole network's outputs
        from their mean; inf where these do not differ, as those of one sequence.
    accuracy_before, accuracy_after : float or None
        Where there are labels.
    outputs : int
        Over how many outputs: the last step's of every sequence, or every true step's.
    """

    agreement: float | None
    distance: float
    accuracy_before: float | None
    accuracy_after: float | None
    outputs: int


def difference(before: Any, after: Any, data: Sequences, every_step: bool) -> Difference:
    """Compare outputs (n, T, d_y), or (n, d_y) of the last step, on `data`'s x_eval.

    Parameters
    ----------
    before, after : arrays
    data : Sequences
    every_step : bool
        Compare every true step; otherwise the last true one. Labels (n, T) ask for it.
    """
    f, g = (_read(values, data, every_step) for values in (before, after))
    if not (np.isfinite(f).all() and np.isfinite(g).all()):
        which = "whole" if not np.isfinite(f).all() else "pruned"
        raise ValueError(f"the outputs of the {which} network must be finite on the data")
    # Squares of float32 overflow at 1e19; in these units none does.
    unit = max(np.abs(values).max(initial=0.0) for values in (f, g)) or 1.0
    mean = f.mean(axis=0, dtype=np.float64).astype(f.dtype)
    spread = float(np.square((f - mean) / unit).sum()) ** 0.5
    moved = float(np.square(g / unit - f / unit).sum()) ** 0.5
    distance = moved / spread if spread > 0 else (0.0 if moved == 0 else float("inf"))
    said, says = f.argmax(axis=-1), g.argmax(axis=-1)
    right: list[float | None] = [None, None]
    if data.y_eval is not None and (data.y_eval.ndim == 2) == every_step:
        y = _read(np.asarray(data.y_eval)[..., None], data, every_step)[:, 0]
        if y.min() < 0 or y.max() >= f.shape[1]:
            bad = int(y.min() if y.min() < 0 else y.max())
            raise ValueError(
                f"labels must lie in 0..{f.shape[1] - 1}, since the network has {f.shape[1]} "
                f"outputs, got {bad}"
            )
        right = [float((said == y).mean()), float((says == y).mean())]
    agreement = float((said == says).mean()) if f.shape[1] > 1 else None
    return Difference(agreement, distance, right[0], right[1], len(f))


def _read(values: Any, data: Sequences, every_step: bool) -> Any:
    """The outputs that count, (number, d_y)."""
    values = np.asarray(values)
    n, T = data.x_eval.shape[:2]
    ends = np.full(n, T) if data.lengths_eval is None else data.lengths_eval
    if values.shape[0] == n and values.ndim == 2:
        return values  # read out once a sequence already
    if every_step:
        return values[np.arange(T) < ends[:, None]]
    return values[np.arange(n), ends - 1]


def seconds(run: Callable[[], Any], repeats: int = 7) -> float:
    """Return the least time of several runs, after one that is not counted."""
    run()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def torch_latency(stack: Any, T: int, batch: int = 1) -> Callable[[], Any] | None:
    """Return a call that runs a stack's recurrence once in torch, on one thread; None without it.

    The cells are torch's own, so that the time is what a user of torch sees.
    """
    try:
        import torch
    except ImportError:
        return None
    kinds = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "plain": torch.nn.RNN}
    modules = []
    for layer in stack.layers:
        cell = layer[0]
        module = kinds[cell.kind](cell.d_x, cell.m, bidirectional=len(layer) == 2)
        module.eval()
        modules.append(module)
    x = torch.zeros(T, batch, stack.layers[0][0].d_x)

    def run() -> Any:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                h = x
                for module in modules:
                    h = module(h)[0]
                return h
        finally:
            torch.set_num_threads(threads)

    return run
