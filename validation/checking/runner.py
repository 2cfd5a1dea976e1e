"""Many claims on all cores, none of which can take the others down.

Claims run in worker processes through joblib. Each has a time limit: an alarm interrupts Python
code (a sleep, an endless loop), and where that is caught or never delivered, a watchdog thread
ends the worker. A dead worker takes its pool along; the claims that were under way are then run
again alone, which tells whose fault it was, and the others in a new pool.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pruning.checks import unused
from validation.checking.evaluation import line_of
from validation.checking.limits import (
    GRACE,
    Terminated,
    TimeLimit,
    alarm,
    leave_with_parent,
    raised_by_code,
    terminable,
)
from validation.checking.verifying import FULL_SECONDS, QUICK_SECONDS, failed, verify
from validation.claims import Claim, ClaimError
from validation.verdict import Outcome


def verify_all(
    claims: Sequence[Claim],
    *,
    quick: bool = False,
    budget: float | None = None,
    seed: int = 0,
    workers: int | None = None,
    limit: float | None = None,
    dask: str = "",
    on_result: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Verify claims in parallel; the result has their order.

    Parameters
    ----------
    claims : sequence of Claim
        Ids must differ.
    quick, budget, seed
        As for `verify`; the budget is one claim's.
    workers : int
        Processes, 2 at least; all cores by default. 0 runs everything in this process.
    limit : float
        Seconds after which a claim is given up; by default four budgets and fifteen seconds.
    dask : str
        The address of a Dask scheduler, whose workers are used instead; `limit` is then kept from
        here, and a claim whose worker dies is run on another.
    on_result : function of an Outcome
        Called as each claim finishes, in any order.

    Raises
    ------
    ValueError
        If workers are given beside dask.
    KeyboardInterrupt
        With the finished outcomes as its argument; `Terminated` under `terminable`.

    Examples
    --------
    >>> from rnnbounds import load_claim, verify_all
    >>> claims = [load_claim("dof.range"), load_claim("dof.leverage")]
    >>> [outcome.id for outcome in verify_all(claims, quick=True, budget=0.1, workers=1)]
    ['dof.range', 'dof.leverage']
    """
    if dask:
        unused("workers", workers, "dask")
    seconds = budget if budget is not None else QUICK_SECONDS if quick else FULL_SECONDS
    limit = limit if limit is not None else 4 * seconds + 15
    options = {"quick": quick, "budget": budget, "seed": seed, "limit": limit}
    done: dict[str, Outcome] = {}
    # Of tasks that are cancelled where a signal ends the run: that is what the signal was for.
    warnings.filterwarnings("ignore", "[0-9]+ tasks which were still being processed", UserWarning)
    try:
        chosen = list(claims)
        found = _on_cluster(chosen, dask, options) if dask else _outcomes(chosen, workers, options)
        for outcome in found:
            done[outcome.id] = outcome
            if on_result is not None:
                on_result(outcome)
    except KeyboardInterrupt as interruption:
        finished = [done[c.id] for c in claims if c.id in done]
        raise type(interruption)(finished) from None
    return [done[claim.id] for claim in claims]


def _outcomes(
    claims: list[Claim], workers: int | None, options: dict[str, Any]
) -> Iterator[Outcome]:
    if workers == 0 or not claims:
        for claim in claims:
            yield limited(claim, **options)
        return
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    by_value(claims)
    waiting = dict(enumerate(claims))
    with tempfile.TemporaryDirectory() as marks:
        while waiting:
            try:
                for place, outcome in _pool(dict(waiting), workers or cores(), marks, options):
                    del waiting[place]
                    yield outcome
            except TerminatedWorkerError:
                suspects = _suspects(marks, waiting) or list(waiting)
                for place in suspects:
                    yield _alone(waiting.pop(place), place, marks, options)


