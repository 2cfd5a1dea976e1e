"""Ensembles of trainings: the same losses, gradients and prices as one training alone."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pruning.initialisation import initial_rnn  # noqa: E402
from validation.certifying.ensemble import (  # noqa: E402
    LEVELS,
    Ensemble,
    import_ready,
    sharp_prices,
    smooth_prices,
    smoothing_kernels,
)
from validation.certifying.ensemble_training import (  # noqa: E402
    Length,
    recurrence,
    train_images,
    train_texts,
)
from validation.certifying.prices import price_table, smoothed_prices  # noqa: E402
from validation.certifying.quantised_training import BLOCKS, Training  # noqa: E402

pytestmark = pytest.mark.peers
STEPS = {"w_hidden": -4, "w_input": -3, "w_output": -3, "b_hidden": -4, "b_output": -3}


@pytest.mark.parametrize("kind", ["relu", "clipped"])
@pytest.mark.parametrize("gated", [False, True])
def test_gradients_are_those_of_autograd(kind, gated):
    torch.manual_seed(1)
    T, E, n, k = 5, 2, 3, 4
    rows = 2 * k if gated else k
    drive = torch.randn(T, E, n, rows, dtype=torch.float64, requires_grad=True)
    w_hidden = (torch.randn(E, rows, k, dtype=torch.float64) / 2).requires_grad_()
    start = torch.randn(E, n, k, dtype=torch.float64).clamp(-1, 1)
    weights = torch.randn(T, E, n, k, dtype=torch.float64)

    def plain():
        h, states = start, []
        for t in range(T):
            sums = drive[t] + h @ w_hidden.transpose(1, 2)
            u = sums[..., :k].relu() if kind == "relu" else sums[..., :k].clamp(-1, 1)
            h = h + sums[..., k:].clamp(0, 1) * (u - h) if gated else u
            states.append(h)
        return torch.stack(states)

    torch.set_default_dtype(torch.float64)
    try:
        found = recurrence(torch, kind, gated)(drive, w_hidden, start)
        ours = torch.autograd.grad((found * weights).sum(), (drive, w_hidden))
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.allclose(found, plain(), atol=1e-12)
    theirs = torch.autograd.grad((plain() * weights).sum(), (drive, w_hidden))
    for one, other in zip(ours, theirs):
        assert float(one.abs().max()) > 0
        assert torch.allclose(one, other, atol=1e-12)


def test_prices_are_those_of_the_tables():
    rng = np.random.default_rng(5)
    values = [rng.geometric(p, 300) - 1 for p in (0.05, 0.4, 0.9)] + [np.zeros(300, int)]
    counts = np.stack([np.bincount(v, minlength=LEVELS + 1) for v in values])[None]
    kernels = smoothing_kernels(torch, [1.5], "cpu")
    sharp = sharp_prices(torch, torch.as_tensor(counts).float())[0].numpy()
    smooth = smooth_prices(torch, torch.as_tensor(counts).float(), kernels)[0].numpy()
    for found, softer, sizes in zip(sharp, smooth, values):
        assert np.allclose(found, price_table(sizes, LEVELS), atol=1e-3)
        assert np.allclose(softer, smoothed_prices(sizes, 1.5, LEVELS), atol=2e-2)


def test_members_learn_and_what_a_member_lacks_stays_zero():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 600)
    x = rng.normal(size=(600, 4, 3)) * 0.3 + np.eye(3)[y][:, None]
    rnn = initial_rnn(6, 3, 3, "relu", rng=0)
    starts = [{b: getattr(rnn, b) for b in BLOCKS}] * 2
    kept = [{b: np.ones_like(getattr(rnn, b)) for b in BLOCKS} for _ in range(2)]
    kept[1]["w_hidden"][4:] = kept[1]["w_hidden"][:, 4:] = 0
    kept[1]["w_input"][4:] = kept[1]["b_hidden"][4:] = kept[1]["w_output"][:, 4:] = 0
    options = [Training(rate=r, smooth=1.0, steps=STEPS, learning_rate=5e-3) for r in (0.0, 4.0)]
    ensemble = Ensemble(import_ready("cpu"), starts, options, "cpu", kept)
    seen = []
    train_images(
        ensemble, x, y, "relu", Length(20), batch=100, tell=lambda *told: seen.append(told)
    )
    assert len(seen) == 20
    assert seen[-1][0] == 1.0
    assert (seen[-1][1] < 0.1).all()
    assert seen[-1][2][1] < 0.6 * seen[-1][2][0]  # one is smaller, and pays for its bits
    one, other = ensemble.networks()
    assert not other["w_hidden"][4:].any()
    assert not other["w_output"][:, 4:].any()
    assert one["w_hidden"][4:].any()
    for block in BLOCKS:
        units = np.ldexp(one[block], -STEPS[block])
        assert np.array_equal(units, np.rint(units))


@pytest.mark.parametrize("gated", [False, True])
def test_a_text_is_learned(gated):
    text = np.frombuffer(b"the cat sat on the mat. " * 400, np.uint8)
    alphabet, tokens = np.unique(text, return_inverse=True)
    size = len(alphabet)
    rnn = initial_rnn(10, size, size, "tanh", "orthogonal", 0.8, input_scale=0.5, rng=1)
    start = {b: getattr(rnn, b) for b in BLOCKS}
    if gated:
        start["w_hidden"] = np.concatenate([start["w_hidden"], 0.1 * start["w_hidden"]])
        start["w_input"] = np.concatenate([start["w_input"], 0.1 * start["w_input"]])
        start["b_hidden"] = np.concatenate([start["b_hidden"], np.full(10, 0.5)])
    options = [Training(rate=0.2, steps=STEPS, learning_rate=1e-2)]
    ensemble = Ensemble(import_ready("cpu"), [start], options, "cpu")
    seen = []
    train_texts(
        ensemble, tokens, size, Length(8), gated=gated, window=24, lines=8,
        tell=lambda *told: seen.append(told),
    )  # fmt: skip
    assert seen[-1][1][0] < 0.7 * np.log2(size)


def test_a_training_ends_with_its_time():
    rnn = initial_rnn(2, 1, 2, "relu", rng=0)
    options = [Training(steps=STEPS)]
    ensemble = Ensemble(import_ready("cpu"), [{b: getattr(rnn, b) for b in BLOCKS}], options, "cpu")
    seen = []
    train_images(
        ensemble, np.zeros((8, 2, 1)), np.zeros(8), "relu", Length(10**9, 0.2),
        batch=4, tell=lambda *told: seen.append(told),
    )  # fmt: skip
    assert seen[-1][0] == 1.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device with CUDA")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="device must be one that torch has here, got cuda"):
        import_ready("cuda")
