"""Ctrl-C as a request to stop after the current step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupt", "has_cut", "running", "stop_on_interrupt"]


class Interrupt:
    """Whether Ctrl-C was pressed, or another signal asked the fit to stop.

    Attributes
    ----------
    requested : bool
    cut : bool
        Whether it has cut the last epoch short: the history has a part of its steps.
    """

    requested = False
    cut = False

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


_running: dict[int, Interrupt] = {}  # of the fit in each thread


def running() -> Interrupt | None:
    """The `Interrupt` of this thread's fit, if there is one, whatever handles Ctrl-C."""
    return _running.get(threading.get_ident())


def has_cut() -> bool:
    """Whether the last epoch of this thread's fit is only a part, as its callbacks may ask."""
    fit = running()
    return fit is not None and fit.cut


@contextmanager
def stop_on_interrupt() -> Iterator[Interrupt]:
    """Within this context a first Ctrl-C is only noted; a second raises KeyboardInterrupt.

    Signals are left alone outside the main thread, and if the program has its own handler. A fit
    within another fit's callback shares that fit's `Interrupt`: Ctrl-C ends both.
    """
    outer = running()
    if outer is not None:
        yield outer
        return
    interrupt = Interrupt()
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    try:
        _running[interrupt.thread] = interrupt
        if ours:
            signal.signal(signal.SIGINT, interrupt._on_signal)
        yield interrupt
    finally:
        _running.pop(interrupt.thread, None)
        if ours and _in_force() is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _in_force() -> Interrupt | None:
    """The `Interrupt` that the current handler of Ctrl-C sets, if any."""
    told = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return told if isinstance(told, Interrupt) else None


def _forget_others() -> None:
    """Forget, in a forked child, the fits of threads that were not forked.

    The handler of such a fit would swallow the child's first Ctrl-C.
    """
    own = running()
    _running.clear()
    if own is not None:
        _running[own.thread] = own
    interrupt = _in_force()
    if interrupt is not None and interrupt.thread != threading.get_ident():
        signal.signal(signal.SIGINT, signal.default_int_handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_others)
