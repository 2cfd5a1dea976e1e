r"""A network whose valid total is far below 1: spectral pruning, then training inside a class.

A large network is trained without constraints, pruned spectrally in stages, and the small one is
trained on with every weight projected back into the class of `bounds.constrained` after every few
updates: first by the cross-entropy of its scaled outputs, then by the ramp itself. The class, the
margin and eps are paid for by their text. How the network was trained needs no payment: the bound
holds for the whole class.
"""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bounds.constrained import ConstrainedClass, constrained_bound, margin_bound
from bounds.terms import Bound
from pruning.checks import Array, Inputs, Targets
from pruning.losses import loss_values, margins
from pruning.rnn import RNN
from pruning.storage import load_network, save_network
from validation.data.dataset import Dataset
from validation.output.schema import Record
from validation.output.writing import write_atomically
from validation.training.constrained_training import (
    GRID,
    LISTED,
    ConstrainedRecipe,
    Preprocessing,
    Say,
    fit,
)

NAME = "row-mnist-14-constrained"
TITLE = "MNIST by row at 14 x 14, pruned and trained inside a class with a valid bound"

SEED = 0
ASSUMED = (
    "The 60,000 sequences are independent and identically distributed (MNIST is clustered by "
    "writer, so this is an idealisation); nothing was tried that the lists do not name; totals of "
    "one network, each at level 1 - delta, do not hold jointly at that level."
)


def last_predictions(rnn: RNN, x: Array) -> Array:
    """The predictions after the last step, (n, d_y)."""
    last = np.concatenate([h[:, -1] for h in rnn.state_batches(x, 2000)])
    return last @ rnn.w_output.T + rnn.b_output


def measured(rnn: RNN, members: ConstrainedClass, x: Array, y: Array) -> Record:
    """What the bounds need of a sample of preprocessed sequences (n, T, d_x) with labels (n,)."""
    predictions = last_predictions(rnn, x)
    ramp = math.fsum(loss_values("margin_ramp", predictions, y, members.gamma)) / len(y)
    mu = margins(predictions, y)
    return {
        "n": len(y),
        # Rounded up, by far more than the sum's rounding.
        "empirical_loss": min(1.0, ramp * (1 + 1e-9)),
        "errors": int((mu <= 0).sum()),
    }


def data_set() -> Dataset:
    """row-mnist-14."""
    from validation.data.images import images

    return images("mnist", "rows", halvings=1)


def make(
    recipe: ConstrainedRecipe, seed: int, out: Path, say: Say = lambda stage, epoch: None
) -> Path:
    """Train the network and write it with its sidecar, NAME.safetensors and NAME.json in `out`."""
    data = data_set()
    rnn = fit(recipe, data, seed, say)
    x = recipe.preprocessing(data.x)
    members = recipe.members(data.d_x, data.classes, data.T, paid_by="text")
    members = best_ramp(rnn, members, x, data.y)
    facts = measured(rnn, members, x, data.y)
    bound = constrained_bound(rnn, members, facts["empirical_loss"], facts["n"])
    error = margins(last_predictions(rnn, recipe.preprocessing(data.x_test)), data.y_test) <= 0
    margin, share = best_margin(rnn, members, x, data.y)
    command = f"rnnbounds train {NAME} --seed {seed}"
    if recipe.epochs != ConstrainedRecipe().epochs:
        command += f" --epochs {recipe.epochs}"
    record = {
        "command": command,
        "result": {
            "training_error": facts["errors"] / facts["n"],
            "test_error": float(error.mean()),
            "test_errors": int(error.sum()),
        },
        "bound": {
            "data": "row-mnist-14",
            **facts,
            "class": members.to_json(),
            "preprocessing": asdict(recipe.preprocessing),
            "id": bound.id,
            "complexity": "net_kl",
            "label": bound.label,
            "total": bound.total,
            "paid": bound.notes[0],
            "assumed": ASSUMED,
        },
        "margin_bound": {
            "gamma": margin.gamma,
            "share": share,
            "total": margin_bound(rnn, margin, share, facts["n"]).total,
        },
        "settings": {**asdict(recipe), "seed": seed},
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}.safetensors"
    save_network(path, rnn, dtype="float64")
    write_atomically(path.with_suffix(".json"), (json.dumps(record, indent=1) + "\n").encode())
    return path


