"""Observability and the closed loop's gradient against torch's automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import RNN, Observability
from pruning.observability import read_weights
from pruning.refit.products import Sample

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers


def network(rng, m, q, act):
    return RNN(
        rng.normal(size=(m, m)) / np.sqrt(m),
        rng.normal(size=(m, 2)),
        rng.normal(size=m),
        rng.normal(size=(q, m)),
        rng.normal(size=q),
        act,
    )


def apply(act, a):
    return torch.relu(a) if act == "relu" else torch.tanh(a)


def outputs_from(rnn, h, x):
    """f of every later step, from a state h and the inputs after it."""
    w = {name: torch.tensor(value) for name, value in rnn.weights.items()}
    out = [w["w_output"] @ h + w["b_output"]]
    for x_t in x:
        a = w["w_hidden"] @ h + w["w_input"] @ torch.tensor(x_t) + w["b_hidden"]
        h = apply(rnn.activation.name, a)
        out.append(w["w_output"] @ h + w["b_output"])
    return torch.stack(out)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 6),
    st.integers(1, 8),
    st.integers(1, 6),
    st.sampled_from(["relu", "tanh"]),
    st.sampled_from(["last", "mean"]),
)
def test_gramians_are_those_of_torch(seed, m, q, T, act, weights):
    rng = np.random.default_rng(seed)
    rnn, x, w = network(rng, m, q, act), rng.normal(size=(3, T, 2)), read_weights(weights, T)
    expected = np.zeros((T, m, m))
    h = rnn.states(x)
    for i in range(3):
        for t in range(T):
            J = torch.autograd.functional.jacobian(
                lambda state, i=i, t=t: outputs_from(rnn, state, x[i, t + 1 :]),
                torch.tensor(h[i, t]),
            ).numpy()
            expected[t] += np.einsum("s,sqa,sqb->ab", w[t:], J, J) / 3
    found = Observability(rnn, T, weights).update(x).per_step
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * expected.max())


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(["relu", "tanh"]),
    st.sampled_from(["last", "mean"]),
)
def test_the_gradient_of_the_closed_loop_is_that_of_torch(seed, act, weights):
    rng = np.random.default_rng(seed)
    small, x, T = network(rng, 4, 3, act), rng.normal(size=(5, 4, 2)), 4
    w = read_weights(weights, T)
    read = np.flatnonzero(w)
    target = rng.normal(size=(len(read), 5, 3))
    held = Sample(small, x, target, read, w[read], True)
    theta = held.parameters(small, small.w_output, small.b_output)
    rnn = torch.nn.RNN(2, 4, nonlinearity=act, batch_first=True, dtype=torch.float64)
    head = torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(torch.tensor(small.w_hidden))
        rnn.weight_ih_l0.copy_(torch.tensor(small.w_input))
        rnn.bias_hh_l0.copy_(torch.tensor(small.b_hidden))
        rnn.bias_ih_l0.zero_()
        head.weight.copy_(torch.tensor(small.w_output))
        head.bias.copy_(torch.tensor(small.b_output))
    f = head(rnn(torch.tensor(x))[0])[:, read].transpose(0, 1)
    gap = (f - torch.tensor(target)).square().sum(dim=(1, 2)) @ torch.tensor(w[read]) / 5
    gap.backward()
    hidden = [rnn.weight_hh_l0.grad, rnn.weight_ih_l0.grad, rnn.bias_hh_l0.grad[:, None]]
    out = [head.weight.grad, head.bias.grad[:, None]]
    expected = torch.cat([torch.cat(part, dim=1).flatten() for part in (hidden, out)]) / 2
    np.testing.assert_allclose(held.gradient(theta), expected.numpy(), rtol=1e-9, atol=1e-10)
    assert held.loss(theta) == pytest.approx(gap.item(), rel=1e-10)
