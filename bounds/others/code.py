"""A prefix-free code for networks with quantised weights (theory, section 8).

The code describes the network completely: activation, sizes, a step 2^e for every block of weights,
and the weights as integer multiples of it, entropy coded with adaptive probabilities. Nothing comes
from the data. The decoder returns the network that was encoded, bit for bit.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bounds.others.arithmetic_coder import Decoder, Encoder, Model
from pruning.checks import integer
from pruning.rnn import RNN

BLOCKS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")
_ACTIVATIONS = ("relu", "tanh", "identity", "logistic", "leaky_relu")
_EXPONENTS = (-1000, 960)  # every multiple of the step is then a float, and exact


@dataclass(frozen=True, eq=False)
class QuantisedRNN:
    """A network whose weights are integers times a power of two, one a block.

    Attributes
    ----------
    activation : str
        Name of s.
    exponents : mapping of block to int
        e: the block's weights are integers times 2^e.
    integers : mapping of block to integer array
        Shaped like the weights; at most 2^52 in size.
    """

    activation: str
    exponents: Mapping[str, int]
    integers: Mapping[str, NDArray[np.int64]]

    def network(self) -> RNN:
        """The network; every weight is exact."""
        weights = [np.ldexp(self.integers[b].astype(np.float64), self.exponents[b]) for b in BLOCKS]
        return RNN(*weights, self.activation)  # type: ignore[call-arg, arg-type]

    def same(self, other: QuantisedRNN) -> bool:
        """Whether the two describe one network in the same way."""
        return self.activation == other.activation and all(
            self.exponents[b] == other.exponents[b]
            and np.array_equal(self.integers[b], other.integers[b])
            for b in BLOCKS
        )


def quantise(rnn: RNN, bits: int | Mapping[str, int]) -> QuantisedRNN:
    """Round every weight to a multiple of a power of two, by block.

    Parameters
    ----------
    rnn : RNN
    bits : int or mapping of block to int
        The step is 2^-bits times the power of two that covers the block's largest weight; 0..52.
    """
    exponents, integers = {}, {}
    for block in BLOCKS:
        weights = getattr(rnn, block)
        count = integer("bits", bits[block] if isinstance(bits, Mapping) else bits, 0, 52)
        largest = float(np.abs(weights).max()) if weights.size else 0.0
        e = 0 if largest == 0 else math.frexp(largest)[1] - count
        exponents[block] = min(max(e, _EXPONENTS[0]), _EXPONENTS[1])
        integers[block] = np.rint(np.ldexp(weights, -exponents[block])).astype(np.int64)
    return QuantisedRNN(rnn.activation.name, exponents, integers)


def encode(quantised: QuantisedRNN) -> list[int]:
    """Return the code as a list of bits; its length is |c|."""
    coder = Encoder()
    _code(coder, quantised)
    return coder.finish()


def decode(code: Sequence[int]) -> QuantisedRNN:
    """Return what was encoded; bits after the end of the code change nothing.

    Raises
    ------
    ValueError
        If the bits are not the code of a network.
    """
    return _code(Decoder(code), None)


def estimated_bits(quantised: QuantisedRNN) -> float:
    """The length of the code to within a few bits, without encoding.

    The probability that an adaptive model gives to a sequence depends only on how often each bit
    occurs in it (Krichevsky and Trofimov), as long as old counts do not fade.
    """
    total = 3.0 + 2
    if quantised.activation.startswith("leaky_relu"):
        total += 65 if ":" in quantised.activation else 1
    for size in _sizes(quantised):
        total += 2 * (size + 1).bit_length() - 1
    for block in BLOCKS:
        values = np.abs(quantised.integers[block].ravel())
        total += 2 * (_zigzag(quantised.exponents[block]) + 1).bit_length() - 1
        lengths = np.frexp(values.astype(np.float64))[1]
        total += int((lengths > 0).sum()) + int(np.maximum(lengths - 2, 0).sum())
        for length in range(int(lengths.max(initial=0)) + 1):
            total += _adaptive_bits(int((lengths == length).sum()), int((lengths > length).sum()))
            if length >= 2:
                second = values[lengths == length] >> (length - 2) & 1
                total += _adaptive_bits(int((second == 0).sum()), int(second.sum()))
    return total


def _adaptive_bits(zeros: int, ones: int) -> float:
    """-log2 of Gamma(zeros + 1/2) Gamma(ones + 1/2)/(pi Gamma(zeros + ones + 1))."""
    log = math.lgamma(zeros + 0.5) + math.lgamma(ones + 0.5) - math.log(math.pi)
    return (math.lgamma(zeros + ones + 1) - log) / math.log(2)


def _code(coder: Encoder | Decoder, q: QuantisedRNN | None) -> QuantisedRNN:
    """Write `q`, or read where it is None: one walk, so that both sides agree."""
    name = _activation(coder, None if q is None else q.activation)
    m, more_x, more_y = (_natural(coder, size) for size in ((0, 0, 0) if q is None else _sizes(q)))
    d_x, d_y = more_x + 1, more_y + 1
    if q is None and max(m * m, m * d_x, m * d_y) > 1 << 28:
        raise ValueError("code must be that of a network, its sizes are beyond reason")
    shapes = {
        "w_hidden": (m, m),
        "w_input": (m, d_x),
        "b_hidden": (m,),
        "w_output": (d_y, m),
        "b_output": (d_y,),
    }
    exponents, integers = {}, {}
    for block, shape in shapes.items():
        zigzag = 0 if q is None else _zigzag(q.exponents[block])
        exponents[block] = _unzigzag(_natural(coder, zigzag))
        if not _EXPONENTS[0] <= exponents[block] <= _EXPONENTS[1]:
            raise ValueError("code must be that of a network, the step of a block is beyond floats")
        numbers = _Numbers(coder)
        flat = [0] * math.prod(shape) if q is None else q.integers[block].ravel().tolist()
        values = [numbers.code(value) for value in flat]
        integers[block] = np.array(values, dtype=np.int64).reshape(shape)
    return QuantisedRNN(name, exponents, integers)


class _Numbers:
    """Integers with a two-sided, peaked, unknown distribution, which the models learn.

    The bit length of |v| in unary and the bit below the leading one have models of their own; the
    other bits and the sign are written as they are.
    """

    def __init__(self, coder: Encoder | Decoder) -> None:
        self.coder = coder
        self.longer = [Model() for _ in range(64)]
        self.second = [Model() for _ in range(64)]

    def code(self, value: int) -> int:
        coder, size = self.coder, abs(value)
        wanted, length = size.bit_length(), 0
        while coder.bit(int(length < wanted), self.longer[length]):
            length += 1
            if length > 53:
                # 2^52 itself has 53 bits.
                raise ValueError("code must be that of a network, a weight is beyond 2^53")
        if length == 0:
            return 0
        result = 1
        for place in range(length - 2, -1, -1):
            model = self.second[length] if place == length - 2 else None
            result = 2 * result + coder.bit(size >> place & 1, model)
        return -result if coder.bit(int(value < 0)) else result


def _natural(coder: Encoder | Decoder, value: int) -> int:
    """Elias's gamma code of value + 1."""
    length = (value + 1).bit_length()
    count = 1
    while coder.bit(int(count < length)):
        count += 1
        if count > 64:
            raise ValueError("code must be that of a network, a size is beyond 2^64")
    result = 1
    for place in range(count - 2, -1, -1):
        result = 2 * result + coder.bit((value + 1) >> place & 1)
    return result - 1


