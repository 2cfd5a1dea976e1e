"""A published encoder-decoder from letters to phonemes (g2p_en), and the words of CMUdict.

The network is the package's ``checkpoint20.npz`` (Apache-2.0); words and pronunciations are the
data file of CMUdict. Both are fetched; no code of either package is imported.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np

from pruning.cells.gru import GRU
from pruning.checks import integer
from pruning.encoder_decoder import EncoderDecoder
from validation.data.fetching import read

GRAPHEMES = ("<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz")
PHONEMES = (
    "<pad>", "<unk>", "<s>", "</s>",
    "AA0", "AA1", "AA2", "AE0", "AE1", "AE2", "AH0", "AH1", "AH2", "AO0", "AO1", "AO2",
    "AW0", "AW1", "AW2", "AY0", "AY1", "AY2", "B", "CH", "D", "DH", "EH0", "EH1", "EH2",
    "ER0", "ER1", "ER2", "EY0", "EY1", "EY2", "F", "G", "HH", "IH0", "IH1", "IH2", "IY0",
    "IY1", "IY2", "JH", "K", "L", "M", "N", "NG", "OW0", "OW1", "OW2", "OY0", "OY1", "OY2",
    "P", "R", "S", "SH", "T", "TH", "UH0", "UH1", "UH2", "UW", "UW0", "UW1", "UW2", "V",
    "W", "Y", "Z", "ZH",
)  # fmt: skip


@dataclass(frozen=True)
class Words:
    """Words as letters, and the pronunciations that count as right for each."""

    letters: list[list[int]]
    spoken: list[list[list[int]]]


def g2p_network() -> EncoderDecoder:
    """Return the published network: GRUs of 256 nodes on both sides, in float64."""
    with np.load(io.BytesIO(read("g2p", "checkpoint20.npz")), allow_pickle=False) as held:
        w = {name: held[name].astype(np.float64) for name in held.files}
    encoder, decoder = (
        GRU(w[f"{side}_w_ih"], w[f"{side}_w_hh"], w[f"{side}_b_ih"], w[f"{side}_b_hh"])
        for side in ("enc", "dec")
    )
    return EncoderDecoder(
        encoder,
        decoder,
        w["enc_emb"],
        w["dec_emb"],
        np.eye(decoder.m),
        w["fc_w"],
        w["fc_b"],
        PHONEMES.index("<s>"),
        PHONEMES.index("</s>"),
    )


def words(n: int, seed: int = 0, skip: int = 0) -> Words:
    """Return n words of CMUdict of letters a to z, drawn by a seeded permutation.

    Parameters
    ----------
    n : int
    seed : int
    skip : int
        Leave out the first so many of the permutation: other words of the same draw.
    """
    n, skip = integer("n", n, 1), integer("skip", skip, 0)
    known: dict[str, list[list[int]]] = {}
    place = {name: i for i, name in enumerate(PHONEMES)}
    for line in read("g2p", "cmudict.dict").decode("utf-8").splitlines():
        word, *rest = line.split("#")[0].split()
        word = re.sub(r"\(\d+\)$", "", word)
        if re.fullmatch("[a-z]+", word):
            known.setdefault(word, []).append([place.get(sound, 1) for sound in rest])
    names = sorted(known)
    if skip + n > len(names):
        raise ValueError(f"n must be at most {len(names) - skip}, got {n}")
    order = np.random.default_rng(seed).permutation(len(names))[skip : skip + n]
    letter = {name: i for i, name in enumerate(GRAPHEMES)}
    chosen = [names[i] for i in order]
    return Words(
        [[*(letter[c] for c in word), letter["</s>"]] for word in chosen],
        [known[word] for word in chosen],
    )


def errors(said: list[list[int]], right: Words) -> tuple[float, float]:
    """Return the phoneme and the word error rate: edits to the nearest right pronunciation.

    The phoneme error is the sum of edit distances over the sum of the lengths of the nearest.
    """
    edits = length = wrong = 0
    for one, known in zip(said, right.spoken, strict=True):
        distances = [(_edits(one, other), len(other)) for other in known]
        distance, size = min(distances)
        edits, length, wrong = edits + distance, length + size, wrong + (distance > 0)
    return edits / length, wrong / len(said)


def _edits(a: list[int], b: list[int]) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]
