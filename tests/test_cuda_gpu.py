"""CUDA kernels on a GPU: what the other tests run by g++, on the card itself."""

from __future__ import annotations

import os

import pytest

from tests.conftest import open_backend
from tests.helpers import relative
from tests.test_layers import chained, each_chain, examples


@pytest.mark.gpu
@each_chain
def test_a_fit_is_the_plain_one_and_the_same_bits_again(chain):
    backend = open_backend("cupy")
    if isinstance(backend, str):
        pytest.skip(backend)
    if os.environ.get("XPNET_CUPY_STAND_IN"):
        pytest.skip("the stand-in for CuPy compiles no kernels")
    X, Y = examples(N=300)
    fits = []
    for compile in (False, True, True):
        net = chained(backend, chain)
        history = net.fit(X, Y, epochs=2, batch_size=64, compile=compile)
        fits.append((history.engine, net.parameters))
    (plain, expected), (fused, found), (_, again) = fits
    assert (plain, fused) == ("plain", "fused")
    assert relative(found, expected) < 1e-8
    assert bool((found == again).all())
