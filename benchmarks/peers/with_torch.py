"""PyTorch: with default Adam, with fused Adam, and with the whole step in torch.compile."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn

from benchmarks.workloads import LEARNING_RATE, Workload

__all__ = ["Compiled", "Eager", "Fused"]

Array = Any


class Eager:
    """Layers, loss and optimizer with their defaults; batches by `index_select`."""

    packages = ("torch",)
    fused: bool | None = None

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.workload = workload
        self.X, self.Y = torch.from_numpy(X), torch.from_numpy(Y)
        layers = [
            layer
            for fan_in, fan_out in pairwise(workload.sizes)
            for layer in (nn.Linear(fan_in, fan_out), nn.ReLU())
        ]
        self.net = nn.Sequential(*layers[:-1])
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=LEARNING_RATE, fused=self.fused)

    def start(self, seed: int) -> None:
        """Reset all tensors in place, because compiled code refers to them."""
        torch.manual_seed(seed)
        for layer in self.net:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        for state in self.optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()

    def step(self, X: Any, Y: Any) -> None:
        """Take a step on one batch."""
        self.optimizer.zero_grad()
        self.loss(self.net(X), Y).backward()
        self.optimizer.step()

    def train(self, epochs: int) -> None:
        """Run the usual loop over batches."""
        for _ in range(epochs):
            for rows in torch.randperm(self.workload.rows).split(self.workload.batch):
                self.step(self.X.index_select(0, rows), self.Y.index_select(0, rows))

    def predict(self, X: Array) -> Array:
        """Return the softmax of the logits; nothing is kept for a gradient."""
        with torch.inference_mode():
            return self.net(torch.from_numpy(X)).softmax(dim=-1).numpy()

    def threads(self) -> int | None:
        """Return the number of threads of torch's pool."""
        return int(torch.get_num_threads())


class Fused(Eager):
    """Adam in one kernel per step."""

    fused = True


class Compiled(Fused):
    """The whole step, including fused Adam, compiled for each batch size."""

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        super().__init__(workload, X, Y)
        self.step = torch.compile(super().step, dynamic=False)  # type: ignore[method-assign]
