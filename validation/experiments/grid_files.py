"""A user's own experiment, declared in a TOML file."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pruning.baselines import METHODS
from pruning.checks import choice, fraction, integer, nonnegative
from pruning.storage import load_network
from pruning.training import train
from validation.experiments.grids import Grid
from validation.experiments.methods import file_of, method_named
from validation.output.schema import Record
from validation.training.recipes import LOADERS

EXAMPLE = """\
network = "network.npz"        # or a list of networks, one a seed; what save_network writes
data = "data.npz"              # x, y, x_test, y_test; or {loader = "images", name = "mnist"}
methods = ["spectral", "random nodes", "mine.py:my_method"]   # without it every one of the table
nodes = [8, 16, 32]
focus = 16                     # the k of the sensitivities and of fine-tuning; the middle one
theta = [0.5, 0.0, 1.0]        # the first is used everywhere, the others at focus
tau = [1e-8, 1e-2]             # in multiples of Tr S/m
seeds = 5
sample = 1000                  # with one network: the sequences that a seed draws to form S
bound_sequences = 500          # the bounds beside the error on so many; 0 for none
lengths = [4, 8]               # and over the number of steps
fine_tuning = {learning_rate = 1e-3, epochs = 5, batch_size = 32}   # sequences = 1000: on so many
fine_tuning_seeds = 2          # fine-tuning only for the first two seeds
training = {learning_rate = 2e-3, epochs = 60}   # of the small network from scratch
# small = "small.npz"          # or a file with it: focus nodes, trained already
"""


def read_grid(path: str | Path) -> Grid:
    """Read the experiment that a TOML file declares; see `EXAMPLE` for its keys.

    Only network, data and nodes are needed. Paths are relative to the file.

    Raises
    ------
    ValueError
        If the file is missing or is not TOML, has a key that does not exist, or a value that does
        not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no grid file {path}")
    try:
        held = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from None
    try:
        return _grid(path, held)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _grid(path: Path, held: Record) -> Grid:
    unknown = [key for key in held if key not in KEYS]
    if unknown:
        raise ValueError(f"there is no key {unknown[0]!r}, the keys are {', '.join(KEYS)}")
    missing = [key for key in ("network", "data", "nodes") if key not in held]
    if missing:
        raise ValueError(f"the key {missing[0]} is missing")
    folder = path.parent
    networks = _texts("network", held.pop("network"))
    files = tuple(str(folder / name) for name in networks)
    smallest = min(load_network(file).m for file in files)
    nodes = tuple(integer("nodes", k, 1, smallest) for k in _list("nodes", held.pop("nodes")))
    methods = _texts("methods", held.pop("methods", list(METHODS)))
    values: Record = {key: KEYS[key](key, value) for key, value in held.items()}
    values.setdefault("focus", sorted(nodes)[len(nodes) // 2])
    if values["focus"] not in nodes:
        raise ValueError(f"focus must be one of the nodes {nodes}, got {values['focus']}")
    values.setdefault("name", path.stem)
    values["data"] = _data(folder, values["data"])
    if "small" in values:
        values["small"] = _small(folder / values["small"], values["focus"])
    if len(files) > 1:
        values.setdefault("seeds", len(files))
    return Grid(
        title=values["name"],
        networks=files,
        methods=tuple(_method(folder, name) for name in methods),
        nodes=nodes,
        **{"theta": (0.5,), "tau": (1e-8,), **values},
    )


def _small(path: Path, focus: int) -> str:
    m = load_network(path).m
    if m != focus:
        raise ValueError(f"small must be a network of focus = {focus} nodes, {path} has {m}")
    return str(path)


def _method(folder: Path, name: str) -> str:
    own = file_of(name)
    placed = name if own is None else f"{folder / own}:{name.rpartition(':')[2]}"
    method_named(placed)
    return placed


def _data(folder: Path, value: object) -> Record:
    if isinstance(value, str):
        return {"loader": "file", "path": str(folder / value)}
    if isinstance(value, dict) and value.get("loader") in (*LOADERS, "windows"):
        return value
    raise ValueError(
        "data must be the name of an npz file, or a table with a loader among "
        f"{', '.join((*LOADERS, 'windows'))}, got {value!r}"
    )


def _list(key: str, value: object) -> list[Any]:
    held = value if isinstance(value, list) else [value]
    if not held:
        raise ValueError(f"{key} must hold at least one value, got none")
    return held


def _texts(key: str, value: object) -> tuple[str, ...]:
    held = _list(key, value)
    for text in held:
        if not isinstance(text, str):
            raise ValueError(f"{key} must hold strings, got {text!r}")
    return tuple(held)


def _numbers(check: Callable[[str, Any], float]) -> Callable[[str, Any], tuple[float, ...]]:
    return lambda key, value: tuple(check(key, number) for number in _list(key, value))


def _table(key: str, value: object, names: Iterable[str]) -> Record:
    if not isinstance(value, dict):
        raise ValueError(f"{key} must be a table, got {value!r}")
    for name in value:
        choice(f"a key of {key}", name, names)
    return value


def _training(key: str, value: object) -> Record:
    return _table(key, value, _TRAINING)


def _fine_tuning(key: str, value: object) -> Record:
    held = _table(key, value, (*_TRAINING, "sequences"))
    if "sequences" in held:
        integer(f"sequences of {key}", held["sequences"], 1)
    return held


def _start(key: str, value: object) -> Record:
    return _table(key, value, ("scale", "input_scale", "bias_scale"))


# What `train` takes from a file; the rest is given by the experiment, or is no value.
_GIVEN = {"targets", "masks", "project", "progress", "checkpoint", "resume", "rng"}
_TRAINING = tuple(
    name
    for name, parameter in inspect.signature(train).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name not in _GIVEN
)


def _as_is(key: str, value: object) -> Any:
    return value


def _text(key: str, value: object) -> str:
    return _texts(key, value)[0]


KEYS: dict[str, Callable[[str, Any], Any]] = {
    "name": _text,
    "network": _as_is,
    "data": _as_is,
    "methods": _as_is,
    "nodes": _as_is,
    "focus": lambda key, value: integer(key, value, 1),
    "theta": _numbers(fraction),
    "tau": _numbers(nonnegative),
    "seeds": lambda key, value: integer(key, value, 1, 1000),
    "sample": lambda key, value: integer(key, value, 1),
    "bound_sequences": lambda key, value: integer(key, value, 0),
    "lengths": lambda key, value: tuple(integer(key, T, 1) for T in _list(key, value)),
    "fine_tuning": _fine_tuning,
    "fine_tuning_seeds": lambda key, value: integer(key, value, 1),
    "training": _training,
    "start": _start,
    "small": _text,
}
