"""`rnnbounds train`: make the networks under models/, checkpointed and resumable."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from validation.output.schema import Record


def train(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which network; without it they are listed.")] = "",
    seed: Annotated[
        int | None, typer.Option(help="Train this seed alone; by default all of the recipe's.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the networks and their logs go.")] = Path(
        "models"
    ),
    work: Annotated[
        Path | None, typer.Option(help="Where checkpoints go; by default beside the data.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's number.")] = None,
    device: Annotated[
        str, typer.Option(help="Train with torch on this device, cpu or cuda, instead of NumPy.")
    ] = "",
    restart: Annotated[bool, typer.Option(help="Forget checkpoints and begin anew.")] = False,
    snapshot: Annotated[
        bool, typer.Option(help="Train nothing: write the network of the last checkpoint.")
    ] = False,
) -> None:
    """Train the network NAME and write NAME-SEED.safetensors with its log.

    A training that was killed goes on where its last checkpoint stands, to the same weights as one
    that was not.
    """
    from pruning.checks import choice
    from validation.commands.given import refuse
    from validation.training import constrained, model_training
    from validation.training.gated import GATED_RECIPES
    from validation.training.gated_text import TEXT_RECIPES
    from validation.training.recipes import RECIPES, recipe

    if not name:
        refuse(context, "no network named, which lists them")
        for known in RECIPES.values():
            typer.echo(f"{known.name:24} {known.title}")
        gated = {name: one.title for name, one in GATED_RECIPES.items()}
        gated |= {name: one.title for name, one in TEXT_RECIPES.items()}
        for known_name, title in gated.items():
            typer.echo(f"{known_name:24} {title}")
        typer.echo(f"{constrained.NAME:24} {constrained.TITLE}")
        return
    if snapshot:  # --restart would delete what a snapshot is taken of
        refuse(context, "--snapshot, which trains nothing", "restart")
    if name == constrained.NAME:
        refuse(context, f"{name}, which is trained without checkpoints", "work", "restart")
        _constrained(out, seed, epochs, device, snapshot)
        return
    if name in GATED_RECIPES or name in TEXT_RECIPES:
        _gated(name, out, work, seed, epochs, device, restart, snapshot)
        return
    choice("the network", name, (*RECIPES, *GATED_RECIPES, *TEXT_RECIPES, constrained.NAME))
    chosen = recipe(name).with_epochs(epochs)
    seeds = range(chosen.seeds) if seed is None else [seed]
    for each in seeds:

        def say(record: Record, each: int = each) -> None:
            words = " ".join(f"{key} {value:.5g}" for key, value in record.items())
            typer.echo(f"{name} seed {each}: {words}")

        path = model_training.make(
            chosen,
            each,
            out,
            work=work,
            device=device,
            restart=restart,
            snapshot=snapshot,
            say=say,
        )
        typer.echo(f"wrote {path}")


def _constrained(
    out: Path, seed: int | None, epochs: int | None, device: str, snapshot: bool
) -> None:
    """The network with a valid bound: a recipe of several stages, without checkpoints."""
    from dataclasses import replace

    from validation.training import constrained
    from validation.training.constrained_training import ConstrainedRecipe

    if device or snapshot:
        raise ValueError(f"{constrained.NAME} is trained with NumPy in one go: no device, snapshot")
    recipe = ConstrainedRecipe()
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)

    def say(stage: str, record: Any) -> None:
        typer.echo(f"{stage}: epoch {record.epoch} loss {record.loss:.5g}")

    chosen = constrained.SEED if seed is None else seed
    typer.echo(f"wrote {constrained.make(recipe, chosen, out, say)}")


def _gated(
    name: str,
    out: Path,
    work: Path | None,
    seed: int | None,
    epochs: int | None,
    device: str,
    restart: bool,
    snapshot: bool,
) -> None:
    """A GRU or an LSTM, with torch; a language model on any device."""
    from validation.training import gated, gated_text

    if snapshot:
        raise ValueError(f"{name} cannot be written before its training is finished: no snapshot")
    chosen: Any
    make: Any
    if name in gated_text.TEXT_RECIPES:
        chosen = gated_text.TEXT_RECIPES[name].with_epochs(epochs)
        make = partial(gated_text.make, device=device or "cpu")
    elif device:
        raise ValueError(f"{name} is trained with torch on the processor: no device")
    else:
        chosen, make = gated.gated_recipe(name).with_epochs(epochs), gated.make
    for each in range(chosen.seeds) if seed is None else [seed]:

        def say(record: Record, each: int = each) -> None:
            words = " ".join(f"{key} {value:.5g}" for key, value in record.items())
            typer.echo(f"{name} seed {each}: {words}")

        typer.echo(f"wrote {make(chosen, each, out, work=work, restart=restart, say=say)}")
