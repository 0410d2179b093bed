"""Time one training step of 784-128-10 with 64 examples on each backend."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from xpnet.backends import BackendInfo, asarray
from xpnet.network import Network

__all__ = ["BATCH", "SIZES", "BackendStep", "time_step"]

SIZES = (784, 128, 10)
BATCH = 64
_STEPS = 20  # steps in an epoch


@dataclass(frozen=True)
class BackendStep:
    """Seconds per step, or None and the reason."""

    backend: str
    version: str | None
    device: str | None
    seconds: float | None
    reason: str | None


def time_step(row: BackendInfo, seconds: float = 0.3) -> BackendStep:
    """Time a step by training for about ``seconds``, after an untimed epoch for compilation."""
    if not row.usable:
        return BackendStep(row.name, row.version, None, None, row.reason)
    net = Network(SIZES, loss="cross_entropy", backend=row.name, rng=0)
    device = str(net.backend.device_name())
    try:
        taken = _seconds(net, seconds)
    except Exception as error:  # a library that fails is a finding, not the end of the report
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return BackendStep(row.name, row.version, device, None, reason)
    return BackendStep(row.name, row.version, device, taken, None)


def _seconds(net: Network, seconds: float) -> float:
    """Return seconds per step in the fastest epoch of ``fit``, with Adam and gathering batches."""
    rows = BATCH * _STEPS
    X = np.linspace(-1, 1, rows * SIZES[0], dtype=np.float32).reshape(rows, SIZES[0])
    X, y = asarray(X, net.backend), asarray(np.arange(rows) % SIZES[-1], net.backend)
    best = math.inf
    net.fit(X, y, epochs=1, batch_size=BATCH, progress=False)
    end = time.perf_counter() + seconds
    while best == math.inf or time.perf_counter() < end:
        began = time.perf_counter()
        net.fit(X, y, epochs=1, batch_size=BATCH, progress=False)
        best = min(best, time.perf_counter() - began)
    return best / _STEPS
