"""Two lanes to a GPU, with pinned host memory, fixed device memory and a stream for copies.

The host fills the buffers of one lane while the GPU computes on those of the other. Events ensure
the order of four things; the host itself waits only for the first:

    the host fills a buffer       after the last copy out of it
    a copy begins                 after the last step that reads its destination
    a step begins                 after the copy of its batch
    memory is taken and freed     within the network's own stream
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from xpnet.typing import Host

__all__ = ["CupyLane", "lanes"]


def lanes(backend: Any, templates: Sequence[tuple[tuple[int, ...], Any]]) -> tuple[CupyLane, ...]:
    """Return two lanes that share a stream for copies; call it in the backend's context."""
    import cupy

    copies = cupy.cuda.Stream(non_blocking=True)
    return CupyLane(backend, templates, copies), CupyLane(backend, templates, copies)


def _pinned(shape: tuple[int, ...], dtype: Any) -> Host:
    """Return a buffer in host memory that the GPU can read by itself."""
    import cupyx

    try:
        buffer: Host = cupyx.empty_pinned(shape, dtype)
    except RuntimeError as error:  # CUDA's error, which CuPy's pool of pinned memory passes on
        size = math.prod(shape) * np.dtype(dtype).itemsize
        raise MemoryError(
            f"{size:,} bytes of pinned host memory for a batch cannot be allocated ({error}): "
            "use a smaller batch_size"
        ) from error
    return buffer


class CupyLane:
    """One of the two lanes, see `xpnet.backends.lanes.Lane`; its batches all lie in ``device``."""

    def __init__(self, backend: Any, templates: Sequence[Any], copies: Any) -> None:
        import cupy

        self._stream, self._copies = backend.stream, copies
        self._host = [_pinned(shape, dtype) for shape, dtype in templates]
        self.device = [backend.xp.empty(shape, dtype=dtype) for shape, dtype in templates]
        self._copied, self._read = (cupy.cuda.Event(disable_timing=True) for _ in range(2))
        self._copied.record(copies)
        self._read.record(self._stream)  # the memory may have had an earlier use
        # if a fit ends during a copy, the memory is reused only after the copy
        weakref.finalize(self, self._stream.wait_event, self._copied)

    def host(self) -> list[Host]:
        """Wait until the last copy out of the host buffers is done, and return the buffers."""
        self._copied.synchronize()
        return self._host

    def send(self, n: int) -> list[Any]:
        """Start to copy the first n rows of each buffer, and return their arrays on the device."""
        self._copies.wait_event(self._read)
        parts = [device[:n] for device in self.device]
        for part, buffer in zip(parts, self._host, strict=True):
            part.set(buffer[:n], stream=self._copies)
        self._copied.record(self._copies)
        return parts

    def arrive(self) -> None:
        """Make work launched from now on wait until the rows have arrived."""
        self._stream.wait_event(self._copied)

    def free(self) -> None:
        """Declare that only work launched so far reads the rows."""
        self._read.record(self._stream)
