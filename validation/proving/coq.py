"""A scalar statement as a theorem of Coq: proved by coq-interval, checked by Coq's kernel.

The statement is written from the very body of the claim, by the reading of `xp` that records
expressions: what is proved is what is claimed. Tactics are tried from the exact to the relaxed:
proofs by hand, by algebra and from a point where both sides agree (`coq_by_hand`, `coq_algebra`),
`nra`, `interval` with bisections, and last the same with a slack that then stands in the theorem.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from validation.arithmetic.entry_arithmetics import EXPRESSIONS
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.expressions import Expression, coq, coq_number, names, variable
from validation.checking.evaluation import fault, pair
from validation.claims import Claim, ClaimError
from validation.output.writing import write_atomically
from validation.proving import coq_algebra, coq_by_hand, coq_exact, coq_from_point
from validation.proving.pieces import as_it_is
from validation.proving.records import Ending, Proof
from validation.proving.regions import Region

SLACKS = (Fraction(1, 10**6), Fraction(1, 10**3), Fraction(1, 10**2))
SECONDS = 40
ALTOGETHER = 600.0
"""Seconds after which no further tactic is tried for a file."""
MOST_EXACT = 4  # proofs without slack that are tried
INSTALL = (
    "install it with `apt-get install coq libcoq-interval` (Debian) or `opam install coq-interval`"
)
TAKEN = {"R", "PI", "exp", "ln", "sqrt", "sin", "cos", "Rmax", "Rmin", "Rabs"}
POLYNOMIAL = {"number", "variable", "+", "*", "neg", "power"}

HEADER = """From Coq Require Import Reals Lra Psatz.
{imports}From Interval Require Import Tactic.
Open Scope R_scope.

(* claim {id}: {said} *)
(* {about} *)
"""
LEMMAS = {
    "max": """Lemma Rmax_by_abs : forall x y : R, Rmax x y = (x + y + Rabs (x - y)) / 2.
Proof. intros x y; unfold Rmax, Rabs; destruct (Rle_dec x y), (Rcase_abs (x - y)); lra. Qed.
""",
    "min": """Lemma Rmin_by_abs : forall x y : R, Rmin x y = (x + y - Rabs (x - y)) / 2.
