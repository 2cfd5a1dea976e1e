r"""The ways to certify the error of one network, beside each other, from counts alone.

Each bounds the error of a network on a new sequence at confidence 1 - delta, and each assumes
something else; see the conditions of each. They are yardsticks for one another:

* `occam.binomial` and its relaxation `occam.kl`: trained on all n sequences, described by a code;
* `others.pac_bayes_kl`: a randomised network, with the estimate of its training error paid for;
* `others.pick_to_learn`: learned from some of the sequences by a preferent compression;
* `split.binomial`: learned from one part of the sequences, its errors counted on the other;
* `others.test_set_binomial`: errors on data that nothing was chosen on, which need more data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bounds.assembly import COMPLEXITY, CONFIDENCE
from bounds.binomial import upper_risk
from bounds.others.pac_bayes_kl import gibbs_risk
from bounds.others.pick_to_learn import compression_risk
from bounds.relative_entropy import inverse_kl
from bounds.rounding import log_up, lowered, raised, roundings
from bounds.terms import IID, VALID, Bound, Condition, Term
from pruning.checks import fraction, integer, nonnegative, probability

_LEAST = r"\sup\{p: P(\operatorname{Bin}(n,p)\le k)\ge\delta\}"
_CODE = r"\sup\{p: P(\operatorname{Bin}(n,p)\le k)\ge\delta 2^{-|c|}\}"
_CODE_KL = r"\sup\{p\ge\tfrac kn: \mathrm{kl}(\tfrac kn\|p)\le\tfrac{|c|\ln 2+\ln(1/\delta)}{n}\}"
_LANGFORD = "Langford, JMLR 2005; theory, section 8"


@dataclass(frozen=True)
class Randomised:
    """What PAC-Bayes needs to know.

    Attributes
    ----------
    error : float
        Mean over the draws of the error on the training sequences, in [0, 1].
    draws : int
        Independent networks that were drawn from Q after Q was fixed.
    divergence : float
        KL(Q || P) in nats, with what was paid for the choice of P; P knows no data.
    """

    error: float
    draws: int
    divergence: float


def routes(
    n: int,
    errors: int,
    bits: int,
    delta: float,
    *,
    randomised: Randomised | None = None,
    compressed: int | None = None,
    split: tuple[int, int] | None = None,
    test: tuple[int, int] | None = None,
    together: bool = False,
) -> list[Bound]:
    """Return every bound that the counts at hand allow.

    Parameters
    ----------
    n, errors : int
        Training sequences, and how many of them the decoded network gets wrong; 0 <= errors <= n.
    bits : int
        |c|, the length of its prefix-free code.
    delta : float
        Failure probability of every single bound, in (0, 1).
    randomised : Randomised, optional
        For `others.pac_bayes_kl`.
    compressed : int, optional
        From so many of the n sequences a pick-to-learn loop learned a network.
    split : tuple (errors, held out), optional
        Of a network that was learned without the sequences held out.
    test : tuple (errors, n), optional
        On test data.
    together : bool
        Whether all bounds are to hold at once with probability 1 - delta, for taking the least of
        them: delta is then shared among them. Otherwise each holds alone at that level.
    """
    n = integer("n", n, 1)
    errors, bits = integer("errors", errors, 0, n), integer("bits", bits, 0)
    probability("delta", delta)
    asked = 2 + sum(one is not None for one in (randomised, compressed, split, test))
    # occam.kl is a relaxation of occam.binomial and fails only where that does.
    own = lowered(delta / (asked - 1), 1) if together else delta
    note = (
        f"Holds at once with all the others here: each at delta = {own:.4g}."
        if together
        else "Holds alone at this level: the least of several does not."
    )
    found = [
        code_bound("occam.binomial", n, errors, bits, own),
        code_bound("occam.kl", n, errors, bits, own),
    ]
    if randomised is not None:
        found.append(_gibbs(randomised, n, own))
    if compressed is not None:
        found.append(_compression(integer("compressed", compressed, 0, n), n, own))
    if split is not None:
        found.append(held_out_bound("split.binomial", *split, own))
    if test is not None:
        found.append(held_out_bound("others.test_set_binomial", *test, own))
    return [
        Bound(b.id, b.statement, b.terms, b.label, b.conditions, (*b.notes, note)) for b in found
    ]


def code_bound(id: str, n: int, errors: int, bits: int, delta: float) -> Bound:
    """`occam.binomial` or `occam.kl`, from counts; see `routes`."""
    price = raised(bits * math.log(2), 2)
    log_inv = raised(-math.log(delta), 2)

    def risk(log_inv_delta: float) -> float:
        if id == "occam.binomial":
            return upper_risk(errors, n, raised(log_inv_delta))
        return inverse_kl(min(1.0, raised(errors / n, 0)), raised(log_inv_delta / n))

    terms = _terms(
        ("empirical error", errors / n, "k/n"),
        (COMPLEXITY, risk(price), r"\text{what } |c| \text{ bits add at } \delta = 1"),
        (CONFIDENCE, risk(price + log_inv), r"\text{what } \delta \text{ adds}"),
        source=_LANGFORD,
        inputs={"|c|": bits, "n": n, "errors": errors, "delta": delta},
    )
    formula = _CODE if id == "occam.binomial" else _CODE_KL
    conditions = (
        IID,
        Condition(
            "prefix-free code",
            None,
            f"{bits} bits hold all that was chosen after the data were seen; the decoder, tables "
            "and preprocessing included, knows no data.",
        ),
        Condition(
            "errors of the decoded network", None, f"{errors} of {n}, counted after decoding."
        ),
    )
    return Bound(id, r"\operatorname{err} \le " + formula, terms, VALID, conditions)


def held_out_bound(id: str, errors: int, n: int, delta: float) -> Bound:
    """Clopper and Pearson's upper end, one-sided, on sequences that nothing was chosen on."""
    n = integer("sequences held out", n, 1)
    errors = integer("errors held out", errors, 0, n)
    reached = upper_risk(errors, n, raised(-math.log(delta)))
    terms = _terms(
        ("held-out error", errors / n, "k/n"),
        (CONFIDENCE, reached, _LEAST + " - k/n"),
        source=_LANGFORD,
        inputs={"n": n, "errors": errors, "delta": delta},
    )
    what = (
        "The network was learned, pruned and chosen without the sequences held out."
        if id.startswith("split")
        else "Nothing may have been chosen on the test sequences; they are more data."
    )
    return Bound(
        id,
        r"\operatorname{err} \le " + _LEAST,
        terms,
        VALID,
        (IID, Condition("held-out data", None, what)),
    )


