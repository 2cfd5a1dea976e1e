"""Certified error over k with its parts, from certificates that the checker found valid.

    python benchmarks/studies/certified_over_k.py [--collect FOLDER ...] [--check]

Draws results/certificates.svg and .png from results/certificates.csv, whose rows hold the codes
themselves (base64), so that each can be checked again (`--check`). `--collect` checks the
certificates in the folders, and adds those that are valid; the data must be at hand for both. Test
errors, epochs and rate are no part of what is checked: they are copied from the certificate.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bounds.assembly import COMPLEXITY
from bounds.routes import code_bound
from bounds.terms import Bound
from validation import check_certificate as checker
from validation.data.digits import FILE
from validation.data.fetching import cache_folder
from validation.output.figures import BLUE, GREEN, INK, ORANGE, PALE, PINK, axes, draw
from validation.output.writing import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "results" / "certificates.csv"
FIELDS = (
    *("task", "T", "d", "k", "training", "epochs", "rate"),
    *("n", "errors", "bits", "delta", "bound", "test_errors", "test_n", "language", "code"),
)
NUMBERS = ("T", "d", "k", "epochs", "n", "errors", "bits", "language")
OFF = "the published form: above 1"
SHORT, AS_IT_STANDS = "trained to be short", "rounded as it stands"
Row = Mapping[str, Any]


def read(path: Path = TABLE) -> list[dict[str, Any]]:
    """The rows of the table, numbers as numbers; an empty list where there is none yet."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        return [
            {
                key: int(value) if key in NUMBERS else value
                for key, value in ({"language": "1"} | row).items()
            }
            for row in csv.DictReader(lines)
        ]


def collected(folder: Path) -> dict[str, Any]:
    """A certificate as a row; it is checked first, and what is not valid raises `checker.Stop`."""
    print(folder, checker.check(str(folder), places()))
    facts = json.loads((folder / "certificate.json").read_text("utf-8"))
    network = facts["network"]
    settings = network["settings"]
    training = settings["training"] if "training" in settings else settings["ensemble"]["training"]
    return {
        **{key: facts[key] for key in ("task", "n", "errors", "bits", "delta", "bound")},
        "language": facts["language"],
        **{key: network[key] for key in ("T", "d", "k")},
        "training": SHORT if training["epochs"] else AS_IT_STANDS,
        "epochs": training["epochs"],
        "rate": f"{training['rate']:g}" if training["epochs"] else "",
        "test_errors": str(network.get("test_errors", "")),
        "test_n": str(network.get("test_n", "")),
        "code": base64.b64encode((folder / "code.bin").read_bytes()).decode(),
    }


def write_folder(row: Row, folder: Path) -> None:
    """Write the certificate that a row stands for, so that any checker can read it."""
    code = base64.b64decode(row["code"], validate=True)
    said = {
        **{"format": 1, "preprocessing": 1, "name": "a row of the table"},
        **{key: row[key] for key in ("task", "n", "errors", "bits", "delta", "bound", "language")},
        "data_sha256": checker.KNOWN[row["task"]],
        "code_sha256": hashlib.sha256(code).hexdigest(),
        **{"assumptions": [], "versions": {}, "network": {}},
    }
    (folder / "code.bin").write_bytes(code)
    (folder / "certificate.json").write_text(json.dumps(said), "utf-8")


def places() -> list[str]:
    """Where the data are."""
    return [str(cache_folder()), str(FILE.parent)]


def checked(rows: Iterable[Row]) -> None:
    """Check every row again; the first that is not valid raises the reason."""
    for row in rows:
        with tempfile.TemporaryDirectory() as folder:
            write_folder(row, Path(folder))
            print(f"k = {row['k']}: {checker.check(folder, places())}", flush=True)


def write(rows: Sequence[Row], path: Path = TABLE) -> None:
    """Write the table, a code once, in an order that does not depend on that of collecting."""
    known = {(row["task"], row["code"], row["delta"]): row for row in rows}
    ordered = sorted(
        known.values(), key=lambda r: (r["task"], r["T"], r["training"], r["k"], r["bound"])
    )
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(ordered)


def of(row: Row) -> Bound:
    """The bound of a row, computed again with its terms."""
    return code_bound("occam.binomial", row["n"], row["errors"], row["bits"], float(row["delta"]))


