"""A network that nobody here trained: g2p_en's encoder-decoder from letters to phonemes, pruned.

    python benchmarks/studies/g2p.py [--quick]
    python benchmarks/studies/g2p.py --merge PART.json ...

Words of CMUdict; no label is used but to measure. Writes results/g2p.json after every row, and goes
on from there when it was broken off; results/g2p.md is the table of it. Both data are fetched by
`rnnbounds data fetch g2p`.
"""

from __future__ import annotations

import argparse
import json
import textwrap
import time
from pathlib import Path

from pruning.encoder_decoder import batches, moments, padded, prune_encoder_decoder
from pruning.encoder_decoder_refit import refit_encoder_decoder
from validation.data.g2p import errors, g2p_network, words
from validation.output.writing import write_atomically

RESULTS = Path(__file__).parents[2] / "results"
TEST, FIT, HELD_OUT = 1500, 3000, 500
SIZES = (192, 128)
PRUNED = {
    "random nodes": {"method": "random"},
    "spectral, no reconstruction": {"reconstruct": False},
    "spectral": {},
    "balanced": {"objective": "balanced"},
}
CLOSED = "balanced, closed loop"
DESCENT = "balanced, closed loop by descent"  # Adam's steps instead of Gauss-Newton's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without the closed loop")
    parser.add_argument("--merge", nargs="+", type=Path, help="rows of g2p_closed_loop.py")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=20)
    options = parser.parse_args()
    path = RESULTS / "g2p.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    if options.merge:
        parts = [named(json.loads(part.read_text())["rows"][0]) for part in options.merge]
        replaced = {(row["method"], row["k"]) for row in parts}
        write(path, [row for row in rows if (row["method"], row["k"]) not in replaced] + parts)
        return
    net = g2p_network()
    test = words(TEST)
    tokens, lengths = padded(test.letters)

    def measured(small):
        phonemes, wrong = errors(small.greedy(tokens, lengths), test)
        return {"phoneme_error": phonemes, "word_error": wrong, "parameters": small.parameters}

    def add(name, k, small, **facts):
        rows.append({"method": name, "k": k, **measured(small), **facts})
        print(rows[-1], flush=True)
        write(path, rows)

    done = {(row["method"], row["k"]) for row in rows}
    if ("whole", 256) not in done:
        add("whole", 256, net)
    fitted = list(batches(net, words(FIT, skip=TEST).letters))
    seen = moments(net, fitted)
    for k in SIZES:
        for name, choices in PRUNED.items():
            if (name, k) not in done:
                small = prune_encoder_decoder(net, fitted, k, seen=seen, **choices)
                add(name, k, small)
    if options.quick:
        return
    held_out = list(batches(net, words(HELD_OUT, skip=TEST + FIT).letters))
    for k in SIZES:
        if (CLOSED, k) in done:
            continue
        small = prune_encoder_decoder(net, fitted, k, seen=seen, objective="balanced")
        began, log = time.monotonic(), []

        def say(step, log=log, k=k):
            log.append({"step": step.step, "fitted": step.fitted, "held_out": step.held_out})
            print(k, log[-1], flush=True)

        small = refit_encoder_decoder(
            net,
            small,
            fitted,
            held_out,
            steps=options.steps,
            iterations=options.iterations,
            progress=say,
        )
        add(CLOSED, k, small, seconds=round(time.monotonic() - began), log=log)


def named(row):
    """A row under the name of how it was fitted."""
    return {**row, "method": DESCENT} if by_descent_alone(row) else row


def by_descent_alone(row) -> bool:
    """Whether no step of the fit was one of Gauss-Newton."""
    fits = [fit["settings"] for fit in (row, row.get("before")) if fit and "settings" in fit]
    return bool(fits) and all(
        stage.startswith("descent:") for settings in fits for stage in settings["stages"]
    )


def write(path, rows) -> None:
    """Rows as JSON, and the table of them."""
    settings = {"test_words": TEST, "fitted_words": FIT, "held_out_words": HELD_OUT}
    facts = {"schema": 1, "settings": settings, "rows": rows}
    write_atomically(path, (json.dumps(facts, indent=1) + "\n").encode())
    write_atomically(path.with_suffix(".md"), page(rows).encode())


def page(rows) -> str:
    """The table as Markdown."""
    closed = [row for row in rows if row["method"] in (CLOSED, DESCENT)]
    lines = [
        "# Letters to phonemes: a published network, pruned",
        "",
        "g2p_en 2.1.0 (GRU encoder and decoder of 256 nodes, Apache-2.0), both sides pruned to k",
        f"nodes; {TEST:,} words of CMUdict, greedy decoding, errors against the nearest listed",
        f"pronunciation. Moments and weights come from {FIT:,} other words and what the whole",
        "network says of them; no pronunciation is used but to measure. Made by",
        "`python benchmarks/studies/g2p.py`.",
        "",
        "| method | k | parameters | phoneme error | word error |",
        "|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: -row["k"]):
        lines.append(
            f"| {row['method']} | {row['k']} | {row['parameters']:,} "
            f"| {row['phoneme_error']:.1%} | {row['word_error']:.1%} |"
        )
    lines += [
        "",
        "The network is used to the full: no smaller set of its nodes says all that it says, and",
        "reconstruction alone costs three times the errors at three quarters of the nodes.",
    ]
    for row in closed:
        if "settings" in row:
            lines += ["", *told(row)]
    return "\n".join(lines) + "\n"


def told(row) -> list[str]:
    """How a closed loop was run, in lines."""
    if row["method"] == DESCENT:
        return textwrap.wrap(descended(row), 90)
    first, more = row.get("before", row), row if "before" in row else None
    chosen = first["settings"]
    sizes, stages = ", ".join(map(str, chosen["sizes"])), " then ".join(chosen["stages"])
    count, held, steps = first["fitted_words"], chosen["held_out_words"], chosen["iterations"]
    text = (
        f"The closed loop at {row['k']}: {count:,} words of CMUdict as letters, taught the whole "
        f"network's own greedy outputs; pruned to {sizes} nodes and fitted by Gauss-Newton "
        f"({stages} steps, {steps} products each, at most) on a GPU in float32, "
        f"{first['seconds']} seconds (`g2p_closed_loop.py`)"
    )
    if more is not None:
        later = more["settings"]
        text += (
            f", to {first['phoneme_error']:.1%}; from there {' then '.join(later['stages'])} "
            f"steps of Adam over batches of {later['batch']} of {more['fitted_words']:,} words, "
            "on the processor"
        )
    text += (
        ". The steps were chosen by what the whole network says of "
        f"{held:,} words that are neither fitted nor test words: phoneme error against that "
        f"{row['agreement']:.1%}."
    )
    return textwrap.wrap(text, 90)


def descended(row) -> str:
    """How a fit by descent alone was run."""
    chosen = row["settings"]
    steps = sum(int(stage.partition(":")[2]) for stage in chosen["stages"])
    sizes, count = ", ".join(map(str, chosen["sizes"])), f"{row['fitted_words']:,}"
    return (
        f"By descent, at {row['k']}: pruned to {sizes} nodes, then at most {steps:,} steps of "
        f"Adam (rate {chosen['rate']:g}, falling to 0) on the distance of the probabilities, over "
        f"batches of {chosen['batch']} of {count} words of CMUdict as letters, taught the whole "
        "network's own greedy outputs, on the processor in float32 "
        "(`g2p_closed_loop.py`). The best on the same held-out words is kept: phoneme error "
        f"{row['agreement']:.1%} against what the whole network says of them."
    )


if __name__ == "__main__":
    main()
