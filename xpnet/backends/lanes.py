"""A way for batches from host memory to a device: fill its host buffers, then send them.

    lane.host()        the host buffers, as soon as they may be filled
    lane.send(n)       the first n rows of each, on their way to the device
    lane.arrive()      what is launched from here on finds them there
    lane.free()        what was launched so far is the last that reads them

Two lanes used in turn let the host fill one while the device computes on the other. This one works
on any backend, by plain copies; a backend may have better (`xpnet.backends.cupy_lanes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xpnet.backends.base import Backend

__all__ = ["Lane"]

Template = tuple[tuple[int, ...], Any]  # shape and dtype


class Lane:
    """Plain host buffers; every batch is a new array on the device."""

    def __init__(self, backend: Backend, templates: Sequence[Template]) -> None:
        self._backend = backend
        self._host = [np.empty(shape, dtype) for shape, dtype in templates]

    def host(self) -> list[np.ndarray[Any, Any]]:
        """The buffers to fill."""
        return self._host

    def send(self, n: int) -> list[Any]:
        """The first n rows of each buffer, on the device."""
        return [self._backend.from_numpy(buffer[:n]) for buffer in self._host]

    def arrive(self) -> None:
        """What is launched from here on finds them there."""

    def free(self) -> None:
        """What was launched so far is the last that reads them."""
