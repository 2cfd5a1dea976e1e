"""Experiments as declared grids: method x k x theta x tau x seed, and the key of every row."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pruning.checks import integer
from validation.experiments.methods import WHOLE, file_of, method_named
from validation.output.schema import Facts, Record
from validation.training.recipes import RECIPES

ROW_VERSION, BOUND_VERSION = 1, 4
"""Raised whenever the same settings would give another result: scores, and bounds."""

SCRATCH = "small network from scratch"
READ_OUT = "read-out"


@dataclass(frozen=True)
class Grid:
    """An experiment.

    Attributes
    ----------
    name, title : str
    networks : tuple of str
        Files. With several a seed is a network; with one it is a draw of the sequences that form S.
    data : mapping
        ``loader`` and its arguments, see `validation.experiments.row_data`.
    methods : tuple of str
        Keys of `pruning.baselines.METHODS`, or ``FILE.py:FUNCTION``.
    nodes : tuple of int
        Every k.
    focus : int
        The k of the sensitivities, of fine-tuning and of the bounds over T; one of `nodes`.
    theta, tau : tuple of float
        The first is used everywhere, all of them at `focus` for the methods that have both. tau is
        a multiple of Tr S/m.
    seeds : int
    sample : int or None
        With one network: how many training sequences are drawn, with replacement, to form S.
        None: as many as there are.
    bound_sequences : int
        The bounds and the measured error are of the first so many training sequences, the measured
        risk of at most as many test sequences; 0 for none.
    lengths : tuple of int
        Steps T at which the bounds are evaluated besides the full length.
    fine_tuning : mapping
        Arguments of `pruning.train` for fine-tuning; and ``sequences``, how many training sequences
        it sees, drawn by the seed, where they are not to be all.
    fine_tuning_seeds : int or None
        Fine-tuning only for the first so many seeds; None for all.
    training, start : mapping
        Those of the small network from scratch; without `training` it is left out.
    small : str
        File of a small network, of `focus` nodes, that was trained from scratch, instead.
    """

    name: str
    title: str
    networks: tuple[str, ...]
    data: Facts
    methods: tuple[str, ...]
    nodes: tuple[int, ...]
    focus: int
    theta: tuple[float, ...] = (0.5, 0.0, 0.25, 0.75, 1.0)
    tau: tuple[float, ...] = (1e-8, 1e-4, 1e-2, 1e-1)
    seeds: int = 5
    sample: int | None = None
    bound_sequences: int = 0
    lengths: tuple[int, ...] = ()
    fine_tuning: Facts = field(default_factory=dict)
    fine_tuning_seeds: int | None = None
    training: Facts = field(default_factory=dict)
    start: Facts = field(default_factory=dict)
    small: str = ""

    @property
    def score(self) -> str:
        """``accuracy`` or ``perplexity``."""
        return "perplexity" if self.data["loader"] == "windows" else "accuracy"

    @property
    def seed_is_a_network(self) -> bool:
        """Whether every seed has a network of its own."""
        return len(self.networks) > 1

    def with_seeds(self, seeds: int | None) -> Grid:
        """Return the grid with another number of seeds, or itself for None."""
        if seeds is None:
            return self
        if self.seed_is_a_network:
            seeds = integer("seeds", seeds, 1, len(self.networks))
        return replace(self, seeds=integer("seeds", seeds, 1, 1000))

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """The sha256 of each network's file."""
        if self.seed_is_a_network and self.seeds > len(self.networks):
            raise ValueError(
                f"seeds must be at most {len(self.networks)}, the number of networks of "
                f"{self.name}, got {self.seeds}"
            )
        used = self.networks[: self.seeds] if self.seed_is_a_network else self.networks
        return tuple(digest(Path(path)) for path in used)

    def network(self, seed: int) -> tuple[str, str]:
        """Return the file of a seed's network and its sha256."""
        place = seed if self.seed_is_a_network else 0
        return self.networks[place], self.digests[place]

    def rows(self, fine_tune: bool = False) -> list[Record]:
        """Return the settings of every row, each once; `fine_tune` adds those after training."""
        rows = [*self._pruned(), *self._read_outs(), *self._bounds()]
        if fine_tune:
            rows += self._trained()
        return list({row_key(row): row for row in rows}.values())

    def _pruned(self) -> Iterator[Record]:
        for seed in range(self.seeds):
            yield self._row(seed, WHOLE, None)
            for method in self.methods:
                if "training" in method_named(method).takes:
                    continue
                for k in self.nodes:
                    yield self._row(seed, method, k)
                if {"theta", "tau"} <= set(method_named(method).takes):
                    for theta in self.theta:
                        for tau in self.tau:
                            yield self._row(seed, method, self.focus, theta, tau)
        if self.small:
            # One training, which no draw of sequences has touched.
            row = self._row(0, SCRATCH, self.focus) | {"small": digest(Path(self.small))}
            yield row | {"sample": None}

    def _trained(self) -> Iterator[Record]:
        if not self.fine_tuning:
            raise ValueError(f"{self.name} declares no fine_tuning")
        for seed in range(self.seeds)[: self.fine_tuning_seeds]:
            for method in self.methods:
                takes = method_named(method).takes
                if "training" not in takes:
                    row = self._row(seed, method, self.focus)
                    yield row | {"fine_tuning": dict(self.fine_tuning)}
                elif self.training:
                    row = self._row(seed, method, self.focus)
                    yield row | {"training": dict(self.training), "start": dict(self.start)}

    def _read_outs(self) -> Iterator[Record]:
        """Spectral pruning of the read-out alone: the states are those of the whole network."""
        if "spectral" not in self.methods:
            return
        for seed in range(self.seeds):
            for k in self.nodes:
                yield self._row(seed, "spectral", k) | {"what": READ_OUT}

    def _bounds(self) -> Iterator[Record]:
        if not self.bound_sequences:
            return
        # The first sequences of one network are the same for every seed; windows are drawn by it.
        differ = self.seed_is_a_network or self.data["loader"] == "windows"
        for seed in range(self.seeds if differ else 1):
            cells = [(k, None) for k in self.nodes] + [(self.focus, T) for T in self.lengths]
            for k, T in cells:
                yield {
                    "what": "bound",
                    "T": T,
                    "sequences": self.bound_sequences,
                    **self._common(seed, "spectral", k, self.theta[0], self.tau[0]),
                    "version": BOUND_VERSION,
                }

    def _row(
        self,
        seed: int,
        method: str,
        k: int | None,
        theta: float | None = None,
        tau: float | None = None,
    ) -> Record:
        takes = method_named(method).takes
        theta = (self.theta[0] if theta is None else theta) if "theta" in takes else None
        tau = (self.tau[0] if tau is None else tau) if "tau" in takes else None
        return {"what": "score", **self._common(seed, method, k, theta, tau)}

    def _common(
        self, seed: int, method: str, k: int | None, theta: float | None, tau: float | None
    ) -> Record:
        facts = {
            "version": ROW_VERSION,
            "network": self.network(seed)[1],
            "data": self._data_facts,
            "sample": None if self.seed_is_a_network else {"sequences": self.sample},
            "method": method,
            "k": k,
            "theta": theta,
            "tau": tau,
            "seed": seed,
        }
        if (changed := method_named(method).version) > 1:
            facts["method_version"] = changed
        if self.score == "perplexity" and "inputs" in method_named(method).takes:
            # Since the outputs of a language model are logits for these methods.
            facts["outputs"] = "logits"
        own = file_of(method)
        if own is not None:
            facts["method_sha256"] = digest(Path(own))
        return facts

    @cached_property
    def _data_facts(self) -> Record:
        facts = dict(self.data)
        if facts["loader"] == "file":
            path = Path(facts.pop("path"))
            facts["sha256"] = digest(path)
        return facts


def row_key(row: Facts) -> str:
    """Return what a row is stored under: a hash of its settings."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:24]


def is_trained(row: Facts) -> bool:
    """Whether the score of a row is that of a network that was trained at its small size."""
    return any(word in row for word in ("fine_tuning", "training", "small"))


def digest(path: Path) -> str:
    """Return the sha256 of a file; the error says how a network of the recipes is made."""
    if not path.is_file():
        hint = ""
        recipe, _, seed = path.stem.rpartition("-")
        if recipe in RECIPES and seed.isdigit():
            hint = f": run `rnnbounds train {recipe} --seed {seed}` first"
        raise ValueError(f"there is no file {path}{hint}")
    return hashlib.sha256(path.read_bytes()).hexdigest()
