"""The rung that proves: enclosures of both sides in balls, and exact rationals where those decide.

`certify` decides one instance; `certified` sums up over the worst instances that other rungs
found. An inequality is decided by the first arithmetic that separates its sides: balls at rising
precision, with exact rationals tried as soon as balls overlap. An identity is asked of the
rationals first, since balls can refute it but never prove it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..arithmetic import RATIONALS, Relation, Unsupported, balls
from ..claims import Claim, ClaimError
from ..instances import Instance
from ..verdict import Conclusion, Coverage, Evidence, Verdict
from .evaluation import NUMERICAL, fault, hypothesis, name_of, sides

PRECISIONS = (128, 256, 512)
# Sides that overlap at every precision count as equal to 2^-p where p has kept up with the bits.
AGREEING_BITS = PRECISIONS[-1] / 2
ZERO_BITS = 2048  # where an entry is not certainly different from 0


@dataclass(frozen=True)
class Certificate:
    """What is known for certain of a claim on one instance.

    Attributes
    ----------
    conclusion : Conclusion
        *holds*, *tight*, *violated* or *undecided*.
    arithmetic : str
        The one that decided: ``balls(128)``, ``rationals``, ...; empty where none did.
    log_ratio : float
        Upper end of log(left/right); nan where there is none.
    hypotheses : mapping
        *holds*, *violated* or *undecided* for each hypothesis, as far as it was asked.
    message : str
        One sentence.
    """

    conclusion: Conclusion
    arithmetic: str
    log_ratio: float = math.nan
    hypotheses: dict[str, Conclusion] = field(default_factory=dict)
    message: str = ""

    @property
    def inadmissible(self) -> bool:
        """Whether the instance certainly does not meet a hypothesis."""
        return Conclusion.VIOLATED in self.hypotheses.values()


def certify(claim: Claim, instance: Instance) -> Certificate:
    """Decide one deterministic claim on one instance.

    Raises
    ------
    ClaimError
        If the body fails, or is not of a kind that one instance decides.
    """
    if not claim.deterministic:
        raise ClaimError(f"{claim.id}: a {claim.kind} claim is not decided by one instance")
    ladder: list[Any] = [balls(bits) for bits in PRECISIONS]
    ladder.insert(0 if claim.kind == "identity" else 1, RATIONALS)
    agreed: Any = None
    undecided = ""
    unsupported: dict[str, ClaimError] = {}
    for arithmetic in ladder:
        if arithmetic.name in unsupported:
            continue
        try:
            with arithmetic.active():
                left, right = sides(claim, instance, arithmetic)
                compared = arithmetic.compare(left, right, claim.order)
                if compared.relation is Relation.OVERLAP:
                    agreed = compared
        except Unsupported as error:
            unsupported[arithmetic.name] = fault(claim, claim.body, error, arithmetic)
            continue
        except NUMERICAL as error:
            undecided = undecided or f"{name_of(arithmetic)}: {error}"
            continue
        relation = compared.relation
        if relation in (Relation.OVERLAP, Relation.NOT_FINITE):
            undecided = undecided or _why(compared, arithmetic)
            continue
        return _decided(claim, instance, arithmetic, compared)
    if len(unsupported) == 2:
        raise unsupported["balls"]
    if agreed is not None and agreed.agreement_bits >= AGREEING_BITS:
        return _agreeing(claim, instance, agreed)
    return Certificate(Conclusion.UNDECIDED, "", message=undecided)


def _agreeing(claim: Claim, instance: Instance, agreed: Any) -> Certificate:
    """What is known where both sides agree to many bits.

    Both may be small numbers that the precision does not tell from 0, and from each other; so
    they are looked at once more, at a precision that tells most numbers from 0.
    """
    arithmetic = balls(PRECISIONS[-1])
    if agreed.absolute:
        arithmetic = balls(ZERO_BITS)
        try:
            with arithmetic.active():
                left, right = sides(claim, instance, arithmetic)
                agreed = arithmetic.compare(left, right, claim.order)
        except NUMERICAL as error:
            message = f"{name_of(arithmetic)}: {error}"
            return Certificate(Conclusion.UNDECIDED, "", message=message)
        if agreed.relation is not Relation.OVERLAP:
            return _decided(claim, instance, arithmetic, agreed)
        if agreed.agreement_bits < ZERO_BITS / 2:
            return Certificate(Conclusion.UNDECIDED, "", message=_why(agreed, arithmetic))
    bits = min(agreed.agreement_bits, 9999)
    where = "" if claim.kind == "identity" else " somewhere"
    zero = ", or both 0 to so many bits" if agreed.absolute else ""
    return Certificate(
        Conclusion.TIGHT,
        name_of(arithmetic),
        min(_log(agreed.ratio_high), 0.0),  # the upper end of an enclosure of 1
        message=f"the two sides are equal to 2^-{bits:.0f}{where}{zero}",
    )


def _decided(claim: Claim, instance: Instance, arithmetic: Any, compared: Any) -> Certificate:
    name, relation = name_of(arithmetic), compared.relation
    log_ratio = _log(compared.ratio_high)
    if relation is Relation.ABOVE and not log_ratio > 0:
        log_ratio = math.inf  # the right side is not positive where the statement fails
    if relation is Relation.EQUAL:
        if claim.kind == "identity":
            return Certificate(
                Conclusion.HOLDS, name, 0.0, message="the two sides are exactly equal"
            )
        return Certificate(
            Conclusion.TIGHT,
            name,
            0.0 if log_ratio > 0 else log_ratio,  # the ratio's upper end; nothing is above 1 here
            message="the two sides are exactly equal somewhere",
        )
    if relation is Relation.BELOW and claim.kind != "identity":
        return Certificate(Conclusion.HOLDS, name, log_ratio)
    states = check_hypotheses(claim, instance)
    if Conclusion.VIOLATED in states.values():
        failing = next(h for h, state in states.items() if state is Conclusion.VIOLATED)
        return Certificate(
            Conclusion.UNDECIDED, name, log_ratio, states, f"the hypothesis {failing} is not met"
        )
    if Conclusion.UNDECIDED in states.values():
        open_ = next(h for h, state in states.items() if state is Conclusion.UNDECIDED)
        return Certificate(
            Conclusion.UNDECIDED,
            name,
            log_ratio,
            states,
            f"the sides violate the statement, but the hypothesis {open_} is not certain",
        )
    identity = claim.kind == "identity"
    what = "the two sides certainly differ" if identity else "left certainly exceeds right"
    return Certificate(Conclusion.VIOLATED, name, log_ratio, states, f"{what}{_where(compared)}")


def check_hypotheses(claim: Claim, instance: Instance) -> dict[str, Conclusion]:
    """Decide every hypothesis on the instance, each by the first arithmetic that can."""
    states = dict.fromkeys(claim.hypotheses, Conclusion.UNDECIDED)
    for arithmetic in (balls(PRECISIONS[0]), RATIONALS, *map(balls, PRECISIONS[1:])):
        for name in [n for n, state in states.items() if state is Conclusion.UNDECIDED]:
            try:
                with arithmetic.active():
                    left, right = hypothesis(claim, name, instance, arithmetic)
                    relation = arithmetic.compare(left, right, "elementwise").relation
            except (*NUMERICAL, Unsupported):
                continue
            if relation in (Relation.BELOW, Relation.EQUAL):
                states[name] = Conclusion.HOLDS
            elif relation is Relation.ABOVE:
                states[name] = Conclusion.VIOLATED
    return states


def certified(claim: Claim, instances: Iterable[Instance]) -> Verdict:
    """The rung's verdict over the instances that other rungs found worst."""
    ranked: list[tuple[float, Instance]] = []
    failing: list[tuple[float, Instance, str]] = []
    open_: list[tuple[Instance, str]] = []
    rejected = tight = 0
    arithmetics: dict[str, int] = {}
    message = ""
    for instance in instances:
        found = certify(claim, instance)
        if found.inadmissible:
            rejected += 1
            continue
        if found.conclusion is Conclusion.UNDECIDED:
            open_.append((instance, found.message))
            continue
        arithmetics[found.arithmetic] = arithmetics.get(found.arithmetic, 0) + 1
        if found.conclusion is Conclusion.VIOLATED:
            failing.append((found.log_ratio, instance, found.message))
        else:
            ranked.append((found.log_ratio, instance))
            if found.conclusion is Conclusion.TIGHT:
                tight += 1
                message = found.message
    decided = len(ranked) + len(failing)
    coverage = Coverage(decided + len(open_) + rejected, rejected, decided, len(open_))
    if failing:
        failing.sort(key=lambda item: -item[0] if not math.isnan(item[0]) else math.inf)
        return Verdict(
            Conclusion.VIOLATED,
            Evidence.CERTIFIED,
            coverage,
            failing[0][0],
            tuple(instance for _, instance, _ in failing),
            failing[0][2],
        )
    ranked.sort(key=lambda item: -item[0] if not math.isnan(item[0]) else math.inf)
    largest = ranked[0][0] if ranked else -math.inf
    kept = tuple(instance for _, instance in ranked)
    if not ranked or open_:
        why = f": {open_[0][1]}" if open_ else ""
        return Verdict(
            Conclusion.UNDECIDED,
            Evidence.CERTIFIED,
            coverage,
            largest,
            tuple(instance for instance, _ in open_) + kept,
            f"{len(open_)} of {coverage.drawn} instances undecided{why}",
        )
    by = ", ".join(f"{count} in {name}" for name, count in sorted(arithmetics.items()))
    conclusion = Conclusion.TIGHT if tight else Conclusion.HOLDS
    return Verdict(
        conclusion,
        Evidence.CERTIFIED,
        coverage,
        largest,
        kept,
        "; ".join(filter(None, [message, by])),
    )


def _log(ratio: Any) -> float:
    """Logarithm of a ratio; -inf where no entry has a positive right side."""
    if ratio is None:
        return -math.inf
    ratio = float(ratio)
    return math.log(ratio) if ratio > 0 else -math.inf


def _where(compared: Any) -> str:
    index = getattr(compared, "index", None)
    return f" at entry {tuple(int(i) for i in index)}" if index else ""


def _why(compared: Any, arithmetic: Any) -> str:
    if compared.relation is Relation.NOT_FINITE:
        why = f": {compared.reason}" if compared.reason else ""
        return f"a side is not finite in {name_of(arithmetic)}{why}"
    return f"the sides overlap in {name_of(arithmetic)}"
