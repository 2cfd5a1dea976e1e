"""A network of integers, and how many sequences it gets wrong (docs/certificates.md, section 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.checks import Inputs, Targets

Integers = NDArray[np.int64]

BLOCKS = ("b_hidden", "w_hidden", "w_input", "w_output", "b_output")
"""In the order in which they are coded."""
EXACT = 1 << 53
"""Integers below it are float64 numbers, and so are their sums and products below it."""
MOST_GATED_CAP = 25
"""A gate times a change of the state is then at most 2^51."""


@dataclass(frozen=True)
class Form:
    """How an image becomes a sequence.

    Attributes
    ----------
    crop : tuple of 4 int
        Rows left away at the top and bottom, columns left away at the left and right.
    pool : tuple of 2 int
        Height and width of the blocks of pixels that are summed.
    d : int, optional
        Numbers a step, read by rows; one row of the pooled image where None.
    exponent : int
        For data of floats: x is rounded to multiples of 2^-exponent.
    """

    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    pool: tuple[int, int] = (1, 1)
    d: int | None = None
    exponent: int = 0

    def shape(self, rows: int, columns: int) -> tuple[int, int]:
        """Return (T, d) for images of this size.

        Raises
        ------
        ValueError
            If the image is not cut into whole blocks and steps.
        """
        top, bottom, left, right = self.crop
        rows, columns = rows - top - bottom, columns - left - right
        v, w = self.pool
        if rows < 1 or columns < 1 or rows % v or columns % w:
            raise ValueError(
                f"crop and pool must leave whole blocks of pixels, got {rows} x {columns} pixels "
                f"in blocks of {v} x {w}"
            )
        numbers = rows // v * (columns // w)
        d = columns // w if self.d is None else self.d
        if numbers % d:
            raise ValueError(f"d must divide the {numbers} numbers of an image, got {d}")
        return numbers // d, d

    def sequences(self, images: Any) -> Any:
        """Return the images (n, rows, columns) as integer sequences (n, T, d)."""
        n, rows, columns = images.shape
        T, d = self.shape(rows, columns)
        top, bottom, left, right = self.crop
        v, w = self.pool
        kept = images[:, top : rows - bottom, left : columns - right]
        height, width = kept.shape[1] // v, kept.shape[2] // w
        sums = kept.reshape(n, height, v, width, w).sum(axis=(2, 4), dtype=np.int32)
        return sums.reshape(n, T, d)


@dataclass(frozen=True)
class TextForm:
    """How a text is read, byte by byte.

    Attributes
    ----------
    line : int
        The text is cut into lines of 2^line bytes, which all start from h = 0.
    alphabet : tuple of int
        Bytes that the network knows, ascending.
    smoothing : int
        2^-smoothing is the weight of the uniform distribution over all bytes.
    """

    line: int
    alphabet: tuple[int, ...]
    smoothing: int


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A network whose states and weights are integers.

    Attributes
    ----------
    form : Form or TextForm
    two_sided : bool
        Whether states are clipped to [-H, H], and not to [0, H].
    cap : int
        H = 2^cap.
    exponents : mapping of block to int
        Of ``b_hidden``, ``w_hidden``, ``w_input`` and ``b_output``: weights are integers times
        2^exponent, in units of the state. For texts of ``w_output``, too, and then the read-out
        is in nats.
    integers : mapping of block to int64 array
        Shaped as in `pruning.RNN`; ``b_hidden`` ascends. With gates, ``w_hidden``, ``w_input`` and
        ``b_hidden`` have k more rows, those of the gates, whose biases need not ascend.
    gated : bool
        Whether each node has a gate g in [0, H]: h becomes h + g (u - h)/H, rounded half up, for u
        what it would be without.
    """

    form: Form | TextForm
    two_sided: bool
    cap: int
    exponents: Mapping[str, int]
    integers: Mapping[str, Integers]
    gated: bool = False

    @property
    def k(self) -> int:
        """Number of nodes."""
        return int(self.integers["w_hidden"].shape[1])

    @property
    def q(self) -> int:
        """Number of classes."""
        return len(self.integers["b_output"])

    def same(self, other: IntegerNetwork) -> bool:
        """Whether both are one network, written in one way."""
        return (
            (self.form, self.two_sided, self.cap, dict(self.exponents), self.gated)
            == (other.form, other.two_sided, other.cap, dict(other.exponents), other.gated)
        ) and all(np.array_equal(self.integers[b], other.integers[b]) for b in BLOCKS)

    def shift(self) -> int:
        """s, the number of bits that a state is rounded by."""
        return max(0, *(-self.exponents[b] for b in ("w_hidden", "w_input", "b_hidden")))

    def check_range(self, x_max: int) -> None:
        """Raise a ValueError where some sum could reach 2^53 for inputs of at most `x_max`."""
        s, e, H = self.shift(), self.exponents, 1 << self.cap
        text = "w_output" in e
        if e["b_output"] < 0 and not text:
            raise ValueError(f"the exponent of b_output must be at least 0, got {e['b_output']}")
        rows = {b: _row_sums(self.integers[b]) for b in BLOCKS}
        for i in range(len(rows["b_hidden"])):
            size = (
                (H * rows["w_hidden"][i] << e["w_hidden"] + s)
                + (x_max * rows["w_input"][i] << e["w_input"] + s)
                + (rows["b_hidden"][i] << e["b_hidden"] + s)
                + (1 << s)
            )
            if size >= EXACT:
                raise ValueError(
                    f"weights and steps must keep every sum below 2^53, that of node {i} may "
                    f"reach 2^{math.log2(size):.1f}"
                )
        for c in range(self.q):
            size = H * rows["w_output"][c]
            if text:
                size = max(size, rows["b_output"][c])
            else:
                size += rows["b_output"][c] << e["b_output"]
            if size >= EXACT:
                raise ValueError(
                    f"weights and steps must keep every sum below 2^53, that of class {c} may "
                    f"reach 2^{math.log2(size):.1f}"
                )

    def readouts(self, x: Any) -> Any:
        """Return y (n, q) after the last step, exact integers in float64.

        Parameters
        ----------
        x : (n, T, d) integer array
            Within what `check_range` was asked for: then no sum here is ever rounded.
        """
        step = self.stepper()
        w_input = step.w_input
        h = np.zeros((len(x), self.k))
        for t in range(x.shape[1]):
            h = step(x[:, t].astype(np.float64) @ w_input, h)
        w_output = self.integers["w_output"].astype(np.float64)
        b_output = self.integers["b_output"].astype(np.float64)
        return h @ w_output.T + np.ldexp(b_output, self.exponents["b_output"])

    def stepper(self) -> Stepper:
        """Return what takes one step, its weights in float64."""
        s, e = self.shift(), self.exponents
        of = {b: self.integers[b].astype(np.float64) for b in BLOCKS}
        # Half of the last place is added once, so that floor rounds to the nearest.
        bias = np.ldexp(of["b_hidden"], e["b_hidden"] + s) + (np.ldexp(1.0, s - 1) if s else 0.0)
        H = float(1 << self.cap)
        return Stepper(
            np.ldexp(of["w_hidden"].T, e["w_hidden"] + s),
            np.ldexp(of["w_input"].T, e["w_input"] + s),
            bias,
            s,
            (-H if self.two_sided else 0.0, H),
            self.gated,
        )

    def images_form(self) -> Form:
        """Return the form of a network that reads images."""
        if not isinstance(self.form, Form):
            raise ValueError("a network of a text reads no images")
        return self.form

    def errors(self, images: Inputs, labels: Targets, batch: int = 2000) -> int:
        """Count the images whose class, the smallest with the largest y, is not their label."""
        wrong, form = 0, self.images_form()
        for begin in range(0, len(images), batch):
            part = slice(begin, begin + batch)
            y = self.readouts(form.sequences(images[part]))
            wrong += int((y.argmax(axis=1) != labels[part]).sum())
        return wrong


