"""Every bound of section 3 fails closed, and knows no units.

`fails_closed` wraps a bound on ||f^ - f'|| that takes a pruned network first.

* Units. Both sides of every statement of section 3 are linear in W_o and W_o' and, where only
  second moments enter, in the states. So the read-outs are brought to entries of size 1 by a power
  of two, S, the S_t and S_w by a power of four, and the terms that come out are scaled back. What
  is computed is then the same in all units, bit by bit, and neither W_o^T W_o nor S can underflow.
* Failure. Arithmetic that overflows, is not a number or does not converge ends the computation,
  and the bound returned is +inf, with a sentence. It holds, as it says nothing.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ParamSpec

import numpy as np

from bounds.rounding import SMALLEST_NORMAL
from bounds.terms import VALID, Bound, Term
from pruning.checks import Array
from pruning.rnn import RNN

P = ParamSpec("P")

FAILED = (np.linalg.LinAlgError, ArithmeticError)
"""What a computation in floats dies of: overflow, an invalid operation, no convergence."""

_MOMENTS = ("per_step", "weighted_covariance")


def fails_closed(id: str) -> Callable[[Callable[P, Bound]], Callable[P, Bound]]:
    """Return a decorator for a bound whose claim is `id`, see the module's docstring."""

    def wrap(bound: Callable[P, Bound]) -> Callable[P, Bound]:
        signature = inspect.signature(bound)

        @functools.wraps(bound)
        def closed(*args: P.args, **kwargs: P.kwargs) -> Bound:
            given = signature.bind(*args, **kwargs)
            try:
                with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
                    return _in_units(bound, given)
            except FAILED as error:
                return nothing_found(id, str(error) or type(error).__name__)

        return closed

    return wrap


def nothing_found(id: str, why: str) -> Bound:
    """Return the bound +inf, which holds and says nothing."""
    term = Term("propagated", math.inf, r"\infty", id)
    sentence = f"No bound was found in floating point ({why}): +inf is what holds."
    return Bound(id, r"\|\hat f - f'\|_{n,w} \le \infty", (term,), VALID, notes=(sentence,))


def exponent_of(*arrays: Array) -> int:
    """The e with 2^{e-1} <= max |entry| < 2^e; 0 where all entries are 0."""
    largest = max((float(np.abs(a).max(initial=0.0)) for a in arrays), default=0.0)
    return int(np.frexp(largest)[1]) if largest else 0


def _in_units(bound: Callable[..., Bound], given: inspect.BoundArguments) -> Bound:
    """Call the bound in units in which the read-outs and the second moments have size 1."""
    pruned = given.arguments["pruned"]
    full, small = pruned.original, pruned.pruned
    moments = {
        name: np.asarray(given.arguments[name], dtype=np.float64)
        for name in _MOMENTS
        if given.arguments.get(name) is not None
    }
    out = exponent_of(full.w_output, small.w_output)
    own = np.asarray(pruned.covariance, dtype=np.float64)
    # Units of the states: half of an even exponent, so that S is scaled by a power of four.
    # Moments that come as an argument are in true units, those of the pair may not be.
    given_sizes = [exponent_of(array) - 2 * pruned.exponent for array in moments.values()]
    states = (max([exponent_of(own), *given_sizes]) + 1) // 2
    if "x" in given.arguments:
        states = -pruned.exponent  # the sample itself is run: its states have their true units
    if (pruned.original.w_output.size and not np.isfinite(full.w_output).all()) or not (
        np.isfinite(own).all()
    ):
        raise FloatingPointError("an entry is not finite")
    for name, array in moments.items():
        given.arguments[name] = _rounded_moments(array, -2 * (states + pruned.exponent))
    if "lam" in given.arguments and given.arguments["lam"] is not None:
        given.arguments["lam"] = math.ldexp(
            float(given.arguments["lam"]), -2 * (states + pruned.exponent)
        )
    rounding = pruned.rounding
    if rounding is not None:
        rounding = rounding.scaled(-(states + pruned.exponent))
    given.arguments["pruned"] = replace(
        pruned,
        original=_read_out_scaled(full, -out),
        pruned=_read_out_scaled(small, -out),
        covariance=_rounded_moments(own, -2 * states),
        tau=np.ldexp(np.asarray(pruned.tau, dtype=np.float64), -2 * states),
        exponent=0,
        rounding=rounding,
    )
    found = bound(*given.args, **given.kwargs)
    scaled = found.scaled(out + states + pruned.exponent)
    states += pruned.exponent
    shifts = {"W_o": out, " r||": states, "||u||": states, "lam": 2 * states}
    return replace(scaled, terms=tuple(_own_units(term, shifts) for term in scaled.terms))


def _read_out_scaled(rnn: RNN, exponent: int) -> RNN:
    # The output biases are equal and drop out: they keep their units.
    w_output = np.ldexp(rnn.w_output, exponent)
    if ((w_output == 0) & (rnn.w_output != 0)).any():
        raise FloatingPointError("the entries of the read-outs span more than the range of floats")
    return replace(rnn, w_output=w_output)


def _rounded_moments(S: Array, exponent: int) -> Array:
    """S 2^exponent; a diagonal entry that is not 0 stays so, rounded up."""
    scaled = np.ldexp(S, exponent)
    before = np.diagonal(S, axis1=-2, axis2=-1)
    after = np.diagonal(scaled, axis1=-2, axis2=-1)
    low = (before > 0) & (after < SMALLEST_NORMAL)
    if low.any():
        i = np.arange(S.shape[-1])
        scaled[..., i, i] = np.where(low, SMALLEST_NORMAL, after)
    return scaled


def _own_units(term: Term, shifts: Mapping[str, int]) -> Term:
    """The term with its inputs, which are logarithms, in the units of the network at hand."""
    inputs: dict[str, Any] = {}
    for name, value in term.inputs.items():
        shift = sum(e for symbol, e in shifts.items() if symbol in name)
        if isinstance(value, float) and shift:
            if name.startswith("log "):
                value = value + shift * math.log(2)
            elif name == "lam":
                value = math.ldexp(value, shift)
        inputs[name] = value
    parts = tuple(_own_units(part, shifts) for part in term.parts)
    return replace(term, inputs=inputs, parts=parts)
