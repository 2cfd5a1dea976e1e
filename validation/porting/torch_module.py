"""`prune_module`: a live module of torch, pruned wherever its recurrent layers stand.

The module is run on the data as it is, and the states of its recurrent layers are watched. In a
copy each of them is replaced by one of k nodes that rebuilds the state for whatever reads it
(`torch_rebuilt`); that copy is right whatever the module does with the state. Where the state is
read by linear layers or by recurrent ones alone, A is then folded into those, and kept so if the
outputs agree with the rebuilt copy's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Array
from validation.porting.models import Settings
from validation.porting.selecting import Chosen, choose
from validation.porting.torch_layers import GATES, both_ways, kind_of, smaller, tails, weight
from validation.porting.torch_watching import Watched, readers_of, watch

_AGREE = 1e-3  # of the largest output: float32 rounding through a few layers


@dataclass(frozen=True)
class ModuleFacts:
    """What `prune_module` did.

    Attributes
    ----------
    nodes : dict
        Kept nodes by name of module, then by layer and direction in torch's order.
    folded : dict
        By name of module, which layers A was folded into; empty where the module rebuilds the
        state itself.
    losses : dict
        By name of module, the largest share of what its own gates read that reconstruction misses.
    """

    nodes: dict[str, list[list[int]]]
    folded: dict[str, list[str]]
    losses: dict[str, float]


def prune_module(
    module: Any,
    loader: Iterable[Any],
    k: int | dict[str, int],
    *,
    call: Callable[[Any, Any], Any] | None = None,
    theta: float = 0.5,
    method: str = "greedy",
    reconstruct: bool = True,
    seed: int = 0,
    facts: bool = False,
) -> Any:
    """Prune the recurrent layers of a torch module.

    Parameters
    ----------
    module : torch.nn.Module
        With nn.RNN, nn.GRU, nn.LSTM or their cells anywhere in it; it is not changed.
    loader : iterable of batches
        What the module is run on; labels are not needed. Of a tuple or a list the first entry is
        given to the module.
    k : int, or one for each recurrent module by name
        Nodes to keep, in every layer and direction of a module.
    call : callable, optional
        ``call(module, batch)`` where ``module(batch[0])`` is not how it is run.
    theta, method, reconstruct, seed
        As in `prune_stack`.
    facts : bool
        Return (module, `ModuleFacts`).

    Returns
    -------
    torch.nn.Module
        A deep copy, in eager mode, on the same device, of the same dtypes and training flag.

    Raises
    ------
    ValueError
        If there is nothing to prune, the loader is empty, or a layer is of a kind that is not
        supported.

    Examples
    --------
    >>> import torch
    >>> from rnnbounds import prune_module
    >>> class Classifier(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.rnn = torch.nn.GRU(3, 16, batch_first=True)
    ...         self.out = torch.nn.Linear(16, 2)
    ...     def forward(self, x):
    ...         return self.out(self.rnn(x)[0][:, -1])
    >>> _ = torch.manual_seed(0)
    >>> small = prune_module(Classifier(), [torch.randn(50, 5, 3)], k=6)
    >>> small.rnn.hidden_size, small(torch.randn(2, 5, 3)).shape
    (6, torch.Size([2, 2]))
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    module = getattr(module, "_orig_mod", module)
    run = call or _plain_call
    found = _recurrent(module)
    sizes = _sizes(k, found)
    whole = _copied(module).eval()
    batches, watched, linears = watch(whole, found, loader, run)
    settings = Settings(None, None, theta, method, reconstruct, seed)
    rng = np.random.default_rng(seed)
    targets = {name: readers_of(name, watched, linears) for name in found}
    chosen = {
        name: _choose(name, whole.get_submodule(name), watched[name], sizes[name], settings, rng)
        for name in found
    }
    rebuilt = _copied(whole)
    for name in found:
        _put(rebuilt, name, smaller(whole.get_submodule(name), chosen[name], rebuild=True))
    result = rebuilt
    folded: dict[str, list[str]] = {name: [] for name in found}
    expected = _outputs(rebuilt, batches, run)
    for name in found:
        if not targets[name]:
            continue
        attempt = _copied(result)
        try:
            _fold(attempt, whole, name, targets[name], chosen[name], folded)
            agrees = _agree(expected, _outputs(attempt, batches, run))
        except (RuntimeError, ValueError, IndexError):
            agrees = False
        if agrees:
            result, folded = attempt, {**folded, name: targets[name]}
    _copy_flags(module, result)
    if not facts:
        return result
    nodes = {name: [c.nodes.tolist() for c in chosen[name]] for name in found}
    losses = {name: max(c.lost for c in chosen[name]) for name in found}
    return result, ModuleFacts(nodes, folded, losses)


def _plain_call(module: Any, batch: Any) -> Any:
    return module(batch[0] if isinstance(batch, list | tuple) else batch)


def _copied(module: Any) -> Any:
    """A deep copy, of what torch.nn.utils.prune left in place too.

    It keeps the product of weight and mask as an attribute that is no leaf of the graph, which
    torch does not copy; the copy's own hooks form it anew.
    """
    import torch

    memo: dict[int, Any] = {}
    for inner in module.modules():
        for value in vars(inner).values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, torch.Tensor) and not one.is_leaf:
                    memo[id(one)] = one.detach().clone()
    return copy.deepcopy(module, memo)


