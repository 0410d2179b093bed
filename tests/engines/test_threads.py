"""A fit sets the number of BLAS threads by its shapes, reports it, and restores the old one."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, needs_openblas
from xpnet.backends.openblas import blas_threads, bundled
from xpnet.engines.threads import threads_for


@pytest.mark.parametrize(
    ("sizes", "batch", "threads"),
    [
        ([2, 8, 2], 1, 1),
        ([64, 64, 10], 32, 1),
        ([784, 128, 10], 32, 1),
        ([784, 128, 10], 64, None),
        ([784, 10], 1024, None),
    ],
)
def test_small_products_get_one_thread(sizes, batch, threads):
    assert threads_for(xpnet.Network(sizes).layers, batch) == threads


@needs_openblas
@pytest.mark.parametrize("compile", [False, None])
def test_a_fit_sets_threads_and_gives_them_back(compile):
    library = bundled()
    before = library.threads
    library.set_threads(2)
    seen = []
    X, Y = np.ones((40, 784), np.float32), np.zeros(40, int)
    try:
        for sizes, expected in (([784, 5, 2], 1), ([784, 300, 2], 2)):
            net = xpnet.Network(sizes, loss="cross_entropy")
            watch = {"step_end": lambda net, history: seen.append(library.threads)}
            history = net.fit(X, Y, epochs=1, batch_size=20, compile=compile, callbacks=watch)
            assert history.threads == expected
            assert library.threads == 2
            assert set(seen) == {expected}
            seen.clear()
    finally:
        library.set_threads(before)


@needs_openblas
def test_a_limit_holds_until_its_own_fit_ends():
    """Fits in two threads overlap: the fit that begins first may end first."""
    library = bundled()
    before = library.threads
    library.set_threads(2)
    try:
        first, second = ExitStack(), ExitStack()
        assert first.enter_context(blas_threads(1)) == 1
        assert second.enter_context(blas_threads(1)) == 1
        first.close()
        assert library.threads == 1
        second.close()
        assert library.threads == 2
    finally:
        library.set_threads(before)


def test_other_backends_know_no_threads():
    needed("array_api_strict")
    net = xpnet.Network([2, 3, 1], loss="squared_error", backend="array-api-strict")
    assert net.fit(np.ones((4, 2)), np.ones(4), epochs=1).threads is None
