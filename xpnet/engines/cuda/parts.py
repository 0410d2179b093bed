"""What a fit on a GPU has on the device besides its data; the next fit of its kind takes it over.

Arrays stay where they are from fit to fit, so the graphs that were captured stay valid. A graph has
the data's addresses too, and no reference to the data. So parts fit only data at the same
addresses: the same arrays, or others that were copied to the same place after those were freed.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Sequence
from typing import Any

from xpnet.backends.cupy_backend import CupyBackend
from xpnet.engines.cuda.epoch import Epoch
from xpnet.engines.cuda.graphs import Graphs
from xpnet.engines.cuda.program import CudaProgram
from xpnet.engines.cuda.steps import Steps
from xpnet.engines.step import Feed, State

__all__ = ["Parts", "taken_parts"]

_MOST_BYTES = 2**26
"""Parts with more arrays are not kept: what a large fit costs is not its capture."""


class Parts:
    """The state, an epoch's numbers, compiled programs with their arrays, and graphs.

    Attributes
    ----------
    state : State
        Arrays of its own, which steps overwrite.
    shared : dict
        The arrays that all programs share, by name.
    is_whole : bool
        False while steps are launched: if an error ends them, nothing is kept.
    """

    def __init__(self, backend: CupyBackend, state: State) -> None:
        xp = backend.xp
        self.state = state
        self.key, self.counter = (xp.zeros((1,), dtype=xp.int32) for _ in range(2))
        self.epoch, self.graphs = Epoch(backend), Graphs(backend.stream)
        self.shared: dict[str, Any] = {"counter": self.counter}
        self.is_whole = True
        self._steps: dict[int, tuple[CudaProgram, Steps]] = {}

    def steps_of(self, program: CudaProgram) -> Steps | None:
        """Return the compiled steps of this very program, if an earlier fit has made them."""
        known, steps = self._steps.get(program.n_coefficients, (None, None))
        return steps if known is program else None

    def add(self, program: CudaProgram, steps: Steps) -> None:
        """Take in a program; graphs of an earlier one are dropped."""
        self.graphs.forget()
        self._steps[program.n_coefficients] = program, steps

    def begin(self, state: State) -> None:
        """Take the state from which a fit begins."""
        for own, given in zip(_arrays(self.state), _arrays(state), strict=True):
            own[...] = given

    def forget_calls(self) -> None:
        """Make all calls and graphs anew, since arrays that they share were replaced."""
        self.graphs.forget()
        for _, steps in self._steps.values():
            steps.forget()

    def released(self) -> bool:
        """Release the data; return whether a later fit may take these parts over."""
        each = [steps for _, steps in self._steps.values()]
        for steps in each:
            steps.release()
        self.epoch.release()
        size = sum(x.nbytes for x in (*_arrays(self.state), *self.epoch.arrays.values()))
        size += sum(steps.nbytes for steps in each)
        return self.is_whole and self.graphs.works and size <= _MOST_BYTES


def _arrays(state: State) -> list[Any]:
    return [state.theta, *state.optimizer, *state.stats]


def taken_parts(
    owner: Any, backend: CupyBackend, state: State, data: Feed, *settings: Hashable
) -> Parts:
    """Return the parts for a fit; when ``owner`` is gone, they are kept for the next one.

    Parameters
    ----------
    owner : object
        The runner, which alone uses the parts.
    state : State
        The first state, whose arrays may be taken.
    settings : hashable
        What else must be the same: the size of a batch, and whether batches are gathered.
    """
    kind = (*settings, _places(data), *(map(_form, _arrays(state))))
    parts: Parts | None = backend.kept.pop(kind, None)
    if parts is None:
        parts = Parts(backend, state)
    else:
        parts.begin(state)
    weakref.finalize(owner, _keep, backend.kept, kind, parts).atexit = False
    return parts


def _keep(kept: dict[Any, Any], kind: Hashable, parts: Parts) -> None:
    kept.clear()
    if parts.released():
        kept[kind] = parts


def _places(data: Feed) -> tuple[Hashable, ...]:
    return tuple(None if x is None else (x.data.ptr, _form(x)) for x in data)


def _form(x: Any) -> tuple[Sequence[int], str]:
    return tuple(x.shape), str(x.dtype)
