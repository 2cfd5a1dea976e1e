"""The tools that make the site: what they must catch, on pages written here."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from validation import Instance, load_claim, load_file

SITE = Path(__file__).parents[1] / "docs" / "site"


def tool(name):
    spec = importlib.util.spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def beside(name):
    """A tool that imports those beside it by name."""
    sys.path.insert(0, str(SITE))
    try:
        return tool(name)
    finally:
        sys.path.remove(str(SITE))


def site(folder, **pages):
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>", "utf-8")
    return folder


def test_links_that_lead_somewhere_are_no_fault(tmp_path):
    folder = site(
        tmp_path,
        index='<h1 id="top">a</h1><a href="other.html#here">b</a><a href="#top">c</a>',
        other='<p id="here">d</p><a href="https://example.org/nowhere">not asked for</a>',
    )
    assert tool("check_links").faults(folder) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">a</a>', "leads nowhere"),
        ('<a href="index.html#gone">a</a>', "has no such place"),
        ('<a href="#gone">a</a>', "has no such place"),
        ('<img src="gone.png">', "leads nowhere"),
        ('<script src="https://example.org/a.js"></script>', "loads"),
        ('<link href="//example.org/a.css" rel="stylesheet">', "loads"),
    ],
)
def test_a_dead_link_is_found_and_so_is_what_is_loaded_from_outside(tmp_path, body, fault):
    [found] = tool("check_links").faults(site(tmp_path, index=body))
    assert fault in found


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<p>| bound | total | |—|—| | <code>a</code> | 1 |</p>", "a table"),
        ("<p>| bound | total |\n| --- | ---: |\n| a | 1 |</p>", "a table"),
        (r"<td>$\Psi(f) \le 1$</td>", "a formula"),
    ],
)
def test_what_is_left_as_its_source_is_found(tmp_path, body, fault):
    [found] = tool("check_links").faults(site(tmp_path, index=body))
    assert f"{fault} is left as its source" in found
    quoted = site(tmp_path, index=f"<pre>{body}</pre><p>2 || 3 - 4, 5 $ and 6 $</p>")
    assert tool("check_links").faults(quoted) == []


def test_a_folder_without_pages_is_a_fault(tmp_path):
    assert tool("check_links").faults(tmp_path)


def worst_of(id, raw, sizes):
    claim = load_claim(id)
    return beside("worst").figure(claim, Instance.from_json({"sizes": sizes, "raw": raw}))


def svgs(figure):
    return re.findall(r"<svg.*?</svg>", figure, re.DOTALL)


def test_a_covariance_is_drawn_with_its_spectrum_and_both_sides_over_lam():
    raw = {"S": [["0x1p+0", "0x0p+0"], ["0x1p+0", "0x1p-1"]], "lam": "0x1p+0"}

    found = worst_of("dof.range", raw, {"m": 2})

    assert len(svgs(found)) == 3
    caption = found[found.index("<figcaption>") :]
    assert "eigenvalues of S" in caption
    assert "both sides as lam (here 1)" in caption
    assert "\n\n" not in found  # a blank line ends HTML in Markdown
    ids = []
    for svg in svgs(found):
        tree = ElementTree.fromstring(svg)
        assert tree.get("role") == "img"
        assert tree.get("aria-label")
        ids += [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_numbers_alone_are_drawn_over_two_of_them():
    raw = {"p": "0x1p-2", "q": "0x1p-1"}
    assert len(svgs(worst_of("step.pinsker", raw, {}))) == 2


def test_the_curves_are_the_sides_of_the_claim():
    claim = load_claim("step.kl_below_chi_square")
    instance = Instance.from_json({"sizes": {}, "raw": {"p": "0x1p-2", "q": "0x1p-1"}})

    over_p, over_q = tool("sweeps").sweeps(claim, instance, 2)

    assert (over_p.label, over_p.here, over_q.label, over_q.here) == ("p", 0.25, "q", 0.5)
    p = over_p.at
    kl = p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p))
    # At p = q no enclosure is narrow relative to a side that is 0: there the curve has a gap.
    drawn = np.isfinite(over_p.left) & np.isfinite(over_p.right)
    assert drawn.sum() >= len(p) - 1
    np.testing.assert_allclose(over_p.left[drawn], kl[drawn], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        over_p.right[drawn], (4 * (p - 0.5) ** 2)[drawn], rtol=1e-9, atol=1e-12
    )


def test_where_a_hypothesis_fails_no_curve_is_drawn(tmp_path):
    path = tmp_path / "lemmas_of_a_picture.py"
    path.write_text(
        "from rnnbounds import claim, draw\n"
        "@claim('mine.half', 'x^2 <= 2 x', draw(x=draw.positive()),\n"
        "    hypotheses={'x <= 1': lambda xp, x: (x, xp.asarray(1))})\n"
        "def half(xp, x):\n"
        "    return x * x, 2 * x\n"
    )
    [claim] = load_file(path)
    instance = Instance.from_json({"sizes": {}, "raw": {"x": "0x1p+0"}})

    [sweep] = tool("sweeps").sweeps(claim, instance, 2)

    assert np.isfinite(sweep.left[sweep.at <= 1]).all()
    assert np.isnan(sweep.left[sweep.at > 1]).all()


def test_what_was_recorded_before_the_claim_changed_is_not_drawn():
    page = beside("catalogue")
    claim = load_claim("step.pinsker")
    old = {"instance": json.dumps({"sizes": {}, "raw": {"p": "0x1p-1"}})}

    assert page._drawn(claim, old) == ""
    assert page._drawn(claim, {}) == ""


def test_the_cells_of_a_row_name_their_columns_for_a_narrow_page():
    head = '<tr><th class="head"><p>method</p></th><th class="head"><p>k &lt; 8</p></th></tr>'
    body = '<tr class="row-even"><td><p>one</p></td><td class="text-right"><p>2</p></td></tr>'
    table = f'<table class="docutils align-default">{head}{body}</table>'

    found = beside("build").accessible(table)

    assert '<td><p>one</p></td><td data-label="k &lt; 8" class="text-right"><p>2</p></td>' in found
    assert found.startswith('<table class="records docutils')


def test_a_table_without_a_head_stays_as_it_is():
    table = '<table class="docutils"><tr><th class="head"></th></tr><tr><td>1</td></tr></table>'
    assert beside("build").accessible(table) == table


def test_a_figure_opens_alone_and_one_that_is_a_link_already_is_left():
    plain = '<p><img alt="a\nb" src="_images/a.svg" />\n</p>'
    linked = '<p><a href="b.html"><img src="b.svg" /></a></p>'

    found = beside("build").accessible(plain + linked)

    assert (
        found
        == '<p><a href="_images/a.svg"><img alt="a\nb" src="_images/a.svg" /></a></p>' + linked
    )


def test_the_name_of_an_option_is_on_one_line():
    page = '<pre>rnnbounds<span class="w"> </span>--out<span class="w"> </span>a\n</pre>'
    found = beside("build").accessible(page + '<code><span class="pre">-k</span></code> a -- b')
    assert re.findall('<span class="option">(.*?)</span>', found) == ["--out", "-k"]


def test_where_scaling_changes_nothing_one_number_is_moved_alone(tmp_path):
    path = tmp_path / "lemmas_of_a_scale.py"
    path.write_text(
        "from rnnbounds import claim, draw\n"
        "@claim('mine.norms', 'a <= b', draw(x=draw.vectors('m')))\n"
        "def norms(xp, x):\n"
        "    return xp.max(xp.abs(x)), xp.linalg.vector_norm(x)\n"
    )
    [claim] = load_file(path)
    raw = {"x": ["0x1p+0", "-0x1p+1"]}

    [sweep] = tool("sweeps").sweeps(claim, Instance.from_json({"sizes": {"m": 2}, "raw": raw}), 2)

    assert (sweep.label, sweep.here) == ("largest free number of x", -2.0)
    np.testing.assert_allclose(sweep.right, np.hypot(1, sweep.at))
    np.testing.assert_allclose(sweep.left, np.maximum(1, np.abs(sweep.at)))


def test_verdicts_made_in_different_ways_each_say_how(tmp_path):
    record = tool("record")
    files = []
    for name, ids, made in (
        ("old", ("dof.range", "step.pinsker"), {"budget": 1}),
        ("new", ("step.pinsker", "gone.claim"), {"budget": 2}),
        ("more", ("dof.convex",), {"budget": 2}),
    ):
        files.append(tmp_path / f"{name}.json")
        claims = {id: {"verdict": name, "steps": {}} for id in ids}
        files[-1].write_text(json.dumps({"made": made, "claims": claims}))
    old, *shards = files

    record.merge(old, shards)

    found = json.loads(old.read_text())
    assert {id: one["verdict"] for id, one in found["claims"].items()} == {
        "dof.range": "old", "dof.convex": "more", "step.pinsker": "new",
    }  # fmt: skip
    assert list(found["claims"]) == ["dof.range", "dof.convex", "step.pinsker"]
    assert found["made"] == {"budget": 2}
    assert found["made_of"] == {"dof.range": {"budget": 1}}
    _, made_of = record.read(old)
    assert made_of["dof.range"] == {"budget": 1}
    assert made_of["step.pinsker"] == {"budget": 2}
