"""Tightening: constants whose best value is known, and the command."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from validation import ClaimError, Conclusion, Instance, certify, claim, draw, load_claim
from validation.checking.searched import search
from validation.checking.tighten import Tightened, tighten

LONG = 1000.0  # seconds that no run here takes


def tightened(statement, constant="c", evaluations=1000, **options) -> Tightened:
    found = tighten(statement, constant, seconds=LONG, max_evaluations=evaluations, **options)
    if found.certified and found.value is not None:  # what it says of the instance is true
        at_value = statement.with_constants(**{constant: Fraction(found.value)})
        below = statement.with_constants(**{constant: Fraction(found.fails_at)})
        assert certify(at_value, found.instance).conclusion in (Conclusion.HOLDS, Conclusion.TIGHT)
        assert certify(below, found.instance).conclusion is Conclusion.VIOLATED
    return found


@pytest.mark.parametrize(
    ("name", "known", "gap"),
    [
        ("selection.eckart_young", 1, 0),  # attained
        ("dpp.norm", 1, 0),  # attained
        ("dof.spectrum_split", 2, 1e-6),  # approached
        ("dof.spectrum_split_tail", 2, 1e-6),
        ("dpp.existence", 2, 1e-6),  # approached by flat spectra
    ],
)
def test_known_constants_are_hit(name, known, gap):
    found = tightened(load_claim(name))

    assert found.certified
    assert known * (1 - gap) <= found.value <= known
    assert found.value - found.fails_at <= 1e-9
    assert found.notes == ()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_the_four_of_the_leverage_bound_is_approached(seed):
    found = tightened(load_claim("leverage.loss_bound"), evaluations=12_000, seed=seed)

    assert found.certified
    assert 3.99 < found.value <= 4


def test_the_leverage_bound_cannot_have_a_much_smaller_constant():
    found = tightened(load_claim("leverage.loss_bound"), evaluations=4000)

    assert found.certified
    assert 3 < found.value <= 4


def test_a_constant_that_is_not_the_published_one_is_found_as_a_fraction():
    statement = claim("test.third", "x", draw(x=draw.positive(below=10)))(
        lambda xp, x, *, c=5: (x, c * (3 * x + x * x))
    )

    found = tightened(statement)

    assert found.published == 5
    assert found.value == pytest.approx(1 / 3, rel=1e-6)


def test_a_published_value_that_is_too_small_is_said_to_be_violated():
    statement = claim("test.small", "x", draw(x=draw.positive(below=8), y=draw.positive(below=8)))(
        lambda xp, x, y, *, c=Fraction(3, 2): ((x + y) ** 2, c * (x * x + y * y))
    )

    found = tightened(statement)

    assert found.value == 2
    assert found.ratio == pytest.approx(4 / 3)
    assert "the published value is violated" in found.notes


def test_a_constant_on_the_left_is_tightened_upwards():
    statement = claim("test.left", "x", draw(x=draw.vectors("m")))(
        lambda xp, x, *, c=1: (c * xp.max(x * x), 3 * xp.sum(x * x))
    )

    found = tightened(statement)

    assert found.upwards
    assert found.value == 3
    assert found.fails_at > 3
    assert found.notes == ()


def test_an_exponent_is_found_by_a_secant():
    statement = claim("test.exponent", "x", draw(x=draw.positive(above=1, below=1000)))(
        lambda xp, x, *, a=3: (x * xp.sqrt(x), xp.exp(a * xp.log(x)))
    )

    found = tightened(statement, "a")

    assert found.value == pytest.approx(1.5, abs=1e-9)
    assert found.certified


def test_a_constant_that_moves_instances_either_way_is_bisected():
    # |x - c| <= 2 for x in [1, 2] holds for c in [0, 3] only.
    statement = claim("test.both", "x", draw(x=draw.reals(1, 2)))(
        lambda xp, x, *, c=1: (xp.abs(x - c), xp.asarray(2.0))
    )

    found = tightened(statement, evaluations=4000)

    assert found.value == pytest.approx(0, abs=2e-3)
    assert found.fails_at < found.value
    assert "bisected" in found.notes[0]


def test_no_value_at_all_is_an_answer():
    statement = claim("test.never", "x", draw(x=draw.positive()))(lambda xp, x, *, c=1: (x, -c * x))

    found = tightened(statement, evaluations=400)

    assert found.value is None
    assert found.instance is not None
    assert any("no value" in note for note in found.notes)


def test_a_loose_claim_is_called_loose():
    statement = claim("test.loose", "x", draw(x=draw.positive()))(
        lambda xp, x, *, c=4096: (x, c * x)
    )

    found = tightened(statement, evaluations=300)

    assert found.value == 1
    assert found.ratio == pytest.approx(1 / 4096)
    assert found.notes[0].startswith("loose: the largest ratio seen at the published value is")


def test_the_instance_meets_the_hypotheses():
    statement = claim(
        "test.disc", "x", draw(x=draw.reals(-1, 1), y=draw.reals(-1, 1)),
        hypotheses={"x^2 + y^2 <= 1": lambda xp, x, y: (x * x + y * y, xp.asarray(1.0))},
    )(lambda xp, x, y, *, c=9: (x + 2 * y, xp.asarray(c)))  # fmt: skip

    found = tightened(statement, evaluations=3000)

    assert found.value == pytest.approx(math.sqrt(5), rel=1e-3)
    assert found.value <= math.sqrt(5)


def test_a_loewner_claim_is_tightened():
    statement = claim("test.loewner", "x", draw(x=draw.vectors("m"), sizes={"m": (1, 3)}),
                      kind="loewner")(
        lambda xp, x, *, c=5: (xp.linalg.outer(x, x), c * xp.eye(x.shape[0]) * x * x)
    )  # fmt: skip

    found = tightened(statement)

    assert found.value == pytest.approx(3, rel=1e-6)


def test_one_seed_gives_one_answer():
    runs = [tightened(load_claim("volume.dof"), evaluations=400, seed=3) for _ in range(2)]

    assert runs[0] == runs[1]


def test_starts_are_used():
    statement = load_claim("dof.spectrum_split")
    start = Instance({"m": 1}, {"mu": np.array([1 + 2.0**-50]), "lam": 1.0})

    found = tightened(statement, evaluations=20, start=[start])

    assert 2 - found.value < 1e-13


@pytest.mark.parametrize(
    ("statement", "constant", "message"),
    [
        (load_claim("dpp.size"), "c", "an identity has no slack"),
        (load_claim("dof.spectrum_split"), "d", "no constant 'd'"),
        (
            claim("test.unused", "x", draw(x=draw.reals()))(lambda xp, x, *, c=1: (x, x + 1)),
            "c",
            "c does not change the sides",
        ),
    ],
)
def test_what_cannot_be_tightened_is_said_in_a_sentence(statement, constant, message):
    with pytest.raises(ClaimError, match=message):
        tighten(statement, constant, seconds=LONG, max_evaluations=100)


def command(*arguments):
    line = [sys.executable, "-c", "from validation.commands import main; main()", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=120)


def test_the_command_prints_the_value_and_the_instance_that_stops_it(tmp_path):
    path = tmp_path / "found.json"

    ran = command("tighten", "dof.spectrum_split", "--constant", "c", "--budget", "10",
                  "--json", str(path))  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert "is the smallest value at which no violation was found" in ran.stdout
    assert "certified to fail at c = 1.99" in ran.stdout
    assert "lam = " in ran.stdout
    (found,) = json.loads(path.read_text())
    assert found["published"] == 2
    assert 1.99 < found["value"] <= 2
    assert Instance.from_json(found["instance"]).sizes["m"] >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dof.spectrum_split", "--constant", "d"), "no constant 'd'; its constants: c"),
        (("dpp.size",), "dpp.size has no constant to tighten"),
        (("dpp.size", "dof.range_rank"), "none of these 2 claims has a constant to tighten"),
        (("dof.spectrum_split", "--budget", "0"), "--budget must be a positive number"),
        (("no.such",), "no.such"),
    ],
)
def test_bad_input_of_the_command_is_one_sentence(arguments, message):
    ran = command("tighten", *arguments)

    assert ran.returncode == 2
    assert message in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_what_has_no_constant_is_left_out_of_a_file(tmp_path):
    (tmp_path / "lemmas.py").write_text(
        "from rnnbounds import claim, draw\n\n\n"
        "@claim('mine.plain', 'x', draw(x=draw.positive()))\n"
        "def plain(xp, x):\n    return x, 2 * x\n\n\n"
        "@claim('mine.half', 'x', draw(x=draw.positive()))\n"
        "def half(xp, x, *, c=1):\n    return x, 2 * c * x\n"
    )
    ran = command("tighten", str(tmp_path / "lemmas.py"), "--budget", "1")

    assert ran.returncode == 0, ran.stderr
    assert "mine.plain: no constant to tighten" in ran.stdout
    assert "mine.half: c = " in ran.stdout


def test_a_violated_constant_gives_exit_code_1(tmp_path):
    (tmp_path / "lemmas.py").write_text(
        "from validation import claim, draw\n\n\n"
        "@claim('mine.half', 'x', draw(x=draw.positive()))\n"
        "def half(xp, x, *, c=1):\n"
        "    return 2 * x, c * x\n"
    )

    ran = command("tighten", str(tmp_path / "lemmas.py"), "--budget", "1")

    assert ran.returncode == 1, ran.stderr
    assert "c = 2 is the smallest value" in ran.stdout
    assert "the published value is violated" in ran.stdout


POSITIVE = draw(x=draw.positive())
INWARDS = {  # the statement, and the least c that makes it true
    "a pole": (lambda xp, x, *, c=3: (x / 10, (c - 1) * x), Fraction(11, 10)),
    "a logarithm": (lambda xp, x, *, c=3: (x / 10, xp.log(xp.asarray(c)) * x), math.exp(0.1)),
    "a cliff": (lambda xp, x, *, c=3: (x / 10, xp.floor(xp.asarray(c) * 2 / 3) * x), 1.5),
    "a root": (lambda xp, x, *, c=3: (x, xp.sqrt(xp.asarray(c) - 2) * 2 * x), 2.25),
}


@pytest.mark.parametrize("kind", INWARDS)
def test_walls_are_not_passages(kind):
    body, least = INWARDS[kind]

    found = tightened(claim("test.wall", "x", POSITIVE)(body))

    assert found.value == pytest.approx(float(least), rel=1e-9)
    assert found.value >= float(least) * (1 - 1e-12)
    assert found.certified


def test_where_a_side_is_lost_the_value_is_one_that_was_tried():
    statement = claim("test.lost", "x", POSITIVE)(
        lambda xp, x, *, c=3: (-x, xp.sqrt(xp.asarray(c) - 2) * x)
    )

    found = tightened(statement)

    assert 2 <= found.value <= 2.01
    assert not found.certified
    assert any("a side is lost" in note for note in found.notes)


def test_a_value_that_nothing_stops_was_tried():
    statement = claim("test.free", "x", draw(x=draw.positive(below=8)))(
        lambda xp, x, *, c=3: (x / 10, x * (1 + c))
    )

    found = tightened(statement)

    at_value = statement.with_constants(c=Fraction(found.value))
    assert search(at_value, seconds=LONG, max_evaluations=500).worst[0][0] <= 0


def test_no_admissible_instance_is_said_in_a_sentence():
    for hypothesis in (lambda xp, x: (x + 1, x), lambda xp, x: (xp.asarray(2.0), x / x)):
        statement = claim("test.none", "x", POSITIVE, hypotheses={"never": hypothesis})(
            lambda xp, x, *, c=3: (x, c * x)
        )
        with pytest.raises(ClaimError, match="certainly meets the hypotheses, so no value of c"):
            tighten(statement, "c", seconds=LONG, max_evaluations=100)


def test_a_dependence_that_is_not_monotone_is_said():
    statement = claim("test.bump", "x", draw(x=draw.reals(1, 2)))(
        lambda xp, x, *, c=4: (3 * x, x * c * (1 + 10 * (xp.asarray(c) - 2) ** 2))
    )

    found = tightened(statement)

    assert any("not monotone in c" in note for note in found.notes)


def test_a_published_value_that_is_violated_while_a_tighter_one_is_not_is_not_passed_over():
    statement = claim("test.valley", "x", draw(x=draw.reals(1, 2)))(
        lambda xp, x, *, c=4: (x * (1 - (xp.asarray(c) - 4) ** 2), x / 2)
    )

    found = tightened(statement)

    assert found.value is None or abs(float(found.value) - 4) >= math.sqrt(0.5) * (1 - 1e-9)
