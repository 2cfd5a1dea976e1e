"""`rnnbounds prune`: a network that people have in, pruned, and out again in the same form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer


def prune(
    context: typer.Context,
    model: Annotated[
        Path,
        typer.Argument(
            help="safetensors, npz or torch's pt (ours, or a state_dict of torch), onnx or keras."
        ),
    ],
    data: Annotated[
        Path, typer.Option(help="npz with x, perhaps y, x_test, y_test, lengths; or npy with x.")
    ],
    k: Annotated[
        str, typer.Option("-k", help="Nodes to keep in each cell; or one number a layer: 24,16.")
    ] = "",
    total: Annotated[
        int | None, typer.Option(help="Instead of -k: nodes in all, shared out over the layers.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The pruned network.")] = None,
    objective: Annotated[
        str,
        typer.Option(help="paper: what reads a state next; balanced: all that the outputs feel."),
    ] = "paper",
    refit: Annotated[
        str, typer.Option(help="read-out or closed-loop: fit to the whole network's outputs.")
    ] = "",
    outputs: Annotated[
        str,
        typer.Option(
            help="What both count: numbers, or logits, by their softmax (as of a language model)."
        ),
    ] = "",
    by_runs: Annotated[
        bool,
        typer.Option(
            "--by-runs",
            help="With balanced: of near-tied sets of nodes, the one that runs best on held-out x.",
        ),
    ] = False,
    theta: Annotated[
        float | None,
        typer.Option(help="Of the paper's: weight of all nodes against what is read, else 0.5."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="greedy; of the paper's also random, determinantal or volume.")
    ] = "greedy",
    reconstruct: Annotated[bool, typer.Option(help="Rebuild dropped nodes from kept ones.")] = True,
    activation: Annotated[
        str | None, typer.Option(help="Of a plain RNN whose file does not say it; tanh else.")
    ] = None,
    time_major: Annotated[
        bool, typer.Option("--time-major", help="Sequences are (T, n, ...), not (n, T, ...).")
    ] = False,
    every_step: Annotated[
        bool,
        typer.Option(
            "--every-step",
            help="Compare and fit outputs at every step, not the last; labels (n, T) say it, too.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="For methods that draw, --by-runs and --refit.")] = 0,
    json: Annotated[Path | None, typer.Option("--json", help="File for what happened.")] = None,
) -> None:
    """Prune the recurrent layers of a network, and say what it costs and what it brings.

    Labels are not needed: without them the outputs of both networks are compared.
    """
    from pruning.checks import integer
    from pruning.selection.reading import given_theta
    from pruning.stack_pruning import beside
    from validation.commands.given import refuse
    from validation.output.terminal import working
    from validation.porting.job import prune_file, records, to_json
    from validation.porting.models import Settings

    if out is None:
        raise ValueError("-o must name the file for the pruned network, got none")
    integer("seed", seed, 0)
    if json is not None:
        if not json.resolve().parent.is_dir():
            raise ValueError(f"{json} cannot be written: there is no such folder")
        taken = [path for path in (model, data, out) if path.resolve() == json.resolve()]
        if taken or json.is_dir():
            word = "a folder" if json.is_dir() else "another file of this command"
            raise ValueError(f"--json must name a file of its own, got {json}, {word}")
    reads = "every" if every_step else "last"
    if outputs and objective == "paper" and not refit:
        raise ValueError(
            "--outputs says what --objective balanced and --refit take the outputs for, "
            f"give one of them too, got {outputs} alone"
        )
    check_by_runs(by_runs, objective)
    if not by_runs and not refit and method != "random":
        refuse(context, "neither random nodes nor --by-runs nor --refit", "seed")
    given_theta(theta, beside(objective, method, total), "--theta")
    settings = Settings(
        sizes(k),
        total,
        theta,
        method,
        reconstruct,
        seed,
        objective,
        refit,
        reads,
        outputs,
        by_runs,
    )
    with working("pruning") as say:
        done = prune_file(
            model,
            data,
            out,
            replace(settings, say=say),
            activation=activation,
            time_major=time_major,
            every_step=every_step,
        )
    for name, value in records(done):
        typer.echo(f"{name:12} {value}")
    if json is not None:
        from validation.output.writing import write_atomically

        write_atomically(json, to_json(done).encode())


def check_by_runs(by_runs: bool, objective: str) -> None:
    """Raise ValueError where there are no near ties that runs could decide."""
    if by_runs and objective != "balanced":
        raise ValueError(
            "--by-runs decides between sets of nodes of --objective balanced, "
            f"got --objective {objective}"
        )


def sizes(text: str) -> Any:
    """Return what -k says: None, a number, or one a layer."""
    if not text:
        return None
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"-k must be a number, or one a layer such as 24,16, got {text!r}"
        ) from None
    return values[0] if len(values) == 1 else values
