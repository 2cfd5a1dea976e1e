"""Recurrent networks of several layers and both directions, of any cell.

Theory, section 12. Layer l reads the concatenated states of the directions of layer l - 1; a
linear read-out stands over the last layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.cells.gru import GRU
from pruning.cells.lru import LRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain
from pruning.checks import Array, Inputs, Nodes, as_array, choice, real_array

StackCell = GRU | LSTM | LRU | Plain
_AT_ONCE = 1 << 22  # numbers of states that are held at once


@dataclass(frozen=True, eq=False)
class Stack:
    """Layers of recurrent cells and a linear read-out.

    Parameters
    ----------
    layers : sequence of sequences of cells
        From the input upwards. A layer of two cells is bidirectional: the second reads the
        sequence from its end, and both states stand side by side, as in torch.
    w_output : (d_y, width) array
        W_o, over the states of the last layer.
    b_output : (d_y,) array
    embedding : (V, d_x) array, optional
        Inputs are then integer tokens (n, T) in 0..V-1.

    Raises
    ------
    ValueError
        If widths do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import GRU, Stack
    >>> rng = np.random.default_rng(0)
    >>> cell = GRU(rng.normal(size=(12, 2)), rng.normal(size=(12, 4)), np.zeros(12), np.zeros(12))
    >>> stack = Stack([[cell]], rng.normal(size=(1, 4)), [0.0])
    >>> stack.predictions(rng.normal(size=(3, 5, 2))).shape
    (3, 5, 1)
    """

    layers: tuple[tuple[StackCell, ...], ...]
    w_output: Array
    b_output: Array
    embedding: Array | None = None

    def __repr__(self) -> str:
        """Layers and sizes on one line; the weights are attributes."""
        layers = ", ".join("+".join(map(repr, layer)) for layer in self.layers)
        tokens = "" if self.embedding is None else f", tokens={len(self.embedding)}"
        return f"Stack({layers}, d_y={len(self.b_output)}{tokens})"

    def __post_init__(self) -> None:
        layers = tuple(tuple(layer) for layer in self.layers)
        if not layers:
            raise ValueError("layers must hold at least one layer, got none")
        width = None
        if self.embedding is not None:
            table = real_array("embedding", self.embedding, (None, None))
            object.__setattr__(self, "embedding", table)
            width = table.shape[1]
        for number, layer in enumerate(layers):
            if len(layer) not in (1, 2):
                raise ValueError(
                    f"layer {number} must have one direction or two, got {len(layer)} cells"
                )
            for cell in layer:
                if width is not None and cell.d_x != width:
                    raise ValueError(
                        f"layer {number} reads {cell.d_x} inputs a step, but gets {width}"
                    )
                width = cell.d_x if width is None else width
            width = sum(cell.m for cell in layer)
        object.__setattr__(self, "layers", layers)
        b_output = real_array("b_output", self.b_output, (None,))
        w_output = real_array("w_output", self.w_output, (len(b_output), width))
        object.__setattr__(self, "w_output", w_output)
        object.__setattr__(self, "b_output", b_output)

    @property
    def d_x(self) -> int:
        """Dimension of one input; with an embedding the number of tokens."""
        return self.layers[0][0].d_x if self.embedding is None else len(self.embedding)

    @property
    def d_y(self) -> int:
        """Dimension of one prediction."""
        return len(self.b_output)

    @property
    def nodes(self) -> tuple[tuple[int, ...], ...]:
        """Hidden nodes of every cell, by layer and direction."""
        return tuple(tuple(cell.m for cell in layer) for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Number of weights, the embedding among them."""
        cells = sum(cell.parameters for layer in self.layers for cell in layer)
        table = 0 if self.embedding is None else self.embedding.size
        return cells + self.w_output.size + self.b_output.size + table

    def readers(self, layer: int) -> Array:
        """Return the rows that read the states of a layer from outside it, (rows, width)."""
        if layer + 1 == len(self.layers):
            return self.w_output
        return np.vstack([cell.w_input for cell in self.layers[layer + 1]])

    def check_input(self, x: ArrayLike) -> Inputs:
        """Return x as a float array (n, T, d_x), or as integer tokens (n, T)."""
        array = as_array("x", x)
        if self.embedding is not None:
            if array.ndim != 2 or array.dtype.kind not in "iu" or array.size == 0:
                raise ValueError(
                    "x must be integer tokens (n, T) for a network with an embedding, "
                    f"got {array.dtype} of shape {array.shape}"
                )
            if array.min() < 0 or array.max() >= self.d_x:
                bad = int(array.min() if array.min() < 0 else array.max())
                raise ValueError(f"tokens in x must lie in 0..{self.d_x - 1}, got {bad}")
            return array
        if array.ndim == 3 and array.shape[2] != self.d_x:
            raise ValueError(
                f"x has {array.shape[2]} numbers a step, but the network reads {self.d_x}"
            )
        array = real_array("x", x, (None, None, self.d_x))
        if 0 in array.shape[:2]:
            raise ValueError(f"x must hold at least one sequence and step, got shape {array.shape}")
        return array

    def layer_states(
        self,
        x: ArrayLike,
        lengths: ArrayLike | None = None,
        dtype: str = "float64",
        starts: Sequence[Sequence[Any]] | None = None,
    ) -> list[Array]:
        """Return the states of every layer, each (n, T, width), views of time-major memory.

        Parameters
        ----------
        x : (n, T, d_x) floats or (n, T) tokens
        lengths : (n,) integer array, optional
            True lengths of padded sequences; states behind the end are 0. The second direction
            begins at the true end.
        dtype : {"float64", "float32"}
        starts : by layer and direction, optional
            h_0 (n, m), for an LSTM (h_0, c_0); 0 where not given.
        """
        checked = self.check_input(x)
        choice("dtype", dtype, ("float64", "float32"))
        ends = None if lengths is None else true_lengths(lengths, checked)
        return self._layer_states(checked, ends, dtype, starts)

    def predictions(
        self, x: ArrayLike, lengths: ArrayLike | None = None, dtype: str = "float64"
    ) -> Array:
        """Return f_1..f_T, shape (n, T, d_y); the states are formed a batch at a time."""
        checked = self.check_input(x)
        n, T = checked.shape[:2]
        out = np.empty((n, T, self.d_y), choice("dtype", dtype, ("float64", "float32")))
        w_output = self.w_output.T.astype(dtype)
        for rows, states in self.state_batches(checked, lengths, dtype=dtype):
            out[rows] = states[-1] @ w_output + self.b_output.astype(dtype)
        return out

    def state_batches(
        self,
        x: ArrayLike,
        lengths: ArrayLike | None = None,
        batch: int | None = None,
        dtype: str = "float64",
    ) -> Iterator[tuple[slice, list[Array]]]:
        """Yield (which sequences, `layer_states` of them) a batch at a time."""
        checked = self.check_input(x)
        n, T = checked.shape[:2]
        ends = None if lengths is None else true_lengths(lengths, checked)
        if batch is None:
            width = sum(sum(layer) for layer in self.nodes)
            batch = max(1, _AT_ONCE // (T * max(1, width)))
        for start in range(0, n, batch):
            rows = slice(start, start + batch)
            part = None if ends is None else ends[rows]
            yield rows, self._layer_states(checked[rows], part, dtype, None)

    def _layer_states(
        self, x: Inputs, lengths: Nodes | None, dtype: str, starts: Sequence[Sequence[Any]] | None
    ) -> list[Array]:
        if self.embedding is not None:
            below = self.embedding.astype(dtype)[x.T]
        else:
            below = np.ascontiguousarray(x.transpose(1, 0, 2), dtype)
        found = []
        for number, layer in enumerate(self.layers):
            begin = [None] * len(layer) if starts is None else starts[number]
            sides = [layer[0].states(below, begin[0])]
            if len(layer) == 2:
                turned = reversed_in_time(below, lengths)
                sides.append(reversed_in_time(layer[1].states(turned, begin[1]), lengths))
            h = sides[0] if len(sides) == 1 else np.concatenate(sides, axis=2)
            if lengths is not None:
                h[np.arange(len(h))[:, None] >= lengths] = 0
            found.append(h.transpose(1, 0, 2))
            below = h
        return found


def true_lengths(lengths: ArrayLike, x: Inputs) -> Nodes:
    """Return lengths as integers (n,) in 1..T."""
    array = np.asarray(lengths)
    n, T = x.shape[:2]
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"lengths must be {n} integers, one a sequence, got {array.dtype} {array.shape}"
        )
    if array.min() < 1 or array.max() > T:
        bad = int(array.min() if array.min() < 1 else array.max())
        raise ValueError(f"lengths must lie in 1..{T}, got {bad}")
    return array.astype(np.int64)


