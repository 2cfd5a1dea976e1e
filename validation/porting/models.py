"""A file with a network: opened by its form, pruned, and written in the same form.

To add a form, write a class with the methods of `Form` and a line in `opened`.
"""

from __future__ import annotations

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

WEIGHT_FILES = (".safetensors", ".npz", ".pt", ".pth")


class Form(Protocol):
    """What a form of network can do."""

    @property
    def words(self) -> str:
        """The network in a phrase."""

    @property
    def stack(self) -> Stack:
        """The network."""

    def check_out(self, out: Path) -> None:
        """Raise ValueError where the network cannot be written to `out`."""

    def write(self, out: Path, pruned: PrunedStack) -> None:
        """Write the pruned network, completely or not at all."""


@dataclass(frozen=True, eq=False)
class OwnForm:
    """The five weights of `pruning.save_network`."""

    rnn: RNN
    stack: Stack
    words: str

    def check_out(self, out: Path) -> None:
        """Npz or safetensors."""
        _suffix(out, (".npz", ".safetensors"))

    def write(self, out: Path, pruned: PrunedStack) -> None:
        """Write the five weights of the pruned network."""
        from pruning.storage import save_network

        cell = pruned.pruned.layers[0][0]
        small = RNN(
            cell.w_hidden,
            cell.w_input,
            cell.b_input + cell.b_hidden,
            pruned.pruned.w_output,
            pruned.pruned.b_output,
            self.rnn.activation,
        )
        save_network(out, small)


@dataclass(frozen=True, eq=False)
class TorchForm:
    """A state_dict of torch, in a file of any kind that holds named tensors."""

    network: TorchNetwork
    metadata: dict[str, str]
    words: str

    @property
    def stack(self) -> Stack:
        """The network in it."""
        return self.network.stack

    def check_out(self, out: Path) -> None:
        """Any file of named tensors."""
        if _suffix(out, WEIGHT_FILES) in (".pt", ".pth"):
            _torch("to write")

    def write(self, out: Path, pruned: PrunedStack) -> None:
        """Write the tensors of the file with the pruned ones in their places and dtypes.

        bfloat16 becomes float32 in npz and safetensors, which NumPy cannot write otherwise.
        """
        arrays = self.network.replaced(pruned.pruned)
        kinds = self.network.tensors.dtypes
        prefix = self.network.tensors.prefix
        kept = {name: kinds[name.removeprefix(prefix)] for name in arrays}
        if out.suffix.lower() in (".pt", ".pth"):
            torch = _torch("to write")
            value: Any = {
                name: torch.tensor(array).to(getattr(torch, kept[name]))
                for name, array in arrays.items()
            }
            for key in reversed(self.network.tensors.path):
                value = {key: value}
            _replaced(out, lambda temporary: torch.save(value, temporary))
            return
        plain = {
            name: np.ascontiguousarray(array, "float32" if "bfloat" in kept[name] else kept[name])
            for name, array in arrays.items()
        }
        if out.suffix.lower() == ".npz":
            _replaced(out, lambda temporary: _save_npz(temporary, plain))
            return
        from safetensors.numpy import save_file

        _replaced(out, lambda temporary: save_file(plain, temporary, self.metadata or None))


def opened(path: str | Path, activation: str | None = None) -> Form:
    """Open a file with a network.

    Parameters
    ----------
    path : path
        safetensors, npz, pt or pth.
    activation : str, optional
        Of a plain RNN whose file does not say it; torch's default, tanh, otherwise.

    Raises
    ------
    ValueError
        If it is not such a file, or what it holds is no network that can be pruned.
    """
    path = Path(path)
    state_dict, metadata = read_state_dict(path)
    if {"w_hidden", "w_input", "b_hidden", "w_output", "b_output"} <= set(state_dict):
        from pruning.storage import load_network

        rnn = load_network(path, activation)
        return OwnForm(rnn, stack_of(rnn), f"RNN, {rnn.activation.name}, {rnn.m} nodes")
    try:
        network = torch_network(state_dict, activation or metadata.get("activation", "tanh"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return TorchForm(network, metadata, described(network.stack))


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


def _suffix(path: Path, allowed: tuple[str, ...]) -> str:
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


def _save_npz(path: str, arrays: dict[str, Any]) -> None:
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def _replaced(out: Path, save: Any) -> None:
    from pruning.storage import replacing

    with replacing(out) as temporary:
        save(temporary)
