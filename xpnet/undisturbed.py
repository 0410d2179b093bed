"""Work that neither Ctrl-C nor a fork may cut in two: imports of large packages, and compilation.

A package whose import an exception ends leaves half of itself behind, which every later import of
the process finds; and a child that is forked while another thread imports or compiles inherits
locks that nobody will open.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any

__all__ = ["imported", "undisturbed"]

_WAIT = 60.0  # seconds that a fork waits for such work in another thread

_lock = threading.RLock()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within it, Ctrl-C waits for the end of the block, and so do forks by other threads.

    One thread at a time. The program's own handler of Ctrl-C, if it is Python's to call, is called
    right afterwards, as often as Ctrl-C was pressed.
    """
    _heed_forks()
    with _lock, _control_c_held_back():
        yield


def imported(name: str) -> Any:
    """A module of another package, by `undisturbed`; ImportError as the import itself raises it."""
    if name in sys.modules:  # and whole, or another thread's import is waited for here
        return import_module(name)
    with undisturbed():
        return import_module(name)


@contextmanager
def _control_c_held_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # handlers run in the main thread; ignored, or the system's own, it is left so
        return
    presses: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        presses.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is note:  # else the block has set another
            signal.signal(signal.SIGINT, before)
        for number in presses:
            before(number, sys._getframe())


def _before_fork() -> None:
    _lock.acquire(timeout=_WAIT)


def _after_fork_in_parent() -> None:
    with suppress(RuntimeError):  # it was not had in time
        _lock.release()


def _after_fork_in_child() -> None:
    """A new lock: whoever else had the old one is not here."""
    global _lock
    _lock = threading.RLock()


@cache
def _heed_forks() -> None:
    """Have forks wait. Who registers last is called first, before others take locks of theirs.

    Imports and compilation log, for one: a fork that held logging's lock, and waited for them,
    would wait in vain.
    """
    for name in ("concurrent.futures.thread", "logging"):
        import_module(name)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
