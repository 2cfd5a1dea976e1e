"""Training for short codes: torch's forward pass against the integer one, and resumption."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from decimal import Decimal

from pruning.initialisation import initial_rnn
from validation.certifying.conversion import integer_network
from validation.certifying.language import encode, packed
from validation.certifying.network import Form, TextForm
from validation.certifying.pipeline import produce
from validation.certifying.prices import price_table
from validation.certifying.quantised_training import Model, Training, train_quantised
from validation.certifying.recipes import recipe
from validation.certifying.tasks import task
from validation.certifying.text import certified_text
from validation.certifying.text_training import TextRecipe, text_network, train_text
from validation.training.torch_models import import_torch

pytestmark = pytest.mark.peers

STEPS = {"w_hidden": -3, "w_input": -2, "w_output": -2, "b_hidden": -4, "b_output": -3}


def start(activation="relu", k=8):
    return initial_rnn(k, 8, 10, activation=activation, scale=0.5, rng=1)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_trained_network_is_the_integer_one(activation):
    torch, digits = import_torch(), task("digits")
    x = digits.images / 16.0
    options = Training(epochs=12, batch_size=100, steps=STEPS, rate=0.0)
    rnn, finished = train_quantised(start(activation), x, digits.labels, options)
    assert finished
    model = Model(torch, rnn, options)
    y = model.outputs(model.rounded(), torch.as_tensor(x.transpose(1, 0, 2), dtype=torch.float32))
    network = integer_network(rnn, STEPS, Form(), 4, largest_state=100.0, guard=12)
    found = network.readouts(digits.images)
    # Where the two best classes are not nearly tied, both agree.
    best = np.sort(found, axis=1)
    clear = (best[:, -1] - best[:, -2]) * 2.0 ** -(4 + 2 + 12 + 2) > 1e-2
    assert clear.mean() > 0.9
    assert np.array_equal(y.numpy().argmax(axis=1)[clear], found.argmax(axis=1)[clear])


def test_a_training_that_stops_goes_on_to_the_same_weights(tmp_path):
    digits = task("digits")
    x = digits.images / 16.0
    options = Training(epochs=4, batch_size=100, steps=STEPS, power=0.5, identity=True)
    whole, _ = train_quantised(start(), x, digits.labels, options)
    path, halves = tmp_path / "c.pt", 0
    finished = False
    while not finished:
        resumed, finished = train_quantised(
            start(), x, digits.labels, options, checkpoint=path, until=time.time() - 1
        )
        halves += 1
    assert halves == 4
    for name, weights in whole.weights.items():
        assert np.array_equal(weights, resumed.weights[name])
    path.with_suffix(".txt").write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="not a checkpoint"):
        train_quantised(start(), x, digits.labels, options, checkpoint=path.with_suffix(".txt"))
    with pytest.raises(ValueError, match="not a checkpoint"):
        train_quantised(start(k=7), x, digits.labels, options, checkpoint=path)
    with pytest.raises(ValueError, match="other settings"):
        train_quantised(start(), x, digits.labels, replace(options, rate=1.0), checkpoint=path)


def test_prices_are_about_what_the_coder_takes():
    rng = np.random.default_rng(0)
    k = 30
    values = np.rint(rng.laplace(scale=3, size=(k, k))).astype(np.int64)
    integers = {
        "b_hidden": np.zeros(k, np.int64),
        "w_hidden": values,
        "w_input": np.zeros((k, 8), np.int64),
        "w_output": np.zeros((10, k), np.int64),
        "b_output": np.zeros(10, np.int64),
    }
    from validation.certifying.network import IntegerNetwork

    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0)
    bits = len(encode(IntegerNetwork(Form(), False, 14, exponents, integers), "digits"))
    sizes = np.abs(values).ravel()
    priced = float(price_table(sizes)[sizes].sum())
    assert priced < bits < 1.02 * priced + 120


def test_a_higher_rate_gives_a_shorter_code():
    digits = task("digits")
    lengths = []
    for rate in (0.0, 20.0):
        chosen = recipe("digits", k=12, epochs=100, smooth=0.0, rate=rate)
        chosen = replace(chosen, large=replace(chosen.large, epochs=5))
        found = produce(chosen, digits, delta=Decimal("0.05"))
        lengths.append(len(found.code))
        assert 0 < found.errors < digits.n
        assert math.isfinite(found.bound)
    assert lengths[1] < 0.8 * lengths[0], lengths


def test_a_language_model_is_trained_to_what_its_integers_achieve(tmp_path):
    text = np.frombuffer(b"the cat sat on the mat. " * 800, np.uint8)
    alphabet, tokens = np.unique(text, return_inverse=True)
    options = Training(epochs=6, learning_rate=1e-2, rate=1.0, steps=TextRecipe().training.steps)
    chosen = TextRecipe(k=12, lines=8, window=24, training=options)
    said: list[str] = []
    rnn, finished = train_text(chosen, tokens, len(alphabet), tmp_path, math.inf, said.append)
    assert finished
    form = TextForm(chosen.line, tuple(alphabet.tolist()), chosen.smoothing)
    found = certified_text(
        text_network(rnn.weights, chosen.training.steps, form, chosen.precision),
        text,
        Decimal("0.05"),
        {},
    )
    trained = float(said[-1].split(":")[1].split()[0])
    assert float(found.loss) < min(trained + 0.3, 0.7 * math.log2(len(alphabet)))
    assert found.loss < found.bound
    # The same call again trains nothing more.
    before = len(said)
    again, _ = train_text(chosen, tokens, len(alphabet), tmp_path, math.inf, said.append)
    assert len(said) == before
    assert np.array_equal(again.w_hidden, rnn.w_hidden)


@pytest.mark.parametrize(
    "changes",
    [
        {"subspace": {"w_hidden": 20, "w_input": 30}},
        {"subspace": {"w_output": 25}},
        {"reference": 0.25},
        {"reference": 0.25, "subspace": {"w_output": 25}},
    ],
)
def test_random_signs_take_the_place_of_weights(changes):
    """The coordinates alone are coded, and both decoders find the weights."""
    digits = task("digits")
    chosen = recipe("digits", k=8, epochs=30, smooth=0.0, rate=1.0, **changes)
    chosen = replace(chosen, large=replace(chosen.large, epochs=5))
    found = produce(chosen, digits, delta=Decimal("0.05"))
    plain = encode(found.network, "digits")
    # The code that does not know the signs is the longer one, or was taken instead.
    assert len(found.code) < len(plain) if "subspace" in changes else len(found.code) <= len(plain)
    assert found.errors < 0.8 * digits.n
    from validation import check_certificate as checker

    said = {"bits": len(found.code), "task": "digits", "language": 2}
    net = checker.decode(said, packed(found.code), (8, 8), 16)
    assert checker.count_errors(net, digits.images, digits.labels) == found.errors
    assert not found.network.integers["b_hidden"].any()


def test_subspaces_that_do_not_fit_are_named():
    digits = task("digits")
    for changes, message in (
        ({"subspace": {"w_hidden": 65}}, "w_hidden must have 1 to 64 coordinates, got 65"),
        ({"subspace": {"w_hidden": 3}, "reference": 1.0}, "not both be of w_hidden"),
    ):
        chosen = recipe("digits", k=8, epochs=1, **changes)
        chosen = replace(chosen, large=replace(chosen.large, epochs=1))
        with pytest.raises(ValueError, match=message):
            produce(chosen, digits)
