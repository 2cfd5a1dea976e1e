"""How single numbers, and blocks of them, are written in bits (docs/certificates.md, section 4).

One walk writes and reads, so that both sides agree: every function here returns what it wrote, or
read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bounds.others.arithmetic_coder import Decoder, Encoder, Model

LARGEST = 1 << 31
MOST_SIGNS = 1 << 24
"""Random signs of one block, at most."""
FORGETFUL, NEIGHBOUR, AVERAGE = range(3)
"""What the models of a number depend on along a row or a column; see `context`."""


@dataclass(frozen=True)
class Spelling:
    """What the code of a block may choose.

    Attributes
    ----------
    again : bool
        Go on with the models of the block before.
    biased : bool
        The sign has a model.
    table : tuple of int, or None
        The magnitudes after 0, ascending.
    diagonal : int
        What is added on the diagonal of ``w_hidden``.
    apart : bool
        The diagonal of ``w_hidden`` has models of its own.
    left, above : int
        Language 2: how the models depend on the numbers to the left, and above; see `context`.
    seed : int
        Language 2: of the random signs.
    weights : tuple of int
        Language 2: z_1, ..., z_D; what is coded is what the block lacks to S z, S the random signs.
    """

    again: bool = False
    biased: bool = False
    table: tuple[int, ...] | None = None
    diagonal: int = 0
    apart: bool = False
    left: int = FORGETFUL
    above: int = FORGETFUL
    seed: int = 0
    weights: tuple[int, ...] = ()


@dataclass
class Models:
    """The set M and the sign of section 4."""

    longer: list[Model] = field(default_factory=lambda: [Model() for _ in range(32)])
    second: list[Model] = field(default_factory=lambda: [Model() for _ in range(32)])
    sign: Model = field(default_factory=Model)


class Contexts:
    """Models by context, made where they are first needed."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[int, int], Models] = {}
        self._signs: dict[tuple[int, int], Model] = {}

    def of(self, left: int, above: int) -> Models:
        """The set of a number between these contexts."""
        return self._sizes.setdefault((left, above), Models())

    def sign(self, left: int, above: int) -> Model:
        """The model of a sign between these signs."""
        return self._signs.setdefault((left, above), Model())


