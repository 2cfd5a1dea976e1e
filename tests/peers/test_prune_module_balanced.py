"""`prune_module` with the balanced objective, by runs and refitted, against the same in NumPy."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

from pruning import GRU, LSTM, Stack, prune_stack
from pruning.cells.plain import Plain
from pruning.stack_refit import refit_stack, refit_stack_read_out

torch = pytest.importorskip("torch")
nn = torch.nn
from validation import prune_module  # noqa: E402

pytestmark = pytest.mark.peers
N, T, D, M, Q, WORDS = 30, 5, 3, 7, 4, 6


class Net(nn.Module):
    """What is asked for, with something around it."""

    def __init__(self, kind, reads="last", table=False, packed=False, softmax=False, **options):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, D) if table else None
        self.rnn = kind(D, M, **options)
        self.drop = nn.Dropout(0.4)
        wide = M * (2 if self.rnn.bidirectional else 1)
        self.out = nn.Linear(wide, WORDS if table else Q, bias=options.get("bias", True))
        self.reads, self.packed, self.softmax = reads, packed, softmax

    def forward(self, x, lengths=None):
        if self.embedding is not None:
            x = self.drop(self.embedding(x))
        if self.packed:
            x = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=self.rnn.batch_first, enforce_sorted=False
            )
        h = self.rnn(x)[0]
        if self.packed:
            h, _ = nn.utils.rnn.pad_packed_sequence(h, batch_first=self.rnn.batch_first)
        if self.reads == "last":
            h = h[:, -1] if self.rnn.batch_first else h[-1]
        f = self.out(self.drop(h))
        return torch.softmax(f, -1) if self.softmax else f


def by_hand(net):
    """The same network as a stack, weight by weight."""
    p = {name: value.detach().double().numpy() for name, value in net.named_parameters()}
    zeros = np.zeros(len(p["rnn.weight_hh_l0"]))
    layers = []
    for layer in range(net.rnn.num_layers):
        row = []
        for side in ("", "_reverse")[: 2 if net.rnn.bidirectional else 1]:
            W, R = (p[f"rnn.weight_{part}_l{layer}{side}"] for part in ("ih", "hh"))
            b, c = (p.get(f"rnn.bias_{part}_l{layer}{side}", zeros) for part in ("ih", "hh"))
            kind = type(net.rnn)
            if kind is nn.RNN:
                row.append(Plain(W, R, b, c, net.rnn.nonlinearity))
            else:
                row.append((GRU if kind is nn.GRU else LSTM)(W, R, b, c))
        layers.append(tuple(row))
    W_o = p["out.weight"]
    return Stack(
        tuple(layers), W_o, p.get("out.bias", np.zeros(len(W_o))), p.get("embedding.weight")
    )


NETS = {
    "plain": {"kind": nn.RNN},
    "relu, softmax behind": {"kind": nn.RNN, "nonlinearity": "relu", "softmax": True},
    "words, every step": {"kind": nn.GRU, "table": True, "reads": "every", "batch_first": True},
    "words, packed": {"kind": nn.LSTM, "table": True, "reads": "every", "packed": True},
    "both ways": {"kind": nn.GRU, "num_layers": 2, "bidirectional": True, "batch_first": True},
    "no biases": {"kind": nn.LSTM, "bias": False, "num_layers": 2, "reads": "every"},
    "packed": {"kind": nn.RNN, "packed": True, "reads": "every", "batch_first": True},
}
ASKED = {
    "balanced": {"objective": "balanced"},
    "by runs": {"objective": "balanced", "by_runs": True, "seed": 3},
    "read-out": {"refit": "read-out", "seed": 1},
    "closed loop": {"objective": "balanced", "refit": "closed-loop", "seed": 2},
}


def made(name, seed=0):
    """A network in double precision, its batches, and all sequences as arrays."""
    torch.manual_seed(seed)
    options = dict(NETS[name])
    net = Net(**options).double()
    words = options.get("table", False)
    x = torch.randint(0, WORDS, (N, T)) if words else torch.randn(N, T, D, dtype=torch.float64)
    lengths = torch.randint(1, T + 1, (N,)) if options.get("packed") else torch.full((N,), T)
    lengths[[0, -1]] = T
    batches = []
    for rows in torch.arange(N).split(12):
        part = x[rows] if net.rnn.batch_first else x[rows].transpose(0, 1)
        batches.append((part, lengths[rows]))
    return net, batches, x.numpy(), lengths.numpy() if options.get("packed") else None


def pruned(net, batches, k=3, **options):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the closed loop has")
        return prune_module(net, batches, k, call=lambda m, b: m(*b), facts=True, **options)


def expected(stack, x, lengths, reads, k, objective="paper", by_runs=False, refit=None, seed=0):
    """By the functions of stacks."""
    small = prune_stack(
        stack, x, k, lengths=lengths, objective=objective, by_runs=by_runs,
        reads=reads if objective == "balanced" else None,
        rng=seed if by_runs else None,
    )  # fmt: skip
    fitted = small.pruned
    if refit is not None:
        drawn = np.random.default_rng(seed).permutation(len(x))
        x, ends = x[drawn], None if lengths is None else lengths[drawn]
        fitted = refit_stack_read_out(stack, fitted, x, ends, reads=reads)
        if refit == "closed-loop":
            fitted = refit_stack(stack, fitted, x, ends, reads=reads)
    return small, fitted


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", NETS)
@pytest.mark.filterwarnings("ignore:the closed loop has")
def test_nodes_and_weights_are_those_of_the_stack_that_the_module_is(name, asked):
    net, batches, x, lengths = made(name)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    found, facts = pruned(net, batches, **ASKED[asked])
    stack = by_hand(net)
    small, fitted = expected(stack, x, lengths, net.reads, 3, **ASKED[asked])
    assert facts.nodes == {"rnn": [s.tolist() for layer in small.nodes for s in layer]}
    assert facts.folded == {"rnn": ["out"]}
    assert facts.losses == {"rnn": pytest.approx(max(small.losses), rel=1e-9)}
    assert [one["gap"] for one in facts.tried] == pytest.approx(
        [one.gap for one in small.tried], rel=1e-6, abs=1e-12
    )
    assert type(found.rnn) is type(net.rnn)
    assert found.training
    own = by_hand(found)
    for ours, theirs in zip(own.layers, fitted.layers, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            for part in ("w_input", "w_hidden", "b_input", "b_hidden"):
                np.testing.assert_allclose(getattr(a, part), getattr(b, part), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(own.w_output, fitted.w_output, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(own.b_output, fitted.b_output, rtol=1e-7, atol=1e-9)
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key])
    # And it runs as that stack does.
    part, ends = batches[0]
    with torch.no_grad():
        said = found.eval()(part, ends).numpy()
    rows = slice(0, 12)
    f = fitted.predictions(x[rows], None if lengths is None else lengths[rows])
    f = f[:, -1] if net.reads == "last" else f if net.rnn.batch_first else f.transpose(1, 0, 2)
    if net.softmax:
        f = np.exp(f) / np.exp(f).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(said, f, rtol=1e-7, atol=1e-9)


def test_words_count_by_their_softmax_and_other_outputs_as_numbers():
    net, batches, _, _ = made("words, every step")
    unasked = pruned(net, batches, objective="balanced", refit="read-out")[0]
    for outputs, same in (("logits", True), ("numbers", False)):
        found = pruned(net, batches, objective="balanced", refit="read-out", outputs=outputs)[0]
        assert torch.equal(found.out.weight, unasked.out.weight) is same


def test_biases_come_in_where_a_refit_needs_them_and_only_there():
    net, batches, _, _ = made("no biases")
    assert not pruned(net, batches, objective="balanced")[0].rnn.bias
    assert pruned(net, batches, objective="balanced")[0].out.bias is None
    fitted = pruned(net, batches, refit="closed-loop")[0]
    assert fitted.rnn.bias
    assert fitted.out.bias.abs().max() > 0


def test_two_modules_on_top_of_each_other_have_sizes_of_their_own():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(M, Q)
            self.above = nn.LSTM(M, M)
            self.below = nn.GRU(D, M)

        def forward(self, x):
            return self.out(self.above(self.below(x)[0])[0][-1])

    torch.manual_seed(0)
    net, x = Two(), torch.randn(T, N, D)
    found, facts = prune_module(
        net, [x], {"above": 3, "below": 5}, objective="balanced", facts=True
    )
    assert (found.above.hidden_size, found.below.hidden_size) == (3, 5)
    assert (found.above.input_size, found.out.in_features) == (5, 3)
    assert facts.folded == {"below": ["above"], "above": ["out"]}
    cells = [
        (GRU if part is net.below else LSTM)(
            *[getattr(part, f"{n}_l0").detach().double().numpy()
              for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        ) for part in (net.below, net.above)
    ]  # fmt: skip
    W, b = (v.detach().double().numpy() for v in (net.out.weight, net.out.bias))
    small = prune_stack(
        Stack([[c] for c in cells], W, b), x.numpy().transpose(1, 0, 2).astype(float), [5, 3],
        objective="balanced",
    )  # fmt: skip
    assert facts.nodes == {
        "below": [small.nodes[0][0].tolist()], "above": [small.nodes[1][0].tolist()]
    }  # fmt: skip
    with torch.no_grad():
        f = small.pruned.predictions(x.numpy().transpose(1, 0, 2).astype(float))[:, -1]
        np.testing.assert_allclose(found(x).numpy(), f, rtol=1e-4, atol=1e-5)


def reading(forward, **parts):
    """A module with this forward pass, an `rnn` and an `out`."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = nn.GRU(D, M), nn.Linear(M, Q)
            for name, part in parts.items():
                setattr(self, name, part)

    Own.forward = forward
    return Own()


