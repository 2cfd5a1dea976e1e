"""`rnnbounds explain ID`: one claim, in full."""

from __future__ import annotations

from typing import Annotated

import typer

from validation.claims import Claim
from validation.commands.given import refuse
from validation.loading import gather
from validation.verdict import Outcome


def claim_ids(begun: str) -> list[str]:
    """The ids of the catalogue that begin like this, for the shell to offer."""
    return [claim.id for claim in gather([]) if claim.id.startswith(begun)]


def explain(
    context: typer.Context,
    claims: Annotated[
        list[str] | None,
        typer.Argument(
            help="Ids, FILE.py or FILE.py::id; default: list the claims.",
            autocompletion=claim_ids,
        ),
    ] = None,
    budget: Annotated[float, typer.Option(help="Seconds of search for a claim.")] = 1.5,
) -> None:
    """Statement, hypotheses, constants, steps with their verdicts, and where in the code."""
    if not claims:
        refuse(context, "no claims, which lists them", "budget")
        typer.echo("\n".join(listed(gather([]))))
        return
    from validation.checking.runner import verify_all

    chosen = gather(claims)
    outcomes = verify_all(chosen, budget=budget, quick=True)
    typer.echo("\n\n".join(text_of(c, outcome) for c, outcome in zip(chosen, outcomes)))


def listed(claims: list[Claim]) -> list[str]:
    """One line a claim: id, label and section."""
    width = max(len(claim.id) for claim in claims)
    lines = [f"{claim.id:{width}}  {claim.label:8}  section {claim.section}" for claim in claims]
    return [*lines, f"{len(claims)} claims; `rnnbounds explain ID` shows one in full"]


def text_of(claim: Claim, outcome: Outcome) -> str:
    """The explanation as plain text."""
    from validation.commands.verify import show_ratio

    lines = [claim.id, "=" * len(claim.id), "", f"  {claim.statement}", ""]
    facts = {
        "kind": claim.kind,
        "section": claim.section,
        "source": " ".join(filter(None, [claim.source, f"[{claim.label}]" if claim.label else ""])),
        "defined in": f"{claim.where[0]}:{claim.where[1]}",
        "code": claim.code,
        "constants": ", ".join(f"{name} = {value}" for name, value in claim.constants.items()),
        "instances": describe_instances(claim),
    }
    lines += [f"  {name + ':':12} {value}" for name, value in facts.items() if value]
    lines.append("  hypotheses:" + ("  by construction" if not claim.hypotheses else ""))
    lines += [f"    - {name}" for name in claim.hypotheses]
    if claim.proof:
        lines += ["  proof:", *(f"    {line}" for line in claim.proof.strip().splitlines())]
    if claim.steps:
        lines.append("  steps:")
        for step, found in zip(claim.steps, outcome.steps):
            lines.append(f"    - {step.id}: {found.conclusion.value}   {step.statement}")
    from validation.commands.frontier import lines as steps_of_the_proof

    scalar = steps_of_the_proof(claim)
    if scalar:
        lines += ["  rests on:", *(f"    {line}" for line in scalar)]
    lines.append(f"  verdict:     {'error' if outcome.error else outcome.conclusion.value}")
    lines.append(f"    {outcome.verdict.message}")
    if show_ratio(outcome):
        rate = outcome.kind == "probabilistic"
        what = "failure rate seen, over the permitted one" if rate else "left/right"
        lines.append(f"    largest {what}: {show_ratio(outcome)}")
    lines += [f"    {fact}" for fact in outcome.facts]
    return "\n".join(lines)


def describe_instances(claim: Claim) -> str:
    """What is drawn, in a line."""
    sizes = ", ".join(f"{s} in {low}..{high}" for s, (low, high) in claim.instances.sizes.items())
    names = ", ".join(
        f"{name}: {type(factor).__name__}" for name, factor in claim.instances.factors.items()
    )
    return f"{names}" + (f" ({sizes})" if sizes else "")
