"""Where a polynomial is certainly not negative: by the signs of its coefficients, exactly.

A coordinate has a *domain*: all numbers, those from a number on, or an interval. Coordinates that
are bounded are written in coordinates that are not negative (x = a + u; on [a, b] Bernstein's form,
x = a v + b u with u + v = 1, made homogeneous of x's degree). There a polynomial whose coefficients
are not negative, with even exponents wherever a coordinate has both signs, is not negative; and one
of which a term cannot vanish is positive.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from validation.arithmetic.polynomials import rational, ring, terms_of
from validation.arithmetic.values import Polynomial
from validation.proving.pieces import Domain


@dataclass(frozen=True)
class Chart:
    """Coordinates in which domains are signs.

    Attributes
    ----------
    domains : tuple of Domain
        One a coordinate.
    context : ring of polynomials
        In the new coordinates.
    signs : tuple of str
        Of each new coordinate: "any", ">=" or ">".
    pairs : tuple of (int, int)
        New coordinates of which the two are never both 0.
    images : tuple of (polynomial, polynomial)
        Every old coordinate as a polynomial, and what its powers are made homogeneous with.
    """

    domains: tuple[Domain, ...]
    context: Any
    signs: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    images: tuple[tuple[Any, Any], ...]

    def written(self, p: Polynomial) -> Any:
        """The same polynomial in the new coordinates."""
        terms = terms_of(p)
        if not terms:
            return self.context.constant(0)
        count = len(self.images)
        degrees = [max(exponents[i] for exponents in terms) for i in range(count)]
        powers = [
            [image**e * unit ** (degree - e) for e in range(degree + 1)]
            for (image, unit), degree in zip(self.images, degrees)
        ]
        total = self.context.constant(0)
        for exponents, coefficient in terms.items():
            term = self.context.constant(coefficient)
            for i in range(count):
                if degrees[i]:
                    term = term * powers[i][exponents[i]]
            total = total + term
        return total

    def never_negative(self, p: Polynomial) -> bool:
        """Whether the signs of the coefficients say that p, in the new coordinates, is >= 0."""
        return all(
            coefficient >= 0
            and all(e % 2 == 0 for e, sign in zip(exponents, self.signs) if sign == "any")
            for exponents, coefficient in terms_of(p).items()
        )

    def always_positive(self, p: Polynomial) -> bool:
        """Whether they say that p is > 0 on the whole domain."""
        if not self.never_negative(p):
            return False
        sure = {i for i, sign in enumerate(self.signs) if sign == ">"}
        supports = [
            {i for i, e in enumerate(exponents) if e}
            for exponents, coefficient in terms_of(p).items()
            if coefficient > 0
        ]
        return all(
            any(support <= sure | set(chosen) for support in supports)
            for chosen in itertools.product(*self.pairs)
        )


def chart(domains: Sequence[Domain]) -> Chart:
    """The coordinates of a product of domains."""
    names: list[str] = []
    signs: list[str] = []
    pairs: list[tuple[int, int]] = []
    places: list[tuple[int, ...]] = []
    for i, domain in enumerate(domains):
        first = len(names)
        if domain.low is not None and domain.high is not None:
            names += [f"u{i}", f"v{i}"]
            signs += [">=", ">="]
            pairs.append((first, first + 1))
            places.append((first, first + 1))
        else:
            names.append(f"u{i}")
            one_sided = domain.low is not None or domain.high is not None
            signs.append(">" if domain.positive else ">=" if one_sided else "any")
            places.append((first,))
    context = ring(names)
    x, one = context.gens(), context.constant(1)
    images = []
    for domain, place in zip(domains, places):
        u = x[place[0]]
        if domain.low is not None and domain.high is not None:
            v = x[place[1]]
            low, high = rational(domain.low), rational(domain.high)
            images.append((low * v + high * u, u + v))
        elif domain.low is not None:
            images.append((u + rational(domain.low), one))
        elif domain.high is not None:
            images.append((rational(domain.high) - u, one))
        else:
            images.append((u, one))
    return Chart(tuple(domains), context, tuple(signs), tuple(pairs), tuple(images))
