"""What a worker does: one row from its settings, the same on every machine."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pruning.baselines import Method, PrunedWeights, fine_tune
from pruning.checks import Array, Inputs, Targets
from pruning.covariance import StateCovariance
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, spectral_prune
from pruning.training import DivergenceError
from validation.data.dataset import Dataset
from validation.data.language import corpus, windows
from validation.experiments.grids import READ_OUT
from validation.experiments.methods import WHOLE, method_named
from validation.experiments.row_data import (
    balanced_weight,
    covariance,
    data_set,
    fitted_network,
    network,
    window_seed,
)
from validation.output.schema import Facts, Record
from validation.training.scores import batch, score


@dataclass(frozen=True)
class Task:
    """A row to be finished: its settings, and where what they speak of lies.

    `own_process` says that the worker is a process of this run's own, and ends with it; `small` is
    the file of the small network from scratch, if there is one.
    """

    key: str
    row: Facts
    network: str
    data: Facts
    own_process: bool = False
    small: str = ""


def finish(task: Task) -> tuple[str, Record, float]:
    """Return the key of the row, its result, and the seconds of processor time that it took."""
    begin = time.process_time()
    rnn, data = _opened(task)
    bench = _Bench(rnn, data, task.row, task)
    # A network that was pruned badly may overflow; its accuracy says enough.
    with np.errstate(all="ignore"):
        result = bench.result()
    return task.key, result, time.process_time() - begin


def warm(task: Task) -> None:
    """Put the covariance that the row needs on disk."""
    rnn, data = _opened(task)
    covariance(rnn, data, task.row)


def _opened(task: Task) -> tuple[RNN, Dataset]:
    """The network and the data of a row, which fit each other."""
    if task.own_process:
        leave_with_parent()
    rnn = network(task.network, task.row["network"])
    data = data_set(json.dumps(dict(task.data), sort_keys=True), window_seed(task.row))
    check_fit(rnn, data)
    return rnn, data


def leave_with_parent() -> None:
    """End this worker process, from now on, within a second of its parent.

    An idle worker of joblib waits five minutes for work before it looks whether anybody is left.
    """
    if _WATCHING.is_set():
        return
    _WATCHING.set()
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_WATCHING = threading.Event()


def check_fit(rnn: RNN, data: Dataset) -> None:
    """Raise a ValueError that says how the network and the data do not fit, if they do not."""
    if data.x.ndim == 3 and data.d_x != rnn.d_x:
        raise ValueError(
            f"the network reads inputs of dimension {rnn.d_x}, the data have dimension {data.d_x}"
        )
    if data.x.ndim == 2 and data.d_x > rnn.d_x:
        raise ValueError(
            f"the network knows tokens 0..{rnn.d_x - 1}, the data hold the token {data.d_x - 1}"
        )
    if rnn.d_y < data.classes:
        raise ValueError(
            f"the network predicts {rnn.d_y} classes, the labels of the data need {data.classes}"
        )


class _Bench:
    """One network, its data and the settings of a row."""

    def __init__(self, rnn: RNN, data: Dataset, row: Facts, task: Task) -> None:
        self.rnn, self.data, self.row, self.task = rnn, data, row, task
        self.targets = "every" if data.every_step else "last"

    def result(self) -> Record:
        """What the row asks for."""
        if self.row["what"] == "bound":
            return self.bounds()
        return self.read_out() if self.row["what"] == READ_OUT else self.score()

    def read_out(self) -> Record:
        """The score where the kept nodes hold their true states: the recursion has lost nothing.

        It is that of the whole network with another read-out, 0 on the nodes that are not kept.
        """
        pruned = self._pruned()
        assert isinstance(pruned, PrunedRNN)
        w_output = np.zeros_like(self.rnn.w_output)
        w_output[:, pruned.nodes] = pruned.pruned.w_output
        return {"score": self._score(replace(self.rnn, w_output=w_output))}

    def score(self) -> Record:
        row = self.row
        if row["method"] == WHOLE:
            return self._as_it_is(self.rnn)
        if "small" in row:
            small = network(self.task.small, row["small"])
            check_fit(small, self.data)
            return self._as_it_is(small)
        pruned = self._pruned()
        rnn = pruned.pruned
        facts: Record = {}
        if "fine_tuning" in row:
            rng = self._rng("fine-tuning")
            options = {"targets": self.targets, **row["fine_tuning"]}
            x, y = self._sequences(options.pop("sequences", None), rng)
            try:
                rnn = fine_tune(pruned, x, y, rng, **options)
            except DivergenceError as error:
                rnn, facts["diverged"] = error.result.rnn, error.epoch
        facts |= {
            "score": self._score(rnn),
            "parameters": dict(pruned.parameters),
            "nodes": rnn.m,
        }
        if isinstance(pruned, PrunedRNN):
            total = float(np.trace(pruned.covariance))
            facts["lost"] = pruned.losses["hidden"] / total if total else 0.0
        return facts

    def _as_it_is(self, rnn: RNN) -> Record:
        sizes = {name: int(w.size) for name, w in rnn.weights.items()}
        return {"score": self._score(rnn), "parameters": sizes, "nodes": rnn.m}

    def _sequences(self, n: int | None, rng: np.random.Generator) -> tuple[Any, Any]:
        """Training sequences: n of them drawn anew, or all that there are."""
        data, spec = self.data, self.task.data
        if n is None:
            return data.x, data.y
        if spec["loader"] == "windows":
            return windows(corpus(spec["name"]).train, data.x.shape[1], n, rng)
        drawn = np.sort(rng.choice(len(data.x), size=min(n, len(data.x)), replace=False))
        return data.x[drawn], data.y[drawn]

    def bounds(self) -> Record:
        from bounds.approximation import (
            approximation_bound,
            approximation_error,
            trajectory_bound,
        )
        from bounds.generalization import generalization_bound

        row, data = self.row, self.data
        x, y = self._first(data.x, data.y)
        seen = StateCovariance.from_network(self.rnn, x, batch=batch(self.rnn, x.shape[1]))
        tau = row["tau"] * float(np.trace(seen.matrix)) / self.rnn.m
        pruned = spectral_prune(self.rnn, seen, row["k"], row["theta"], tau)
        T = x.shape[1]
        logs = {
            f"log10_{name}": _log10(approximation_bound(pruned, T, name))
            for name in ("global", "toeplitz", "best")
        }
        theorem = generalization_bound(pruned, x, y, targets=self.targets, input_bound=data.x_bound)
        error = approximation_error(pruned, x, batch=batch(self.rnn, T))
        return {
            "steps": T,
            "n": len(x),
            "error": error,
            "log10_trajectory": _log10(trajectory_bound(pruned, x)),
            **logs,
            "risk": self._risk(pruned.pruned),
            "log10_theorem": _log10(theorem),
            "label": theorem.label,
        }

    def _first(self, x: Inputs, y: Targets) -> tuple[Any, Any]:
        """The sequences that a bound is about, and their first T steps."""
        n, T = self.row["sequences"], self.row["T"]
        return x[:n, :T], y[:n, :T] if y.ndim == 2 else y[:n]

    def _risk(self, rnn: RNN) -> float | None:
        """The loss that the theorem bounds, on sequences that nothing was made from."""
        from bounds.sample import empirical_loss
        from pruning.checks import time_weights

        if self.data.x_test is None:
            return None
        x, y = self._first(self.data.x_test, self.data.y_test)
        w = time_weights("mean" if self.data.every_step else "last", x.shape[1])
        return empirical_loss(rnn, x, y, "margin_ramp", w)

    def _pruned(self) -> PrunedRNN | PrunedWeights:
        row, rnn = self.row, self.rnn
        method = method_named(row["method"])
        options: Record = {}
        S = None if "training" in row else covariance(rnn, self.data, row)
        if "theta" in method.takes:
            options["theta"] = row["theta"]
        if "tau" in method.takes and S is not None:
            options["tau"] = row["tau"] * float(np.trace(S)) / rnn.m
        if "data" in method.takes:
            options |= {"x": self.data.x, "y": self.data.y}
            if "targets" in inspect.signature(method.call).parameters:
                options["targets"] = self.targets
        if "inputs" in method.takes:
            options |= {"x": self.data.x, "targets": self.targets}
        if "weight" in method.takes:
            options["weight"] = balanced_weight(rnn, self.data, row)
        if "training" in method.takes:
            options |= {"training": row["training"], "start": row["start"]}
        pruned = self._call(method, S, options)
        if not isinstance(pruned, PrunedRNN | PrunedWeights):
            raise ValueError(
                f"{row['method']} must return a PrunedRNN or a PrunedWeights, "
                f"got {type(pruned).__name__}"
            )
        return pruned

    def _call(self, method: Method, S: Array | None, options: Record) -> Any:
        """What the method makes; a fit is kept, and not done twice."""

        def call(**more: Any) -> Any:
            return method.call(
                self.rnn, S, self.row["k"], self._rng(method.draws), **options, **more
            )

        if not method.refit:
            return call()
        made: list[Any] = []

        def fitted() -> RNN:
            made.append(call())
            return made[0].pruned  # type: ignore[no-any-return]

        small = fitted_network(self.row, fitted)
        return made[0] if made else replace(call(refit=None), pruned=small, refit=method.refit)

    def _score(self, rnn: RNN) -> float | None:
        return score(rnn, self.data, self.row["data"])

    def _rng(self, what: str) -> np.random.Generator:
        """The draws of a row depend on its settings alone; methods of one word draw alike."""
        row = self.row
        facts = [what, row["seed"], row["k"], row["network"]]
        digest = hashlib.sha256(json.dumps(facts).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _log10(bound: Any) -> float | None:
    value = bound.log_total / float(np.log(10))
    return value if np.isfinite(value) else None
