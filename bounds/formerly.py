"""The theorems by the arguments that they had before they took a `Problem`.

To be removed in 0.3.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from bounds.assembly import Setting
from bounds.lipschitz import Radii
from bounds.problem import StatedProblem

P = ParamSpec("P")
R = TypeVar("R")
Call = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and named arguments."""


def formerly(translate: Callable[..., Call]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take a setting and radii as well, which `translate` makes its arguments of."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if not any(isinstance(value, Setting) for value in (*args, *kwargs.values())):
                return function(*args, **kwargs)
            warnings.warn(
                f"{function.__name__} takes a Problem now, or StatedProblem(rnn, setting, radii)",
                DeprecationWarning,
                stacklevel=2,
            )
            given, named = translate(*args, **kwargs)
            return function(*given, **named)

        return call

    return decorate


def fixed_nodes(pruned: Any, setting: Setting, radii: Radii, approximation: Any) -> Call:
    """Of `fixed_nodes_bound`."""
    return (pruned, StatedProblem(pruned.pruned, setting, radii), approximation), {}


def stratified(
    pruned: Any,
    setting: Setting,
    approximation: Any,
    data: float,
    *,
    data_fixed: bool,
    norm: str = "spectral",
    **rest: Any,
) -> Call:
    """Of `stratified_bound`."""
    radii = Radii.of(pruned.pruned, data, norm, data_fixed=data_fixed)
    return (pruned, StatedProblem(pruned.pruned, setting, radii), approximation), rest


def by_nodes(original: Any, S: Any, k: int, setting: Setting, radii: Radii, **rest: Any) -> Call:
    """Of `degrees_of_freedom_bound` and `determinantal_bound`."""
    return (StatedProblem(original, setting, radii), S, k), rest


def over_lam(
    original: Any, S: Any, setting: Setting, radii: Radii, *rest: Any, **named: Any
) -> Call:
    """Of `tradeoff`."""
    return (StatedProblem(original, setting, radii), S, *rest), named
