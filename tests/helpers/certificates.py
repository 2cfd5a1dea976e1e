"""Certificates written by hand, from docs/certificates.md: a second writer beside the project's.

Slow and plain: the coder keeps its interval as exact fractions, the network runs in Python's
integers. What the checker says is held to this.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


class Writer:
    """Decisions to bits, by section 2: the registers of the decoder, from the other side."""

    def __init__(self) -> None:
        self.low, self.high, self.pending = 0, 2**32 - 1, 0
        self.bits: list[int] = []

    def decide(self, bit: int, model: list[int] | None = None) -> None:
        z, o = model or (1, 1)
        cut = self.low + (self.high - self.low + 1) * z // (z + o) - 1
        if bit:
            self.low = cut + 1
        else:
            self.high = cut
        if model is not None:
            model[bit] += 2
            if model[0] + model[1] > 2**16:
                model[0], model[1] = model[0] // 2 | 1, model[1] // 2 | 1
        while True:
            if self.high < 2**31:
                self._emit(0)
                shift = 0
            elif self.low >= 2**31:
                self._emit(1)
                shift = 2**31
            elif self.low >= 2**30 and self.high < 3 * 2**30:
                self.pending += 1
                shift = 2**30
            else:
                return
            self.low, self.high = 2 * (self.low - shift), 2 * (self.high - shift) + 1

    def _emit(self, bit: int) -> None:
        self.bits += [bit] + [1 - bit] * self.pending
        self.pending = 0

    def finish(self) -> list[int]:
        """The bits of a string whose every continuation stays inside the interval."""
        self.pending += 1
        self._emit(0 if self.low < 2**30 else 1)
        return self.bits

    def natural(self, value: int) -> None:
        u = value + 1
        for _ in range(u.bit_length() - 1):
            self.decide(1)
        self.decide(0)
        for place in reversed(range(u.bit_length() - 1)):
            self.decide(u >> place & 1)

    def signed(self, value: int) -> None:
        self.natural(2 * value if value >= 0 else -2 * value - 1)

    def size(self, value: int, models) -> None:
        length = value.bit_length()
        for i in range(length):
            self.decide(1, models.setdefault(("longer", i), [1, 1]))
        self.decide(0, models.setdefault(("longer", length), [1, 1]))
        for place in reversed(range(length - 1)):
            first = place == length - 2
            model = models.setdefault(("second", length), [1, 1]) if first else None
            self.decide(value >> place & 1, model)


@dataclass
class Network:
    """A network of language 1, and how it is to be written.

    Integers by rows; `e` holds the exponents; `text` is (l, alphabet, a) of `ptb-bytes`.
    """

    b_hidden: list[int]
    w_hidden: list[list[int]]
    w_input: list[list[int]]
    w_output: list[list[int]]
    b_output: list[int]
    e: dict[str, int] = field(default_factory=dict)
    power: int = 8
    clip: int = 0
    crop: tuple[int, int, int, int] | None = None
    pool: tuple[int, int] | None = None
    d: int | None = None
    a: int | None = None
    text: tuple[int, list[int], int] | None = None
    again: int = 0
    biased: int = 0
    tables: dict[str, list[int]] = field(default_factory=dict)
    D: int = 0
    apart: int = 0

    @property
    def k(self) -> int:
        return len(self.b_hidden)

    def bits(self) -> list[int]:
        """The code, by section 4."""
        w = Writer()
        if self.text is None:
            if self.a is not None:
                w.signed(self.a)
            w.decide(self.crop is not None)
            for value in self.crop or ():
                w.natural(value)
            w.decide(self.pool is not None)
            for value in self.pool or ():
                w.natural(value - 1)
            w.decide(self.d is not None)
            if self.d is not None:
                w.natural(self.d - 1)
        else:
            line, alphabet, a = self.text
            w.natural(line)
            model = [1, 1]
            for byte in range(256):
                w.decide(byte in alphabet, model)
            w.natural(a - 1)
        w.natural(self.k - 1)
        if self.a is not None:
            w.natural(len(self.b_output) - 2)
        w.decide(self.clip)
        w.natural(self.power)
        w.signed(self.e.get("b_hidden", 0))
        w.signed(self.b_hidden[0])
        models = {}
        for before, after in itertools.pairwise(self.b_hidden):
            w.size(after - before, models)
        models, sign = {}, [1, 1]
        for block in ("w_hidden", "w_input", "w_output", "b_output"):
            if block != "w_output" or self.text is not None:
                w.signed(self.e.get(block, 0))
            if block != "w_hidden":
                w.decide(self.again)
            if block == "w_hidden" or not self.again:
                models, sign = {}, [1, 1]
            w.decide(self.biased)
            table = self.tables.get(block)
            w.decide(table is not None)
            if table is not None:
                w.natural(len(table) - 2)
                for before, after in itertools.pairwise(table):
                    w.natural(after - before - 1)

            def put(value: int, models, sign: list[int], table: list[int] | None = table) -> None:
                w.size(abs(value) if table is None else table.index(abs(value)), models)
                if value:
                    w.decide(value < 0, sign if self.biased else None)

            rows = self.b_output if block == "b_output" else getattr(self, block)
            rows = [rows] if block == "b_output" else rows
            apart = self.apart if block == "w_hidden" else 0
            if block == "w_hidden":
                w.signed(self.D)
                w.decide(self.apart)
                rows = [
                    [value - self.D * (i == j) for j, value in enumerate(row)]
                    for i, row in enumerate(rows)
                ]
            if apart:
                own = {}
                own_sign = [1, 1]
                for i in range(self.k):
                    put(rows[i][i], own, own_sign)
            for i, row in enumerate(rows):
                for j, value in enumerate(row):
                    if not (apart and i == j):
                        put(value, models, sign)
        return w.finish()

    def step(self, h: list[int], x: list[int]) -> list[int]:
        """Section 5, in Python's integers."""
        e = {name: self.e.get(name, 0) for name in ("w_hidden", "w_input", "b_hidden")}
        s = max(0, *(-value for value in e.values()))
        H, result = 2**self.power, []
        for i in range(self.k):
            A = sum(w * v for w, v in zip(self.w_hidden[i], h)) << e["w_hidden"] + s
            A += sum(w * v for w, v in zip(self.w_input[i], x)) << e["w_input"] + s
            A += self.b_hidden[i] << e["b_hidden"] + s
            if s:
                A = (A + (1 << s - 1)) >> s
            result.append(min(max(A, -H if self.clip else 0), H))
        return result

    def predicted(self, image) -> int:
        """The class of one image (R0, C0) of integers."""
        image = np.asarray(image)
        top, bottom, left, right = self.crop or (0, 0, 0, 0)
        v, w = self.pool or (1, 1)
        image = image[top : image.shape[0] - bottom, left : image.shape[1] - right]
        pooled = [
            int(image[i : i + v, j : j + w].sum())
            for i in range(0, image.shape[0], v)
            for j in range(0, image.shape[1], w)
        ]
        d = self.d or image.shape[1] // w
        h = [0] * self.k
        for t in range(0, len(pooled), d):
            h = self.step(h, pooled[t : t + d])
        shift = self.e.get("b_output", 0)
        scores = [
            sum(w * v for w, v in zip(row, h)) + (b << shift)
            for row, b in zip(self.w_output, self.b_output)
        ]
        return scores.index(max(scores))


def packed(bits: list[int]) -> bytes:
    """Eight bits a byte, the first the most significant."""
    return np.packbits(np.array(bits, np.uint8)).tobytes()


def write(folder: Path, network: Network, **fields) -> Path:
    """Write a certificate with these fields over the usual ones; n, errors and bound are needed."""
    bits = fields.pop("string", None) or network.bits()
    code = packed(bits)
    said = {
        "format": 1,
        "language": 1,
        "preprocessing": 1,
        "name": "by hand",
        "task": "digits",
        "code_sha256": hashlib.sha256(code).hexdigest(),
        "bits": len(bits),
        "delta": "0.05",
        "assumptions": ["i.i.d. sequences"],
        "versions": {},
        "network": {},
    }
    said.update(fields)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "code.bin").write_bytes(code)
    (folder / "certificate.json").write_text(json.dumps(said, default=int))
    return folder