def context(kind: int, lengths: Any) -> int:
    """Return what a number's models depend on, from the lengths in bits of those before it.

    Parameters
    ----------
    kind : int
        `FORGETFUL`: nothing. `NEIGHBOUR`: the last one, 0, 1 or more. `AVERAGE`: the mean of all,
        rounded half up, at most 3.
    lengths : list of int
    """
    if kind == FORGETFUL or not len(lengths):
        return 0
    if kind == NEIGHBOUR:
        return min(2, int(lengths[-1]))
    return min(3, (2 * int(sum(lengths)) + len(lengths)) // (2 * len(lengths)))


def random_signs(seed: int, block: str, numbers: int, dimensions: int) -> Any:
    """Return S (numbers, dimensions) of -1 and 1, the same on every machine.

    Parameters
    ----------
    seed : int
    block : str
    numbers, dimensions : int
    """
    if numbers * dimensions > MOST_SIGNS:
        raise ValueError(f"random signs must be at most 2^24, got {numbers} x {dimensions}")
    stream = hashlib.shake_256(f"rnnbounds language 2 {block} {seed}".encode())
    bits = np.frombuffer(stream.digest(-(-numbers * dimensions // 8)), np.uint8)
    return 1 - 2 * np.unpackbits(bits)[: numbers * dimensions].reshape(numbers, dimensions).astype(
        np.int64
    )


def block(
    coder: Encoder | Decoder,
    models: Contexts,
    spelling: Spelling,
    name: str,
    shape: tuple[int, ...],
    values: Any,
    language: int,
) -> Any:
    """Write the integers of a block, or read them where `values` is None."""
    biased = bool(coder.bit(int(spelling.biased)))
    table = _table(coder, spelling.table)
    places = None if table is None else {m: i for i, m in enumerate(table)}
    height, width = (1, *shape)[-2:]
    flat = np.zeros(height * width, np.int64) if values is None else values.ravel().copy()
    kinds = (FORGETFUL, FORGETFUL)
    shared: Any = 0
    if language > 1:
        kinds = (_kind(coder, spelling.left), _kind(coder, spelling.above))
        shared = _subspace(coder, spelling, name, len(flat))
        flat -= shared
    own, offset, apart = np.arange(0), 0, False
    if name == "w_hidden":
        offset = signed(coder, spelling.diagonal)
        apart = bool(coder.bit(int(spelling.apart)))
        own = np.arange(min(shape)) * (width + 1)
        flat[own] -= offset
    order = [(models, np.arange(len(flat)))]
    if apart:
        order = [(Contexts(), own), (models, np.setdiff1d(np.arange(len(flat)), own))]
    lengths = np.zeros((height, width), np.int64)
    signs = np.zeros((height, width), np.int64)
    for with_models, at in order:
        for place in at.tolist():
            i, j = divmod(place, width)
            value = int(flat[place])
            number = abs(value)
            if places is not None and values is not None:
                if number not in places:
                    raise ValueError(f"{name} must hold magnitudes of its table, got {number}")
                number = places[number]
            where = (
                context(kinds[0], lengths[i, :j]) if kinds[0] else 0,
                context(kinds[1], lengths[:i, j]) if kinds[1] else 0,
            )
            number = size(coder, with_models.of(*where), number)
            lengths[i, j] = number.bit_length()
            if table is not None:
                if number >= len(table):
                    raise ValueError(f"{name} has a number that is not in its table")
                number = table[number]
            if number:
                near = (
                    int(signs[i, j - 1]) if kinds[0] and j else 0,
                    int(signs[i - 1, j]) if kinds[1] and i else 0,
                )
                minus = coder.bit(int(value < 0), with_models.sign(*near) if biased else None)
                number = -number if minus else number
                signs[i, j] = -1 if minus else 1
            flat[place] = number
    flat[own] += offset
    flat += shared
    check_size(name, flat)
    return flat.reshape(shape)


def ascending(coder: Encoder | Decoder, values: Any, k: int, gates: int) -> Any:
    """Write or read the biases: those of k nodes, which ascend, and those of their gates."""
    models = Models()
    if values is None:
        values = np.zeros(k + gates, np.int64)
    if (np.diff(values[:k]) < 0).any():
        raise ValueError("b_hidden must ascend: sort the nodes")
    found = [signed(coder, int(values[0]))]
    for step in np.diff(values[:k]).tolist():
        found.append(found[-1] + size(coder, models, step))
    models = Models()
    found += [_plain(coder, models, int(value)) for value in values[k:]]
    result = np.array(found, dtype=object)
    check_size("b_hidden", result)
    return result.astype(np.int64)


def _kind(coder: Encoder | Decoder, kind: int) -> int:
    if not coder.bit(int(kind != FORGETFUL)):
        return FORGETFUL
    return AVERAGE if coder.bit(int(kind == AVERAGE)) else NEIGHBOUR


def _subspace(coder: Encoder | Decoder, spelling: Spelling, name: str, count: int) -> Any:
    """S z of a block, flat."""
    D = natural(coder, len(spelling.weights))
    if not D:
        return 0
    seed = natural(coder, spelling.seed)
    signs = random_signs(seed, name, count, D)
    models = Models()
    given = spelling.weights or (0,) * D
    z = [_plain(coder, models, value) for value in given]
    return signs @ np.array(z, np.int64)


def _plain(coder: Encoder | Decoder, models: Models, value: int) -> int:
    """A number with its sign, which is fair."""
    number = size(coder, models, abs(value))
    return -number if number and coder.bit(int(value < 0)) else number


def _table(coder: Encoder | Decoder, table: tuple[int, ...] | None) -> list[int] | None:
    if not coder.bit(int(table is not None)):
        return None
    steps = np.diff(np.array((0, *(table or (1,))))).tolist()
    count = natural(coder, len(steps) - 1) + 1
    if count > 64:
        raise ValueError(f"a table must have at most 64 magnitudes, got {count}")
    steps += [1] * (count - len(steps))
    found = [0]
    for step in steps[:count]:
        found.append(found[-1] + natural(coder, step - 1) + 1)
    check_size("a table", np.array(found))
    return found


def size(coder: Encoder | Decoder, models: Models, value: int) -> int:
    """Write or read a number from 0, its length in bits one decision after the other."""
    wanted, length = value.bit_length(), 0
    if wanted > 31:
        raise ValueError(f"a number of language 1 must be below 2^31, got {value}")
    while coder.bit(int(length < wanted), models.longer[length]):
        length += 1
        if length > 31:
            raise ValueError("code must be that of a network, a number is too large")
    if length == 0:
        return 0
    result = 1
    for place in range(length - 2, -1, -1):
        model = models.second[length] if place == length - 2 else None
        result = 2 * result + coder.bit(value >> place & 1, model)
    return result


def natural(coder: Encoder | Decoder, value: int) -> int:
    """Write or read a number from 0: Elias's gamma code of value + 1."""
    wanted, count = (value + 1).bit_length(), 1
    if not 0 <= value < LARGEST:
        raise ValueError(f"a number of language 1 must be 0 to 2^31 - 1, got {value}")
    while coder.bit(int(count < wanted)):
        count += 1
        if count > 32:
            raise ValueError("code must be that of a network, a number is too large")
    result = 1
    for place in range(count - 2, -1, -1):
        result = 2 * result + coder.bit((value + 1) >> place & 1)
    return result - 1


def signed(coder: Encoder | Decoder, value: int) -> int:
    """Write or read a number that may be negative, by `natural`."""
    z = natural(coder, 2 * value if value >= 0 else -2 * value - 1)
    return z // 2 if z % 2 == 0 else -(z + 1) // 2


def check_size(name: str, values: Any) -> None:
    """Raise a ValueError where a number is larger than 2^31."""
    if len(values) and max(abs(int(values.min())), abs(int(values.max()))) > LARGEST:
        raise ValueError(f"the numbers of {name} must be at most 2^31 in size")
