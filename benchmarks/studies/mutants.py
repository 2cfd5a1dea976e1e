"""Mutants of pruning/ and bounds/, a sample, against the tests that cover the mutated line.

The mutations are Cosmic Ray's (`pip install cosmic-ray coverage`). In a copy of the tree, which is
mutated in place:

    coverage run --rcfile=RC --data-file=COVERAGE -m pytest -vv --durations=0 tests/bounds \
        tests/pruning > LOG   # RC: source = pruning,bounds and dynamic_context = test_function
    python benchmarks/studies/mutants.py run COVERAGE LOG OUTCOMES.jsonl [--count 420] [--seed 0]
    python benchmarks/studies/mutants.py again OUTCOMES.jsonl TESTS ...   # survivors, these tests
    python benchmarks/studies/mutants.py table OUTCOMES.jsonl > table.md

A *place* is a node of the syntax tree that some operator can change; places are drawn uniformly,
and at each one mutation of those that apply. Left out, as no test could or need tell them: type
annotations (never evaluated), bitwise operators put for arithmetic and `is` for comparisons (a
TypeError, or what the interpreter does with small numbers), texts, stubs, and `__init__` files.

A mutant is killed by a test that fails or runs over its time. One process is forked for each from
a parent that has imported NumPy, SciPy and pytest, but nothing of the project.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
REASONS = Path(__file__).with_name("mutants_alive.json")
FOLDERS = ("bounds", "pruning")
FIRST = 12
FOREIGN = re.compile(r"Bit|Shift|_Is$|_IsNot$|Decorator|VariableInserter|VariableReplacer")


def sample(count: int, seed: int) -> list[dict]:
    """Draw mutants: module, line, operator, occurrence, and the line before and after."""
    import cosmic_ray.plugins as plugins
    from cosmic_ray.ast import get_ast
    from cosmic_ray.mutating import mutate_code

    operators = {
        name: plugins.get_operator(name)()
        for name in plugins.operator_names()
        if not FOREIGN.search(name)
    }
    places = defaultdict(list)
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        if path.name == "__init__.py":
            continue
        tree = get_ast(path.read_text())
        for name, operator in operators.items():
            occurrence = 0
            for node, annotation in _nodes(tree, False):
                for start, _ in operator.mutation_positions(node):
                    if not annotation:
                        module = path.relative_to(ROOT).as_posix()
                        places[module, start].append((name, occurrence))
                    occurrence += 1
    keys = sorted(places)
    print(f"{len(keys)} places, {sum(map(len, places.values()))} mutants", file=sys.stderr)
    rng = np.random.default_rng(seed)
    drawn = []
    for i in rng.permutation(len(keys)):
        (module, (line, _)), choices = keys[i], places[keys[i]]
        name, occurrence = choices[int(rng.integers(len(choices)))]
        source = (ROOT / module).read_text()
        mutant = mutate_code(source, operators[name], occurrence)
        before, after = source.splitlines(), (mutant or source).splitlines()
        changed = [n for n, pair in enumerate(zip(before, after)) if pair[0] != pair[1]]
        if changed:
            drawn.append(
                {
                    "module": module,
                    "line": line,
                    "operator": name.removeprefix("core/"),
                    "occurrence": occurrence,
                    "before": before[changed[0]].strip(),
                    "after": after[changed[0]].strip(),
                }
            )
        if len(drawn) == count:
            break
    return drawn


def _nodes(node, annotation):
    """Yield nodes in the order of Cosmic Ray's walk, and whether each is inside an annotation."""
    yield node, annotation
    children = getattr(node, "children", ())
    for place, child in enumerate(children):
        previous = getattr(children[place - 1], "value", "") if place else ""
        inner = annotation or (node.type in ("tfpdef", "annassign") and previous == ":")
        inner = inner or (node.type == "funcdef" and previous == "->")
        yield from _nodes(child, inner)


