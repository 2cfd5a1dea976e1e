"""From settings and data to every number of a report."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import joblib

from pruning.rnn import RNN
from validation.data.dataset import Dataset
from validation.report.description import Described, described
from validation.report.reference import Reference, examine
from validation.report.settings import ACTIVATIONS, Settings
from validation.report.trials import Trial, prune_trial, run_trial

Progress = Callable[[str, int, int], None]
"""Called with what was just finished, how many pieces are done and how many there are."""


@dataclass(frozen=True)
class Study:
    """The finished numbers.

    Attributes
    ----------
    settings : Settings
    data : Dataset
    model : str or None
        File name of a user's own network; None where networks were trained.
    trials : list of Trial
        Every trained network with its pruned versions, by activation, then by seed.
    reference : Reference
        The first trial's network in full.
    versions : dict
        Of Python and of the packages that the numbers depend on.
    described : Described or None
        What the code of a user's own network certifies of it.
    described_pruned : Described or None
        What the code of its pruned version does.
    """

    settings: Settings
    data: Dataset
    model: str | None
    trials: list[Trial]
    reference: Reference
    versions: dict[str, str]
    described: Described | None = None
    described_pruned: Described | None = None

    @property
    def activations(self) -> list[str]:
        """The activations of the trials, the reference's first."""
        return list(dict.fromkeys(trial.activation for trial in self.trials))

    def of(self, activation: str) -> list[Trial]:
        """Return the trials with this activation."""
        return [trial for trial in self.trials if trial.activation == activation]


def run(
    settings: Settings,
    data: Dataset,
    model: RNN | None = None,
    model_name: str | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Study:
    """Train (unless a network is given), prune, measure and evaluate the bounds.

    Parameters
    ----------
    settings : Settings
    data : Dataset
    model : RNN, optional
        A user's own network; `settings.seeds` then counts the draws of random nodes.
    model_name : str, optional
        What the report calls it.
    progress : callable, optional
    workers : int, optional
        Processes; by default one for each core. The numbers do not depend on it.

    Raises
    ------
    ValueError
        If the network does not fit the data, or a size in `settings.nodes` exceeds its nodes.
    """
    if model is not None:
        check_fit(model, data)
    settings.sizes(settings.m if model is None else model.m)
    seeds = range(settings.seeds)
    if model is None:
        names = ACTIVATIONS[settings.activation]
        tasks = [
            joblib.delayed(run_trial)(settings, data, name, seed)
            for name in names
            for seed in seeds
        ]
    else:
        name = model.activation.name
        tasks = [joblib.delayed(prune_trial)(settings, data, model, name, seed) for seed in seeds]
    total = len(tasks) + 1
    # One thread a process: the processes fill the cores, and the sums are always taken in the same
    # order, so that a seed gives the same numbers on one core and on many.
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        pool = joblib.Parallel(n_jobs=max(2, workers or joblib.cpu_count()), return_as="generator")
        trials = list(_counted(pool(tasks), "networks", total, progress))
        work = joblib.delayed(examine)(settings, data, trials[0].rnn, trials[0].balanced)
        [reference] = _counted(pool([work]), "bounds", total, progress, done=total - 1)
    own = smaller = None
    if model is not None:
        own = described(model, data, settings.delta)
        small = reference.pruned.pruned
        which = f"the network pruned to {small.m} nodes"
        smaller = described(small, data, settings.delta, which)
    return Study(settings, data, model_name, trials, reference, versions(), own, smaller)


def check_fit(model: RNN, data: Dataset) -> None:
    """Raise a ValueError that says how the network and the data do not fit, if they do not."""
    if data.x.ndim == 3 and data.d_x != model.d_x:
        raise ValueError(
            f"the model reads inputs of dimension {model.d_x}, the data have dimension {data.d_x}"
        )
    if data.x.ndim == 2 and data.d_x > model.d_x:
        raise ValueError(
            f"the model knows tokens 0..{model.d_x - 1}, the data hold the token {data.d_x - 1}"
        )
    if model.m == 0:
        raise ValueError("the model must have at least one hidden node, it has none")
    if model.d_y < max(data.classes, 2):
        raise ValueError(
            f"the model predicts {model.d_y} classes, the labels of the data need "
            f"{max(data.classes, 2)}"
        )


def versions() -> dict[str, str]:
    """Return the versions that numbers may depend on."""
    packages = ("rnnbounds", "numpy", "scipy")
    return {"python": platform.python_version()} | {p: metadata.version(p) for p in packages}


def _counted(
    results: Iterable[Any], what: str, total: int, progress: Progress | None, done: int = 0
) -> Iterable[Any]:
    for result in results:
        done += 1
        if progress is not None:
            progress(what, done, total)
        yield result
