"""Two functions of one name are two activations, for whatever pairs networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bounds.approximation import general_bound, global_bound
from pruning import (
    Activation,
    Observability,
    StateCovariance,
    activation,
    initial_rnn,
    refit_closed_loop,
    spectral_prune,
)
from pruning.rnn import same_network


def twin():
    """One that is called tanh, and is another: half of it."""
    tanh = activation("tanh")

    def apply(a, out=None):
        return np.multiply(tanh.apply(a), 0.5, out=out)

    def slope(h, out=None):
        return np.subtract(0.5, 2 * np.square(h), out=out)

    return Activation("tanh", apply, slope, 0.5, 0.5, 0.0)


def pair():
    rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    x = np.random.default_rng(0).normal(size=(100, 5, 2))
    pruned = spectral_prune(rnn, x, k=3)
    return pruned, replace(pruned, pruned=replace(pruned.pruned, activation=twin())), x


@pytest.mark.parametrize("bound", [general_bound, global_bound])
def test_a_bound_on_a_pair_of_two_functions_is_refused(bound):
    pruned, other, x = pair()
    sample = x if bound is general_bound else x.shape[1]
    assert bound(pruned, sample).log_total < np.inf
    with pytest.raises(ValueError, match="another function of that name for tanh"):
        bound(other, sample)


def test_a_closed_loop_from_one_function_to_another_is_refused():
    pruned, other, x = pair()
    with pytest.raises(ValueError, match="got another function of that name"):
        refit_closed_loop(pruned.original, other.pruned, x)


def test_networks_of_two_functions_are_two():
    pruned, other, x = pair()
    one, two = pruned.pruned, other.pruned
    assert same_network(one, replace(one))
    assert not same_network(one, two)
    seen = StateCovariance.from_network(one, x)
    assert seen.is_run_of(replace(one))
    assert not seen.is_run_of(two)
    with pytest.raises(ValueError, match="must be of the same network"):
        Observability(one, 5).merge(Observability(two, 5))
