"""Training with torch: the right gradients, the right network, the same bits after a break."""

import numpy as np
import pytest

from pruning.rnn import RNN
from validation.training.torch_models import LanguageModel, PixelClassifier, recurrence
from validation.training.torch_training import Schedule, run

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

VOCABULARY = 13


class Killed(Exception):
    pass


def language_model(dropout=0.3, reset=0.2, **options):
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, 400)
    return LanguageModel(
        6,
        VOCABULARY,
        tokens,
        lines=4,
        window=7,
        dropout=dropout,
        reset=reset,
        seed=3,
        **options,
    )


def sampled_model():
    return language_model(sampled_epochs=2, samples=4)


def classifier():
    rng = np.random.default_rng(0)
    start = RNN(
        np.eye(5),
        0.3 * rng.standard_normal((5, 2)),
        0.1 * rng.standard_normal(5),
        rng.standard_normal((3, 5)),
        np.zeros(3),
    )
    return PixelClassifier(start, rng.standard_normal((60, 4, 2)), rng.integers(0, 3, 60))


def trained(model, checkpoint, batch_size, stop_at=None):
    """Train for three epochs, raising `Killed` before the step `stop_at`."""
    loss = model.loss

    def counted(step, *rest):
        if step == stop_at:
            raise Killed
        return loss(step, *rest)

    model.loss = counted
    return run(
        model,
        Schedule(3, batch_size, 1e-2, weight_decay=0.1, clip_norm=1.0),
        seed=3,
        checkpoint=checkpoint,
        settings={"what": "test"},
        measure=lambda rnn: {"norm": float(np.linalg.norm(rnn.w_hidden))},
    )


@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize("T", [1, 6])
def test_the_recurrence_has_the_states_and_gradients_of_torch(name, T):
    torch.manual_seed(0)
    n, m = 5, 4
    peer = torch.nn.RNN(m, m, nonlinearity=name, dtype=torch.float64)
    with torch.no_grad():
        peer.weight_ih_l0.copy_(torch.eye(m))
        peer.bias_ih_l0.zero_()
        peer.bias_hh_l0.zero_()
    drive = torch.randn(T, n, m, dtype=torch.float64, requires_grad=True)
    start = torch.randn(n, m, dtype=torch.float64)
    weights = torch.randn(T, n, m, dtype=torch.float64)
    w_hidden = peer.weight_hh_l0.detach().clone().requires_grad_()

    theirs = peer(drive, start[None])[0]
    expected = torch.autograd.grad((theirs * weights).sum(), (drive, peer.weight_hh_l0))
    ours = recurrence(torch, name)(drive, w_hidden, start)
    got = torch.autograd.grad((ours * weights).sum(), (drive, w_hidden))

    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    ("make", "batch_size"), [(language_model, 4), (sampled_model, 4), (classifier, 8)]
)
@pytest.mark.parametrize("stop_at", [1, 5, 14, 17])
def test_a_broken_training_ends_in_the_same_bits(tmp_path, monkeypatch, make, batch_size, stop_at):
    monkeypatch.setattr("validation.training.torch_training.CHECKPOINT_SECONDS", 0.0)
    whole, log = trained(make(), tmp_path / "whole", batch_size)

    with pytest.raises(Killed):
        trained(make(), tmp_path / "broken", batch_size, stop_at)
    again, log_again = trained(make(), tmp_path / "broken", batch_size)

    for name, weight in whole.weights.items():
        assert np.array_equal(weight, again.weights[name]), name
    for line in (*log, *log_again):
        del line["seconds"]
    assert log == log_again
    assert [line["epoch"] for line in log] == [1, 2, 3]


def test_the_merged_network_predicts_what_the_language_model_predicts():
    model = language_model(dropout=0.0, reset=0.0)
    trained_loss = model.loss(0, 3, 4)
    rnn = model.rnn()

    # The first window of the first epoch, at the offset that the model drew for it.
    offset = int(np.random.default_rng([3, 0, 1]).integers(model.window))
    x = model.x[offset : offset + model.window].T.numpy()
    y = model.y[offset : offset + model.window].T.numpy()
    f = rnn.predictions(x)
    log_sum = np.log(np.exp(f).sum(axis=2))
    values = log_sum - np.take_along_axis(f, y[:, :, None], 2)[:, :, 0]

    assert rnn.d_x == rnn.d_y == VOCABULARY
    assert trained_loss.item() == pytest.approx(values.mean(), rel=1e-5)


def test_a_softmax_over_every_word_is_sampled_without_error():
    whole = language_model()
    sampled = language_model(sampled_epochs=1, samples=VOCABULARY)

    assert sampled.loss(0, 3, 4).item() == pytest.approx(whole.loss(0, 3, 4).item(), rel=1e-6)


def test_a_sampled_normaliser_is_right_on_average():
    model = language_model(dropout=0.0, sampled_epochs=1, samples=2)
    read = 0.3 * torch.randn(4, model.m, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([1, 2, 1, 5])
    generator = torch.Generator().manual_seed(1)

    losses = [model._sampled_loss(read, y, generator) for _ in range(2000)]

    w = model.weights
    logits = read @ w["w_output"].T + w["b_output"]
    expected = torch.nn.functional.cross_entropy(logits, y)
    # exp(loss) is an unbiased estimate of a single word's; here the spread is far below 1 / 100.
    assert torch.stack(losses).mean().item() == pytest.approx(expected.item(), rel=0.02)


def test_the_classifiers_loss_is_that_of_its_network():
    model = classifier()
    order = np.random.default_rng([3, 0]).permutation(60)[:8]
    x = model.x[:, torch.as_tensor(order)].permute(1, 0, 2).numpy()
    f = model.rnn().predictions(x)[:, -1]

    expected = np.log(np.exp(f).sum(axis=1)) - f[np.arange(8), model.y.numpy()[order]]

    assert model.loss(0, 3, 8).item() == pytest.approx(expected.mean(), rel=1e-5)


def test_a_language_model_learns_a_text_that_repeats_itself(tmp_path):
    tokens = np.tile(np.arange(VOCABULARY), 100)
    model = LanguageModel(
        16, VOCABULARY, tokens, lines=8, window=10, dropout=0.0, reset=0.1, seed=0
    )

    _, log = run(
        model,
        Schedule(20, 8, 2e-2, clip_norm=1.0),
        seed=0,
        checkpoint=tmp_path / "c",
        settings={},
        measure=lambda rnn: {},
    )

    assert log[-1]["loss"] < 0.1 * np.log(VOCABULARY)


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(tmp_path):
    path = tmp_path / "c"
    model = classifier()
    options = {"seed": 0, "checkpoint": path, "measure": lambda rnn: {}}
    run(model, Schedule(1, 8, 1e-3), settings={"a": 1}, **options)

    with pytest.raises(ValueError, match="other settings"):
        run(classifier(), Schedule(1, 8, 1e-3), settings={"a": 2}, **options)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="not a checkpoint"):
        run(classifier(), Schedule(1, 8, 1e-3), settings={"a": 1}, **options)


def test_a_training_that_diverges_says_so(tmp_path):
    with pytest.raises(ValueError, match="diverged at step"):
        run(
            classifier(),
            Schedule(50, 8, 1e30),
            seed=0,
            checkpoint=tmp_path / "c",
            settings={},
            measure=lambda rnn: {},
        )


def test_a_text_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match=r"4 lines need 29 tokens, got 20"):
        LanguageModel(3, 5, np.zeros(20, int), lines=4, window=7, dropout=0.0, reset=0.0, seed=0)
