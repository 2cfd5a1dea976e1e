"""Claims from files and from the catalogue, by id."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from validation.claims import Claim, ClaimError
from validation.collecting import claims_of, none_lost, unique
from validation.made import making


def load_file(path: str | Path) -> list[Claim]:
    """Import a user's file and return its claims.

    Raises
    ------
    ClaimError
        If the file is missing, does not import, defines no claim, two with one id, or one that
        is not an attribute of its module, so that it would be left out.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from rnnbounds import load_file
    >>> lines = [
    ...     "from rnnbounds import claim, draw",
    ...     "@claim('mine.square', 'x^2 >= 0', draw(x=draw.reals(-1, 1)))",
    ...     "def square(xp, x):",
    ...     "    return 0 * x, x**2",
    ... ]
    >>> path = Path(mkdtemp()) / "lemmas.py"
    >>> with path.open("w") as file:
    ...     print(*lines, sep=chr(10), file=file)
    >>> load_file(path)
    [<claim mine.square>]
    """
    with making() as made:
        module = load_module(path)
    found = unique(claims_of(module))
    none_lost(made, found, module)
    return found or _no_claims(path)


def load_module(path: str | Path) -> ModuleType:
    """Import a file under its stem, with its folder importable behind all that is installed.

    (Python puts a script's folder first; here a file called ``numpy.py`` in it would be what every
    worker imports.)

    Raises
    ------
    ClaimError
        Naming the file and the line.
    """
    path = Path(path)
    if not path.is_file():
        raise ClaimError(f"{path}: no such file")
    name = path.stem if path.stem.isidentifier() else "user_claims"
    if name in sys.modules:  # never shadow a module that exists already
        name = f"claims_in_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ClaimError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        sys.modules.pop(name, None)
        if isinstance(error, ClaimError):
            raise
        raise ClaimError(
            f"{path}{_line(error, path)}: does not import: {_describe(error)}"
        ) from error
    return module


def load_claim(id: str, path: str | Path | None = None) -> Claim:
    """The claim with this id, from a file or from the catalogue.

    Raises
    ------
    ClaimError
        If there is none.

    Examples
    --------
    >>> from rnnbounds import load_claim
    >>> load_claim("dof.range").section
    '2'
    """
    if path is None:
        from validation.catalogue import claims

        known = claims()
    else:
        known = load_file(path)
    return find([id], known)[0]


def find(patterns: Sequence[str], claims: Sequence[Claim]) -> list[Claim]:
    """The claims whose id is one of the patterns, or begins with one of them and a dot.

    Raises
    ------
    ClaimError
        If a pattern matches nothing.
    """
    import difflib

    found: list[Claim] = []
    for pattern in patterns:
        matching = [c for c in claims if c.id == pattern or c.id.startswith(f"{pattern}.")]
        if not matching:
            close = difflib.get_close_matches(pattern, [c.id for c in claims], n=3)
            if close:
                hint = f"; did you mean {' or '.join(close)}?"
            elif len(claims) <= 10:  # of a file
                hint = f"; there is {', '.join(c.id for c in claims)}"
            else:
                hint = "; one of your own is named with its file, as lemmas.py::mine.trace"
            raise ClaimError(f"no claim {pattern!r}{hint}")
        found += matching
    return list(dict.fromkeys(found))


def gather(arguments: Sequence[str]) -> list[Claim]:
    """The claims that a command line names: ids, ``FILE.py``, or ``FILE.py::id``.

    Without arguments, the whole catalogue.

    Raises
    ------
    ClaimError
        If something is not found, or two claims have one id.
    """
    from validation import catalogue

    if not arguments:
        return catalogue.claims()
    found: list[Claim] = []
    for argument in arguments:
        path, _, id = argument.partition("::")
        if path.endswith(".py"):
            claims = load_file(path)
            found += find([id], claims) if id else claims
        else:
            found += find([argument], catalogue.claims())
    return unique(dict.fromkeys(found))


def _no_claims(path: str | Path) -> list[Claim]:
    raise ClaimError(f"{path}: defines no claim; see `rnnbounds vocabulary` for an example")


def _line(error: BaseException, path: Path) -> str:
    names = (str(path), str(path.resolve()), str(path.absolute()))
    if isinstance(error, SyntaxError) and error.filename in names:
        return f":{error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in names
    ]
    return f":{lines[-1]}" if lines else ""


def _describe(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
