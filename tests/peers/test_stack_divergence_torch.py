"""The divergence of a stack's softmax and its gradient in every weight are torch's."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stacks import stack_of

from pruning.stack_fit import StackDivergence
from pruning.stack_gradients import CELL_WEIGHTS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers
MODULES = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "plain": torch.nn.RNN}
ARRAYS = dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), CELL_WEIGHTS, strict=True))


def module_of(kind, stack):
    """A torch module with the weights of a stack, and where each of its weights stands in it."""
    net = MODULES[kind](
        stack.d_x, stack.nodes[0][0], len(stack.layers), bidirectional=True, batch_first=True
    ).double()
    places = {}
    for number, layer in enumerate(stack.layers):
        for side, cell in enumerate(layer):
            for theirs, ours in ARRAYS.items():
                name = f"{theirs}_l{number}" + ("_reverse" if side else "")
                with torch.no_grad():
                    getattr(net, name).copy_(torch.tensor(getattr(cell, ours)))
                places[number, side, ours] = name
    return net, places


@pytest.mark.parametrize("reads", ["last", "every"])
@pytest.mark.parametrize("kind", MODULES)
def test_value_and_gradient_are_those_of_torch(kind, reads):
    rng = np.random.default_rng(0)
    whole, small = (stack_of(kind, (m, m), 2, 3, 5, rng) for m in (5, 3))
    x, lengths = rng.normal(size=(6, 5, 3)), np.array([5, 1, 3, 4, 2, 5])
    D = StackDivergence(whole, small, x, lengths, reads, moves=True, dtype="float64")
    value, gradient = D.value_and_gradient(D.weights.flat(small))

    net, places = module_of(kind, small)
    w_output, b_output = (
        torch.tensor(array, requires_grad=True) for array in (small.w_output, small.b_output)
    )
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(x), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    h = torch.nn.utils.rnn.pad_packed_sequence(net(packed)[0], batch_first=True)[0]
    said = torch.log_softmax(h @ w_output.T + b_output, dim=2)
    told = torch.log_softmax(torch.tensor(whole.predictions(x, lengths)), dim=2)
    each = torch.nn.functional.kl_div(said, told, reduction="none", log_target=True).sum(dim=2)
    steps = torch.arange(5)
    end = torch.tensor(lengths)[:, None]
    counted = steps < end if reads == "every" else steps == end - 1
    mean = each[counted].mean()
    mean.backward()

    assert value == pytest.approx(mean.item(), rel=1e-10)
    found = D.weights.shaped(gradient)
    cells = D.weights.direction(found)
    for (number, side, ours), name in places.items():
        order = CELL_WEIGHTS.index(ours)
        theirs = getattr(net, name).grad.numpy()
        np.testing.assert_allclose(cells[number][side][order], theirs, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found[-1][:, :-1], w_output.grad.numpy(), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found[-1][:, -1], b_output.grad.numpy(), rtol=1e-8, atol=1e-12)
