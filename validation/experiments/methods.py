"""The methods of an experiment by name: those of the table, and a user's own from one file."""

from __future__ import annotations

import functools
import inspect

from pruning.baselines import METHODS, Method
from pruning.checks import choice
from pruning.pruned_rnn import PrunedRNN

WHOLE = "whole network"
"""Stands among the methods for no pruning at all."""


def method_named(name: str) -> Method:
    """Return a method of the table, or the one of a user's ``FILE.py:FUNCTION``.

    The function is called as those of the table are, ``function(rnn, S, k, rng)``, and returns a
    `pruning.PrunedRNN` or a `pruning.baselines.PrunedWeights`. Where it has parameters theta, tau,
    x and y (training data), or targets, it gets them.
    """
    if name == WHOLE:
        return Method(_nothing)
    path, colon, function = name.rpartition(":")
    if not colon:
        return METHODS[choice("the method", name, METHODS)]
    return _own(path, function)


def file_of(name: str) -> str | None:
    """Return the file of a user's own method, None for one of the table."""
    return name.rpartition(":")[0] or None


@functools.lru_cache(maxsize=16)
def _own(path: str, function: str) -> Method:
    from validation.loading import load_module

    call = getattr(load_module(path), function, None)
    if not callable(call):
        raise ValueError(f"{path} must define the function {function}, which prunes")
    options = set(inspect.signature(call).parameters)
    takes = tuple(option for option in ("theta", "tau") if option in options)
    data = ("data",) if {"x", "y"} <= options else ()
    return Method(call, takes=takes + data, draws="own")


def _nothing(*arguments: object) -> PrunedRNN:
    raise AssertionError("the whole network is not pruned")
