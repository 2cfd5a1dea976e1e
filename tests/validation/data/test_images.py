"""Images as sequences."""

import dataclasses
import hashlib
import struct

import numpy as np
import pytest

from validation.data import sources
from validation.data.images import halve, images


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    """Twenty training and ten test images in the place of MNIST; returns the arrays."""
    rng = np.random.default_rng(0)
    parts = []
    for n in (20, 10):
        parts.append(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        parts.append(rng.integers(0, 10, n, dtype=np.uint8))
    digests = {}
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, array in zip(sources.IDX_FILES, parts):
        header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
        data = header + array.tobytes()
        (folder / name).write_bytes(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    monkeypatch.setenv("RNNBOUNDS_DATA", str(tmp_path))
    source = dataclasses.replace(sources.SOURCES["mnist"], files=digests)
    monkeypatch.setitem(sources.SOURCES, "mnist", source)
    return parts


def test_a_row_or_a_pixel_is_a_step_in_reading_order(pictures):
    rows, pixels = images("mnist", "rows"), images("mnist", "pixels")

    assert rows.x.shape == (20, 28, 28)
    assert pixels.x.shape == (20, 784, 1)
    assert pixels.x_test.shape == (10, 784, 1)
    np.testing.assert_allclose(rows.x, pictures[0] / 255, rtol=1e-7)
    assert rows.x[3, 4, 5] == pixels.x[3, 4 * 28 + 5, 0]
    assert np.array_equal(rows.y, pictures[1])
    assert np.array_equal(pixels.y_test, pictures[3])


def test_halving_takes_the_mean_of_every_two_by_two_pixels(pictures):
    small = images("mnist", "rows", halvings=2).x

    for r, c in ((0, 0), (3, 6), (6, 1)):
        block = pictures[0][:, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4].astype(float)
        np.testing.assert_allclose(small[:, r, c], block.mean(axis=(1, 2)) / 255, rtol=1e-6)
    assert halve(np.ones((1, 4, 4), np.float32)).shape == (1, 2, 2)


def test_the_permutation_is_fixed_and_the_same_for_every_image(pictures):
    plain, first, again, other = (
        images("mnist", "pixels", permutation=seed) for seed in (None, 1, 1, 2)
    )

    assert np.array_equal(first.x, again.x)
    assert not np.array_equal(first.x, other.x)
    order = np.random.default_rng(1).permutation(784)
    assert np.array_equal(first.x, plain.x[:, order])
    assert np.array_equal(first.x_test, plain.x_test[:, order])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "ptb"}, "name must be one of mnist, fashion-mnist"),
        ({"form": "columns"}, "form must be one of rows, pixels"),
        ({"halvings": 3}, "halvings must be an integer from 0 to 2"),
        ({"permutation": 1}, "permutation needs the form pixels"),
        ({"name": "fashion-mnist"}, "run `rnnbounds data fetch fashion-mnist`"),
    ],
)
def test_bad_arguments_are_named(pictures, arguments, message):
    with pytest.raises(ValueError, match=message):
        images(**arguments)
