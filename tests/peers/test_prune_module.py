"""`prune_module` on modules as people write them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
nn = torch.nn
from validation import prune_module  # noqa: E402

pytestmark = pytest.mark.peers
N, T, D, M, Q = 40, 6, 5, 8, 4


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, D)
        self.rnn = nn.GRU(D, M, num_layers=2, bidirectional=True, batch_first=True, dropout=0.3)
        self.drop, self.fc = nn.Dropout(0.3), nn.Linear(2 * M, Q)

    def forward(self, x):
        return self.fc(self.drop(self.rnn(self.embedding(x))[0]))


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.norm, self.fc = nn.LSTM(D, M), nn.LayerNorm(M), nn.Linear(M, Q)

    def forward(self, x):
        return self.fc(torch.tanh(self.norm(self.rnn(x)[1][0][-1])))


class Stacked(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.fc = nn.GRU(D, M), nn.LSTM(M, M), nn.Linear(M, Q)

    def forward(self, x):
        return self.fc(self.b(self.a(x)[0])[0][-1])


class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.fc = nn.LSTMCell(D, M), nn.Linear(M, Q)

    def forward(self, x):
        state = torch.zeros(x.shape[1], M), torch.zeros(x.shape[1], M)
        for step in x:
            state = self.cell(step, state)
        return self.fc(state[0])


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.fc = nn.GRU(D, M), nn.GRU(D, M), nn.Linear(M, Q)

    def forward(self, x):
        return self.fc(self.decoder(x, self.encoder(x)[1])[0])


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.fc = nn.GRU(D, M, bidirectional=True), nn.Linear(2 * M, Q)

    def forward(self, x):
        lengths = torch.tensor([6, 3, 2, 1] * (x.shape[1] // 4))
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return self.fc(nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0])[0])


MODULES = (Tagger, Normed, Stacked, Loop, Translator, Packed)


def made(kind):
    torch.manual_seed(0)
    module = kind()
    x = torch.randint(0, 20, (N, T)) if kind is Tagger else torch.randn(T, N, D)
    return module, x


def said(module, x):
    training = module.training
    with torch.no_grad():
        value = module.eval()(x)
    module.train(training)
    return value


@pytest.mark.parametrize("kind", MODULES)
def test_keeping_every_node_changes_nothing_and_the_module_is_left_alone(kind):
    module, x = made(kind)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    pruned = prune_module(module, [(x, None)], M)
    assert pruned is not module
    assert pruned.training
    torch.testing.assert_close(said(pruned, x), said(module, x), rtol=1e-4, atol=1e-5)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("kind", MODULES)
def test_fewer_nodes_stay_close_and_dropped_duplicates_cost_nothing(kind):
    module, x = made(kind)
    pruned, facts = prune_module(module, [(x, None)], 5, facts=True)
    whole = said(module, x)
    distance = (said(pruned, x) - whole).norm() / (whole - whole.mean()).norm()
    assert distance < 0.9
    for name, nodes in facts.nodes.items():
        assert pruned.get_submodule(name).hidden_size == 5
        assert all(len(side) == 5 for side in nodes)
    assert sum(p.numel() for p in pruned.parameters()) < sum(p.numel() for p in module.parameters())


def test_what_reads_the_state_linearly_gets_A_and_classes_stay():
    module, x = made(Tagger)
    pruned, facts = prune_module(module, [(x, None)], 5, facts=True)
    assert facts.folded == {"rnn": ["fc"]}
    assert type(pruned.rnn) is nn.GRU
    assert pruned.fc.in_features == 10
    module, x = made(Stacked)
    pruned, facts = prune_module(module, [x], 5, facts=True)
    assert facts.folded == {"a": ["b"], "b": ["fc"]}
    assert type(pruned.a) is nn.GRU
    assert type(pruned.b) is nn.LSTM


def test_a_nonlinear_head_is_fed_the_rebuilt_state():
    module, x = made(Normed)
    pruned, facts = prune_module(module, [x], 5, facts=True)
    assert facts.folded == {"rnn": []}
    assert isinstance(pruned.rnn, nn.LSTM)
    assert pruned.norm.normalized_shape == (M,)


def test_the_folded_module_equals_the_rebuilt_one_on_data_it_was_not_pruned_on(monkeypatch):
    from validation.porting import torch_module

    module, x = made(Tagger)
    folded = prune_module(module, [x], 5)
    monkeypatch.setattr(torch_module, "readers_of", lambda *args: [])
    rebuilt = prune_module(module, [x], 5)
    fresh = torch.randint(0, 20, (9, 11))
    torch.testing.assert_close(said(folded, fresh), said(rebuilt, fresh), rtol=1e-4, atol=1e-5)


def test_a_reader_that_also_reads_something_else_is_not_folded():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.fc = nn.GRU(D, M), nn.Linear(M, Q)

        def forward(self, x):
            h = self.rnn(x)[0]
            return self.fc(h) + self.fc(torch.sin(h))

    torch.manual_seed(0)
    module, x = Twice(), torch.randn(T, N, D)
    _, facts = prune_module(module, [x], 5, facts=True)
    assert facts.folded == {"rnn": []}


def test_masks_and_parametrisations_go_in_as_they_act():
    from torch.nn.utils import parametrizations, prune

    module, x = made(Stacked)
    prune.random_unstructured(module.a, "weight_hh_l0", 0.4)
    parametrizations.weight_norm(module.b, "weight_hh_l0")
    pruned = prune_module(module, [x], M)
    torch.testing.assert_close(said(pruned, x), said(module, x), rtol=1e-4, atol=1e-4)


def test_dtype_is_kept():
    module, x = made(Stacked)
    pruned = prune_module(module.double(), [x.double()], 5)
    assert {p.dtype for p in pruned.parameters()} == {torch.float64}


def test_better_nodes_than_random_ones():
    module, x = made(Tagger)
    whole = said(module, x)

    def distance(**options):
        return float((said(prune_module(module, [x], 4, **options), x) - whole).norm())

    drawn = [distance(method="random", seed=seed) for seed in range(9)]
    assert distance() < np.median(drawn)
    assert distance() < distance(reconstruct=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"module": nn.Linear(3, 3)}, "must hold an nn.RNN, nn.GRU, nn.LSTM or a cell, got none"),
        ({"module": nn.GRU(3, 3)}, "it is one: what reads its states is not known"),
        ({"module": 3}, r"module must be a torch.nn.Module, got int"),
        ({"loader": []}, "must give at least one batch, got none"),
        ({"k": 9}, "k of rnn must be an integer from 1 to 8, got 9"),
        ({"k": {"gru": 3}}, "k must name rnn, got gru"),
    ],
)
def test_bad_input_is_one_sentence(change, words):
    module, x = made(Normed)
    options = {"module": module, "loader": [x], "k": 5, **change}
    with pytest.raises(ValueError, match=words):
        prune_module(**options)


def test_projections_and_unused_layers_are_named():
    torch.manual_seed(0)
    module = nn.ModuleDict({"rnn": nn.LSTM(D, M, proj_size=3), "fc": nn.Linear(3, Q)})
    with pytest.raises(ValueError, match="rnn has projections"):
        prune_module(module, [torch.randn(T, N, D)], 5)

    class Unused(Normed):
        def __init__(self):
            super().__init__()
            self.spare = nn.GRU(D, M)

    with pytest.raises(ValueError, match="spare was not run on the data"):
        prune_module(Unused(), [torch.randn(T, N, D)], 5)


@pytest.mark.parametrize(
    ("name", "value", "others"),
    [
        ("theta", 0.25, {"objective": "balanced"}),
        ("theta", 0.5, {"method": "random"}),
        ("reads", "every", {}),
        ("outputs", "logits", {}),
    ],
)
def test_what_has_no_effect_is_refused(name, value, others):
    module = nn.ModuleDict({"rnn": nn.GRU(2, 4)})
    with pytest.raises(ValueError, match=f"{name} must be left out with .* it has no effect, got"):
        prune_module(module, [torch.zeros(2, 3, 2)], 2, **{name: value}, **others)
