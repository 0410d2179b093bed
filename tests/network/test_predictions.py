"""Predictions of many examples are computed in pieces that fit a CPU's cache."""

from __future__ import annotations

import numpy as np

import xpnet


def test_every_row_is_the_prediction_of_its_own_example(backend, monkeypatch):
    monkeypatch.setattr(backend, "rows_in_cache", 4)  # on every backend
    nets = [
        xpnet.Network([3, 5, 2], activation="tanh", backend=backend, dtype="float64", rng=r)
        for r in range(2)
    ]
    X = np.random.default_rng(0).normal(size=(11, 3))
    singly = np.stack([[xpnet.to_numpy(net(x)) for x in X] for net in nets])
    np.testing.assert_allclose(xpnet.to_numpy(nets[0](X)), singly[0], rtol=1e-12)
    np.testing.assert_allclose(xpnet.to_numpy(xpnet.Stack(nets)(X)), singly, rtol=1e-12)
