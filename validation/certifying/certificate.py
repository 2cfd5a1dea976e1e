"""The files of a certificate (docs/certificates.md, section 1)."""

from __future__ import annotations

import hashlib
import json
import platform
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from validation.certifying.language import TEXT, packed
from validation.certifying.pipeline import Certified
from validation.certifying.tasks import PREPROCESSING
from validation.certifying.text import CertifiedText
from validation.output.schema import Record
from validation.output.writing import replaced_folder

FILES = ("code.bin", "certificate.json", "README.txt")
KIND = "certificate"
FORMAT = 1
ASSUMPTIONS = (
    "The sequences of the data set are independent and identically distributed, and the labels "
    "with them.",
    "Description language {language} was fixed before any of the networks that it codes was "
    "trained; its authors know, as everybody does, what was published about this data set.",
    "The bound is about new sequences of the same distribution, and about the decoded network of "
    "integers.",
)
TEXT_ASSUMPTIONS = (
    "Nothing about the text: no independence, no distribution, no alphabet.",
    "Description language {language} was fixed before any of the networks that it codes was "
    "trained; its authors know, as everybody does, what was published about this text.",
    "The bound is about what the network had to expect at each byte of this very text, given the "
    "bytes before it, on average over the text; not about another text.",
)


def delta_of(text: str) -> Decimal:
    """Return delta as the certificate writes it.

    Raises
    ------
    ValueError
        If it is not 0. and 1 to 12 digits, or is 0.
    """
    try:
        delta = Decimal(text)
    except InvalidOperation:
        delta = Decimal(0)
    digits = text.removeprefix("0.") if text.isascii() else ""
    if not (text.startswith("0.") and digits.isdigit() and 1 <= len(digits) <= 12 and delta > 0):
        raise ValueError(f"delta must be a decimal between 0 and 1 such as 0.05, got {text!r}")
    return delta


def facts(found: Certified, name: str, how: Record) -> Record:
    """Return the content of ``certificate.json``.

    Parameters
    ----------
    found : Certified
    name : str
    how : dict
        What else a reader may want to know of how the network was made; no checker reads it.
    """
    data = packed(found.code)
    T, d = found.network.images_form().shape(*found.task.images.shape[1:])
    return {
        "format": FORMAT,
        "language": found.language,
        "preprocessing": PREPROCESSING,
        "name": name,
        "task": found.task.name,
        "data_sha256": dict(found.task.data_sha256),
        "code_sha256": hashlib.sha256(data).hexdigest(),
        "n": found.task.n,
        "errors": found.errors,
        "bits": len(found.code),
        "delta": f"{found.delta:f}",
        "bound": f"{found.bound:.6f}",
        "assumptions": _said(ASSUMPTIONS, found.language),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "network": {"k": found.network.k, "T": T, "d": d, "q": found.network.q, **how},
    }


def text_facts(found: CertifiedText, name: str, how: Record) -> Record:
    """Return the content of ``certificate.json`` for a language model."""
    return {
        "format": FORMAT,
        "language": found.language,
        "preprocessing": PREPROCESSING,
        "name": name,
        "task": TEXT,
        "data_sha256": dict(found.data_sha256),
        "code_sha256": hashlib.sha256(packed(found.code)).hexdigest(),
        "n": found.n,
        "loss": f"{found.loss:.6f}",
        "bits": len(found.code),
        "delta": f"{found.delta:f}",
        "bound": f"{found.bound:.6f}",
        "assumptions": _said(TEXT_ASSUMPTIONS, found.language),
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "network": {"k": found.network.k, "d": found.network.q, "q": found.network.q, **how},
    }


def _said(assumptions: tuple[str, ...], language: int) -> list[str]:
    return [line.format(language=language) for line in assumptions]


def write_certificate(out: Path, found: Certified | CertifiedText, name: str, how: Record) -> None:
    """Write the folder of a certificate, or replace an older one.

    Raises
    ------
    ValueError
        If `out` holds anything else, or cannot be written.
    """
    make: Any = text_facts if isinstance(found, CertifiedText) else facts
    content = make(found, name, how)
    with replaced_folder(out, FILES, KIND) as folder:
        (folder / "code.bin").write_bytes(packed(found.code))
        (folder / "certificate.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        (folder / "README.txt").write_text(plain_words(content), "utf-8")


def plain_words(content: Record) -> str:
    """Return what a certificate says, for somebody who has never seen one."""
    if "loss" in content:
        return _about_text(content)
    where = " --data-dir FOLDER-OF-THE-FILE" if content["task"] == "npz" else ""
    n, errors, network = content["n"], content["errors"], content["network"]
    above = float(content["bound"])
    meaning = f"it errs on at most {100 * above:.4f} % of new sequences of the same kind."
    if above >= 1:
        meaning = "nothing: the code is too long for so few sequences."
    return f"""A certificate for a recurrent network, {content["name"]}

code.bin holds, in {content["bits"]} bits, a whole network: {network["k"]} nodes that read
{network["T"]} steps of {network["d"]} numbers and choose one of {network["q"]} classes. On the {n}
training sequences of {content["task"]} it is wrong {errors} times, {100 * errors / n:.3f} %.

What is certified: {meaning}
A sample of {n} sequences misleads about some network that can be written in so few bits with a
probability of at most delta = {content["delta"]}, whatever was tried to find this one.

What is assumed:
{chr(10).join("- " + line for line in content["assumptions"])}

To check it, with the data set at hand and nothing of what made it:

    rnnbounds check FOLDER{where}

docs/certificates.md says what every bit means, so that a checker can be written anew.
"""


def _about_text(content: Record) -> str:
    k = content["network"]["k"]
    return f"""A certificate for a language model, {content["name"]}

code.bin holds, in {content["bits"]} bits, a whole network: {k} nodes that read a text byte by byte
and predict each byte from those before it. On the {content["n"]} bytes of the text it was trained
on it takes {content["loss"]} bits a byte.

What is certified: at each byte, the loss that was to be expected given what came before is on
average at most {content["bound"]} bits; 8 would be no knowledge at all. A text misleads about
some network that can be written in so few bits with a probability of at most delta =
{content["delta"]}, whatever was tried to find this one, and however its bytes depend on each other.

What is assumed:
{chr(10).join("- " + line for line in content["assumptions"])}

To check it, with the text at hand and nothing of what made it:

    rnnbounds check FOLDER

docs/certificates.md says what every bit means, so that a checker can be written anew.
"""
