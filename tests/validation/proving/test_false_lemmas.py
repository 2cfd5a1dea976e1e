"""What `prove` said of the false lemmas, as committed by tests/false_lemmas/prove_them.py."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "false_lemmas"
SAID = json.loads((FOLDER / "refuted_by_proving.json").read_text())
KNOWN = json.loads((FOLDER / "counterexamples.json").read_text())


def test_no_false_lemma_is_proved():
    assert len(SAID) >= 300
    assert {row["ending"] for row in SAID.values()} <= {"violated", "open"}


def test_nine_in_ten_with_a_small_counterexample_are_refuted_within_a_minute():
    small = [id for id in SAID if KNOWN[id]["sizes"].get("m", 0) <= 2]
    refuted = [id for id in small if SAID[id]["ending"] == "violated" and SAID[id]["seconds"] <= 60]
    assert len(refuted) >= 0.9 * len(small)


def test_what_was_tried_still_has_its_counterexample():
    assert set(SAID) <= set(KNOWN)
