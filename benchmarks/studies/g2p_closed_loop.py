"""One setting of the closed loop of g2p_en's pruned encoder-decoder, with torch on one device.

    python benchmarks/studies/g2p_closed_loop.py --sizes 224 192 --words 60000 --device cuda
        --stages outputs:8 probabilities:40 --seconds 400 --out PART.json

    python benchmarks/studies/g2p_closed_loop.py --start PART.npz --sizes 192 --batch 256
        --stages descent:700 --words 40000 --out PART2.json

The network is pruned (balanced) to each size in turn and fitted to what the whole network says,
teacher-forced on its own outputs, in stages of one distance each (`g2p_device`); a stage
``descent`` takes Adam's steps over batches of words on the distance of the probabilities, where
Gauss-Newton over all words is too dear; alone it makes the rows *by descent*. Words of CMUdict
beyond the test words; no pronunciation is used but to measure. Settings are to be compared by
`agreement`, the phoneme error against what the whole network says of words that are neither fitted
nor test words. PART.json and PART.npz
(the weights) are written whenever the fit has become better on those words, so that a run that is
cut off has its best so far; `g2p.py --merge PART.json` puts the row into the table.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path

import numpy as np
from g2p import CLOSED, TEST
from g2p_device import METRICS, DeviceFit, taught

from pruning.encoder_decoder import moments, padded, prune_encoder_decoder
from pruning.encoder_decoder_refit import EncoderDecoderFit
from pruning.gauss_newton import gauss_newton
from validation.data.g2p import Words, errors, g2p_network, words
from validation.output.writing import write_atomically

HELD_OUT = 2000
SEEN = 12  # batches of the moments and the balanced weight


class OutOfTime(Exception):
    """The seconds that were given are over."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[224, 192])
    parser.add_argument("--words", type=int, default=60_000)
    parser.add_argument("--stages", nargs="+", default=["outputs:8", "probabilities:40"])
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--patience", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=16_384)
    parser.add_argument("--seconds", type=float, default=400.0)
    parser.add_argument("--start", type=Path, help="PART.npz of another run, of the last size")
    parser.add_argument("--rate", type=float, default=5e-4, help="of descent, at its beginning")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    began = time.monotonic()
    stages = [(name, int(steps)) for name, steps in (one.split(":") for one in options.stages)]
    for name, _ in stages:
        if name not in (*METRICS, "descent"):
            parser.error(
                f"a stage must be {', '.join(METRICS)} or descent, a colon and steps, got {name}"
            )
    net = g2p_network()
    held_words = words(HELD_OUT, skip=TEST)
    letters = words(options.words, skip=TEST + HELD_OUT).letters
    fitted = taught(net, letters, options.device, options.batch)
    held_out = taught(net, held_words.letters, options.device, options.batch)
    seen = taught(net, letters[: SEEN * 256], options.device, 256)
    judge = Judge(net, held_words, options, began)
    small = net if options.start is None else started(net, options.start, options.sizes[-1])
    if options.start is not None:
        judge.begin(small)
    total = len(options.sizes) * len(stages)
    for number, (k, (metric, steps)) in enumerate(
        (k, stage) for k in options.sizes for stage in stages
    ):
        if small.encoder.m != k:
            small = prune_encoder_decoder(
                small, seen, k, objective="balanced", seen=moments(small, seen)
            )
            judge.begin(small)
        until = began + options.seconds * (number + 1) / total
        if options.sizes[-1] == k and metric == stages[-1][0]:
            until = began + options.seconds
        if metric == "descent":
            small = descent(net, small, fitted, steps, options, judge, until)
        else:
            small = fit(net, small, fitted, held_out, metric, steps, options, judge, until)
    judge.end(small)


def fit(net, small, fitted, held_out, metric, steps, options, judge, until):
    """One stage: the best network on the words held out, within the time."""
    ours, theirs = (
        DeviceFit(net, small, data, metric, options.device) for data in (fitted, held_out)
    )
    best = [np.inf, ours.flat(small)]

    def other(theta):
        r = theirs.residuals(theta, keep=False)[0]
        value = float(r @ r)
        if value < best[0]:
            best[:] = value, theta
        judge.saw(metric, value, ours.network(theta))
        if time.monotonic() > until:
            raise OutOfTime
        return value

    with contextlib.suppress(OutOfTime):
        gauss_newton(
            ours,
            best[1],
            held_out=other,
            scale=ours.scale(small),
            steps=steps,
            patience=options.patience,
            iterations=options.iterations,
        )
    return ours.network(best[1])


