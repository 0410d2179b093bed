"""Tests on CuPy itself: kernels, copies and roundings that other tests imitate or leave out."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.backends import open_backend, or_skip
from tests.support.chains import chained, each_chain, examples
from tests.support.helpers import relative
from xpnet.backends import get_backend, to_numpy

pytestmark = pytest.mark.gpu


@pytest.fixture
def backend():
    return or_skip(open_backend("cupy"))


@each_chain
def test_a_fit_is_the_plain_one_and_the_same_bits_again(backend, chain):
    X, Y = examples(N=300)
    fits = []
    for compile in (False, True, True):
        net = chained(backend, chain)
        history = net.fit(X, Y, epochs=2, batch_size=64, compile=compile)
        fits.append((history.engine, net.parameters))
    (plain, expected), (fused, found), (_, again) = fits
    assert (plain, fused) == ("plain", "graph")
    assert relative(found, expected) < 1e-8
    assert bool((found == again).all())


@pytest.mark.parametrize("stream", [False, True])
def test_a_fit_is_numpys(backend, stream):
    """Many batches with a shorter last one; two lanes are filled while the GPU computes."""
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(3001, 200)), rng.integers(0, 10, 3001)
    nets = [
        xpnet.Network([200, 300, 10], loss="cross_entropy", dtype="float64", backend=where)
        for where in (backend, "numpy")
    ]
    settings = {"epochs": 2, "batch_size": 64, "sample_weight": rng.uniform(1, 2, 3001)}
    nets[0].fit(X, Y, stream=stream, **settings)
    nets[1].fit(X, Y, compile=False, **settings)
    assert relative(to_numpy(nets[0].parameters), nets[1].parameters) < 1e-8


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("precision", "bits"), [("float32", 24), ("tf32", 11), ("bfloat16", 8), ("float16", 11)]
)
@pytest.mark.parametrize("depth", [(), (3,)])
def test_products_have_the_bits_of_their_precision(backend, precision, bits, transposed, depth):
    """Factors have so many bits, and 300 products are added in float32."""
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=(*depth, *shape)).astype("f") for shape in ((200, 300), (300, 72)))
    rounded = get_backend("cupy", precision=precision)
    given = np.ascontiguousarray(a.mT) if transposed else a
    with rounded.context():
        there, other = rounded.from_numpy(given), rounded.from_numpy(b)
        found = to_numpy(rounded.matmul(there.mT if transposed else there, other))
    a, b = a.astype("d"), b.astype("d")
    bound = (2 * 2.0 ** (1 - bits) + 300 * 2.0**-24) * (np.abs(a) @ np.abs(b))
    assert np.all(np.abs(found - a @ b) <= bound)
