"""Description language 1: networks of integers as strings of bits (docs/certificates.md).

One walk writes and reads, so that both sides agree. How a network is spelt (tables, shared models,
the sign's model) changes its length and not the network; `encode` tries the spellings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bounds.others.arithmetic_coder import Decoder, Encoder, Model
from validation.certifying.network import Form, IntegerNetwork, TextForm

LANGUAGE = 1
TEXT = "ptb-bytes"
WEIGHTS = ("w_hidden", "w_input", "w_output", "b_output")
"""The blocks whose numbers have signs."""
LARGEST = 1 << 31
_MOST_BITS = 1 << 23


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
    """

    again: bool = False
    biased: bool = False
    table: tuple[int, ...] | None = None
    diagonal: int = 0
    apart: bool = False


@dataclass
class _Models:
    """The set M and the sign of section 4."""

    longer: list[Model] = field(default_factory=lambda: [Model() for _ in range(32)])
    second: list[Model] = field(default_factory=lambda: [Model() for _ in range(32)])
    sign: Model = field(default_factory=Model)


def encode(network: IntegerNetwork, task: str) -> list[int]:
    """Return the shortest code found over the spellings of every block, as a list of bits.

    Parameters
    ----------
    network : IntegerNetwork
    task : str
        ``npz`` or a set of images: it decides what is written of inputs and classes.

    Raises
    ------
    ValueError
        Where the language cannot express the network.
    """
    spellings = {block: Spelling() for block in WEIGHTS}
    best = _length(network, task, spellings)
    for block in WEIGHTS:
        for change in _changes(network, block):
            tried = {**spellings, block: replace(spellings[block], **change)}
            length = _length(network, task, tried)
            if length < best:
                best, spellings = length, tried
    return write(network, task, spellings)


def write(network: IntegerNetwork, task: str, spellings: dict[str, Spelling]) -> list[int]:
    """Return the code in these spellings."""
    coder = Encoder()
    _walk(coder, task, network, spellings)
    return coder.finish()


def decode(
    code: Sequence[int], task: str, image: tuple[int, int] | None = None, q: int = 10
) -> IntegerNetwork:
    """Return the network of a code.

    Parameters
    ----------
    code : sequence of 0 and 1
    task : str
    image : tuple of 2 int
        Rows and columns of the task's images; texts have none.
    q : int
        Classes; for ``npz`` they are coded.

    Raises
    ------
    ValueError
        If the string is not a code, which includes one that is the beginning of several.
    """
    if not 0 < len(code) <= _MOST_BITS:
        raise ValueError(f"code must have 1 to {_MOST_BITS} bits, got {len(code)}")
    decoders = [Recorded(code, beyond) for beyond in (0, 1)]
    networks = [_walk(decoder, task, None, {}, image, q) for decoder in decoders]
    if decoders[0].decisions != decoders[1].decisions:
        raise ValueError("code must be whole: what follows it would change the network")
    return networks[0]


class Recorded(Decoder):
    """A decoder of a string that is followed by ever the same bit, and that keeps its decisions."""

    def __init__(self, code: Sequence[int], beyond: int) -> None:
        self.decisions: list[int] = []
        super().__init__([*code, *[beyond] * 64])
        self.most = len(self._code)

    def bit(self, bit: int = 0, model: Model | None = None) -> int:
        """Decode a decision."""
        bit = super().bit(bit, model)
        if self._position > self.most:
            raise ValueError("code must be that of a network, it ends too early")
        self.decisions.append(bit)
        return bit


def _length(network: IntegerNetwork, task: str, spellings: dict[str, Spelling]) -> int:
    return len(write(network, task, spellings))


def _changes(network: IntegerNetwork, block: str) -> list[dict[str, Any]]:
    """Spellings worth trying, one after the other, each beside what was kept before."""
    values = network.integers[block]
    changes: list[dict[str, Any]] = [{"biased": True}]
    if block == "w_hidden":
        diagonal = np.diagonal(values)
        changes += [{"apart": True}]
        for D in {int(v) for v in np.unique(diagonal)} | {int(np.median(diagonal))}:
            changes += [{"diagonal": D}, {"diagonal": D, "apart": True}]
        changes += [{"diagonal": 0, **change} for change in _tables(values)]
        return changes
    return [*changes, {"again": True}, {"again": True, "biased": True}, *_tables(values)]


