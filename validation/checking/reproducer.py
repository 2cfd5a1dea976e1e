"""A counterexample as a test to paste: floats in hexadecimal, so that nothing is lost."""

from __future__ import annotations

import re

from validation.arithmetic.values import Value
from validation.claims import Claim
from validation.instances import Instance


def reproducer(claim: Claim, instance: Instance, seed: int = 0) -> str:
    """Return a pytest that fails as long as the instance violates the claim.

    The seed is that of the draws which refuted a probabilistic claim; the test repeats them.
    """
    name = re.sub(r"\W+", "_", claim.id)
    origin = "" if is_catalogue(claim) else f", {claim.where[0]!r}"
    constants = ", ".join(f"{name}={value!r}" for name, value in claim.changed().items())
    changed = f".with_constants({constants})" if constants else ""
    needs = "from fractions import Fraction\n\n" if "Fraction" in constants else ""
    data = literal(instance.to_json())
    if claim.kind == "probabilistic":
        return (
            f"{needs}from validation import Conclusion, Instance, load_claim\n"
            f"from validation.checking.statistical import statistical\n\n\n"
            f"def test_{name}():\n"
            f"    claim = load_claim({claim.id!r}{origin}){changed}\n"
            f"    instance = Instance.from_json({data})\n"
            f"    verdict = statistical(claim, seconds=60, seed={seed}, instances=(instance,))\n"
            f"    assert verdict.conclusion is not Conclusion.REFUTED, verdict.message\n"
        )
    return (
        f"{needs}from validation import Conclusion, Instance, certify, load_claim\n\n\n"
        f"def test_{name}():\n"
        f"    claim = load_claim({claim.id!r}{origin}){changed}\n"
        f"    instance = Instance.from_json({data})\n"
        f"    certificate = certify(claim, instance)\n"
        f"    assert certificate.conclusion is not Conclusion.VIOLATED, certificate.message\n"
    )


def is_catalogue(claim: Claim) -> bool:
    """Whether the claim is one of the package's own."""
    return claim.module.startswith(__package__.split(".")[0] + ".catalogue")


def literal(data: Value) -> str:
    """Plain data as Python source; double quotes wherever nothing has to be escaped."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(literal(part) for part in data) + "]"
    text = repr(data)
    plain = isinstance(data, str) and text == f"'{data}'" and '"' not in data
    return f'"{data}"' if plain else text
