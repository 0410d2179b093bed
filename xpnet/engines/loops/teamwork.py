"""Threads that together run a team's program (`xpnet.engines.loops.team`)."""

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
_LINE = 8  # float64 numbers in a cache line, the gap between two threads' numbers

Work = Callable[[int], None]


class Team:
    """A number of threads: the caller's own, and others that sleep between two calls."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._others = [_Other() for _ in range(1, threads)]

    def together(self, run: Callable[..., None], n_shared: int | None) -> Callable[..., None]:
        """Return a function that runs a program on all threads, or ``run`` if it is for one."""
        if n_shared is None:
            return run
        shared = _new((self.threads, n_shared + _LINE))

        def all_run(*arguments: Any) -> None:
            barrier = np.zeros(16, np.int64)  # a new one: Ctrl-C may have cut off the last

            def work(rank: int) -> None:
                try:
                    run(*arguments, rank, self.threads, barrier, shared)
                except BaseException:
                    barrier[8] = 1  # so that no thread waits for this one
                    raise

            with blas_threads(1):  # each thread computes products of its own
                self._do(work, barrier)

        return all_run

    def share(self, work: Work) -> None:
        """Call work(rank) on every thread, and wait until all have ended."""
        with blas_threads(1):
            self._do(work, np.zeros(16, np.int64))

    def _do(self, work: Work, barrier: Any) -> None:
        """Do the work on all threads, wait until all have ended, and raise the error of one."""
        begun: list[Future[None]] = []
        try:
            for rank, other in enumerate(self._others, start=1):
                begun.append(other.begin(work, rank))
            work(0)
        except BaseException:
            barrier[8] = 1  # after Ctrl-C, or a thread that did not start, nobody waits
            raise
        finally:
            for each in begun:
                each.exception()
        for each in begun:
            each.result()


class _Other:
    """A thread that does one piece of work after another, and sleeps in between.

    The thread ends when this object is deleted. A ThreadPoolExecutor would not do: it takes no work
    once the main thread has ended, even while a fit goes on in a different thread.
    """

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._tasks: SimpleQueue[Any] = SimpleQueue()

    def begin(self, work: Work, rank: int) -> Future[None]:
        """Hand ``work`` to the thread, and return at once."""
        if self._thread is None or not self._thread.is_alive():  # a fork copies no threads
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
    """Do the tasks of a queue, until one is None."""
    while (task := tasks.get()) is not None:
        work, rank, done = task
        try:
            work(rank)
            done.set_result(None)
        except BaseException as error:
            done.set_exception(error)
        del task, work, done  # a sleeping thread keeps neither arrays nor its team alive
