"""Networks that together have every kind of layer, and their examples."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.backends import on_backends
from tests.support.helpers import network, random_targets
from xpnet.backends import get_backend, to_numpy
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, LayerNorm, Residual

CHAINS = {
    "dropout": [5, 8, Dropout(0.3), 4],
    "dropout first": [5, Dropout(0.4), 8, 4],
    "layer norm": [5, 8, LayerNorm(), 4],
    "batch norm": [5, 8, BatchNorm(), 4],
    "batch norm first": [5, BatchNorm(momentum=0.3, epsilon=1e-3), 8, 4],
    "residual": [5, 6, Residual([6]), 4],
    "residual, projected": [5, 6, Residual([Dense(8, "silu"), LayerNorm()]), 4],
    "residual in residual": [5, 6, Residual([7, Residual([Dropout(0.2), 7]), 6]), 4],
    "residual first": [5, Residual([Dense(5, "identity")]), 4],
    "embedding": [5, Embedding([3, 4], 2, columns=[1, 4]), 8, 4],
    "embedding of two widths": [5, Embedding([4, 3], [2, 5], columns=[4, 1]), 8, 4],
    "embedding alone": [5, Embedding(3, 6, columns=1), 4],
    "all": [
        5,
        Embedding([3, 4], 3, columns=[1, 4]),
        Dense(8, "gelu"),
        BatchNorm(),
        Residual([Dropout(0.25), Dense(8, "tanh"), LayerNorm()]),
        Dropout(0.5),
        4,
    ],
}

EVERY_KIND = ("residual, projected", "residual in residual", "all")
"""Chains that together have every kind of layer."""

each_chain = pytest.mark.parametrize("chain", list(CHAINS))
each_chain_few_on_jax = on_backends("chain", list(CHAINS), jax=EVERY_KIND)


def chained(backend, chain, **settings):
    """Return a float64 network with this chain and statistics that are not the initial ones."""
    net = network(
        backend, CHAINS[chain], **{"activation": "tanh", "loss": "cross_entropy", **settings}
    )
    rng = np.random.default_rng(2)
    net.set_statistics([to_numpy(s) + rng.uniform(0.1, 0.5, s.shape) for s in net.statistics])
    return net


def examples(N=9, loss="cross_entropy"):
    """Return X (N, 5) and Y; columns 1 and 4 of X hold categories, the others numbers."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N, 5))
    X[:, 1], X[:, 4] = rng.integers(0, 3, N), rng.integers(0, 4, N)
    return X, random_targets(rng, loss, N, 4)


def small(**settings):
    """Return a network and its examples, on NumPy."""
    settings = {"activation": "tanh", "loss": "cross_entropy", **settings}
    net = network(get_backend("numpy"), [5, 7, 4], **settings)
    name = settings["loss"] if isinstance(settings["loss"], str) else "squared_error"
    return net, *examples(20, name)
