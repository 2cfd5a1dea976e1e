"""The long run: no true claim is called violated in a million instances."""

from __future__ import annotations

import joblib
import pytest

from validation import Conclusion
from validation.catalogue import claims
from validation.checking.certified import certified
from validation.checking.sampled import draw_sample

SECONDS = 25  # a claim


def _count_and_violations(claim):
    sample = draw_sample(claim, count=10**7, seed=20_26, seconds=SECONDS)
    suspects = [instance for ratio, instance in sample.worst if ratio > 0] + sample.strange
    verdict = certified(claim, suspects)
    return claim.id, sample.coverage, verdict


@pytest.mark.long
def test_no_true_claim_is_called_violated_in_a_million_instances(capsys):
    deterministic = [claim for claim in claims() if claim.deterministic]

    found = joblib.Parallel(n_jobs=-1)(
        joblib.delayed(_count_and_violations)(claim) for claim in deterministic
    )

    evaluated = sum(coverage.evaluated for _, coverage, _ in found)
    with capsys.disabled():
        print(f"\n{evaluated:,} instances of {len(found)} claims")
    assert [id for id, _, verdict in found if verdict.conclusion is Conclusion.VIOLATED] == []
    assert evaluated >= 10**6
