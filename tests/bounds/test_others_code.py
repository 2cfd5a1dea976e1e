"""The prefix-free code of a network."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.others.arithmetic_coder import Decoder, Encoder, Model
from bounds.others.code import BLOCKS, QuantisedRNN, decode, encode, estimated_bits, quantise
from pruning import RNN

BITS = st.lists(st.integers(0, 1), max_size=40)


def quantised(m: int, d_x: int, d_y: int, fill, activation: str = "relu", exponent=-3):
    shapes = [(m, m), (m, d_x), (m,), (d_y, m), (d_y,)]
    values = {b: np.asarray(fill(shape), dtype=np.int64) for b, shape in zip(BLOCKS, shapes)}
    return QuantisedRNN(activation, dict.fromkeys(BLOCKS, exponent), values)


@st.composite
def networks(draw: st.DrawFn) -> QuantisedRNN:
    m, d_x, d_y = draw(st.integers(0, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    scale = draw(st.sampled_from([0, 1, 2, 9, 1 << 40, (1 << 52)]))
    numbers = st.integers(-scale, scale)

    def fill(shape):
        size = int(np.prod(shape))
        return np.array(draw(st.lists(numbers, min_size=size, max_size=size))).reshape(shape)

    name = draw(st.sampled_from(["relu", "tanh", "identity", "logistic", "leaky_relu:0.3"]))
    return quantised(m, d_x, d_y, fill, name, draw(st.integers(-1000, 960)))


@given(networks(), BITS)
def test_decoding_gives_the_network_back_whatever_follows_the_code(network, after):
    """So no code is the beginning of another: the code is prefix-free."""
    code = encode(network)
    assert decode(code).same(network)
    assert decode(code + after).same(network)
    assert set(code) <= {0, 1}


def test_kraft_holds_for_all_small_networks_together():
    lengths = []
    for numbers in itertools.product(range(-2, 3), repeat=5):
        values = iter(numbers)
        network = quantised(1, 1, 1, lambda shape, v=values: np.array(next(v)).reshape(shape))
        lengths.append(len(encode(network)))
    assert len(lengths) == 5**5
    assert sum(2.0**-length for length in lengths) <= 1


def test_all_codes_of_small_networks_are_prefix_free():
    codes = []
    for numbers in itertools.product(range(-1, 2), repeat=5):
        values = iter(numbers)
        network = quantised(1, 1, 1, lambda shape, v=values: np.array(next(v)).reshape(shape))
        codes.append("".join(map(str, encode(network))))
    codes.sort()  # a prefix sorts immediately before what it begins
    assert not any(b.startswith(a) for a, b in itertools.pairwise(codes))


@given(networks())
def test_the_estimated_length_is_right_to_a_few_bits(network):
    assert abs(len(encode(network)) - estimated_bits(network)) <= 2 + 0.1 * len(encode(network))


def test_entropy_coding_comes_close_to_the_entropy(rng):
    """10,000 integers with a two-sided geometric law of 3 bits or so."""
    shape = (100, 100)
    q = rng.geometric(0.3, shape) - rng.geometric(0.3, shape)
    network = quantised(100, 1, 1, lambda s: q if s == shape else np.zeros(s))
    _, counts = np.unique(q, return_counts=True)
    share = counts / counts.sum()
    entropy = -(share * np.log2(share)).sum() * q.size
    assert entropy < len(encode(network)) < 1.05 * entropy
    assert abs(len(encode(network)) - estimated_bits(network)) < 20


@given(st.integers(0, 52), st.integers(0, 2**32))
def test_quantised_weights_are_as_near_as_the_step_says(bits, seed):
    rng = np.random.default_rng(seed)
    net = RNN(
        rng.normal(size=(3, 3)) * 10.0 ** rng.integers(-200, 200),
        rng.normal(size=(3, 2)),
        np.zeros(3),
        rng.normal(size=(2, 3)),
        rng.normal(size=2),
        "tanh",
    )
    found = quantise(net, bits)
    for block in BLOCKS:
        weights, rounded = getattr(net, block), getattr(found.network(), block)
        assert np.abs(rounded - weights).max(initial=0) <= 2.0 ** (found.exponents[block] - 1)
        assert np.abs(found.integers[block]).max(initial=0) <= 2**bits
    assert decode(encode(found)).same(found)


def test_a_weight_of_52_bits_survives_exactly():
    net = RNN([[1 / 3]], [[0.1]], [0.0], [[np.pi]], [np.e], "identity")
    back = decode(encode(quantise(net, 52))).network()
    for block in BLOCKS:
        np.testing.assert_allclose(getattr(back, block), getattr(net, block), rtol=2.0**-52)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), max_size=400), BITS)
def test_the_coder_returns_any_bits_under_any_models(bits, after):
    encoder, models = Encoder(), [None, Model(), Model()]
    for bit, which in bits:
        encoder.bit(bit, models[which])
    code = encoder.finish()
    decoder, models = Decoder(code + after), [None, Model(), Model()]
    assert [decoder.bit(0, models[which]) for _, which in bits] == [bit for bit, _ in bits]


def test_counts_that_fade_are_the_same_on_both_sides():
    encoder, model = Encoder(), Model()
    bits = [int(i % 97 == 0) for i in range(100_000)]
    for bit in bits:
        encoder.bit(bit, model)
    code = encoder.finish()
    decoder, model = Decoder(code), Model()
    assert [decoder.bit(0, model) for _ in bits] == bits
    assert len(code) < 0.1 * len(bits)


@given(networks(), st.integers(65, 200))
def test_a_code_that_is_cut_off_is_refused_or_another_network(network, cut):
    code = encode(network)
    try:
        other = decode(code[:-cut])
    except ValueError as error:
        assert "code must be that of a network" in str(error)  # noqa: PT017
    else:
        assert other.network().m >= 0


@pytest.mark.parametrize("length", [0, 1, 7, 64, 500])
def test_any_bits_decode_to_a_network_or_are_refused_in_one_sentence(length):
    rng = np.random.default_rng(length)
    for _ in range(200):
        bits = rng.integers(0, 2, size=length).tolist()
        try:
            network = decode(bits)
        except ValueError as error:
            assert "code must be that of a network" in str(error)  # noqa: PT017
        else:
            assert network.network().m >= 0


def test_an_activation_without_a_code_is_refused():
    with pytest.raises(ValueError, match="activation must be one that has a code"):
        encode(quantised(1, 1, 1, np.zeros, "sine"))