def stepwise(self, x):
    """The loop of somebody who predicts one step at a time."""
    return torch.stack([self.out(h) for h in self.rnn(x)[0]])


REFUSED = {
    "a cell": (
        lambda: reading(lambda s, x: s.out(s.rnn(x[0])), rnn=nn.GRUCell(D, M)),
        "are for nn.RNN, nn.GRU and nn.LSTM, rnn is an nn.GRUCell",
    ),
    "a nonlinear head": (
        lambda: reading(lambda s, x: s.out(torch.tanh(s.rnn(x)[0][-1]))),
        "must read the states of rnn, and nothing else; they are read by something else",
    ),
    "two heads": (
        lambda: reading(lambda s, x: s.out(s.rnn(x)[0]) + s.on(s.rnn(x)[0]), on=nn.Linear(M, Q)),
        "they are read by out, on",
    ),
    "the mean of the states beside": (
        lambda: reading(lambda s, x: (lambda h: s.out(h) + h.mean(-1, True))(s.rnn(x)[0])),
        "nothing but its recurrent layers and out may see the states",
    ),
    "their sum of squares at one step": (
        lambda: reading(lambda s, x: (lambda h: s.out(h) + (h[2] ** 2).sum())(s.rnn(x)[0])),
        "nothing but its recurrent layers and out may see the states",
    ),
    "states given out": (
        lambda: reading(lambda s, x: (lambda r: (s.out(r[0]), r[1]))(s.rnn(x))),
        "nothing but its recurrent layers and out may see the states",
    ),
    "a start of its own": (
        lambda: reading(lambda s, x: s.out(s.rnn(x, torch.ones(1, x.shape[1], M))[0])),
        "rnn must start at states of 0, it does not",
    ),
    "several runs": (
        lambda: reading(lambda s, x: s.out(s.rnn(x)[0]) + s.out(s.rnn(x.flip(0))[0])),
        "rnn must be run once a batch, it was run 2 times on 1",
    ),
    "a loop over steps": (
        lambda: reading(stepwise), "out must be run once a batch, it was run 5 times on the first"
    ),
    "the second step": (
        lambda: reading(lambda s, x: s.out(s.rnn(x)[0][1])),
        "out must read the last states or every one, it reads others",
    ),
    "an encoder": (
        lambda: reading(
            lambda s, x: s.out(s.rnn(x, s.encoder(x)[1])[0]), encoder=nn.GRU(D, M)
        ),
        "must read the states of encoder, and nothing else",
    ),
    "side by side": (
        lambda: reading(
            lambda s, x: s.out(torch.cat([s.rnn(x)[0], s.other(x)[0]], -1)),
            other=nn.GRU(D, M), out=nn.Linear(2 * M, Q),
        ),
        "they are read by something else",
    ),
    "a parametrised head": (
        lambda: reading(
            lambda s, x: s.out(s.rnn(x)[0]),
            out=nn.utils.parametrizations.weight_norm(nn.Linear(M, Q)),
        ),
        "they are read by something else|must hold their own weights",
    ),
}  # fmt: skip


