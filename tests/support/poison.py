"""Fill the memory of compiled loops with NaN before a program writes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.guarded import poisoned
from xpnet.engines.loops import teamwork

__all__ = ["poison_memory"]


def poison_memory(patch: Any) -> None:
    """Poison buffers, shared numbers and rows until the patch is undone.

    Programs that are already loaded keep their own rows.
    """
    import numba

    from xpnet.engines.loops import runner, runtime

    @numba.njit
    def empty(length, dtype):
        made = np.empty(length, dtype)
        made.view(np.uint8)[:] = 0xFF
        return made

    patch.setattr(runtime, "empty", empty)
    patch.setattr(runner, "_new", poisoned)
    patch.setattr(teamwork, "_new", lambda shape: poisoned(shape, np.float64))