def _gibbs(given: Randomised, n: int, delta: float) -> Bound:
    error = fraction("error", given.error)
    draws = integer("draws", given.draws, 1)
    divergence = nonnegative("divergence", given.divergence)
    reached = gibbs_risk(error, divergence, n, delta, draws)
    terms = _terms(
        ("estimated error", error, r"\hat\Psi(Q)\text{, estimated}"),
        (
            COMPLEXITY,
            reached,
            r"\mathrm{kl}^{-1}\text{ at } KL + \ln(2\sqrt n/\delta_2)\text{, Monte Carlo included}",
        ),
        source="Maurer 2004 (as read); theory, section 9",
        inputs={"n": n, "KL": divergence, "draws": draws, "delta": delta},
    )
    return Bound(
        "others.pac_bayes_kl",
        r"\mathrm{kl}(\hat\Psi(Q)\|\Psi(Q)) \le \frac{KL(Q\|P)+\ln(2\sqrt n/\delta)}{n}",
        terms,
        VALID,
        (
            IID,
            Condition("prior fixed in advance", None, "P knows no data, or its choice was paid."),
            Condition("fresh draws", None, f"{draws} networks drawn after Q was fixed."),
        ),
        ("The bound is on a network drawn from Q anew for every sequence, not on one network.",),
    )


def _compression(size: int, n: int, delta: float) -> Bound:
    terms = _terms(
        (CONFIDENCE, compression_risk(size, n, delta), r"\epsilon(|T|, n, \delta)"),
        source="Paccagnan, Campi, Garatti, NeurIPS 2023 (as read); theory, section 9",
        inputs={"n": n, "|T|": size, "delta": delta},
    )
    return Bound(
        "others.pick_to_learn",
        r"\operatorname{err} \le \epsilon(|T|, n, \delta)",
        terms,
        VALID,
        (
            IID,
            Condition(
                "preferent compression",
                None,
                f"Learned by a pick-to-learn loop from {size} sequences, without an error on the "
                f"other {n - size}.",
            ),
        ),
    )


def _terms(
    *levels: tuple[str, float, str], source: str, inputs: Mapping[str, Any]
) -> tuple[Term, ...]:
    """Terms that add up to the last level, rounded up: each is what its level adds."""
    terms, before = [], 0.0
    for name, level, formula in levels:
        added = raised(max(level - before, 0.0), 2) + (roundings(2) if before else 0.0)
        terms.append(Term(name, log_up(added), formula, source, inputs))
        before = max(level, before)
    return tuple(terms)
