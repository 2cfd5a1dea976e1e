"""The bound along both runs against the exact error in balls, on random gated networks.

    python benchmarks/studies/gated_networks.py --first 0 --count 25000 --out PART.json
    python benchmarks/studies/gated_networks.py --merge PART.json ...

A network is a seed: a GRU or an LSTM of up to 4 nodes, up to 4 steps of one sequence, weights of
scales from e^-3 to e^3 with dead and repeated nodes among them; its small network is pruned from
it, with or without reconstruction, or has weights of its own. Error, secant slopes and bound are
evaluated in balls from the weights as they are stored (`gates.gru_runs`, `gates.lstm_runs`), and
the bound that `rnnbounds` prints, in float64, is held against the same error. Blocks that are in
PART.json are not done again; the merged table is results/gated-networks.md.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections import Counter
from pathlib import Path

import numpy as np

from bounds.approximation.along_runs import along_runs_bound
from pruning.cells.gru import GRU
from pruning.cells.lstm import LSTM
from pruning.stack import Stack
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import PrunedStack, prune_stack
from validation.arithmetic.arithmetics import balls
from validation.arithmetic.ball import secant_slope
from validation.arithmetic.comparison import Relation
from validation.arithmetic.errors import Undecided
from validation.catalogue.gates_runs import gru_lags, lstm_lags, sides
from validation.output.writing import write_atomically

RESULTS = Path(__file__).parents[2] / "results"
BLOCK = 250
PRECISIONS = (400, 1600)  # sums of products of stored floats are exact, so equal drives cancel
ROUNDING = 1e-12  # of the size of the outputs: by so much a float64 bound may fall short
D_X = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--merge", nargs="+", type=Path)
    options = parser.parse_args()
    if options.merge:
        parts = [json.loads(path.read_text()) for path in options.merge]
        made = [part["versions"] for part in parts]
        versions = [one for place, one in enumerate(made) if one not in made[:place]]
        blocks = {block["first"]: block for part in parts for block in part["blocks"]}
        facts = {"schema": 1, "versions": versions, "blocks": [blocks[f] for f in sorted(blocks)]}
        save(RESULTS / "gated-networks.json", facts)
        write_atomically(RESULTS / "gated-networks.md", page(facts).encode())
        return
    facts = {
        "schema": 1,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "blocks": [],
    }
    if options.out.exists():
        facts = json.loads(options.out.read_text())
    done = {block["first"] for block in facts["blocks"]}
    for first in range(options.first, options.first + options.count, BLOCK):
        if first not in done:
            count = min(BLOCK, options.first + options.count - first)
            facts["blocks"].append(block(range(first, first + count)))
            save(options.out, facts)


def save(path, facts) -> None:
    """JSON with a line a block."""
    rows = ",\n  ".join(json.dumps(one) for one in facts["blocks"])
    text = json.dumps({**facts, "blocks": []}, indent=1)
    text = text.replace('"blocks": []', f'"blocks": [\n  {rows}\n ]') + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())


def block(seeds) -> dict[str, object]:
    """What came out on these networks."""
    began, found = time.process_time(), Counter()
    witnesses, ratios, apart, short = [], [], 0.0, 0.0
    for seed in seeds:
        one = judged(seed)
        found.update([f"{one['kind']}: {one['exact']}", f"{one['kind']}: float {one['float64']}"])
        if "violated" in (one["exact"], one["float64"]):
            witnesses.append(one)
        if one["ratio"] is not None:
            ratios.append(one["ratio"])
        apart, short = max(apart, one["apart"]), max(short, one["short"])
    return {
        "first": seeds[0],
        "networks": len(seeds),
        "found": dict(sorted(found.items())),
        "violations": witnesses,
        "median_ratio": float(np.median(ratios)) if ratios else None,
        "largest_ratio": max(ratios, default=None),
        "float64_apart": apart,
        "float64_short": short,
        "seconds": round(time.process_time() - began, 1),
    }


def judged(seed) -> dict[str, object]:
    """One network: the exact error against the exact bound, and against the float64 one."""
    pruned, x = drawn(seed)
    kind = pruned.original.layers[0][0].kind
    printed = along_runs_bound(pruned, x, np.eye(x.shape[1])[-1]).total
    row = {"seed": seed, "kind": kind, "ratio": None, "apart": 0.0, "short": 0.0}
    for precision in PRECISIONS:
        arithmetic = balls(precision)
        with arithmetic.active():
            try:
                left, right = exact(arithmetic, kind, pruned, x)
            except Undecided:
                continue
            relation = arithmetic.compare(left, right, "scalar")
            (low, high), (bound_low, bound_high) = map(arithmetic.enclosure, (left, right))
        row["exact"] = verdict(relation)
        size = outputs(pruned)
        if printed >= high:
            row["float64"] = "at least the error"
        elif printed >= low:
            row["float64"] = "equal to 100 bits" if high - low <= 2**-100 * size else "not decided"
        else:
            row["short"] = (low - printed) / size
            row["float64"] = "less by rounding" if row["short"] <= ROUNDING else "violated"
        if low > 0 and math.isfinite(bound_high):
            row["ratio"] = bound_high / low
            row["apart"] = max(printed - bound_low, bound_high - printed) / size
        return row
    return {**row, "exact": "not decided", "float64": "not decided"}


def outputs(pruned) -> float:
    """What the outputs can be: the sum of all weights that read states within [-1, 1], and b_o."""
    nets = pruned.original, pruned.pruned
    return float(sum(np.abs(net.w_output).sum() + np.abs(net.b_output).sum() for net in nets))


def verdict(comparison) -> str:
    """A comparison in words."""
    if comparison.relation in (Relation.BELOW, Relation.EQUAL):
        return "holds"
    if comparison.relation is Relation.ABOVE:
        return "violated"
    bits = comparison.agreement_bits
    if comparison.relation is Relation.OVERLAP and bits is not None and bits >= 100:
        return "equal to 100 bits"
    return "not decided"


def exact(arithmetic, kind, pruned, x):
    """Both sides in balls, from the weights as they are stored."""
    xp = arithmetic.xp
    large, small = (net.layers[0][0] for net in (pruned.original, pruned.pruned))
    m, k, gates = large.m, small.m, len(large.w_hidden) // large.m
    lift = arithmetic.lift
    J = lift(pruned.nodes[0][0])
    W, V = (lift(c.w_hidden.reshape(gates, c.m, c.m)) for c in (large, small))
    drives = [[driven(arithmetic, kind, cell, now) for now in x[0]] for cell in (large, small)]
    zero, kept = lift(np.zeros(m)), lift(np.zeros(k))
    if kind == "gru":
        lags, h, last = gru_lags(xp, W, V, *drives, zero, kept, J, enclosed)
    else:
        lags, h, last = lstm_lags(xp, W, V, *drives, zero, zero, kept, kept, J, enclosed)
    Z, Y = lift(pruned.original.w_output), lift(pruned.pruned.w_output)
    b = lift(pruned.pruned.b_output) - lift(pruned.original.b_output)
    return sides(xp, lags, h, last, J, Z, Y, b)


def enclosed(xp, change, after, before, slope):
    """`validation.catalogue.gates_runs.secant` that also answers where a ball touches 0."""
    parts = [np.asarray(part.entries(), object) for part in (change, after, before)]
    one = np.frompyfunc(lambda *numbers: secant_slope(*numbers, slope), 3, 1)
    return xp.array.of_entries(one(*parts))


def driven(arithmetic, kind, cell, now):
    """What an input and the biases bring to each gate; for a GRU r, z, n and b_hn."""
    lift, m = arithmetic.lift, cell.m
    brought = lift(cell.w_input) @ lift(now) + lift(cell.b_input)
    b_hidden = lift(cell.b_hidden)
    if kind == "lstm":
        both = brought + b_hidden
        return [both[g * m : (g + 1) * m] for g in range(4)]
    parts = [brought[g * m : (g + 1) * m] for g in range(3)]
    more = [b_hidden[g * m : (g + 1) * m] for g in range(3)]
    return [parts[0] + more[0], parts[1] + more[1], parts[2], more[2]]


def drawn(seed) -> tuple[PrunedStack, np.ndarray]:
    """A network, what is left of it, and one sequence."""
    rng = np.random.default_rng([16, seed])
    kind = ("gru", "lstm")[seed % 2]
    m, T, q = (int(rng.integers(1, most + 1)) for most in (4, 4, 2))
    k = int(rng.integers(1, m + 1))
    scale = float(np.exp(rng.uniform(-3, 3)))
    large = cell(rng, kind, m, scale)
    if rng.random() < 0.3:
        large = degenerate(rng, large)
    x = float(np.exp(rng.uniform(-2, 2))) * rng.normal(size=(1, T, D_X))
    stack = Stack(((large,),), rng.normal(size=(q, m)), rng.normal(size=q))
    reconstruct = bool(rng.random() < 0.7)
    seen = stack_moments(stack, rng.normal(size=(8, T, D_X)))
    pruned = prune_stack(stack, seen, k, method="random", reconstruct=reconstruct, rng=rng)
    if rng.random() < 0.5:
        near = bool(rng.random() < 0.5)
        other = moved(rng, pruned.pruned, 0.1 if near else scale)
        pruned = PrunedStack(
            stack, other, pruned.nodes, pruned.chains, pruned.readers, pruned.losses, seen, "any"
        )
    return pruned, x


def cell(rng, kind, m, scale):
    """A random cell."""
    gates, of = (3, GRU) if kind == "gru" else (4, LSTM)
    shapes = ((gates * m, D_X), (gates * m, m), (gates * m,), (gates * m,))
    return of(*(scale * rng.normal(size=shape) for shape in shapes))


def degenerate(rng, cell):
    """The same with a dead node, a repeated one, or gates far out."""
    gates, m = len(cell.w_hidden) // cell.m, cell.m
    weights = [np.array(w) for w in (cell.w_input, cell.w_hidden, cell.b_input, cell.b_hidden)]
    i, j = (int(rng.integers(m)) for _ in range(2))
    what = int(rng.integers(3))
    for w in weights:
        by_gate = w.reshape(gates, m, -1)
        if what == 0:
            by_gate[:, i] = 0
        elif what == 1:
            by_gate[:, i] = by_gate[:, j]
    if what == 2:
        weights[2].reshape(gates, m)[int(rng.integers(gates))] += 30 * float(rng.choice([-1, 1]))
    return type(cell)(*weights)


def moved(rng, stack, size):
    """The stack with other weights."""
    cell = stack.layers[0][0]
    names = ("w_input", "w_hidden", "b_input", "b_hidden")
    weights = [getattr(cell, name) for name in names]
    other = type(cell)(*(w + size * rng.normal(size=w.shape) for w in weights))
    read = stack.w_output + size * rng.normal(size=stack.w_output.shape)
    return Stack(((other,),), read, stack.b_output + size * rng.normal(size=len(stack.b_output)))


def page(facts) -> str:
    """The table as Markdown."""
    blocks, found = facts["blocks"], Counter()
    for one in blocks:
        found.update(one["found"])
    networks = sum(one["networks"] for one in blocks)
    violations = [witness for one in blocks for witness in one["violations"]]
    ratios = [one["median_ratio"] for one in blocks if one["median_ratio"] is not None]
    lines = [
        "# The bound along both runs, on random gated networks",
        "",
        "`python benchmarks/studies/gated_networks.py` wrote this. A network is a seed: a GRU or",
        "an LSTM of up to 4 nodes, 4 steps of one sequence, scales from e^-3 to e^3, dead and",
        "repeated nodes and gates far out among them; the small network is pruned from it, near",
        "that, or has any weights. Error, slopes of secants and bound are evaluated in balls of",
        "400 bits (1,600 where that does not decide) from the weights as stored; what",
        "`along_runs_bound` gives in float64 is held against the same error. (It may differ from",
        "the bound in balls where a slope is a quotient of roundings: any slope bounds the error.)",
        "",
        f"- networks: {networks:,}",
        f"- **violations: {len(violations)}**",
        f"- bound over error, median of the blocks' medians: {np.median(ratios):.3f}",
        f"- float64 bound against the one in balls, at most, in units of the size of the outputs:"
        f" {max(one['float64_apart'] for one in blocks):.1e}",
        f"- float64 bound below the exact error by rounding, at most, in the same units:"
        f" {max(one['float64_short'] for one in blocks):.1e}",
        f"- processor time: {sum(one['seconds'] for one in blocks):,.0f} s; "
        + ", ".join(f"Python {v['python']}, NumPy {v['numpy']}" for v in facts["versions"]),
        "",
        "| cell: outcome | networks |",
        "|---|---|",
        *(f"| {name} | {number:,} |" for name, number in sorted(found.items())),
    ]
    lines += [f"\nseed {one['seed']}: {one}" for one in violations]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
