"""CuPy's backend without a GPU: NumPy's functions, which run in the device's context alone.

CuPy makes arrays, and launches kernels, on the current device, wherever the operands lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xpnet
from xpnet.backends import to_numpy
from xpnet.backends.cupy_backend import CupyBackend

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
TARGETS = {
    "cross_entropy": np.arange(6) % 3,
    "binary_cross_entropy": np.eye(3, dtype=np.float32)[np.arange(6) % 3],
    "poisson": np.ones((6, 3), np.float32),
    "huber": np.ones((6, 3), np.float32),
}


class Device:
    """A device that knows whether it is current."""

    depth = 0

    def __enter__(self) -> Device:
        self.depth += 1
        return self

    def __exit__(self, *error: object) -> None:
        self.depth -= 1


class OneDevice:
    """NumPy's namespace, all of it on the device but what launches nothing."""

    FREE = ("reshape", "isdtype", "float32", "float64", "int64")

    def __init__(self, device: Device) -> None:
        self._device = device

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        if name in self.FREE:
            return function

        def guarded(*arguments: Any, device: Any = None, **settings: Any) -> Any:
            assert self._device.depth, f"{name} runs outside the device's context"
            return function(*arguments, **settings)

        return guarded


class OnNumpy(CupyBackend):
    """Its arrays are NumPy's."""

    packages = ("numpy",)

    def is_here(self, x: Any) -> bool:
        return True

    @staticmethod
    def to_numpy(x: Any) -> np.ndarray[Any, Any]:
        return x


@pytest.fixture
def cupy_on_numpy() -> OnNumpy:
    device = Device()
    return OnNumpy(OneDevice(device), device)


@pytest.mark.parametrize("loss", TARGETS)
def test_everything_runs_on_the_networks_device(cupy_on_numpy, loss):
    net = xpnet.Network([4, 5, 3], loss=loss, backend=cupy_on_numpy)
    same = xpnet.Network([4, 5, 3], loss=loss)
    Y = TARGETS[loss]
    w = np.linspace(1, 2, 6)
    np.testing.assert_array_equal(net.gradient(X, Y, w).flat, same.gradient(X, Y, w).flat)
    assert net.evaluate(X, Y) == same.evaluate(X, Y)
    np.testing.assert_array_equal(net.predict(X, batch_size=4), same.predict(X, batch_size=4))
    for one in (net, same):
        settings = {"sample_weight": w, "validation_data": (X, Y), "compile": False}
        one.fit(X, Y, epochs=2, batch_size=4, **settings)
    np.testing.assert_array_equal(net.parameters, same.parameters)
    np.testing.assert_array_equal(net.to(dtype="float64").parameters, same.parameters)
    net.set_weights(same.weights, same.biases)
    np.testing.assert_array_equal(net(X[0]), same(X[0]))


@pytest.mark.parametrize(
    "shapes", [((2, 3, 5), (2, 5, 4)), ((3, 5), (2, 5, 4)), ((2, 3, 5), (5, 4))]
)
@pytest.mark.parametrize("given", [True, False])
def test_a_stack_of_products_is_numpys(cupy_on_numpy, shapes, given):
    rng = np.random.default_rng(1)
    a, b = (rng.normal(size=shape) for shape in shapes)
    out = np.full((2, 3, 4), np.nan) if given else None
    with cupy_on_numpy.context():
        product = cupy_on_numpy.matmul(a, b, out=out)
    np.testing.assert_allclose(to_numpy(product), a @ b, rtol=1e-14)
    assert not given or product is out
