"""What is committed as proved by algebra is what the claims say now, and is proved again."""

import pytest

from validation import claim, draw
from validation.catalogue import claims
from validation.loading import gather
from validation.proving import committed as algebra
from validation.proving.algebra import by_algebra
from validation.proving.committed import committed, current, mark, sizes_of
from validation.proving.frontier import as_committed, evidence

KNOWN = {one.id: one for one in claims()}
EVIDENCE = ["machine-checked", "proved", "symbolic", "cited", "certified", "tested"]


def test_every_entry_is_of_what_its_claim_says_now():
    assert len(committed()) >= 70
    for id, entries in committed().items():
        assert current(KNOWN[id]) == entries, f"{id}: run `python proofs/write_algebra.py {id}`"


@pytest.mark.long
@pytest.mark.parametrize("id", sorted(committed()))
def test_every_entry_is_proved_again(id):
    for entry in committed()[id]:
        found = by_algebra(KNOWN[id], sizes_of(entry), {}, 60.0)
        assert not isinstance(found, str), found


def test_an_entry_of_another_body_or_constant_is_stale():
    [made] = gather(["dof.range"])
    assert current(made)
    assert current(made.with_constants(c=2)) == ()

    def other(xp, S, lam):
        return xp.linalg.trace(S), xp.linalg.trace(S) / lam

    changed = claim("dof.range", "t", draw(S=draw.covariances(), lam=draw.positive()))(other)
    assert current(changed) == ()
    # The same polynomials, written otherwise, are the same statement.
    doubled = claim("t.one", "t", draw(x=draw.reals()))(lambda xp, x: (2 * x, x * x + 1))
    again = claim("t.two", "t", draw(x=draw.reals()))(lambda xp, x: (x + x, 1 + x**2))
    narrower = claim("t.three", "t", draw(x=draw.reals(0, 1)))(lambda xp, x: (2 * x, x * x + 1))
    assert mark(doubled, {}) == mark(again, {}) != mark(narrower, {})


def test_what_has_no_such_form_has_no_mark():
    made = claim("t.log", "t", draw(x=draw.positive()))(lambda xp, x: (xp.log(x), x))
    assert mark(made, {}) == ""


def test_without_the_file_nothing_is_claimed(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNBOUNDS_PROOFS", str(tmp_path / "none"))
    [made] = gather(["dpp.norm"])
    assert evidence(made)[0] == "proved"
    monkeypatch.setattr(algebra, "committed", dict)
    assert evidence(made)[0] == "certified on instances"


def test_evidence_stands_in_its_order():
    for made in claims():
        words = [part.split()[0] for part in as_committed(made).split("; ")]
        places = [EVIDENCE.index(word) for word in words]
        assert places == sorted(places), made.id
    assert as_committed(KNOWN["step.pinsker"]).startswith("machine-checked (Coq")
    assert "proved by algebra (m = 1, m = 2); symbolic" in as_committed(KNOWN["dof.range"])
