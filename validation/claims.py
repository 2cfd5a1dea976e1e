r"""A claim is a value: a statement, how to draw an instance, and a function giving both sides.

How to write one
----------------
::

    from rnnbounds import claim, draw

    @claim(
        "mine.trace",
        r"N(\lambda) \le \operatorname{Tr} S / \lambda",
        draw(S=draw.covariances(), lam=draw.positive()),
        source="my notes",
    )
    def trace(xp, S, lam, *, c=1):
        N = xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))
        return N, c * xp.linalg.trace(S) / lam  # left <= right

- The body takes `xp`, then the drawn values by name, then keyword-only *constants* with their
  published values (int, Fraction or float). It uses `xp` and operators only, so that the same
  formula is evaluated in float64, in balls and in rationals. `trace` is then a `Claim`; calling it
  calls the body; `trace.with_constants(c=3)` is another claim.
- Numbers written in the body must be exact: integers, short dyadic floats such as 0.75, and
  constants. `20 / 3` is rounded before the balls see it, and refused by them, as is an array of
  such floats: write a constant ``c=Fraction(20, 3)``. A constant ``c=0.1`` is refused for the same
  reason: 0.1 is not 1/10, ``Fraction(1, 10)`` is. Constants arrive as numbers of the arithmetic,
  so ``c / 3`` is as exact as the arithmetic is. Integer factors (`draw.integers`, `draw.size`),
  shapes and node sets arrive as ints and integer arrays; ``k / m`` of two ints is Python's and
  rounded: ``xp.asarray(k) / m``. Nodes index through ``xp.take(S, J, axis=0)``.
- ``x > 0`` gives truth values, which are not numbers: ``xp.where(x > 0, x, 0)`` chooses by them,
  ``xp.astype(x > 0, xp.float64)`` makes 0 and 1 of them, and sums of them are refused.
- *hypotheses*: what construction does not guarantee. A mapping from LaTeX to a function
  ``(xp, drawn values, constants by name) -> (left, right)`` meaning left <= right, elementwise;
  parameters are matched by name, so a function names only those that it uses. A violation counts
  only when every hypothesis is certified.
- *given*: a float64 predicate of the drawn values, by name, to skip instances. Not certified: for
  the convenience of the search only. Fewer than 1 in 10 draws accepted is an error of the claim.
- *accuracy*: how far the float64 sides may lie outside their enclosures, relative to the largest
  number on the way to them (2^-26 unless stated). Instances drawn at random are audited; a body
  that leaves its enclosure by more is searched in balls, more slowly.
- *steps*: claims that make up the proof; each gets its own verdict.
- *symbolic*: a function without arguments that proves the statement (or part of it) in SymPy and
  returns a sentence saying what it proved; it raises where the proof fails.
- *box*: the ranges in which `rnnbounds prove` looks at drawn numbers, ``{"p": (0.01, 0.99)}``.
- *invariance*: degrees by which drawn values may be scaled, ``{"S": 1, "lam": 1}`` for S -> cS,
  lam -> c lam, c > 0: both sides are then multiplied by one positive number. `prove` tests it.

Kinds
-----
``inequality``
    left <= right; arrays elementwise, of one shape (a number stands for all entries).
``loewner``
    left <= right as symmetric matrices.
``identity``
    left = right, elementwise.
``probabilistic``
    P(left > right) <= failure. The body is ``body(xp, rng, <drawn values>, *, constants)`` and one
    call is one draw: it takes its randomness from `rng` (a NumPy Generator) as plain NumPy arrays
    of integers or floats, then computes left and right in `xp`; randomness enters by ``xp.asarray``
    or ``xp.take``, as an array: ``xp.asarray(rng.random(1))[0]``, since balls refuse a lone float.
    The instance stays fixed from draw to draw. `failure` names the drawn value or constant that is
    the permitted probability (``failure="delta"``), or is a number. A call with an equal generator
    in another arithmetic is the same draw, so each failure seen in float64 can be certified.
``order``
    left = O(right) along a ladder. The body is ``body(xp, x, <drawn values>, *, constants)``; x
    runs through ``ladder=(first, last, rungs)`` geometrically, each rung an exact float. The
    published exponent is a constant of the body where there is one.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

from validation.arithmetic.arithmetics import Order
from validation.arithmetic.checked import is_short, remedy
from validation.arithmetic.values import Value
from validation.instances import Product
from validation.made import note

KINDS = {
    "inequality": "left <= right, entry by entry",
    "loewner": "left <= right as symmetric matrices",
    "identity": "left = right, entry by entry",
    "probabilistic": "P(left > right) <= failure; the body takes (xp, rng, ...)",
    "order": "left = O(right) along ladder=(first, last, rungs); the body takes (xp, x, ...)",
}
Body = Callable[..., Value]


class ClaimError(ValueError):
    """The claim itself is at fault; the message names the claim and the line.

    Examples
    --------
    >>> from rnnbounds import ClaimError, load_claim
    >>> try:
    ...     load_claim("dof.nowhere")
    ... except ClaimError as error:
    ...     print(error)
    no claim 'dof.nowhere'; did you mean dof.order or dof.leverage or dof.range?
    """


@dataclass(frozen=True, eq=False)
class Claim:
    """See the module for what the fields mean.

    Attributes
    ----------
    constants : mapping
        The published values, or those of `with_constants`.
    accuracy : float or None
        Relative; None where the claim states none.
    searched_in : str
        ``float64``; or ``balls`` or ``rationals``, where an audit found float64 to be wrong.
    asserts : bool
        Whether its `assert` statements were compiled: False under ``python -O``, whose code a
        worker process runs too.
    where : tuple (file, line)
        Of the body.
    module : str
        The module that defines it.

    Examples
    --------
    >>> from rnnbounds import Claim, load_claim
    >>> known = load_claim("dof.range")
    >>> isinstance(known, Claim), known.kind, known.section
    (True, 'inequality', '2')
    """

    id: str
    statement: str
    instances: Product
    body: Body
    kind: str = "inequality"
    source: str = ""
    section: str = ""
    label: str = ""
    hypotheses: Mapping[str, Body] = field(default_factory=dict)
    given: Callable[..., Value] | None = None
    steps: tuple[Claim, ...] = ()
    proof: str = ""
    code: str = ""
    failure: str | float | Fraction | None = None
    ladder: tuple[float, float, int] | None = None
    symbolic: Callable[[], str] | None = None
    box: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    invariance: Mapping[str, float] = field(default_factory=dict)
    constants: Mapping[str, Value] = field(default_factory=dict)
    accuracy: float | None = None
    searched_in: str = "float64"
    asserts: bool = __debug__
    where: tuple[str, int] = ("", 0)
    module: str = ""

    __rnnbounds_claim__: ClassVar[bool] = True
    """By which `rnnbounds_pytest` knows a claim without importing this module."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the body, with this claim's constants unless others are given."""
        return self.body(*args, **{**self.constants, **kwargs})

    def __repr__(self) -> str:
        changed = "".join(f", {name}={value}" for name, value in self.changed().items())
        return f"<claim {self.id}{changed}>"

    @property
    def deterministic(self) -> bool:
        """Whether one instance decides one comparison."""
        return self.kind in ("inequality", "loewner", "identity")

    @property
    def order(self) -> Order:
        """What arithmetics compare by: ``elementwise``, ``loewner`` or ``identity``."""
        if self.kind == "loewner":
            return "loewner"
        return "identity" if self.kind == "identity" else "elementwise"

    @property
    def published(self) -> dict[str, Value]:
        """The published values of the constants."""
        return _constants(self.body)

    def changed(self) -> dict[str, Value]:
        """The constants that differ from the published ones."""
        published = self.published
        return {name: v for name, v in self.constants.items() if v != published[name]}

    def with_constants(self, **values: Value) -> Claim:
        """The same claim with other constants.

        Raises
        ------
        ClaimError
            If there is no such constant.
        """
        for name, value in values.items():
            if name not in self.constants:
                known = ", ".join(self.constants) or "none"
                raise ClaimError(
                    f"{self.id} ({self.location}): no constant {name!r}; its constants: {known}"
                )
            fault = _number_fault(value)
            if fault:
                raise ClaimError(f"{self.id} ({self.location}): {name} {fault}")
        return dataclasses.replace(self, constants={**self.constants, **values})

    @property
    def location(self) -> str:
        """File and line, as ``lemmas.py:12``."""
        return f"{self.where[0].rsplit('/', 1)[-1]}:{self.where[1]}"


