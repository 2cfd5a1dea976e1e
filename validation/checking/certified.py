"""The rung that proves: enclosures of both sides in balls, and exact rationals where those decide.

`certify` decides one instance; `certified` sums up over the worst instances that other rungs
found. An inequality is decided by the first arithmetic that separates its sides: balls at rising
precision, with exact rationals tried as soon as balls overlap. An identity is asked of the
rationals first, since balls can refute it but never prove it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from validation.arithmetic import (
    FLOAT64,
    RATIONALS,
    Arithmetic,
    Comparison,
    Relation,
    Unsupported,
    balls,
)
from validation.arithmetic.values import Value
from validation.checking.evaluation import (
    NUMERICAL,
    accepts,
    fault,
    hypothesis,
    is_empty,
    name_of,
    sides,
)
from validation.checking.least_ratios import least_ratio
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion, Coverage, Evidence, Verdict

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
        *holds*, *tight*, *violated* or *undecided*. None but *undecided* without every hypothesis
        certified to be met, and none on nothing: empty sides compare nothing.
    arithmetic : str
        The one that decided: ``balls of 128 bits``, ``rationals``, ...; empty where none did.
    log_ratio : float
        Of a violation a lower end of log(left/right), otherwise an upper end; inf where the right
        side has no positive part against a larger left side; nan where there is none.
    hypotheses : mapping
        *holds*, *violated* or *undecided* for each hypothesis.
    message : str
        One sentence.
    void : str
        Why the instance says nothing about the claim: a hypothesis that it certainly does not
        meet, a `given` that rejects it, sides without entries. Empty where there is no such reason.
    unsure : bool
        Whether the statement certainly holds, but a hypothesis is not certainly met.
    by : Arithmetic or None
        The arithmetic that decided.

    Examples
    --------
    >>> from rnnbounds import Certificate, Instance, certify, load_claim
    >>> raw = {"S": [["0x1.0p+0"]], "lam": "0x1.0p+0"}
    >>> instance = Instance.from_json({"sizes": {"m": 1}, "raw": raw})
    >>> found = certify(load_claim("dof.range"), instance)
    >>> isinstance(found, Certificate), found.hypotheses
    (True, {})
    """

    conclusion: Conclusion
    arithmetic: str
    log_ratio: float = math.nan
    hypotheses: dict[str, Conclusion] = field(default_factory=dict)
    message: str = ""
    void: str = ""
    unsure: bool = False
    by: Arithmetic | None = None

    @property
    def inadmissible(self) -> bool:
        """Whether the instance says nothing about the claim."""
        return bool(self.void)


def certify(claim: Claim, instance: Instance) -> Certificate:
    """Decide one deterministic claim on one instance.

    Raises
    ------
    ClaimError
        If the body fails, or is not of a kind that one instance decides.

    Examples
    --------
    >>> from rnnbounds import Instance, certify, load_claim
    >>> raw = {"S": [["0x1.0p+0"]], "lam": "0x1.0p+0"}  # F = 1 and lam = 1, as hexadecimal floats
    >>> instance = Instance.from_json({"sizes": {"m": 1}, "raw": raw})
    >>> certify(load_claim("dof.range"), instance).conclusion.value
    'holds'
    """
    if not claim.deterministic:
        raise ClaimError(f"{claim.id}: a {claim.kind} claim is not decided by one instance")
    if claim.given is not None and not accepts(claim, realised(claim, instance)):
        return _void({}, "`given` rejects the instance")
    states = check_hypotheses(claim, instance)
    failing = [name for name, state in states.items() if state is Conclusion.VIOLATED]
    if failing:  # whatever the body says, even that it cannot be evaluated
        return _void(states, f"the hypothesis {failing[0]} is not met")
    ladder = [balls(bits) for bits in PRECISIONS]
    ladder.insert(0 if claim.kind == "identity" else 1, RATIONALS)
    agreed: Comparison | None = None
    undecided = ""
    unsupported: dict[str, ClaimError] = {}
    for arithmetic in ladder:
        if arithmetic.name in unsupported:
            continue
        try:
            with arithmetic.active():
                left, right = sides(claim, instance, arithmetic)
                if is_empty(left) or is_empty(right):
                    return _void(states, "the sides have no entries: nothing is compared")
                compared = arithmetic.compare(left, right, claim.order)
                if compared.relation is Relation.OVERLAP:
                    agreed = compared
                lower = least_ratio(claim, arithmetic, left, right, compared)
        except Unsupported as error:
            unsupported[arithmetic.name] = fault(claim, claim.body, error, arithmetic)
            continue
        except NUMERICAL as error:
            undecided = undecided or f"{name_of(arithmetic)}: {error}"
            continue
        if compared.relation in (Relation.OVERLAP, Relation.NOT_FINITE):
            undecided = undecided or _why(compared, arithmetic)
            continue
        return _decided(claim, arithmetic, compared, lower, states)
    if len(unsupported) == 2:
        raise unsupported["balls"]
    if agreed is not None and _bits(agreed) >= AGREEING_BITS:
        return _agreeing(claim, instance, agreed, states)
    return Certificate(Conclusion.UNDECIDED, "", hypotheses=states, message=undecided)


