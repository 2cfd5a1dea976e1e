"""From a violating instance to a simpler one that a person can check.

Shrinking must not make a gross violation look marginal: half of the margin is kept, which is
log(left/right) of the instance that fails most, or a ratio of 2, whichever is less; an infinite
ratio stays infinite. More is not asked, since it would keep numbers such as 7e10 where 2 will do,
and the instance that fails most is shown beside. Every step is certified.

Three ways are tried in turn until none helps: a simpler neighbour; a simpler neighbour whose other
numbers are moved to regain the margin; structured moves at random.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np

from validation.arithmetic.values import Value
from validation.checking.audit import VISIBLE
from validation.checking.certified import certify
from validation.checking.climbing import coordinates
from validation.checking.evaluation import score
from validation.checking.families import leaves, moved
from validation.checking.randomness import spawn
from validation.checking.space import Space
from validation.checking.trials import SpentError, Trials
from validation.claims import Claim
from validation.instances import Instance
from validation.instances.factors import Factor, Raw
from validation.instances.product import complexity
from validation.verdict import Conclusion

PATIENCE = 300  # random moves in vain
GROSS = math.log(2.0)  # a margin that no one takes for a rounding error
REGAIN = 80  # trials to regain the margin after a step


def shrink(
    claim: Claim, instance: Instance, *, seconds: float = 10.0, others: Sequence[Instance] = ()
) -> Instance:
    """The simplest instance found that certainly violates and keeps enough of the margin.

    Parameters
    ----------
    claim : Claim
        A deterministic one.
    instance : Instance
        The one that fails most; its certified margin is the measure. Returned as it is where it
        does not certainly violate.
    seconds : float
        Time limit. The steps are the same in every run, how many of them are made is not.
    others : sequence of Instance
        Other violating instances to start from, where they are simpler and fail enough.
    """
    return _Shrinker(claim, seconds).run(instance, others)


class _Shrinker:
    def __init__(self, claim: Claim, seconds: float) -> None:
        self.claim = claim
        self.end = time.monotonic() + seconds
        self.least = 0.0

    def run(self, instance: Instance, others: Sequence[Instance]) -> Instance:
        with np.errstate(all="ignore"):
            certificate = certify(self.claim, instance)
            if certificate.conclusion is not Conclusion.VIOLATED:
                return instance
            self.least = kept_margin(certificate.log_ratio)
            self.current = instance
            for other in others:
                self._take(other)
            rng = spawn(0, "shrink", 0)
            while not self._late() and (
                self._neighbours() or self._regaining() or self._at_random(rng)
            ):
                pass
        return self.current

    def _late(self) -> bool:
        return time.monotonic() > self.end

    def _take(self, candidate: Instance) -> bool:
        """Make the candidate the current instance if it is simpler and still fails enough."""
        if not size(self.claim, candidate) < size(self.claim, self.current):
            return False
        if not self._fails(candidate):
            return False
        self.current = candidate
        return True

    def _fails(self, candidate: Instance) -> bool:
        found = score(self.claim, candidate)
        # Floats sort out the hopeless, where they can tell; certificates decide.
        hopeless = min(self.least, 30.0) * (1 - 1e-6)
        if self.claim.kind == "identity":  # measured otherwise in float64
            hopeless = VISIBLE
        if not found.met or (self.least > VISIBLE and found.log_ratio < hopeless):
            return False
        certificate = certify(self.claim, candidate)
        return certificate.conclusion is Conclusion.VIOLATED and certificate.log_ratio >= self.least

    def _neighbours(self) -> bool:
        """Pass over all simpler neighbours, and again from each one taken."""
        helped = again = False
        while not again:
            again = True
            for candidate in self._simpler():
                if self._late():
                    return helped
                if self._take(candidate):
                    helped, again = True, False
                    break
        return helped

    def _simpler(self) -> Iterator[Instance]:
        yield from simpler(self.claim, self.current)

    def _regaining(self) -> bool:
        """Drop entries or set numbers to 0, and move the others until it fails enough again."""
        before = size(self.claim, self.current)
        for candidate in self.claim.instances.simpler(self.current):
            if self._late():
                return False
            if size(self.claim, candidate)[:2] >= before[:2]:
                continue
            if self._climbed(candidate):
                return True
        return False

    def _climbed(self, candidate: Instance) -> bool:
        zero = self.claim.instances.parameters(candidate).values == 0
        trials = Trials(self.claim, seconds=max(0.0, self.end - time.monotonic()), most=REGAIN)
        try:
            value = trials.attempt(candidate).value
            space = Space(self.claim, candidate)
            space.free = space.free[~zero[space.free]]  # what is 0 stays 0
            coordinates(trials, space, value, spawn(0, "shrink", 1), REGAIN)
        except SpentError:
            pass
        return trials.best is not None and self._take(trials.best[1])

    def _at_random(self, rng: np.random.Generator) -> bool:
        for _ in range(PATIENCE):
            if self._late():
                return False
            candidate = self.current
            for _ in range(int(rng.integers(1, 4))):
                candidate = moved(self.claim, candidate, rng)
            if self._take(candidate):
                return True
        return False


def kept_margin(log_ratio: float) -> float:
    """How much of a certified margin, a lower end, a simpler counterexample has to keep."""
    return log_ratio if math.isinf(log_ratio) else min(log_ratio / 2, GROSS) * (1 - 1e-9)


def size(claim: Claim, instance: Instance) -> tuple[int, ...]:
    """What shrinking makes smaller, first things first.

    Sizes, numbers that are not 0, discrete parts (the later an option, the larger), how many
    numbers there are, digits.
    """
    sizes, nonzero, digits = complexity(instance)
    discrete = sum(
        _discrete(factor, instance.raw[name]) for name, factor in claim.instances.factors.items()
    )
    numbers = int(claim.instances.parameters(instance).values.size)
    return sizes, nonzero, discrete, numbers, digits


def _discrete(factor: Factor, raw: Raw) -> int:
    if isinstance(raw, dict):
        return sum(_discrete(factor, value) for value in raw.values())
    if isinstance(raw, np.ndarray):
        return int(np.abs(raw).sum()) if raw.dtype.kind in "iu" else 0
    options: list[Value] = [*getattr(factor, "options", ()), *getattr(factor, "activations", ())]
    if raw in options:
        return options.index(raw)
    return abs(raw) if isinstance(raw, int) else 0


def simpler(claim: Claim, instance: Instance) -> Iterator[Instance]:
    """Simpler instances one step away, arrays brought to order one together included."""
    yield from claim.instances.simpler(instance)
    yield from _rescaled(claim, instance)


def _rescaled(claim: Claim, instance: Instance) -> Iterator[Instance]:
    """Some arrays multiplied by powers of two together, so that one of them becomes about 1.

    A statement that is homogeneous fails at every scale, but a single number cannot change alone.
    """
    numbers = claim.instances.parameters(instance)
    parts = leaves(claim, instance)
    largest = [float(np.abs(numbers.values[p.start : p.stop]).max(initial=0.0)) for p in parts]
    exponents = [math.frexp(v)[1] - 1 if 0 < v < math.inf else 0 for v in largest]
    for i, exponent in enumerate(exponents):
        if exponent == 0:
            continue
        for j in range(len(parts)):
            for power in (1.0, 2.0, 0.5, -1.0, 0.0):
                if i == j and power != 0.0:
                    continue
                values = numbers.values.copy()
                values[parts[i].start : parts[i].stop] *= 2.0**-exponent
                if power:
                    values[parts[j].start : parts[j].stop] *= 2.0 ** round(-exponent * power)
                values = np.clip(np.nan_to_num(values), numbers.low, numbers.high)
                yield claim.instances.with_parameters(instance, values)


__all__ = ["kept_margin", "shrink", "simpler", "size"]
