"""A page a claim, written from the claim and from what was recorded about it."""

from __future__ import annotations

import inspect
import json
import textwrap
from pathlib import Path
from typing import Any

import reference
import worst

from validation import Claim, Instance
from validation.catalogue import claims as catalogue_claims
from validation.catalogue.sections import SECTIONS
from validation.claims import KINDS
from validation.commands.explain import describe_instances
from validation.commands.theory import _with_steps
from validation.proving.frontier import rows

MEANING = {
    "holds": "no violation on any instance tried; certified on the worst and on some at random",
    "tight": "as *holds*, and the two sides agree on some instance: nothing can be taken off",
    "not refuted": "a statistical test saw no more failures than are permitted",
    "undecided": "nothing was decided",
}


def write(folder: Path, root: Path) -> None:
    """Write the index and every page."""
    folder.mkdir(parents=True)
    own = catalogue_claims()
    claims = _with_steps(own)
    verdicts = _recorded(root / "results" / "verdicts.json")
    tightened = _recorded(root / "results" / "tightened.json")
    proofs = {path.stem for path in (root / "proofs").glob("*.v")}
    for claim in claims:
        text = page(claim, verdicts, tightened, root, proofs)
        (folder / f"{claim.id}.md").write_text(text, "utf-8")
    (folder / "index.md").write_text(_index(claims, verdicts), "utf-8")