Proof. intros x y; unfold Rmin, Rabs; destruct (Rle_dec x y), (Rcase_abs (x - y)); lra. Qed.
""",
}


@dataclass(frozen=True)
class Goal:
    """One inequality with its variables: left <= right on a box.

    Attributes
    ----------
    name : str
    variables : tuple of (name, low, high)
    left, right : Expression
    by_hand : str
        A proof that somebody wrote; empty where there is none.
    """

    name: str
    variables: tuple[tuple[str, Fraction, Fraction], ...]
    left: Expression
    right: Expression
    by_hand: str = ""

    def operations(self) -> set[str]:
        """The operations that occur."""
        return names(self.left) | names(self.right)

    def theorem(self, slack: Fraction) -> str:
        """The statement."""
        head = ""
        if self.variables:
            head = f"forall {' '.join(name for name, *_ in self.variables)} : R,\n"
            head += "".join(
                f"  {coq_number(low)} <= {name} <= {coq_number(high)} ->\n"
                for name, low, high in self.variables
            )
        room = f" + {coq_number(slack)}" if slack else ""
        return f"Theorem {self.name} : {head}  {coq(self.left)} <= {coq(self.right)}{room}."

    def exact(self) -> list[str]:
        """Proofs that leave no slack, worth trying first."""
        gap = self.right - self.left
        found = coq_exact.proofs(coq_algebra.Aim(self.variables, gap))
        tried = itertools.islice(found, MOST_EXACT)
        made = [f"intros. enough (0 <= {coq(gap)}) by lra. {proof}" for proof in tried]
        return [self.by_hand, *made] if self.by_hand else made

    def tactics(self) -> list[str]:
        """Proofs by tactics that search, the cheapest first."""
        operations = self.operations()
        rewriting = "".join(
            f"rewrite ?R{name}_by_abs; " for name in ("max", "min") if name in operations
        )
        start = f"intros; {rewriting}"
        found = []
        if operations <= POLYNOMIAL:
            squares = "".join(
                f"pose proof (pow2_ge_0 {name}); pose proof (pow2_ge_0 ({name} - 1 / 2)); "
                for name, *_ in self.variables
            )
            found += [f"{start}nra.", f"{start}{squares}nra."]
        cases = {"max", "min", "abs"}
        if cases & operations and operations <= POLYNOMIAL | cases:
            found.append(
                "intros; unfold Rmax, Rmin, Rabs in *; "
                "repeat (destruct (Rle_dec _ _) || destruct (Rcase_abs _)); nra."
            )
        options = [f"i_bisect {name}" for name, *_ in self.variables]
        if len(self.variables) == 1:
            options.append(f"i_autodiff {self.variables[0][0]}")
        for depth in (12, 40):
            inside = ", ".join([*options, f"i_depth {depth}"]) if options else "i_prec 60"
            found.append(f"{start}apply Rminus_le; interval with ({inside}).")
        return found

    def document(self, tactic: str, slack: Fraction) -> str:
        """A file of its own, to try a tactic."""
        body = self.proved(tactic, slack)
        return headed("a trial", "", self.operations(), body=body) + body

    def proved(self, tactic: str, slack: Fraction) -> str:
        """The theorem with its proof."""
        lines = re.sub(r"(?<=[.}]) (?=\S)", "\n  ", tactic)
        return f"\n{self.theorem(slack)}\nProof.\n  {lines}\nQed.\n"


def headed(
    id: str, about: str, operations: set[str], said: str = "not accepted yet", body: str = ""
) -> str:
    """The head of a file: what it is about, and the lemmas and tactics that its proofs use."""
    lemmas = [text for name, text in LEMMAS.items() if name in operations and f"R{name}_by" in body]
    if "from_" in body:
        lemmas.append(coq_from_point.LEMMAS)
    if re.search(r"\b(positive|nonnegative|nonzero)\b", body):
        lemmas.append(coq_algebra.TACTICS)
    if re.search(r"\b(ln_up|exp_up|ln_difference|ln_exp_below)\b", body):
        lemmas.append(coq_by_hand.LEMMAS)
    imports = "From Coquelicot Require Import Coquelicot.\n" if "from_" in body else ""
    head = HEADER.format(id=id, about=about.replace("*)", "* )"), said=said, imports=imports)
    return "\n".join([head, *lemmas])


def goals(claim: Claim, region: Region, suffix: str = "") -> list[Goal]:
    """The inequalities of a claim on a region, one an entry.

    Raises
    ------
    ClaimError
        Where the body has no formula.
    """
    axes = region.axes
    symbols = _symbols([axis.name for axis in axes])
    numbers = [EXPRESSIONS.number(variable(symbols[axis.name])) for axis in axes]
    if claim.kind == "loewner" or claim.hypotheses:
        raise ClaimError(
            f"{claim.id}: --coq writes inequalities of numbers without hypotheses; state the "
            "entries as claims of their own"
        )
    try:
        values = region.values(EXPRESSIONS, numbers)
        left, right = pair(claim, claim.body, values, EXPRESSIONS)
    except Unsupported as error:
        raise fault(claim, claim.body, error, EXPRESSIONS) from error
    xp = EXPRESSIONS.xp
    left, right = xp.asarray(left), xp.asarray(right)
    lefts, rights = left.flat(), right.flat()
    count = max(len(lefts), len(rights))
    lefts, rights = (x * count if len(x) < count else x for x in (lefts, rights))
    if claim.kind == "identity":
        lefts, rights = lefts + rights, rights + lefts
    variables = tuple(
        (symbols[axis.name], Fraction(axis.low), Fraction(axis.high)) for axis in axes
    )
    stem = re.sub(r"\W+", "_", claim.id) + suffix
    found = []
    for place, (a, b) in enumerate(zip(lefts, rights)):
        name = stem if len(lefts) == 1 else f"{stem}_{place + 1}"
        used = _variables(a) | _variables(b)
        by_hand = coq_by_hand.BY_HAND.get(claim.id, "")
        found.append(Goal(name, tuple(v for v in variables if v[0] in used), a, b, by_hand))
    return found


def _symbols(names: Sequence[str]) -> dict[str, str]:
    """A variable of Coq's for every coordinate: two never share one, and none hides a function."""
    found: dict[str, str] = {}
    for name in names:
        symbol = re.sub(r"\W+", "_", name).strip("_")
        while symbol in found.values() or symbol in TAKEN:
            symbol += "_"
        found[name] = symbol
    return found


def _variables(expression: Expression) -> set[str]:
    if expression.name == "variable":
        return {str(expression.value)}
    return {name for part in expression.parts for name in _variables(part)}


def compiler() -> str | None:
    """The path of coqc, or None where it is not installed."""
    return os.environ.get("COQC") or shutil.which("coqc")


def version(path: str) -> str:
    """The version of a compiler, as ``Coq 8.16.1``."""
    found = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30)
    match = re.search(r"version\s+(\S+)", found.stdout)
    return f"Coq {match[1]}" if match else "Coq"


