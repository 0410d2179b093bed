"""A user's own layer, with the two methods that training needs and no others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xpnet.equations.parameters import Slot


class Shift:
    """B = A + β."""

    def bind(self, fan_in, allocator, defaults):
        allocator.number()
        return BoundShift(fan_in, fan_in, (allocator.row("shift", fan_in),))

    def config(self):
        return {"layer": "shift"}


class BoundShift(NamedTuple):
    fan_in: int
    fan_out: int
    slots: tuple[Slot, ...]

    kind: str = "shift"
    n_stats: int = 0
    children: tuple[Any, ...] = ()

    def forward(self, backend, p, stats, A, ctx):
        return A + p[0], None, ()

    def gradients(self, backend, p, saved, dB, g, needed):
        return [backend.xp.sum(dB, axis=-2, keepdims=True)], dB

    def initial(self, seed, initializer):
        return [np.ones((1, self.fan_in))]

    def initial_stats(self):
        return ()
