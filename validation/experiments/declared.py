"""The experiments that come with the project."""

from __future__ import annotations

from pathlib import Path

from pruning.baselines import METHODS
from validation.experiments.grids import Grid
from validation.output.schema import Record
from validation.training.recipes import RECIPES


def grid_named(name: str, models: Path) -> Grid:
    """Return a declared grid, its networks in the folder `models`; the error lists the known."""
    if name not in DECLARED:
        raise ValueError(
            f"the experiment must be one of {', '.join(DECLARED)} or a grid file that ends in "
            f".toml, got {name!r}"
        )
    declared = dict(DECLARED[name])
    recipe = RECIPES[declared.pop("recipe")]
    files = tuple(str(models / f"{recipe.name}-{seed}.safetensors") for seed in range(recipe.seeds))
    small = RECIPES.get(f"{recipe.name}-small")
    training = dict(recipe.training) if recipe.start is not None and recipe.seeds > 1 else {}
    start = {}
    if training and recipe.start is not None:
        start = {
            "scale": recipe.start.scale,
            "input_scale": recipe.start.input_scale,
            "bias_scale": recipe.start.bias_scale,
        }
    return Grid(
        name=name,
        networks=files,
        training=training,
        start=start,
        small="" if small is None else str(models / f"{small.name}-0.safetensors"),
        **{"data": recipe.data, "methods": tuple(METHODS), **declared},
    )


_SMALL, _LARGE = (8, 16, 21, 32, 48), (16, 24, 32, 42, 64, 96)
_DIGITS = {
    "nodes": _SMALL,
    "focus": 21,
    "bound_sequences": 1437,
    "lengths": (2, 4, 6),
    "fine_tuning": {
        "learning_rate": 1e-3, "weight_decay": 0.3, "epochs": 20, "batch_size": 32,
    },
}  # fmt: skip
_ROWS = {
    "nodes": _LARGE,
    "focus": 42,
    "bound_sequences": 5000,
    "lengths": (7, 14, 21),
    "fine_tuning": {
        "learning_rate": 1e-3, "weight_decay": 0.01, "epochs": 3, "batch_size": 64,
        "clip_norm": 1.0, "dtype": "float32",
    },
}  # fmt: skip
_PIXELS: Record = {
    "nodes": (16, 32, 42, 64, 96),
    "focus": 42,
    "theta": (0.5, 0.0, 1.0),
    "tau": (1e-8, 1e-2),
    "bound_sequences": 500,
    "fine_tuning": {
        "learning_rate": 2e-4, "epochs": 3, "batch_size": 32, "clip_norm": 1.0, "dtype": "float32",
    },
    "fine_tuning_seeds": 2,
}  # fmt: skip
_TEXT = {
    "nodes": (21, 42, 64),
    "focus": 42,
    "theta": (0.5, 0.0, 1.0),
    "tau": (1e-8, 1e-2),
    "bound_sequences": 200,
    "lengths": (9, 18, 27),
    "fine_tuning": {
        "learning_rate": 1e-3, "epochs": 1, "sequences": 8000, "batch_size": 32,
        "clip_norm": 1.0, "dtype": "float32",
    },
    "fine_tuning_seeds": 1,
}  # fmt: skip


def _text(name: str) -> Record:
    return {"loader": "windows", "name": name, "T": 35, "n": 2000}


DECLARED: dict[str, Record] = {
    "digits": {"title": "8 x 8 digits by row, tanh, 64 nodes", "recipe": "digits", **_DIGITS},
    "digits-relu": {
        "title": "8 x 8 digits by row, ReLU, 64 nodes",
        "recipe": "digits-relu",
        **_DIGITS,
    },
    "row-mnist": {
        "title": "MNIST by row, ReLU, 128 nodes",
        "recipe": "row-mnist",
        **_ROWS,
    },
    "fashion-rows": {
        "title": "Fashion-MNIST by row, ReLU, 128 nodes",
        "recipe": "fashion-rows",
        **_ROWS,
    },
    "pixel-mnist-14": {
        "title": "MNIST by pixel at 14 x 14, ReLU from the identity, 128 nodes",
        "recipe": "pixel-mnist-14",
        "lengths": (49, 98, 147),
        **_PIXELS,
    },
    "pixel-mnist": {
        "title": "MNIST by pixel, ReLU from the identity, 128 nodes",
        "recipe": "pixel-mnist",
        "lengths": (98, 196, 392),
        **_PIXELS,
        "bound_sequences": 100,
        "fine_tuning_seeds": 1,
        "fine_tuning": {
            **_PIXELS["fine_tuning"],
            "learning_rate": 5e-5,
            "sequences": 15_000,
        },
    },
    "ptb": {
        "title": "Penn Treebank by word, tanh, 128 nodes",
        "recipe": "ptb",
        "data": _text("ptb"),
        **_TEXT,
    },
    "sotu": {
        "title": "State of the Union addresses by word, tanh, 128 nodes",
        "recipe": "sotu",
        "data": _text("sotu"),
        **_TEXT,
        "nodes": (42,),
        "theta": (0.5,),
        "tau": (1e-8,),
    },
}
