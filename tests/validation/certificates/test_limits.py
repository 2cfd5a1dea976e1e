"""The checker at its limits: each test fails where one line of it says something slightly else."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import flint
import numpy as np
import pytest
from helpers.certificates import Network, packed, write

from validation import check_certificate as checker
from validation.certifying.network import Form, IntegerNetwork, TextForm

MNIST = {"task": "mnist", "shape": (28, 28), "x0": 255}
TEXT = {"task": "ptb-bytes", "shape": (), "x0": 1}


def decoded(network, task, shape, x0):
    bits = network.bits()
    said = {"bits": len(bits), "task": task, "language": 1}
    return checker.decode(said, packed(bits), shape, x0)


def plain(bias=0, **changes):
    """One node that reads nothing."""
    fields = {"e": {}, "power": 0, **changes}
    return Network([bias], [[0]], [[0] * 28], [[0]] * 10, [0] * 10, **fields)


def test_half_of_the_last_place_belongs_to_the_sum_of_a_state():
    # s = 22: (2^31 - 1) 2^22 + 2^22 is 2^53, and without the last term below it.
    e = {"w_input": -22}
    with pytest.raises(checker.Stop, match="may overflow"):
        decoded(plain(2**31 - 1, e=e), **MNIST)
    assert decoded(plain(2**31 - 2, e=e), **MNIST)["s"] == 22


def test_a_score_is_the_sum_of_states_and_bias():
    # H |w| = 2^40 (2^13 - 1) and the bias 2^40: 2^53 together.
    def network(bias):
        net = plain(power=40, e={"b_output": 20})
        net.w_output[3] = [2**13 - 1]
        net.b_output[3] = bias
        return net

    with pytest.raises(checker.Stop, match="may overflow"):
        decoded(network(2**20), **MNIST)
    assert decoded(network(2**20 - 1), **MNIST)["k"] == 1


def text(bias, weight=0, power=0, e=0):
    shown = {"b_output": e, "b_hidden": 0, "w_hidden": 0, "w_input": 0, "w_output": 0}
    read_out = [[weight], [0]], [bias, 0]
    return Network([0], [[0]], [[0, 0]], *read_out, e=shown, power=power, text=(4, [97, 98], 1))


def test_biases_of_texts_do_not_add_to_the_scores():
    # They are in units of their own: H |w| = 2^53 - 2^22 goes with the largest bias.
    assert decoded(text(2**31 - 1, 2**31 - 1, 22), **TEXT)["k"] == 1
    with pytest.raises(checker.Stop, match="may overflow"):
        decoded(text(0, 2**30, 23), **TEXT)


def test_the_project_asks_the_same_of_biases():
    zeros = np.zeros((1, 1), np.int64)

    def network(form, bias, weight, cap, q, e):
        shapes = {"w_hidden": zeros, "w_input": np.zeros((1, q), np.int64)}
        integers = {"b_hidden": np.zeros(1, np.int64), **shapes}
        integers["w_output"] = np.full((q, 1), weight)
        integers["b_output"] = np.full(q, bias)
        exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0) | e
        return IntegerNetwork(form, False, cap, exponents, integers)

    of_text = TextForm(4, (97, 98), 1)
    network(of_text, 2**31, 2**31 - 1, 22, 2, {"w_output": 0}).check_range(1)
    network(Form(), 2**20 - 1, 2**13 - 1, 40, 10, {"b_output": 20}).check_range(255)
    with pytest.raises(ValueError, match="class 0"):
        network(Form(), 2**20, 2**13 - 1, 40, 10, {"b_output": 20}).check_range(255)


@pytest.mark.parametrize(("size", "good"), [(1024, True), (1025, False), (-1025, False)])
def test_scores_of_texts_reach_2_to_the_10(size, good):
    net = decoded(text(size), **TEXT)
    if good:
        mean, _ = checker.measure_losses(net, np.frombuffer(b"aaab", np.uint8))
        assert mean > 0
    else:
        with pytest.raises(checker.Stop, match=r"larger than 2\^10"):
            checker.measure_losses(net, np.frombuffer(b"aaab", np.uint8))


def test_64_bits_are_read_behind_the_end_and_no_more():
    coder = checker.Decoder(packed([1, 0, 1]), 3)
    for _ in range(3 + 64 - 32):  # 32 were read at once
        coder.shift(0)
    with pytest.raises(checker.Stop, match="the code ends before the network does"):
        coder.shift(0)


def test_what_the_tail_leaves_away_is_added():
    # The level lies between the sum as far as it is taken, to 2^-80 of it, and the whole sum.
    n, errors, bound = 100_000, 20_000, 215_000
    flint.ctx.prec = 512
    p = flint.arb(bound) / 10**6
    total, term = flint.arb(1), flint.arb(1)
    for i in range(errors, 0, -1):
        term *= (1 - p) / p * i / (n - i + 1)
        total += term
    a, b, c = (flint.arb(i + 1).lgamma() for i in (n, errors, n - errors))
    exact = a - b - c + errors * p.log() + (n - errors) * (1 - p).log() + total.log()
    flint.ctx.prec = 256
    gap = flint.arb(2) ** -120
    assert not checker.tail_is_small(n, errors, bound, exact - gap)
    assert not checker.tail_is_small(n, errors, bound, exact)
    assert checker.tail_is_small(n, errors, bound, exact + flint.arb(2) ** -70)


def test_a_logarithm_that_is_wrong_in_its_last_places_certifies_nothing_more(monkeypatch):
    """The sums of a text have 2^-40 of their size to spare, for what a libm may do."""
    n, folders = 2**20, []
    x = np.frombuffer(b"ab" * (n // 2), np.uint8)
    net = text(3)
    string = net.bits()
    monkeypatch.setattr(checker, "load", lambda said, folders: (x, None, 1))
    real = np.log1p

    def check(delta, bound):
        code = packed(string)
        said = {"n": n, "task": "ptb-bytes", "bits": len(string), "language": 1, "delta": delta}
        said |= {"loss": 10**8, "bound": bound, "code_sha256": hashlib.sha256(code).hexdigest()}
        monkeypatch.setattr(checker, "read_statement", lambda folder: (said, code))
        return checker.check("", folders)

    # A bound, and the wealth at one millionth less: delta is set so that it just lacks.
    flint.ctx.prec = 256
    shown = check("0.5", 10**8)
    claimed = int(shown.split("at most ")[1].split()[0].replace(".", ""))
    _, counts = checker.measure_losses(decoded(net, **TEXT), x)
    z = np.arange(checker.GRAIN + 1) / checker.GRAIN
    used = counts > 0

    def wealth(wrong):
        flint.ctx.prec = 256
        m, total = flint.arb(claimed - 1) / (9 * 10**6), flint.arb(0)
        for a, b in checker.THETAS:
            log = sum(
                (int(t) * (1 - flint.arb(a) / b * flint.arb(float(v))).log()
                 for v, t in zip(z[used], counts[used])),
                flint.arb(0),
            )  # fmt: skip
            total += (log * (1 - wrong) - n * (1 - m * a / b).log()).exp()
        return float((total / len(checker.THETAS)).log().mid())

    true, off = wealth(flint.arb(0)), wealth(flint.arb(2) ** -42)
    assert off - true > 1e-9
    needed = (true + off) / 2 - len(string) * np.log(2)  # log(1/delta)
    delta = f"{np.exp(-needed):.12f}"
    assert 0 < float(delta) < 1
    # The decimals of delta are finer than the gap.
    assert true < len(string) * np.log(2) - np.log(float(delta)) < off
    monkeypatch.setattr(np, "log1p", lambda v: real(v) * (1 - 2.0**-42))
    check(delta, claimed)
    with pytest.raises(checker.Stop, match="larger than what is claimed"):
        check(delta, claimed - 1)


# --- what would run for ever ----------------------------------------------------------------------


def test_a_network_that_would_run_for_hours_is_refused_before_it_runs(monkeypatch, tmp_path):
    """k = 160 nodes on images of 784 steps: 1.3 10^12 products."""
    k = 160
    net = Network(
        [0] * k, [[0] * k] * k, [[0]] * k, [[0] * k] * 10, [0] * 10, e={}, d=1,
    )  # fmt: skip
    n = 60_000
    x, y = np.zeros((n, 28, 28), np.uint8), np.zeros(n, np.uint8)
    monkeypatch.setattr(checker, "load", lambda said, folders: (x, y, 255))
    monkeypatch.setattr(checker, "count_errors", lambda *given: pytest.fail("it ran"))
    folder = write(
        tmp_path / "cert", net, task="mnist", n=n, errors=0, bound="1.000000",
        data_sha256=checker.KNOWN["mnist"],
    )  # fmt: skip
    with pytest.raises(checker.Stop, match=r"more than 2\^40 products") as stop:
        checker.check(str(folder), [])
    assert stop.value.args[0] == 1


@pytest.mark.parametrize(
    ("n", "rows", "columns", "good"),
    [
        (60_000, 28, 28, True),
        (2**11, 2**10, 2**10, False),
        (2**24, 8, 8, True),
        (1, 1, 2**23, True),
    ],
)
def test_steps_of_long_sequences_count_even_where_they_compute_little(n, rows, columns, good):
    # One node that reads a number a step.
    net = decoded(plain_reader(), "npz", (rows, columns), 2**15)
    work = n * net["work"] + 2**16 * net["T"] * -(-n // net["many"])
    assert net["T"] == rows * columns
    assert (work <= 2**40) == good
    assert net["many"] * min(rows * columns, 2**22) <= 2**22


def plain_reader():
    return Network([0], [[0]], [[0]], [[0], [0]], [0, 0], e={}, d=1, a=0)


@pytest.mark.parametrize("name", ["pixel-mnist", "ptb-bytes"])
def test_what_is_committed_is_far_below_the_limit(name):
    folder = Path(__file__).parents[3] / "certificates" / name
    said = json.loads((folder / "certificate.json").read_text("utf-8"))
    shape, x0 = ((), 1) if name == "ptb-bytes" else ((28, 28), 255)
    net = checker.decode(said, (folder / "code.bin").read_bytes(), shape, x0)
    work = said["n"] * net["work"] + 2**16 * net["T"] * -(-said["n"] // net["many"])
    assert work < 2**38


# --- threads --------------------------------------------------------------------------------------

THREADS = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
import check_certificate as checker
folder, rng = Path(sys.argv[2]), np.random.default_rng(0)
said = json.loads((folder / "certificate.json").read_text("utf-8"))
text = said["task"] == "ptb-bytes"
shape, x0 = ((), 1) if text else ((28, 28), 255)
net = checker.decode(said, (folder / "code.bin").read_bytes(), shape, x0)
if text:
    x = rng.choice(np.array(net["alphabet"], np.uint8), 2**18)
    mean, counts = checker.measure_losses(net, x)
    print(hashlib.sha256(counts.tobytes()).hexdigest())
else:
    x, y = rng.integers(0, 256, (512, 28, 28)) * (rng.random((512, 28, 28)) < 0.2), np.zeros(512)
    sums = hashlib.sha256()
    real = checker.step
    def step(net, z, X):
        real(net, z, X)
        sums.update(z.tobytes())
    checker.step = step
    print(checker.count_errors(net, x, y.astype(int)), sums.hexdigest())
"""


@pytest.mark.parametrize("name", ["pixel-mnist", "ptb-bytes"])
def test_one_thread_and_two_give_the_same_states_to_the_last_bit(name):
    """Of the two certificates with the longest sequences, on drawn data: every state and count."""
    folder = Path(__file__).parents[3] / "certificates" / name
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    words = [sys.executable, "-c", THREADS, str(Path(checker.__file__).parent), str(folder)]
    said = [
        subprocess.run(
            words, check=True, capture_output=True, text=True,
            env={**os.environ, **dict.fromkeys(names, threads)},
        ).stdout
        for threads in ("1", "2")
    ]  # fmt: skip
    assert said[0] == said[1] != ""