def claim(
    id: str,
    statement: str,
    instances: Product,
    *,
    kind: str = "inequality",
    source: str = "",
    section: str = "",
    label: str = "",
    hypotheses: Mapping[str, Body] | None = None,
    given: Callable[..., Value] | None = None,
    steps: Sequence[Claim] = (),
    proof: str = "",
    code: str = "",
    failure: str | float | Fraction | None = None,
    ladder: tuple[float, float, int] | None = None,
    symbolic: Callable[[], str] | None = None,
    accuracy: float | None = None,
    box: Mapping[str, tuple[float, float]] | None = None,
    invariance: Mapping[str, float] | None = None,
) -> Callable[[Body], Claim]:
    """Make a claim of the function below; the module says how to write one.

    Parameters
    ----------
    id : str
        ``section.name``; unique within a run.
    statement : str
        LaTeX.
    instances : Product
        ``draw(name=factor, ...)``.
    kind : str
        ``inequality``, ``loewner``, ``identity``, ``probabilistic`` or ``order``.
    source : str
        Paper or book, and section.
    section : str
        Of the theory: ``1``, ``2a``, ...
    label : str
        ``paper``, ``classic``, ``sharper`` or empty.
    hypotheses, given, steps, failure, ladder, symbolic, accuracy, box, invariance
        See the module.
    proof : str
        LaTeX or Markdown: the argument in a few lines.
    code : str
        The function of `pruning` or `bounds` that computes it, as ``bounds.degrees_of_freedom``.

    Raises
    ------
    ClaimError
        Where the parts do not fit together.

    Examples
    --------
    >>> from rnnbounds import claim, draw
    >>> setting = draw(S=draw.covariances(), lam=draw.positive())
    >>> @claim("mine.trace", "N <= Tr S/lam", setting)
    ... def trace(xp, S, lam, *, c=1):
    ...     K = xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S)
    ...     return xp.linalg.trace(K), c * xp.linalg.trace(S) / lam
    >>> trace
    <claim mine.trace>
    >>> trace.with_constants(c=2)
    <claim mine.trace, c=2>
    """

    def decorate(body: Body) -> Claim:
        made = Claim(
            id=id,
            statement=statement,
            instances=instances,
            body=body,
            kind=kind,
            source=source,
            section=section,
            label=label,
            hypotheses=dict(hypotheses or {}),
            given=given,
            steps=tuple(steps),
            proof=proof,
            code=code,
            failure=failure,
            ladder=ladder,
            symbolic=symbolic,
            accuracy=accuracy,
            box=dict(box or {}),
            invariance=dict(invariance or {}),
            constants=_constants(body),
            where=(inspect.getsourcefile(body) or "", body.__code__.co_firstlineno),
            module=body.__module__,
        )
        _check(made)
        _check_name(made, body)
        note(made)
        return made

    return decorate


