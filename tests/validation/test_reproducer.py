"""The printed test: it runs as it is, fails while the claim is violated, and loses no bit."""

from __future__ import annotations

import ast
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from validation import Conclusion, Instance, certify, load_claim, load_file, verify
from validation.checking.reproducer import is_catalogue, reproducer

LEMMAS = """\
from validation import claim, draw


@claim("mine.norm-1", "x", draw(x=draw.vectors("m"), net=draw.networks(),
       J=draw.node_sets("m", "k")))
def norm(xp, x, net, J, *, c=1):
    return xp.sum(xp.abs(x)) + 1, c * xp.sqrt(xp.sum(x * x))
"""


@pytest.fixture
def lemma(tmp_path):
    path = tmp_path / "it's lemmas.py"
    path.write_text(LEMMAS)
    (found,) = load_file(path)
    return found


def instance_of(lemma) -> Instance:
    drawn = lemma.instances.sample(np.random.default_rng(3))
    x = np.array([0.1, -1e-300, 2.0**60 + 256])[: drawn.sizes["m"]]
    return Instance(drawn.sizes, {**drawn.raw, "x": np.resize(x, drawn.sizes["m"])})


def run(text: str) -> None:
    scope: dict = {}
    exec(compile(text, "pasted", "exec"), scope)
    (test,) = [value for name, value in scope.items() if name.startswith("test_")]
    test()


def test_it_fails_with_the_message_while_the_claim_is_violated(lemma):
    with pytest.raises(AssertionError, match="left certainly exceeds right"):
        run(reproducer(lemma, instance_of(lemma)))


def test_it_passes_once_the_claim_is_repaired(lemma):
    instance = instance_of(lemma)
    text = reproducer(lemma, instance)
    path = lemma.where[0]
    with open(path, "w") as file:
        file.write(LEMMAS.replace("c * xp.sqrt", "9 + c * 3 * xp.sqrt"))

    run(text)


def test_the_instance_comes_back_bit_by_bit(lemma):
    instance = instance_of(lemma)

    calls = [
        node
        for node in ast.walk(ast.parse(reproducer(lemma, instance)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Instance.from_json"
    ]

    assert len(calls) == 1
    assert Instance.from_json(ast.literal_eval(calls[0].args[0])) == instance
    assert "0x1.999999999999ap-4" in ast.unparse(calls[0])  # 0.1, exactly


@pytest.mark.parametrize("value", [1, 1.5, Fraction(3, 2)])
def test_constants_of_a_catalogue_claim_are_set_again(value):
    smaller = load_claim("dof.spectrum_split").with_constants(c=value)
    instance = Instance({"m": 1}, {"mu": np.array([1 + 2.0**-10]), "lam": 1.0})
    assert certify(smaller, instance).conclusion is Conclusion.VIOLATED

    text = reproducer(smaller, instance)

    assert is_catalogue(smaller)
    assert smaller.where[0] not in text
    with pytest.raises(AssertionError):
        run(text)


def test_pytest_runs_it_as_a_file_and_it_fails(lemma, tmp_path):
    path = tmp_path / "test_pasted.py"
    path.write_text(reproducer(lemma, instance_of(lemma)))

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)],
        capture_output=True, text=True, cwd=tmp_path, timeout=120,
    )  # fmt: skip

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "1 failed" in ran.stdout
    assert "left certainly exceeds right" in ran.stdout


OPTIONS = ["a \"quoted\" name", "it's", "both ' and \"", "a\\b\n", "nan", "0x1p+0", "ü",
           Fraction(1, 3), (1, 2), ("a", Fraction(-2, 7), None), None, True, 3, 0.1,
           (), ((1,), 2)]  # fmt: skip

CHOICES = """\
from fractions import Fraction

from validation import claim, draw


@claim("mine.choices", "x", draw(c=draw.choices({options}), x=draw.reals(1, 2)))
def choices(xp, c, x):
    assert any(c == o and type(c) is type(o) for o in [{options}]), repr(c)
    return 2 * x, x
"""


@pytest.mark.parametrize("option", OPTIONS, ids=repr)
def test_choices_of_any_kind_come_back_from_the_printed_test(option, tmp_path):
    path = tmp_path / "chosen.py"
    path.write_text(CHOICES.format(options=repr(option)))
    (lemma,) = load_file(path)
    instance = lemma.instances.sample(np.random.default_rng(0))
    sys.modules.pop("chosen", None)

    again = Instance.from_json(instance.to_json())

    assert again == instance
    assert again.raw["c"] == option
    assert type(again.raw["c"]) is type(option)
    with pytest.raises(AssertionError, match="left certainly exceeds right"):
        run(reproducer(lemma, instance))


def test_it_carries_the_seed_that_the_draws_were_found_with(tmp_path):
    path = tmp_path / "seeded.py"
    path.write_text(
        "from validation import claim, draw\n\n\n"
        "@claim('mine.seeded', 'x', draw(p=draw.choices(0.5)), kind='probabilistic', "
        "failure=0.25)\n"
        "def seeded(xp, rng, p):\n    return xp.asarray(p), xp.asarray(rng.random(1))[0]\n"
    )
    (lemma,) = load_file(path)

    outcome = verify(lemma, budget=2, seed=12345678901234567890)

    assert "seed=12345678901234567890, instances=(instance,)" in outcome.reproducer
    with pytest.raises(AssertionError, match="refuted after"):
        run(outcome.reproducer)