class Tests:
    """Which tests execute a line, and how long each takes."""

    def __init__(self, coverage_file: Path, log: Path, measured_at: str | None) -> None:
        from coverage import CoverageData

        self.data = CoverageData(str(coverage_file))
        self.data.read()
        self.measured_at = measured_at
        self.seconds: Counter[str] = Counter()
        for match in re.finditer(
            r"^([\d.]+)s (?:call|setup) +(\S+?)(?:\[|$|\s)", log.read_text(), re.M
        ):
            self.seconds[match[2]] += float(match[1])
        seen = {self._node(name) for name in self.data.measured_contexts()}
        # Coverage sees those of Hypothesis under one name.
        self.drawn = [node for node in self.seconds if node not in seen]

    def of(self, module: str, line: int) -> list[str]:
        """Node ids, those of the module's own file first, then the quick ones."""
        measured = (name for name in self.data.measured_files() if name.endswith("/" + module))
        path = next(measured, None)
        lines = {} if path is None else self.data.contexts_by_lineno(path)
        named = [name for name in lines.get(self._then(module, line), ()) if name]
        everywhere = {name for names in lines.values() for name in names if name}
        # What runs at import, and what is new since, is known to any test of the module.
        found = {self._node(name) for name in named or everywhere} - {None}
        if not named or any(name.startswith("hypothesis.") for name in named):
            files = {node.split("::")[0] for node in map(self._node, everywhere) if node}
            found |= {node for node in self.drawn if node.split("::")[0] in files}
        stem = Path(module).stem.strip("_")
        return sorted(found, key=lambda n: (stem not in n.split("::")[0], self.seconds[n], n))

    def _then(self, module: str, line: int) -> int:
        """The line's number when coverage was measured."""
        if self.measured_at is None:
            return line
        command = ["git", "show", f"{self.measured_at}:{module}"]
        before = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        now = (ROOT / module).read_text().splitlines()
        matcher = difflib.SequenceMatcher(None, before.stdout.splitlines(), now, autojunk=False)
        for block in reversed(matcher.get_matching_blocks()):
            if block.size and block.b <= line - 1:
                return block.a + min(line - 1 - block.b, block.size - 1) + 1
        return line

    def _node(self, context: str) -> str | None:
        module, _, test = context.rpartition(".")
        path = "tests/" + module.removeprefix("tests.").replace(".", "/") + ".py"
        node = f"{path}::{test}"
        return node if node in self.seconds else None


def run(arguments: argparse.Namespace) -> None:
    tests = Tests(arguments.coverage, arguments.log, arguments.measured_at)
    kept = arguments.outcomes.with_suffix(".sample")
    if not kept.exists():
        kept.write_text(json.dumps(sample(arguments.count, arguments.seed)))
    drawn = json.loads(kept.read_text())
    lines = arguments.outcomes.read_text().splitlines() if arguments.outcomes.exists() else []
    known = {_key(json.loads(line)) for line in lines}
    _warm_up()
    for mutant in drawn:
        if _key(mutant) in known:
            continue
        nodes = tests.of(mutant["module"], mutant["line"])
        budget, chosen = arguments.budget, []
        for node in nodes:
            budget -= tests.seconds[node]
            if budget < 0 and chosen:
                break
            chosen.append(node)
        outcome, seconds, killer = "no test", 0.0, ""
        # Most die of the first tests; the others are not collected for them.
        for part in (chosen[:FIRST], chosen[FIRST:]):
            if part and outcome in ("no test", "survived"):
                limit = 20 + 2 * sum(tests.seconds[node] for node in part)
                outcome, took, killer = _test(mutant, part, limit)
                seconds += took
        line = {**mutant, "outcome": outcome, "seconds": round(seconds, 1), "killer": killer}
        line |= {"tests": len(chosen), "left_out": len(nodes) - len(chosen)}
        with arguments.outcomes.open("a") as file:
            file.write(json.dumps(line) + "\n")


