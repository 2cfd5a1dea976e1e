"""Time limits: an alarm that interrupts Python code, and a watchdog where that is ignored."""

from __future__ import annotations

import contextlib
import dis
import faulthandler
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

OUT_OF_TIME = "out of time"  # how a message begins of what a time limit cut short
GRACE = 5.0  # seconds between the alarm and the end of the process


class Terminated(KeyboardInterrupt):
    """SIGTERM: to be treated as Ctrl-C is."""


class TimeLimit(BaseException):
    """Raised by the alarm; not an `Exception`, so that no body swallows it by accident."""


@contextlib.contextmanager
def alarm(limit: float, last_words: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """Raise `TimeLimit` in the main thread after `limit` seconds.

    With a file for its last words, the process ends `GRACE` seconds later where the alarm is caught
    or never delivered, and the file, empty until then, is not: what ended the process is read
    there, and not from a clock that ran on while other claims had their turn.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(signum: int, frame: FrameType | None) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    if last_words is not None:
        with open(last_words, "w") as words:
            faulthandler.dump_traceback_later(limit + GRACE, exit=True, file=words)
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


def raised_by_code(error: BaseException) -> bool:
    """Whether a `raise` statement raised it, and not a signal from outside.

    A signal's exception arises at whatever instruction is under way, or in its handler; a body's
    own at a raise.
    """
    last = error.__traceback__
    if last is None or isinstance(error, Terminated):
        return False
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    if code is getattr(signal.getsignal(signal.SIGINT), "__code__", None):
        return False
    return dis.opname[code.co_code[last.tb_lasti]] in ("RAISE_VARARGS", "RERAISE")


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` where SIGTERM would end the process with its workers still running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(signum: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def leave_with_parent() -> None:
    """End this worker process, from now on, within a second of its parent.

    An idle worker of joblib waits five minutes for work before it looks whether anybody is left,
    and a busy one does not look at all.
    """
    if any(thread.name == _WATCH for thread in threading.enumerate()):
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, name=_WATCH, daemon=True).start()


_WATCH = "watching the parent"
