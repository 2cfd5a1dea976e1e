"""Many trainings for a short code at once, and the certificate of the best of them.

    python benchmarks/studies/ensembles.py train NAME --out FOLDER [--device cuda] [--minutes 8] ...
    python benchmarks/studies/ensembles.py certify FOLDER [--top 3] [--certificate FOLDER]
    python benchmarks/studies/ensembles.py split FOLDER

`train` makes one network for every combination of the settings that are given as lists, and keeps
their weights in FOLDER, once a minute and at the end. `certify` encodes those that promise most, in
a language that was fixed before, and writes the certificate of the best. All codes of a language
hold at once: choosing among them costs nothing. NAME is a recipe of `rnnbounds certify`, or
ptb-bytes. With `--half` all is learned from the first half of the data; `split` then measures the
first member on the other half, and writes the bound to certificates/split.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from bounds.binomial import upper_risk
from bounds.routes import held_out_bound
from pruning.activations import activation
from pruning.initialisation import initial_rnn
from pruning.rnn import RNN
from validation.certifying.certificate import write_certificate
from validation.certifying.conversion import integer_network, largest_state
from validation.certifying.ensemble import Ensemble, import_ready
from validation.certifying.ensemble_training import Length, train_images, train_texts
from validation.certifying.language import TEXT
from validation.certifying.network import BLOCKS, TextForm
from validation.certifying.pipeline import (
    answers_of,
    certified,
    input_exponent,
    large_network,
    pruned,
)
from validation.certifying.quantised_training import Training
from validation.certifying.recipes import recipe
from validation.certifying.tasks import task
from validation.certifying.text import bits_of_losses, certified_text, text_bound
from validation.certifying.text_training import text_network, training_text
from validation.data.fetching import cache_folder
from validation.output.writing import write_atomically

DELTA = Decimal("0.05")
LINE = 15  # lines of 2^15 bytes: a line begins with no memory
SPLIT = Path(__file__).resolve().parents[2] / "certificates" / "split.json"
STEPS = {
    "row": {"w_hidden": -4, "w_input": -3, "w_output": -3, "b_hidden": -4, "b_output": -3},
    "coarse": {"w_hidden": -3, "w_input": -2, "w_output": -2, "b_hidden": -4, "b_output": -3},
    "pixel": {"w_hidden": -9, "w_input": -8, "w_output": -5, "b_hidden": -11, "b_output": -4},
    "fine": dict.fromkeys(BLOCKS, -7),
    "text": {"w_hidden": -4, "w_input": -3, "w_output": -3, "b_hidden": -4, "b_output": -3},
    "text-fine": {"w_hidden": -5, "w_input": -4, "w_output": -4, "b_hidden": -4, "b_output": -3},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    calls = parser.add_subparsers(dest="call", required=True)
    train = calls.add_parser("train")
    train.add_argument("name")
    train.add_argument("--out", type=Path, required=True)
    train.add_argument("--device", default="cpu")
    train.add_argument("--minutes", type=float, default=8.0)
    train.add_argument("--epochs", type=int, default=10**6)
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--batch", type=int, default=500)
    train.add_argument("--lines", type=int, default=256)
    train.add_argument("--half", action="store_true", help="learn from the first half alone")
    train.add_argument("--eager", action="store_true", help="record no step on the device")
    train.add_argument("--plain", action="store_true", help="a language model without gates")
    train.add_argument("--learning-rate", type=float, default=3e-3)
    for option, default in (
        ("--ks", [24]),
        ("--rates", [7.0]),
        ("--smooths", [2.0]),
        ("--powers", [0.0]),
        ("--teachers", [0.0]),
        ("--steps", ["row"]),
        ("--starts", [0]),
    ):
        train.add_argument(option, nargs="+", type=type(default[0]), default=default)
    check = calls.add_parser("certify")
    check.add_argument("folder", type=Path)
    check.add_argument("--top", type=int, default=3)
    check.add_argument("--certificate", type=Path)
    split = calls.add_parser("split")
    split.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.call == "split":
        split_bound(options.folder)
        return
    if options.call == "certify":
        certify(options.folder, options.top, options.certificate)
        return
    import_ready(options.device)
    (texts if options.name == TEXT else images)(options)


def members(options: argparse.Namespace) -> list[tuple[int, int, Training]]:
    """Start, k and settings of every combination."""
    identity = options.name != TEXT and recipe(options.name).training.identity
    lists = (options.starts, options.ks, options.rates, options.smooths)
    rest = (options.powers, options.teachers, options.steps)
    return [
        (
            start,
            k,
            Training(
                rate=rate,
                smooth=smooth,
                power=power,
                teacher=teacher,
                steps=STEPS[steps],
                learning_rate=options.learning_rate,
                identity=identity,
                seed=options.seed,
            ),
        )
        for start, k, rate, smooth, power, teacher, steps in itertools.product(*lists, *rest)
    ]


def images(options: argparse.Namespace) -> None:
    chosen = recipe(options.name)
    data = task(chosen.task)
    work: Path | None = cache_folder() / "certifying"
    if options.half:
        if chosen.model:
            raise ValueError(f"{chosen.name} starts from a network that was learned from all data")
        work = None  # its checkpoints are those of networks that were learned from all data
        half = slice(0, data.n // 2)
        data = replace(data, images=data.images[half], labels=data.labels[half])
    x = chosen.form.sequences(data.images) * 2.0 ** -input_exponent(chosen, data)
    found: dict[tuple[int, int], RNN] = {}
    for start in options.starts:
        of_start = replace(chosen, large=replace(chosen.large, seed=start))
        large = large_network(of_start, data, work=work)
        for k in options.ks:
            found[start, k] = pruned(replace(of_start, k=k), large, data)
    # The teacher is the large network of the first start.
    first = replace(chosen, large=replace(chosen.large, seed=options.starts[0]))
    teacher = (
        answers_of(large_network(first, data, work=work), x) if any(options.teachers) else None
    )
    all_of = members(options)
    most = max(options.ks)
    starts = [padded(found[start, k], most) for start, k, _ in all_of]
    kept = [padded_ones(found[start, k], most) for start, k, _ in all_of]
    torch = import_ready(options.device)
    ensemble = Ensemble(
        torch, starts, [one for *_, one in all_of], options.device, kept, not options.eager
    )
    keeper = Keeper(options, ensemble, all_of, data.n)
    kind = "clipped" if chosen.activation == "tanh" else "relu"
    length = Length(options.epochs, 60 * options.minutes)
    train_images(
        ensemble, x, data.labels, kind, length,
        teacher=teacher, batch=options.batch, seed=options.seed, tell=keeper,
    )  # fmt: skip
    keeper.keep()


def texts(options: argparse.Namespace) -> None:
    text, alphabet, tokens = bytes_of_text()
    if options.half:
        tokens = tokens[: len(text) // 2]
    all_of, most, size = members(options), max(options.ks), len(alphabet)
    starts, kept = [], []
    for start, k, _ in all_of:
        rnn = initial_rnn(k, size, size, "tanh", "orthogonal", 0.8, input_scale=0.5, rng=start + 1)
        weights, ones = padded(rnn, most), padded_ones(rnn, most)
        if not options.plain:
            rng = np.random.default_rng([start, k])
            gates = {
                "w_hidden": 0.3 / math.sqrt(k) * rng.standard_normal((most, most)),
                "w_input": 0.2 * rng.standard_normal((most, size)),
                "b_hidden": np.full(most, 0.7),
            }
            for block, values in gates.items():
                ones[block] = np.concatenate([ones[block], ones[block]])
                weights[block] = np.concatenate([weights[block], values])
        starts.append(weights)
        kept.append(ones)
    torch = import_ready(options.device)
    ensemble = Ensemble(
        torch, starts, [one for *_, one in all_of], options.device, kept, not options.eager
    )
    keeper = Keeper(options, ensemble, all_of, len(text))
    train_texts(
        ensemble, tokens, size, Length(options.epochs, 60 * options.minutes),
        gated=not options.plain, lines=options.lines, tell=keeper,
    )  # fmt: skip
    keeper.keep()


def bytes_of_text() -> tuple[Any, Any, Any]:
    """The training part of the Penn Treebank, its bytes, and their places among them."""
    text = training_text()
    alphabet, tokens = np.unique(text, return_inverse=True)
    return text, alphabet, tokens


class Keeper:
    """Says how the members do, and keeps their weights once a minute."""

    def __init__(
        self, options: argparse.Namespace, ensemble: Ensemble, all_of: Any, n: int
    ) -> None:
        self.options, self.ensemble, self.all_of, self.n = options, ensemble, all_of, n
        self.said = self.kept = self.begun = time.time()
        self.epochs, self.values, self.bits = 0, np.zeros(0), np.zeros(0)

    def __call__(self, share: float, values: Any, bits: Any) -> None:
        self.epochs += 1
        self.values, self.bits = values, bits
        if time.time() - self.said > 20 or share >= 1 or self.epochs == 1:
            self.said = time.time()
            ranked = np.argsort(self.promised())
            best = ", ".join(f"{values[i]:.4f} / {bits[i]:.0f}" for i in ranked[:4])
            spent = (self.said - self.begun) / self.epochs
            print(f"{share:.3f}: epoch {self.epochs}, {spent:.2f} s each: {best}", flush=True)
        if time.time() - self.kept > 60:
            self.keep()

    def promised(self) -> Any:
        """About the bound of every member."""
        pairs = list(zip(self.values.tolist(), self.bits.tolist()))
        if self.options.name == TEXT:
            return np.array([about_text(loss, bits, self.n) for loss, bits in pairs])
        return np.array(
            [
                upper_risk(min(self.n, round(share * self.n)), self.n, bits * math.log(2) + 3.0)
                for share, bits in pairs
            ]
        )

    def keep(self) -> None:
        """Write the weights and what they were made by."""
        self.kept = time.time()
        out = self.options.out
        out.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{i}.{block}": weights.astype(np.float32)
            for i, network in enumerate(self.ensemble.networks())
            for block, weights in network.items()
        }
        with (out / "weights.part").open("wb") as file:
            np.savez_compressed(file, **arrays)
        (out / "weights.part").replace(out / "weights.npz")
        measured = zip(self.all_of, self.values.tolist(), self.bits.tolist(), self.promised())
        rows = [
            {
                **{"k": k, "start": start, "value": value, "bits": bits, "about": float(about)},
                "training": one.settings(),
            }
            for (start, k, one), value, bits, about in measured
        ]
        said = {key: value for key, value in vars(self.options).items() if key != "out"}
        content = {"name": self.options.name, "epochs": self.epochs, "said": said, "rows": rows}
        write_atomically(out / "members.json", (json.dumps(content, indent=1) + "\n").encode())


def about_text(loss: float, bits: float, n: int) -> float:
    """About the bound of a language model: losses spread as those of character models do."""
    return loss + math.sqrt(2 * 5.0 * bits * math.log(2) / n)


def padded(rnn: RNN, k: int) -> dict[str, Any]:
    """The weights with zeros for nodes up to k."""
    more = k - rnn.m
    return {
        "w_hidden": np.pad(rnn.w_hidden, ((0, more), (0, more))),
        "w_input": np.pad(rnn.w_input, ((0, more), (0, 0))),
        "w_output": np.pad(rnn.w_output, ((0, 0), (0, more))),
        "b_hidden": np.pad(rnn.b_hidden, (0, more)),
        "b_output": rnn.b_output,
    }


def padded_ones(rnn: RNN, k: int) -> dict[str, Any]:
    """Which of the padded weights there are."""
    ones = {block: np.ones_like(getattr(rnn, block)) for block in BLOCKS}
    return padded(RNN(**ones, activation=rnn.activation), k)


def without_idle_nodes(weights: dict[str, Any]) -> dict[str, Any]:
    """The network without nodes that nothing reads, which changes no output."""
    while True:
        rows, k = weights["w_hidden"].shape
        others = weights["w_hidden"] * (np.arange(rows)[:, None] % k != np.arange(k))
        read = np.any(weights["w_output"] != 0, axis=0) | np.any(others != 0, axis=0)
        if read.all() or not read.any():
            return weights
        both = np.tile(read, rows // k)
        weights = {
            "w_hidden": weights["w_hidden"][both][:, read],
            "w_input": weights["w_input"][both],
            "b_hidden": weights["b_hidden"][both],
            "w_output": weights["w_output"][:, read],
            "b_output": weights["b_output"],
        }


def certify(folder: Path, top: int, certificate: Path | None) -> None:
    """Encode the members that promise most, and write the certificate of the best."""
    content = json.loads((folder / "members.json").read_text("utf-8"))
    rows = content["rows"]
    for row in rows:
        row["training"]["epochs"] = content["epochs"]
    ranked = sorted(range(len(rows)), key=lambda i: rows[i]["about"])[:top]
    best: Any = None
    with np.load(folder / "weights.npz", allow_pickle=False) as held:
        for i in ranked:
            weights = {block: held[f"{i}.{block}"].astype(np.float64) for block in BLOCKS}
            weights = without_idle_nodes(weights)
            found, how = certified_member(content["name"], weights, rows[i])
            print(i, rows[i]["k"], len(found.code), found.bound, flush=True)
            if best is None or found.bound < best[0].bound:
                best = found, how
    if certificate is not None and best is not None:
        write_certificate(certificate, best[0], content["name"], best[1])


def split_bound(folder: Path) -> None:
    """Measure the first member on the half of the data that nothing was learned from."""
    content = json.loads((folder / "members.json").read_text("utf-8"))
    name, row = content["name"], content["rows"][0]
    if not content["said"]["half"]:
        raise ValueError(f"{folder} must hold what was trained with --half")
    with np.load(folder / "weights.npz", allow_pickle=False) as held:
        weights = {block: held[f"0.{block}"].astype(np.float64) for block in BLOCKS}
    found: dict[str, Any]
    if name == TEXT:
        text, alphabet, _ = bytes_of_text()
        steps = row["training"]["steps"]
        form = TextForm(12, tuple(alphabet.tolist()), 10)
        network = text_network(weights, steps, form, 12)
        rest = text[len(text) // 2 :]
        losses = bits_of_losses(network, rest)
        found = {"loss": float(losses.mean()), "held_out": len(rest)}
        found["bound"] = text_bound(losses, form, 0, DELTA)
    else:
        chosen = recipe(name)
        data = task(chosen.task)
        half = data.n // 2
        rnn = RNN(**weights, activation=activation(chosen.activation))
        exponent, errors = input_exponent(chosen, data), 0
        for begin in range(half, data.n, 2000):
            part = slice(begin, begin + 2000)
            x = chosen.form.sequences(data.images[part]) * 2.0**-exponent
            errors += int((rnn.predictions(x)[:, -1].argmax(axis=1) != data.labels[part]).sum())
        found = {"errors": errors, "held_out": data.n - half}
        found["bound"] = held_out_bound("split.binomial", errors, data.n - half, float(DELTA)).total
    rows = json.loads(SPLIT.read_text("utf-8")) if SPLIT.exists() else {}
    rows[name] = {"k": row["k"], **found}
    write_atomically(SPLIT, (json.dumps(rows, indent=1) + "\n").encode())
    print(name, rows[name])


def certified_member(name: str, weights: dict[str, Any], row: dict[str, Any]) -> Any:
    steps = row["training"]["steps"]
    how: dict[str, Any] = {"settings": {"ensemble": row}}
    if name == TEXT:
        from validation.data.sources import PTB

        text, alphabet, _ = bytes_of_text()
        form = TextForm(LINE, tuple(alphabet.tolist()), 10)
        network = text_network(weights, steps, form, 12)
        return certified_text(network, text, DELTA, {"ptb.train.txt": PTB["ptb.train.txt"]}), how
    chosen = recipe(name)
    data = task(chosen.task)
    exponent = input_exponent(chosen, data)
    rnn = RNN(**weights, activation=activation(chosen.activation))
    some = chosen.form.sequences(data.images[:10_000]) * 2.0**-exponent
    top = 2 * largest_state(rnn, some)
    network = integer_network(rnn, steps, chosen.form, exponent, largest_state=top)
    found = certified(network, data, DELTA)
    how["method"] = chosen.method
    tested = found.test_errors()
    if tested is not None:
        how["test_errors"], how["test_n"] = tested
    return found, how


if __name__ == "__main__":
    main()
