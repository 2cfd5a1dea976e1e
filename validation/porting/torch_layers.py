"""Recurrent layers of torch: their weights by name, and the same layer with fewer nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from validation.porting.selecting import Chosen

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4, "RNNCell": 1, "GRUCell": 3, "LSTMCell": 4}
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def kind_of(inner: Any) -> str:
    """Return the name of torch's own class: a parametrised module is one of another name."""
    for base in type(inner).__mro__:
        if base.__module__ == "torch.nn.modules.rnn" and base.__name__ in GATES:
            return base.__name__
    return type(inner).__name__


def both_ways(inner: Any) -> bool:
    return bool(getattr(inner, "bidirectional", False))


def weight(inner: Any, name: str) -> Any:
    """A weight as the module uses it: masks and parametrisations folded in."""
    value = getattr(inner, name, None)
    return None if value is None else value.detach()


def tails(inner: Any) -> list[str]:
    """What follows the names of the weights, layer by layer and direction by direction."""
    if not hasattr(inner, "num_layers"):
        return [""]
    sides = ("", "_reverse") if both_ways(inner) else ("",)
    return [f"_l{layer}{side}" for layer in range(inner.num_layers) for side in sides]


def smaller(inner: Any, chosen: list[Chosen], rebuild: bool) -> Any:
    """The module with k nodes, of torch's own class or one that rebuilds the state."""
    import torch
    from scipy.linalg import block_diag

    from validation.porting.torch_rebuilt import REBUILT

    k, m = len(chosen[0].nodes), inner.hidden_size
    own = getattr(torch.nn, kind_of(inner))
    ends = tails(inner)
    first = weight(inner, f"weight_ih{ends[0]}")
    small = made(
        inner,
        first.shape[1],
        k,
        getattr(inner, "num_layers", 1),
        REBUILT[own] if rebuild else None,
    )
    g = GATES[kind_of(inner)]
    sides = 2 if both_ways(inner) else 1
    for place, (tail, kept) in enumerate(zip(ends, chosen, strict=True)):
        rows = (np.arange(g)[:, None] * m + kept.nodes).reshape(-1)
        values = [weight(inner, part + tail) for part in PARTS]
        numbers: list[Any] = [None if v is None else v.double().cpu().numpy()[rows] for v in values]
        numbers[1] = numbers[1] @ kept.A
        if place >= sides:  # an upper layer reads the pruned one below it
            under = chosen[(place // sides - 1) * sides : (place // sides) * sides]
            numbers[0] = numbers[0] @ block_diag(*[side.A for side in under])
        set_weights(small, tail, numbers)
    if rebuild:
        dtype, device = first.dtype, first.device
        small.whole = m
        small.register_buffer(
            "nodes", torch.as_tensor(np.stack([c.nodes for c in chosen])).to(device)
        )
        small.register_buffer(
            "rebuild", torch.as_tensor(np.stack([c.A for c in chosen])).to(device, dtype)
        )
        top = block_diag(*[c.A for c in chosen[-sides:]])
        small.register_buffer("top", torch.as_tensor(top).to(device, dtype))
    return small.train(inner.training)


def made(
    inner: Any,
    d_x: int,
    m: int,
    layers: int,
    kind: type | None = None,
    bias: bool | None = None,
) -> Any:
    """A new module like this one, of another size, with torch's own class or a rebuilt one.

    `bias` says whether it has biases; by default as this one.
    """
    import torch

    own = getattr(torch.nn, kind_of(inner))
    reference = next(inner.parameters())
    options: dict[str, Any] = {"device": reference.device, "dtype": reference.dtype}
    if isinstance(inner, torch.nn.RNNCellBase):
        options["bias"] = inner.bias if bias is None else bias
        if kind_of(inner) == "RNNCell":
            options["nonlinearity"] = inner.nonlinearity
        return (kind or own)(d_x, m, **options)
    options |= {
        "num_layers": layers,
        "bias": inner.bias if bias is None else bias,
        "batch_first": inner.batch_first,
        "bidirectional": inner.bidirectional,
        "dropout": inner.dropout if layers > 1 else 0.0,
    }
    if kind_of(inner) == "RNN":
        options["nonlinearity"] = inner.nonlinearity
    return (kind or own)(d_x, m, **options)


def set_weights(module: Any, tail: str, values: Iterable[Any]) -> None:
    import torch

    with torch.no_grad():
        for part, value in zip(PARTS, values, strict=True):
            if value is not None:
                getattr(module, part + tail).copy_(torch.as_tensor(value))
