"""The recurrent layers of a torch module as a stack, where they hand their states on, and back.

The balanced objective and the refits need gradients through what reads the states: torch's own
recurrent layers, each of which reads the one below and nothing else, and one linear layer behind
them. That a module is one is seen on the data: what it hands from layer to layer, and that its
outputs stay what they are when a node of every layer is doubled and its weight shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pruning.activations import activation
from pruning.cells.gru import GRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain
from pruning.checks import Array, Nodes
from pruning.stack import Stack, StackCell
from validation.porting.chains import alike
from validation.porting.selecting import Chosen
from validation.porting.torch_layers import (
    PARTS,
    both_ways,
    kind_of,
    made,
    set_weights,
    tails,
    weight,
)

_ADVICE = ": leave objective, refit and by_runs away"


@dataclass(eq=False)
class Taken:
    """What went into recurrent layers and tables of a module while it ran, and came out."""

    runs: dict[str, list[tuple[Any, Any, Any]]] = field(default_factory=dict)
    """By name and call: the input, the initial state or None, and, of the first, the output."""
    tables: dict[str, list[Any]] = field(default_factory=dict)
    """By name and call: the tokens."""


@dataclass(frozen=True, eq=False)
class TorchChain:
    """A module as a stack.

    Attributes
    ----------
    stack : Stack
    x : (n, T, d) floats or (n, T) tokens
        All that the first layer, or the table in front of it, was given.
    lengths : (n,) integer array or None
        True lengths, where they differ.
    reads : {"last", "every"}
        Which states the linear layer reads.
    names : list of str
        The recurrent modules from below; each is one layer of the stack or several.
    linear : str
    """

    stack: Stack
    x: Any
    lengths: Nodes | None
    reads: str
    names: list[str]
    linear: str


@contextmanager
def taking(whole: Any, found: dict[str, str]) -> Iterator[Taken]:
    """Watch what the recurrent layers and the tables of a module are given."""
    import torch

    taken, handles = Taken(), []

    def after_run(name: str) -> Callable[..., None]:
        def after(inner: Any, args: Any, kwargs: Any, output: Any) -> None:
            state = args[1] if len(args) > 1 else kwargs.get("hx")
            calls = taken.runs.setdefault(name, [])
            given = _kept(args[0] if args else kwargs["input"])
            calls.append((given, state, None if calls else _kept(output[0])))

        return after

    def after_look(name: str) -> Callable[..., None]:
        def after(inner: Any, args: Any, output: Any) -> None:
            taken.tables.setdefault(name, []).append(_kept(args[0]))

        return after

    for name, inner in whole.named_modules():
        if name in found:
            handles.append(inner.register_forward_hook(after_run(name), with_kwargs=True))
        elif type(inner) is torch.nn.Embedding:
            handles.append(inner.register_forward_hook(after_look(name)))
    try:
        yield taken
    finally:
        for handle in handles:
            handle.remove()


def chain_of(
    whole: Any,
    found: dict[str, str],
    targets: dict[str, list[str]],
    linears: dict[str, list[Any]],
    taken: Taken,
    batches: int,
) -> TorchChain:
    """Return the module as a stack.

    Parameters
    ----------
    whole : torch.nn.Module
    found : dict
        Kinds of its recurrent modules by name.
    targets : dict
        By their names, the layers that read their states and nothing else.
    linears : dict
        By name of a linear layer, the rows that it read of the first batch.
    taken : Taken
    batches : int
        How many batches the module was run on.

    Raises
    ------
    ValueError
        If it is none, in one sentence.
    """
    names, linear = _in_order(found, targets)
    for name in names:
        _check_runs(name, whole.get_submodule(name), taken, batches)
    layers = [row for name in names for row in _cells(whole.get_submodule(name))]
    reader = whole.get_submodule(linear)
    rows = _numbers(weight(reader, "weight"))
    bias = np.zeros(len(rows)) if reader.bias is None else _numbers(reader.bias)
    first, top = whole.get_submodule(names[0]), whole.get_submodule(names[-1])
    parts = [_sequences(value, first) for value, _, _ in taken.runs[names[0]]]
    table, tokens = _table(whole, parts, taken)
    stack = Stack(tuple(layers), rows, bias, table)
    if tokens is not None:
        parts = [(seen, ends) for seen, (_, ends) in zip(tokens, parts, strict=True)]
    out, ends = _sequences(taken.runs[names[-1]][0][2], top)
    alive = np.arange(out.shape[1]) < ends[:, None]
    own = stack.layer_states(parts[0][0], ends)[-1][:, : out.shape[1]]
    if own.shape != out.shape or not alike(own[alive], out[alive]):
        raise ValueError(
            f"{names[-1]} must run as torch's own layers do, to a thousandth, in "
            f"{reader.weight.dtype} it does not{_ADVICE}, or give the module in single precision"
        )
    reads = _reads(linear, linears[linear], out, ends, alive)
    x, lengths = _together(parts)
    return TorchChain(stack, x, lengths, reads, names, linear)


def doubled(inner: Any) -> list[Chosen]:
    """Choices that keep every node, the first one twice with half its weight each."""
    m = inner.hidden_size
    A = np.hstack([np.eye(m), np.eye(m, 1)])
    A[0, [0, m]] = 0.5
    nodes = np.append(np.arange(m), 0).astype(np.int64)
    return [Chosen(nodes, A, None, 0.0) for _ in tails(inner)]


def put(module: Any, chain: TorchChain, small: Stack) -> None:
    """Write a pruned stack into a copy of the module that it came from."""
    import torch

    rows = iter(small.layers)
    for name in chain.names:
        inner = module.get_submodule(name)
        ends = tails(inner)
        sides = 2 if both_ways(inner) else 1
        cells = [cell for _ in range(len(ends) // sides) for cell in next(rows)]
        biased = bool(inner.bias) or any(c.b_input.any() or c.b_hidden.any() for c in cells)
        own = made(inner, cells[0].d_x, cells[0].m, len(ends) // sides, bias=biased)
        for tail, cell in zip(ends, cells, strict=True):
            given = [cell.w_input, cell.w_hidden] + biased * [cell.b_input, cell.b_hidden]
            copies: list[Any] = [value.copy() for value in given]  # torch wants to write
            set_weights(own, tail, copies + (4 - len(copies)) * [None])
        parent, _, last = name.rpartition(".")
        setattr(module.get_submodule(parent), last, own)
    reader = module.get_submodule(chain.linear)
    old = reader.weight
    values = {"weight": small.w_output}
    if reader.bias is not None or small.b_output.any():
        values["bias"] = small.b_output
    for part, value in values.items():
        if part not in reader._parameters:
            raise ValueError(f"{chain.linear}.{part} is parametrised{_ADVICE}")
        new = torch.as_tensor(value.copy()).to(old.device, old.dtype)
        setattr(reader, part, torch.nn.Parameter(new, requires_grad=old.requires_grad))
    reader.in_features = small.w_output.shape[1]


def _in_order(found: dict[str, str], targets: dict[str, list[str]]) -> tuple[list[str], str]:
    """The recurrent modules from below, and the linear layer that reads the last one."""
    for name, kind in found.items():
        if kind.endswith("Cell"):
            raise ValueError(
                f"objective, refit and by_runs are for nn.RNN, nn.GRU and nn.LSTM, {name} is an "
                f"nn.{kind}{_ADVICE}"
            )
        if len(targets[name]) != 1:
            readers = ", ".join(targets[name]) or "something else"
            raise ValueError(
                "for objective, refit and by_runs one linear or recurrent layer must read the "
                f"states of {name}, and nothing else; they are read by {readers}{_ADVICE}"
            )
    names = [name for name in found if all(name not in read for read in targets.values())]
    while names and targets[names[-1]][0] in found and len(names) <= len(found):
        names.append(targets[names[-1]][0])
    if len(names) != len(found):
        raise ValueError(
            "for objective, refit and by_runs each recurrent layer must read the one below and "
            f"nothing else, of {', '.join(found)} some do not{_ADVICE}"
        )
    return names, targets[names[-1]][0]


def _check_runs(name: str, inner: Any, taken: Taken, batches: int) -> None:
    runs = taken.runs[name]
    if len(runs) != batches:
        raise ValueError(
            f"for objective, refit and by_runs {name} must be run once a batch, it was run "
            f"{len(runs)} times on {batches}{_ADVICE}"
        )
    for _, state, _ in runs:
        parts = state if isinstance(state, tuple) else (state,)
        if any(part is not None and bool(part.any()) for part in parts):
            raise ValueError(
                f"for objective, refit and by_runs {name} must start at states of 0, it does not"
                f"{_ADVICE}"
            )


def _cells(inner: Any) -> list[tuple[StackCell, ...]]:
    """The cells of a module by layer and direction."""
    kind, sides = kind_of(inner), 2 if both_ways(inner) else 1
    cells: list[StackCell] = []
    for tail in tails(inner):
        given = [weight(inner, part + tail) for part in PARTS]
        W, R = (_numbers(value) for value in given[:2])
        biases = [np.zeros(len(W)) if b is None else _numbers(b) for b in given[2:]]
        if kind == "RNN":
            cells.append(Plain(W, R, biases[0], biases[1], activation(inner.nonlinearity)))
        else:
            cells.append({"GRU": GRU, "LSTM": LSTM}[kind](W, R, *biases))
    return [tuple(cells[at : at + sides]) for at in range(0, len(cells), sides)]


def _table(
    whole: Any, parts: list[tuple[Array, Nodes]], taken: Taken
) -> tuple[Array | None, list[Any] | None]:
    """The table whose vectors the first layer reads and the tokens of every batch, if there is one.

    A language model is known by it.
    """
    for name, calls in taken.tables.items():
        vectors = _numbers(weight(whole.get_submodule(name), "weight"))
        for swapped in (False, True):
            tokens = [_tokens(seen, x, swapped) for seen, (x, _) in zip(calls, parts)]
            if len(calls) == len(parts) and all(
                seen is not None and _looked_up(vectors, seen, x, ends)
                for seen, (x, ends) in zip(tokens, parts)
            ):
                return vectors, tokens
    return None, None


def _tokens(seen: Any, x: Array, swapped: bool) -> Any:
    """Tokens (n, T) for sequences x (n, T, d) that may have been cut; None where they differ."""
    given = seen.cpu().numpy()
    given = given[None] if given.ndim == 1 else given.T if swapped else given
    given = given[:, : x.shape[1]] if given.ndim == 2 else given
    return given if given.shape == x.shape[:2] else None


def _looked_up(vectors: Array, tokens: Any, x: Array, ends: Nodes) -> bool:
    alive = np.arange(x.shape[1]) < ends[:, None]
    return vectors.shape[1] == x.shape[2] and np.array_equal(vectors[tokens[alive]], x[alive])


def _reads(linear: str, rows: list[Any], out: Array, ends: Nodes, alive: Any) -> str:
    """Which states the linear layer reads: the last true ones, or all true ones."""
    if len(rows) != 1:
        raise ValueError(
            f"for objective, refit and by_runs {linear} must be run once a batch, it was run "
            f"{len(rows)} times on the first{_ADVICE}"
        )
    nothing = np.zeros(out.shape[2]).tobytes()  # padding
    read = _keys(_numbers(rows[0])) - {nothing}
    for name, states in (("last", out[np.arange(len(out)), ends - 1]), ("every", out[alive])):
        if read == _keys(states) - {nothing}:
            return name
    raise ValueError(
        f"for objective, refit and by_runs {linear} must read the last states or every one, it "
        f"reads others{_ADVICE}"
    )


def _keys(rows: Array) -> set[bytes]:
    return {(row + 0.0).tobytes() for row in np.ascontiguousarray(rows)}


def _together(parts: list[tuple[Any, Nodes]]) -> tuple[Any, Nodes | None]:
    """All batches as one padded array, and the true lengths where some are shorter."""
    T = max(x.shape[1] for x, _ in parts)
    padded = [np.pad(x, [(0, 0), (0, T - x.shape[1])] + [(0, 0)] * (x.ndim - 2)) for x, _ in parts]
    lengths = np.concatenate([ends for _, ends in parts])
    return np.concatenate(padded), None if (lengths == T).all() else lengths


def _sequences(value: Any, inner: Any) -> tuple[Array, Nodes]:
    """Sequences (n, T, d) and their true lengths of what a recurrent layer is given or gives."""
    from torch.nn.utils.rnn import pad_packed_sequence

    if hasattr(value, "batch_sizes"):
        padded, lengths = pad_packed_sequence(value, batch_first=True)
        return _numbers(padded), lengths.cpu().numpy().astype(np.int64)
    x = _numbers(value)
    if x.ndim == 2:
        x = x[None]
    elif not inner.batch_first:
        x = np.ascontiguousarray(x.transpose(1, 0, 2))
    return x, np.full(len(x), x.shape[1], dtype=np.int64)


def _kept(value: Any) -> Any:
    """A tensor or packed sequences, apart from what is done with them later."""
    if hasattr(value, "batch_sizes"):
        return value._replace(data=value.data.detach().clone())
    return value.detach().clone()


def _numbers(tensor: Any) -> Array:
    result: Array = tensor.detach().double().cpu().numpy()
    return result
