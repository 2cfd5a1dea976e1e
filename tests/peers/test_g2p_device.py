"""The closed loop with torch is that in NumPy, and its second distance has its own derivatives."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "studies"))

from g2p_device import DeviceFit, taught

from pruning.cells.gru import GRU
from pruning.encoder_decoder import EncoderDecoder, batches, prune_encoder_decoder
from pruning.encoder_decoder_refit import EncoderDecoderFit

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.peers,
    # torch's forward mode compiles its rules with what it calls deprecated on newer Pythons.
    pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning"),
]


def cell(rng, m, d):
    shapes = ((3 * m, d), (3 * m, m), (3 * m,), (3 * m,))
    return GRU(*(0.7 * rng.normal(size=shape) for shape in shapes))


@pytest.fixture
def networks():
    rng = np.random.default_rng(0)
    net = EncoderDecoder(
        cell(rng, 6, 4),
        cell(rng, 6, 3),
        rng.normal(size=(9, 4)),
        rng.normal(size=(8, 3)),
        np.eye(6),
        rng.normal(size=(8, 6)),
        rng.normal(size=8),
        2,
        3,
    )
    words = [list(rng.integers(1, 9, rng.integers(1, 7))) for _ in range(40)]
    data = list(batches(net, words, 16))
    return net, words, data, prune_encoder_decoder(net, data, 3)


def test_words_decoded_on_the_device_are_those_in_numpy(networks):
    net, words, data, _ = networks
    for ours, theirs in zip(data, taught(net, words, "cpu", 16), strict=True):
        for name in ("tokens", "lengths", "inputs", "steps"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))


def test_residuals_and_products_are_those_in_numpy(networks):
    net, _, data, small = networks
    rng = np.random.default_rng(1)
    ours = EncoderDecoderFit(net, small, data)
    theirs = DeviceFit(net, small, data, dtype="float64")
    theta = ours.flat(small)
    (r, state), (r_too, state_too) = ours.residuals(theta), theirs.residuals(theta)
    np.testing.assert_allclose(r_too.numpy(), r, atol=1e-12)
    v, u = rng.normal(size=theta.size), rng.normal(size=r.size)
    np.testing.assert_allclose(
        theirs.forward(state_too, v).numpy(), ours.forward(state, v), atol=1e-11
    )
    np.testing.assert_allclose(
        theirs.backward(state_too, theirs.torch.tensor(u)), ours.backward(state, u), atol=1e-11
    )


def test_the_distance_of_distributions_has_its_own_derivatives(networks):
    net, _, data, small = networks
    rng = np.random.default_rng(2)
    fit = DeviceFit(net, small, data, "probabilities", dtype="float64")
    theta = fit.flat(small)
    r, state = fit.residuals(theta)
    v, u = rng.normal(size=theta.size), rng.normal(size=r.numel())
    forward = fit.forward(state, v).numpy()
    ends = [fit.residuals(theta + sign * 1e-6 * v)[0].numpy() for sign in (1, -1)]
    np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, forward, atol=1e-7)
    pulled = fit.backward(state, fit.torch.tensor(u))
    assert v @ pulled == pytest.approx(u @ forward, rel=1e-9)
    # Twice the Hellinger distance: nothing where both networks are one.
    same = DeviceFit(net, net, data, "probabilities", dtype="float64")
    assert float(abs(same.residuals(same.flat(net))[0]).max()) == 0