def again(arguments: argparse.Namespace) -> None:
    """Run the survivors against the tests named; the last line of a mutant counts."""
    _warm_up()
    if not _passes(arguments.tests, 3600):
        raise RuntimeError("one of these tests fails without a mutation")
    for mutant in _outcomes(arguments.outcomes):
        if mutant["outcome"] in ("survived", "no test") and arguments.only in mutant["module"]:
            if mutant["before"] not in (ROOT / mutant["module"]).read_text():
                print(f"gone: {mutant['module']}: {mutant['before']}")
                continue
            outcome, seconds, killer = _test(mutant, arguments.tests, arguments.timeout)
            print(outcome, mutant["module"], mutant["before"], "->", mutant["after"], flush=True)
            if outcome.startswith("killed"):
                line = {**mutant, "outcome": outcome, "seconds": seconds, "killer": killer}
                with arguments.outcomes.open("a") as file:
                    file.write(json.dumps(line) + "\n")


def check(arguments: argparse.Namespace) -> None:
    """Run every test that has killed a mutant on the tree as it is: all must pass."""
    _warm_up()
    killers = sorted(
        {m["killer"].split("\n")[0].split("[")[0] for m in _outcomes(arguments.outcomes)}
        - {"", "import"}
    )
    passed = _passes(killers, 3600)
    print(f"{len(killers)} tests {'pass' if passed else 'DO NOT ALL PASS'} without a mutation")


HEAD = """\
# Mutants of pruning/ and bounds/

`benchmarks/studies/mutants.py` wrote this, with Cosmic Ray: a sample of single changes of the code,
drawn uniformly over the places that can be changed, against the tests of `tests/bounds` and
`tests/pruning` that execute the changed line. A mutant is killed by a test that fails, or that runs
over twice its time and 20 seconds. The eight survivors that nothing excused got tests (or, one, an
allowance that is proved) and were run once more, on the lines as they are now: the last share is of
a sample that the tests have seen, and says nothing of a fresh one.
"""


def table(arguments: argparse.Namespace) -> None:
    """Print counts, and every survivor with the reason why it is harmless."""
    found = _outcomes(arguments.outcomes)
    reasons = json.loads(REASONS.read_text()) if REASONS.exists() else {}
    killed = [m for m in found if m["outcome"].startswith("killed")]
    alive = [m for m in found if m not in killed]
    harmless = [m for m in alive if _name(m) in reasons]
    print(HEAD)
    print(f"- mutants: {len(found)} (`--seed {arguments.seed}`)")
    print(f"- killed: {len(killed)}, {100 * len(killed) / len(found):.1f} %")
    print(f"- alive and harmless, for the reason below: {len(harmless)}")
    print(f"- alive without a reason: {len(alive) - len(harmless)}")
    rest = len(found) - len(harmless)
    print(f"- **killed of those that are not harmless: {100 * len(killed) / rest:.1f} %**\n")
    print("| folder | mutants | killed |\n|---|---:|---:|")
    for folder in sorted({str(Path(m["module"]).parent) for m in found}):
        here = [m for m in found if str(Path(m["module"]).parent) == folder]
        print(f"| {folder} | {len(here)} | {sum(m in killed for m in here)} |")
    print("\n| alive | before | after | why it is harmless |\n|---|---|---|---|")
    for m in sorted(alive, key=_name):
        before, after = (m[key].replace("|", "\\|") for key in ("before", "after"))
        print(f"| {m['module']} | `{before}` | `{after}` | {reasons.get(_name(m), '**none**')} |")


def _name(mutant: dict) -> str:
    return f"{mutant['module']}: {mutant['before']} -> {mutant['after']}"


def _key(mutant: dict) -> tuple:
    return mutant["module"], mutant["operator"], mutant["occurrence"]


def _outcomes(path: Path) -> list[dict]:
    return list({_key(m): m for m in map(json.loads, path.read_text().splitlines())}.values())


def _warm_up() -> None:
    import flint  # noqa: F401
    import hypothesis  # noqa: F401
    import mpmath  # noqa: F401
    import pytest  # noqa: F401
    import sympy  # noqa: F401

    sys.dont_write_bytecode = True


