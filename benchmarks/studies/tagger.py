"""A two-layer bidirectional GRU that tags where words end, trained, and pruned in one command.

    python benchmarks/studies/tagger.py train [--out models]
    python benchmarks/studies/tagger.py prune [--sizes 21] [--methods spectral] [--rows PART.json]
    python benchmarks/studies/tagger.py prune --merge PART.json ...

The first trains with torch on the processor (1,000 steps, some minutes) and writes
ptb-tagger-0.safetensors, a state_dict; the second calls `rnnbounds prune` once a row. Rows are
written to results/tagger.json as they are finished, and a run that was broken off goes on there;
parts that ran side by side are merged. results/tagger.md is the table of it. The text without its
spaces is `validation.data.segmentation`: each character is tagged by whether a word ends with it.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

from pruning.optimizers import learning_rate_factor
from validation.data.segmentation import alphabet_size, segmentation
from validation.output.writing import write_atomically

ROOT = Path(__file__).parents[2]
NAME = "ptb-tagger-0"
SETTINGS = {
    "m": 64,
    "embedding": 24,
    "layers": 2,
    "T": 60,
    "batch_size": 64,
    "steps": 1000,
    "learning_rate": 4e-3,
    "seed": 0,
}
ROWS = {
    "spectral": [],
    "spectral, no reconstruction": ["--no-reconstruct"],
    "random nodes": ["--method", "random"],
    "balanced": ["--objective", "balanced"],
    "balanced, read-out": ["--objective", "balanced", "--refit", "read-out"],
    "balanced, closed loop": ["--objective", "balanced", "--refit", "closed-loop"],
}
SIZES = (32, 21)
SEQUENCES = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "prune"))
    parser.add_argument("--out", type=Path, default=ROOT / "models")
    parser.add_argument("--steps", type=int, default=SETTINGS["steps"])
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--methods", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--rows", type=Path, default=ROOT / "results" / "tagger.json")
    parser.add_argument("--merge", nargs="+", type=Path, default=[], help="only merge into --rows")
    options = parser.parse_args()
    if options.what == "train":
        train(options.out, options.steps)
    else:
        prune(options)


def train(out, steps) -> None:
    """Train the tagger and write it with its log."""
    import torch
    from safetensors.torch import save

    torch.set_num_threads(1)
    torch.manual_seed(SETTINGS["seed"])
    m, T = SETTINGS["m"], SETTINGS["T"]
    net = torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(alphabet_size(), SETTINGS["embedding"]),
            "rnn": torch.nn.GRU(
                SETTINGS["embedding"], m, SETTINGS["layers"], bidirectional=True, batch_first=True
            ),
            "linear": torch.nn.Linear(2 * m, 2),
        }
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=1.0, weight_decay=0.01)
    n = SETTINGS["batch_size"]
    data = segmentation(T, n * steps, 2000, SETTINGS["seed"])
    began, log = time.monotonic(), []

    def said(x):
        return net["linear"](net["rnn"](net["embedding"](torch.as_tensor(x)))[0])

    for step in range(steps):
        x, y = (a[step * n : (step + 1) * n] for a in (data.x, data.y))
        for group in optimizer.param_groups:
            group["lr"] = SETTINGS["learning_rate"] * learning_rate_factor(
                "one_cycle", step / steps
            )
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(
            said(x).reshape(-1, 2), torch.as_tensor(y).reshape(-1)
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 500 == 0 or step + 1 == steps:
            with torch.no_grad():
                right = (said(data.x_test).argmax(dim=2).numpy() == data.y_test).mean()
            seconds = round(time.monotonic() - began, 1)
            log.append({"step": step + 1, "loss": loss.item(), "test_accuracy": float(right)})
            log[-1]["seconds"] = seconds
            print(log[-1], flush=True)
    facts = {
        "command": "python benchmarks/studies/tagger.py train",
        "result": {"test_accuracy": log[-1]["test_accuracy"]},
        "settings": {**SETTINGS, "steps": steps},
        "versions": {
            "numpy": np.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "log": log,
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}.safetensors"
    tensors = {name: value.contiguous() for name, value in net.state_dict().items()}
    write_atomically(path, save(tensors, {"cell": "gru"}))
    write_atomically(path.with_suffix(".json"), (json.dumps(facts, indent=1) + "\n").encode())


def prune(options) -> None:
    """One call of the command a row that is missing."""
    rows = {(row["k"], row["method"]): row for row in read(options.rows)}
    for part in options.merge:
        rows.update({(row["k"], row["method"]): row for row in read(part)})
    if options.merge:
        write(options.rows, rows)
        return
    data = segmentation(SETTINGS["T"], SEQUENCES, SEQUENCES, 1)
    with tempfile.TemporaryDirectory() as folder:
        sequences = Path(folder) / "segmentation.npz"
        np.savez(sequences, x=data.x, x_test=data.x_test, y_test=data.y_test)
        for k in options.sizes:
            for method in options.methods:
                if (k, method) not in rows:
                    rows[k, method] = {
                        "k": k,
                        "method": method,
                        **row(folder, sequences, k, method),
                    }
                    write(options.rows, rows)


def row(folder, sequences, k, method):
    """What `rnnbounds prune` says of one network."""
    from validation.commands import main as command

    model = ROOT / "models" / f"{NAME}.safetensors"
    facts, small = (Path(folder) / name for name in ("facts.json", "small.safetensors"))
    line = ["prune", model, "--data", sequences, "-k", k, "--every-step", "-o", small]
    try:
        command([str(word) for word in [*line, "--json", facts, *ROWS[method]]])
    except SystemExit as stop:
        if stop.code:
            raise
    found = json.loads(facts.read_text())
    kept = "parameters", "accuracy_before", "accuracy_after", "agreement", "distance", "losses"
    return {name: found[name] for name in kept}


def read(path):
    """The rows of a file, none where there is no file."""
    return json.loads(path.read_text())["rows"] if path.exists() else []


def write(path, rows) -> None:
    """Rows as JSON, and the table of them."""
    order = list(ROWS)
    known = sorted(rows.values(), key=lambda row: (-row["k"], order.index(row["method"])))
    facts = {"schema": 1, "sequences": SEQUENCES, "rows": known}
    write_atomically(path, (json.dumps(facts, indent=1) + "\n").encode())
    write_atomically(path.with_suffix(".md"), page(known).encode())


def page(rows) -> str:
    """The table as Markdown."""
    first = rows[0]
    lines = [
        "# A two-layer bidirectional GRU tagger, pruned in one command",
        "",
        "Where words end in the Penn Treebank without its spaces (unknown words left out), windows",
        f"of {SETTINGS['T']} characters; {SETTINGS['m']} nodes a direction and layer, "
        f"{100 * first['accuracy_before']:.2f} % of the tags of",
        f"{SEQUENCES} test windows right. Pruned on {SEQUENCES} training windows without tags by",
        "`rnnbounds prune models/ptb-tagger-0.safetensors --data FILE -k K --every-step`; k nodes",
        "a direction and layer. Made by `python benchmarks/studies/tagger.py prune`.",
        "",
        "| k | method | parameters | accuracy | same tag as the whole |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['k']} | {row['method']} | {row['parameters'][0]:,} to"
            f" {row['parameters'][1]:,} | {100 * row['accuracy_after']:.2f} |"
            f" {100 * row['agreement']:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
