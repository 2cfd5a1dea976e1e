"""A file with a network: opened by its form, pruned, and written in the same form.

To add a form, write a class with the methods of `Form` and a line in `opened`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pruning.cells.plain import Plain
from pruning.checkpoints.files import read_state_dict
from pruning.checkpoints.torch_layout import TorchNetwork, torch_network
from pruning.rnn import RNN
from pruning.stack import Stack
from pruning.stack_pruning import PrunedStack
from validation.porting.chains import fitted, tried_sets
from validation.porting.measures import seconds, torch_latency
from validation.porting.sequences import Sequences

WEIGHT_FILES = (".safetensors", ".npz", ".pt", ".pth")


@dataclass(frozen=True)
class Settings:
    """How to prune; the arguments of `pruning.stack_pruning.prune_stack`.

    `refit` is empty, ``read-out`` or ``closed-loop``: the small network is then fitted to the whole
    one's outputs, without labels. `outputs` is what those are, ``numbers`` or ``logits``; where it
    is empty, logits of language models (which read tokens and have an output for each of them).
    `seed` draws nodes of methods that draw, which sequences decide `by_runs`, and which are fitted.
    `say`, where there is one, is told of every step of a fit.
    """

    k: Any = None
    total: int | None = None
    theta: float | None = None
    method: str = "greedy"
    reconstruct: bool = True
    seed: int = 0
    objective: str = "paper"
    refit: str = ""
    reads: str = "last"
    outputs: str = ""
    by_runs: bool = False
    say: Callable[[str], None] | None = None


class Pruned(Protocol):
    """A network that was pruned, beside the whole one."""

    @property
    def words(self) -> str:
        """The pruned network in a phrase."""

    @property
    def nodes(self) -> list[list[list[int]]]:
        """Kept nodes by layer and direction."""

    @property
    def losses(self) -> list[float]:
        """By layer, the share of what reads the states that reconstruction misses."""

    @property
    def tried(self) -> list[dict[str, Any]]:
        """Every set of nodes that was run, as `tried_sets` has them; empty but for `by_runs`."""

    @property
    def parameters(self) -> tuple[int, int]:
        """Weights before and after."""

    def outputs(self, held: Sequences) -> tuple[Any, Any]:
        """Return what both networks say on x_eval, each (n, T, d_y) or (n, d_y)."""

    def latency(self, held: Sequences) -> tuple[float, float, str]:
        """Return the seconds that both take for one sequence, and what ran them."""

    def write(self, out: Path) -> None:
        """Write the pruned network, completely or not at all."""


class Form(Protocol):
    """What a form of network can do."""

    @property
    def words(self) -> str:
        """The network in a phrase."""

    def check(self, held: Sequences, out: Path) -> None:
        """Raise ValueError where the data do not fit or `out` cannot be of this form."""

    def prune(self, held: Sequences, settings: Settings) -> Pruned:
        """Prune the network on the sequences."""


@dataclass(frozen=True, eq=False)
class PrunedFile:
    """A pruned stack and the form that writes it."""

    result: PrunedStack
    write: Callable[[Path], None]
    note: str = ""

    @property
    def words(self) -> str:
        """The pruned network in a phrase."""
        return described(self.result.pruned)

    @property
    def nodes(self) -> list[list[list[int]]]:
        """Kept nodes by layer and direction."""
        return [[side.tolist() for side in layer] for layer in self.result.nodes]

    @property
    def losses(self) -> list[float]:
        """By layer."""
        return list(self.result.losses)

    @property
    def tried(self) -> list[dict[str, Any]]:
        """Every set that was run, and its gap."""
        return tried_sets([self.result])

    @property
    def parameters(self) -> tuple[int, int]:
        """Weights before and after."""
        return self.result.original.parameters, self.result.pruned.parameters

    def outputs(self, held: Sequences) -> tuple[Any, Any]:
        """What both networks say at every step; in float32 if it has the weights in its range."""
        both = self.result.original, self.result.pruned
        # What leaves the range of floats is refused by whoever compares them.
        with np.errstate(over="ignore", invalid="ignore"):
            before, after = (
                stack.predictions(held.x_eval, held.lengths_eval, _precision(both))
                for stack in both
            )
        return before, after

    def latency(self, held: Sequences) -> tuple[float, float, str]:
        """Of the recurrent layers on one sequence, in torch where it is installed."""
        stacks = (self.result.original, self.result.pruned)
        runs = [torch_latency(stack, int(held.x_eval.shape[1])) for stack in stacks]
        if runs[0] is not None and runs[1] is not None:
            return seconds(runs[0]), seconds(runs[1]), "torch on the processor"
        one, dtype = held.x_eval[:1], _precision(stacks)
        before, after = (
            seconds(lambda stack=stack: stack.layer_states(one, dtype=dtype))  # type: ignore[misc]
            for stack in stacks
        )
        return before, after, "NumPy"


def _precision(stacks: tuple[Stack, ...]) -> str:
    return "float32" if all(_fits_float32(stack) for stack in stacks) else "float64"


def _fits_float32(stack: Stack) -> bool:
    """Whether no array of weights is far below or above what float32 holds."""
    cells = [cell for layer in stack.layers for cell in layer]
    arrays = [stack.w_output, *(a for cell in cells for a in (cell.w_input, cell.w_hidden))]
    largest = [float(np.abs(array).max(initial=0)) for array in arrays]
    return all(size == 0 or 1e-25 < size < 1e25 for size in largest)


class StackForm:
    """What files share whose network is a stack."""

    stack: Stack
    words: str

    def check(self, held: Sequences, out: Path) -> None:
        """The width of the data, and the name of the output."""
        check_width(self.stack, held)
        self.check_out(out)

    def check_out(self, out: Path) -> None:
        """Raise ValueError where the network cannot be written to `out`."""
        raise NotImplementedError

    def write(self, out: Path, pruned: Stack) -> None:
        """Write a pruned stack in this form."""
        raise NotImplementedError

    def prune(self, held: Sequences, settings: Settings) -> Pruned:
        """Prune the stack."""
        result = fitted(self.stack, held.x, held.lengths, settings)
        return PrunedFile(
            result, lambda out: self.write(out, result.pruned), self.note(result.pruned)
        )

    def note(self, pruned: Stack) -> str:
        """What a user must know to load the result; empty where there is nothing."""
        return ""


@dataclass(frozen=True, eq=False)
class OwnForm(StackForm):
    """The five weights of `pruning.save_network`."""

    rnn: RNN
    stack: Stack
    words: str

    def check_out(self, out: Path) -> None:
        """Npz or safetensors."""
        check_suffix(out, (".npz", ".safetensors"))

    def write(self, out: Path, pruned: Stack) -> None:
        """Write the five weights of the pruned network."""
        from pruning.storage import save_network

        cell = pruned.layers[0][0]
        bias = cell.b_input + cell.b_hidden
        weights = (cell.w_hidden, cell.w_input, bias, pruned.w_output, pruned.b_output)
        save_network(out, RNN(*weights, activation=self.rnn.activation))


@dataclass(frozen=True, eq=False)
class TorchForm(StackForm):
    """A state_dict of torch, in a file of any kind that holds named tensors."""

    network: TorchNetwork
    stack: Stack
    words: str
    metadata: dict[str, str]

    def note(self, pruned: Stack) -> str:
        """What of the file no module like the one that it came from can hold."""
        sizes: dict[str, set[int]] = {}
        for names, cells in zip(self.network.cells, pruned.layers, strict=True):
            for (head, _), cell in zip(names, cells, strict=True):
                sizes.setdefault(head, set()).add(cell.m)
        uneven = [
            head.rstrip(".") or "the module" for head, found in sizes.items() if len(found) > 1
        ]
        notes = []
        if uneven:
            notes.append(
                f"the layers of {', '.join(uneven)} differ in size, which one module of torch "
                "cannot hold: load each layer into a module of its own, or give one number to -k"
            )
        added = self.network.new_biases(pruned)
        if added:
            notes.append(
                f"the refit set biases where there were none ({', '.join(added)}): load the file "
                "into modules with bias=True"
            )
        return "; ".join(notes)

    def check_out(self, out: Path) -> None:
        """Any file of named tensors."""
        if check_suffix(out, WEIGHT_FILES) in (".pt", ".pth"):
            _torch("to write")

    def write(self, out: Path, pruned: Stack) -> None:
        """Write the tensors of the file with the pruned ones in their places and dtypes.

        bfloat16 becomes float32 in npz and safetensors, since NumPy has no bfloat16.
        """
        from pruning.storage import replacing

        arrays = self.network.replaced(pruned)
        tensors = self.network.tensors
        kinds = {name: self.network.dtype(name) for name in arrays}
        suffix = out.suffix.lower()
        with replacing(out) as temporary:
            if suffix in (".pt", ".pth"):
                _save_torch(temporary, arrays, kinds, tensors.path)
                return
            plain = {
                name: np.ascontiguousarray(
                    array, "float32" if kinds[name] == "bfloat16" else kinds[name]
                )
                for name, array in arrays.items()
            }
            if suffix == ".npz":
                with open(temporary, "wb") as file:
                    np.savez(file, **plain)  # type: ignore[arg-type]
            else:
                from safetensors.numpy import save_file

                save_file(plain, temporary, self.metadata or None)


def opened(path: str | Path, activation: str | None = None) -> Form:
    """Open a file with a network.

    Parameters
    ----------
    path : path
        safetensors, npz, pt, pth, onnx or keras.
    activation : str, optional
        Of a plain RNN whose file does not say it; torch's default, tanh, otherwise.

    Raises
    ------
    ValueError
        If it is not such a file, or what it holds is no network that can be pruned.
    """
    path = Path(path)
    if activation is not None and path.suffix.lower() in (".onnx", ".keras"):
        raise ValueError(
            f"--activation is for files of weights alone, {path} says what its layers have"
        )
    if path.suffix.lower() == ".onnx":
        from validation.porting.onnx_form import OnnxForm

        return OnnxForm(path)
    if path.suffix.lower() == ".keras":
        from validation.porting.keras_form import KerasForm

        return KerasForm(path)
    state_dict, metadata = read_state_dict(path)
    if {"w_hidden", "w_input", "b_hidden", "w_output", "b_output"} <= set(state_dict):
        from pruning.storage import load_network

        rnn = load_network(path, activation)
        return OwnForm(rnn, stack_of(rnn), f"RNN, {rnn.activation.name}, {rnn.m} nodes")
    try:
        network = torch_network(state_dict, activation or metadata.get("activation", "tanh"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    plain = any(isinstance(cell, Plain) for layer in network.stack.layers for cell in layer)
    if activation is not None and not plain:
        raise ValueError(
            f"--activation is for plain RNNs, {path} holds {described(network.stack)}, got "
            f"{activation}"
        )
    return TorchForm(network, network.stack, described(network.stack), metadata)


def check_width(stack: Stack, held: Sequences) -> None:
    """Raise ValueError where sequences are not of the width that a stack reads."""
    x = held.x
    tokens = x.ndim == 2
    if tokens != (stack.embedding is not None):
        wants = "integer tokens (n, T)" if stack.embedding is not None else "numbers (n, T, d_x)"
        raise ValueError(f"the network reads {wants}, but x is {x.dtype} of shape {x.shape}")
    if not tokens and x.shape[2] != stack.d_x:
        raise ValueError(f"x has {x.shape[2]} numbers a step, but the network reads {stack.d_x}")


def stack_of(rnn: RNN) -> Stack:
    """Return a plain RNN as a stack of one layer."""
    cell = Plain(rnn.w_input, rnn.w_hidden, rnn.b_hidden, np.zeros(rnn.m), rnn.activation)
    return Stack(((cell,),), rnn.w_output, rnn.b_output)


def described(stack: Stack) -> str:
    """Return one phrase such as "2-layer bidirectional GRU, 64 + 64 nodes a layer"."""
    cell = stack.layers[0][0]
    names = {"gru": "GRU", "lstm": "LSTM", "plain": "RNN"}
    many = f"{len(stack.layers)}-layer " if len(stack.layers) > 1 else ""
    both = "bidirectional " if len(stack.layers[0]) == 2 else ""
    layers = [" + ".join(str(m) for m in row) for row in stack.nodes]
    sizes = layers[0] if len(set(layers)) == 1 else ", ".join(layers)
    each = " a layer" if len(layers) > 1 and len(set(layers)) == 1 else ""
    table = ", embedding in front" if stack.embedding is not None else ""
    return f"{many}{both}{names[cell.kind]}, {sizes} nodes{each}{table}"


def check_suffix(path: Path, allowed: tuple[str, ...]) -> str:
    """Return the suffix of an output file, one of the allowed ones."""
    suffix = path.suffix.lower()
    if suffix not in allowed:
        raise ValueError(f"the output file must end in {' or '.join(allowed)}, got {path.name!r}")
    return suffix


def _torch(why: str) -> Any:
    try:
        import torch
    except ImportError:
        raise ValueError(
            f"torch is needed {why} a file of torch: pip install 'rnnbounds[torch]'"
        ) from None
    return torch


def _save_torch(
    path: str, arrays: dict[str, Any], kinds: dict[str, str], keys: tuple[str, ...]
) -> None:
    torch = _torch("to write")
    value: Any = {
        name: torch.tensor(array).to(getattr(torch, kinds[name])) for name, array in arrays.items()
    }
    for key in reversed(keys):
        value = {key: value}
    torch.save(value, path)
