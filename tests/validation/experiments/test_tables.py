"""Tables and figures from known rows."""

import csv
import io
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.experiments.declared import DECLARED, grid_named
from validation.experiments.findings import findings, lead
from validation.experiments.grids import Grid, row_key
from validation.experiments.plots import bound_curves, figures_of
from validation.experiments.store import Store
from validation.experiments.summaries import Results
from validation.experiments.tables import (
    leads_over_nodes,
    over_nodes,
    sensitivity,
    tables_of,
    written,
)

BLOCKS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")


LOGS = ("trajectory", "best", "toeplitz", "global", "theorem")


def score(method, k, seed, value, size=10, theta=None, tau=None, **others):
    return {
        "what": "score", "method": method, "k": k, "theta": theta, "tau": tau, "seed": seed,
        "score": value, "nodes": k or 20, "parameters": dict.fromkeys(BLOCKS, size), **others,
    }  # fmt: skip


def bound(k, T, seed, error, log):
    logs = {f"log10_{name}": log for name in LOGS}
    return {
        "what": "bound", "method": "spectral", "k": k, "theta": 0.5, "tau": 1e-8, "seed": seed,
        "T": T, "steps": T or 8, "n": 50, "error": error, "risk": error / 2,
        "label": "valid", **logs,
    }  # fmt: skip


def rows_of(spectral, rival, rival_size=10):
    rows = []
    for seed, (one, two) in enumerate(zip(spectral, rival)):
        rows += [
            score("whole network", None, seed, 0.97, 40),
            score("spectral", 8, seed, one, theta=0.5, tau=1e-8),
            score("spectral", 8, seed, one / 2, theta=1.0, tau=1e-8),
            score("pivoted QR", 8, seed, two, rival_size, tau=1e-8),
            bound(8, None, seed, 0.5, 400.0),
            bound(8, 4, seed, 0.25, 1.0),
        ]
    return rows


def results(rows, missing=0, **facts):
    given = {
        "name": "x", "title": "A title & more", "score": "accuracy", "focus": 8,
        "theta": [0.5, 1.0], "tau": [1e-8], "seeds": 3, "seed_is_a_network": True, "sample": None,
        "fine_tuning": {}, "training": {}, "keys": ["key"] * (len(rows) + missing),
    }  # fmt: skip
    return Results(given | facts, rows)


SPECTRAL, RIVAL = (0.90, 0.91, 0.92), (0.80, 0.85, 0.84)


def test_a_cell_is_mean_and_deviation_over_the_seeds():
    table = over_nodes(results(rows_of(SPECTRAL, RIVAL)))
    assert table.header == ("method", "matched by", "k = 8")
    assert table.lines == [
        ("whole network", "", "97.0 ± 0.0"),
        ("spectral", "nodes", "91.0 ± 1.0"),
        ("pivoted QR", "nodes", f"83.0 ± {100 * statistics.stdev(RIVAL):.1f}"),
    ]


def test_theta_and_tau_do_not_mix_with_the_main_table():
    assert sensitivity(results(rows_of(SPECTRAL, RIVAL))).lines == [
        ("spectral", "0.5", "91.0 ± 1.0"),
        ("spectral", "1", "45.5 ± 0.5"),
    ]


@pytest.mark.parametrize(
    ("spectral", "rival", "verdict"),
    [
        (SPECTRAL, (0.80, 0.80, 0.81), "better by more than two standard deviations at k = 8"),
        (SPECTRAL, RIVAL, "better by more than two standard deviations at k = 8"),
        (SPECTRAL, (0.88, 0.90, 0.92), "better by less than two standard deviations at k = 8"),
        (SPECTRAL, (0.90, 0.91, 0.92), "not better at k = 8"),
        (SPECTRAL, (0.95, 0.95, 0.95), "not better at k = 8"),
        ((0.9, 0.9), (0.8, 0.8), "better by more than two standard deviations at k = 8"),
        ((0.9,), (0.8,), "better, by one seed, at k = 8"),
    ],
)
def test_the_finding_says_what_was_measured(spectral, rival, verdict):
    # Pivoted QR is not among the methods of the paper, so that there is one sentence.
    [sentence] = findings(results(rows_of(spectral, rival)))
    assert sentence.endswith(f": {verdict}.")


def test_a_rival_with_fewer_seeds_is_said_to_be_passed_over():
    rows = [*rows_of(SPECTRAL, RIVAL), score("balanced", 8, 0, 0.99, tau=1e-8)]
    [sentence, *_] = findings(results(rows, 2))
    assert "as few parameters, of those with as many seeds: better by more" in sentence


