"""The threads that run a team's program (`xpnet.engines.loops.team`) together."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np

from xpnet.backends.openblas import blas_threads

__all__ = ["Team"]

_new = np.empty  # as in `xpnet.engines.loops.runner`
_LINE = 8  # numbers of a cache line, which keep the threads' own apart

Work = Callable[[int], None]


class Team:
    """So many threads: the caller's, and others that sleep between two calls."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._others = [_Other() for _ in range(1, threads)]

    def together(self, run: Callable[..., None], n_shared: int | None) -> Callable[..., None]:
        """A program as a function that all threads run; itself where it is for one thread."""
        if n_shared is None:
            return run
        shared = _new((self.threads, n_shared + _LINE))

        def all_run(*arguments: Any) -> None:
            barrier = np.zeros(16, np.int64)  # a new one: Ctrl-C may have left some at the last

            def work(rank: int) -> None:
                try:
                    run(*arguments, rank, self.threads, barrier, shared)
                except BaseException:
                    barrier[8] = 1  # so that nobody waits for this one
                    raise

            with blas_threads(1):  # each product is a thread's own
                self._do(work, barrier)

        return all_run

    def _do(self, work: Work, barrier: Any) -> None:
        """All threads' work; it returns when all have ended, and raises what one of them did."""
        begun: list[Future[None]] = []
        try:
            for rank, other in enumerate(self._others, start=1):
                begun.append(other.begin(work, rank))
            work(0)
        except BaseException:
            barrier[8] = 1  # a thread could not be started, or Ctrl-C came: who waits, goes
            raise
        finally:
            for each in begun:
                each.exception()
        for each in begun:
            each.result()


class _Other:
    """A thread that does one piece of work after another, and sleeps in between.

    It ends with this object. A ThreadPoolExecutor would do, were it not that it takes no work once
    the main thread has ended, while a fit in another thread goes on.
    """

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._tasks: SimpleQueue[Any] = SimpleQueue()

    def begin(self, work: Work, rank: int) -> Future[None]:
        """Let it do that, and return at once."""
        if self._thread is None or not self._thread.is_alive():  # a fork has left it behind
            self._start()
        done: Future[None] = Future()
        self._tasks.put((work, rank, done))
        return done

    def _start(self) -> None:
        self._tasks = SimpleQueue()
        self._thread = Thread(target=_serve, args=(self._tasks,), name="xpnet", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._tasks.put, None)


def _serve(tasks: SimpleQueue[Any]) -> None:
    """What the thread runs, until it is told None."""
    while (task := tasks.get()) is not None:
        work, rank, done = task
        try:
            work(rank)
            done.set_result(None)
        except BaseException as error:
            done.set_exception(error)
        del task, work, done  # asleep, it keeps nobody's arrays, and not its own team
