"""PyTorch on a GPU: eager, with its fused Adam, compiled, and as one CUDA graph per step.

The graph holds the whole step: gathering, compiled forward and backward pass, and Adam in one
kernel whose step count is on the device. ``torch.compile`` by itself (mode "reduce-overhead") only
makes graphs of the forward and the backward pass. `Products` has the 3L − 1 products of a step in a
graph. A trial run on a CPU has no graphs and generates no code.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from benchmarks.peers.on_gpu import initial
from benchmarks.peers.products import operands
from benchmarks.workloads import LEARNING_RATE, Workload

__all__ = ["Compiled", "Eager", "Fused", "Graphed", "Products"]

Array = Any


def set_precision(workload: Workload) -> Any:
    """Turn TF32 on or off for all products; return autocast's dtype, or None."""
    torch.set_float32_matmul_precision("high" if workload.precision == "tf32" else "highest")
    return torch.bfloat16 if workload.precision == "bfloat16" else None


def captured(act: Callable[[], Any]) -> Callable[[], None]:
    """Capture ``act`` as a CUDA graph, after three runs on a separate stream; return its replay."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            act()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        act()
    replay: Callable[[], None] = graph.replay
    return replay


class _OnDevice:
    """The device and its clock: on a GPU, CUDA events measure the time."""

    packages = ("torch",)

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.device = torch.device(workload.device)
        self.autocast = set_precision(workload)
        if self.device.type == "cuda":
            self.elapsed = self._elapsed

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def threads(self) -> int | None:
        """Return None: the CPU's threads do not matter here."""
        return None

    def _elapsed(self, act: Callable[[], None]) -> float:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        act()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3


class Eager(_OnDevice):
    """Layers, loss and optimizer with their defaults; batches by `index_select`."""

    adam: dict[str, Any] = {}  # noqa: RUF012 (settings, not state)

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        super().__init__(workload)
        if workload.stack:
            raise ImportError("there is no torch contender for a stack of networks")
        self.X, self.Y = (torch.from_numpy(x).to(self.device) for x in (X, Y))
        layers = [
            layer
            for fan_in, fan_out in pairwise(workload.sizes)
            for layer in (nn.Linear(fan_in, fan_out), nn.ReLU())
        ]
        self.net = nn.Sequential(*layers[:-1]).to(self.device)
        self.cross_entropy = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=LEARNING_RATE, **self.adam)

    def start(self, seed: int) -> None:
        """Reset all tensors in place, because compiled code and graphs refer to them."""
        linear = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for layer, W in zip(linear, initial(self.workload.sizes, seed), strict=True):
                layer.weight.copy_(torch.from_numpy(W))
                layer.bias.zero_()
            for state in self.optimizer.state.values():
                for tensor in state.values():
                    tensor.zero_()
        torch.manual_seed(seed)

    def loss(self, X: Any, Y: Any) -> Any:
        """Return the loss of a batch, with products in bfloat16 if the workload says so."""
        if self.autocast is None:
            return self.cross_entropy(self.net(X), Y)
        with torch.autocast(self.device.type, dtype=self.autocast):
            return self.cross_entropy(self.net(X), Y)

    def step(self, rows: Any) -> None:
        """Take a step on one batch."""
        self.optimizer.zero_grad()
        self.loss(self.X.index_select(0, rows), self.Y.index_select(0, rows)).backward()
        self.optimizer.step()

    def train(self, epochs: int) -> None:
        """Run the usual loop, with the order drawn on the device."""
        n, batch = self.workload.rows, self.workload.batch
        for _ in range(epochs):
            for rows in torch.randperm(n, device=self.device).split(batch):
                self.step(rows)
        self.wait()

    def first_steps(self, n: int) -> None:
        """Take n steps on the rows in their order."""
        batch = self.workload.batch
        for rows in torch.arange(n * batch, device=self.device).split(batch):
            self.step(rows)

    def predict(self, X: Array) -> Array:
        """Return the softmax of the logits, on the host."""
        with torch.inference_mode():
            Z = self.net(torch.from_numpy(X).to(self.device))
            return Z.softmax(dim=-1).cpu().numpy()


class Fused(Eager):
    """Adam in one kernel."""

    adam = {"fused": True}  # noqa: RUF012


class Compiled(Fused):
    """Forward and backward pass through torch.compile."""

    mode: str | None = "reduce-overhead"

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        super().__init__(workload, X, Y)
        how: dict[str, Any] = {"mode": self.mode}
        if self.device.type == "cpu":
            how = {"backend": "aot_eager"}
        self.loss = torch.compile(  # type: ignore[method-assign]
            super().loss, dynamic=False, **how
        )


class Graphed(Compiled):
    """The whole step, compiled, in one CUDA graph; a smaller last batch runs outside it."""

    mode = None

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        self.adam = {"fused": True}
        if workload.device == "cuda":
            self.adam["capturable"] = True
        super().__init__(workload, X, Y)
        self.rows = torch.arange(workload.batch, device=self.device)
        self.replay: Callable[[], None] | None = None

    def step(self, rows: Any) -> None:
        """Copy the batch's indices into the graph's buffer and replay the graph."""
        if len(rows) != len(self.rows):
            return super().step(rows)
        self.rows.copy_(rows)
        if self.replay is None:
            self._capture()
        assert self.replay is not None
        return self.replay()

    def _capture(self) -> None:
        """Capture the step; the runs before it change parameters, which the next `start` resets."""

        def act() -> None:
            Eager.step(self, self.rows)

        self.replay = captured(act) if self.device.type == "cuda" else act


class Products(_OnDevice):
    """The matrix products of a step, or of a stack's, in one graph."""

    def __init__(self, workload: Workload, X: Array, Y: Array) -> None:
        super().__init__(workload)
        kind = self.autocast or torch.float32
        self.products = [
            tuple(self._there(x, kind) for x in product) for product in operands(workload)
        ]
        on_gpu = self.device.type == "cuda"
        self.step = captured(self._step) if on_gpu else self._step

    def _there(self, x: Array, kind: Any) -> Any:
        """Return x on the device, a transpose as a view; for a stack, with one copy per network."""
        transposed = x.flags.f_contiguous and not x.flags.c_contiguous
        there = torch.from_numpy(x.T if transposed else x).to(self.device, kind)
        if self.workload.stack:
            there = there.repeat(self.workload.stack, 1, 1)
        return there.mT if transposed else there

    def _step(self) -> None:
        for left, right, out in self.products:
            torch.matmul(left, right, out=out)

    def start(self, seed: int) -> None:
        """Do nothing: the operands are fixed."""

    def train(self, epochs: int) -> None:
        """Compute the products of as many steps."""
        for _ in range(epochs * self.workload.steps):
            self.step()
        self.wait()

    def predict(self, X: Array) -> Array:
        """Raise an error: there is no network."""
        raise NotImplementedError
