"""`rnnbounds report`: train, prune, and set every term of the bound beside the error it bounds."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    from validation.data.dataset import Dataset


FILES = ("index.html", "report.json", "figures")


def report(
    context: typer.Context,
    data: Annotated[
        str, typer.Option(help="digits, or an npz file with x, y and perhaps x_test, y_test.")
    ] = "digits",
    model: Annotated[
        Path | None,
        typer.Option(help="Your own network, npz or safetensors; nothing is trained then."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write; an older report is replaced.")] = Path(
        "report"
    ),
    nodes: Annotated[
        str | None, typer.Option(help="Sizes to prune to, such as 8,16,32; 0 to m.")
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(
            help="tanh, relu or both (the default); with --model the network's own, "
            "needed where the file does not name it."
        ),
    ] = None,
    hidden: Annotated[int, typer.Option(help="Hidden nodes m of the trained networks.")] = 64,
    seeds: Annotated[
        int, typer.Option(help="Trainings per activation; draws of random nodes with --model.")
    ] = 5,
    epochs: Annotated[int, typer.Option(help="Passes over the training sequences.")] = 60,
    theta: Annotated[
        float, typer.Option(help="Weight of the input information loss in the selection, 0 to 1.")
    ] = 0.5,
    gamma: Annotated[
        float, typer.Option(help="Margin of the ramp loss; choose it before you see the data.")
    ] = 1.0,
    delta: Annotated[float, typer.Option(help="Failure probability of the theorems.")] = 0.05,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="The digits pixel by pixel, T = 64 (slow).")
    ] = False,
    split: Annotated[int, typer.Option(help="Seed of the digits' split.")] = 0,
    sharpest: Annotated[
        bool,
        typer.Option(
            "--sharpest", help="Search approximation.dissipation for every size: minutes each."
        ),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes, 2 at least; default: all cores.")
    ] = None,
) -> None:
    """Train, prune, and set every term of the bound beside the error it bounds.

    Writes index.html (self-contained), report.json (every number) and figures/ into the folder
    --out, completely or not at all.
    """
    from validation.commands.given import refuse
    from validation.output.writing import replaced_folder
    from validation.report.settings import Settings

    if model is not None:
        refuse(context, "--model, of which nothing is trained", "hidden", "epochs")
    if data != "digits":
        refuse(context, "another data set than the digits", "split")
    settings = Settings(
        nodes=_sizes(nodes),
        seeds=seeds,
        activation=activation if activation and not model else "both",
        m=hidden,
        epochs=epochs,
        theta=theta,
        gamma=gamma,
        delta=delta,
        sharpest=sharpest,
    )
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be an integer of at least 1, got {workers}")
    dataset = _dataset(data, pixels, split)
    network = None
    if model is not None:
        from pruning.storage import load_network

        network = load_network(model, activation)
    with replaced_folder(out, FILES) as folder:
        _fill(
            folder, settings, dataset, network, None if model is None else model.name, workers, out
        )


def _fill(
    folder: Path,
    settings: Any,
    dataset: Dataset,
    network: Any,
    model_name: str | None,
    workers: int | None,
    out: Path,
) -> None:
    from rich.console import Console

    from validation.output.figures import FORMS
    from validation.output.terminal import counting, working
    from validation.report.document import document, to_text
    from validation.report.findings import findings
    from validation.report.gallery import captions, gallery, overview
    from validation.report.page import render
    from validation.report.study import run
    from validation.report.terminal import print_study

    with counting("report") as progress:
        study = run(settings, dataset, network, model_name, progress, workers)
    sentences = findings(study)
    with working("drawing") as say:
        figures = gallery(study, say)
        drawings = {name: figure.drawing for name, figure in figures.items()}
        drawings["overview"] = overview(study)
        (folder / "figures").mkdir()
        for name, drawing in drawings.items():
            say(f"file {name}.svg")
            for form in FORMS:
                (folder / "figures" / f"{name}.{form}").write_bytes(drawing.data(form))
    (folder / "figures" / "captions.md").write_text(captions(figures), "utf-8")
    (folder / "report.json").write_text(to_text(document(study, sentences)), "utf-8")
    page = render(study, sentences, figures, _docs(out))
    (folder / "index.html").write_text(page, "utf-8")
    console = Console()
    print_study(console, study, sentences)
    console.print(f"The page is {out / 'index.html'}", highlight=False)


def _docs(out: Path) -> str | None:
    """The folder ``docs`` of the source, seen from the page; None where it is not there."""
    docs = Path(__file__).parents[2] / "docs"
    if not (docs / "theory.md").is_file():
        return None
    # Another drive has no path from here.
    with contextlib.suppress(ValueError):
        return quote(os.path.relpath(docs, out.resolve()).replace(os.sep, "/"))
    return None


def _sizes(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"nodes must be integers such as 8,16,32, got {text!r}") from None


def _dataset(data: str, pixels: bool, split: int) -> Dataset:
    from validation.data.dataset import read_file
    from validation.data.digits import digits

    if data == "digits":
        return digits(pixels, split)
    if pixels:
        raise ValueError("pixels is a form of the digits, it does not go with another data set")
    if not data.endswith(".npz") and not Path(data).exists():
        raise ValueError(f"data must be digits or an npz file, got {data!r}")
    return read_file(data)
