"""The catalogue at its own default budget, as a user runs it: no claim false, late or at fault."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from validation import catalogue
from validation.checking.verifying import QUICK_SECONDS
from validation.commands.verify import QUICK_TOTAL, quick_budget

COMMAND = "from validation.commands import main; main()"


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_the_whole_catalogue_at_its_default_budget(tmp_path):
    target = tmp_path / "out.json"

    run = subprocess.run(
        [sys.executable, "-c", COMMAND, "verify", "--json", str(target)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    rows = json.loads(target.read_text())
    assert run.returncode == 0, run.stdout[-2000:]
    assert [row["id"] for row in rows] == [claim.id for claim in catalogue.claims()]
    assert [row["id"] for row in rows if row["error"] or row["out_of_time"]] == []
    assert [row["id"] for row in rows if row["verdict"] in ("violated", "refuted")] == []
    assert [row["id"] for row in rows if not row["instances"]] == []
    assert sum(row["audited"] for row in rows) >= 10_000
    maurey = next(row for row in rows if row["id"] == "covering.maurey")
    assert maurey["verdict"] == "tight"


def test_a_quick_run_of_many_claims_stays_a_minute_and_a_half():
    assert quick_budget(1, 2) == QUICK_SECONDS
    for claims in (126, 172, 1000):
        assert quick_budget(claims, 2) * claims / 2 <= QUICK_TOTAL