def _agreeing(
    claim: Claim, instance: Instance, agreed: Comparison, states: dict[str, Conclusion]
) -> Certificate:
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
                lower = least_ratio(claim, arithmetic, left, right, agreed)
        except NUMERICAL as error:
            message = f"{name_of(arithmetic)}: {error}"
            return Certificate(Conclusion.UNDECIDED, "", hypotheses=states, message=message)
        if agreed.relation is not Relation.OVERLAP:
            return _decided(claim, arithmetic, agreed, lower, states)
        if _bits(agreed) < ZERO_BITS / 2:
            why = _why(agreed, arithmetic)
            return Certificate(Conclusion.UNDECIDED, "", hypotheses=states, message=why)
    bits = min(_bits(agreed), 9999)
    where = "" if claim.kind == "identity" else " somewhere"
    zero = ", or both 0 to so many bits" if agreed.absolute else ""
    return _admitted(
        Certificate(
            Conclusion.TIGHT,
            name_of(arithmetic),
            min(_log(agreed.ratio_high), 0.0),  # the upper end of an enclosure of 1
            states,
            f"the two sides are equal to 2^-{bits:.0f}{where}{zero}",
            by=arithmetic,
        )
    )


def _bits(agreed: Comparison) -> float:
    """To how many bits the sides agree; 0 where nothing is known."""
    return 0.0 if agreed.agreement_bits is None else agreed.agreement_bits


def realised(claim: Claim, instance: Instance) -> dict[str, Value]:
    """The instance's values in float64, as `given` sees them."""
    with FLOAT64.active():
        return claim.instances.realise(instance, FLOAT64)


def _void(states: dict[str, Conclusion], why: str) -> Certificate:
    return Certificate(Conclusion.UNDECIDED, "", hypotheses=states, message=why, void=why)


def _decided(
    claim: Claim,
    arithmetic: Arithmetic,
    compared: Comparison,
    lower: float,
    states: dict[str, Conclusion],
) -> Certificate:
    name, relation, identity = name_of(arithmetic), compared.relation, claim.kind == "identity"
    if relation is Relation.ABOVE or (relation is Relation.BELOW and identity):
        what = "the two sides certainly differ" if identity else "left certainly exceeds right"
        message = f"{what}{_where(compared)}"
        return _admitted(
            Certificate(Conclusion.VIOLATED, name, lower, states, message, by=arithmetic)
        )
    log_ratio = _log(compared.ratio_high)
    if relation is Relation.BELOW:
        return _admitted(Certificate(Conclusion.HOLDS, name, log_ratio, states, by=arithmetic))
    if identity:
        message = "the two sides are exactly equal"
        return _admitted(Certificate(Conclusion.HOLDS, name, 0.0, states, message, by=arithmetic))
    message = "the two sides are exactly equal somewhere"
    # The ratio's upper end; nothing is above 1 here.
    upper = 0.0 if log_ratio > 0 else log_ratio
    return _admitted(Certificate(Conclusion.TIGHT, name, upper, states, message, by=arithmetic))


def _admitted(found: Certificate) -> Certificate:
    """The certificate, unless a hypothesis is not certainly met: then it is *undecided*."""
    doubtful = [n for n, state in found.hypotheses.items() if state is Conclusion.UNDECIDED]
    if not doubtful:
        return found
    violated = found.conclusion is Conclusion.VIOLATED
    what = "the sides violate the statement" if violated else "the statement holds"
    return replace(
        found,
        conclusion=Conclusion.UNDECIDED,
        message=f"{what}, but the hypothesis {doubtful[0]} is not certainly met",
        unsure=not violated,
    )


def check_hypotheses(claim: Claim, instance: Instance) -> dict[str, Conclusion]:
    """Decide the hypotheses on the instance, each by the first arithmetic that can.

    They are read in their order until one is certainly violated.
    """
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
                # The others may not even be defined here.
                states[name] = Conclusion.VIOLATED
                return states
    return states


