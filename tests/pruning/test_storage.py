"""Networks as files, and from a torch state_dict (torch itself is in tests/peers)."""

import json
import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning import RNN, load_network, save_network

SUFFIXES = [".npz", ".safetensors"]
NAMES = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")


def network(seed=0, m=4, activation="tanh"):
    rng = np.random.default_rng(seed)
    shapes = [(m, m), (m, 3), (m,), (2, m), (2,)]
    return RNN(*(rng.normal(size=shape) for shape in shapes), activation=activation)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("m", [0, 1, 5])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "leaky_relu:0.25"])
def test_what_is_saved_comes_back_bit_for_bit(tmp_path, suffix, m, activation):
    rnn = network(1, m, activation)
    path = tmp_path / f"net{suffix}"
    save_network(path, rnn)
    back = load_network(str(path))
    for name in NAMES:
        assert np.array_equal(getattr(back, name), getattr(rnn, name))
        assert getattr(back, name).shape == getattr(rnn, name).shape
    assert back.activation.name == activation


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_save_leaves_the_older_file_and_nothing_else(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"net{suffix}"
    save_network(path, network(1))
    before = path.read_bytes()

    def full(*args):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        save_network(path, network(2))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_saved_file_is_as_readable_as_any_new_file(tmp_path, suffix):
    path = tmp_path / f"net{suffix}"
    before = os.umask(0o022)
    try:
        save_network(path, network())
        (tmp_path / "plain").write_bytes(b"")
    finally:
        os.umask(before)
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return (open, ("unpickled", "w"))


def npy_of(array, allow_pickle=False):
    import io

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


def evil_npz(path):
    np.savez(path, w_hidden=np.array([Evil()], dtype=object), allow_pickle=True)


NOT_NETWORKS = {
    "empty": b"",
    "text": b"weights, honestly\n",
    "zip magic only": b"PK\x03\x04",
    "a pickle": pickle.dumps({"w_hidden": [1.0]}),
    "a single array": npy_of(np.eye(2)),
    "a pickled array": npy_of(np.array([Evil()], dtype=object), allow_pickle=True),
    "noise": bytes(range(256)) * 4,
    "a header longer than the file": struct.pack("<Q", 1 << 40) + b"{}",
    "a header that is no JSON": struct.pack("<Q", 4) + b"{{{{",
    "a tensor beyond the end": (lambda header: struct.pack("<Q", len(header)) + header)(
        json.dumps({"w": {"dtype": "F64", "shape": [9], "data_offsets": [0, 72]}}).encode()
    ),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", sorted(NOT_NETWORKS))
def test_a_file_that_is_not_what_its_name_says_is_one_sentence(tmp_path, suffix, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"net{suffix}"
    path.write_bytes(NOT_NETWORKS[kind])
    with pytest.raises(ValueError, match=f"not a readable {suffix[1:]} file") as caught:
        load_network(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "unpickled").exists()


def test_no_pickle_inside_an_npz_is_ever_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil_npz(tmp_path / "net.npz")
    with pytest.raises(ValueError, match="not a readable npz file of plain arrays"):
        load_network(tmp_path / "net.npz")
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data())
def test_damaged_files_are_refused_or_read_but_never_crash(tmp_path_factory, suffix, data):
    path = tmp_path_factory.mktemp("damaged") / f"net{suffix}"
    save_network(path, network())
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        rnn = load_network(path)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert rnn.m == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.pt", "must end in .npz or .safetensors, got 'net.pt'"),
        ("net", "must end in .npz or .safetensors, got 'net'"),
        ("absent.npz", "must be a file, got nothing"),
        ("folder.npz", "must be a file, got a folder"),
    ],
)
def test_a_path_that_cannot_be_a_network_is_one_sentence(tmp_path, name, message):
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(ValueError, match=message):
        load_network(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"w_output": None},
            "the arrays must include w_output, got activation|must include w_output",
        ),
        ({"w_hidden": np.ones((4, 5))}, r"w_hidden must have shape \(4, 4\), got \(4, 5\)"),
        ({"w_hidden": np.full((4, 4), np.nan)}, "w_hidden must be finite"),
        ({"b_output": np.array([np.inf, 0])}, "b_output must be finite"),
        ({"w_input": np.array([["a"]])}, "w_input must be an array of real numbers"),
        ({"activation": np.array("softplus")}, "activation must be one of"),
    ],
)
def test_arrays_that_are_not_a_network_are_one_sentence(tmp_path, change, message):
    arrays = {name: getattr(network(), name) for name in NAMES}
    arrays |= {"activation": np.array("tanh")} | change
    np.savez(tmp_path / "net.npz", **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(ValueError, match=message) as caught:
        load_network(tmp_path / "net.npz")
    assert "does not hold a network" in str(caught.value)


def test_a_file_without_an_activation_asks_for_it(tmp_path):
    arrays = {name: getattr(network(), name) for name in NAMES}
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(ValueError, match="does not say which activation"):
        load_network(tmp_path / "net.npz")
    assert load_network(tmp_path / "net.npz", activation="relu").activation.name == "relu"


class Tensor:
    """What `from_torch` may use of a tensor, and nothing more."""

    def __init__(self, value):
        self.value = np.asarray(value)
        self.shape, self.dtype = self.value.shape, f"torch.{self.value.dtype}"

    def detach(self):
        return self

    def cpu(self):
        return self

    def double(self):
        return Tensor(self.value.astype(np.float64))

    def numpy(self):
        assert self.value.dtype == np.float64
        return self.value


def state_dict(prefix="rnn.", head="fc.", m=4, gates=1, wrap=Tensor, bias=True):
    rng = np.random.default_rng(0)
    shapes = {
        prefix + "weight_ih_l0": (gates * m, 3),
        prefix + "weight_hh_l0": (gates * m, m),
        prefix + "bias_ih_l0": (gates * m,),
        prefix + "bias_hh_l0": (gates * m,),
        head + "weight": (2, m),
        head + "bias": (2,),
    }
    return {
        key: wrap(rng.normal(size=shape).astype(np.float32))
        for key, shape in shapes.items()
        if bias or "bias" not in key
    }


@pytest.mark.parametrize("prefix", ["", "rnn.", "model.encoder.rnn."])
@pytest.mark.parametrize("head", ["", "fc.", "model.decoder."])
@pytest.mark.parametrize("wrap", [Tensor, np.asarray])
def test_both_biases_are_added_whatever_the_modules_are_called(prefix, head, wrap):
    weights = state_dict(prefix, head, wrap=wrap)
    rnn = RNN.from_torch(weights, activation="relu")
    plain = {key: getattr(value, "value", value) for key, value in weights.items()}
    assert np.array_equal(rnn.w_hidden, plain[prefix + "weight_hh_l0"])
    assert np.array_equal(rnn.w_input, plain[prefix + "weight_ih_l0"])
    both = plain[prefix + "bias_ih_l0"].astype(float) + plain[prefix + "bias_hh_l0"]
    assert np.array_equal(rnn.b_hidden, both)
    assert np.array_equal(rnn.w_output, plain[head + "weight"])
    assert np.array_equal(rnn.b_output, plain[head + "bias"])
    assert rnn.activation.name == "relu"


def test_masks_parametrisations_and_wrappers_are_read_as_prune_reads_them(tmp_path):
    from safetensors.numpy import save_file

    plain = state_dict(wrap=np.asarray)
    mask = (np.arange(16).reshape(4, 4) % 3 > 0).astype(np.float32)
    masked = {f"module._orig_mod.{key}": value for key, value in plain.items()}
    whole = masked.pop("module._orig_mod.rnn.weight_hh_l0")
    masked["module._orig_mod.rnn.weight_hh_l0_orig"] = whole
    masked["module._orig_mod.rnn.weight_hh_l0_mask"] = mask
    save_file(masked, tmp_path / "net.safetensors")

    for found in (
        RNN.from_torch({key: Tensor(value) for key, value in masked.items()}),
        load_network(tmp_path / "net.safetensors", "tanh"),
    ):
        assert np.array_equal(found.w_hidden, plain["rnn.weight_hh_l0"].astype(float) * mask)
        assert np.array_equal(found.w_input, plain["rnn.weight_ih_l0"])


def test_missing_biases_read_as_zeros():
    rnn = RNN.from_torch(state_dict(bias=False), activation="tanh")
    assert np.array_equal(rnn.b_hidden, np.zeros(4))
    assert np.array_equal(rnn.b_output, np.zeros(2))


def without(key):
    weights = state_dict()
    del weights[key]
    return weights


REFUSED = {
    "an LSTM": (state_dict(gates=4), "must be of an nn.RNN, got an LSTM"),
    "a GRU": (state_dict(gates=3), "must be of an nn.RNN, got a GRU"),
    "two layers": (
        state_dict() | {"rnn.weight_ih_l1": np.eye(4), "rnn.weight_hh_l1": np.eye(4)},
        "must be of an nn.RNN of one layer, got several layers",
    ),
    "two directions": (
        state_dict() | {"rnn.weight_ih_l0_reverse": np.ones((4, 3))},
        "must be of an nn.RNN in one direction, got a bidirectional one",
    ),
    "two networks": (
        state_dict() | state_dict(prefix="other."),
        "must hold one nn.RNN, with one key that ends in weight_ih_l0, got 2 such keys",
    ),
    "no network": ({"fc.weight": np.eye(2)}, "must hold one nn.RNN, .* got 0 such keys"),
    "no recurrence": (without("rnn.weight_hh_l0"), "must hold rnn.weight_hh_l0, got no such key"),
    "no read-out": (
        {k: v for k, v in state_dict().items() if "fc" not in k},
        "must hold one nn.Linear beside the nn.RNN, got nothing else",
    ),
    "two read-outs": (
        state_dict() | {"fc2.weight": np.eye(2)},
        "must hold one nn.Linear beside the nn.RNN, got fc.weight, fc.bias, fc2.weight",
    ),
    "a norm": (
        state_dict() | {"norm.running_mean": np.zeros(4)},
        "must hold one nn.Linear beside the nn.RNN",
    ),
    "a wrong read-out": (
        state_dict() | {"fc.weight": np.ones((2, 5))},
        r"w_output must have shape \(2, 4\), got \(2, 5\)",
    ),
    "nan": (
        state_dict() | {"rnn.bias_hh_l0": np.full(4, np.nan)},
        "rnn.bias_hh_l0 must be finite",
    ),
    "not a mapping": ([1, 2], "state_dict must be a mapping from names to arrays, got list"),
}


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_other_networks_get_one_sentence(kind):
    weights, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message) as caught:
        RNN.from_torch(weights)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_state_dict_in_a_file_is_read_when_the_activation_is_given(tmp_path, suffix):
    weights = state_dict(wrap=np.asarray)
    path = tmp_path / f"net{suffix}"
    if suffix == ".npz":
        np.savez(path, **weights)
    else:
        from safetensors.numpy import save_file

        save_file(weights, path)
    with pytest.raises(ValueError, match="does not say which activation"):
        load_network(path)
    expected = RNN.from_torch(weights, "relu")
    assert np.array_equal(load_network(path, "relu").b_hidden, expected.b_hidden)


def test_from_torch_does_not_import_torch():
    code = (
        "import sys, numpy as np; from pruning import RNN; "
        "RNN.from_torch({'weight_ih_l0': np.ones((2, 1)), 'weight_hh_l0': np.eye(2), "
        "'weight': np.ones((1, 2))}); "
        "assert 'torch' not in sys.modules and 'safetensors' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