def _check_name(claim: Claim, body: Body) -> None:
    """Refuse to take the name of another claim of the file, which nobody would ever look at."""
    names = getattr(body, "__globals__", {})
    other = names.get(getattr(body, "__name__", ""))
    if not isinstance(other, Claim) or other.id == claim.id or other.body is body:
        return
    if body.__qualname__ != body.__name__:  # inside a function or a class
        return
    if other.where[0] == claim.where[0] and sum(one is other for one in names.values()) == 1:
        raise ClaimError(
            f"{claim.id} ({claim.location}): {body.__name__} is the name of the claim {other.id} "
            f"({other.location}) already, which would be lost; give each function its own"
        )


def _constants(body: Body) -> dict[str, Value]:
    parameters = inspect.signature(body).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _number_fault(value: Value) -> str:
    """What is wrong with a constant; empty where nothing is."""
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        return f"must be an int, a float or a Fraction, got {value!r}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be finite, got {value!r}"
    if isinstance(value, float) and not is_short(value):
        return f"= {value!r} is a float that was rounded already; write {remedy(value)}"
    return ""


def _check(claim: Claim) -> None:
    def fail(message: str) -> None:
        raise ClaimError(f"{claim.id} ({claim.location}): {message}")

    if not isinstance(claim.id, str) or not claim.id or any(c.isspace() for c in claim.id):
        fail("the id must be a word such as 'mine.trace'")
    if claim.kind not in KINDS:
        fail(f"kind must be one of {', '.join(KINDS)}, got {claim.kind!r}")
    if not isinstance(claim.instances, Product):
        fail(f"instances must be draw(...), got {claim.instances!r}")
    leading = {"probabilistic": ("xp", "rng"), "order": ("xp", "x")}.get(claim.kind, ("xp",))
    parameters = list(inspect.signature(claim.body).parameters.values())
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if tuple(positional[: len(leading)]) != leading:
        fail(f"the body's first arguments must be {', '.join(leading)}, got {positional}")
    unknown = set(positional[len(leading) :]) - set(claim.instances.factors)
    if unknown:
        fail(
            f"the body takes {', '.join(sorted(unknown))}, which is not drawn; drawn: "
            f"{', '.join(claim.instances.factors)}"
        )
    for name, value in claim.constants.items():
        fault = _number_fault(value)
        if fault:
            fail(f"the constant {name} {fault}")
    for what, function in claim.hypotheses.items():
        if not callable(function):
            fail(f"the hypothesis {what!r} must be a function giving (left, right)")
    for what in ("box", "invariance"):
        strange = set(getattr(claim, what)) - set(claim.instances.factors)
        if strange:
            fail(f"{what} names {', '.join(sorted(strange))}, which is not drawn")
    for name, ends in claim.box.items():
        if len(ends) != 2 or not ends[0] <= ends[1]:
            fail(f"the box of {name} must be (low, high) with low <= high, got {ends!r}")
    for name, degree in claim.invariance.items():
        if not degree > 0:
            fail(f"the degree of {name} must be positive, got {degree!r}")
    for step in claim.steps:
        if not isinstance(step, Claim):
            fail(f"steps must be claims, got {step!r}")
    if claim.kind == "probabilistic":
        named = isinstance(claim.failure, str)
        known = claim.failure in claim.instances.factors or claim.failure in claim.constants
        if claim.failure is None or (named and not known):
            fail("failure must be a probability or name a drawn value or a constant")
        fault = "" if named else _number_fault(claim.failure)
        if fault:
            fail(f"failure {fault}")
    if claim.accuracy is not None and not (
        isinstance(claim.accuracy, int | float) and 0 < claim.accuracy <= 1
    ):
        fail(f"accuracy must be a relative error in (0, 1], got {claim.accuracy!r}")
    if claim.kind == "order" and claim.ladder is None:
        fail("an order claim needs ladder=(first, last, rungs)")
