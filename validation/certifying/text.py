"""Language models of integers: losses byte by byte (docs/certificates.md, section 7)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np

from bounds.rounding import raised
from pruning.checks import Array, Nodes
from validation.certifying.language import LANGUAGE, TEXT, decode, encode
from validation.certifying.network import IntegerNetwork, TextForm

SLACK = 2.0**-30
"""Added to each loss for the rounding of its computation."""


def bits_of_losses(network: IntegerNetwork, text: Nodes) -> Array:
    """Return loss_t = -log2 P(x_t | the bytes before it in its line), (N,), slack included.

    Parameters
    ----------
    network : IntegerNetwork
        Its form is a `TextForm`.
    text : (N,) uint8 array

    Raises
    ------
    ValueError
        If a read-out is beyond 2^10 nats, where float64 would not be near enough.
    """
    form = network.form
    if not isinstance(form, TextForm):
        raise ValueError("a network of images reads no text")
    width, N = 1 << form.line, len(text)
    lines = -(-N // width)
    flat = np.zeros(lines * width, np.int64)
    flat[:N] = text
    padded = flat.reshape(lines, width)
    symbol = np.full(256, len(form.alphabet))
    symbol[list(form.alphabet)] = np.arange(len(form.alphabet))
    step, e = network.stepper(), network.exponents
    # A byte that is not in the alphabet drives nothing, and only the uniform part predicts it.
    drive = np.vstack([step.w_input, np.zeros(len(step.bias))])
    w_output = network.integers["w_output"].astype(np.float64).T
    b_output = np.ldexp(network.integers["b_output"].astype(np.float64), e["b_output"])
    uniform, rest = 2.0**-form.smoothing / 256, 1 - 2.0**-form.smoothing
    h = np.zeros((lines, network.k))
    losses = np.zeros((lines, width))
    rows = np.arange(lines)
    for t in range(min(width, N)):
        y = np.ldexp(h @ w_output, e["w_output"]) + b_output
        if np.abs(y).max() > 1 << 10:
            raise ValueError("the read-outs of a language model must stay within 2^10 nats")
        y -= y.max(axis=1, keepdims=True)
        np.exp(y, out=y)
        total = y.sum(axis=1)
        here = symbol[padded[:, t]]
        known = here < len(form.alphabet)
        p = np.where(known, y[rows, np.minimum(here, y.shape[1] - 1)] / total, 0.0)
        losses[:, t] = -np.log2(rest * p + uniform)
        h = step(drive[here], h)
    return losses.ravel()[:N] + SLACK


@dataclass(frozen=True, eq=False)
class CertifiedText:
    """A code of a language model and what it certifies.

    Attributes
    ----------
    network : IntegerNetwork
        What the code was decoded to.
    code : list of int
    n : int
        Bytes.
    loss, bound : Decimal
        Bits a byte, rounded up to six digits: on the text, and what was to be expected.
    delta : Decimal
    data_sha256 : mapping of str to str
    """

    network: IntegerNetwork
    code: list[int]
    n: int
    loss: Decimal
    bound: Decimal
    delta: Decimal
    data_sha256: Mapping[str, str]
    language: int = LANGUAGE


def certified_text(
    network: IntegerNetwork,
    text: Nodes,
    delta: Decimal,
    data_sha256: Mapping[str, str],
    language: int = LANGUAGE,
) -> CertifiedText:
    """Encode a language model, decode it again, measure its loss, and bound it."""
    network.check_range(1)
    code = encode(network, TEXT, language)
    decoded = decode(code, TEXT, language=language)
    if not decoded.same(network):
        raise AssertionError("the code was not decoded to the network that was encoded")
    losses = bits_of_losses(decoded, text)
    assert isinstance(decoded.form, TextForm)
    above = text_bound(losses, decoded.form, len(code), delta)
    loss = _up(float(losses.mean()) + SLACK)
    return CertifiedText(decoded, code, len(text), loss, _up(above), delta, data_sha256, language)


def text_bound(losses: Array, form: TextForm, bits: int, delta: Decimal) -> float:
    """Return the bound of section 8 on the average conditional loss, in bits a byte."""
    from bounds.martingales import conditional_loss

    R = 8 + form.smoothing
    units = np.ceil(2.0**18 * np.minimum(losses / R, 1.0)).astype(np.int64)
    counts = np.bincount(units)
    z = np.flatnonzero(counts)
    log_inv = raised(bits * math.log(2) - math.log(delta), 8)
    return min(float(R), raised(R * conditional_loss(z / 2.0**18, log_inv, counts=counts[z]), 4))


def _up(value: float) -> Decimal:
    return Decimal(value).quantize(Decimal("1e-6"), ROUND_CEILING)
