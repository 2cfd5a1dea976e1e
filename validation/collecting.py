"""The claims of a module, that no two of them have one id, and that none is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType

from validation.claims import Claim, ClaimError


def claims_of(module: ModuleType, *, own: bool = True) -> list[Claim]:
    """The claims that are attributes of a module, in the order of their definition.

    With `own`, only those that the module defines itself, not those that it imports.
    """
    found = [value for value in vars(module).values() if isinstance(value, Claim)]
    if own:
        found = [claim for claim in found if claim.module == module.__name__]
    return list(dict.fromkeys(found))


def unique(claims: Iterable[Claim]) -> list[Claim]:
    """The claims, unless two have one id.

    Raises
    ------
    ClaimError
        Naming both places.
    """
    seen: dict[str, Claim] = {}
    for claim in claims:
        other = seen.get(claim.id)
        if other is not None:
            raise ClaimError(
                f"two claims have the id {claim.id!r}: {other.location} and {claim.location}"
            )
        seen[claim.id] = claim
    return list(seen.values())


def none_lost(made: Sequence[Claim], found: Sequence[Claim], module: ModuleType) -> None:
    """Check that every claim that a module made is one of its attributes, or a step of one.

    Raises
    ------
    ClaimError
        Naming one that nothing would ever look at, or two that have one id.
    """
    own = [claim for claim in dict.fromkeys(made) if claim.module == module.__name__]
    unique(own)
    known: set[str] = set()
    waiting = list(found)
    while waiting:
        claim = waiting.pop()
        known.add(claim.id)
        waiting += claim.steps
    for claim in own:
        if claim.id not in known:
            raise ClaimError(
                f"{claim.id} ({claim.location}): nothing would look at this claim, since it is no "
                "name at the top level of its file, but in a class, a list or a function; give it "
                "one"
            )