@dataclass(frozen=True, eq=False)
class Stepper:
    """One step of the recursion on exact integers in float64.

    Attributes
    ----------
    w_hidden, w_input : (k, rows) and (d, rows) arrays
        Transposed, and in units of the sum; rows is k, or 2 k with gates.
    bias : (rows,) array
    shift : int
    limits : tuple of 2 float
    gated : bool
    """

    w_hidden: Any
    w_input: Any
    bias: Any
    shift: int
    limits: tuple[float, float]
    gated: bool = False

    def __call__(self, drive: Any, h: Any) -> Any:
        """Return the next states (n, k); `drive` is W_x X, (n, rows), and is overwritten."""
        drive += h @ self.w_hidden
        drive += self.bias
        if self.shift:
            drive *= 2.0**-self.shift
            np.floor(drive, out=drive)
        if not self.gated:
            return np.clip(drive, *self.limits, out=drive)
        k, H = h.shape[1], self.limits[1]
        change = np.clip(drive[:, :k], *self.limits) - h
        change *= np.clip(drive[:, k:], 0.0, H)
        return h + np.floor(change / H + 0.5)  # H is a power of two: nothing is rounded but here


def _row_sums(weights: Integers) -> list[int]:
    """Exact sums of |w| by row."""
    rows = np.abs(weights).reshape(len(weights), -1)
    return [sum(row) for row in rows.tolist()]
