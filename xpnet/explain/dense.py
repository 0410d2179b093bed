"""Run and record the equations of a dense layer l on the output of layer k.

`xpnet.equations.passes` computes them:

Z_l = A_k W_lᵀ + b_l        A_l = f(Z_l)
dZ_l = dA_l ∘ f'(Z_l)       dW_l = dZ_lᵀ A_k        db_l = 1ᵀ dZ_l        dA_k = dZ_l W_l
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.equations import passes
from xpnet.equations.activation import Activation
from xpnet.explain.formulas import (
    activation_note,
    derivative_equation,
    derivative_note,
    derivative_reads,
    is_known,
    is_softmax,
)
from xpnet.explain.record import Log
from xpnet.explain.rows import product_flops
from xpnet.typing import Array

__all__ = [
    "activation",
    "gradients",
    "input_gradient",
    "preactivation",
    "preactivation_gradient",
]


def _operations(f: Activation) -> int:
    """Return the FLOPs per entry of f or f': 0 for identity, 4 for softmax (row sums), else 1."""
    if is_softmax(f):
        return 4
    return 0 if f.name == "identity" and is_known(f) else 1


def preactivation(log: Log, l: str, k: str, A: Array, W: Array, b: Array) -> Any:
    """Z_l = A_k W_lᵀ + b_l."""
    Z, seconds = log.timed(passes.dense_preactivation, log.backend, A, W, b)
    right = f"A_{k} W_{l}ᵀ + b_{l}"
    operands = ((f"A_{k}", A.shape), (f"W_{l}ᵀ", W.mT.shape), (f"b_{l}", b.shape))
    flops = product_flops(A.shape, W.mT.shape) + Z.shape[-2] * Z.shape[-1]
    log.forward(l, f"Z_{l}", right, Z, operands, flops=flops, seconds=seconds, summed=f"n_{k}")
    return Z


def activation(log: Log, l: str, f: Activation, Z: Array, note: str = "") -> Any:
    """A_l = f(Z_l)."""
    A, seconds = log.timed(passes.dense_activation, log.backend, f, Z)
    flops = _operations(f) * log.size(Z)
    note = "; ".join(part for part in (activation_note(f, l), note) if part)
    right, operands = f"{f.name}(Z_{l})", ((f"Z_{l}", Z.shape),)
    log.forward(l, f"A_{l}", right, A, operands, flops=flops, seconds=seconds, note=note)
    return A


def preactivation_gradient(log: Log, l: str, f: Activation, Z: Array, A: Array, dA: Array) -> Any:
    """dZ_l = dA_l ∘ f'(Z_l)."""
    shape = dA.shape
    dZ, seconds = log.timed(passes.dense_preactivation_gradient, log.backend, f, Z, A, dA)
    operands = [(name, shape) for name in (f"dA_{l}", *derivative_reads(f, l))]
    by_entry = _operations(f) + (0 if is_softmax(f) else len(operands) > 1)  # one more for ∘
    flops, right, note = by_entry * log.size(dZ), derivative_equation(f, l), derivative_note(f, l)
    log.backward(l, f"dZ_{l}", right, dZ, operands, flops=flops, seconds=seconds, note=note)
    return dZ


def gradients(log: Log, l: str, k: str, A: Array, dZ: Array, g: Sequence[Array]) -> list[Any]:
    """dW_l = dZ_lᵀ A_k and db_l = 1ᵀ dZ_l."""
    (dW, db), seconds = log.timed(passes.dense_gradients, log.backend, A, dZ, g)
    operands = ((f"dZ_{l}ᵀ", dZ.mT.shape), (f"A_{k}", A.shape))
    log.product(l, f"dW_{l}", dW, operands, "N", seconds)
    log.product(l, f"db_{l}", db, (("1ᵀ", (1, dZ.shape[-2])), (f"dZ_{l}", dZ.shape)), "N")
    return [dW, db]


def input_gradient(log: Log, l: str, k: str, dZ: Array, W: Array) -> Any:
    """dA_k = dZ_l W_l."""
    dA, seconds = log.timed(passes.dense_input_gradient, log.backend, dZ, W)
    log.product(l, f"dA_{k}", dA, ((f"dZ_{l}", dZ.shape), (f"W_{l}", W.shape)), f"n_{l}", seconds)
    return dA
