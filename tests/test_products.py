"""The products that compiled steps call, against NumPy's in float64."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import xpnet
from tests.fused_cases import case, program_of
from tests.helpers import relative
from xpnet import openblas
from xpnet.fused import remembered, source
from xpnet.fused.cache import numba_version
from xpnet.openblas import blas_threads, bundled
from xpnet.optimizers import SGD

needs_numba = pytest.mark.skipif(
    numba_version() is None or bundled() is None,
    reason='numba, or an OpenBLAS beside NumPy, is not here: pip install "xpnet[fast]"',
)
TOLERANCE = {"float32": 1e-6, "float64": 1e-15}


def operands(m, n, k, flip_a, flip_b, dtype):
    rng = np.random.default_rng(5)
    A = rng.normal(size=(k, m) if flip_a else (m, k)).astype(dtype)
    B = rng.normal(size=(n, k) if flip_b else (k, n)).astype(dtype)
    exact = (A.T if flip_a else A).astype("float64") @ (B.T if flip_b else B).astype("float64")
    return A, B, np.full((m, n), np.nan, dtype), exact


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("room", [0, 40 * 37 - 1, 40 * 37, 10_000])
@pytest.mark.parametrize("sizes", [(33, 40, 37), (16, 16, 3), (15, 40, 37), (33, 15, 37)])
def test_a_right_factor_that_is_turned_first(dtype, room, sizes):
    """With room for it and without, and at the sizes from which on it is done."""
    from xpnet.fused import products

    gemm = {"float32": products.sgemm, "float64": products.dgemm}[dtype]
    m, n, k = sizes
    for flip_a, flip_b in product((False, True), repeat=2):
        A, B, C, exact = operands(m, n, k, flip_a, flip_b, dtype)
        turned = np.full(room, np.nan, dtype)
        with blas_threads(1):
            gemm(m, n, k, flip_a, A, A.shape[1], flip_b, B, B.shape[1], C, n, turned)
        assert relative(C, exact) < TOLERANCE[dtype]
        used = flip_b and n * k <= room and m >= 16 and n >= 16
        assert np.isfinite(turned).sum() == (n * k if used else 0)


@needs_numba
@pytest.mark.parametrize("room", [0, 10_000])
@pytest.mark.parametrize("sizes", [(24, 80, 19), (80, 24, 19), (50, 7, 19), (7, 50, 19)])
def test_the_shares_of_three_threads_make_the_whole(room, sizes):
    from xpnet.fused import products

    m, n, k = sizes
    shares = products.sgemm_columns, products.sgemm_rows
    for share, flip_a, flip_b in product(shares, (False, True), (False, True)):
        A, B, C, exact = operands(m, n, k, flip_a, flip_b, "float32")
        with blas_threads(1):
            for rank in range(3):
                turned = np.empty(room, "float32")
                last = C, n, turned, rank, 3
                share(m, n, k, flip_a, A, A.shape[1], flip_b, B, B.shape[1], *last)
        assert relative(C, exact) < TOLERANCE["float32"]


@pytest.mark.parametrize(
    ("kernels", "slow"),
    [
        ("SkylakeX", True),
        ("SAPPHIRERAPIDS", True),
        ("Cooperlake", True),
        ("Zen", False),
        ("", False),
    ],
)
def test_the_kernels_that_turn_slowly_by_themselves(monkeypatch, kernels, slow):
    monkeypatch.setattr(openblas.OpenBLAS, "text", lambda self, what: kernels)
    assert openblas.OpenBLAS("", "", "").packs_slowly is slow


@pytest.mark.parametrize(
    ("slow", "hidden", "room"),
    [(True, 8, 24), (False, 8, 0), (True, 100_000, 2**17)],
)
def test_a_program_makes_room_for_the_largest_weights(monkeypatch, slow, hidden, room):
    """Of those that fit into a core's cache: 3 inputs, and one output."""
    monkeypatch.setattr(remembered, "_programs", {})
    monkeypatch.setattr(openblas.OpenBLAS, "packs_slowly", slow)
    monkeypatch.setattr(source, "bundled", lambda: openblas.OpenBLAS("", "", ""))
    net = xpnet.Network([3, hidden, 1], loss="squared_error", rng=1)
    X = np.ones((80, 3), "float32")
    program = program_of(case(net, X, X[:, :1], optimizer=SGD(), batch=40), team=True)
    line = next(x for x in program.source.splitlines() if "turned_float32 = empty(" in x)
    name = line.split("(")[1].split(",")[0]
    lengths = {f"n{k}": n for k, n in enumerate(program.lengths)}
    assert lengths.get(name, 0) == room
