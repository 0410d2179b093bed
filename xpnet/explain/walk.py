"""Run one forward and one backward pass, as `gradient` does, and record it row by row.

    A_0 = X → every layer's forward → Z_L → dZ_L → every layer's gradients

It calls the same functions of `xpnet.equations.passes` and of the layers as ``net.gradient``, in
the same order and with the same buffers. The values therefore agree to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.equations.parameters import Layers, unpack
from xpnet.equations.passes import chain, chain_gradients
from xpnet.equations.protocol import INFERENCE
from xpnet.explain import dense
from xpnet.explain.formulas import derivative_reads, loss_gradient, loss_value
from xpnet.explain.record import Log
from xpnet.explain.recorded import recorded
from xpnet.losses import Loss, from_preactivation
from xpnet.typing import Array

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["walk"]


def walk(net: NetworkState, layers: Layers, loss: Loss, X: Array, Y: Array) -> Log:
    """Record the gradient of the mean loss over X (N, n_0) and Y, computed on the device."""
    log, xp, L = Log(net.backend, net.dtype), net.backend.xp, str(len(layers))
    k = str(len(layers) - 1)
    p = unpack(xp, layers, net.parameters)
    buffer = xp.empty_like(net.parameters) if net.backend.in_place else None
    g = [None] * len(p) if buffer is None else unpack(xp, layers, buffer)
    within = recorded(layers[:-1], "", log)

    _inputs(log, X, Y, loss, layers[-1].fan_out)
    A, saved, _ = chain(log.backend, within, p, net.statistics, X, INFERENCE)
    Z = dense.preactivation(log, L, k, A, *p[-2:])
    dZ = _loss(log, L, loss, layers[-1].activation, Z, Y, X.shape[0])
    dense.gradients(log, L, k, A, dZ, g[-2:])
    if saved:
        dA = dense.input_gradient(log, L, k, dZ, p[-2])
        chain_gradients(log.backend, within, p, saved, dA, g, is_first=True)
    return log


def _inputs(log: Log, X: Array, Y: Array, loss: Loss, n_out: int) -> None:
    log.forward("0", "A_0", "X", X, note="X: one example per row")
    labels = log.host(Y)
    if loss.targets == "labels" and labels.ndim == 1:
        rows = np.eye(n_out, dtype=log.rows[0].array.dtype)[labels]
        log.forward("0", "Y", "one-hot labels", rows, note="a 1 in the column of each label")
    else:
        log.forward("0", "Y", "targets", labels, note="one example per row")


def _loss(log: Log, L: str, loss: Loss, f: Any, Z: Array, Y: Array, N: int) -> Any:
    """Record A_L, the mean loss and dZ_L; return dZ_L.

    This is the only place where the scale 1/N appears.
    """
    from_Z = f.name in loss.of_preactivation
    shown = f"shown for the reader; the loss and dZ_{L} need only Z_{L}" if from_Z else ""
    A = dense.activation(log, L, f, Z, shown)
    xp, scale = log.backend.xp, 1.0 / N
    (total, dZ), seconds = log.timed(from_preactivation, xp, loss, f, Z, Y, None, scale)
    mean = float(total) * scale
    read: tuple[tuple[str, Any], ...] = ((f"A_{L}", A.shape), ("Y", log.rows[1].shape))
    right, note = loss_value(loss, f, L)
    log.forward("loss", "loss", right, np.asarray(mean), read, flops=None, note=note)
    right, note = loss_gradient(loss, f, L)
    of = {"flops": 2 * log.size(dZ), "seconds": seconds, "note": f"{note}; N = {N}"}
    if not right.startswith(f"(A_{L} − Y)"):  # the cost of ∂loss_n/∂A is unknown
        read = tuple((dict(read) | dict.fromkeys(derivative_reads(f, L), Z.shape)).items())
        of["flops"] = None
    log.backward("loss", f"dZ_{L}", right, dZ, read, **of)
    return dZ
