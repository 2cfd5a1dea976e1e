"""Every word of the vocabulary runs in every arithmetic that has it, with one meaning."""

import ast
import pathlib

import numpy as np
import pytest
from helpers import strict_arithmetic as strict

import validation
from validation.arithmetic import (
    FLOAT64,
    RATIONALS,
    OutsideVocabulary,
    Unsupported,
    balls,
    vocabulary,
)

VALUES = {
    "x": np.array([1.5, 0.25, 2.0]),
    "S": np.array([[2.0, 0.5, 0.25], [0.5, 1.5, -0.5], [0.25, -0.5, 1.0]]),
    "A": np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -0.75]]),
    "lam": 0.5,
}
ARITHMETICS = {"float64": FLOAT64, "balls": balls(128), "rationals": RATIONALS}
WORDS = vocabulary()


def run(arithmetic, word):
    names = {name: arithmetic.lift(value) for name, value in VALUES.items()}
    return eval(word.example, {"xp": arithmetic.xp, **names})


def run_strict(word):
    names = {name: strict.lift(value) for name, value in VALUES.items()}
    return strict.values(eval(word.example, {"xp": strict.extended, **names}))


@pytest.mark.parametrize("word", WORDS, ids=lambda w: w.name)
def test_every_example_is_standard_and_means_in_float64_what_the_standard_says(word):
    expected = run_strict(word)
    with FLOAT64.active():
        found = run(FLOAT64, word)
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("word", [w for w in WORDS if "balls" in w.arithmetics], ids=lambda w: w[0])
def test_balls_contain_narrowly_what_float64_computes(word):
    expected = run_strict(word)
    arithmetic = balls(128)
    with arithmetic.active():
        low, high = arithmetic.enclosure(run(arithmetic, word))
    assert low.shape == high.shape == expected.shape
    assert np.isfinite(low).all()
    assert np.isfinite(high).all()
    assert (low <= high).all()
    assert (high - low <= 4e-16 * np.abs(high) + 5e-324 + 1e-36).all()
    np.testing.assert_allclose(low, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "word", [w for w in WORDS if "rationals" in w.arithmetics], ids=lambda w: w.name
)
def test_rationals_lie_inside_the_balls_or_agree_with_the_standard(word):
    with RATIONALS.active():
        low, high = RATIONALS.enclosure(run(RATIONALS, word))
    np.testing.assert_allclose(low, run_strict(word), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(high, run_strict(word), rtol=1e-12, atol=1e-12)
    if "balls" in word.arithmetics:
        arithmetic = balls(256)
        with arithmetic.active():
            inner_low, inner_high = arithmetic.enclosure(run(arithmetic, word))
        # The balls are 1e-60 wide: rounded outwards, both give the floats next to one number.
        np.testing.assert_array_less(inner_low, np.nextafter(high, np.inf))
        np.testing.assert_array_less(np.nextafter(low, -np.inf), inner_high)


@pytest.mark.parametrize(
    ("name", "word"),
    [(name, w) for w in WORDS for name in ARITHMETICS if name not in w.arithmetics],
    ids=lambda v: v if isinstance(v, str) else v.name,
)
def test_a_word_that_an_arithmetic_lacks_is_refused_by_name(name, word):
    arithmetic = ARITHMETICS[name]
    with arithmetic.active(), pytest.raises(Unsupported, match=word.name.split(".")[-1]):
        run(arithmetic, word)


@pytest.mark.parametrize("name", ["dot", "argmax", "linalg.svd", "linalg.norm", "quantile"])
@pytest.mark.parametrize("arithmetic", ARITHMETICS.values(), ids=str)
def test_a_name_outside_fails_in_all_three_in_the_same_way(arithmetic, name):
    with pytest.raises(OutsideVocabulary, match=rf"xp\.{name} is not in the vocabulary"):
        eval(f"xp.{name}", {"xp": arithmetic.xp})


def test_the_namespaces_have_no_word_that_the_list_does_not_name():
    listed = {w.name for w in WORDS} | {"float64", "int64", "newaxis", "linalg"}
    internal = {
        "array", "kind", "prefix", "larger", "smaller", "ceiling", "rounding_down", "truncation",
        "signs",
    }  # fmt: skip
    for arithmetic in ARITHMETICS.values():
        for prefix, namespace in (("", arithmetic.xp), ("linalg.", arithmetic.xp.linalg)):
            names = {n for n in dir(namespace) if not n.startswith("_")} - internal
            assert {prefix + n for n in names} <= listed


def test_only_this_package_imports_flint():
    root = pathlib.Path(next(iter(validation.__path__))).parent
    for package in ("pruning", "bounds", "validation"):
        for path in (root / package).rglob("*.py"):
            # The checker of certificates is one file that imports nothing of ours.
            if path.parent.name == "arithmetic" or path.name == "check_certificate.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                assert not any(n.split(".")[0] == "flint" for n in names), path