def _recurrent(module: Any) -> dict[str, str]:
    """Names and kinds of the recurrent modules inside."""
    import torch

    found = {}
    for name, inner in module.named_modules():
        if not isinstance(inner, torch.nn.RNNBase | torch.nn.RNNCellBase):
            continue
        kind = kind_of(inner)
        own = getattr(torch.nn, kind, None)
        plain = type(inner) is own or torch.nn.utils.parametrize.is_parametrized(inner)
        if kind not in GATES or not plain:
            raise ValueError(
                f"{name or 'the module'} is a {type(inner).__name__}, but only torch's own "
                "recurrent layers can be pruned"
            )
        if getattr(inner, "proj_size", 0):
            raise ValueError(f"{name or 'the module'} has projections, which are not supported")
        if not name:
            raise ValueError(
                "the module must hold a recurrent layer, it is one: what reads its states is not "
                "known; wrap it with its read-out"
            )
        found[name] = kind
    if not found:
        raise ValueError("the module must hold an nn.RNN, nn.GRU, nn.LSTM or a cell, got none")
    return found


def _sizes(k: Any, found: dict[str, str]) -> dict[str, int]:
    if isinstance(k, dict):
        if set(k) != set(found):
            raise ValueError(
                f"k must name {', '.join(found)}, got {', '.join(map(str, k)) or 'nothing'}"
            )
        return dict(k)
    return dict.fromkeys(found, k)


def _choose(
    name: str, inner: Any, record: Watched, k: int, settings: Settings, rng: Any
) -> list[Chosen]:
    chosen = []
    for tail, total in zip(tails(inner), record.sums, strict=True):
        rows = weight(inner, f"weight_hh{tail}").double().cpu().numpy()
        S = np.asarray(total) / record.steps
        if not np.isfinite(S).all():
            raise ValueError(f"the states of {name} are not finite on the data")
        one = choose(f"k of {name}", S, rows, None, k, settings, rng)
        # A state that goes out and comes in again must be the same.
        A = one.A.copy()
        A[one.nodes] = np.eye(len(one.nodes))
        chosen.append(Chosen(one.nodes, A, None, one.lost))
    return chosen


def _put(module: Any, name: str, inner: Any) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent) if parent else module, last, inner)


def _fold(
    attempt: Any,
    whole: Any,
    name: str,
    targets: list[str],
    chosen: list[Chosen],
    folded: dict[str, list[str]],
) -> None:
    """Put torch's own module in the place of a rebuilt one, and A into what reads it."""
    import torch
    from scipy.linalg import block_diag

    own = smaller(whole.get_submodule(name), chosen, rebuild=False)
    # What lies below may have been folded into the rebuilt one already.
    now = attempt.get_submodule(name)
    with torch.no_grad():
        for (_, value), (_, mine) in zip(now.named_parameters(), own.named_parameters()):
            if value.shape == mine.shape:
                mine.copy_(value)
            else:
                mine.data = value.data.clone()
    if now.input_size != own.input_size:
        own.input_size = now.input_size
    _put(attempt, name, own)
    sides = 2 if both_ways(own) else 1
    A: Array = np.asarray(block_diag(*[c.A for c in chosen[-sides:]]))
    for target in targets:
        reader = attempt.get_submodule(target)
        if isinstance(reader, torch.nn.Linear):
            _narrow(reader, "weight", A)
            reader.in_features = A.shape[1]
            continue
        for tail in tails(reader)[: 2 if both_ways(reader) else 1]:
            _narrow(reader, f"weight_ih{tail}", A)
        reader.input_size = A.shape[1]


def _narrow(reader: Any, name: str, A: Array) -> None:
    import torch

    old = getattr(reader, name)
    value = torch.as_tensor(old.detach().double().cpu().numpy() @ A)
    new = torch.nn.Parameter(value.to(old.device, old.dtype), requires_grad=old.requires_grad)
    if name in reader._parameters:
        setattr(reader, name, new)
    else:
        raise ValueError(f"{name} is parametrised")
    if hasattr(reader, "_flat_weights_names"):
        reader._flat_weights = [getattr(reader, n) for n in reader._flat_weights_names]


def _outputs(module: Any, batches: list[Any], run: Any) -> list[Any]:
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


def _agree(expected: list[Any], found: list[Any]) -> bool:
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


def _copy_flags(module: Any, result: Any) -> None:
    flags = {name: inner.training for name, inner in module.named_modules()}
    for name, inner in result.named_modules():
        inner.training = flags.get(name, inner.training)
