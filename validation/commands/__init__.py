"""The command `rnnbounds`. One module a command, imported when that command is run.

To add one, write a module with a function that typer understands and add a line to `COMMANDS`.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import typer

from validation.commands.exits import BAD_INPUT as BAD_INPUT
from validation.commands.exits import INTERRUPTED as INTERRUPTED
from validation.commands.exits import VIOLATED as VIOLATED

# Name: (module, function, line in the list of commands).
COMMANDS: dict[str, tuple[str, str, str]] = {
    "verify": (
        "validation.commands.verify",
        "verify",
        "Try to break claims, and certify the verdict on the worst instances found.",
    ),
    "explain": (
        "validation.commands.explain",
        "explain",
        "Show a claim in full: statement, hypotheses, constants, steps, verdict.",
    ),
    "tighten": (
        "validation.commands.tighten",
        "tighten",
        "Find the smallest value of a constant at which no violation is found.",
    ),
    "prove": (
        "validation.commands.prove",
        "prove",
        "Prove claims on all instances of a box, or say what stays open.",
    ),
    "frontier": (
        "validation.commands.frontier",
        "frontier",
        "Show on what each statement rests, step by step.",
    ),
    "theory": (
        "validation.commands.theory",
        "theory",
        "Write the claims as one Markdown document.",
    ),
    "vocabulary": (
        "validation.commands.vocabulary",
        "vocabulary",
        "List what the body of a claim may use, and what can be drawn.",
    ),
    "data": (
        "validation.commands.data",
        "data",
        "List the public data sets, or fetch one.",
    ),
    "report": (
        "validation.commands.report",
        "report",
        "Train, prune, and set every term of the bound beside the error it bounds.",
    ),
    "compare": (
        "validation.commands.compare",
        "compare",
        "Set every bound side by side on one network, with its label.",
    ),
    "bounds": (
        "validation.commands.bounds",
        "bounds",
        "Prune a network of yours, and bound the error that this makes.",
    ),
    "prune": (
        "validation.commands.prune",
        "prune",
        "Prune a network of yours, and write it in the form that it came in.",
    ),
    "check": (
        "validation.commands.check",
        "check",
        "Check a certificate of a network's error, independently of who made it.",
    ),
    "train": (
        "validation.commands.train",
        "train",
        "Train one of the networks under models/, safe to kill and to resume.",
    ),
    "certify": (
        "validation.commands.certify",
        "certify",
        "Write a network as a short code, with a bound on its error that others can check.",
    ),
    "experiment": (
        "validation.commands.experiment",
        "experiment",
        "Prune by every method to every size and measure, safe to kill and to resume.",
    ),
    "table": (
        "validation.commands.table",
        "table",
        "Show the tables of an experiment.",
    ),
    "doctor": (
        "validation.commands.doctor",
        "doctor",
        "Show what this installation runs on: versions, BLAS, threads, caches, data.",
    ),
    "plot": (
        "validation.commands.plot",
        "plot",
        "Draw the figures of an experiment.",
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `rnnbounds` with these arguments, by default those of the process."""
    # Workers must not import a file of the user's folder that is called as a library is.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    words = list(sys.argv[1:] if arguments is None else arguments)
    _plainly(_app(_being_completed() or words))(words, prog_name="rnnbounds")


def _being_completed() -> list[str]:
    """The words of the line that a shell asks to complete; none in an ordinary run."""
    if "_RNNBOUNDS_COMPLETE" not in os.environ:
        return []
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS", "")
    return line.split()[1:]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"rnnbounds {version('rnnbounds')}")
        raise typer.Exit


def _app(words: Sequence[str]) -> typer.Typer:
    """Every command with its line of help, of which only the one asked for is imported."""
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help="Check the bounds for spectral pruning of recurrent networks.")(_options)
    asked = next((word for word in words if not word.startswith("-")), None)
    for name, (module, function, line) in COMMANDS.items():
        body: Callable[..., Any] = _not_loaded
        if name == asked:
            body = _plainly(getattr(importlib.import_module(module), function))
        app.command(name, short_help=line)(body)
    return app


def _options(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", is_eager=True, callback=_version
    ),
) -> None:
    pass


def _not_loaded() -> None:
    raise AssertionError("only the command that was asked for is run")


def _plainly(body: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the errors that a user can mend into one sentence and an exit code.

    Warnings that are meant for a user are one sentence, too.
    """

    @functools.wraps(body)
    def wrapped(*args: Any, **options: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = functools.partial(_warned, warnings.showwarning)
                return body(*args, **options)
        except BrokenPipeError:
            # The reader of a pipe went away, `| head` for one; there is no one to tell.
            sys.stdout = None
            raise SystemExit(0) from None
        except (ValueError, OSError) as error:
            sys.stderr.write(f"rnnbounds: {_sentence(error)}\n")
            raise SystemExit(BAD_INPUT) from None
        except KeyboardInterrupt:
            sys.stderr.write("rnnbounds: interrupted\n")
            raise SystemExit(INTERRUPTED) from None

    return wrapped


def _warned(others: Callable[..., Any], message: Any, category: Any, *where: Any) -> None:
    """Show a warning of this program as its errors are, and every other one as it was."""
    if category is UserWarning:
        sys.stderr.write(f"rnnbounds: warning: {_sentence(message)}\n")
    else:
        others(message, category, *where)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())
