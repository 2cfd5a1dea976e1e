"""A user's file: what goes wrong is one sentence that names the file and the line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from validation import ClaimError, load_claim, load_file
from validation.catalogue import claims
from validation.loading import find, gather

GOOD = """\
from validation import claim, draw

@claim("{id}", "x", draw(lam=draw.positive()))
def body(xp, lam):
    return lam, 2 * lam
"""


@pytest.fixture(autouse=True)
def _leave_no_modules():
    before = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - before[0]:
        if name.startswith(("lemmas", "claims_in_", "mine_")):
            del sys.modules[name]
    sys.path[:] = before[1]


def write(folder, text, name="lemmas.py"):
    path = folder / name
    path.write_text(text)
    return path


def test_the_claims_of_a_file_in_their_order(tmp_path):
    text = GOOD.format(id="mine.one") + GOOD.format(id="mine.two").replace("body", "other")

    assert [c.id for c in load_file(write(tmp_path, text))] == ["mine.one", "mine.two"]


def test_claims_that_a_file_imports_are_not_its_own(tmp_path):
    write(tmp_path, GOOD.format(id="mine.one"), "mine_helpers.py")
    text = "from mine_helpers import body as theirs\n" + GOOD.format(id="mine.two")

    assert [c.id for c in load_file(write(tmp_path, text))] == ["mine.two"]


def test_a_file_may_have_the_name_of_a_module_that_is_loaded(tmp_path):
    import json

    path = write(tmp_path, GOOD.format(id="mine.one"), "json.py")

    assert load_file(path)[0].id == "mine.one"
    assert sys.modules["json"] is json


@pytest.mark.parametrize("name", ["numpy.py", "lemmas.py"])
def test_a_folder_with_files_called_as_libraries_is_worked_in(tmp_path, name):
    """Workers start in it, and once imported random.py and numpy.py from there."""
    for file in ("random.py", "numpy.py", "lemmas.py"):
        write(tmp_path, GOOD.format(id="mine.one"), file)
    command = [sys.executable, "-P", "-c", "from validation.commands import main; main()"]

    run = subprocess.run(
        [*command, "verify", name, "--quick", "--budget", "0.2"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert "mine.one: tight" in run.stdout or "mine.one: holds" in run.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = x.missing\n", r"lemmas\.py:2: does not import: AttributeError"),
        ("import no_such_module_anywhere\n", r"lemmas\.py:1: does not import: ModuleNotFound"),
        ("def f(:\n", r"lemmas\.py:1: does not import: SyntaxError"),
        ("x = 1\nraise SystemExit(3)\n", r"lemmas\.py:2: does not import: SystemExit: 3"),
        ("x = 1\n", r"lemmas\.py: defines no claim"),
        (
            GOOD.format(id="mine.one") + GOOD.format(id="mine.one").replace("body", "other"),
            r"two claims have the id 'mine\.one': lemmas\.py:3 and lemmas\.py:8",
        ),
        (
            GOOD.format(id="mine.one").replace("xp, lam)", "xp, mu)"),
            r"mine\.one \(lemmas\.py:3\): the body takes mu, which is not drawn",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(tmp_path, text, message):
    with pytest.raises(ClaimError, match=message):
        load_file(write(tmp_path, text))


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ClaimError, match=r"nowhere\.py: no such file"):
        load_file(tmp_path / "nowhere.py")


def test_one_claim_of_a_file(tmp_path):
    text = GOOD.format(id="mine.one") + GOOD.format(id="mine.two").replace("body", "other")
    path = write(tmp_path, text)

    assert [c.id for c in gather([f"{path}::mine.two"])] == ["mine.two"]
    assert load_claim("mine.one", path).id == "mine.one"


def test_two_files_with_one_id_are_refused(tmp_path):
    paths = [write(tmp_path, GOOD.format(id="mine.one"), f"lemmas{i}.py") for i in (1, 2)]

    with pytest.raises(ClaimError, match=r"two claims have the id.*lemmas1.*lemmas2"):
        gather([str(path) for path in paths])


def test_an_id_that_is_nearly_right_is_suggested():
    with pytest.raises(ClaimError, match=r"no claim 'dof\.rang'; did you mean dof\.range"):
        find(["dof.rang"], claims())


def test_the_beginning_of_an_id_stands_for_all_that_begin_so():
    chosen = find(["dof"], claims())

    assert len(chosen) > 1
    assert all(c.id.startswith("dof.") for c in chosen)


def test_the_catalogue_has_each_id_once():
    ids = [c.id for c in claims()]

    assert len(ids) == len(set(ids))
    assert gather([]) == claims()


def test_two_claims_of_one_name_are_an_error_and_not_one_claim(tmp_path):
    text = GOOD.format(id="mine.one") + GOOD.format(id="mine.two")

    with pytest.raises(ClaimError, match=r"mine\.two .*: body is the name of the claim mine\.one"):
        load_file(write(tmp_path, text))


def test_names_that_are_kept_elsewhere_may_be_taken_again(tmp_path):
    text = GOOD.format(id="mine.one") + "first = body\n" + GOOD.format(id="mine.two")

    assert [claim.id for claim in load_file(write(tmp_path, text))] == ["mine.two", "mine.one"]


INSIDE = """

class Lemmas:
    @claim("mine.inside", "x", draw(lam=draw.positive()))
    def inside(xp, lam):
        return 2 * lam, lam
"""
LISTED = """

def listed(xp, lam):
    return 2 * lam, lam

LEMMAS = [claim("mine.inside", "x", draw(lam=draw.positive()))(listed)]
"""
AGAIN = """

first = body

@claim("mine.one", "another", draw(lam=draw.positive()))
def body(xp, lam):
    return lam, 3 * lam

first = None
"""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (INSIDE, "nothing would look at this claim"),
        (LISTED, "nothing would look at this claim"),
        (AGAIN, "two claims have the id"),
    ],
)
def test_a_claim_that_its_file_does_not_keep_is_an_error(tmp_path, more, words):
    with pytest.raises(ClaimError, match=words):
        load_file(write(tmp_path, GOOD.format(id="mine.one") + more))


def test_steps_need_no_name_of_their_own(tmp_path):
    more = LISTED.replace("LEMMAS = [", "step = (").replace("(listed)]", "(listed))")
    more += """
whole = claim("mine.whole", "x", draw(lam=draw.positive()), steps=[step])(body.body)
del step
"""
    found = load_file(write(tmp_path, GOOD.format(id="mine.one") + more))
    assert [claim.id for claim in found] == ["mine.one", "mine.whole"]