def _on_cluster(claims: list[Claim], address: str, options: dict[str, Any]) -> Iterator[Outcome]:
    from validation.checking.clusters import scattered

    by_value(claims)
    limit = options["limit"] + GRACE
    for place, outcome in scattered(address, partial(limited, **options), claims, limit):
        if isinstance(outcome, BaseException):
            claim = claims[place]
            outcome = failed(claim, f"{claim.id} ({claim.location}): on the cluster: {outcome}")
        yield outcome


def cores() -> int:
    """Cores that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


def _alone(claim: Claim, place: int, marks: str, options: dict[str, Any]) -> Outcome:
    """Run one of the claims that were under way when a worker died, or say that it was the one."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    mark = Path(marks, str(place))
    late = _timed_out(mark)
    if not late:
        mark.unlink(missing_ok=True)
        try:
            return next(_pool({place: claim}, 1, marks, options))[1]
        except TerminatedWorkerError:
            late = _timed_out(mark)
    what = "could not be interrupted" if late else "ended the process that ran it"
    return failed(claim, f"{claim.id} ({claim.location}): {what} (limit {options['limit']:g} s)")


def _timed_out(mark: Path) -> bool:
    """Whether the watchdog ended the claim's worker: then it has left its last words."""
    return mark.exists() and mark.stat().st_size > 0


def _suspects(marks: str, waiting: dict[int, Claim]) -> list[int]:
    return [place for place in waiting if Path(marks, str(place)).exists()]


def _pool(
    claims: dict[int, Claim], workers: int, marks: str, options: dict[str, Any]
) -> Iterator[tuple[int, Outcome]]:
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    # No pool is used twice. Workers leave after five idle minutes, and a pool that replaces them
    # need not notice the death of a new one: a claim that ends its process was waited for forever.
    get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
    # Two processes even for one claim: with one, joblib would run it right here.
    parallel = Parallel(
        n_jobs=max(workers, 2), backend="loky", return_as="generator_unordered", batch_size=1
    )
    # Where this is left early, by a signal for one, joblib ends the processes of the pool.
    yield from parallel(
        delayed(_marked)(place, claim, marks, options) for place, claim in claims.items()
    )


def _marked(place: int, claim: Claim, marks: str, options: dict[str, Any]) -> tuple[int, Outcome]:
    """Run in a worker; the mark tells the parent what was under way if the worker dies."""
    leave_with_parent()
    mark = Path(marks, str(place))
    mark.touch()
    outcome = limited(claim, last_words=mark, **options)
    mark.unlink(missing_ok=True)
    return place, outcome


def by_value(claims: list[Claim]) -> None:
    """Send claims of a user's file as code: the workers cannot import it by name."""
    picklers = []
    for home in ("joblib.externals.cloudpickle", "cloudpickle"):  # before joblib 1.6 it has its own
        with contextlib.suppress(ImportError):
            picklers.append(importlib.import_module(home))
    package = __package__.split(".")[0]
    for name in {claim.module for claim in claims}:
        module = sys.modules.get(name)
        if module is not None and name.split(".")[0] != package and name != "__main__":
            for pickler in picklers:
                pickler.register_pickle_by_value(module)


def limited(
    claim: Claim, *, limit: float, last_words: Path | None = None, **options: Any
) -> Outcome:
    """`verify` with a time limit; with a file of last words, the process ends where it is ignored.

    The file says afterwards whether it was the limit that ended it.
    """
    start = time.monotonic()
    try:
        with alarm(limit, last_words):
            return verify(claim, **options)
    except TimeLimit as error:
        message = f"{claim.id} ({line_of(claim, error)}): not finished after {limit:g} s"
    except ClaimError as error:
        message = str(error)
    except RecursionError:
        message = f"{claim.id} ({claim.location}): recursion without end"
    except KeyboardInterrupt as error:
        if not raised_by_code(error):
            raise
        message = f"{claim.id} ({line_of(claim, error)}): raised KeyboardInterrupt"
    except BaseException as error:
        message = f"{claim.id} ({claim.location}): {type(error).__name__}: {error}"
    return failed(claim, message).timed(time.monotonic() - start)


__all__ = ["GRACE", "Terminated", "TimeLimit", "alarm", "limited", "terminable", "verify_all"]
