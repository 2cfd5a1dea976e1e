"""One claim on one instance in one arithmetic, with errors that name the claim and the line."""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from validation.arithmetic import FLOAT64, RATIONALS, Reading, Undecided, Unsupported, balls
from validation.arithmetic.errors import doubting
from validation.arithmetic.values import Value
from validation.checking.limits import raised_by_code
from validation.claims import Body, Claim, ClaimError
from validation.instances import Instance

# What arithmetic itself may raise on an unlucky instance; anything else is the body's fault.
NUMERICAL = (ArithmeticError, np.linalg.LinAlgError, Undecided)


@dataclass(frozen=True)
class Score:
    """What float64 says of an instance.

    Attributes
    ----------
    log_ratio : float
        log(left/right), at the worst entry; > 0 looks like a violation; nan where float64 broke
        down. For an identity, log(1 + relative difference).
    met : bool
        Whether the hypotheses look met, and there is anything to compare.
    margin : float or None
        By how much the worst hypothesis is missed, without tolerance (`missed`); None where it was
        not asked for or not found out.
    """

    log_ratio: float
    met: bool = True
    margin: float | None = None


def sides(
    claim: Claim, instance: Instance, arithmetic: Reading, rng: Value = None, x: Value = None
) -> tuple[Value, Value]:
    """Left and right in an arithmetic that is active.

    Raises
    ------
    ClaimError
        If the body fails otherwise than by the arithmetic's own means.
    Undecided, Unsupported, ArithmeticError, LinAlgError
        As the arithmetic raises them.
    """
    if arithmetic is FLOAT64 and claim.searched_in != "float64":
        return middles(claim, claim.body, instance, rng, x)
    values = _realise(claim, instance, arithmetic)
    return pair(claim, claim.body, values, arithmetic, rng, x)


def hypothesis(
    claim: Claim, name: str, instance: Instance, arithmetic: Reading
) -> tuple[Value, Value]:
    """Left and right of one hypothesis, in an arithmetic that is active; raises as `sides`."""
    if arithmetic is FLOAT64 and claim.searched_in != "float64":
        return middles(claim, claim.hypotheses[name], instance)
    values = _realise(claim, instance, arithmetic)
    return pair(claim, claim.hypotheses[name], values, arithmetic)


def middles(
    claim: Claim, function: Body, instance: Instance, rng: Value = None, x: Value = None
) -> tuple[Value, Value]:
    """The sides as floats in the middle of narrow enclosures: for a search that float64 misleads.

    Raises
    ------
    Undecided
        Where no precision gives narrow enclosures.
    """
    ladder = [RATIONALS] if claim.searched_in == "rationals" else [balls(b) for b in (128, 256)]
    trouble: Exception | None = None
    for arithmetic in ladder:
        try:
            with arithmetic.active():
                values = _realise(claim, instance, arithmetic)
                both = pair(claim, function, values, arithmetic, rng, x)
                ends = [arithmetic.enclosure(side) for side in both]
        except NUMERICAL as error:
            trouble = error
            continue
        if _narrow(ends):
            left, right = (low / 2 + high / 2 for low, high in ends)
            return left, right
    raise trouble or Undecided("the enclosures of the sides stay wide")


def _narrow(ends: list[tuple[Value, Value]]) -> bool:
    """Whether float64 could not say much more; ends that are not finite are left to the caller."""
    scale = max(float(np.max(np.abs(end), initial=0.0)) for pair in ends for end in pair)
    with np.errstate(all="ignore"):
        return not any(np.any(high - low > 2.0**-40 * scale) for low, high in ends)


def _realise(claim: Claim, instance: Instance, arithmetic: Reading) -> dict[str, Value]:
    return claim.instances.realise(instance, arithmetic)


def pair(
    claim: Claim,
    function: Body,
    values: dict[str, Value],
    arithmetic: Reading,
    rng: Value = None,
    x: Value = None,
) -> tuple[Value, Value]:
    """Call a body or a hypothesis with the arguments that it names."""
    xp = arithmetic.xp if rng is None else arithmetic.xp_of_draws
    known = {"xp": xp, "rng": rng, "x": x, **values}
    constants = {name: lift_constant(arithmetic, v) for name, v in claim.constants.items()}
    known.update(constants)
    arguments = _arguments(function)
    try:
        with doubting() as doubts:
            result = function(**{name: known[name] for name in arguments})
        if doubts:  # caught by the body, which has answered in the place of the arithmetic
            raise doubts[0]
    except (*NUMERICAL, Unsupported, ClaimError):
        raise
    except Exception as error:
        raise fault(claim, function, error, arithmetic) from error
    except SystemExit as error:
        raise fault(claim, function, error, arithmetic) from None
    except KeyboardInterrupt as error:
        if raised_by_code(error):
            raise fault(claim, function, error, arithmetic) from None
        raise
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ClaimError(
            f"{claim.id} ({claim.location}): the body must return (left, right), "
            f"got {_brief(result)}"
        )
    left, right = result
    _check_sides(claim, left, right, claim.kind == "loewner" and function is claim.body)
    return _counted(arithmetic, left), _counted(arithmetic, right)


