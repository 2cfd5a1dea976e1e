"""What each step brought to the valid total, and the frontier of total against test error.

``python benchmarks/studies/constrained.py`` trains the networks that are not yet in
``results/constrained.json``, a minute or two each, and writes ``constrained.md`` and
``constrained_frontier.svg`` and ``.png`` beside it. ``--only NAME`` trains that one alone.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bounds.constrained import ConstrainedClass, constrained_bound, margin_bound
from bounds.covering import class_cover
from bounds.lipschitz import Radii
from bounds.loss_constants import loss_constants
from bounds.rounding import add_up
from bounds.uniform import net_kl
from pruning.losses import margins
from pruning.rnn import RNN
from validation.data.dataset import Dataset
from validation.output.writing import write_atomically
from validation.training.constrained import (
    SEED,
    best_margin,
    best_ramp,
    data_set,
    last_predictions,
    measured,
)
from validation.training.constrained_training import ConstrainedRecipe, Preprocessing, fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FINAL = ConstrainedRecipe()
_TRIAL = replace(
    FINAL,
    k=12,
    blocks=1,
    hidden=1.0,
    stages=(),
    ramp_epochs=0,
    preprocessing=Preprocessing(0.0, False, 3.75),
)
_SCALED = replace(_TRIAL, preprocessing=Preprocessing(4.0, False, 1.7))
_PAIRS = replace(_SCALED, preprocessing=Preprocessing(4.0, True, 1.7))
_HIDDEN = replace(_PAIRS, hidden=1.1)
_PRUNED = replace(_HIDDEN, stages=FINAL.stages)
_RAMP = replace(_PRUNED, ramp_epochs=FINAL.ramp_epochs)

LADDER: dict[str, tuple[str, ConstrainedRecipe]] = {
    "trial": ("k = 12 from the identity, R_h = 1, cross-entropy only", _TRIAL),
    "scaled": ("every image scaled to norm 4, rows clipped to 1.7", _SCALED),
    "pairs": ("columns averaged in pairs: 7 input parameters a node for 14", _PAIRS),
    "hidden": ("R_h = 1.1", _HIDDEN),
    "pruned": ("start by spectral pruning, 64 to 20 to 12 nodes", _PRUNED),
    "ramp": ("the ramp itself at the end", _RAMP),
    "blocks": ("k = 16 with W_h in 4 blocks of 4", FINAL),
}
FRONTIER = {f"k = {k}": replace(FINAL, k=k, blocks=k // 4) for k in (8, 12, 16, 20, 24)}
"""W_h in blocks of 4 nodes."""


NOT_KEPT = (
    "## Tried and not kept",
    "",
    "Single runs, not repeated by the study; totals at the best gamma and eps.",
    "",
    "- W_h fixed at the identity or at an orthogonal matrix (no parameters there): 25 to 30 %",
    "  training error at k = 12 after 12 epochs, totals 0.46 to 0.52; W_h free: 11 %, 0.34.",
    "- R_h = 0.9: 14 % training error and 0.37, for 11 % and 0.34 at R_h = 1. R_h = 1.5 costs",
    "  4 nats a parameter more, and trained worse.",
    "- W_o fixed at the first rows of the identity, k = 12, 14 columns: 0.297 after 40 epochs, for",
    "  0.285 where it is free.",
    "- Pruning 64 to 10 nodes in one step: 0.256; by way of 20 nodes: 0.245 (dense W_h).",
    "- k = 16 in 8 blocks of 2: 0.280; 60 epochs instead of 40, in 4 blocks: 0.241.",
    "- Exchanging nodes so that more of W_h lies in its blocks before the rest is cut off: 0.244",
    "  for 0.237.",
    "- Outputs scaled by 60 and more in the cross-entropy: slower, not better.",
    "",
    "Every number is one seed's. Seeds 0, 1 and 2 of the network that was kept give 0.237, 0.239",
    "and 0.251, so differences of 0.01 may be chance. The seed needs no payment: the bound holds",
    "for the whole class at once.",
    "",
)


def recipes() -> dict[str, ConstrainedRecipe]:
    """All networks of the study by name; one that is on both lists is trained once."""
    return {**{name: recipe for name, (_, recipe) in LADDER.items()}, **FRONTIER}


def row(recipe: ConstrainedRecipe, rnn: RNN, data: Dataset, seed: int) -> dict[str, Any]:
    """What is reported of a network that the recipe made."""
    x = recipe.preprocessing(data.x)
    members = best_ramp(rnn, recipe.members(data.d_x, data.classes, data.T), x, data.y)
    facts = measured(rnn, members, x, data.y)
    bound = constrained_bound(rnn, members, facts["empirical_loss"], facts["n"])
    test = margins(last_predictions(rnn, recipe.preprocessing(data.x_test)), data.y_test)
    margin, share = best_margin(rnn, members, x, data.y)
    mu = margins(last_predictions(rnn, x), data.y)
    plain = [plain_total(members, mu, gamma) for gamma in members.grid["gamma"]]
    return {
        "recipe": asdict(recipe),
        "seed": seed,
        "training_error": facts["errors"] / facts["n"],
        "test_error": float((test <= 0).mean()),
        "ramp": facts["empirical_loss"],
        "gamma": members.gamma,
        "eps": members.eps,
        "parameters": sum(members.sizes.values()),
        "label": bound.label,
        "total": bound.total,
        "plain_ramp_at_0.1": float(np.clip(1 - mu / 0.1, 0, 1).mean()),
        "plain_total_at_0.1": plain_total(members, mu, 0.1),
        "plain_total": min(plain),
        "margin_total": margin_bound(rnn, margin, share, facts["n"]).total,
        "margin_gamma": margin.gamma,
    }


def plain_total(members: ConstrainedClass, mu: Any, gamma: float) -> float:
    """`uniform.net_kl` with the cover of section 5 as it stands: all parameters, centres inside.

    The best eps of the grid; b_h is a ball of the norm that it has.
    """
    radii = Radii(
        members.hidden,
        members.input,
        members.output,
        members.bias * math.sqrt(members.k),
        0.0,
        members.data,
        fixed=True,
        data_fixed=True,
    )
    cover = class_cover(
        radii,
        members.T,
        members.activation,
        members.k,
        members.d_x,
        members.d_y,
        weights="last",
        loss_lipschitz=loss_constants(d_y=members.d_y, gamma=gamma).lipschitz,
    )
    ramp = float(np.clip(1 - mu / gamma, 0, 1).mean())
    price = add_up(-math.log(members.delta), members.log_price)
    gaps = [
        math.exp(net_kl(cover, len(mu), price, ramp, eps).log_total) for eps in members.grid["eps"]
    ]
    return ramp + min(gaps)


def frontier(rows: Mapping[str, Mapping[str, Any]], *, ax: Axes | None = None) -> Axes:
    """Draw total and test error over k: one point a network, marked by its k."""
    from validation.output.figures import BLUE, INK, ORANGE, PALE, apart, axes, legend

    ax = axes(ax)
    points = sorted((r["recipe"]["k"], r) for name, r in rows.items() if name in FRONTIER)
    errors = [100 * r["test_error"] for _, r in points]
    for name, key, colour, marker in (
        ("net_kl, ramp risk", "total", BLUE, "o"),
        ("margin net, 0-1 error", "margin_total", ORANGE, "s"),
    ):
        values = [r[key] for _, r in points]
        ax.plot(errors, values, color=colour, marker=marker, linestyle="none", label=name)
    ends = [min(errors), max(errors)]
    top = 1.25 * max(r["total"] for _, r in points)
    named = sorted((error, k, r["total"]) for (k, r), error in zip(points, errors))
    width = max(ends[1] - ends[0], 1e-9)
    for (error, k, total), place in zip(
        named, apart([error - ends[0] for error, *_ in named], width / 9, width)
    ):
        ax.annotate(
            f"k = {k}", (error, total), (ends[0] + place, 0.93 * top), color=INK, size=8,
            ha="center", arrowprops={"arrowstyle": "-", "color": PALE, "lw": 0.6, "shrinkB": 4},
        )  # fmt: skip
    ax.plot(ends, [e / 100 for e in ends], color=PALE, linestyle=":", label="the test error itself")
    ax.set_xlabel("test error (%)")
    ax.set_ylabel("valid total")
    ax.set_ylim(0, top)
    legend(ax)
    return ax


def text(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return results/constrained.md."""
    head = [
        "# A network with a valid total far below 1",
        "",
        "Row-MNIST at 14 x 14 (T = 14, d = 14, n = 60,000), ReLU, last step, delta = 0.05. Written",
        "by `python benchmarks/studies/constrained.py`; the numbers are in",
        "`constrained.json`. Every total is `uniform.net_kl` at the network's own n, with the",
        "price of the grid of all settings, 23.7 nats, added to log(1/delta). That grid was",
        "written while settings were being tried, so these rows compare steps. The total that is",
        "claimed is the one in `models/row-mnist-14-constrained.json`, 0.2435: it pays for the",
        "text of all settings, at log 96 a character, and for what no text says from lists: the",
        "form of the class (8), the projection (2), the size of the images (2; the resolution was",
        "chosen after both had been seen). Assumed is that nothing else was tried, and that the",
        "sequences are independent and identically distributed (MNIST is clustered by writer).",
        "Smaller valid totals of the same network are 0.209 by the net of the margins and 0.173 by",
        "`occam.binomial`. Each holds at level 1 - delta; two of them do not hold jointly at it.",
        "",
        "## What each step brought",
        "",
        "Each row adds one step to the row above. *As it stands*: the cover of section 5 with",
        "every parameter, at gamma = 0.1 and at the best gamma of the grid. *Total*: the same",
        "class with fewer parameters paid for and centres allowed just outside",
        "(`bounds/constrained.py`, `bounds/enlarged.py`).",
        "",
        "| step | training / test error | ramp at 0.1 | as it stands, gamma = 0.1 | "
        "as it stands, best gamma | total | gamma | margin net |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ladder = [_line(title, rows[name]) for name, (title, _) in LADDER.items() if name in rows]
    sizes = [_line(name, rows[name]) for name in FRONTIER if name in rows]
    return "\n".join(
        [
            *head,
            *ladder,
            "",
            "*Margin net* bounds the 0-1 error by a cover of the margins at gamma/2, without eps",
            "(`bounds.constrained.margin_bound`).",
            "",
            "## Over k, all steps, W_h in blocks of 4 nodes",
            "",
            *head[-2:],
            *sizes,
            "",
            "![valid total against test error](constrained_frontier.svg)",
            "",
            *NOT_KEPT,
        ]
    )


def _line(title: str, r: Mapping[str, Any]) -> str:
    cells = [
        title,
        f"{100 * r['training_error']:.1f} / {100 * r['test_error']:.1f} %",
        *(f"{r[key]:.3f}" for key in ("plain_ramp_at_0.1", "plain_total_at_0.1", "plain_total")),
        f"**{r['total']:.3f}**",
        f"{r['gamma']:g}",
        f"{r['margin_total']:.3f}",
    ]
    return "| " + " | ".join(cells) + " |"


def write(out: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the numbers, the page and the figure."""
    from validation.output.figures import draw

    write_atomically(out / "constrained.json", (json.dumps(rows, indent=1) + "\n").encode())
    write_atomically(out / "constrained.md", text(rows).encode())
    figure = draw(lambda ax: frontier(rows, ax=ax))
    write_atomically(out / "constrained_frontier.svg", figure.svg.encode())
    write_atomically(out / "constrained_frontier.png", figure.png)


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    """Train what is missing, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--only", choices=list(recipes()))
    options = parser.parse_args(arguments)
    path = options.out / "constrained.json"
    rows = json.loads(path.read_text()) if path.exists() else {}
    data = data_set()
    for name, recipe in recipes().items():
        if options.only not in (None, name):
            continue
        wanted = json.loads(json.dumps(asdict(recipe)))
        if rows.get(name, {}).get("recipe") == wanted:
            continue
        same = [held for held in rows.values() if held["recipe"] == wanted]
        rows[name] = same[0] if same else row(recipe, fit(recipe, data, SEED), data, SEED)
        write(options.out, rows)
        say(f"{name}: total {rows[name]['total']:.4f}")
    write(options.out, rows)


if __name__ == "__main__":
    main()
