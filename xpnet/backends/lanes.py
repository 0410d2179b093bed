"""A lane brings batches from host memory to a device: fill its host buffers, then send them.

    lane.host()        returns the host buffers, as soon as they may be filled
    lane.send(n)       starts to copy the first n rows of each, and returns them on the device
    lane.arrive()      makes work launched from now on wait until the rows have arrived
    lane.free()        declares that only work launched so far reads the rows

If two lanes are used in turn, the host fills one while the device computes on the other. This lane
works on any backend, by plain copies; a backend may have a better one
(`xpnet.backends.cupy_lanes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.backends.base import Backend

__all__ = ["Lane"]

Template = tuple[tuple[int, ...], Any]  # shape and dtype


class Lane:
    """A lane with plain host buffers; every batch is a new array on the device."""

    def __init__(self, backend: Backend, templates: Sequence[Template]) -> None:
        self._backend = backend
        self._host = [np.empty(shape, dtype) for shape, dtype in templates]

    def host(self) -> list[Host]:
        """Return the buffers to fill."""
        return self._host

    def send(self, n: int) -> list[Any]:
        """Return a copy of the first n rows of each buffer, on the device."""
        return [self._backend.from_numpy(buffer[:n]) for buffer in self._host]

    def arrive(self) -> None:
        """Make later work wait for the rows: nothing to do for plain copies."""

    def free(self) -> None:
        """Declare that no later work reads the rows: nothing to do for new arrays."""
