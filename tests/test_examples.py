"""Every public name has an example, and every example does what it shows."""

from __future__ import annotations

import doctest
import importlib
import inspect

import pytest

PACKAGES = ("pruning", "bounds", "validation")
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# What has none yet. Nothing is ever added here: a new public name comes with an example.
WITHOUT: frozenset[str] = frozenset()


def public():
    """Every public name that can hold an example, under the package that comes first."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                found.setdefault(name, thing)
    return found


PUBLIC = public()
EXAMPLES = {
    name: parsed
    for name, thing in PUBLIC.items()
    if (parsed := doctest.DocTestParser().get_examples(thing.__doc__ or ""))
}


def test_every_public_name_has_an_example():
    assert sorted(set(PUBLIC) - set(EXAMPLES)) == sorted(WITHOUT)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_shows_what_it_does(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "torch" in PUBLIC[name].__doc__.split("Examples")[-1]:
        pytest.importorskip("torch")
    test = doctest.DocTest(EXAMPLES[name], {}, name, None, None, None)
    written = []

    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=written.append)

    assert not written, "".join(written)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_shows_something(name):
    assert any(example.want for example in EXAMPLES[name]), name
