"""Which options a user gave, so that one that has no effect is refused and not left aside."""

from __future__ import annotations

import typer


def given(context: typer.Context, *names: str) -> list[str]:
    """Return which of these options were given, as they are written.

    Parameters
    ----------
    context : Context
        Of the running command.
    *names : str
        Parameters of the command's function. Without any, all that are options.
    """
    options = {
        str(one.name): one for one in context.command.params if one.param_type_name == "option"
    }
    missing = [name for name in names if name not in options]
    if missing:
        raise AssertionError(f"{context.command.name} has no option {', '.join(missing)}")
    found = []
    for name in names or options:
        source = context.get_parameter_source(name)
        # Where a value comes from is told by name: the class of it is not public.
        if source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP"):
            found.append(max(options[name].opts, key=len))
    return found


def refuse(context: typer.Context, beside: str, *names: str) -> None:
    """Raise ValueError where one of these options was given beside what leaves it without effect.

    Parameters
    ----------
    context, *names
        As in `given`.
    beside : str
        What that is, to follow "with".
    """
    found = given(context, *names)
    if found:
        have = "it has" if len(found) == 1 else "they have"
        raise ValueError(
            f"{', '.join(found)} must be left out with {beside}: {have} no effect there"
        )
