"""Live comparison with torch: states, predictions, gradients and whole trainings."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import textbook_rnn as textbook
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning.backpropagation import gradients
from pruning.initialisation import initial_rnn
from pruning.rnn import RNN, WEIGHTS
from pruning.training import train

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = pytest.mark.peers
seeds = st.integers(0, 2**32)


def torch_pair(net: RNN, dtype=None):
    """The same network in torch; its two biases are b_h and 0, the second one frozen."""
    dtype = dtype or torch.float64
    rnn = nn.RNN(net.d_x, net.m, nonlinearity=net.activation.name, batch_first=True, dtype=dtype)
    head = nn.Linear(net.m, net.d_y, dtype=dtype)
    with torch.no_grad():
        for parameter, name in zip(parameters(rnn, head), WEIGHTS):
            parameter.copy_(torch.tensor(getattr(net, name)))
        rnn.bias_ih_l0.zero_()
    rnn.bias_ih_l0.requires_grad_(False)
    return rnn, head


def parameters(rnn, head):
    return [rnn.weight_hh_l0, rnn.weight_ih_l0, rnn.bias_hh_l0, head.weight, head.bias]


def torch_input(x, d_x, dtype):
    if x.dtype.kind in "iu":
        return nn.functional.embedding(torch.tensor(x), torch.eye(d_x, dtype=dtype))
    return torch.tensor(x, dtype=dtype)


def torch_value(rnn, head, x, y, loss, targets, dtype):
    states = rnn(torch_input(x, rnn.input_size, dtype))[0]
    f = head(states if targets == "every" else states[:, -1])
    if loss == "squared":
        return 0.5 * (f - torch.tensor(y, dtype=dtype)).square().sum(-1).mean()
    return nn.functional.cross_entropy(f.flatten(0, -2), torch.tensor(y).flatten())


cases = given(
    seed=seeds,
    size=st.tuples(*(st.integers(1, high) for high in (5, 30, 12, 4, 4))),
    act=st.sampled_from(["relu", "tanh"]),
    loss=st.sampled_from(["cross_entropy", "squared"]),
    targets=st.sampled_from(["last", "every"]),
    tokens=st.booleans(),
)


def draw(seed, size, act, loss, targets, tokens):
    n, T, m, d_x, d_y = size
    rng = np.random.default_rng(seed)
    net = textbook.random_rnn(rng, m, d_x, d_y, act, scale=0.8)
    x = rng.integers(0, d_x, (n, T)) if tokens else rng.standard_normal((n, T, d_x))
    y = textbook.random_targets(rng, loss, (n,) if targets == "last" else (n, T), d_y)
    return net, x, y


@cases
def test_states_predictions_and_gradients_are_those_of_torch(
    seed, size, act, loss, targets, tokens
):
    net, x, y = draw(seed, size, act, loss, targets, tokens)
    rnn, head = torch_pair(net)
    states = rnn(torch_input(x, net.d_x, torch.float64))[0]
    scale = 1 + float(states.detach().abs().max())
    near = {"rtol": 1e-10, "atol": 1e-12 * scale}
    np.testing.assert_allclose(net.states(x), states.detach(), **near)
    np.testing.assert_allclose(net.predictions(x), head(states).detach(), **near)

    theirs = torch_value(rnn, head, x, y, loss, targets, torch.float64)
    theirs.backward()
    value, gradient = gradients(net, x, y, loss, targets)
    assert value == pytest.approx(theirs.item(), rel=1e-11, abs=1e-12)
    expected = {name: p.grad.numpy() for name, p in zip(WEIGHTS, parameters(rnn, head))}
    largest = 1 + max(np.abs(array).max() for array in expected.values())
    for name in WEIGHTS:
        np.testing.assert_allclose(
            gradient[name], expected[name], rtol=1e-9, atol=1e-11 * largest, err_msg=name
        )


@cases
@settings(max_examples=15)
def test_single_precision_states_are_as_near_as_those_of_torch(
    seed, size, act, loss, targets, tokens
):
    net, x, _ = draw(seed, size, act, loss, targets, tokens)
    rnn, _ = torch_pair(net, torch.float32)
    with torch.no_grad():
        theirs = rnn(torch_input(x, net.d_x, torch.float32))[0].numpy()
    exact = net.states(x)
    scale = 1 + np.abs(exact).max()
    ours = np.abs(net.states(x, dtype="float32") - exact).max()
    assert ours <= 4 * np.abs(theirs - exact).max() + 1e-6 * scale


RULES = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.3),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.3),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=0.3, momentum=0.9),
}


@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("clip_norm", [None, 0.1])
def test_twenty_updates_of_the_whole_sample_are_those_of_torch(rng, optimizer, clip_norm):
    # Whole batches, so that the order of the sequences makes no difference.
    net = textbook.random_rnn(rng, 6, 2, 3, "tanh")
    x, y = rng.standard_normal((16, 9, 2)), rng.integers(0, 3, 16)
    rnn, head = torch_pair(net)
    rule = RULES[optimizer](parameters(rnn, head))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(rule, 20)
    for _ in range(20):
        rule.zero_grad()
        torch_value(rnn, head, x, y, "cross_entropy", "last", torch.float64).backward()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters(rnn, head), clip_norm)
        rule.step()
        schedule.step()

    ours = train(
        net, x, y, optimizer=optimizer, learning_rate=0.01, weight_decay=0.3, epochs=20,
        batch_size=16, clip_norm=clip_norm, rng=0,
    )  # fmt: skip

    # torch divides by the norm + 1e-6 when it clips.
    near = 1e-9 if clip_norm is None else 1e-4
    for name, parameter in zip(WEIGHTS, parameters(rnn, head)):
        expected = parameter.detach().numpy()
        np.testing.assert_allclose(getattr(ours.rnn, name), expected, rtol=near, atol=near)


def test_a_state_dict_reads_as_the_same_network(rng):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.core = nn.RNN(2, 5, batch_first=True, dtype=torch.float64)
            self.head = nn.Linear(5, 3, dtype=torch.float64)

        def forward(self, x):
            return self.head(self.core(x)[0])

    model = Model()
    x = rng.standard_normal((3, 7, 2))
    net = RNN.from_torch(model.state_dict(), activation="tanh")
    np.testing.assert_allclose(
        net.predictions(x), model(torch.tensor(x)).detach(), rtol=1e-12, atol=1e-13
    )


def test_the_fixtures_are_what_their_script_writes(tmp_path, monkeypatch):
    import importlib.util
    from pathlib import Path

    fixtures = Path(__file__).parents[1] / "fixtures"
    script = fixtures / "make_torch_fixtures.py"
    spec = importlib.util.spec_from_file_location("make_torch_fixtures", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path)
    module.main()
    written = sorted(path.name for path in tmp_path.glob("torch_*.npz"))
    assert written == sorted(path.name for path in fixtures.glob("torch_*.npz"))
    for name in written:
        with np.load(tmp_path / name) as new, np.load(fixtures / name) as old:
            assert set(new) == set(old)
            for key in new:
                if new[key].dtype.kind == "f":
                    np.testing.assert_allclose(new[key], old[key], rtol=1e-9, atol=1e-12)
                else:
                    np.testing.assert_array_equal(new[key], old[key])


def test_digits_as_rows_reach_the_accuracy_of_the_recipe():
    """Two of the five trainings of the report, in single precision."""
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8) / 16
    shares = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(x))
        seen, kept = order[:1437], order[1437:]
        start = initial_rnn(64, 8, 10, "tanh", "identity", rng=rng)
        result = train(
            start, x[seen], y[seen], learning_rate=2e-3, weight_decay=0.3, epochs=60,
            batch_size=32, dtype="float32", rng=rng,
        )  # fmt: skip
        f = result.rnn.predictions(x[kept])[:, -1]
        shares.append(float((f.argmax(axis=1) == y[kept]).mean()))
    assert np.mean(shares) >= 0.955
