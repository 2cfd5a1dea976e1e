"""The claims of a module, and that no two of them have one id."""

from __future__ import annotations

from collections.abc import Iterable
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
