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
@pytest.mark.parametrize(
    "sizes", [(33, 40, 37), (16, 76, 3), (15, 90, 37), (90, 15, 37), (30, 40, 37)]
)
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
        used = flip_b and n * k <= room and m >= 16 and n >= 16 and m * n > 1200
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


def source_of(monkeypatch, slow, sizes, team, dtype="float32"):
    """Of a step's program, with an OpenBLAS that turns weights slowly or does not."""
    monkeypatch.setattr(remembered, "_programs", {})
    monkeypatch.setattr(openblas.OpenBLAS, "packs_slowly", slow)
    monkeypatch.setattr(source, "bundled", lambda: openblas.OpenBLAS("", "", ""))
    net = xpnet.Network(list(sizes), loss="squared_error", dtype=dtype, rng=1)
    X, Y = np.ones((80, sizes[0]), dtype), np.ones((80, sizes[-1]), dtype)
    return program_of(case(net, X, Y, optimizer=SGD(), batch=40), team=team).source


@pytest.mark.parametrize("team", [False, True])
@pytest.mark.parametrize(
    ("slow", "dtype", "room"),
    [(True, "float32", 2**17), (True, "float64", 0), (False, "float32", 0)],
)
def test_a_program_makes_room_where_it_pays(monkeypatch, slow, dtype, room, team):
    lines = source_of(monkeypatch, slow, (3, 2000, 1), team, dtype).splitlines()
    assert f"    turned_{dtype} = empty({room}, {dtype})" in lines


@pytest.mark.parametrize("slow", [True, False])
def test_the_source_does_not_tell_which_weights_are_the_largest(monkeypatch, slow):
    """One compilation serves all widths."""
    widths = [(5, 1000, 6, 4), (4, 6, 1000, 5), (2, 500, 300, 70)]
    assert len({source_of(monkeypatch, slow, sizes, False) for sizes in widths}) == 1


@needs_numba
def test_an_openblas_that_lacks_a_function_is_none(monkeypatch):
    """A symbol that machine code does not find would end the process."""
    from xpnet.fused import products

    other = openblas.OpenBLAS(bundled().path, "another_", "")
    monkeypatch.setattr(products, "bundled", lambda: other)
    with pytest.raises(ImportError, match="no OpenBLAS of its own"):
        products._function("somatcopy", np.float32)


@needs_numba
def test_addresses_are_integers():
    """Of a signed and an unsigned one numba makes float64, which has 53 bits."""
    from xpnet.fused import products

    gemm = products._product("s", np.float32)
    A, C, turned = np.ones((16, 3), "float32"), np.ones((16, 16), "float32"), np.ones(48, "float32")
    gemm(16, 16, 3, False, A, 0, 3, True, A, 0, 3, C, 0, 16, turned)
    (compiled,) = gemm.overloads.values()
    kinds = {k: str(v) for k, v in compiled.type_annotation.typemap.items()}
    assert {v for k, v in kinds.items() if k.startswith("right")} == {"int64"}
