"""Predictions of many examples are computed in pieces that fit a CPU's cache."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from xpnet.backends import to_numpy


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


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "poisson"])
def test_logits_are_the_preactivations_of_the_outputs(backend, loss):
    net = xpnet.Network([3, 5, 2], loss=loss, dtype="float64", backend=backend, rng=1)
    X = np.random.default_rng(0).normal(size=(7, 3)) * 100
    Z, A = to_numpy(net.logits(X)), to_numpy(net.predict(X))
    last = net.to("numpy", dtype="float64").layers[-1].activation
    np.testing.assert_allclose(last.f(np, Z), A, rtol=1e-12)
    # a library may choose another product for other rows
    np.testing.assert_allclose(to_numpy(net.logits(X, batch_size=3)), Z, rtol=1e-14)
    assert np.isfinite(Z).all()
    assert net.layers[-1].activation.name != "identity"  # the network itself is unchanged


def test_activations_are_the_outputs_of_hidden_layers(backend):
    net = xpnet.Network([3, 5, 4, 2], activation="tanh", backend=backend.name, dtype="float64")
    X = np.random.default_rng(0).normal(size=(6, 3))
    A = X
    for l in range(2):
        W, b = to_numpy(net.weights[l]), to_numpy(net.biases[l])
        A = np.tanh(A @ W.T + b)
        np.testing.assert_allclose(to_numpy(net.activations(X, l)), A, rtol=1e-12)
        in_parts = to_numpy(net.activations(X, l - 2, batch_size=4))
        np.testing.assert_allclose(in_parts, A, rtol=1e-12)
    np.testing.assert_allclose(to_numpy(net.activations(X[0])), A[0], rtol=1e-12)
    with pytest.raises(IndexError, match="no hidden dense layer 2: the network has 2"):
        net.activations(X, 2)
    with pytest.raises(TypeError):
        net.activations(X, 0.5)