def over_k(
    rows: Sequence[Row],
    lines: Sequence[tuple[float, str]] = (),
    off: str = "",
    split: tuple[int, float] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw certified error, training error, what the code adds and test error over k.

    Parameters
    ----------
    rows : sequence of rows
        Of one task and form. For each k and kind of training the line passes through the smallest
        bound; the others are dots.
    lines : sequence of (height, name)
        Horizontal lines, such as the error of guessing.
    off : str
        What is said of a bound above the chart.
    split : (k, bound), optional
    ax : Axes, optional
    """
    ax = axes(ax)
    short = best(row for row in rows if row["training"] == SHORT)
    bounds = [of(row) for row in short]
    ks = [row["k"] for row in short]
    tested = [row for row in short if row["test_n"]]
    ax.plot(ks, [b.total for b in bounds], "o-", color=BLUE, lw=2.2, label="certified error")
    added = [next(t.value for t in b.terms if t.name == COMPLEXITY) for b in bounds]
    ax.plot(ks, added, "s--", color=ORANGE, label="part: what the code's bits add")
    errors = [row["errors"] / row["n"] for row in short]
    ax.plot(ks, errors, "^-.", color=GREEN, label="part: training error")
    test = [int(row["test_errors"]) / int(row["test_n"]) for row in tested]
    ax.plot([row["k"] for row in tested], test, "x", color=INK, label="test error (not used)")
    stands = best(row for row in rows if row["training"] == AS_IT_STANDS)
    if stands:
        heights = [of(row).total for row in stands]
        label = "certified, rounded as it stands"
        ax.plot([r["k"] for r in stands], heights, "D:", color=PINK, mfc="white", label=label)
    others = [row for row in rows if row not in short and row not in stands]
    ax.plot([r["k"] for r in others], [of(r).total for r in others], ".", color=PALE, ms=4)
    if split is not None:
        label = "split bound (half of the data)"
        ax.plot(*split, "P", color=PINK, ms=7, label=label)
    ax.set(xlabel="nodes of the certified network, k", yscale="log")
    ax.set_ylabel("error, delta = 0.05")
    least = min([*errors, *test, *added])
    ax.set_ylim(least / 1.5, 1.15)
    ticks = [tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if tick > least / 1.5]
    ax.set_yticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    ax.minorticks_off()
    for height, name in lines:
        ax.axhline(height, color=INK, lw=0.9, ls=(0, (4, 2)))
        ax.annotate(
            name, (1, height), xycoords=("axes fraction", "data"), xytext=(-2, -9.5),
            textcoords="offset points", ha="right", fontsize=7.5,
        )  # fmt: skip
    if off:
        ax.annotate(
            "", (0.03, 0.995), (0.03, 0.87), xycoords="axes fraction",
            arrowprops={"arrowstyle": "->", "color": INK},
        )  # fmt: skip
        ax.annotate(off, (0.05, 0.905), xycoords="axes fraction", fontsize=7.5, va="center")
    return ax


def best(rows: Iterable[Row]) -> list[Row]:
    """The row with the smallest bound for every k, by k."""
    found: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: row["bound"]):
        found.setdefault(row["k"], row)
    return [found[k] for k in sorted(found)]


def figure(rows: Sequence[Row]) -> Any:
    """The figure of two panels: MNIST by row, and the digits."""
    splits = json.loads((ROOT / "certificates" / "split.json").read_text("utf-8"))["row-mnist"]
    model = ROOT / "models" / "row-mnist-14-constrained.json"
    covering = json.loads(model.read_text("utf-8"))["bound"]["total"]
    images = [row for row in rows if (row["task"], row["T"], row["d"]) == ("mnist", 10, 10)]
    digits = [row for row in rows if row["task"] == "digits"]

    def first(ax: Axes) -> None:
        lines = [
            (0.9, "guessing"),
            (covering, f"covering total of another network, {covering:.4f}"),
        ]
        over_k(images, lines, OFF, (splits["k"], splits["bound"]), ax=ax)
        ax.set_xticks(sorted({row["k"] for row in images}))
        ax.set_title("MNIST by row, n = 60,000", fontsize=9.5)

    def second(ax: Axes) -> None:
        over_k(digits, [(0.9, "guessing")], ax=ax)
        ax.set_xscale("log", base=2)
        ks = sorted({row["k"] for row in digits})
        ax.set_xticks(ks, [str(k) for k in ks])
        ax.set_title("digits, n = 1,437", fontsize=9.5)

    def with_legend(fill: Any) -> Any:
        def body(ax: Axes) -> None:
            fill(ax)
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=1, fontsize=7.5)

        return body

    return draw(with_legend(first), with_legend(second), size=(4.9, 5.2))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--collect", type=Path, nargs="+", default=[])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    for folder in options.collect:
        try:
            write([*read(), collected(folder)])
        except checker.Stop as stop:
            print(f"{folder} is not taken: {stop.args[1]}")
    rows = read()
    if options.check:
        checked(rows)
    drawing = figure(rows)
    write_atomically(TABLE.with_suffix(".svg"), drawing.svg.encode())
    write_atomically(TABLE.with_suffix(".png"), drawing.png)


if __name__ == "__main__":
    main()
