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
FOLDERS = ("bounds", "pruning")
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
    drawn = sample(arguments.count, arguments.seed)
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
        known_seconds = sum(tests.seconds[node] for node in chosen)
        outcome = _test(mutant, chosen, 60 + 3 * known_seconds) if chosen else ("no test", 0.0)
        line = {**mutant, "outcome": outcome[0], "seconds": outcome[1], "tests": len(chosen)}
        line |= {"left_out": len(nodes) - len(chosen)}
        with arguments.outcomes.open("a") as file:
            file.write(json.dumps(line) + "\n")


def again(arguments: argparse.Namespace) -> None:
    """Run the survivors against the tests named; the last line of a mutant counts."""
    _warm_up()
    for mutant in _outcomes(arguments.outcomes):
        if mutant["outcome"] in ("survived", "no test") and arguments.only in mutant["module"]:
            if mutant["before"] not in (ROOT / mutant["module"]).read_text():
                print(f"gone: {mutant['module']}: {mutant['before']}")
                continue
            outcome, seconds = _test(mutant, arguments.tests, arguments.timeout)
            print(outcome, mutant["module"], mutant["before"], "->", mutant["after"], flush=True)
            if outcome == "killed":
                line = {**mutant, "outcome": outcome, "seconds": seconds, "again": True}
                with arguments.outcomes.open("a") as file:
                    file.write(json.dumps(line) + "\n")


def _key(mutant: dict) -> tuple:
    return mutant["module"], mutant["operator"], mutant["occurrence"]


def _outcomes(path: Path) -> list[dict]:
    return list({_key(m): m for m in map(json.loads, path.read_text().splitlines())}.values())


def _warm_up() -> None:
    import hypothesis  # noqa: F401
    import mpmath  # noqa: F401
    import pytest  # noqa: F401
    import scipy.linalg
    import scipy.optimize
    import scipy.special  # noqa: F401

    sys.dont_write_bytecode = True


def _test(mutant: dict, nodes: list[str], timeout: float) -> tuple[str, float]:
    import cosmic_ray.plugins as plugins
    from cosmic_ray.mutating import mutate_code

    path = ROOT / mutant["module"]
    source = path.read_text()
    operator = plugins.get_operator("core/" + mutant["operator"])()
    mutated = mutate_code(source, operator, mutant["occurrence"])
    if mutated is None or mutant["after"] not in mutated:
        # The file has changed since: find the occurrence that makes the same line.
        for occurrence in range(5000):
            mutated = mutate_code(source, operator, occurrence)
            if mutated is None or mutant["after"] in {v.strip() for v in mutated.splitlines()}:
                break
    if mutated is None:
        return "gone", 0.0
    start = time.monotonic()
    try:
        path.write_text(mutated)
        child = os.fork()
        if child == 0:
            _child(nodes)
        status = _wait(child, start + timeout)
    finally:
        path.write_text(source)
    seconds = round(time.monotonic() - start, 1)
    if status is None:
        return "killed (time)", seconds
    code = os.waitstatus_to_exitcode(status)
    # 1: a test failed; 2: the module cannot be imported. 4 and 5 are mistakes of this script.
    if code in (4, 5):
        return "no test", seconds
    return ("survived" if code == 0 else "killed"), seconds


def _child(nodes: list[str]) -> None:
    import pytest

    code = 70
    try:
        os.setsid()
        os.chdir(ROOT)
        sys.path.insert(0, str(ROOT))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = int(pytest.main(["-x", "-q", "--tb=no", "-p", "no:cacheprovider", *nodes]))
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
    one.add_argument("--budget", type=float, default=150.0, help="seconds of tests a mutant")
    one.add_argument("--measured-at", help="the commit that coverage was measured at")
    one.set_defaults(do=run)
    two = commands.add_parser("again")
    two.add_argument("outcomes", type=Path)
    two.add_argument("tests", nargs="+")
    two.add_argument("--only", default="", help="part of the module's path")
    two.add_argument("--timeout", type=float, default=600)
    two.set_defaults(do=again)
    arguments = parser.parse_args()
    arguments.do(arguments)


if __name__ == "__main__":
    main()
