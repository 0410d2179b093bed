"""Two lanes to a GPU: pinned host memory, device memory that stays, a stream that copies.

The host fills the buffers of one lane while the GPU computes on those of the other. Four orders
hold, each by an event; the host itself waits for the first alone:

    the host fills a buffer       after the last copy out of it
    a copy begins                 after the last step that reads its destination
    a step begins                 after the copy of its batch
    memory is taken and given     within the network's own stream
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["CupyLane", "lanes"]


def lanes(backend: Any, templates: Sequence[tuple[tuple[int, ...], Any]]) -> tuple[CupyLane, ...]:
    """Two lanes that share a stream; made within the backend's context."""
    import cupy

    copies = cupy.cuda.Stream(non_blocking=True)
    return CupyLane(backend, templates, copies), CupyLane(backend, templates, copies)


def _pinned(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """A buffer of the host that the GPU reads by itself."""
    import cupyx

    try:
        buffer: np.ndarray[Any, Any] = cupyx.empty_pinned(shape, dtype)
    except RuntimeError as error:  # CUDA's own: CuPy's pool of such memory knows no other
        size = math.prod(shape) * np.dtype(dtype).itemsize
        raise MemoryError(
            f"{size:,} bytes of pinned host memory for a batch cannot be had ({error}): take a "
            "smaller batch_size"
        ) from error
    return buffer


class CupyLane:
    """One of the two; see `xpnet.backends.lanes.Lane`. Its batches all lie in ``device``."""

    def __init__(self, backend: Any, templates: Sequence[Any], copies: Any) -> None:
        import cupy

        self._stream, self._copies = backend.stream, copies
        self._host = [_pinned(shape, dtype) for shape, dtype in templates]
        self.device = [backend.xp.empty(shape, dtype=dtype) for shape, dtype in templates]
        self._copied, self._read = (cupy.cuda.Event(disable_timing=True) for _ in range(2))
        self._copied.record(copies)
        self._read.record(self._stream)  # the memory may have been another's before
        # a fit may end with a batch under way, and the memory be another's afterwards
        weakref.finalize(self, self._stream.wait_event, self._copied)

    def host(self) -> list[np.ndarray[Any, Any]]:
        """The buffers to fill, when the last copy out of them is done."""
        self._copied.synchronize()
        return self._host

    def send(self, n: int) -> list[Any]:
        """The first n rows of each buffer, on their way to the device."""
        self._copies.wait_event(self._read)
        parts = [device[:n] for device in self.device]
        for part, buffer in zip(parts, self._host, strict=True):
            part.set(buffer[:n], stream=self._copies)
        self._copied.record(self._copies)
        return parts

    def arrive(self) -> None:
        """What is launched from here on finds them there."""
        self._stream.wait_event(self._copied)

    def free(self) -> None:
        """What was launched so far is the last that reads them."""
        self._read.record(self._stream)