def _counted(arithmetic: Reading, side: Value) -> Value:
    """Make a number of the arithmetic of a count, such as a rank or the length of J."""
    whole = isinstance(side, np.ndarray | np.integer) and side.dtype.kind in "iu"
    return arithmetic.lift(side) if whole and arithmetic.name != "float64" else side


def lift_constant(arithmetic: Reading, value: Value) -> Value:
    """A constant as a number of the arithmetic; float64 keeps Python's own."""
    if arithmetic.name == "float64":
        return value if isinstance(value, int) else float(value)
    return arithmetic.xp.asarray(value) if isinstance(value, int) else arithmetic.lift(value)


_signatures: dict[Value, tuple[str, ...]] = {}


def _arguments(function: Callable[..., Value]) -> tuple[str, ...]:
    found = _signatures.get(function)
    if found is None:
        found = tuple(inspect.signature(function).parameters)
        _signatures[function] = found
    return found


def fault(claim: Claim, function: Body, error: BaseException, arithmetic: Reading) -> ClaimError:
    """An error of the body, with the line of the claim's file on which it arose."""
    where = line_of(claim, error)
    leaving = isinstance(error, SystemExit | KeyboardInterrupt)
    what = f"raised {type(error).__name__}" if leaving else _first_line(error)
    hint = ""
    if isinstance(error, Unsupported) and "vocabulary" not in what:
        hint = "; a body may use xp and operators only, see `rnnbounds vocabulary`"
    return ClaimError(f"{claim.id} ({where}): in {name_of(arithmetic)}: {what}{hint}")


def line_of(claim: Claim, error: BaseException) -> str:
    """The last line of the claim's file that an error passed through."""
    path = claim.where[0]
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]
    return f"{path.rsplit('/', 1)[-1]}:{lines[-1]}" if lines else claim.location


def name_of(arithmetic: Reading) -> str:
    """Name of an arithmetic, for messages."""
    return str(arithmetic)


def score(claim: Claim, instance: Instance, margin: bool = False) -> Score:
    """Evaluate in float64, hypotheses once. Call it under ``numpy.errstate(all="ignore")``.

    Parameters
    ----------
    margin : bool
        Whether to say, too, by how much the worst hypothesis is missed.
    """
    trusted = claim.searched_in == "float64"

    def pair_of(function: Body) -> tuple[Value, Value]:
        if trusted:
            return pair(claim, function, values, FLOAT64)
        return middles(claim, function, instance)

    worst: float | None = None
    try:
        values = _realise(claim, instance, FLOAT64)
        if claim.given is not None and not accepts(claim, values):
            return Score(math.nan, False)
        tightest, met = -math.inf, True
        for function in claim.hypotheses.values():
            try:
                left, right = pair_of(function)
            except ClaimError:
                if met:
                    raise
                return Score(math.nan, False, math.inf)  # undefined where one before it fails
            met = met and _nearly_below(left, right)
            if margin:
                tightest = max(tightest, missed(left, right))
            elif not met:
                return Score(math.nan, False)
        worst = tightest if margin else None
        if not met:
            return Score(math.nan, False, worst)
        left, right = pair_of(claim.body)
        if is_empty(left) or is_empty(right):
            return Score(math.nan, False, worst)
        return Score(log_ratio(claim.kind, left, right), True, worst)
    except (*NUMERICAL, Unsupported):
        return Score(math.nan, True, worst)


def missed(left: Value, right: Value) -> float:
    """By how much left <= right is missed, or below 0 met; inf where it is not finite."""
    both = _numbers(left, right)
    if both is None:
        left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
        if not (np.isfinite(left).all() and np.isfinite(right).all()):
            return math.inf
        if not left.size or not right.size:
            return -math.inf
        gap = float(np.max(left - right))
        ratio = log_ratio("inequality", left, right)
    else:
        gap, ratio = both[0] - both[1], _entry(*both)
        if not (math.isfinite(both[0]) and math.isfinite(both[1])):
            return math.inf
    # Against a right side at or below 0 no ratio tells near from far, nor does a left side of 0.
    return ratio if math.isfinite(ratio) and ratio * gap > 0 else float(np.arcsinh(gap))


def is_empty(side: Value) -> bool:
    """Whether a side has no entries, so that a comparison with it says nothing."""
    return 0 in getattr(side, "shape", ())


def accepts(claim: Claim, values: dict[str, Value]) -> bool:
    """Whether the claim's `given` accepts the drawn values, which must be those of float64."""
    given = claim.given
    assert given is not None
    known = {**values, **claim.constants}
    try:
        return bool(given(**{name: known[name] for name in _arguments(given)}))
    except NUMERICAL:
        return False
    except Exception as error:
        raise fault(claim, given, error, FLOAT64) from error


