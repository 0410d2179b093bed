"""ONNX Runtime: the same network as a graph of Gemm, Relu and Softmax, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.by_hand import ByHand

__all__ = ["OnnxRuntime"]

Array = Any
OPSET, IR = 17, 8  # versions that runtimes since 2022 can read


class OnnxRuntime(ByHand):
    """A session with its defaults."""

    packages = ("onnxruntime", "onnx")

    def start(self, seed: int) -> None:
        """Make a session with the weights of `ByHand`."""
        super().start(seed)
        self.session = onnxruntime.InferenceSession(
            self.model().SerializeToString(), providers=["CPUExecutionProvider"]
        )

    def model(self) -> onnx.ModelProto:
        """Return the graph that maps X (N, n_0) to P (N, n_L)."""
        nodes, constants, A, last = [], [], "X", len(self.layers) - 1
        for l, (W, b) in enumerate(self.layers):
            constants += [numpy_helper.from_array(W, f"W{l}"), numpy_helper.from_array(b, f"b{l}")]
            nodes.append(helper.make_node("Gemm", [A, f"W{l}", f"b{l}"], [f"Z{l}"], transB=1))
            A = "P" if l == last else f"A{l}"
            nodes.append(helper.make_node("Softmax" if l == last else "Relu", [f"Z{l}"], [A]))
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", n])
            for name, n in (("X", self.sizes[0]), ("P", self.sizes[-1]))
        ]
        graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], constants)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR)

    def predict(self, X: Array) -> Array:
        """Run the session once."""
        return self.session.run(None, {"X": np.atleast_2d(X)})[0]
