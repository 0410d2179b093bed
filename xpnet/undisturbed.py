"""Protect imports of large packages, and compilation, from Ctrl-C and from forks.

If an exception interrupts an import, half of the package stays loaded, and every later import in
the process finds that half. If a process forks while another thread imports or compiles, the child
inherits locks that nobody will release.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any

__all__ = ["imported", "undisturbed"]

_WAIT = 60.0  # longest wait of a fork for another thread, in seconds

_lock = threading.RLock()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay Ctrl-C, and forks by other threads, until the end of the block.

    Only one thread at a time runs such a block. If the program's handler of Ctrl-C is a Python
    function, it is called right after the block, once for each time Ctrl-C was pressed.
    """
    _heed_forks()
    with _lock, _control_c_held_back():
        yield


def imported(name: str) -> Any:
    """Import another package's module within `undisturbed`; ImportError as usual."""
    if name in sys.modules:  # complete, or import_module waits for another thread
        return import_module(name)
    with undisturbed():
        return import_module(name)


@contextmanager
def _control_c_held_back() -> Iterator[None]:
    import signal  # slow, and `import xpnet` needs none of it

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # handlers run only in the main thread; SIG_IGN and SIG_DFL stay
        return
    presses: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        presses.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is note:  # else the block set a new handler
            signal.signal(signal.SIGINT, before)
        for number in presses:
            before(number, sys._getframe())


def _before_fork() -> None:
    _lock.acquire(timeout=_WAIT)


def _after_fork_in_parent() -> None:
    with suppress(RuntimeError):  # the lock was not acquired in time
        _lock.release()


def _after_fork_in_child() -> None:
    """Make a new lock: a thread that held the old one does not exist in the child."""
    global _lock
    _lock = threading.RLock()


@cache
def _heed_forks() -> None:
    """Make forks wait for `undisturbed` blocks.

    Fork handlers are called in reverse order of registration. This one registers after those of
    logging and of thread pools, so that it is called before they take their locks. Imports and
    compilation write to logs: a fork that held logging's lock while it waited would deadlock.
    """
    for name in ("concurrent.futures.thread", "logging"):
        import_module(name)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
