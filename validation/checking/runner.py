"""Many claims on all cores, none of which can take the others down.

Claims run in worker processes through joblib. Each has a time limit: an alarm interrupts Python
code (a sleep, an endless loop), and where that is caught or never delivered, a watchdog thread
ends the worker. A dead worker takes its pool along, so what was not finished is run again, one
process a claim, which tells whose fault it was.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..claims import Claim, ClaimError
from ..verdict import Outcome
from .verifying import FULL_SECONDS, QUICK_SECONDS, failed, verify

GRACE = 5.0  # seconds between the alarm and the end of the process


class TimeLimit(BaseException):
    """Raised by the alarm; not an `Exception`, so that no body swallows it by accident."""


def verify_all(
    claims: Sequence[Claim],
    *,
    quick: bool = False,
    budget: float | None = None,
    seed: int = 0,
    workers: int | None = None,
    limit: float | None = None,
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
        Processes; all cores by default. 0 runs everything in this process.
    limit : float
        Seconds after which a claim is given up; by default four budgets and twenty seconds.
    on_result : function of an Outcome
        Called as each claim finishes, in any order.

    Raises
    ------
    KeyboardInterrupt
        With the finished outcomes as its argument.
    """
    seconds = budget if budget is not None else QUICK_SECONDS if quick else FULL_SECONDS
    limit = limit if limit is not None else 4 * seconds + 20
    options = {"quick": quick, "budget": budget, "seed": seed, "limit": limit}
    done: dict[str, Outcome] = {}
    try:
        for outcome in _outcomes(list(claims), workers, options):
            done[outcome.id] = outcome
            if on_result is not None:
                on_result(outcome)
    except KeyboardInterrupt:
        raise KeyboardInterrupt([done[c.id] for c in claims if c.id in done]) from None
    return [done[claim.id] for claim in claims]


def _outcomes(
    claims: list[Claim], workers: int | None, options: dict[str, Any]
) -> Iterator[Outcome]:
    if workers == 0 or not claims:
        for claim in claims:
            yield limited(claim, hard=False, **options)
        return
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    _by_value(claims)
    waiting = {claim.id: claim for claim in claims}
    try:
        for outcome in _pool(claims, workers or os.cpu_count() or 1, options):
            waiting.pop(outcome.id)
            yield outcome
        return
    except TerminatedWorkerError:
        pass
    for claim in list(waiting.values()):
        try:
            yield from _pool([claim], 1, options)
        except TerminatedWorkerError:
            limit = options["limit"]
            yield failed(
                claim,
                f"{claim.id} ({claim.location}): ended the process that ran it, or could not be "
                f"interrupted within {limit:g} s",
            )


def _pool(claims: list[Claim], workers: int, options: dict[str, Any]) -> Iterator[Outcome]:
    from joblib import Parallel, delayed

    # Two processes even for one claim: with one, joblib would run it right here.
    parallel = Parallel(
        n_jobs=max(workers, 2), backend="loky", return_as="generator_unordered", batch_size=1
    )
    yield from parallel(delayed(limited)(claim, hard=True, **options) for claim in claims)


def _by_value(claims: list[Claim]) -> None:
    """Send claims of a user's file as code: the workers cannot import it by name."""
    try:
        from joblib.externals import cloudpickle  # before joblib 1.6 it has its own
    except ImportError:
        import cloudpickle

    package = __package__.split(".")[0]
    for name in {claim.module for claim in claims}:
        module = sys.modules.get(name)
        if module is not None and name.split(".")[0] != package and name != "__main__":
            cloudpickle.register_pickle_by_value(module)


def limited(claim: Claim, *, limit: float, hard: bool, **options: Any) -> Outcome:
    """`verify` with a time limit; with `hard`, the process ends where the limit is ignored."""
    start = time.monotonic()
    try:
        with alarm(limit, hard):
            return verify(claim, **options)
    except TimeLimit:
        message = f"{claim.id} ({claim.location}): not finished after {limit:g} s"
    except ClaimError as error:
        message = str(error)
    except RecursionError:
        message = f"{claim.id} ({claim.location}): recursion without end"
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message = f"{claim.id} ({claim.location}): {type(error).__name__}: {error}"
    return failed(claim, message).timed(time.monotonic() - start)


@contextlib.contextmanager
def alarm(limit: float, hard: bool = False) -> Iterator[None]:
    """Raise `TimeLimit` in the main thread after `limit` seconds."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(signum: int, frame: Any) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    if hard:
        with open(os.devnull, "w") as quiet:
            faulthandler.dump_traceback_later(limit + GRACE, exit=True, file=quiet)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
        return
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