def _recorded(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {"made": {}, "claims": {}}


def _verdict(id: str, verdicts: dict[str, Any]) -> dict[str, Any] | None:
    """The verdict of a claim, or of a step within the claim it belongs to."""
    known = verdicts["claims"]
    if id in known:
        return known[id]
    return next((v["steps"][id] for v in known.values() if id in v["steps"]), None)


def _made(id: str, recorded: dict[str, Any]) -> dict[str, Any]:
    """How what is recorded of a claim was made; of a step, how that of its claim was."""
    known = recorded["claims"]
    whole = id if id in known else next((c for c in known if id in known[c]["steps"]), id)
    made: dict[str, Any] = recorded.get("made_of", {}).get(whole, recorded["made"])
    return made


def _index(claims: list[Claim], verdicts: dict[str, Any]) -> str:
    lines = [
        "# Catalogue",
        "",
        "Every statement that rnnbounds checks, in the order of [the theory](../docs/theory.md): "
        "what it says, under which hypotheses, with which constants, and what was found when "
        "somebody tried to break it. [How to read a verdict](../docs/guides/read_a_verdict.md).",
        "",
    ]
    sections: dict[str, list[Claim]] = {}
    for claim in claims:
        sections.setdefault(claim.section, []).append(claim)
    for section in sorted(sections, key=[*SECTIONS, *sections].index):
        lines += [f"## {section}. {SECTIONS.get(section, 'Steps of proofs')}", ""]
        lines += ["| claim | statement | verdict |", "|---|---|---|"]
        for claim in sections[section]:
            found = _verdict(claim.id, verdicts)
            word = found["verdict"] if found else ""
            lines.append(f"| [`{claim.id}`]({claim.id}.md) | {inline(claim.statement)} | {word} |")
        lines.append("")
    lines += ["```{toctree}", ":hidden:", "", *(claim.id for claim in claims), "```", ""]
    return "\n".join(lines)


def inline(latex: str) -> str:
    """A formula for the cell of a table, whose bars would end the cell."""
    return "$" + " ".join(latex.split()).replace(r"\|", r"\Vert ").replace("|", r"\vert ") + "$"


def page(
    claim: Claim,
    verdicts: dict[str, Any],
    tightened: dict[str, Any],
    root: Path,
    proofs: set[str],
) -> str:
    """The page of one claim."""
    lines = [f"# {claim.id}", "", "$$", " ".join(claim.statement.split()), "$$", ""]
    lines += _facts(claim)
    lines += _hypotheses(claim)
    lines += _constants(claim, tightened)
    lines += _found(claim, verdicts)
    lines += _proof(claim, verdicts, proofs)
    lines += _body(claim, root)
    return "\n".join(lines)


def _facts(claim: Claim) -> list[str]:
    labels = {
        "paper": "a result that the project exists to check",
        "classic": "a tool that it rests on",
        "sharper": "an improvement proved here",
    }
    text = f"[{claim.section}. {SECTIONS.get(claim.section, '')}](../docs/theory.md"
    facts = {
        "Kind": f"{claim.kind}: {KINDS[claim.kind]}",
        "Label": f"{claim.label}: {labels.get(claim.label, '')}" if claim.label else "",
        "Text": f"{text}#section-{claim.section})" if claim.section in SECTIONS else "",
        "Source": claim.source,
        "Drawn": describe_instances(claim),
        "Computed by": reference.linked(claim.code, "../api/") if claim.code else "",
    }
    if claim.failure is not None:
        facts["Permitted failures"] = f"`{claim.failure}`"
    return [*(f"- **{name}:** {value}" for name, value in facts.items() if value), ""]


def _hypotheses(claim: Claim) -> list[str]:
    if not claim.hypotheses:
        return ["## Hypotheses", "", "All of them hold by construction of what is drawn.", ""]
    says = "A violation counts only where every one of them is certified."
    return ["## Hypotheses", "", *(f"- ${name}$" for name in claim.hypotheses), "", says, ""]


def _constants(claim: Claim, tightened: dict[str, Any]) -> list[str]:
    if not claim.constants:
        return []
    found = {one["constant"]: one for one in tightened["claims"].get(claim.id, [])}
    lines = ["## Constants", "", "| constant | published | how far it tightens |", "|---|---|---|"]
    for name, value in claim.constants.items():
        lines.append(f"| `{name}` | {value} | {_tight(found.get(name), claim)} |")
    if any(one.get("value") is not None for one in found.values()):
        made = _made(claim.id, tightened)
        lines += [
            "",
            f"By `rnnbounds tighten {claim.id} --constant NAME --budget {made['budget']:g}`, on "
            f"{made['date']}, a search: no violation found proves nothing of a sharper value.",
        ]
    return [*lines, ""]


def _tight(found: dict[str, Any] | None, claim: Claim) -> str:
    if found is None:
        return "not recorded"
    if "refused" in found:
        return found["refused"].split("): ", 1)[-1].removeprefix(f"{claim.id}: ")
    if found["value"] is None:
        return "no value was found to hold"
    best = "largest" if found["upwards"] else "smallest"
    value, fails = found["value"], found["fails_at"]
    digits = next((d for d in (6, 9, 12, 17) if f"{value:.{d}g}" != f"{fails or 0:.{d}g}"), 17)
    says = f"{value:.{digits}g} is the {best} value at which no violation was found"
    if fails is not None:
        how = "certified to fail" if found["certified"] else "fails"
        says += f"; {how} at {fails:.{digits}g}"
    return says


def _found(claim: Claim, verdicts: dict[str, Any]) -> list[str]:
    found = _verdict(claim.id, verdicts)
    if found is None:
        return ["## Verdict", "", f"Not recorded; `rnnbounds verify {claim.id}` finds it.", ""]
    made = _made(claim.id, verdicts)
    meaning = MEANING.get(found["verdict"], "")
    lines = [
        "## Verdict",
        "",
        f"**{found['verdict']}** ({found['evidence']}): {meaning}.",
        "",
        f"- Looked at: {found['message']}",
        f"- Drawn {found['drawn']}, outside the hypotheses {found['rejected']}, compared "
        f"{found['evaluated']}, audited at random {found['audited']}",
    ]
    if found["ratio"]:
        lines.append(f"- Largest left/right: {found['ratio']}")
    lines += [f"- {note}" for note in found["notes"]]
    if found.get("worst"):
        lines += ["", "The worst instance, or a small one that is about as bad:", ""]
        lines += ["```text", *found["worst"], "```"]
    if drawn := _drawn(claim, found):
        shown = "" if found.get("worst") else "The simplest of the worst, too large to print. "
        lines += ["", *([shown.strip(), ""] if shown else []), drawn]
    lines += [
        "",
        f"Recorded on {made['date']} with `--budget {made['budget']:g} --seed {made['seed']}` "
        f"(Python {made['python']}, NumPy {made['numpy']}, SciPy {made['scipy']}); "
        f"`rnnbounds verify {claim.id}` looks again.",
        "",
    ]
    return lines


def _drawn(claim: Claim, found: dict[str, Any]) -> str:
    """The worst instance as pictures, where it was recorded and is still one of the claim."""
    if not found.get("instance"):
        return ""
    instance = Instance.from_json(json.loads(found["instance"]))
    if set(instance.raw) != set(claim.instances.factors):
        return ""  # what is drawn has changed since: `record.py verdicts --again`
    return worst.figure(claim, instance)


def _proof(claim: Claim, verdicts: dict[str, Any], proofs: set[str]) -> list[str]:
    steps = rows(claim)[1:]
    if not (claim.proof or steps):
        return []
    lines = ["## Proof", ""]
    if claim.proof:
        lines += [textwrap.dedent(claim.proof).strip(), ""]
    if steps:
        lines += ["| step | rests on | what that covers | verdict |", "|---|---|---|---|"]
        known = {one.id for one in _with_steps(catalogue_claims())}
        for step in steps:
            name = f"[`{step.id}`]({step.id}.md)" if step.id in known else f"`{step.id}`"
            found = _verdict(step.id, verdicts)
            covers = step.covers.replace("|", r"\|")
            word = found["verdict"] if found else ""
            lines.append(f"| {name} | {step.evidence} | {covers} | {word} |")
        lines.append("")
    return lines


def _body(claim: Claim, root: Path) -> list[str]:
    path = Path(claim.where[0])
    place = path.relative_to(root) if path.is_relative_to(root) else path.name
    source = textwrap.dedent(inspect.getsource(claim.body)).rstrip()
    return [
        "## In the code",
        "",
        f"`{place}`, line {claim.where[1]}; left and right are what the body returns.",
        "",
        "```python",
        source,
        "```",
        "",
    ]
