"""Watch the recurrent layers of a torch module while it runs: moments, and who reads what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from validation.porting.torch_layers import PARTS, both_ways, made, set_weights, weight

_AGREE = 1e-3  # of the largest output: float32 rounding through a few layers


@dataclass(eq=False)
class Watched:
    """Sums of h h^T by layer and direction of one recurrent module."""

    sums: list[Any]
    steps: int = 0
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)


def watch(
    whole: Any, found: dict[str, str], loader: Iterable[Any], run: Any
) -> tuple[list[Any], dict[str, Watched], dict[str, list[Any]], int]:
    """Run the module over the data; keep the first batch, and what went in and out on it.

    Its last answer is the number of batches.
    """
    import torch

    watched = {}
    first = True
    linears: dict[str, list[Any]] = {}
    handles = []
    for name in found:
        inner = whole.get_submodule(name)
        layers = getattr(inner, "num_layers", 1) * (2 if both_ways(inner) else 1)
        watched[name] = Watched([0.0] * layers)
        record = watched[name]

        def after(inner: Any, args: Any, kwargs: Any, output: Any, record: Any = record) -> None:
            _add(inner, args, kwargs, output, record)
            if first:
                record.inputs.append(_rows(args[0] if args else kwargs["input"]))
                record.outputs += [_rows(part) for part in _parts(output)]

        handles.append(inner.register_forward_hook(after, with_kwargs=True))
    for name, inner in whole.named_modules():
        if type(inner) is torch.nn.Linear:

            def before(inner: Any, args: Any, name: str = name) -> None:
                if first:
                    linears.setdefault(name, []).append(_rows(args[0]))

            handles.append(inner.register_forward_pre_hook(before))
    kept: list[Any] = []
    count = 0
    try:
        with torch.no_grad():
            for batch in loader:
                run(whole, batch)
                count += 1
                if first:
                    kept.append(batch)
                first = False
    finally:
        for handle in handles:
            handle.remove()
    if not kept:
        raise ValueError("the loader must give at least one batch, got none")
    unused = [name for name in found if watched[name].steps == 0]
    if unused:
        raise ValueError(f"{unused[0]} was not run on the data, so that nothing is known of it")
    return kept, watched, linears, count


def readers_of(name: str, watched: dict[str, Watched], linears: dict[str, list[Any]]) -> list[str]:
    """Names of the layers whose inputs were rows of this module's outputs, and nothing else."""
    record = watched[name]
    width = record.outputs[0].shape[1]
    given = _keys(record.outputs[0].new_zeros(1, width))  # padding: A times 0 is 0
    for part in record.outputs:
        if part.shape[1] == width:
            given |= _keys(part)
    readers = {other: w.inputs for other, w in watched.items() if other != name}
    found = []
    for other, seen in {**linears, **readers}.items():
        rows = [part for part in seen if part.shape[1] == width]
        if seen and len(rows) == len(seen) and all(_keys(part) <= given for part in rows):
            found.append(other)
    return found


def said(module: Any, batches: list[Any], run: Any) -> list[Any]:
    """Every tensor that the module answers with on the batches."""
    import torch

    with torch.no_grad():
        return [t for batch in batches for t in _tensors(run(module, batch))]


def _tensors(value: Any) -> list[Any]:
    if hasattr(value, "batch_sizes"):
        return [value.data]
    if hasattr(value, "detach"):
        return [value]
    if isinstance(value, dict):
        return [t for part in value.values() for t in _tensors(part)]
    if isinstance(value, list | tuple):
        return [t for part in value for t in _tensors(part)]
    return []


def agree(expected: list[Any], found: list[Any]) -> bool:
    """Whether two lists of `said` are the same but for rounding."""
    if not expected or len(expected) != len(found):
        return False
    for a, b in zip(expected, found, strict=True):
        if a.shape != b.shape:
            return False
        if a.is_floating_point():
            scale = float(a.abs().max()) or 1.0
            gap = float((a - b).abs().max())
            if not gap <= _AGREE * scale:  # nan does not agree
                return False
    return True


def _keys(rows: Any) -> set[bytes]:
    array = np.ascontiguousarray(rows.double().cpu().numpy())
    return {row.tobytes() for row in array}


def _parts(output: Any) -> list[Any]:
    """The tensors of states in what a recurrent module returns, cell states left out."""
    if not isinstance(output, tuple) or hasattr(output, "batch_sizes"):
        return [output]
    if len(output) == 2 and isinstance(output[1], tuple):  # nn.LSTM
        return [output[0], output[1][0]]
    return list(output)


def _rows(value: Any) -> Any:
    tensor = value.data if hasattr(value, "batch_sizes") else value
    return tensor.detach().reshape(-1, tensor.shape[-1]).clone()


def _add(inner: Any, args: Any, kwargs: Any, output: Any, record: Watched) -> None:
    """Add the second moments of every layer and direction of one call."""
    import torch

    inputs = args[0] if args else kwargs["input"]
    state = args[1] if len(args) > 1 else kwargs.get("hx")
    if isinstance(inner, torch.nn.RNNCellBase):
        h = output[0] if isinstance(output, tuple) else output
        rows = _rows(h).double()
        record.sums[0] = record.sums[0] + (rows.T @ rows).cpu().numpy()
        record.steps += len(rows)
        return
    sides = 2 if both_ways(inner) else 1
    below = inputs
    for layer in range(inner.num_layers):
        if layer == inner.num_layers - 1:
            out = output[0]
        else:
            # Its own module: torch does not show the states of inner layers.
            out = _one_layer(inner, layer)(below, _layer_state(state, layer, sides))[0]
        rows = _rows(out).double()
        for side in range(sides):
            h = rows[:, side * inner.hidden_size : (side + 1) * inner.hidden_size]
            place = layer * sides + side
            record.sums[place] = record.sums[place] + (h.T @ h).cpu().numpy()
        below = out
    record.steps += len(rows)


def _layer_state(state: Any, layer: int, sides: int) -> Any:
    if state is None:
        return None
    part = slice(layer * sides, (layer + 1) * sides)
    if isinstance(state, tuple):
        return tuple(s[part] for s in state)
    return state[part]


def _one_layer(inner: Any, layer: int) -> Any:
    sides = 2 if both_ways(inner) else 1
    weights = [
        [weight(inner, f"{part}_l{layer}{'_reverse' if side else ''}") for part in PARTS]
        for side in range(sides)
    ]
    one = made(inner, weights[0][0].shape[1], inner.hidden_size, 1)
    for side, values in enumerate(weights):
        set_weights(one, f"_l0{'_reverse' if side else ''}", values)
    return one.eval()