@pytest.mark.parametrize("which", REFUSED)
def test_what_is_no_stack_is_refused_in_a_sentence_and_pruned_without(which):
    torch.manual_seed(0)
    build, words = REFUSED[which]
    net, x = build(), torch.randn(T, N, D)
    for options in ({"objective": "balanced"}, {"refit": "read-out"}):
        with pytest.raises(ValueError, match=words) as refused:
            prune_module(net, [x], 4, **options)
        assert "leave objective, refit and by_runs away" in str(refused.value)
    prune_module(net, [x], 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "best"}, "objective must be one of paper, balanced, got 'best'"),
        ({"refit": "all"}, "refit must be one of none, read-out, closed-loop, got 'all'"),
        ({"refit": "read-out", "reads": "every"}, "reads must be last or None, out forms no other"),
        ({"refit": "read-out", "reads": "first"}, "reads must be one of last, every"),
        ({"by_runs": True}, "by_runs decides between sets of nodes of the objective balanced"),
        ({"objective": "balanced", "method": "random"}, "method must be greedy or exhaustive"),
        ({"objective": "balanced", "k": 9}, "k of rnn must be an integer from 1 to 7, got 9"),
        ({"objective": "balanced", "outputs": "words"}, "outputs must be one of numbers, logits"),
    ],
)
def test_bad_input_is_one_sentence(options, words):
    net, batches, _, _ = made("plain")
    with pytest.raises(ValueError, match=words):
        pruned(net, batches, **{"k": 3, **options})