def _tables(values: Any) -> list[dict[str, Any]]:
    """The table of the magnitudes that occur, where there is one and it skips some."""
    sizes = np.unique(np.abs(values))
    sizes = sizes[sizes > 0]
    if not 0 < len(sizes) <= 64 or int(sizes[-1]) == len(sizes):
        return []
    return [{"table": tuple(int(v) for v in sizes)}]


def _walk(
    coder: Encoder | Decoder,
    task: str,
    net: IntegerNetwork | None,
    spellings: dict[str, Spelling],
    image: tuple[int, int] | None = None,
    q: int = 10,
) -> IntegerNetwork:
    """Write `net`, or read where it is None."""
    form: Form | TextForm
    if task == TEXT:
        form = _text_form(coder, None if net is None else net.form)
    else:
        form = _form(coder, task, None if net is None else net.images_form())
    k = _natural(coder, 0 if net is None else net.k - 1) + 1
    if isinstance(form, TextForm):
        d = q = len(form.alphabet)
    elif net is not None:
        d, q = net.integers["w_input"].shape[1], net.q
    else:
        assert image is not None
        d = form.shape(*image)[1]
    if task == "npz":
        q = _natural(coder, q - 2) + 2
    if k > 1 << 10 or d > 1 << 12 or q > 1 << 10 or k * (k + d + q) > 1 << 20:
        raise ValueError(f"a network of language 1 must be smaller, got k = {k}, d = {d}, q = {q}")
    two_sided = bool(coder.bit(0 if net is None else int(net.two_sided)))
    cap = _natural(coder, 0 if net is None else net.cap)
    if cap > 40:
        raise ValueError(f"cap must be at most 40, got {cap}")
    shapes = {"w_hidden": (k, k), "w_input": (k, d), "w_output": (q, k), "b_output": (q,)}
    exponents = {"b_hidden": _exponent(coder, net, "b_hidden")}
    integers = {"b_hidden": _ascending(coder, None if net is None else net.integers["b_hidden"], k)}
    models = _Models()
    for block, shape in shapes.items():
        if block != "w_output" or task == TEXT:
            exponents[block] = _exponent(coder, net, block)
        spelling = spellings.get(block, Spelling())
        again = block != "w_hidden" and bool(coder.bit(int(spelling.again)))
        models = models if again else _Models()
        values = None if net is None else net.integers[block]
        integers[block] = _block(coder, models, spelling, block, shape, values)
    if exponents["b_output"] < 0 and task != TEXT:
        raise ValueError(f"the exponent of b_output must be at least 0, got {exponents}")
    return IntegerNetwork(form, two_sided, cap, exponents, integers)


def _form(coder: Encoder | Decoder, task: str, form: Form | None) -> Form:
    shown = form or Form()
    exponent = _signed(coder, shown.exponent) if task == "npz" else 0
    if abs(exponent) > 64:
        raise ValueError(f"exponent must be -64 to 64, got {exponent}")
    crop, pool, d = (0, 0, 0, 0), (1, 1), None
    if coder.bit(int(any(shown.crop))):
        crop = tuple(_natural(coder, side) for side in shown.crop)  # type: ignore[assignment]
    if coder.bit(int(shown.pool != (1, 1))):
        pool = tuple(_natural(coder, v - 1) + 1 for v in shown.pool)  # type: ignore[assignment]
    if coder.bit(int(shown.d is not None)):
        d = _natural(coder, (shown.d or 1) - 1) + 1
    return Form(crop, pool, d, exponent)


def _text_form(coder: Encoder | Decoder, form: Form | TextForm | None) -> TextForm:
    if form is None:
        form = TextForm(0, (), 1)
    assert isinstance(form, TextForm)
    line = _natural(coder, form.line)
    if line > 24:
        raise ValueError(f"line must be at most 24, got {line}")
    model, known = Model(), set(form.alphabet)
    alphabet = tuple(byte for byte in range(256) if coder.bit(int(byte in known), model))
    if not alphabet:
        raise ValueError("alphabet must have a byte")
    smoothing = _natural(coder, form.smoothing - 1) + 1
    if smoothing > 40:
        raise ValueError(f"smoothing must be at most 40, got {smoothing}")
    return TextForm(line, alphabet, smoothing)


