"""The draws of a probabilistic claim on one instance, and what is certain of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from validation.arithmetic import RATIONALS, Relation, Unsupported, balls
from validation.arithmetic.values import Value
from validation.checking.evaluation import NUMERICAL, is_empty, sides
from validation.checking.randomness import spawn
from validation.claims import Claim, ClaimError
from validation.instances import Instance


@dataclass
class Stream:
    """The draws of one instance.

    Attributes
    ----------
    instance : Instance
    number : int
        Its place in the run, which seeds its draws.
    delta : float
        The permitted failure probability, rounded up.
    values : dict
        The instance in float64.
    draws : int
        Draws made.
    doubtful : set of int
        The draws that are counted in `possible`.
    suspects : list of int
        Draws that failed in float64 and were not looked at in balls yet.
    certain : int
        Draws that certainly failed.
    """

    instance: Instance
    number: int
    delta: float
    values: dict[str, Value]
    draws: int = 0
    doubtful: set[int] = field(default_factory=set)
    undecided: int = 0
    suspects: list[int] = field(default_factory=list)
    certain: int = 0

    @property
    def possible(self) -> int:
        """Draws that cannot be called successes."""
        return len(self.doubtful)

    @property
    def failures(self) -> int:
        """Failures unless balls say otherwise."""
        return self.certain + len(self.suspects)

    def generator(self, seed: int, draw: int) -> np.random.Generator:
        """The randomness of one draw, the same in every arithmetic."""
        return spawn(seed, "draw", self.number, draw)


def permitted(claim: Claim, instance: Instance) -> Fraction:
    """The failure probability that the claim permits on an instance, exactly.

    Raises
    ------
    ClaimError
        If it is not a number in [0, 1].
    """
    name = claim.failure
    value: Value = name
    if isinstance(name, str):
        value = instance.raw[name] if name in instance.raw else claim.constants[name]
    try:
        exact = Fraction(value)
    except (TypeError, ValueError, OverflowError):
        exact = Fraction(-1)
    if not 0 <= exact <= 1:
        raise ClaimError(
            f"{claim.id} ({claim.location}): the permitted failure probability must lie in [0, 1], "
            f"got {value!r}"
        )
    return exact


def judged(claim: Claim, stream: Stream, seed: int, number: int) -> Relation | None:
    """Repeat a draw in balls (rationals where the body needs them); None where nothing is certain.

    Returns
    -------
    Relation or None
        ABOVE: it certainly fails. BELOW or EQUAL: it certainly does not.
    """
    return judged_draw(claim, stream.instance, lambda: stream.generator(seed, number))


def judged_draw(
    claim: Claim, instance: Instance, generator: Callable[[], np.random.Generator]
) -> Relation | None:
    """The same of any draw, given by a function that makes its generator."""
    for arithmetic in (balls(128), balls(256), RATIONALS):
        try:
            with arithmetic.active():
                left, right = sides(claim, instance, arithmetic, rng=generator())
                if is_empty(left) or is_empty(right):
                    return None
                relation = arithmetic.compare(left, right).relation
        except (*NUMERICAL, Unsupported):
            continue
        if relation in (Relation.ABOVE, Relation.BELOW, Relation.EQUAL):
            return relation
    return None
