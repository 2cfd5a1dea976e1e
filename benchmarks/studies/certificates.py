"""The table of the committed certificates: what each route says of the same network.

    python benchmarks/studies/certificates.py

Reads certificates/*/certificate.json and writes the tables between the marks of
certificates/README.md. Nothing is trained or counted again: `rnnbounds check` counts.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from bounds.routes import routes

HOME = Path(__file__).resolve().parents[2] / "certificates"
BEGIN, END = "<!-- written by benchmarks/studies/certificates.py -->", "<!-- end of the tables -->"


def main() -> None:
    held = {
        path.parent.name: json.loads(path.read_text("utf-8"))
        for path in sorted(HOME.glob("*/certificate.json"))
    }
    images = {name: facts for name, facts in held.items() if "errors" in facts}
    texts = {name: facts for name, facts in held.items() if "loss" in facts}
    path = HOME / "split.json"
    splits = json.loads(path.read_text("utf-8")) if path.exists() else {}
    lines = [
        "| certificate | k | T x d | n | bits | training error | **certified** | occam.kl "
        "| test error | test-set bound | split bound |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(row(name, facts, splits) for name, facts in images.items()),
    ]
    if texts:
        lines += [
            "",
            "| certificate | k | bytes | bits | bits a byte on the text | **certified** |",
            "|---|---|---|---|---|---|",
        ]
    for name, facts in texts.items():
        lines.append(
            f"| {name} | {facts['network']['k']} | {facts['n']:,} | {facts['bits']:,} "
            f"| {facts['loss']} | **{facts['bound']}** |"
        )
    stages = HOME / "first_stages.json"
    if stages.exists():
        lines += ["", *first_stages(json.loads(stages.read_text()))]
    page = HOME / "README.md"
    text = page.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after, "utf-8")
    print("\n".join(lines))


def row(name: str, facts: dict[str, Any], splits: dict[str, Any]) -> str:
    net, n, errors = facts["network"], facts["n"], facts["errors"]
    test = (net["test_errors"], net["test_n"]) if "test_n" in net else None
    found = {b.id: b for b in routes(n, errors, facts["bits"], float(facts["delta"]), test=test)}
    cells = [
        name,
        net["k"],
        f"{net['T']} x {net['d']}",
        f"{n:,}",
        f"{facts['bits']:,}",
        percent(errors / n),
        f"**{percent(float(facts['bound']))}**",
        percent(math.exp(found["occam.kl"].log_total)),
        "" if test is None else percent(test[0] / test[1]),
        "" if test is None else percent(math.exp(found["others.test_set_binomial"].log_total)),
        percent(splits[name]["bound"]) if name in splits else "",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def first_stages(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| first stage (digits, k = 8, 300 epochs) | certified, mean | by seed |",
        "|---|---|---|",
    ]
    for method in dict.fromkeys(row["method"] for row in rows):
        values = [row["bound"] for row in rows if row["method"] == method]
        each = ", ".join(percent(value) for value in values)
        lines.append(f"| {method} | {percent(sum(values) / len(values))} | {each} |")
    return lines


def percent(value: float) -> str:
    """A percentage with two digits, rounded up so that no bound is shown smaller."""
    return f"{math.ceil(value * 1e4) / 100:.2f} %"


if __name__ == "__main__":
    main()
