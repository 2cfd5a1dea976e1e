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
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pruning.checks import Array, choice, integer, unused
from pruning.selection.reading import given_theta
from pruning.stack_pruning import beside
from validation.porting.chains import fitted, tried_sets, wanted
from validation.porting.models import Settings
from validation.porting.selecting import Chosen, choose
from validation.porting.torch_chain import Taken, TorchChain, chain_of, doubled, put, taking
from validation.porting.torch_layers import GATES, both_ways, kind_of, smaller, tails, weight
from validation.porting.torch_precision import as_typed, in_single, is_coarse, widen
from validation.porting.torch_watching import Watched, agree, readers_of, said, watch


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
        By name of module, the largest share of what its own gates read that reconstruction misses;
        with the balanced objective, a refit or `by_runs` of what reads its layers from outside.
    tried : list of dict
        With `by_runs` every set of nodes that was run, by layer and direction, and the gap of its
        outputs, None where that is not finite; that of all sequences first.
    """

    nodes: dict[str, list[list[int]]]
    folded: dict[str, list[str]]
    losses: dict[str, float]
    tried: list[dict[str, Any]] = field(default_factory=list)


def prune_module(
    module: Any,
    loader: Iterable[Any],
    k: int | dict[str, int],
    *,
    call: Callable[[Any, Any], Any] | None = None,
    theta: float | None = None,
    method: str = "greedy",
    reconstruct: bool = True,
    seed: int = 0,
    objective: str = "paper",
    reads: str | None = None,
    outputs: str | None = None,
    by_runs: bool = False,
    refit: str | None = None,
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
    objective, outputs, by_runs
        As in `prune_stack`: ``balanced`` weighs nodes by what the outputs feel of them later, and
        `by_runs` decides near ties of it. The outputs are those of the linear layer that reads the
        states; where the module looks tokens up in an `nn.Embedding`, they are tokens for it, too.
    reads : {None, "last", "every"}
        Which of its outputs count; None for those that it forms. More than that there is not.
    refit : {None, "read-out", "closed-loop"}
        Fit that layer, or all weights of the recurrent layers, too, to the whole module's outputs,
        as in `spectral_prune`; no labels are needed. Biases come in where there were none.
    facts : bool
        Return (module, `ModuleFacts`).

    Returns
    -------
    torch.nn.Module
        A deep copy, in eager mode, on the same device, of the same dtypes and training flag. For
        the balanced objective, a refit and `by_runs` a module of half precision is run in single
        precision, in which its weights are exact and its states are not rounded to three digits or
        two; nodes and weights are found for that run, and the weights rounded to its dtypes last.

    Raises
    ------
    ValueError
        If there is nothing to prune, the loader is empty, or a layer is of a kind that is not
        supported. For the balanced objective, a refit and `by_runs` the module must be a stack: its
        recurrent layers, which are no cells, read each other and are read by one linear layer, from
        states of 0 on; what is in front or behind may be anything that does not see states.

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
    settings = Settings(
        None,
        None,
        theta,
        method,
        reconstruct,
        seed,
        objective,
        refit or "",
        outputs=outputs or "",
        by_runs=by_runs,
    )
    as_stack = wanted(settings)
    given_theta(theta, beside(objective, method, None))
    if as_stack and is_coarse(whole):
        widen(whole)
        run = in_single(run)
    if not as_stack:
        for name, value in {"reads": reads, "outputs": outputs}.items():
            unused(name, value, "the objective 'paper' and no refit")
    with taking(whole, found) if as_stack else nullcontext(Taken()) as taken:
        batches, watched, linears, count = watch(whole, found, loader, run)
    rng = np.random.default_rng(seed)
    targets = {name: readers_of(name, watched, linears) for name in found}
    if as_stack:
        chain = chain_of(whole, found, targets, linears, taken, count)
        _check_alone(whole, chain, targets, batches, run)
        result, told = _as_stack(whole, found, chain, sizes, reads, settings)
        as_typed(result, module)
        _copy_flags(module, result)
        return (result, told) if facts else result
    chosen = {
        name: _choose(name, whole.get_submodule(name), watched[name], sizes[name], settings, rng)
        for name in found
    }
    rebuilt = _copied(whole)
    for name in found:
        _put(rebuilt, name, smaller(whole.get_submodule(name), chosen[name], rebuild=True))
    result = rebuilt
    folded: dict[str, list[str]] = {name: [] for name in found}
    expected = said(rebuilt, batches, run)
    for name in found:
        if not targets[name]:
            continue
        attempt = _copied(result)
        try:
            _fold(attempt, whole, name, targets[name], chosen[name], folded)
            agrees = agree(expected, said(attempt, batches, run))
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


def _check_alone(
    whole: Any, chain: TorchChain, targets: dict[str, list[str]], batches: list[Any], run: Any
) -> None:
    """Raise a ValueError where something else sees the states: it sees nodes that are doubled."""
    attempt = _copied(whole)
    more = {name: doubled(whole.get_submodule(name)) for name in chain.names}
    for name in chain.names:
        _put(attempt, name, smaller(whole.get_submodule(name), more[name], rebuild=True))
    try:
        for name in chain.names:
            _fold(attempt, whole, name, targets[name], more[name], {})
        agrees = agree(said(whole, batches, run), said(attempt, batches, run))
    except (RuntimeError, ValueError, IndexError):
        agrees = False
    if not agrees:
        raise ValueError(
            "for objective, refit and by_runs nothing but its recurrent layers and "
            f"{chain.linear} may see the states of the module, and they must hold their own "
            "weights: leave objective, refit and by_runs away"
        )


def _as_stack(
    whole: Any,
    found: dict[str, str],
    chain: TorchChain,
    sizes: dict[str, int],
    reads: str | None,
    settings: Settings,
) -> tuple[Any, ModuleFacts]:
    """Prune the module as the stack that it is."""
    wide = "every" if reads is None else choice("reads", reads, ("last", "every"))
    if reads == "every" and chain.reads == "last" and chain.x.shape[1] > 1:
        raise ValueError(f"reads must be last or None, {chain.linear} forms no other outputs")
    places: dict[str, slice] = {}
    k: list[int] = []
    for name in chain.names:
        inner = whole.get_submodule(name)
        size = integer(f"k of {name}", sizes[name], 1, inner.hidden_size)
        places[name] = slice(len(k), len(k) + inner.num_layers)
        k += inner.num_layers * [size]
    settings = replace(settings, k=k, reads=chain.reads if reads is None else wide)
    found_stack = fitted(chain.stack, chain.x, chain.lengths, settings)
    result = _copied(whole)
    put(result, chain, found_stack.pruned)
    nodes = {
        name: [side.tolist() for layer in found_stack.nodes[places[name]] for side in layer]
        for name in found
    }
    losses = {name: max(found_stack.losses[places[name]]) for name in found}
    above = [*chain.names[1:], chain.linear]
    folded = {name: [reader] for name, reader in zip(chain.names, above, strict=True)}
    return result, ModuleFacts(nodes, folded, losses, tried_sets([found_stack]))


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


def _copy_flags(module: Any, result: Any) -> None:
    flags = {name: inner.training for name, inner in module.named_modules()}
    for name, inner in result.named_modules():
        inner.training = flags.get(name, inner.training)
    learns = {name: value.requires_grad for name, value in module.named_parameters()}
    for name, value in result.named_parameters():
        value.requires_grad_(learns.get(name, value.requires_grad))
