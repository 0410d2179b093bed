"""The threads that run a team's program (`xpnet.fused.team`) together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from xpnet.openblas import blas_threads

__all__ = ["Team"]

_LINE = 8  # numbers of a cache line, which keep the threads' own apart


class Team:
    """So many threads: the caller's, and others that sleep between two calls."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._others = ThreadPoolExecutor(max(1, threads - 1), "xpnet") if threads > 1 else None

    def together(self, run: Callable[..., None], n_shared: int | None) -> Callable[..., None]:
        """A program as a function that all threads run; itself where it is for one thread."""
        if n_shared is None:
            return run
        barrier, shared = np.zeros(16, np.int64), np.zeros((self.threads, n_shared + _LINE))

        def all_run(*arguments: Any) -> None:
            barrier[:] = 0

            def work(rank: int) -> None:
                try:
                    run(*arguments, rank, self.threads, barrier, shared)
                except BaseException:
                    barrier[8] = 1  # so that nobody waits for this one
                    raise

            with blas_threads(1):  # each product is a thread's own
                self._do(work)

        return all_run

    def _do(self, work: Callable[[int], None]) -> None:
        assert self._others is not None
        others = [self._others.submit(work, rank) for rank in range(1, self.threads)]
        try:
            work(0)
        finally:
            for other in others:
                other.result()