def _block(
    coder: Encoder | Decoder,
    models: _Models,
    spelling: Spelling,
    block: str,
    shape: tuple[int, ...],
    values: Any,
) -> Any:
    biased = bool(coder.bit(int(spelling.biased)))
    table = _table(coder, spelling.table)
    places: dict[int, int] | None = None
    if table is not None:
        places = {m: i for i, m in enumerate(table)}
    count = int(np.prod(shape))
    flat = np.zeros(count, np.int64)
    if values is not None:
        flat = values.ravel().copy()
    own = np.arange(0)
    offset = 0
    if block == "w_hidden":
        offset = _signed(coder, spelling.diagonal)
        own = np.arange(shape[0]) * (shape[0] + 1)
        flat[own] -= offset
        if not coder.bit(int(spelling.apart)):
            order = [(models, np.arange(count))]
        else:
            rest = np.setdiff1d(np.arange(count), own)
            order = [(_Models(), own), (models, rest)]
    else:
        order = [(models, np.arange(count))]
    for with_models, at in order:
        for i in at.tolist():
            value = int(flat[i])
            size = abs(value)
            if places is not None and values is not None:
                if size not in places:
                    raise ValueError(f"{block} must hold magnitudes of its table, got {size}")
                size = places[size]
            size = _size(coder, with_models, size)
            if table is not None:
                if size >= len(table):
                    raise ValueError(f"{block} has a number that is not in its table")
                size = table[size]
            if size:
                sign = coder.bit(int(value < 0), with_models.sign if biased else None)
                size = -size if sign else size
            flat[i] = size
    flat[own] += offset
    _check_size(block, flat)
    return flat.reshape(shape)


def _table(coder: Encoder | Decoder, table: tuple[int, ...] | None) -> list[int] | None:
    if not coder.bit(int(table is not None)):
        return None
    steps = np.diff(np.array((0, *(table or (1,))))).tolist()
    count = _natural(coder, len(steps) - 1) + 1
    if count > 64:
        raise ValueError(f"a table must have at most 64 magnitudes, got {count}")
    steps += [1] * (count - len(steps))
    found = [0]
    for step in steps[:count]:
        found.append(found[-1] + _natural(coder, step - 1) + 1)
    _check_size("a table", np.array(found))
    return found


def _ascending(coder: Encoder | Decoder, values: Any, k: int) -> Any:
    models = _Models()
    if values is None:
        values = np.zeros(k, np.int64)
    if (np.diff(values) < 0).any():
        raise ValueError("b_hidden must ascend: sort the nodes")
    found = [_signed(coder, int(values[0]))]
    for step in np.diff(values).tolist():
        found.append(found[-1] + _size(coder, models, step))
    result = np.array(found, dtype=object)
    _check_size("b_hidden", result)
    return result.astype(np.int64)


def _exponent(coder: Encoder | Decoder, net: IntegerNetwork | None, block: str) -> int:
    e = _signed(coder, 0 if net is None else net.exponents[block])
    if abs(e) > 64:
        raise ValueError(f"the exponent of {block} must be -64 to 64, got {e}")
    return e


def _size(coder: Encoder | Decoder, models: _Models, value: int) -> int:
    """A number from 0, its length in bits one decision after the other."""
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


def _natural(coder: Encoder | Decoder, value: int) -> int:
    """Elias's gamma code of value + 1."""
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


def _signed(coder: Encoder | Decoder, value: int) -> int:
    z = _natural(coder, 2 * value if value >= 0 else -2 * value - 1)
    return z // 2 if z % 2 == 0 else -(z + 1) // 2


def _check_size(name: str, values: Any) -> None:
    if len(values) and max(abs(int(values.min())), abs(int(values.max()))) > LARGEST:
        raise ValueError(f"the numbers of {name} must be at most 2^31 in size")


def packed(code: Sequence[int]) -> bytes:
    """Return the bits as bytes, the first bit the most significant, filled with 0."""
    return np.packbits(np.array(code, np.uint8)).tobytes()


def unpacked(data: bytes, bits: int) -> list[int]:
    """Return the bits of a file.

    Raises
    ------
    ValueError
        If the file is longer or shorter, or what fills its last byte is not 0.
    """
    if len(data) != -(-bits // 8):
        raise ValueError(
            f"code.bin must have {-(-bits // 8)} bytes for {bits} bits, got {len(data)}"
        )
    values = np.unpackbits(np.frombuffer(data, np.uint8)).tolist()
    if any(values[bits:]):
        raise ValueError("code.bin must end in zeros behind its bits")
    return values[:bits]