def compiles(path: str, text: str, seconds: float = SECONDS) -> tuple[bool, str]:
    """Whether coqc accepts a file, and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "statement.v"
        file.write_text(text)
        try:
            found = subprocess.run(
                [path, "-q", file.name], cwd=folder, capture_output=True, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return False, f"not finished after {seconds:g} s"
        except OSError as error:
            return False, f"{path}: {error.strerror}"
    said = " ".join((found.stderr or found.stdout).split())
    accepted = found.returncode == 0 and "admitted" not in said.lower()
    return accepted, said


def solve(
    path: str,
    goal: Goal,
    slacks: Sequence[Fraction],
    seconds: float = SECONDS,
    end: float = math.inf,
) -> tuple[str, Fraction] | str:
    """A tactic that coqc accepts, with its slack; or what coqc said of the last that it did not."""
    said = ""
    tried = [(tactic, Fraction(0)) for tactic in (goal.exact() if Fraction(0) in slacks else ())]
    tried += [(tactic, slack) for slack in slacks for tactic in goal.tactics()]
    for tactic, slack in tried:
        if time.monotonic() > end:
            return f"no proof was found in {ALTOGETHER:g} s; {said}".removesuffix("; ")
        accepted, said = compiles(path, goal.document(tactic, slack), seconds)
        if accepted:
            return tactic, slack
    return said


@dataclass(frozen=True)
class Written:
    """A file for Coq.

    Attributes
    ----------
    text : str
    slack : Fraction
        The largest in its theorems.
    version : str
        Of the Coq that accepted every theorem; empty where none did.
    failed : str
        What Coq said of the first theorem that it did not accept.
    """

    text: str
    slack: Fraction
    version: str
    failed: str = ""


def write(claim: Claim, where: Sequence[Region], slacks: Sequence[Fraction] = SLACKS) -> Written:
    """The file of a claim on its regions, each theorem with the first tactic that coqc accepts.

    Without coqc, and where none is accepted, the first tactic stands there.
    """
    path = compiler()
    every = [
        goal
        for i, region in enumerate(where)
        for goal in goals(claim, region, f"_{i + 1}" if len(where) > 1 else "")
    ]
    operations = set().union(*(goal.operations() for goal in every))
    body, worst, failed = [], Fraction(0), ""
    end = time.monotonic() + ALTOGETHER
    for goal in every:
        tactic, slack = goal.tactics()[0], Fraction(0)
        if path is not None:
            answer = solve(path, goal, [Fraction(0), *slacks], end=end)
            if isinstance(answer, str):
                failed = failed or f"{goal.name}: {answer}"
            else:
                tactic, slack = answer
        worst = max(worst, slack)
        body.append(goal.proved(tactic, slack))
    checked = version(path) if path and not failed else ""
    said = "not accepted yet"
    if checked:
        said = f"{checked}, " + (f"with the slack {worst}" if worst else "as stated")
    text = "".join(body)
    head = headed(claim.id, f"{claim.id}: {claim.statement}", operations, said, text)
    return Written(head + text, worst, checked, failed)


def states(text: str, claim: Claim, where: Sequence[Region]) -> bool:
    """Whether a file holds the theorems of a claim as its body is now, with one of the slacks."""
    plain = " ".join(text.split())
    try:
        every = [
            goal
            for i, region in enumerate(where)
            for goal in goals(claim, region, f"_{i + 1}" if len(where) > 1 else "")
        ]
    except ClaimError:
        return False
    return all(
        any(" ".join(goal.theorem(slack).split()) in plain for slack in (Fraction(0), *SLACKS))
        for goal in every
    )


def _narrower(where: Sequence[Region]) -> str:
    """The ranges of a file that are less than all that is drawn; empty where none is."""
    found = {
        f"{axis.name} in [{as_it_is(axis.low)}, {as_it_is(axis.high)}]": None
        for region in where
        for axis in region.axes
        if axis.domain is not None
        and (axis.domain.low, axis.domain.high) != (Fraction(axis.low), Fraction(axis.high))
    }
    return f", on {', '.join(found)}" if found else ""


def machine_checked(
    claim: Claim, proof: Proof, out: Path, where: Sequence[Region]
) -> tuple[Proof, str]:
    """Write the Coq file of what a proof is about and have it checked.

    Nothing is written for a claim that is violated. What Coq accepts of one that stayed open is
    said and does not count: its logarithm of -1 and its 1/0 are numbers, so that a theorem there
    does not say that the sides exist.

    Parameters
    ----------
    claim, proof
    out : path
        Of the file, which is kept whatever Coq says.
    where : sequence of Region
        Those of the proof.

    Returns
    -------
    proof : Proof
        With the version of Coq where its kernel accepted every theorem.
    said : str
        One sentence for the user.
    """
    if proof.kind is Ending.VIOLATED:
        return proof, f"{out} is not written: {claim.id} is violated"
    found = write(claim, where)
    try:
        write_atomically(out, found.text.encode())
    except ValueError as error:
        raise ClaimError(f"--coq: {error}") from None
    path = compiler()
    if path is None:
        return proof, f"{out} is written, but coqc was not found: {INSTALL}"
    if found.failed:
        return proof, f"{out} is written, but coqc did not accept it: {found.failed}"
    accepted, said = compiles(path, found.text, 10 * SECONDS)
    if not accepted:
        return proof, f"{out} is written, but coqc did not accept it as a whole: {said}"
    if proof.kind is Ending.OPEN:
        return proof, (
            f"{out} is accepted by {found.version}, but {claim.id} stays open: that its sides "
            "exist on the whole box is not proved"
        )
    machine = found.version + (f", up to {found.slack}" if found.slack else "")
    if proof.method:  # that proof has no box, and the file has
        machine += _narrower(where)
    with_slack = f" with the slack {found.slack} in its theorems" if found.slack else ""
    return replace(proof, machine=machine), f"{out} is accepted by {found.version}{with_slack}"