def test_the_last_output_may_count_alone_where_every_one_is_formed():
    net, batches, x, _ = made("words, every step")
    found, facts = pruned(net, batches, objective="balanced", refit="read-out", reads="last")
    small, fitted = expected(by_hand(net), x, None, "last", 3, "balanced", refit="read-out")
    assert facts.nodes["rnn"] == [small.nodes[0][0].tolist()]
    np.testing.assert_allclose(by_hand(found).w_output, fitted.w_output, rtol=1e-7, atol=1e-9)


def test_batches_of_their_own_lengths_are_padded():
    torch.manual_seed(0)
    net = reading(lambda s, x: s.out(s.rnn(x)[0][-1])).double()
    batches = [torch.randn(steps, 8, D, dtype=torch.float64) for steps in (2, 5, 3)]
    _, facts = prune_module(net, batches, 3, objective="balanced", facts=True)
    x = np.concatenate(
        [np.pad(b.numpy(), [(0, 5 - len(b)), (0, 0), (0, 0)]).transpose(1, 0, 2) for b in batches]
    )
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell = GRU(*[getattr(net.rnn, f"{name}_l0").detach().numpy() for name in names])
    stack = Stack([[cell]], net.out.weight.detach().numpy(), net.out.bias.detach().numpy())
    lengths = np.repeat([2, 5, 3], 8)
    small = prune_stack(stack, x, 3, lengths=lengths, objective="balanced")
    assert facts.nodes["rnn"] == [small.nodes[0][0].tolist()]