def test_a_lead_is_that_of_the_means_and_of_every_seed():
    known = results(rows_of((0.90, 0.92, 0.94), (0.70, 0.80, 0.90)))
    found = lead(known, 8)
    assert found.rival == "pivoted QR"
    assert found.seedwise.values == pytest.approx((0.20, 0.12, 0.04))
    assert found.margin == pytest.approx(0.12)
    assert found.deviations == pytest.approx(0.12 / 0.1)
    assert lead(known, 8, in_paper=True) is None
    [line] = leads_over_nodes(known).lines
    assert line[:6] == ("8", "92.0 ± 2.0", "pivoted QR", "80.0 ± 10.0", "12.0 ± 8.0", "1.2")
    assert line[6:] == ("-",) * 4


def test_the_methods_of_the_paper_are_compared_on_their_own():
    rows = rows_of(SPECTRAL, (0.95, 0.95, 0.95))
    rows += [score("random nodes", 8, seed, 0.5, tau=1e-8) for seed in range(3)]
    both = findings(results(rows))
    assert "the best other method with as few parameters: not better" in both[0]
    assert "the paper's other methods with as few parameters: better by more" in both[1]


def test_a_rival_with_more_parameters_does_not_count():
    assert findings(results(rows_of(SPECTRAL, (0.99, 0.99, 0.99), rival_size=11))) == []


def test_of_perplexities_the_smaller_is_better():
    rows = rows_of((130.0, 131.0, 132.0), (150.0, 151.0, 152.0))
    known = results(rows, score="perplexity", seed_is_a_network=False)
    [sentence] = findings(known)
    assert "better by more than two standard deviations" in sentence
    assert "131.0 ± 1.0" in leads_over_nodes(known).lines[0]


def test_after_fine_tuning_spectral_is_held_against_the_network_from_scratch():
    rows = rows_of(SPECTRAL, RIVAL)
    for seed in range(3):
        tuned = {"fine_tuning": {"epochs": 1}}
        rows.append(score("spectral", 8, seed, 0.94, theta=0.5, tau=1e-8, **tuned))
        rows.append(score("small network from scratch", 8, seed, 0.95, training={"epochs": 1}))
    found = results(rows)
    assert "spectral is worse" in findings(found)[-1]
    with_fit = results(
        [*rows, *(score("balanced, closed loop", 8, s, 0.97, tau=1e-8, **tuned) for s in range(3))]
    )
    ours, last = findings(with_fit)[-2:]
    assert "spectral is worse" in ours
    assert last.endswith("from scratch 95.0 ± 0.0: balanced, closed loop is at least as good.")
    text = written(found, "md")
    assert "| spectral | 8 | 10 | 10 | 10 | 20 | 50 | 91.0 ± 1.0 | 94.0 ± 0.0 |" in text
    assert "| small network from scratch | 8 | 10 | 10 | 10 | 20 | 50 | - | 95.0 ± 0.0 |" in text


def test_a_score_beyond_floats_is_a_dash_and_not_a_mean():
    rows = rows_of(SPECTRAL, (0.8, None, 0.8))
    assert ("pivoted QR", "nodes", "-") in over_nodes(results(rows)).lines


def test_bounds_beyond_floats_are_written_as_powers_of_ten():
    text = written(results(rows_of(SPECTRAL, RIVAL)), "md")
    assert "| 8 | 0.5 | 1.00e400 | 1.00e400 | 1.00e400 | 1.00e400 | 0.25 | 1.00e400 |" in text
    assert "| 4 | 0.25 | 10 | 10 | 10 | 10 | 0.125 | 10 |" in text


def test_what_is_missing_is_said():
    assert "2 of 20 rows are not finished" in written(results(rows_of(SPECTRAL, RIVAL), 2), "md")


def test_what_is_missing_is_said_of_every_method():
    rows = rows_of(SPECTRAL, RIVAL)
    planned = {"whole network": 3, "spectral": 12, "pivoted QR": 4, "balanced, closed loop": 1}
    text = written(results(rows, 2, planned=planned), "md")
    assert "not finished: pivoted QR 1 of 4; balanced, closed loop 1 of 1." in text


