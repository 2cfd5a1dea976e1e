"""Statements that are wrong on purpose: each is refuted, and nothing certifies one.

The counterexamples are committed; `tests/false_lemmas/find_counterexamples.py` searches for them.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from validation import Conclusion, catalogue, certify, verify
from validation.checking.certified import certified
from validation.checking.statistical import statistical

SCRIPT = Path(__file__).resolve().parent / "false_lemmas" / "find_counterexamples.py"


def script():
    """The module of the search."""
    spec = importlib.util.spec_from_file_location("find_counterexamples", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


FINDER = script()
LEMMAS = FINDER.lemmas()
COUNTEREXAMPLES = FINDER.committed()
SECTIONS = ("1", "2", "2a", "2b", "2c", "3", "4", "5", "6", "7")
# Not found at random: ties, equal numbers, a ratio of exactly 1, an attained constant.
STUBBORN = (
    "false.2.spectrum_split_both_closed",
    "false.2a.loss_bound_constant",
    "false.2b.existence_constant",
    "false.4.geometric_sum_at_one",
    "false.5.ball_of_grid",
)


# True for m <= 3, or not drawn below m = 4.
NEEDS_FOUR = (
    "false.ties.hilbert",
    "false.ties.aligned_steps",
    "false.ties.identity_lipschitz",
    "false.ties_of_matrices.leverage_floor",
)


def ids(lemmas):
    return [lemma.id for lemma in lemmas]


BY_HAND = FINDER.by_hand()
DETERMINISTIC = [lemma for lemma in LEMMAS if lemma.deterministic]
PROBABILISTIC = [lemma for lemma in LEMMAS if lemma.kind == "probabilistic"]


def test_there_are_at_least_80_lemmas_over_all_sections():
    assert len(LEMMAS) >= 80
    assert len(set(ids(LEMMAS))) == len(LEMMAS)
    assert set(SECTIONS) <= {lemma.section for lemma in LEMMAS}
    assert len(DETERMINISTIC) + len(PROBABILISTIC) == len(LEMMAS)


def test_every_lemma_says_why_it_is_wrong():
    assert [lemma.id for lemma in LEMMAS if not lemma.proof.endswith(".")] == []
    assert [lemma.id for lemma in LEMMAS if lemma.symbolic or lemma.steps] == []


def test_every_lemma_has_one_counterexample():
    assert sorted(COUNTEREXAMPLES) == sorted(ids(LEMMAS))


def test_counterexamples_are_small_enough_to_read():
    large = {
        id: instance.sizes
        for id, instance in COUNTEREXAMPLES.items()
        if instance.sizes.get("m", 0) > (4 if id in NEEDS_FOUR else 3)
        or any(size > 6 for size in instance.sizes.values())
    }

    assert large == {}


@pytest.mark.parametrize("lemma", DETERMINISTIC, ids=ids(DETERMINISTIC))
def test_counterexample_is_certified(lemma):
    instance = COUNTEREXAMPLES[lemma.id]

    certificate = certify(lemma, instance)

    assert certificate.conclusion is Conclusion.VIOLATED, certificate.message
    assert all(state is Conclusion.HOLDS for state in certificate.hypotheses.values())
    assert certified(lemma, [instance]).conclusion is Conclusion.VIOLATED


def test_there_are_thirty_lemmas_with_trivial_equality_and_a_counterexample_by_hand():
    ties = [lemma.id for lemma in LEMMAS if lemma.section.startswith("ties")]

    assert len(ties) == 30
    assert sorted(BY_HAND) == sorted(ties)


@pytest.mark.parametrize("id", BY_HAND)
def test_counterexample_by_hand_is_certified(id):
    lemma = next(lemma for lemma in LEMMAS if lemma.id == id)

    certificate = certify(lemma, BY_HAND[id])

    assert certificate.conclusion is Conclusion.VIOLATED, certificate.message
    assert all(state is Conclusion.HOLDS for state in certificate.hypotheses.values())


MUTATED = [lemma for lemma in DETERMINISTIC if lemma.changed() and "without" not in lemma.id]


@pytest.mark.parametrize("lemma", MUTATED, ids=ids(MUTATED))
def test_the_published_constant_survives_the_counterexample(lemma):
    true = lemma.with_constants(**lemma.published)

    assert certify(true, COUNTEREXAMPLES[lemma.id]).conclusion is not Conclusion.VIOLATED


# A replay, not a statistical test: the draws are a function of the seed.
@pytest.mark.parametrize("lemma", PROBABILISTIC, ids=ids(PROBABILISTIC))
def test_counterexample_is_refuted_statistically(lemma):
    instances = (COUNTEREXAMPLES[lemma.id],)

    verdict = statistical(lemma, seconds=60.0, seed=0, instances=instances, draws=FINDER.DRAWS)

    assert verdict.conclusion is Conclusion.REFUTED, verdict.message


@pytest.mark.parametrize("id", STUBBORN)
def test_verify_that_starts_from_the_counterexample_never_certifies(id):
    lemma = next(lemma for lemma in LEMMAS if lemma.id == id)

    outcome = verify(lemma, quick=True, budget=0.2, instances=(COUNTEREXAMPLES[id],))

    assert outcome.conclusion is Conclusion.VIOLATED
    assert lemma.id in outcome.reproducer


def test_no_lemma_is_part_of_the_catalogue_or_collected(request):
    assert not {lemma.id for lemma in catalogue.claims()} & set(ids(LEMMAS))
    assert not [item.name for item in request.session.items if item.name.startswith("false.")]


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_search_refutes_95_percent_of_them_from_scratch():
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--keep", "--budget", "60", "--workers", "2"],
        capture_output=True,
        text=True,
        check=True,
    )

    first, *rest = run.stdout.splitlines()
    refuted, total = int(first.split()[0]), int(first.split()[2])
    assert total == len(LEMMAS)
    assert refuted >= 0.95 * total, "\n".join(rest)