def _passes(nodes: list[str], timeout: float) -> bool:
    """Whether the tests pass on the tree as it is."""
    child = os.fork()
    if child == 0:
        _child(nodes)
    status = _wait(child, time.monotonic() + timeout)
    return status is not None and os.waitstatus_to_exitcode(status) == 0


def _test(mutant: dict, nodes: list[str], timeout: float) -> tuple[str, float, str]:
    import cosmic_ray.plugins as plugins
    from cosmic_ray.mutating import mutate_code

    path = ROOT / mutant["module"]
    source, stamps = path.read_text(), path.stat()
    operator = plugins.get_operator("core/" + mutant["operator"])()
    mutated = mutate_code(source, operator, mutant["occurrence"])
    if mutated is None or mutant["after"] not in mutated:
        # The file has changed since: find the occurrence that makes the same line.
        for occurrence in range(5000):
            mutated = mutate_code(source, operator, occurrence)
            if mutated is None or mutant["after"] in {v.strip() for v in mutated.splitlines()}:
                break
    if mutated is None:
        return "gone", 0.0, ""
    start = time.monotonic()
    reading, writing = os.pipe()
    try:
        path.write_text(mutated)
        child = os.fork()
        if child == 0:
            _child(nodes, writing)
        os.close(writing)
        status = _wait(child, start + timeout)
        killer = os.read(reading, 10_000).decode() if status is not None else ""
    finally:
        path.write_text(source)
        # Compiled files stay good for what is not mutated.
        os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
        os.close(reading)
    seconds = round(time.monotonic() - start, 1)
    if status is None:
        return "killed (time)", seconds, nodes[0]
    code = os.waitstatus_to_exitcode(status)
    # 1: a test failed; 2 and 4: a module or conftest.py cannot be imported. The same tests have
    # passed without the mutation, so that these are its work.
    if code not in (0, 1, 2, 4):
        raise RuntimeError(f"pytest ended with {code} on {mutant}")
    return ("survived", seconds, "") if code == 0 else ("killed", seconds, killer or "import")


class _Report:
    """A pytest plugin that writes the first test that fails to a pipe."""

    def __init__(self, writing: int | None) -> None:
        self.writing = writing

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed and self.writing is not None:
            os.write(self.writing, f"{report.nodeid}\n{report.longreprtext[-600:]}".encode())
            self.writing = None


def _child(nodes: list[str], writing: int | None = None) -> None:
    import pytest

    code = 70
    try:
        os.setsid()
        os.chdir(ROOT)
        sys.path.insert(0, str(ROOT))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        # The parent has imported modules whose assertions pytest would have rewritten.
        quietly = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        options = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", *quietly]
        code = int(pytest.main([*options, *nodes], plugins=[_Report(writing)]))
    finally:
        os._exit(code)


def _wait(child: int, deadline: float) -> int | None:
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("run")
    for name in ("coverage", "log", "outcomes"):
        one.add_argument(name, type=Path)
    one.add_argument("--count", type=int, default=420)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--budget", type=float, default=40.0, help="seconds of tests a mutant")
    one.add_argument("--measured-at", help="the commit that coverage was measured at")
    one.set_defaults(do=run)
    two = commands.add_parser("again")
    two.add_argument("outcomes", type=Path)
    two.add_argument("tests", nargs="+")
    two.add_argument("--only", default="", help="part of the module's path")
    two.add_argument("--timeout", type=float, default=600)
    two.set_defaults(do=again)
    for name, command in (("check", check), ("table", table)):
        three = commands.add_parser(name)
        three.add_argument("outcomes", type=Path)
        three.add_argument("--seed", type=int, default=0)
        three.set_defaults(do=command)
    # So that a mutant is taken back when this is told to stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    arguments = parser.parse_args()
    arguments.do(arguments)


if __name__ == "__main__":
    main()
