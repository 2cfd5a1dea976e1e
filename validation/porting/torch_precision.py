"""Modules of half precision in single precision and back.

Their weights are exact in single precision. Their states are not what a stack in float64 says they
are: bfloat16 rounds them to a part in 256 at every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def is_coarse(module: Any) -> bool:
    """Whether a module has weights of fewer than 32 bits."""
    return any(v.is_floating_point() and v.element_size() < 4 for v in module.parameters())


def widen(module: Any) -> None:
    """Make float32 of all weights and buffers of fewer bits, in place; they stay what they are."""
    for inner in module.modules():
        for _, value in _held(inner):
            if value.element_size() < 4:
                value.data = value.data.float()


def in_single(run: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return what runs a module on a batch whose numbers of fewer than 32 bits are float32."""
    return lambda module, batch: run(module, _single(batch))


def _single(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        coarse = value.is_floating_point() and value.element_size() < 4
        return value.float() if coarse else value
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return value._replace(data=_single(value.data))
    if isinstance(value, dict):
        return {key: _single(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_single(part) for part in value]
    if type(value) is tuple:
        return tuple(_single(part) for part in value)
    return value


def as_typed(module: Any, original: Any) -> None:
    """Give all numbers of a module the dtypes that they have in another, in place.

    One that is new, a bias that a fit brought in, gets that of another weight of its layer.
    """
    kinds: dict[str, dict[str, Any]] = {
        name: {part: value.dtype for part, value in _held(inner)}
        for name, inner in original.named_modules(remove_duplicate=False)
    }
    for name, inner in module.named_modules(remove_duplicate=False):
        own = kinds.get(name, {})
        for part, value in _held(inner):
            kind = own.get(part) or next(iter(own.values()), value.dtype)
            if value.dtype != kind:
                value.data = value.data.to(kind)


def _held(inner: Any) -> list[tuple[str, Any]]:
    """The parameters and buffers of a module itself that are floats."""
    both = {**inner._parameters, **inner._buffers}
    return [(n, v) for n, v in both.items() if v is not None and v.is_floating_point()]
