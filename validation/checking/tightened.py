"""What is known of one constant of a claim after it was tightened."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from validation.instances import Instance
from validation.verdict import Coverage

LOOSE = 1e-3
Value = int | float | Fraction


@dataclass(frozen=True, kw_only=True)
class Tightened:
    """What is known of one constant of a claim.

    Attributes
    ----------
    claim : str
        Its id.
    constant : str
        Which one.
    published : int, float or Fraction
        The value in the statement.
    value : int, float, Fraction or None
        The tightest value at which no violation was found; None where none holds.
    upwards : bool
        Whether the tightest value is the largest one: the statement gets stronger as it grows.
    fails_at : float or None
        A value next to it at which `instance` certainly violates the statement.
    instance : Instance or None
        The one that stops the constant.
    certified : bool
        Whether `instance` certainly violates at `fails_at` and certainly does not at `value`.
    ratio : float
        The largest left/right at the published value, on the instances that need the most.
    coverage : Coverage
        Of the search.
    notes : tuple of str
        Sentences that a reader must see.
    """

    claim: str
    constant: str
    published: Value
    value: Value | None
    upwards: bool
    fails_at: float | None
    instance: Instance | None
    certified: bool
    ratio: float
    coverage: Coverage
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def beyond(self) -> bool:
        """Whether the published value claims more than what was found to hold."""
        if self.value is None:
            return False
        published, value = float(self.published), float(self.value)
        return published > value if self.upwards else published < value

    def noted(self, seconds: float) -> Tightened:
        """The same with the time that it took, and the sentences that the numbers call for."""
        notes = list(self.notes)
        if self.ratio < LOOSE:
            notes.append(
                f"loose: the largest ratio seen at the published value is {self.ratio:.2g}, or its "
                "instances are tame"
            )
        if self.value is None and not notes:
            notes.append("no value of the constant within a factor of 1e9 makes the statement true")
        elif self.fails_at is not None and self.beyond:
            notes.append("the published value is violated")
        if self.fails_at is None:
            notes.append("no instance was certified to stop the constant")
        elif not self.certified:
            notes.append(
                "what stops the constant is not a certified violation: a side is lost there"
            )
        return replace(self, notes=tuple(notes), seconds=seconds)