def started(net, path, k):
    """The network of these weights; its shape is that of any network of the size."""
    shape = prune_encoder_decoder(net, taught(net, words(64).letters, "cpu", 64), k)
    with np.load(path) as held:
        blocks = [held[f"block_{i}"] for i in range(len(held.files))]
    fit = EncoderDecoderFit.__new__(EncoderDecoderFit)
    fit.small = shape
    return fit.network(np.concatenate([np.asarray(b, np.float64).reshape(-1) for b in blocks]))


def descent(net, small, fitted, steps, options, judge, until):
    """Adam over the batches, on the distance of the probabilities."""
    import torch

    ours = DeviceFit(net, small, fitted, "probabilities", options.device)
    blocks = [ours.tensor(b).requires_grad_() for b in ours.blocks(small)]
    optimizer = torch.optim.Adam(blocks, lr=options.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    rng, total = np.random.default_rng(0), 0.0
    for step in range(1, steps + 1):
        place = int(rng.integers(len(fitted)))
        gap = ours.gap(blocks, place) / ours.weight
        loss = gap.square().sum() / len(gap)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(blocks, 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        last = step == steps or time.monotonic() > until
        if step % 150 == 0 or last:
            flat = np.concatenate([b.detach().cpu().numpy().reshape(-1) for b in blocks])
            small = ours.network(flat.astype(np.float64))
            judge.saw("descent", total / (step - (step - 1) // 150 * 150), small)
            total = 0.0
        if last:
            break
    return small


class Judge:
    """Keeps the log, and writes the network that agrees best with the whole one on held-out words.

    At each size anew: a later size is what was asked for.
    """

    def __init__(self, net, held_words, options, began) -> None:
        self.options, self.began, self.log = options, began, []
        self.tokens = padded(held_words.letters)
        said = net.greedy(*self.tokens)
        self.said = Words(held_words.letters, [[one] for one in said])
        self.test = words(TEST)
        self.best = np.inf

    def begin(self, small) -> None:
        """A new size."""
        self.best = np.inf
        self.saw("balanced", None, small)

    def saw(self, metric, value, small) -> None:
        """Note a network, and write it if it is the best so far of its size."""
        agreement, _ = errors(small.greedy(*self.tokens), self.said)
        seconds = round(time.monotonic() - self.began)
        line = {"k": small.encoder.m, "metric": metric, "held_out": value}
        self.log.append({**line, "agreement": agreement, "seconds": seconds})
        print(self.log[-1], flush=True)
        if agreement < self.best and small.encoder.m == self.options.sizes[-1]:
            self.best = agreement
            self.write(small)

    def end(self, small) -> None:
        """The last word: the log of all steps."""
        path = self.options.out
        if path.exists():
            facts = json.loads(path.read_text())
            facts["rows"][0]["log"] = self.log
            write_atomically(path, (json.dumps(facts, indent=1) + "\n").encode())

    def write(self, small) -> None:
        """The row of a network, and its weights."""
        options = self.options
        phonemes, wrong = errors(small.greedy(*padded(self.test.letters)), self.test)
        row = {
            "method": CLOSED,
            "k": options.sizes[-1],
            "phoneme_error": phonemes,
            "word_error": wrong,
            "parameters": small.parameters,
            "agreement": self.best,
            "seconds": round(time.monotonic() - self.began),
            "fitted_words": options.words,
            "settings": {
                "sizes": options.sizes,
                "stages": options.stages,
                "iterations": options.iterations,
                "batch": options.batch,
                "rate": options.rate,
                "held_out_words": HELD_OUT,
            },
            "log": self.log,
        }
        if options.start is not None:
            row["before"] = json.loads(options.start.with_suffix(".json").read_text())["rows"][0]
        options.out.parent.mkdir(parents=True, exist_ok=True)
        blocks = DeviceFit.blocks(None, small)
        arrays = {f"block_{i}": np.asarray(b, np.float32) for i, b in enumerate(blocks)}
        np.savez(options.out.with_suffix(".npz"), **arrays)
        facts = {"schema": 1, "rows": [row]}
        write_atomically(options.out, (json.dumps(facts, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
