"""The tables of the committed certificates: what each route says of the same network.

    python benchmarks/studies/certificates.py [--routes]

Reads certificates/*/certificate.json and writes the tables between the marks of
certificates/README.md. `--routes` evaluates every route anew, for which the data must be at hand,
and keeps what it found in certificates/routes.json. `rnnbounds check` counts the errors.
"""

from __future__ import annotations

import argparse
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

from validation.certifying.language import decode, unpacked
from validation.certifying.pipeline import Certified
from validation.certifying.recipes import RECIPES
from validation.certifying.side_by_side import Route, routes_of, routes_of_text
from validation.certifying.tasks import task
from validation.certifying.text import CertifiedText
from validation.certifying.text_training import training_text
from validation.output.writing import write_atomically

HOME = Path(__file__).resolve().parents[2] / "certificates"
BEGIN, END = "<!-- written by benchmarks/studies/certificates.py -->", "<!-- end of the tables -->"


COLUMNS = {
    "occam.binomial": "**certified**",
    "occam.kl": "occam.kl",
    "others.pac_bayes_kl": "PAC-Bayes-kl",
    "others.pick_to_learn": "pick-to-learn",
    "split.binomial": "split",
    "others.test_set_binomial": "test set",
}
OF_TEXTS = {
    "martingale.betting": "**certified**",
    "martingale.bernstein": "Bernstein",
    "martingale.azuma": "Azuma",
    "split.martingale": "split",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--routes", action="store_true")
    options = parser.parse_args()
    held = {
        path.parent.name: json.loads(path.read_text("utf-8"))
        for path in sorted(HOME.glob("*/certificate.json"))
    }
    if options.routes:
        found = {name: [r.to_json() for r in evaluated(name, held[name])] for name in held}
        write_atomically(HOME / "routes.json", (json.dumps(found, indent=1) + "\n").encode())
    known = {
        name: {entry["id"]: Route(**entry) for entry in entries}
        for name, entries in kept("routes").items()
    }
    lines = tables(held, known)
    stages = kept("first_stages")
    if stages:
        lines += ["", *first_stages(stages)]
    page = HOME / "README.md"
    text = page.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after, "utf-8")
    print("\n".join(lines))


def kept(name: str) -> Any:
    """What another study wrote, or nothing yet."""
    path = HOME / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def evaluated(name: str, facts: dict[str, Any]) -> list[Route]:
    """Every route for a committed certificate."""
    code = unpacked((HOME / name / "code.bin").read_bytes(), facts["bits"])
    language, delta = facts["language"], Decimal(facts["delta"])
    bound, split = Decimal(facts["bound"]), kept("split").get(name)
    if "loss" in facts:
        network = decode(code, facts["task"], language=language)
        text = training_text()
        model = CertifiedText(
            network, code, len(text), Decimal(facts["loss"]), bound, delta, {}, language
        )
        return routes_of_text(model, text, split=split and split["bound"])
    data = task(facts["task"])
    network = decode(code, facts["task"], data.images.shape[1:], language=language)
    found = Certified(network, code, data, facts["errors"], delta, bound, language)
    picked = kept("pick_to_learn").get(name, {})
    return routes_of(
        found,
        split=split and (split["errors"], split["held_out"]),
        picked=picked["size"] if picked.get("bound") else None,
        identity=RECIPES[name].training.identity,
    )


def tables(held: dict[str, Any], known: dict[str, dict[str, Route]]) -> list[str]:
    """What the networks are, what each route says of them, and what each assumes."""
    lines = ["| certificate | language | k | T x d | n | bits | on the training data |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for name, facts in held.items():
        net = facts["network"]
        size = f"{net['T']} x {net['d']}" if "T" in net else f"{net['d']} bytes known"
        train = f"{facts['loss']} bits a byte" if "loss" in facts else ""
        train = train or percent(facts["errors"] / facts["n"])
        cells = [name, facts["language"], net["k"], size, f"{facts['n']:,}", f"{facts['bits']:,}"]
        lines.append("| " + " | ".join(map(str, [*cells, train])) + " |")
    for columns, chosen in (
        (COLUMNS, {n: f for n, f in held.items() if "errors" in f}),
        (OF_TEXTS, {n: f for n, f in held.items() if "loss" in f}),
    ):
        unit = "error at most" if columns is COLUMNS else "bits a byte at most"
        lines += ["", f"| {unit} | " + " | ".join(columns.values()) + " |"]
        lines += ["|---" * (1 + len(columns)) + "|"]
        for name, facts in chosen.items():
            cells = [cell(id, known.get(name, {}).get(id), facts) for id in columns]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "| route | assumes | of |", "|---|---|---|"]
    told: dict[str, Route] = {}
    for of_one in known.values():
        for id, route in of_one.items():
            if id not in told or told[id].value is None:
                told[id] = route
    for id, route in told.items():
        if route.value is not None:
            assumes = ASSUMES.get(id, route.assumes)
            lines.append(f"| `{id}` | {assumes} | {route.of} |")
    lines += [""]
    for name, of_one in known.items():
        for id, route in of_one.items():
            if route.value is None:
                lines.append(f"- {name}, `{id}`: not evaluated: {route.assumes}.")
    return lines


ASSUMES = {"others.pick_to_learn": "i.i.d. sequences; preferent compression"}


def cell(id: str, route: Route | None, facts: dict[str, Any]) -> str:
    """A bound, rounded up; the certified one as the certificate says it."""
    if id in ("occam.binomial", "martingale.betting"):
        value = facts["bound"] if "loss" in facts else percent(float(facts["bound"]))
        return f"**{value}**"
    if route is None or route.value is None:
        return ""
    return f"{math.ceil(route.value * 1e4) / 1e4:.4f}" if "loss" in facts else percent(route.value)


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
