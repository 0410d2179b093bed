"""Small data, and networks on the stand-in for CuPy."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.fake_cupy import install
from xpnet.backends import to_numpy

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
TARGETS = {
    "cross_entropy": np.arange(6) % 3,
    "binary_cross_entropy": np.eye(3, dtype=np.float32)[np.arange(6) % 3],
    "poisson": np.ones((6, 3), np.float32),
    "huber": np.ones((6, 3), np.float32),
}


@pytest.fixture
def card(monkeypatch):
    """Two devices: the first is current, the second is the network's."""
    return install(monkeypatch, n_devices=2)


def equal(found, expected):
    np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))


def network(**settings):
    layers = xpnet.layers
    return xpnet.Network(
        [
            4,
            layers.Dense(6),
            layers.BatchNorm(),
            layers.Dropout(0.1),
            layers.Dense(6, activation="gelu"),
            layers.LayerNorm(),
            3,
        ],
        backend="cupy",
        **settings,
    )


def stack(backend, rng, shape, transposed, dtype):
    """Return a stack of matrices, or a transposed view of one."""
    host = rng.normal(size=shape).astype(dtype)
    x = backend.xp.asarray(np.ascontiguousarray(host.mT) if transposed else host)
    return host, x.mT if transposed else x
