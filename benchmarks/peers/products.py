"""Compute only the 3L − 1 matrix products of a step, on fixed operands, into fixed results.

    Z_l = A_{l-1} W_lᵀ        dW_l = dZ_lᵀ A_{l-1}        dA_{l-1} = dZ_l W_l  (l > 1)

NumPy's BLAS gives a lower bound for a network on NumPy. Torch's BLAS shows whether the two
libraries' products themselves differ in speed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workloads import Workload

__all__ = ["NumpyProducts", "TorchProducts"]

Array = Any
Product = tuple[Array, Array, Array]  # left, right, out


def operands(workload: Workload) -> list[Product]:
    """Return operands and results as in a step: transposes are views."""
    rng = np.random.default_rng(1)

    def filled(*shape: int) -> Array:
        return rng.standard_normal(shape, dtype=np.float32)

    N, sizes = workload.batch, workload.sizes
    A, dZ = ([filled(N, n) for n in sizes] for _ in range(2))
    W = [filled(n, m) for m, n in pairwise(sizes)]
    forward = [(A[l], W[l].T, filled(N, n)) for l, n in enumerate(sizes[1:])]
    weights = [(dZ[l + 1].T, A[l], np.empty_like(W[l])) for l in range(len(W))]
    back = [(dZ[l + 1], W[l], filled(N, sizes[l])) for l in range(1, len(W))]
    return [*forward, *weights, *back]


class NumpyProducts:
    """The products by `np.matmul(out=)`."""

    packages: tuple[str, ...] = ("numpy",)

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.steps = workload.steps
        self.products = operands(workload)
        self.matmul: Callable[..., Any] = np.matmul

    def start(self, seed: int) -> None:
        """Do nothing: the operands are fixed."""

    def train(self, epochs: int) -> None:
        """Compute the products of as many steps."""
        matmul = self.matmul
        for _ in range(epochs * self.steps):
            for left, right, out in self.products:
                matmul(left, right, out=out)

    def predict(self, X: Array) -> Array:
        """Raise an error: there is no network."""
        raise NotImplementedError

    def threads(self) -> int | None:
        """Return None: the report lists BLAS and its threads separately."""
        return None


class TorchProducts(NumpyProducts):
    """The products by `torch.mm(out=)`."""

    packages = ("torch",)

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        super().__init__(workload, X, Y)
        import torch

        self.matmul = torch.mm
        self.products = [
            (torch.from_numpy(left), torch.from_numpy(right), torch.from_numpy(out))
            for left, right, out in self.products
        ]

    def threads(self) -> int | None:
        """Return the number of threads of torch's pool."""
        import torch

        return int(torch.get_num_threads())
