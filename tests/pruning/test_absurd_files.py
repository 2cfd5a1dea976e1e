"""Files of networks that are damaged or absurd: one ValueError, whatever NumPy would have said."""

from __future__ import annotations

import json
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning import RNN, load_network, save_network
from pruning.storage import read_arrays
from validation.data.dataset import read_file

SHAPES = [
    "10**12,", "1000000000000,", "4611686018427387904, 4611686018427387904", "-1,", "3, -4",
    "0, 99999999999999999999999999", "1.5,", "'a',", "9223372036854775807,", str(10**30) + ",",
]  # fmt: skip
HEADERS = [
    *(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}" for shape in SHAPES),
    "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<V99999999999', 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<U4', 'fortran_order': False, 'shape': (99999999999999,), }",
    "{'descr': '<f8'}", "[", "(" * 200, "9" * 9000, "",
]  # fmt: skip


def npz(path, header):
    text = header.encode() + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("w_hidden", "x", "y"):
            data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 24
            archive.writestr(f"{name}.npy", data)
    return path


@pytest.mark.filterwarnings("ignore")  # NumPy's, about headers of old versions
@pytest.mark.parametrize("header", HEADERS, ids=lambda h: h[:60])
@pytest.mark.parametrize("read", [read_arrays, load_network, read_file])
def test_an_absurd_header_of_an_npz_file_is_one_sentence(read, header, tmp_path):
    path = npz(tmp_path / "a.npz", header)

    with pytest.raises(ValueError, match=r"a\.npz") as caught:
        read(path)

    assert "\n" not in str(caught.value)


SAFE_SHAPES = [[10**12], [2**62, 2**62], [-1], [1.5], ["a"], [2**70], [0, 2**63], None]
SAFE_ENDS = [[0, 8], [0, 64], [8, 0], [0, 2**63], [-1, 8], [0, 2**70], None]


@pytest.mark.parametrize("shape", SAFE_SHAPES, ids=str)
@pytest.mark.parametrize("ends", SAFE_ENDS, ids=str)
def test_an_absurd_header_of_a_safetensors_file_is_one_sentence(shape, ends, tmp_path):
    entry = {"dtype": "F64", "shape": shape, "data_offsets": ends}
    header = json.dumps({"w_hidden": entry}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 64)

    with pytest.raises(ValueError, match="not a readable safetensors file"):
        load_network(path)


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**40, 2**63, 2**64 - 1])
def test_a_length_that_no_file_has_is_one_sentence(length, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{}" + b"\0" * 64)

    with pytest.raises(ValueError, match="not a readable safetensors file"):
        load_network(path)


@pytest.mark.filterwarnings("ignore")
@given(
    turned=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=4),
    suffix=st.sampled_from(["npz", "safetensors"]),
)
def test_bytes_turned_at_random_give_a_network_or_a_value_error(turned, suffix, tmp_path_factory):
    path = tmp_path_factory.mktemp("turned") / f"a.{suffix}"
    rng = np.random.default_rng(0)
    w_hidden, w_input, w_output = (rng.normal(size=s) for s in ((3, 3), (3, 2), (1, 3)))
    save_network(path, RNN(w_hidden, w_input, np.zeros(3), w_output, np.zeros(1), "tanh"))
    held = bytearray(path.read_bytes())
    for place, byte in turned:
        held[place % len(held)] = byte
    path.write_bytes(held)

    try:
        found = load_network(path)
    except ValueError:
        return
    assert found.m == 3