def best_ramp(rnn: RNN, members: ConstrainedClass, x: Array, y: Array) -> ConstrainedClass:
    """The class with the gamma and eps of the grid whose bound is smallest: they are paid for."""
    predictions = last_predictions(rnn, x)
    best = (math.inf, members)
    for gamma in members.grid["gamma"]:
        losses = loss_values("margin_ramp", predictions, y, gamma)
        ramp = math.fsum(losses) / len(y) * (1 + 1e-9)
        if ramp >= best[0]:
            continue  # a total is above the empirical loss
        for eps in members.grid["eps"]:
            each = replace(members, gamma=gamma, eps=eps)
            total = constrained_bound(rnn, each, min(ramp, 1.0), len(y)).total
            if total is not None and total < best[0]:
                best = (total, each)
    return best[1]


def best_margin(
    rnn: RNN, members: ConstrainedClass, x: Array, y: Array
) -> tuple[ConstrainedClass, float]:
    """The margin of the grid whose `margin_bound` is smallest, and the share of margins below."""
    mu = margins(last_predictions(rnn, x), y)
    found = []
    for gamma in members.grid["gamma"]:
        # Margins this near to gamma count as below it, whatever the rounding of the predictions.
        share = float((mu <= gamma + 1e-9).mean())
        each = replace(members, gamma=gamma)
        total = margin_bound(rnn, each, share, len(y)).total
        found.append((math.inf if total is None else total, gamma, share))
    _, gamma, share = min(found)
    return replace(members, gamma=gamma), share


@dataclass(frozen=True)
class Constrained:
    """A stored network with what its bound needs."""

    rnn: RNN
    members: ConstrainedClass
    preprocessing: Preprocessing
    facts: Record

    def bound(self) -> Bound:
        """The bound, from the loss that was stored; no data are needed."""
        return constrained_bound(
            self.rnn, self.members, self.facts["empirical_loss"], self.facts["n"]
        )

    def bound_on(self, x: Inputs, y: Targets) -> Bound:
        """The bound, from the loss on the sample of raw sequences (n, T, d_x), labels (n,)."""
        found = measured(self.rnn, self.members, self.preprocessing(x), np.asarray(y))
        return constrained_bound(self.rnn, self.members, found["empirical_loss"], found["n"])


def read(path: str | Path) -> Constrained | None:
    """Read a network with its sidecar; None where there is no sidecar that states a bound."""
    sidecar = Path(path).with_suffix(".json")
    facts = json.loads(sidecar.read_text()) if sidecar.is_file() else {}
    if "bound" not in facts:
        return None
    stated = facts["bound"]
    members = ConstrainedClass.from_json(stated["class"])
    preprocessing = Preprocessing(**stated["preprocessing"])
    rank = members.d_x // 2 if preprocessing.pairs else members.d_x
    if preprocessing.data > members.data or rank > members.input_rank:
        raise ValueError(f"{sidecar} states a class that its own preprocessing does not keep to")
    if dict(members.preparation) != asdict(preprocessing):
        raise ValueError(
            f"{sidecar} must pay for its own preprocessing: the preparation of its class must be "
            f"{asdict(preprocessing)}, got {dict(members.preparation)}"
        )
    paid = members.listed if members.paid_by == "text" else members.grid
    asked = _asked(members)
    missing = [name for name in asked if not asked[name] <= set(paid.get(name, ()))]
    if missing:
        raise ValueError(
            f"{sidecar} must pay for what was chosen: its "
            f"{'lists' if members.paid_by == 'text' else 'grid'} must hold all values that were "
            f"tried of {', '.join(missing)}"
        )
    return Constrained(load_network(path), members, preprocessing, stated)


def _asked(members: ConstrainedClass) -> dict[str, set[Any]]:
    """The values that the lists, or the grids, of a stored class must have at the least."""
    needed = LISTED if members.paid_by == "text" else GRID | LISTED
    return {name: set(values) for name, values in needed.items()}


def load_constrained(path: str | Path) -> tuple[RNN, ConstrainedClass] | None:
    """The network and its class; None where `read` finds none."""
    held = read(path)
    return None if held is None else (held.rnn, held.members)


def prepared(path: str | Path, x: Inputs) -> Array:
    """Raw sequences (n, T, d_x) as the stored network reads them."""
    return _held(path).preprocessing(x)


def constrained_bound_on(path: str | Path, x: Inputs, y: Targets) -> Bound:
    """The bound of a stored network on raw sequences (n, T, d_x) with labels (n,)."""
    return _held(path).bound_on(x, y)


def _held(path: str | Path) -> Constrained:
    held = read(path)
    if held is None:
        raise ValueError(f"{path} must have a JSON file beside it that states a class")
    return held
