"""Description languages 1 and 2: networks of integers as strings of bits (docs/certificates.md).

One walk writes and reads, so that both sides agree. How a network is spelt (tables, shared models,
what they depend on, random signs) changes its length and not the network; `encode` tries the
spellings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bounds.others.arithmetic_coder import Decoder, Encoder, Model
from validation.certifying.network import MOST_GATED_CAP, Form, IntegerNetwork, TextForm
from validation.certifying.numbers import (
    AVERAGE,
    FORGETFUL,
    NEIGHBOUR,
    Contexts,
    Spelling,
    ascending,
    block,
    natural,
    random_signs,
    signed,
)
from validation.output.schema import Record

LANGUAGES = (1, 2)
LANGUAGE = 2
"""What new certificates are written in."""
TEXT = "ptb-bytes"
WEIGHTS = ("w_hidden", "w_input", "w_output", "b_output")
"""The blocks whose numbers have signs."""
_MOST_BITS = 1 << 23


def encode(
    network: IntegerNetwork,
    task: str,
    language: int = LANGUAGE,
    subspaces: Mapping[str, tuple[int, tuple[int, ...]]] | None = None,
) -> list[int]:
    """Return the shortest code found over the spellings of every block, as a list of bits.

    Parameters
    ----------
    network : IntegerNetwork
    task : str
        ``npz`` or a set of images: it decides what is written of inputs and classes.
    language : int
        1 or 2. The version is no choice of the code: it is fixed before the data are seen.
    subspaces : mapping of block to (seed, weights), optional
        Language 2: the combinations of random signs that blocks may be coded relative to.

    Raises
    ------
    ValueError
        Where the language cannot express the network.
    """
    if subspaces:
        plain = encode(network, task, language)
        relative = _encoded(network, task, language, subspaces)
        return min(relative, plain, key=len)
    return _encoded(network, task, language, {})


def _encoded(
    network: IntegerNetwork,
    task: str,
    language: int,
    subspaces: Mapping[str, tuple[int, tuple[int, ...]]],
) -> list[int]:
    spellings = {name: Spelling() for name in WEIGHTS}
    for name, (seed, weights) in subspaces.items():
        spellings[name] = Spelling(seed=seed, weights=weights)
    best = _length(network, task, spellings, language)
    for name in WEIGHTS:
        for change in _changes(network, name, spellings[name], language):
            tried = {**spellings, name: replace(spellings[name], **change)}
            length = _length(network, task, tried, language)
            if length < best:
                best, spellings = length, tried
    return write(network, task, spellings, language)


def write(
    network: IntegerNetwork, task: str, spellings: dict[str, Spelling], language: int = LANGUAGE
) -> list[int]:
    """Return the code in these spellings."""
    coder = Encoder()
    _walk(coder, task, language, network, spellings)
    return coder.finish()


def decode(
    code: Sequence[int],
    task: str,
    image: tuple[int, int] | None = None,
    q: int = 10,
    language: int = LANGUAGE,
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
    language : int
        1 or 2.

    Raises
    ------
    ValueError
        If the string is not a code, which includes one that is the beginning of several.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be 1 or 2, got {language!r}")
    if not 0 < len(code) <= _MOST_BITS:
        raise ValueError(f"code must have 1 to {_MOST_BITS} bits, got {len(code)}")
    decoders = [Recorded(code, beyond) for beyond in (0, 1)]
    networks = [_walk(decoder, task, language, None, {}, image, q) for decoder in decoders]
    if decoders[0].decisions != decoders[1].decisions:
        raise ValueError("code must be whole: what follows it would change the network")
    return networks[0]


def bits_of_form(form: Form, task: str) -> int:
    """Return how many bits of a code say how data become sequences; all of them are fair."""
    counted = _Counted()
    _form(counted, task, form)  # type: ignore[arg-type]
    return counted.bits


class _Counted:
    """Takes the place of an encoder, and counts decisions."""

    def __init__(self) -> None:
        self.bits = 0

    def bit(self, bit: int, model: Model | None = None) -> int:
        assert model is None
        self.bits += 1
        return bit


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


def _length(
    network: IntegerNetwork, task: str, spellings: dict[str, Spelling], language: int
) -> int:
    return len(write(network, task, spellings, language))


def _changes(network: IntegerNetwork, name: str, spelling: Spelling, language: int) -> list[Record]:
    """Spellings worth trying, one after the other, each beside what was kept before."""
    values = network.integers[name]
    if spelling.weights:
        signs = random_signs(spelling.seed, name, values.size, len(spelling.weights))
        values = values - (signs @ np.array(spelling.weights)).reshape(values.shape)
    changes: list[Record] = [{"biased": True}]
    if name == "w_hidden":
        diagonal = np.diagonal(values)
        changes += [{"apart": True}]
        for D in {int(v) for v in np.unique(diagonal)} | {int(np.median(diagonal))}:
            changes += [{"diagonal": D}, {"diagonal": D, "apart": True}]
        changes += [{"diagonal": 0, **change} for change in _tables(values)]
    else:
        changes += [{"again": True}, {"again": True, "biased": True}, *_tables(values)]
    if language > 1 and values.size > 1:
        kinds = (FORGETFUL, NEIGHBOUR, AVERAGE)
        changes += [
            {"left": left, "above": above, "biased": biased}
            for left in kinds
            for above in (kinds if values.ndim > 1 else (FORGETFUL,))
            for biased in (False, True)
            if left or above
        ]
    return changes


def _tables(values: Any) -> list[Record]:
    """The table of the magnitudes that occur, where there is one and it skips some."""
    sizes = np.unique(np.abs(values))
    sizes = sizes[sizes > 0]
    if not 0 < len(sizes) <= 64 or int(sizes[-1]) == len(sizes):
        return []
    return [{"table": tuple(int(v) for v in sizes)}]


def _walk(
    coder: Encoder | Decoder,
    task: str,
    language: int,
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
    k = natural(coder, 0 if net is None else net.k - 1) + 1
    if isinstance(form, TextForm):
        d = q = len(form.alphabet)
    elif net is not None:
        d, q = net.integers["w_input"].shape[1], net.q
    else:
        assert image is not None
        d = form.shape(*image)[1]
    if task == "npz":
        q = natural(coder, q - 2) + 2
    if k > 1 << 10 or d > 1 << 12 or q > 1 << 10 or k * (k + d + q) > 1 << 20:
        raise ValueError(f"a network must be smaller to be coded, got k = {k}, d = {d}, q = {q}")
    two_sided = bool(coder.bit(0 if net is None else int(net.two_sided)))
    cap = natural(coder, 0 if net is None else net.cap)
    gated = net is not None and net.gated
    if language > 1:
        gated = bool(coder.bit(int(gated)))
    elif gated:
        raise ValueError("language 1 has no gates")
    most = MOST_GATED_CAP if gated else 40
    if cap > most:
        raise ValueError(f"cap must be at most {most}, got {cap}")
    rows = 2 * k if gated else k
    shapes = {"w_hidden": (rows, k), "w_input": (rows, d), "w_output": (q, k), "b_output": (q,)}
    exponents = {"b_hidden": _exponent(coder, net, "b_hidden")}
    known = None if net is None else net.integers["b_hidden"]
    integers = {"b_hidden": ascending(coder, known, k, rows - k)}
    models = Contexts()
    for name, shape in shapes.items():
        if name != "w_output" or task == TEXT:
            exponents[name] = _exponent(coder, net, name)
        spelling = spellings.get(name, Spelling())
        again = name != "w_hidden" and bool(coder.bit(int(spelling.again)))
        models = models if again else Contexts()
        values = None if net is None else net.integers[name]
        integers[name] = block(coder, models, spelling, name, shape, values, language)
    if exponents["b_output"] < 0 and task != TEXT:
        raise ValueError(f"the exponent of b_output must be at least 0, got {exponents}")
    return IntegerNetwork(form, two_sided, cap, exponents, integers, gated)


def _form(coder: Encoder | Decoder, task: str, form: Form | None) -> Form:
    shown = form or Form()
    exponent = signed(coder, shown.exponent) if task == "npz" else 0
    if abs(exponent) > 64:
        raise ValueError(f"exponent must be -64 to 64, got {exponent}")
    crop, pool, d = (0, 0, 0, 0), (1, 1), None
    if coder.bit(int(any(shown.crop))):
        crop = tuple(natural(coder, side) for side in shown.crop)  # type: ignore[assignment]
    if coder.bit(int(shown.pool != (1, 1))):
        pool = tuple(natural(coder, v - 1) + 1 for v in shown.pool)  # type: ignore[assignment]
    if coder.bit(int(shown.d is not None)):
        d = natural(coder, (shown.d or 1) - 1) + 1
    return Form(crop, pool, d, exponent)


def _text_form(coder: Encoder | Decoder, form: Form | TextForm | None) -> TextForm:
    if form is None:
        form = TextForm(0, (), 1)
    assert isinstance(form, TextForm)
    line = natural(coder, form.line)
    if line > 24:
        raise ValueError(f"line must be at most 24, got {line}")
    model, known = Model(), set(form.alphabet)
    alphabet = tuple(byte for byte in range(256) if coder.bit(int(byte in known), model))
    if not alphabet:
        raise ValueError("alphabet must have a byte")
    smoothing = natural(coder, form.smoothing - 1) + 1
    if smoothing > 40:
        raise ValueError(f"smoothing must be at most 40, got {smoothing}")
    return TextForm(line, alphabet, smoothing)


def _exponent(coder: Encoder | Decoder, net: IntegerNetwork | None, name: str) -> int:
    e = signed(coder, 0 if net is None else net.exponents[name])
    if abs(e) > 64:
        raise ValueError(f"the exponent of {name} must be -64 to 64, got {e}")
    return e


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
