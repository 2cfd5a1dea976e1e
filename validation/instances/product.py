"""An instance, and the product of factors that instances are drawn from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from validation.arithmetic import Reading
from validation.arithmetic.values import Value
from validation.instances import checks
from validation.instances.factors import Array, Factor, Parameters, Raw
from validation.instances.sources import HypothesisSource, NumpySource, Source

# low..high; an end may be the name of another size, which is then drawn first.
SIZES: dict[str, tuple[int | str, int | str]] = {
    "m": (1, 5),
    "k": (0, "m"),
    "n": (1, 3),
    "T": (1, 4),
    "d": (1, 2),
    "q": (1, 3),
}

_PATIENCE = 100  # sizes drawn in search of a set that fits

_HEX = re.compile(r"-?0x[01]\.?[0-9a-f]*p[+-]?\d+|-?inf|nan")


@dataclass(frozen=True, eq=False)
class Instance:
    """The free numbers of one draw, exactly.

    Attributes
    ----------
    sizes : mapping
        m, k, T, ... by name.
    raw : mapping
        One raw value a factor, by the argument's name.

    Examples
    --------
    >>> from rnnbounds import Instance
    >>> raw = {"S": [["0x1.8p+0"]], "lam": "0x1.0p+0"}  # F = 1.5 and lam = 1: S = F F^T
    >>> instance = Instance.from_json({"sizes": {"m": 1}, "raw": raw})
    >>> instance.sizes, instance.raw["S"]
    ({'m': 1}, array([[1.5]]))
    """

    sizes: Mapping[str, int]
    raw: Mapping[str, Raw]

    def __post_init__(self) -> None:
        for value in self.raw.values():
            _freeze(value)  # float64 bodies receive these very arrays

    def to_json(self) -> dict[str, Any]:
        """Plain data: floats as hexadecimal strings, so that nothing is lost."""
        return {
            "sizes": dict(self.sizes),
            "raw": {name: _encode(value) for name, value in self.raw.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Instance:
        """The instance that `to_json` described."""
        return Instance(
            {name: int(size) for name, size in data["sizes"].items()},
            {name: _decode(value) for name, value in data["raw"].items()},
        )

    def numbers(self) -> list[float]:
        """All real numbers in it."""
        return [n for value in self.raw.values() for n in _numbers(value)]

    def __repr__(self) -> str:
        return f"Instance.from_json({self.to_json()!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instance) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(repr(self))


class Product:
    """Instances of independent factors with shared sizes: what `draw(...)` returns."""

    def __init__(self, factors: Mapping[str, Factor], sizes: Mapping[str, Value]) -> None:
        for name, factor in factors.items():
            if name in ("xp", "rng"):
                raise ValueError(f"draw({name}=...) would hide the body's own {name}: rename it")
            if not isinstance(factor, Factor):
                raise TypeError(
                    f"draw({name}=...) needs something that draw offers, such as "
                    f"draw.covariances(), got {factor!r}"
                )
        self.factors = dict(factors)
        used = dict.fromkeys(size for factor in factors.values() for size in factor.sizes)
        known = {**SIZES, **{name: checks.range_of(name, value) for name, value in sizes.items()}}
        ranges: dict[str, tuple[int | str, int | str]] = {}

        def add(size: str, waiting: tuple[str, ...] = ()) -> None:
            if size in waiting:
                raise ValueError(f"the sizes {' -> '.join([*waiting, size])} depend on each other")
            if size in ranges:
                return
            low, high = checks.fixed(size) or known.get(size, (1, 4))
            for end in (low, high):
                if isinstance(end, str):
                    add(end, (*waiting, size))
            ranges[size] = (low, high)

        for size in used:
            add(size)
        unused = set(sizes) - set(ranges)
        if unused:
            raise ValueError(f"no factor has the size {', '.join(sorted(unused))}")
        for size in ranges:
            low, high = checks.extreme(size, ranges, 0), checks.extreme(size, ranges, 1)
            if low > high:
                raise ValueError(f"the size {size} cannot lie in {low}..{high}")
        for name, factor in factors.items():
            _check_sizes(name, factor, ranges)
        self.sizes = {size: ends for size, ends in ranges.items() if not checks.fixed(size)}
        self.fixed = {size: int(size) for size in ranges if checks.fixed(size)}

    def largest(self) -> dict[str, int]:
        """The largest value of every size that can have more than one."""
        found: dict[str, int] = {}

        def end(size: int | str, place: int) -> int:
            return size if isinstance(size, int) else end(self.sizes[size][place], place)

        for size, (low, high) in self.sizes.items():
            if end(low, 0) < end(high, 1):
                found[size] = end(high, 1)
        return found

    def make(self, source: Source) -> Instance:
        """Draw from any source."""
        for _ in range(_PATIENCE):
            sizes: dict[str, int] = dict(self.fixed)
            for size, (low, high) in self.sizes.items():
                first = sizes[low] if isinstance(low, str) else low
                last = sizes[high] if isinstance(high, str) else high
                if first > last:
                    break
                sizes[size] = source.integer(first, last)
            else:
                break
        else:
            raise ValueError(f"the size {size} cannot lie in {first}..{last}")
        raw = {n: factor.make(source, sizes) for n, factor in self.factors.items()}
        return Instance({size: sizes[size] for size in self.sizes}, raw)

    def sample(self, rng: np.random.Generator) -> Instance:
        """Draw with NumPy."""
        return self.make(NumpySource(rng))

    def strategy(self) -> Any:
        """The same as a Hypothesis strategy."""
        from hypothesis import strategies as st

        @st.composite
        def instances(draw: Any) -> Instance:
            return self.make(HypothesisSource(draw))

        return instances()

    def realise(self, instance: Instance, arithmetic: Reading) -> dict[str, Value]:
        """The arguments of a body, formed inside the arithmetic (which must be active)."""
        return {
            name: factor.realise(arithmetic, instance.raw[name])
            for name, factor in self.factors.items()
        }

    def parameters(self, instance: Instance) -> Parameters:
        """All real numbers of the instance."""
        return Parameters.join([f.parameters(instance.raw[n]) for n, f in self.factors.items()])

    def with_parameters(self, instance: Instance, values: Array) -> Instance:
        """The instance with its real numbers replaced; clipped to their bounds."""
        raw = dict(instance.raw)
        start = 0
        for name, factor in self.factors.items():
            count = factor.parameters(raw[name]).values.size
            if count:
                raw[name] = factor.with_parameters(raw[name], values[start : start + count])
            start += count
        return Instance(instance.sizes, raw)

    def simpler(self, instance: Instance) -> Iterator[Instance]:
        """Simpler instances, one step away, the boldest steps first.

        Smaller sizes, then simpler structure, then rounder numbers: 0, 1, integers, few binary
        digits. Every candidate is again an instance of this product.
        """
        yield from self._smaller(instance)
        for name, factor in self.factors.items():
            for value in factor.simpler(instance.raw[name]):
                yield Instance(instance.sizes, {**instance.raw, name: value})
        yield from self._rounder(instance)

    def _smaller(self, instance: Instance) -> Iterator[Instance]:
        for size in self.sizes:
            for index in reversed(range(instance.sizes[size])):
                smaller = self.drop(instance, size, index)
                if smaller is not None:
                    yield smaller

    def drop(self, instance: Instance, size: str, index: int) -> Instance | None:
        """The instance without entry `index` along `size`; None where a size would be too small."""
        sizes, raw = dict(instance.sizes), dict(instance.raw)
        chain = [(size, index)]
        for name, factor in self.factors.items():
            chain[:0] = factor.consequences(raw[name], size, index)
        for which, where in dict.fromkeys(chain):
            if which in self.fixed:
                return None
            raw = {name: f.drop(raw[name], which, where) for name, f in self.factors.items()}
            sizes[which] -= 1
        for which, (low, high) in self.sizes.items():
            first = sizes[low] if isinstance(low, str) else low
            last = sizes[high] if isinstance(high, str) else high
            if not first <= sizes[which] <= last:
                return None
        return Instance(sizes, raw)

    def _rounder(self, instance: Instance) -> Iterator[Instance]:
        numbers = self.parameters(instance)
        rounded_all = set()
        for bits in (0, 1, 2, 4, 8):
            values = np.clip(_round(numbers.values, bits), numbers.low, numbers.high)
            if not np.array_equal(values, numbers.values) and values.tobytes() not in rounded_all:
                rounded_all.add(values.tobytes())
                yield self.with_parameters(instance, values)
        for i, value in enumerate(numbers.values):
            tried = {float(value)}
            options = [0.0, 1.0, -1.0, *_powers(float(value))]
            options += [float(_round(np.array([value]), bits)[0]) for bits in (0, 1, 2, 4, 8, 16)]
            for option in options:
                option = float(min(max(option, numbers.low[i]), numbers.high[i]))
                if option in tried or _weight(option) >= _weight(float(value)):
                    continue
                tried.add(option)
                values = numbers.values.copy()
                values[i] = option
                yield self.with_parameters(instance, values)


def _check_sizes(
    name: str, factor: Factor, ranges: Mapping[str, tuple[int | str, int | str]]
) -> None:
    """Refuse ranges of sizes in which a factor cannot always be drawn."""
    for size, least in factor.at_least.items():
        low = checks.extreme(size, ranges, 0)
        if low < least:
            raise ValueError(f"{name}: {size} must be at least {least}, and may be {low}")
    for k, m in factor.inside:
        if not checks.within(k, m, ranges):
            k_high, m_low = checks.extreme(k, ranges, 1), checks.extreme(m, ranges, 0)
            if k.isdigit():
                which = "" if m.isdigit() else f", the least that {m} may be"
                raise ValueError(f"{name}: {k} must be at most {m_low}{which}")
            raise ValueError(
                f"{name}: {k} must be at most {m}, but {k} may be {k_high} where {m} is {m_low}; "
                f'give sizes={{"{k}": (0, "{m}")}}'
            )


def complexity(instance: Instance) -> tuple[int, ...]:
    """What shrinking makes smaller, first things first: sizes, zeros, digits."""
    numbers = instance.numbers()
    return (
        sum(instance.sizes.values()),
        sum(n != 0 for n in numbers),
        sum(_weight(n) for n in numbers),
    )


def _freeze(value: Raw) -> None:
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, Mapping):
        for part in value.values():
            _freeze(part)


def _numbers(value: Raw) -> list[float]:
    if isinstance(value, Mapping):
        return [n for part in value.values() for n in _numbers(part)]
    if isinstance(value, np.ndarray):
        return [float(n) for n in value.ravel()]
    if isinstance(value, float):
        return [value]
    return []


def _round(values: Array, bits: int) -> Array:
    """Round to multiples of 2^-bits where numbers are of order one, else to a few digits."""
    with np.errstate(over="ignore", divide="ignore"):
        exponent = np.where(values == 0, 0, np.floor(np.log2(np.abs(np.where(values, values, 1)))))
        unit = 2.0 ** np.where(np.abs(exponent) <= 4, -bits, exponent - bits)
        return np.rint(values / unit) * unit


def _powers(value: float) -> list[float]:
    """Powers of two of the same sign, nearer to 1: a few small ones, then half the exponent."""
    if value == 0:
        return []
    sign = -1.0 if value < 0 else 1.0
    exponent = int(np.frexp(abs(value))[1]) - 1
    step = 1 if exponent > 0 else -1
    steps = [n for n in (1, 2, 3, abs(exponent) // 2, abs(exponent)) if n <= abs(exponent)]
    return [sign * 2.0 ** (step * n) for n in dict.fromkeys(steps)]


def _weight(value: float) -> int:
    """How long a number is to write: binary digits, exponent and sign."""
    if value == 0:
        return 0
    mantissa, exponent = np.frexp(value)
    digits = int(abs(mantissa) * 2**53)
    length = 53 - ((digits & -digits).bit_length() - 1)
    return 2 * length + abs(int(exponent) - 1) + (value < 0)


def _encode(value: Raw) -> Any:
    if isinstance(value, Mapping):
        return {name: _encode(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        if value.size == 0:
            return {"shape": list(value.shape), "integers": value.dtype.kind in "iu"}
        return [_encode(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(value).hex()
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, tuple):
        return {"tuple": [_encode(part) for part in value]}
    if isinstance(value, str):  # such as the name "inf", which is no number
        return {"text": value} if _HEX.fullmatch(value) else value
    if value is None:
        return value
    raise TypeError(f"an instance holds numbers, arrays, names and dicts of these, got {value!r}")


def _decode(data: Any) -> Raw:
    if isinstance(data, Mapping):
        if set(data) == {"shape", "integers"}:
            return np.zeros(tuple(data["shape"]), dtype=np.int64 if data["integers"] else float)
        match data:
            case {"fraction": text} if len(data) == 1:
                return Fraction(text)
            case {"tuple": parts} if len(data) == 1:
                return tuple(_decode(part) for part in parts)
            case {"text": text} if len(data) == 1:
                return text
        return {name: _decode(part) for name, part in data.items()}
    if isinstance(data, list):
        return np.array([_decode(part) for part in data])
    if isinstance(data, str) and _HEX.fullmatch(data):
        return float.fromhex(data)
    return data
