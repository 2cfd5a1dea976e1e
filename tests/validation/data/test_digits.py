"""The digits that come with the package."""

from __future__ import annotations

import gzip
import hashlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.data.digits import FILE, SHA256, digits


def rows(data):
    """Every image with its label, as a sorted list."""
    x = np.concatenate([data.x, data.x_test]).reshape(-1, 64)
    y = np.concatenate([data.y, data.y_test])
    return sorted(map(tuple, np.column_stack([x * 16, y]).astype(int).tolist()))


def test_the_file_is_the_one_that_the_licence_note_describes():
    content = FILE.read_bytes()
    assert len(content) == 57_523
    assert hashlib.sha256(gzip.decompress(content)).hexdigest() == SHA256
    note = (FILE.parent / "LICENCE.md").read_text()
    assert SHA256 in note
    assert "CC BY 4.0" in note


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), pixels=st.booleans())
def test_a_split_permutes_the_file_and_loses_nothing(seed, pixels):
    data = digits(pixels, seed)
    assert data.x.shape == ((1437, 64, 1) if pixels else (1437, 8, 8))
    assert len(data.x_test) == len(data.y_test) == 360
    lines = gzip.decompress(FILE.read_bytes()).decode().split()
    assert rows(data) == sorted(tuple(int(word) for word in line.split(",")) for line in lines)
    assert data.settings["permutation_seed"] == seed


def test_a_seed_gives_the_same_split_and_another_seed_another():
    np.testing.assert_array_equal(digits(seed=3).x, digits(seed=3).x)
    assert (digits(seed=3).y != digits(seed=4).y).any()


def test_pixels_are_the_rows_read_one_by_one():
    np.testing.assert_array_equal(digits(True).x.reshape(1437, 8, 8), digits(False).x)


@pytest.mark.parametrize("pixels", [False, True])
def test_the_bound_on_the_inputs_holds_for_every_image_of_that_kind(pixels):
    data = digits(pixels)
    assert data.x.min() >= 0
    assert data.x.max() <= 1
    largest = np.ones(data.d_x)
    assert data.x_bound == pytest.approx(np.linalg.norm(largest))
    assert Fraction(float(np.square(data.x).sum(axis=-1).max())) <= Fraction(data.x_bound) ** 2
