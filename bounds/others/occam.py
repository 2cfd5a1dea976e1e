r"""`occam.binomial`, `occam.kl` and `others.occam_hoeffding`: bounds by the length of a code.

The network is quantised, encoded, decoded again, and the decoded network's errors are counted. The
bounds hold for every code at once, so that the precision may be chosen on the sample for free.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bounds.assembly import COMPLEXITY, CONFIDENCE
from bounds.binomial import upper_risk
from bounds.others.code import BLOCKS, QuantisedRNN, decode, encode, estimated_bits, quantise
from bounds.problem import Problem
from bounds.relative_entropy import inverse_kl
from bounds.rounding import log_up, raised, roundings
from bounds.terms import IID, VALID, Bound, Condition, Term
from pruning.checks import choice

FORMS = ("binomial", "kl", "hoeffding")
PRECISIONS = tuple(range(1, 13))
_IDS = {"binomial": "occam.binomial", "kl": "occam.kl", "hoeffding": "others.occam_hoeffding"}
FORM_OF = {id: form for form, id in _IDS.items()}
_FORMULAS = {
    "binomial": r"\sup\{p: P(\operatorname{Bin}(n,p)\le k)\ge\delta 2^{-|c|}\}",
    "kl": r"\sup\{p\ge\tfrac kn: \mathrm{kl}(\tfrac kn\|p)\le\tfrac{|c|\ln 2+\ln(1/\delta)}{n}\}",
    "hoeffding": r"\hat\Psi_\gamma + \sqrt{\frac{|c|\ln 2+\log(1/\delta)}{2n}}",
}


@dataclass(frozen=True, eq=False)
class Description:
    """A network as its code.

    Attributes
    ----------
    code : list of int
        Bits.
    quantised : QuantisedRNN
        What the code was decoded to.
    problem : Problem
        The sample, with the decoded network.
    """

    code: list[int]
    quantised: QuantisedRNN
    problem: Problem

    @property
    def bits(self) -> int:
        """|c|."""
        return len(self.code)


def occam(
    problem: Problem, form: str = "binomial", *, description: Description | None = None
) -> Bound:
    """The bound for the network as its code describes it.

    Parameters
    ----------
    problem : Problem
    form : str
        ``binomial`` (Langford, JMLR 2005), its relaxation ``kl``, or ``hoeffding`` for the ramp.
    description : Description, optional
        From `describe`; made with its default precisions where not given.
    """
    choice("form", form, FORMS)
    shown = describe(problem) if description is None else description
    own, n = shown.problem, shown.problem.n
    price = shown.bits * math.log(2)
    log_inv = -math.log(problem.delta) + problem.log_price
    if form == "hoeffding":
        empirical = own.ramp
        without, reached = (
            empirical + raised(math.sqrt((price + extra) / (2 * n))) for extra in (0.0, log_inv)
        )
        first = own.empirical_term()
    else:
        empirical = own.errors / n
        without, reached = (_risk(form, own.errors, n, price + e) for e in (0.0, log_inv))
        first = own.empirical_term(zero_one=True)
    size = max(without - empirical, 0.0)
    rest = max(reached - empirical - size, 0.0)
    inputs = {
        "|c|": shown.bits,
        "n": n,
        "delta": problem.delta,
        "log price": problem.log_price,
    }
    source = "Langford, JMLR 2005; theory, section 8"
    steps = [shown.quantised.exponents[block] for block in BLOCKS]
    return Bound(
        _IDS[form],
        (r"\Psi_\gamma \le " if form == "hoeffding" else r"\operatorname{err} \le ")
        + _FORMULAS[form],
        (
            first,
            Term(
                COMPLEXITY,
                log_up(raised(size, 4)),
                _FORMULAS[form] + r"\text{ at }\delta = 1\text{, less the empirical loss}",
                source,
                {**inputs, "log2 of the steps": steps},
            ),
            Term(
                CONFIDENCE,
                log_up(raised(rest, 4) + roundings(4)),
                r"\text{what } \delta \text{ adds}",
                source,
                inputs,
            ),
        ),
        VALID,
        (
            IID,
            Condition("prefix-free code", True, f"{shown.bits} bits; the decoder knows no data."),
            Condition(
                "errors of the decoded network",
                True,
                f"{own.errors} of {n}; {problem.errors} before quantisation.",
            ),
        ),
        ("The bound is that of the decoded network, whose weights are quantised.",),
    )


def describe(problem: Problem, precisions: Sequence[int] = PRECISIONS) -> Description:
    """Return a description with about the smallest `occam.kl`, over one precision for all blocks.

    Afterwards each block tries one step coarser or finer. Every choice is free. Lengths are only
    estimated in the search; the network chosen is encoded, and decoded again.
    """
    values: dict[tuple[int, ...], float] = {}

    def value(bits: tuple[int, ...]) -> float:
        if bits not in values:
            quantised = quantise(problem.rnn, dict(zip(BLOCKS, bits)))
            bits_paid = estimated_bits(quantised) * math.log(2)
            price = bits_paid - math.log(problem.delta) + problem.log_price
            least = _risk("kl", 0, problem.n, price)
            if values and least >= min(values.values()):
                values[bits] = least  # too long even without an error; no need to run it
            else:
                errors = problem.of(quantised.network()).errors
                values[bits] = _risk("kl", errors, problem.n, price)
        return values[bits]

    best = min(((bits,) * len(BLOCKS) for bits in precisions), key=value)
    for block in range(len(BLOCKS)):
        near = [
            (*best[:block], bits, *best[block + 1 :])
            for bits in (best[block], best[block] - 1, best[block] + 1)
            if 0 <= bits <= 52
        ]
        best = min(near, key=value)
    code = encode(quantise(problem.rnn, dict(zip(BLOCKS, best))))
    decoded = decode(code)
    return Description(code, decoded, problem.of(decoded.network()))


@functools.lru_cache(maxsize=256)
def _risk(form: str, k: int, n: int, log_inv: float) -> float:
    if form == "binomial":
        return upper_risk(k, n, raised(log_inv, 4))
    return inverse_kl(min(1.0, raised(k / n, 0)), raised(log_inv / n))