def _nearly_below(left: Value, right: Value) -> bool:
    """Whether left <= right up to rounding; the certified rung decides the rest."""
    both = _numbers(left, right)
    if both is not None:
        left, right = both
        return bool(left <= right + 1e-9 * (abs(left) + abs(right)))
    left, right = np.asarray(left), np.asarray(right)
    return bool(np.all(left <= right + 1e-9 * (np.abs(left) + np.abs(right))))


_PLAIN = (float, int, np.float64)


def _numbers(left: Value, right: Value) -> tuple[float, float] | None:
    """Both sides as numbers where they have one entry each: NumPy takes ten times as long."""
    found = []
    for side in (left, right):
        if type(side) in _PLAIN:
            found.append(float(side))
        elif type(side) is np.ndarray and side.size == 1:
            found.append(float(side.item()))
        else:
            return None
    return found[0], found[1]


def _entry(left: float, right: float) -> float:
    """`log_ratios` of two finite numbers."""
    if right == 0:
        return math.inf if left > 0 else -math.inf
    if left > 0 and right > 0:
        return math.log(left) - math.log(right)
    if right > 0:
        return -math.inf
    if left >= 0:
        return math.inf
    return math.log(-right) - math.log(-left)


def log_ratio(kind: str, left: Value, right: Value) -> float:
    """The worst entry's log(left/right) in float64; nan where anything is not finite."""
    both = _numbers(left, right) if kind == "inequality" else None
    if both is not None:
        finite = math.isfinite(both[0]) and math.isfinite(both[1])
        return _entry(*both) if finite else math.nan
    left, right = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return math.nan
    if left.size == 0 or right.size == 0:
        return -math.inf
    if kind == "identity":
        scale = max(np.abs(left).max(), np.abs(right).max())
        return float(np.log1p(np.abs(left - right).max() / scale)) if scale > 0 else 0.0
    if kind == "loewner":
        return _loewner_log_ratio(left, right)
    left, right = np.broadcast_arrays(left, right)
    return float(log_ratios(left, right).max())


def log_ratios(left: Value, right: Value) -> Value:
    """Every entry's log(left/right) in float64, of arrays of one shape."""
    with np.errstate(all="ignore"):
        logs = np.log(np.abs(left)) - np.log(np.abs(right))
    result = np.where(left > 0, logs, -np.inf)  # both positive
    result = np.where(right == 0, np.where(left > 0, np.inf, -np.inf), result)
    return np.where(right < 0, np.where(left >= 0, np.inf, -logs), result)


def _loewner_log_ratio(left: Value, right: Value) -> float:
    left, right = (left + left.T) / 2, (right + right.T) / 2
    try:
        values, vectors = np.linalg.eigh(right)
        if values[0] > 1e-10 * values[-1] > 0:
            W = vectors / np.sqrt(values)
            largest = float(np.linalg.eigvalsh(W.T @ left @ W)[-1])
            return math.log(largest) if largest > 0 else -math.inf
        gap = float(np.linalg.eigvalsh(left - right)[-1])
    except np.linalg.LinAlgError:
        return math.nan
    scale = float(np.abs(right).max()) or float(np.abs(left).max())
    if scale == 0:
        return -math.inf
    return math.log1p(gap / scale) if gap > -scale else -math.inf


def _check_sides(claim: Claim, left: Value, right: Value, matrices: bool) -> None:
    shapes = []
    for side, value in (("left", left), ("right", right)):
        if type(value) in (float, int, np.float64):
            shapes.append(())
            continue
        numpy_kind = value.dtype.kind if isinstance(value, np.ndarray | np.generic) else "f"
        if isinstance(value, complex) or numpy_kind == "c":
            raise ClaimError(f"{claim.id} ({claim.location}): the {side} side is complex")
        if numpy_kind == "b" or isinstance(value, bool):
            raise ClaimError(
                f"{claim.id} ({claim.location}): the {side} side consists of truth values, which "
                "are not numbers: make numbers of them with xp.astype(truth, xp.float64)"
            )
        if numpy_kind not in "fiu":
            raise ClaimError(
                f"{claim.id} ({claim.location}): the {side} side is not an array of real numbers"
            )
        if isinstance(value, str | bytes) or value is None or isinstance(value, bool):
            raise ClaimError(
                f"{claim.id} ({claim.location}): the {side} side is not a number: {_brief(value)}"
            )
        shapes.append(tuple(getattr(value, "shape", ())))
    if matrices:
        if shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][0] != shapes[0][1]:
            raise ClaimError(
                f"{claim.id} ({claim.location}): the sides must be square matrices of one size, "
                f"got shapes {shapes[0]} and {shapes[1]}"
            )
        return
    if shapes[0] != shapes[1] and () not in shapes:
        raise ClaimError(
            f"{claim.id} ({claim.location}): the sides must have one shape (or one be a number), "
            f"got {shapes[0]} and {shapes[1]}"
        )


def _first_line(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _brief(value: Value) -> str:
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."
