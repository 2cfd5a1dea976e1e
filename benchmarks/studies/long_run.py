"""All claims of the catalogue on millions of drawn instances, a share of them audited in balls.

    python benchmarks/studies/long_run.py [--least 10000] [--most 100000] [--seconds 20]

Deterministic claims (steps of proofs among them) are drawn until `--most` instances were compared,
or until there are `--least` and `--seconds` are over; of one draw in four the sides go through
balls as long as that takes at most 8 % of the time, and the worst instances of every claim are
certified. Probabilistic claims and orders of growth are drawn `--least` times. A claim is written
to results/long-run.json when it is finished, and a run that was broken off goes on there;
results/long-run.md is the table. The exit code is 1 where a claim is violated or refuted.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from validation import Conclusion
from validation.catalogue import claims
from validation.checking.audit import SHARE, Audit
from validation.checking.certified import certified
from validation.checking.orders import orders
from validation.checking.sampled import VISIBLE, draw_sample
from validation.checking.statistical import statistical
from validation.output.writing import write_atomically

RESULTS = Path(__file__).parents[2] / "results"
SEED = 20_261_125
CHUNK = 5000  # instances between two looks at the clock


def deterministic(claim, least: int, most: int, seconds: float) -> dict:
    begun = time.process_time()
    audit = Audit(claim, SHARE * seconds)
    evaluated = rejected = undecided = part = 0
    worst, strange = [], []
    while evaluated < most and (evaluated < least or time.process_time() - begun < seconds):
        count = min(CHUNK, most - evaluated)
        sample = draw_sample(audit.claim, count=count, seed=SEED, part=part, audit=audit)
        evaluated += sample.coverage.evaluated
        rejected += sample.coverage.rejected
        undecided += sample.coverage.undecided
        worst += sample.worst[:6]
        strange += sample.strange[:1]
        part += 1
    worst.sort(key=lambda found: found[0], reverse=True)
    visible = [instance for ratio, instance in worst if ratio > VISIBLE]
    suspects = visible[:50] + [instance for _, instance in worst[:10]] + strange[:5]
    verdict = certified(claim, suspects)
    bad = audit.certificates.verdict()
    conclusion = verdict.conclusion
    if bad.conclusion is Conclusion.VIOLATED:
        conclusion = bad.conclusion
    return {
        "evaluated": evaluated, "rejected": rejected, "undecided": undecided,
        "audited": audit.count, "wrong": audit.wrong, "verdict": conclusion.value,
    }  # fmt: skip


def repeated(claim, least: int, seconds: float) -> dict:
    if claim.kind == "order":
        evaluated = part = 0
        verdicts = []
        while evaluated < least:
            verdict = orders(claim, seconds=seconds, seed=SEED + part)
            evaluated += verdict.coverage.evaluated * claim.ladder[2]  # each rung is in balls
            verdicts.append(verdict)
            part += 1
        worst = next((v for v in verdicts if v.conclusion.bad), verdicts[0])
        return {"evaluated": evaluated, "audited": evaluated, "verdict": worst.conclusion.value}
    verdict = statistical(claim, seconds=3600, seed=SEED, draws=least)
    coverage = verdict.coverage
    return {
        "evaluated": least, "drawn_on": coverage.evaluated, "rejected": coverage.rejected,
        "undecided": coverage.undecided, "audited": coverage.audited,
        "verdict": verdict.conclusion.value, "message": verdict.message,
    }  # fmt: skip


def every() -> dict:
    """The claims and the steps of their proofs, by id."""
    found = {}

    def add(claim):
        found.setdefault(claim.id, claim)
        for step in claim.steps:
            add(step)

    for claim in claims():
        add(claim)
    return found


def table(rows: dict) -> str:
    total = sum(row["evaluated"] for row in rows.values())
    audited = sum(row["audited"] for row in rows.values())
    bad = [id for id, row in rows.items() if row["verdict"] in ("violated", "refuted")]
    least = min(row["evaluated"] for row in rows.values())
    lines = [
        "# All claims on millions of instances",
        "",
        f"Seed {SEED}. {len(rows)} claims (steps of proofs among them), {total:,} instances "
        f"compared, at least {least:,} of each; {audited:,} of them taken at random and audited in "
        f"balls or rationals, and the worst of each certified. Violated or refuted: "
        f"{', '.join(bad) if bad else 'none'}. Instances are plain draws (the search over them is "
        "what `rnnbounds verify` adds); of a probabilistic claim its draws count, of an order "
        "of growth its comparisons along the ladder, all in balls.",
        "",
        "Made by `python benchmarks/studies/long_run.py`.",
        "",
        "| claim | kind | instances | audited | undecided in float64 | verdict |",
        "|---|---|---:|---:|---:|---|",
    ]
    for id, row in sorted(rows.items()):
        lines.append(
            f"| `{id}` | {row['kind']} | {row['evaluated']:,} | {row['audited']:,} "
            f"| {row.get('undecided', 0):,} | {row['verdict']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--least", type=int, default=10_000)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    path = RESULTS / "long-run.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else {}
    for id, claim in every().items():
        if id in rows:
            continue
        begun = time.process_time()
        if claim.deterministic:
            row = deterministic(claim, options.least, options.most, options.seconds)
        else:
            row = repeated(claim, options.least, options.seconds)
        row |= {"kind": claim.kind, "cpu_seconds": round(time.process_time() - begun, 1)}
        print(id, row, flush=True)
        rows[id] = row
        text = json.dumps({"seed": SEED, "rows": rows}, indent=1) + "\n"
        write_atomically(path, text.encode())
        write_atomically(RESULTS / "long-run.md", table(rows).encode())
    bad = [id for id, row in rows.items() if row["verdict"] in ("violated", "refuted")]
    raise SystemExit(f"violated or refuted: {', '.join(bad)}" if bad else 0)


if __name__ == "__main__":
    main()
