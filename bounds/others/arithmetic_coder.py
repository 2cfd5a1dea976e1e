"""Binary arithmetic coding with adaptive probabilities, in 32-bit integers.

Whatever follows the bits of a code decodes to the same symbols, so that no code is the beginning of
another: codes are prefix-free (`occam.binomial` needs that).
"""

from __future__ import annotations

from collections.abc import Sequence

_BITS = 32
_TOP = (1 << _BITS) - 1
_HALF, _QUARTER = 1 << (_BITS - 1), 1 << (_BITS - 2)
_RESCALE = 1 << 16


class Model:
    """Probability of a bit from what was seen: (2 zeros + 1)/(2 (zeros + ones) + 2)."""

    __slots__ = ("ones", "zeros")

    def __init__(self) -> None:
        self.zeros, self.ones = 1, 1  # doubled counts plus 1

    def update(self, bit: int) -> None:
        """Count a bit; old ones fade when there are very many."""
        if bit:
            self.ones += 2
        else:
            self.zeros += 2
        if self.zeros + self.ones > _RESCALE:
            self.zeros, self.ones = (self.zeros >> 1) | 1, (self.ones >> 1) | 1


class Encoder:
    """Turns bits, each with a model, into a code."""

    def __init__(self) -> None:
        self._low, self._high, self._pending = 0, _TOP, 0
        self._code: list[int] = []

    def bit(self, bit: int, model: Model | None = None) -> int:
        """Encode one bit, of probability 1/2 without a model, and return it."""
        cut = _cut(self._low, self._high, model)
        if bit:
            self._low = cut + 1
        else:
            self._high = cut
        if model is not None:
            model.update(bit)
        while True:
            if self._high < _HALF:
                self._emit(0)
            elif self._low >= _HALF:
                self._emit(1)
                self._low, self._high = self._low - _HALF, self._high - _HALF
            elif self._low >= _QUARTER and self._high < _HALF + _QUARTER:
                self._pending += 1
                self._low, self._high = self._low - _QUARTER, self._high - _QUARTER
            else:
                return bit
            self._low, self._high = 2 * self._low, 2 * self._high + 1

    def finish(self) -> list[int]:
        """Return the code: two more bits settle it, whatever follows."""
        self._pending += 1
        self._emit(0 if self._low < _QUARTER else 1)
        return self._code

    def _emit(self, bit: int) -> None:
        self._code.append(bit)
        self._code += [1 - bit] * self._pending
        self._pending = 0


class Decoder:
    """Reads what an `Encoder` wrote; bits beyond the end of the code are taken as 0.

    A whole code needs fewer than 64 of them; a ValueError says where more are asked for.
    """

    def __init__(self, code: Sequence[int]) -> None:
        self._code, self._position = code, 0
        self._low, self._high, self._value = 0, _TOP, 0
        for _ in range(_BITS):
            self._value = 2 * self._value + self._next()

    def bit(self, bit: int = 0, model: Model | None = None) -> int:
        """Decode one bit; the first argument, which an encoder would write, is ignored."""
        cut = _cut(self._low, self._high, model)
        bit = int(self._value > cut)
        if bit:
            self._low = cut + 1
        else:
            self._high = cut
        if model is not None:
            model.update(bit)
        while True:
            if self._high < _HALF:
                shift = 0
            elif self._low >= _HALF:
                shift = _HALF
            elif self._low >= _QUARTER and self._high < _HALF + _QUARTER:
                shift = _QUARTER
            else:
                return bit
            self._low, self._high = 2 * (self._low - shift), 2 * (self._high - shift) + 1
            self._value = 2 * (self._value - shift) + self._next()

    def _next(self) -> int:
        if self._position > len(self._code) + 2 * _BITS:
            raise ValueError("code must be that of a network, it ends too early")
        bit = self._code[self._position] if self._position < len(self._code) else 0
        self._position += 1
        return bit


def _cut(low: int, high: int, model: Model | None) -> int:
    """The last value that means 0; both parts of [low, high] are never empty."""
    size = high - low + 1
    if model is None:
        return low + size // 2 - 1
    return low + size * model.zeros // (model.zeros + model.ones) - 1
