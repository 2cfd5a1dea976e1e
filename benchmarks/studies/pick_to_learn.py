"""Pick-to-learn for a recurrent network: what it needs to see, and the bound from how much that is.

    python benchmarks/studies/pick_to_learn.py NAME [--out FILE] [--minutes 8]

Begins with a network that has seen nothing. In every round, of the sequences outside of T that it
misjudges, those with the largest losses join T (a twentieth of T, at least 20), and the network is
trained on T. When it misjudges nothing outside of T, its error is bounded by |T| and n alone
(`others.pick_to_learn`); what it does on T does not matter. The sizes of the rounds depend on T
alone, and a sequence outside of T was never among the worst, so that the loop run on T and any part
of the rest gives the same network: a preferent compression. Losses that tie are ordered by index,
which float32 losses of different images have not been seen to need.

Without an end in time there is no bound, and the row says so.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from bounds.others.pick_to_learn import compression_risk
from bounds.routes import held_out_bound
from pruning.initialisation import initial_rnn
from validation.certifying.ensemble import Ensemble, import_ready
from validation.certifying.ensemble_training import Length, recurrence, train_images
from validation.certifying.pipeline import input_exponent
from validation.certifying.quantised_training import BLOCKS, Training
from validation.certifying.recipes import recipe
from validation.certifying.tasks import task
from validation.output.writing import write_atomically

OUT = Path(__file__).resolve().parents[2] / "certificates" / "pick_to_learn.json"
DELTA = 0.05
FINE = dict.fromkeys(BLOCKS, -14)  # practically floating point


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--epochs", type=int, default=12, help="on T in every round")
    parser.add_argument("--m", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    options = parser.parse_args()
    chosen = recipe(options.name)
    data = task(chosen.task)
    torch = import_ready("cpu")
    unit = 2.0 ** -input_exponent(chosen, data)
    x = (chosen.form.sequences(data.images) * unit).astype(np.float32)
    y = np.asarray(data.labels, np.int64)
    m = options.m or chosen.m
    d = x.shape[2]
    start = initial_rnn(m, d, data.q, "relu", scale=chosen.scale, input_scale=d**-0.5, rng=0)
    training = Training(rate=0.0, steps=FINE, learning_rate=options.learning_rate)
    begin = {block: getattr(start, block) for block in BLOCKS}
    ensemble = Ensemble(torch, [begin], [training], "cpu")
    losses_of = Losses(torch, ensemble)
    T = np.zeros(0, np.int64)
    outside = np.ones(data.n, bool)
    until, rounds, finished = time.time() + 60 * options.minutes, 0, False
    while time.time() < until:
        losses, wrong = losses_of(x, y)
        misjudged = np.flatnonzero(wrong & outside)
        if rounds % 10 == 0 or not len(misjudged):
            print(f"round {rounds}: |T| = {len(T)}, {len(misjudged)} misjudged outside", flush=True)
        if not len(misjudged):
            finished = True
            break
        worst = misjudged[np.argsort(-losses[misjudged], kind="stable")]
        T = np.concatenate([T, worst[: max(20, len(T) // 20)]])
        outside[T] = False
        train_images(
            ensemble, x[T], y[T], "relu", Length(options.epochs),
            batch=min(100, len(T)), seed=rounds,
        )  # fmt: skip
        rounds += 1
    row: dict[str, Any] = {"m": m, "n": data.n, "size": len(T), "rounds": rounds}
    row["bound"] = compression_risk(len(T), data.n, DELTA) if finished else None
    tested = (chosen.form.sequences(data.test_images) * unit).astype(np.float32)
    errors = int(losses_of(tested, np.asarray(data.test_labels, np.int64))[1].sum())
    row["test_errors"], row["test_n"] = errors, len(data.test_labels)
    row["test_bound"] = held_out_bound("others.test_set_binomial", errors, len(tested), DELTA).total
    rows = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    rows[options.name] = row
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.out, (json.dumps(rows, indent=1) + "\n").encode())
    print(options.name, row)


class Losses:
    """Losses and whether a sequence is misjudged, by the network as it is."""

    def __init__(self, torch: Any, ensemble: Ensemble) -> None:
        self.torch, self.ensemble = torch, ensemble
        self.function = recurrence(torch, "relu", False)

    def __call__(self, x: Any, y: Any, batch: int = 2000) -> tuple[Any, Any]:
        """Return losses (n,) and booleans (n,)."""
        torch, losses, wrong = self.torch, [], []
        with torch.no_grad():
            w = self.ensemble.parts(self.ensemble.rounded())
            k = w["w_hidden"].shape[2]
            for begin in range(0, len(x), batch):
                some = torch.as_tensor(x[begin : begin + batch].transpose(1, 0, 2).copy())
                labels = torch.as_tensor(y[begin : begin + batch])
                drive = some @ w["w_input"][0].T + w["b_hidden"][0]
                h = torch.zeros(1, some.shape[1], k)
                states = self.function(drive[:, None], w["w_hidden"], h)
                outputs = states[-1, 0] @ w["w_output"][0].T + w["b_output"][0]
                losses.append(torch.nn.functional.cross_entropy(outputs, labels, reduction="none"))
                wrong.append(outputs.argmax(1) != labels)
            return torch.cat(losses).numpy(), torch.cat(wrong).numpy()


if __name__ == "__main__":
    main()
