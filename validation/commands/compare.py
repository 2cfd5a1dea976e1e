"""`rnnbounds compare`: every bound side by side on one network and its data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from validation.output.schema import Record

if TYPE_CHECKING:
    from validation.data.dataset import Dataset

FILES = (
    "comparison.json",
    "curves.json",
    *(
        f"{name}.{form}"
        for name in ("comparison", "comparison_not_valid", "nodes")
        for form in ("svg", "png", "pdf")
    ),
)
IMAGES = {
    "row-mnist": ("mnist", "rows", 0),
    "row-mnist-14": ("mnist", "rows", 1),
    "pixel-mnist-14": ("mnist", "pixels", 1),
    "row-fashion-mnist": ("fashion-mnist", "rows", 0),
}


def compare(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Option(help="digits, row-mnist-14 or another set of images, or an npz file."),
    ] = "digits",
    model: Annotated[
        Path | None,
        typer.Option(help="A network, npz or safetensors; without it one is trained on the data."),
    ] = None,
    nodes: Annotated[
        str | None,
        typer.Option(help="Sizes to prune to, such as 8,16,32; m/2 by default, m is no pruning."),
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="tanh or relu; by default what the file says, or tanh.")
    ] = None,
    gamma: Annotated[
        float, typer.Option(help="Margin of the ramp loss; choose it before you see the data.")
    ] = 1.0,
    delta: Annotated[float, typer.Option(help="Failure probability of every single bound.")] = 0.05,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="The digits pixel by pixel, T = 64.")
    ] = False,
    split: Annotated[int, typer.Option(help="Seed of the digits' split.")] = 0,
    sharpest: Annotated[
        bool,
        typer.Option(
            "--sharpest", help="Search approximation.dissipation for the error, too: minutes."
        ),
    ] = False,
    json: Annotated[
        Path | None, typer.Option("--json", help="File for the bounds: a list of objects.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for figures over k, n and T; takes a minute.")
    ] = None,
) -> None:
    """Set every bound beside the others, with its label, on one network and its data.

    A network whose class was fixed in advance (a JSON file of the same name lies beside it) is
    taken as it is; any other is pruned. No bound is ranked outside its hypotheses.
    """
    from rich.console import Console

    from pruning.checks import positive, probability
    from validation.commands.given import refuse
    from validation.output.terminal import show_table, working
    from validation.output.writing import replaced_folder
    from validation.report.comparison import tables, to_json
    from validation.report.document import to_text

    if data != "digits":
        refuse(context, "another data set than the digits", "split")
    if model is not None and model.with_suffix(".json").is_file():
        refuse(
            context,
            "a network whose class was fixed in advance",
            *("nodes", "activation", "gamma", "delta", "sharpest"),
        )
    positive("gamma", gamma)
    probability("delta", delta)
    if json is not None and not json.resolve().parent.is_dir():
        raise ValueError(f"{json} cannot be written: there is no folder {json.resolve().parent}")
    if json is not None and json.is_dir():
        raise ValueError(f"{json} must be a file, it is a folder")
    with working("compare") as say:
        say("reading the data")
        dataset = _dataset(data, pixels, split)
        if dataset.every_step:
            raise ValueError(
                f"{data} must have one label a sequence, it has one a step; the bounds read the "
                "last"
            )
        comparisons, first = _comparisons(
            dataset, model, activation, nodes, gamma, delta, sharpest, say
        )
        found = {}
        for k, comparison in comparisons.items():
            say(f"bounds for {k} nodes")
            found[k] = [*first, *comparison.bounds()]
    console = Console()
    rows: list[Record] = []
    for k, bounds in found.items():
        rows += to_json(bounds, comparisons[k].problem, k)
    # Before anything is printed: the reader of a pipe may go away.
    if json is not None:
        json.write_text(to_text(rows), "utf-8")
    for k, bounds in found.items():
        for table in tables(bounds, comparisons[k].problem):
            show_table(console, table)
    if out is not None:
        with replaced_folder(out, FILES) as folder, working("compare") as say:
            _fill(folder, comparisons, dataset, gamma, delta, say)
            (folder / "comparison.json").write_text(to_text(rows), "utf-8")
        console.print(f"The figures are in {out}", highlight=False)


def _comparisons(
    dataset: Any,
    model: Path | None,
    activation: str | None,
    nodes: str | None,
    gamma: float,
    delta: float,
    sharpest: bool,
    say: Callable[[str], None],
) -> tuple[dict[int, Any], list[Any]]:
    from bounds.comparison import comparison
    from pruning.spectral import spectral_prune
    from validation.commands.report import _sizes
    from validation.report.settings import Settings
    from validation.report.study import check_fit

    fixed = None if model is None else _fixed_in_advance(model)
    if fixed is not None and model is not None:
        say("a network whose class was fixed in advance")
        return _constrained(dataset, fixed, model)
    say("training a network" if model is None else "reading the network")
    network = _network(dataset, model, activation)
    check_fit(network, dataset)
    given = _sizes(nodes)
    sizes = Settings(nodes=given or (max(1, network.m // 2),)).sizes(network.m)
    options = {"gamma": gamma, "delta": delta, "input_bound": dataset.x_bound}
    options["sharpest"] = sharpest
    data = (dataset.x, dataset.y, dataset.x_test, dataset.y_test)
    found = {}
    for k in sizes:
        say(f"pruning to {k} nodes")
        pruned = network if k == network.m else spectral_prune(network, dataset.x, k)
        found[k] = comparison(pruned, *data, **options)
    return found, []


def _constrained(
    dataset: Dataset, fixed: tuple[Any, Any], model: Path
) -> tuple[dict[int, Any], list[Any]]:
    """The comparison of a network whose class, margin and eps were fixed in advance."""
    from bounds.comparison import comparison
    from validation.report.study import check_fit
    from validation.training.constrained import constrained_bound_on, prepared

    network, members = fixed
    check_fit(network, dataset)
    first = constrained_bound_on(model, dataset.x, dataset.y)
    x_test = None if dataset.x_test is None else prepared(model, dataset.x_test)
    found = comparison(
        network,
        prepared(model, dataset.x),
        dataset.y,
        x_test,
        dataset.y_test,
        gamma=members.gamma,
        delta=members.delta,
        radii=members.radii,
        input_bound=members.data,
        eps=members.eps,
        log_price=members.log_price,
    )
    return {network.m: found}, [first]


def _fixed_in_advance(model: Path) -> tuple[Any, Any] | None:
    """The network and its class, where a JSON file of the same name gives one."""
    if not model.with_suffix(".json").is_file():
        return None
    from validation.training.constrained import load_constrained

    return load_constrained(model)


def _network(dataset: Dataset, model: Path | None, activation: str | None) -> Any:
    from pruning.checks import choice

    if model is not None:
        from pruning.storage import load_network

        return load_network(model, activation)
    from validation.report.settings import Settings
    from validation.report.trials import run_trial

    name = choice("activation", activation or "tanh", ("tanh", "relu"))
    settings = Settings(activation=name, nodes=(Settings().m,))
    return run_trial(settings, dataset, name, 0).rnn


def _dataset(data: str, pixels: bool, split: int) -> Dataset:
    if data in IMAGES:
        from validation.data.images import images

        if pixels:
            raise ValueError(f"pixels is a form of the digits, it does not go with {data}")
        name, form, halvings = IMAGES[data]
        return images(name, form, halvings=halvings)
    from validation.commands.report import _dataset as of_report

    if data != "digits" and not data.endswith(".npz") and not Path(data).exists():
        raise ValueError(f"data must be digits, {', '.join(IMAGES)} or an npz file, got {data!r}")
    return of_report(data, pixels, split)


def _fill(
    folder: Path,
    comparisons: dict[int, Any],
    dataset: Dataset,
    gamma: float,
    delta: float,
    say: Callable[[str], None],
) -> None:
    from bounds.comparison import comparison, informative_from
    from pruning.spectral import spectral_prune
    from validation.output.figures import FORMS, draw
    from validation.output.schema import SCHEMA
    from validation.report import comparison as shown
    from validation.report.document import to_text
    from validation.report.settings import default_nodes

    main = next(iter(comparisons.values()))
    whole = main.pruned.original
    sweeps = []
    if main.was_pruned and len(comparisons) == 1:
        sizes = {}
        for k in default_nodes(whole.m):
            say(f"the bounds at {k} nodes")
            sizes[k] = comparison(
                spectral_prune(whole, dataset.x, k),
                dataset.x,
                dataset.y,
                gamma=gamma,
                delta=delta,
                input_bound=dataset.x_bound,
            )
        sweeps.append(shown.over_nodes(sizes))
    elif len(comparisons) > 1:
        sweeps.append(shown.over_nodes(comparisons))
    say("the bounds over n")
    sweeps.append(shown.over_sample_size(main))
    say("the bounds over T")
    sweeps.append(shown.over_length(main))
    error = None
    if dataset.x_test is not None:
        wrong, tests, _ = shown.test_error(main.problem)
        error = wrong / tests
    say("nodes for a loss")
    needed = shown.nodes_for_loss(main.pruned.covariance)
    say("drawing")
    figures = {
        "comparison": shown.drawing(sweeps, error, valid=True),
        "comparison_not_valid": shown.drawing(sweeps, error, valid=False),
        "nodes": draw(lambda ax: shown.nodes_figure(needed, ax=ax), size=(6.4, 4.2)),
    }
    for name, figure in figures.items():
        for form in FORMS:
            (folder / f"{name}.{form}").write_bytes(figure.data(form))
    say("from which n on each bound says something")
    curves = {
        "schema": SCHEMA,
        "sweeps": [values.to_json() for values in sweeps],
        "smaller_than_1_from_n": informative_from(main),
        "nodes_for_4_lam_N": needed.to_json(),
    }
    (folder / "curves.json").write_text(to_text(curves), "utf-8")