def test_the_caption_names_the_methods_that_read_labels():
    rows = rows_of(SPECTRAL, RIVAL)
    assert "labels" not in written(results(rows), "md")
    rows += [
        score("small network from scratch", 8, 0, 0.5),
        score("Taylor nodes", 8, 0, 0.5),
        score("Taylor nodes, closed loop", 8, 0, 0.5, tau=1e-8),
        score("magnitude nodes, closed loop", 8, 0, 0.5, tau=1e-8),
    ]
    text = written(results(rows), "md")
    said = "only these read labels before fine-tuning: Taylor nodes; Taylor nodes, closed loop."
    assert said in text


def test_latex_escapes_what_it_must():
    text = written(results(rows_of(SPECTRAL, RIVAL)), "latex")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 6
    assert r"Test accuracy (\%)" in text
    assert "W\\_h" in text
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert not any("_" in line.replace(r"\_", "") for line in body)


def test_csv_has_a_line_for_every_row_and_every_digit():
    rows = rows_of((1 / 3, 0.5, 0.5), RIVAL)
    lines = list(csv.DictReader(io.StringIO(written(results(rows), "csv"))))
    assert len(lines) == len(rows)
    assert float(lines[1]["score"]) == 1 / 3
    assert lines[1]["k"] == "8"
    assert lines[0]["k"] == ""
    assert {line["what"] for line in lines} == {"score", "bound"}


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="format must be one of md, latex, csv, text, got 'xls'"):
        written(results(rows_of(SPECTRAL, RIVAL)), "xls")


def test_an_empty_store_is_said_to_be_empty(tmp_path):
    with Store(tmp_path / "x.sqlite") as store, pytest.raises(ValueError, match="no finished row"):
        Results.read(store)


def test_the_figures_are_drawn_from_logarithms():
    found = results(rows_of(SPECTRAL, RIVAL))
    curves = {curve.name: curve.y for curve in bound_curves(found)}
    assert curves["published bound"] == [400.0]
    assert curves["measured"] == [pytest.approx(-0.30103, abs=1e-5)]
    drawings = figures_of(found)
    # Of one k there is nothing to draw over k.
    assert set(drawings) == {"methods", "sensitivity", "bounds-over-steps"}
    rows = [*found.rows, score("pivoted QR", 16, 0, 0.9, tau=1e-8), bound(16, None, 0, 0.2, 300.0)]
    more = figures_of(results(rows))
    assert set(more) == {"over-nodes", "sensitivity", "bounds", "bounds-over-steps"}
    for drawing in (*drawings.values(), *more.values()):
        assert drawing.png.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", DECLARED)
def test_a_declared_grid_is_whole(name, tmp_path):
    for seed in range(5):
        for recipe in (name, "digits", f"{name}-small"):
            (tmp_path / f"{recipe}-{seed}.safetensors").write_bytes(b"%d" % seed)
    grid = grid_named(name, tmp_path)
    rows = grid.rows(fine_tune=True)
    assert len({row_key(row) for row in rows}) == len(rows)
    assert grid.focus in grid.nodes
    small = [row for row in rows if "small" in row]
    assert len(small) == (name in ("pixel-mnist-14", "pixel-mnist", "ptb"))
    rows = [row for row in rows if "small" not in row]
    if grid.fine_tuning_seeds is not None:
        tuned = [row for row in rows if "fine_tuning" in row]
        assert {row["seed"] for row in tuned} == set(range(grid.fine_tuning_seeds))
        rows = [row for row in rows if row not in tuned]
        small += tuned
    bounds = [row for row in rows if row["what"] == "bound"]
    if name.startswith("pixel"):
        assert {row["seed"] for row in bounds} == {0}
        rows, small = [row for row in rows if row not in bounds], small + bounds
    per_seed = len(rows) / grid.seeds
    assert per_seed == int(per_seed)
    assert grid.seeds == 5
    from_scratch = [row for row in rows if "training" in row]
    assert bool(from_scratch) == grid.seed_is_a_network
    assert len(grid.with_seeds(2).rows(fine_tune=True)) == 2 * per_seed + len(small)


@given(st.sampled_from(["k", "theta", "seed", "method", "network"]))
def test_every_setting_is_in_the_key(name):
    row = score("spectral", 8, 0, 0.5, network="a")
    assert row_key(row) == row_key(dict(reversed(row.items())))
    assert row_key(row) != row_key(row | {name: "other"})


def test_a_grid_with_one_network_resamples(tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(b"x")
    grid = Grid("x", "x", (str(path),), {"loader": "digits"}, ("spectral",), (2,), 2, seeds=3)
    assert not grid.seed_is_a_network
    assert {row["network"] for row in grid.rows()} == {grid.digests[0]}
    assert all(row["sample"] == {"sequences": None} for row in grid.rows())
    assert tables_of(results([])) == []
