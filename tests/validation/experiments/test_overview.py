"""Several experiments in one table."""

import pytest

from validation.experiments.overview import HEADER, overview
from validation.experiments.store import Store
from validation.experiments.summaries import Results
from validation.experiments.tables import over_nodes

BLOCKS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")


def row(method, k, seed, value, size=10, **others):
    return {
        "what": "score", "method": method, "k": k, "theta": None, "tau": None, "seed": seed,
        "score": value, "nodes": k or 20, "parameters": dict.fromkeys(BLOCKS, size), **others,
    }  # fmt: skip


def known(name="x", score="accuracy"):
    rows = []
    for seed in range(2):
        rows += [
            row("whole network", None, seed, 0.95, 40),
            row("spectral", 8, seed, 0.90),
            row("spectral", 8, seed, 0.93, what="read-out"),
            row("pivoted QR", 8, seed, 0.85 + seed / 50),
            row("random nodes", 8, seed, 0.80),
            row("low rank W_h", 8, seed, 0.94, 20),
            row("spectral", 8, seed, 0.91, fine_tuning={}),
            row("random nodes", 8, seed, 0.92, fine_tuning={}),
            row("small network from scratch", 8, seed, 0.89, training={}),
        ]
    facts = {"name": name, "title": "", "score": score, "focus": 8, "theta": [0.5], "tau": [0.0]}
    return Results(facts, rows)


def test_a_line_for_every_experiment_with_what_each_is_about():
    text = overview([known("one"), known("two")], "md")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert lines[0] == list(HEADER)
    assert [line[0] for line in lines[2:]] == ["one", "two"]
    found = dict(zip(HEADER, lines[2]))
    assert found["nodes"] == "20 to 8"
    assert found["whole"] == "95.0 ± 0.0"
    assert found["spectral"] == "90.0 ± 0.0"
    assert found["with true states"] == "93.0 ± 0.0"
    # Low rank has more parameters, and the network from scratch is no pruning.
    assert found["best other"] == "pivoted QR 86.0 ± 1.4"
    assert found["best of the paper's others"] == "random nodes 80.0 ± 0.0"
    assert found["spectral, fine-tuned"] == "91.0 ± 0.0"
    assert found["best other, fine-tuned"] == "random nodes 92.0 ± 0.0"
    assert found["from scratch"] == "89.0 ± 0.0"


def test_the_true_states_have_a_line_of_their_own():
    lines = {line[0]: line for line in over_nodes(known()).lines}
    assert lines["spectral, nodes with their true states"][2] == "93.0 ± 0.0"


def test_of_perplexities_the_smallest_is_the_best():
    text = overview([known(score="perplexity")], "md")
    assert "| random nodes 0.8 ± 0.0 |" in text


def test_the_command_takes_several(tmp_path, capsys):
    from validation.commands import main

    for name in ("one", "two"):
        results = known(name)
        with Store(tmp_path / f"{name}.sqlite") as store:
            keys = [str(i) for i in range(len(results.rows))]
            store.put_fact("grid", {**results.facts, "keys": keys})
            for key, held in zip(keys, results.rows):
                store.add(key, held, {}, 0.0)
    for words, code in ((["--format", "latex"], 0), (["--format", "csv"], 2)):
        with pytest.raises(SystemExit) as exit:
            main(["table", "one", "two", "--out", str(tmp_path), *words])
        assert (exit.value.code or 0) == code
    out, err = capsys.readouterr()
    assert out.count(r"\begin{table}") == 1
    assert out.count(r"20 to 8") == 2
    assert "format of several experiments must be one of md, latex, text, got 'csv'" in err
