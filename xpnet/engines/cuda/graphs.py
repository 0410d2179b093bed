"""Steps captured as CUDA graphs: many launches and products for one call of the host.

A graph is made of steps that have the same number of examples. The first step of each kind runs as
it is: CUDA and cuBLAS load what they need at its first use, which a capture forbids. A graph keeps
the addresses of its arrays, and a step's number lies on the device, so a graph can be launched for
any steps of any epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.engines.cuda.steps import Steps
from xpnet.errors import warn
from xpnet.undisturbed import undisturbed

__all__ = ["LENGTHS", "Graphs"]

LENGTHS = (32, 1)
"""Steps of a graph. The host can answer a key press between two graphs."""

_MOST = 16
"""Graphs that are kept. An optimizer whose steps have a cycle may need one for each place in it."""


class Graphs:
    """The graphs of a fit, by the number of examples and the programs of the steps.

    If a capture or a launch fails, a warning says why, and the steps are launched one by one.

    Attributes
    ----------
    works : bool
        Whether nothing has failed yet.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._made: dict[tuple[int, tuple[int, ...]], Any] = {}
        self.works = True

    def launch(self, n_examples: int, steps: Sequence[Steps]) -> bool:
        """Launch these steps as a graph; return False if they must be launched one by one."""
        if not self.works or not all(each.has_run(n_examples) for each in steps):
            return False
        which = n_examples, tuple(map(id, steps))
        if which not in self._made and len(self._made) >= _MOST:
            return False
        try:
            if which not in self._made:
                self._made[which] = self._captured(n_examples, steps)
            self._made[which].launch(self._stream)
        except Exception as error:  # of CUDA, of its driver, of memory
            self._give_up(error)
            return False
        return True

    def forget(self) -> None:
        """Drop all graphs, since arrays that they read were replaced."""
        self._made = {}

    def _captured(self, n_examples: int, steps: Sequence[Steps]) -> Any:
        with undisturbed():  # else an interrupt could leave the stream captured
            self._stream.begin_capture()
            try:
                for each in steps:
                    each.launch(n_examples)
            except BaseException:
                self._abandon()
                raise
            return self._stream.end_capture()

    def _abandon(self) -> None:
        """End a capture that failed; its graph is of no use."""
        try:
            self._stream.end_capture()
        except Exception:  # the first error says more
            return

    def _give_up(self, error: Exception) -> None:
        self._made, self.works = {}, False
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        warn(f"the steps are launched one by one, since no CUDA graph can be made of them: {what}")