def _activation(coder: Encoder | Decoder, name: str | None) -> str:
    kind, _, slope = (name or "relu").partition(":")
    if kind not in _ACTIVATIONS:
        raise ValueError(f"activation must be one that has a code, got {name!r}")
    index = _ACTIVATIONS.index(kind)
    index = sum(coder.bit(index >> place & 1) << place for place in range(3))
    if index >= len(_ACTIVATIONS):
        raise ValueError("code must be that of a network, its activation is unknown")
    if _ACTIVATIONS[index] != "leaky_relu" or not coder.bit(int(bool(slope))):
        return _ACTIVATIONS[index]
    number = int.from_bytes(struct.pack(">d", float(slope or 0)), "big")
    number = sum(coder.bit(number >> place & 1) << place for place in range(64))
    value: Any = struct.unpack(">d", number.to_bytes(8, "big"))[0]
    if not 0 < value < math.inf:
        raise ValueError("code must be that of a network, the slope is not positive")
    return f"leaky_relu:{value!r}"


def _sizes(q: QuantisedRNN) -> tuple[int, int, int]:
    """What is written of the sizes: m, d_x - 1 and d_y - 1."""
    m, d_x = q.integers["w_input"].shape
    return m, d_x - 1, len(q.integers["b_output"]) - 1


def _zigzag(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


def _unzigzag(value: int) -> int:
    return value // 2 if value % 2 == 0 else -(value + 1) // 2
