"""What the guides tell their reader to write works, and is answered as they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.programs import run_program

from validation import ClaimError, load_file, verify

DOCS = Path(__file__).parents[1] / "docs"
STATING = DOCS / "guides" / "state_a_lemma.md"
LEMMA = re.compile(r"<!-- verdict: (\S+) ([\w ]+) -->\n```python\n(.*?)```", re.DOTALL)
PITFALL = re.compile(r"(?<!-->)\n```python\n(@claim.*?)```\n\n```text\n(.*?)\n```", re.DOTALL)
PAGES = [DOCS / "index.md", *sorted((DOCS / "guides").glob("*.md"))]
PRELUDE = LEMMA.search(STATING.read_text("utf-8"))[3].split("@claim")[0]


def lemmas():
    for page in PAGES:
        for id, words, code in LEMMA.findall(page.read_text("utf-8")):
            yield pytest.param(code, id, words.split(" or "), id=f"{page.stem}-{id}")


@pytest.mark.parametrize(("code", "id", "words"), list(lemmas()))
def test_a_lemma_gets_the_verdict_that_stands_beside_it(code, id, words, tmp_path):
    path = tmp_path / f"lemmas_of_{id.replace('.', '_')}.py"
    path.write_text(code if code.startswith("from") else PRELUDE + code)
    [claim] = load_file(path)

    outcome = verify(claim, quick=True, budget=1.0)

    assert claim.id == id
    assert not outcome.error
    assert outcome.conclusion.value in words, outcome.verdict.message


def pitfalls():
    for code, message in PITFALL.findall(STATING.read_text("utf-8")):
        yield pytest.param(code, message, id=re.search(r'"(mine\.\w+)"', code)[1])


def test_there_are_ten_pitfalls_and_a_lemma_of_every_kind_asked_for():
    assert len(list(pitfalls())) >= 10
    text = (DOCS / "guides" / "walk_through.md").read_text("utf-8")
    codes = [code for _, _, code in LEMMA.findall(text)]
    for part in ("draw.networks(", 'kind="probabilistic"', "hypotheses={"):
        assert [code for code in codes if part in code], part


@pytest.mark.parametrize(("code", "message"), list(pitfalls()))
def test_a_pitfall_gets_the_message_that_stands_below_it(code, message, tmp_path):
    path = tmp_path / "pitfall_of_the_guide.py"
    path.write_text(PRELUDE + code)

    try:
        [claim] = load_file(path)
        answer = verify(claim, quick=True, budget=0.2).error
    except ClaimError as error:
        answer = str(error)

    assert message in answer


def test_a_constant_that_is_too_large_is_refuted_as_the_walk_through_says(tmp_path):
    text = (DOCS / "guides" / "walk_through.md").read_text("utf-8")
    [code] = [code for _, _, code in LEMMA.findall(text) if "hoeffding" in code]
    path = tmp_path / "lemmas_of_hoeffding.py"
    path.write_text(code)
    value = re.search(r"--set c=(\d+)` ends in \*refuted\*", text)[1]
    [claim] = load_file(path)

    outcome = verify(claim.with_constants(c=int(value)), budget=5.0)

    assert outcome.conclusion.value == "refuted", outcome.verdict.message


def programs():
    for page in PAGES:
        text = LEMMA.sub("", page.read_text("utf-8"))
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
            if "import" in code and not code.startswith("@claim"):
                yield pytest.param(code, id=f"{page.stem}-{number}")


@pytest.mark.parametrize("code", list(programs()))
def test_a_program_runs_as_it_stands(code, tmp_path):
    if "torch" in code:
        pytest.importorskip("torch")
    run_program(code, tmp_path)


@pytest.mark.parametrize("page", [*PAGES, *sorted(DOCS.glob("*.md"))], ids=lambda page: page.stem)
def test_the_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        written = re.match(r"(\.\./)+(catalogue|false_lemmas|gallery|api)/", target)
        if "://" not in target and not written:
            assert (page.parent / target).exists(), target
