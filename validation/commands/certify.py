"""`rnnbounds certify`: a network as a short code, with a bound that others can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from validation.output.schema import Record

TEXT_TITLE = "Penn Treebank byte by byte, n = 5.1 million, the identity clipped to [-1, 1]"
_OF_A_TRAINING = (
    *("rate", "smooth", "power", "teacher", "learning_rate", "batch_size", "subspace"),
    "reference",
)
_BLOCKS = "w_hidden, w_input, w_output, b_hidden or b_output"


def certify(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A recipe; without one they are listed.")] = "",
    model: Annotated[
        Path | None, typer.Option(help="Instead of a recipe: a network, npz or safetensors.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="What it reads: mnist, fashion-mnist, digits, an npz file.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the certificate.")] = Path("cert"),
    delta: Annotated[str, typer.Option(help="Probability with which it may be wrong.")] = "0.05",
    k: Annotated[int | None, typer.Option(help="Nodes that pruning keeps.")] = None,
    method: Annotated[str | None, typer.Option(help="How it prunes.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Of training for a short code; 0 rounds and trains nothing.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Weight of the code in the loss.")] = None,
    smooth: Annotated[
        float | None, typer.Option(help="Width in steps that prices are smoothed with at first.")
    ] = None,
    power: Annotated[
        float | None, typer.Option(help="The late loss is (1 - p^power)/power; 0: -log p.")
    ] = None,
    teacher: Annotated[
        float | None, typer.Option(help="Share of the large network's answers in the targets.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of Adam.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Sequences a step.")] = None,
    steps: Annotated[
        str | None, typer.Option(help="Exponents of two, such as w_hidden=-3,w_input=-2.")
    ] = None,
    subspace: Annotated[
        str | None,
        typer.Option(help="Blocks as so many coordinates of random signs: w_hidden=200."),
    ] = None,
    reference: Annotated[
        float | None, typer.Option(help="Count w_hidden from random signs times this.")
    ] = None,
    crop: Annotated[str | None, typer.Option(help="Pixels cut off: top,bottom,left,right.")] = None,
    pool: Annotated[str | None, typer.Option(help="Pixels that are summed: 2,2.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the training.")] = None,
    descent: Annotated[
        float, typer.Option(help="Minutes for changing single numbers where that lowers the bound.")
    ] = 0.0,
    draws: Annotated[
        int, typer.Option(help="Networks drawn for the PAC-Bayes bound beside it; 0 leaves it out.")
    ] = 2000,
    work: Annotated[
        Path | None, typer.Option(help="Where checkpoints go; by default beside the data.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop the training then, and encode what there is.")
    ] = None,
) -> None:
    """Write code.bin, certificate.json and README.txt for a network that is trained to be short.

    A training that was killed goes on where its last checkpoint stands.
    """
    import math
    import time

    from pruning.checks import integer, nonnegative
    from validation.certifying.certificate import FILES, KIND, delta_of, write_certificate
    from validation.certifying.language import TEXT
    from validation.certifying.network import Form
    from validation.certifying.pipeline import produce
    from validation.certifying.recipes import RECIPES
    from validation.certifying.side_by_side import lines, routes_of
    from validation.commands.given import refuse
    from validation.data.fetching import cache_folder
    from validation.output.writing import check_replaceable

    if not name and model is None:
        if data is not None:
            raise ValueError(f"data must be given with model, got {data} and no model")
        refuse(context, "neither a recipe nor --model, which lists the recipes")
        for known in RECIPES.values():
            typer.echo(f"{known.name:14} {known.title}")
        typer.echo(f"{TEXT:14} {TEXT_TITLE}")
        return
    if name and (model is not None or data is not None):
        raise ValueError(f"model and data take the place of a recipe, they do not go with {name}")
    level = delta_of(delta)
    integer("draws", draws, 0)
    nonnegative("descent", descent)
    check_replaceable(out, FILES, KIND)  # before anything is trained
    until = math.inf if minutes is None else time.time() + 60 * nonnegative("minutes", minutes)
    changes: Record = {
        "k": k,
        "method": method,
        "epochs": epochs,
        "rate": rate,
        "power": power,
        "smooth": smooth,
        "teacher": teacher,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "seed": seed,
        "subspace": None if subspace is None else _subspace(subspace),
        "reference": reference,
    }
    changes = {key: value for key, value in changes.items() if value is not None}
    folder = cache_folder() / "certifying" if work is None else work
    if name == TEXT:
        if crop is not None or pool is not None:
            raise ValueError(f"crop and pool are for images, they do not go with {TEXT}")
        if descent:
            raise ValueError(f"descent is for images, it does not go with {TEXT}, got {descent}")
        refuse(context, TEXT, "draws")
        _text(out, _checked(changes), _steps(steps), folder, level, until)
        return
    given = model is not None or bool(name in RECIPES and RECIPES[name].model)
    if epochs == 0 or (epochs is None and model is not None):
        nothing = "no epochs of training"
        refuse(context, nothing, *_OF_A_TRAINING)
        if given:  # else a large network is trained first
            refuse(context, nothing, "work", "minutes")
    if model is not None and k is None:
        refuse(context, "no -k, without which --model is not pruned", "method")
        if not epochs:
            refuse(context, "neither -k nor --epochs", "seed")
    form = None
    if crop is not None or pool is not None:
        sides, block = _numbers("crop", crop or "0,0,0,0", 4), _numbers("pool", pool or "1,1", 2)
        form = Form(sides, block)  # type: ignore[arg-type]
    if model is not None:
        if data is None:
            raise ValueError("data must be given with model: the sequences that it reads")
        chosen, task, start = _own(model, data, form, changes, _steps(steps))
    else:
        chosen, task = _recipe(name, form, changes, _steps(steps))
        start = None
    found = produce(
        chosen,
        task,
        start=start,
        work=folder,
        delta=level,
        until=until,
        descent=60 * nonnegative("descent", descent),
        say=typer.echo,
    )
    tested = found.test_errors()
    settings = chosen.settings()
    how = {"method": chosen.method, "settings": settings}
    if tested is not None:
        how["test_errors"], how["test_n"] = tested
    write_certificate(out, found, chosen.name, how)  # before what may take a minute
    routes = routes_of(found, identity=chosen.training.identity, draws=draws)
    how["routes"] = [route.to_json() for route in routes]
    write_certificate(out, found, chosen.name, how)
    typer.echo(
        f"{found.errors} of {task.n} wrong, {len(found.code)} bits: error at most "
        f"{float(found.bound):.4%} at delta = {level}, in {out}"
    )
    if found.bound >= 1:
        typer.echo("This certifies nothing: the code is too long for so few sequences.")
    typer.echo(f"Every route to a number, each at delta = {level}; the least does not hold at it:")
    for line in lines(routes):
        typer.echo(f"  {line}")


def _text(
    out: Path, changes: Record, steps: dict[str, int], work: Path, delta: Any, until: float
) -> None:
    """A language model of bytes."""
    from dataclasses import replace

    from validation.certifying.certificate import write_certificate
    from validation.certifying.language import TEXT
    from validation.certifying.side_by_side import lines, routes_of_text
    from validation.certifying.text_training import TextRecipe, produce_text, training_text

    for key in ("method", "power", "teacher", "batch_size", "seed", "subspace", "reference"):
        if key in changes:
            raise ValueError(f"{key} does not go with {TEXT}, got {changes[key]}")
    chosen = TextRecipe()
    rest = {key: value for key, value in changes.items() if key != "k"}
    training = replace(chosen.training, **rest, steps={**chosen.training.steps, **steps})
    chosen = replace(chosen, k=changes.get("k", chosen.k), training=training)
    found = produce_text(chosen, work=work, delta=delta, until=until, say=typer.echo)
    how: Record = {"settings": chosen.settings()}
    write_certificate(out, found, TEXT, how)
    routes = routes_of_text(found, training_text())
    how["routes"] = [route.to_json() for route in routes]
    write_certificate(out, found, TEXT, how)
    typer.echo(
        f"{found.loss} bits a byte on {found.n} bytes, code of {len(found.code)} bits: expected "
        f"loss at most {found.bound} bits a byte at delta = {delta}, in {out}"
    )
    typer.echo(f"Every route to a number of bits a byte, each at delta = {delta}:")
    for line in lines(routes, "bits"):
        typer.echo(f"  {line}")


def _recipe(name: str, form: Any, changes: Record, steps: dict[str, int]) -> tuple[Any, Any]:
    from pruning.checks import choice
    from validation.certifying.language import TEXT
    from validation.certifying.recipes import RECIPES, recipe
    from validation.certifying.tasks import task

    choice("name", name, (*RECIPES, TEXT))

    chosen = recipe(name, **_checked(changes))
    if steps:
        chosen = recipe(name, **changes, steps={**chosen.training.steps, **steps})
    if form is not None:
        if RECIPES[name].model:
            raise ValueError(f"crop and pool do not go with {name}, which starts from a network")
        chosen = recipe(name, **{**changes, "form": form, "steps": chosen.training.steps})
    return chosen, task(chosen.task)


def _own(
    model: Path, data: str, form: Any, changes: Record, steps: dict[str, int]
) -> tuple[Any, Any, Any]:
    from dataclasses import replace

    from pruning.storage import load_network
    from validation.certifying.network import BLOCKS, Form
    from validation.certifying.own_network import own_network, own_task, searched_steps
    from validation.certifying.pipeline import input_exponent, pruned
    from validation.certifying.quantised_training import Training
    from validation.certifying.recipes import Recipe

    network = load_network(model)
    task, exponent = own_task(data)
    if task.name == "npz":
        if form is not None:
            raise ValueError("crop and pool are for images, they do not go with an npz file")
        form = Form(exponent=exponent)
    own = {key: changes[key] for key in ("k", "method") if key in changes}
    rest = {"epochs": 0, **{key: v for key, v in _checked(changes).items() if key not in own}}
    chosen = Recipe(
        model.stem,
        f"{model.name} on {data}",
        task.name,
        form or Form(),
        m=network.m,
        k=own.get("k", network.m),
        method=own.get("method", "spectral"),
        training=Training(**rest),
    )
    start = own_network(network, task, chosen.form, input_exponent(chosen, task))
    if start.activation.name == "tanh" and not chosen.training.epochs:
        raise ValueError(
            "model has tanh nodes, which the language codes as the identity clipped to [-1, 1]: "
            "give it epochs of training, such as --epochs 100"
        )
    found = steps
    if len(steps) < len(BLOCKS):
        small = pruned(chosen, start, task)
        found = searched_steps(small, task, chosen.form, input_exponent(chosen, task)) | steps
    return replace(chosen, training=replace(chosen.training, steps=found)), task, start


def _checked(changes: Record) -> Record:
    from pruning.checks import choice, integer, nonnegative, positive, real
    from validation.certifying.recipes import FIRST_STAGES

    if "method" in changes:
        choice("method", changes["method"], FIRST_STAGES)
    for key, least in (("k", 1), ("epochs", 0), ("batch_size", 1), ("seed", 0)):
        if key in changes:
            integer(key, changes[key], least)
    for key in ("rate", "smooth", "reference"):
        if key in changes:
            nonnegative(key, changes[key])
    if "learning_rate" in changes:
        positive("learning_rate", changes["learning_rate"])
    for key in ("power", "teacher"):
        if key in changes and not 0 <= real(key, changes[key]) <= 1:
            raise ValueError(f"{key} must be in [0, 1], got {changes[key]}")
    return changes


def _steps(text: str | None) -> dict[str, int]:
    from validation.certifying.network import BLOCKS

    found = {}
    for part in (text or "").split(","):
        if not part:
            continue
        block, _, exponent = part.partition("=")
        if block.strip() in found:
            raise ValueError(f"steps must name each block once, got {text!r}")
        try:
            found[block.strip()] = int(exponent)
        except ValueError:
            raise ValueError(
                f"steps must be such as w_hidden=-3,w_input=-2, got {text!r}"
            ) from None
        if block.strip() not in BLOCKS or abs(int(exponent)) > 40:
            raise ValueError(f"steps must name {_BLOCKS}, each within 40 of 0, got {part!r}")
    return found


def _subspace(text: str) -> dict[str, int]:
    from validation.certifying.language import WEIGHTS

    found = {}
    for part in text.split(","):
        block, _, number = part.partition("=")
        if block.strip() not in WEIGHTS or not number.strip().isdigit() or int(number) < 1:
            raise ValueError(
                f"subspace must be such as w_hidden=200, of {', '.join(WEIGHTS)}, got {part!r}"
            )
        if block.strip() in found:
            raise ValueError(f"subspace must name each block once, got {text!r}")
        found[block.strip()] = int(number)
    return found


def _numbers(name: str, text: str, count: int) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count or min(found) < (1 if name == "pool" else 0):
        example = "4,4,4,4" if count == 4 else "2,2"
        raise ValueError(f"{name} must be {count} integers such as {example}, got {text!r}")
    return found