@pytest.mark.parametrize("options", [{}, {"objective": "balanced"}])
def test_what_did_not_learn_does_not_learn(options):
    torch.manual_seed(0)
    net, x = reading(lambda s, x: s.out(s.rnn(x)[0])), torch.randn(T, N, D)
    net.rnn.requires_grad_(False)
    found = prune_module(net, [x], 3, **options)
    assert not any(p.requires_grad for p in found.rnn.parameters())
    assert all(p.requires_grad for p in found.out.parameters())


class Mixed(nn.Module):
    """Half precision between parts that are kept in single, as is usual."""

    def __init__(self, dtype, bias=True):
        super().__init__()
        self.rnn = nn.GRU(D, M, bias=bias, num_layers=2).to(dtype)
        self.out = nn.Linear(M, Q, bias=bias).to(dtype)
        self.norm = nn.LayerNorm(Q)
        self.last = nn.Linear(Q, 2).double()

    def forward(self, x):
        f = self.out(self.rnn(x.to(self.out.weight.dtype))[0][-1])
        return self.last(self.norm(f.float()).double())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("options", list(ASKED.values()), ids=list(ASKED))
def test_half_precision_is_pruned_as_its_weights_are_in_single_and_rounded_last(dtype, options):
    torch.manual_seed(0)
    net, x = Mixed(dtype, bias="refit" not in options), torch.randn(T, N, D).to(dtype)
    before = {name: value.clone() for name, value in net.named_parameters()}
    wide = copy.deepcopy(net)
    wide.rnn.float(), wide.out.float()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the closed loop has")
        found, facts = prune_module(net, [(x, 1)], 3, facts=True, **options)
        expected, told = prune_module(wide, [(x.float(), 1)], 3, facts=True, **options)
    assert facts == told
    for name, value in found.named_parameters():
        kinds = {"norm": torch.float32, "last": torch.float64}
        assert value.dtype == kinds.get(name.partition(".")[0], dtype)
    for name, value in expected.named_parameters():
        assert torch.equal(found.get_parameter(name), value.to(found.get_parameter(name).dtype))
    assert found(x).shape == (N, 2)
    assert all(torch.equal(value, before[name]) for name, value in net.named_parameters())
    assert {value.dtype for value in net.rnn.parameters()} == {dtype}


def test_a_packed_batch_of_half_precision_is_taken():
    torch.manual_seed(0)
    net = reading(lambda s, x: s.out(nn.utils.rnn.pad_packed_sequence(s.rnn(x)[0])[0]))
    net, rows = net.bfloat16(), torch.randn(T, N, D).bfloat16()
    batch = nn.utils.rnn.pack_padded_sequence(rows, [T] * (N - 2) + [3, 2])
    found = prune_module(net, [(batch,)], 3, objective="balanced")
    assert {p.dtype for p in found.parameters()} == {torch.bfloat16}
    assert found(batch).dtype == torch.bfloat16


def test_tokens_with_one_table_for_both_ends_are_words_and_the_table_stays():
    torch.manual_seed(0)
    net, x = Net(nn.GRU, reads="every", table=True), torch.randint(0, WORDS, (T, N))
    net.rnn, net.out = nn.GRU(D, D), nn.Linear(D, WORDS)
    net.out.weight = net.embedding.weight
    before = net.embedding.weight.clone()
    logits, numbers = (
        prune_module(net, [x], 2, refit="read-out", outputs=outputs)
        for outputs in (None, "numbers")
    )
    assert torch.equal(logits.embedding.weight, before)
    assert logits.out.weight.shape == (WORDS, 2)
    assert not torch.equal(logits.out.weight, numbers.out.weight)