NO_INSTANCE = "no instance certainly meets the hypotheses"


@dataclass
class Certificates:
    """The certificates of the worst instances, as they come: the verdict can be had at any time."""

    claim: Claim
    decided: list[tuple[float, Instance]] = field(default_factory=list)
    failing: list[tuple[float, Instance, str]] = field(default_factory=list)
    open: list[tuple[Instance, str]] = field(default_factory=list)
    arithmetics: dict[str, int] = field(default_factory=dict)
    void: int = 0
    unsure: int = 0
    equal: str = ""

    def add(self, instance: Instance) -> Certificate:
        """Certify an instance and count it."""
        found = certify(self.claim, instance)
        self.count(instance, found)
        return found

    def count(self, instance: Instance, found: Certificate) -> None:
        """Take a certificate into account."""
        if found.inadmissible:
            self.void += 1
        elif found.unsure:
            self.unsure += 1
        elif found.conclusion is Conclusion.UNDECIDED:
            self.open.append((instance, found.message))
        else:
            self.arithmetics[found.arithmetic] = self.arithmetics.get(found.arithmetic, 0) + 1
            if found.conclusion is Conclusion.VIOLATED:
                self.failing.append((found.log_ratio, instance, found.message))
            else:
                self.decided.append((found.log_ratio, instance))
                if found.conclusion is Conclusion.TIGHT:
                    self.equal = found.message

    @property
    def coverage(self) -> Coverage:
        """What was certified; *rejected* counts what says nothing or is not certain to be meant."""
        decided, rejected = len(self.decided) + len(self.failing), self.void + self.unsure
        return Coverage(decided + len(self.open) + rejected, rejected, decided, len(self.open))

    def verdict(self) -> Verdict:
        """What the certificates say so far."""
        if self.failing:
            failing = sorted(self.failing, key=lambda item: _descending(item[0]))
            instances = tuple(instance for _, instance, _ in failing)
            return self._verdict(Conclusion.VIOLATED, failing[0][0], instances, failing[0][2])
        ranked = sorted(self.decided, key=lambda item: _descending(item[0]))
        largest = ranked[0][0] if ranked else -math.inf
        kept = tuple(instance for _, instance in ranked)
        total = self.coverage.drawn
        if self.open:
            message = f"{len(self.open)} of {total} instances undecided: {self.open[0][1]}"
            kept = (*(instance for instance, _ in self.open), *kept)
            return self._verdict(Conclusion.UNDECIDED, largest, kept, message)
        if not ranked:
            message = NO_INSTANCE if self.void or self.unsure else "no instance was certified"
            return self._verdict(Conclusion.UNDECIDED, largest, kept, message)
        by = ", ".join(f"{count} in {name}" for name, count in sorted(self.arithmetics.items()))
        if self.unsure:
            by += f"; {self.unsure} more may not meet the hypotheses"
        conclusion = Conclusion.TIGHT if self.equal else Conclusion.HOLDS
        return self._verdict(conclusion, largest, kept, "; ".join(filter(None, [self.equal, by])))

    def _verdict(
        self, conclusion: Conclusion, log_ratio: float, kept: tuple[Instance, ...], message: str
    ) -> Verdict:
        return Verdict(conclusion, Evidence.CERTIFIED, self.coverage, log_ratio, kept, message)


def certified(claim: Claim, instances: Iterable[Instance]) -> Verdict:
    """The rung's verdict over the instances that other rungs found worst."""
    found = Certificates(claim)
    for instance in instances:
        found.add(instance)
    return found.verdict()


def _descending(log_ratio: float) -> float:
    return math.inf if math.isnan(log_ratio) else -log_ratio


def _log(ratio: Value) -> float:
    """Logarithm of a ratio; -inf where no entry has a positive right side."""
    if ratio is None:
        return -math.inf
    ratio = float(ratio)
    return math.log(ratio) if ratio > 0 else -math.inf


def _where(compared: Comparison) -> str:
    index = compared.index
    return f" at entry {tuple(int(i) for i in index)}" if index else ""


def _why(compared: Comparison, arithmetic: Arithmetic) -> str:
    if compared.relation is Relation.NOT_FINITE:
        why = f": {compared.reason}" if compared.reason else ""
        return f"a side is not finite in {name_of(arithmetic)}{why}"
    return f"the sides overlap in {name_of(arithmetic)}"