def counted(shape: tuple[int, ...], lengths: Nodes | None, reads: str) -> Any:
    """Return the index of the outputs that count in arrays (n, T, ...)."""
    n, T = shape[:2]
    if reads == "every":
        steps = np.full(n, T) if lengths is None else lengths
        return np.arange(T) < steps[:, None]
    ends = np.full(n, T - 1) if lengths is None else lengths - 1
    return np.arange(n), ends


def same_stack(a: Stack, b: Stack) -> bool:
    """Whether two stacks have the same cells with equal weights: they run with equal roundings."""
    return a is b or (
        a.nodes == b.nodes
        and all(map(_same, sum(a.layers, ()), sum(b.layers, ())))
        and all(_equal(a, b, name) for name in ("w_output", "b_output", "embedding"))
    )


def _same(a: StackCell, b: StackCell) -> bool:
    return type(a) is type(b) and all(_equal(a, b, one.name) for one in fields(a))


def _equal(a: Any, b: Any, name: str) -> bool:
    mine, theirs = getattr(a, name), getattr(b, name)
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        return np.array_equal(mine, theirs)
    return bool(mine is theirs or (type(mine) is type(theirs) and mine == theirs))


def reversed_in_time(x: Array, lengths: Nodes | None) -> Array:
    """Return time-major sequences (T, n, d) from their ends; what lies behind the end stays."""
    if lengths is None:
        return np.ascontiguousarray(x[::-1])
    steps = np.arange(len(x))[:, None]
    source = np.where(steps < lengths, lengths - 1 - steps, steps)
    return np.ascontiguousarray(np.take_along_axis(x, source[..., None], axis=0))
