"""Float64 that remembers how large its numbers became on the way to a result.

Rounding is relative to what is rounded: sides that are wrong by 2^-53 of the largest number that
they went through are as right as float64 can be, and sides that are wrong by more were formed by
something that float64 and balls do not share, such as an integer that wrapped.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np

from validation.arithmetic import FLOAT64
from validation.arithmetic.values import Namespace, Value


class Recording:
    """FLOAT64, as a body sees it, with `largest`: the largest absolute value on the way.

    A solve goes through the inverse, whose norm times that of the right side counts as well. An
    operation on two plain NumPy numbers is missed; that makes `largest` smaller, and an audit
    stricter.
    """

    name = "float64"
    precision = None

    def __init__(self) -> None:
        self.largest = 0.0
        self.xp = self.xp_of_draws = _Namespace(FLOAT64.xp, self)

    def active(self) -> AbstractContextManager[Value]:
        """As FLOAT64's."""
        return FLOAT64.active()

    def lift(self, value: Value) -> Value:
        """As FLOAT64's, recorded."""
        return self.record(FLOAT64.lift(value))

    def record(self, value: Value) -> Value:
        """Note the largest entry; return the value so that what is made of it is noted too."""
        if isinstance(value, tuple):
            parts = [self.record(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if isinstance(value, list):
            return [self.record(part) for part in value]
        if not isinstance(value, np.ndarray | np.floating | np.integer):
            return value
        array = np.asarray(value)
        if array.dtype.kind in "fiu" and array.size:
            with np.errstate(all="ignore"):
                self.note(float(np.abs(array.astype(np.float64)).max()))
        recorded = array.view(_Recorded)
        recorded.recording = self
        return recorded

    def note(self, size: float) -> None:
        """Take a size into account; one that is no number counts as infinite."""
        self.largest = max(self.largest, size if size == size else np.inf)

    def __str__(self) -> str:
        return str(FLOAT64)


class _Recorded(np.ndarray):
    """An array whose descendants are recorded."""

    recording: Recording | None = None

    def __array_finalize__(self, parent: Value) -> None:
        self.recording = getattr(parent, "recording", None)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Value, **options: Value
    ) -> Value:
        recording = next(x.recording for x in inputs if isinstance(x, _Recorded))
        if "out" in options:
            options["out"] = tuple(_plain(x) for x in options["out"])
        result = getattr(ufunc, method)(*(_plain(x) for x in inputs), **options)
        return result if recording is None else recording.record(result)

    def __array_function__(
        self, function: Value, types: Value, arguments: Value, options: Value
    ) -> Value:
        recording = self.recording
        result = function(*_plain(arguments), **_plain(options))
        return result if recording is None else recording.record(result)

    def __getitem__(self, index: Value) -> Value:
        part = _plain(self)[_plain(index)]
        return part if self.recording is None else self.recording.record(part)


def _plain(value: Value) -> Value:
    if isinstance(value, _Recorded):
        return value.view(np.ndarray)
    if isinstance(value, list | tuple):
        return type(value)(_plain(part) for part in value)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value


class _Namespace:
    """`xp` whose functions take recorded arrays and return them."""

    def __init__(self, namespace: Namespace, recording: Recording) -> None:
        self._namespace, self._recording = namespace, recording

    def __getattr__(self, name: str) -> Value:
        found = getattr(self._namespace, name)
        if name == "linalg":
            return _Namespace(found, self._recording)
        if isinstance(found, type) or not callable(found):
            return found

        def recorded(*arguments: Value, **options: Value) -> Value:
            arguments, options = _plain(arguments), _plain(options)
            result = found(*arguments, **options)
            if name == "solve":
                self._recording.note(_through_inverse(*arguments))
            return self._recording.record(result)

        return recorded


def _through_inverse(A: Value, b: Value) -> float:
    A, b = np.asarray(A, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not A.size or not b.size:
        return 0.0
    values = np.linalg.svd(A, compute_uv=False)
    with np.errstate(all="ignore"):
        return float((np.abs(b).max() / values[..., -1]).max())
