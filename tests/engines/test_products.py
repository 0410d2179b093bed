"""The matrix products that compiled steps call, compared with NumPy's in float64."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import xpnet
from tests.support.fused_cases import case, program_of
from tests.support.helpers import needs_numba, needs_openblas, relative
from tests.support.processes import python
from xpnet.backends import openblas
from xpnet.backends.openblas import blas_threads, bundled
from xpnet.engines.graph import remembered
from xpnet.engines.threads import team_for
from xpnet.optimizers import SGD

TOLERANCE = {"float32": 1e-6, "float64": 1e-15}


def operands(m, n, k, flip_a, flip_b, dtype):
    rng = np.random.default_rng(5)
    A = rng.normal(size=(k, m) if flip_a else (m, k)).astype(dtype)
    B = rng.normal(size=(n, k) if flip_b else (k, n)).astype(dtype)
    exact = (A.T if flip_a else A).astype("float64") @ (B.T if flip_b else B).astype("float64")
    return A, B, np.full((m, n), np.nan, dtype), exact


def tiled(monkeypatch, dtype, has=True):
    """Return functions that decide which products use tiles, and that compute them, on any CPU."""
    from xpnet.engines.loops import products, tiled

    monkeypatch.setattr(tiled, "stay_in_registers", lambda: has)
    made = []
    monkeypatch.setattr(
        products, "tiled_product", lambda *args: made.append(tiled.tiled_product(*args)) or made[0]
    )
    products._product({"float32": "s", "float64": "d"}[dtype], np.dtype(dtype).type)
    return made[0]


@needs_numba
@needs_openblas
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k", [1, 37])
def test_tiles_make_the_whole_and_write_nothing_else(monkeypatch, dtype, k):
    """C and both factors are parts of larger matrices; the last tiles are smaller."""
    _, multiply = tiled(monkeypatch, dtype)
    for m, n, flip_a, flip_b in product(
        (8, 13, 24), (16, 31, 32, 77), (False, True), (False, True)
    ):
        A, B, _, exact = operands(m, n, k, flip_a, flip_b, dtype)
        A, B = (np.pad(x, ((0, 0), (0, 5)), constant_values=np.nan) for x in (A, B))
        C, room = np.full((m + 2, n + 7), np.nan, dtype), np.empty(32 * k, dtype)
        inner = C[1 : m + 1, 3 : n + 3]
        multiply(
            m, n, k, flip_a, A.ctypes.data, k + 5 if not flip_a else m + 5,
            flip_b, B.ctypes.data, k + 5 if flip_b else n + 5, inner.ctypes.data, n + 7, room,
        )  # fmt: skip
        assert relative(inner, exact) < TOLERANCE[dtype]
        assert np.isfinite(C).sum() == m * n


@needs_numba
@needs_openblas
def test_nan_and_infinity_propagate_through_tiles(monkeypatch):
    _, multiply = tiled(monkeypatch, "float32")
    A, B = np.ones((8, 3), "float32"), np.zeros((3, 32), "float32")
    A[2, 1], B[2, 5] = np.inf, np.nan
    C, room = np.empty((8, 32), "float32"), np.empty(96, "float32")
    multiply(8, 32, 3, False, A.ctypes.data, 3, False, B.ctypes.data, 32, C.ctypes.data, 32, room)
    expected = np.zeros((8, 32))
    expected[2] = expected[:, 5] = np.nan  # ∞ · 0, and the NaN of a factor
    np.testing.assert_array_equal(C, expected)


@needs_numba
@needs_openblas
@pytest.mark.parametrize(
    ("sizes", "fit"),
    [
        ((64, 128, 784), True),
        ((64, 128, 1024), True),
        ((64, 128, 1025), False),  # no room for two vectors of columns
        ((64, 128, 0), False),
        ((7, 128, 64), False),  # less than a tile
        ((8, 15, 64), False),
        ((8, 16, 64), True),
        ((8, 24, 64), False),  # a third more would be computed than wanted
        ((8, 25, 64), True),
        ((10, 64, 64), False),  # two rows of tiles for ten
        ((64, 10, 128), False),
        ((512, 512, 512), False),  # no longer in a cache
        ((384, 384, 384), True),
    ],
)
def test_which_products_are_done_by_tiles(monkeypatch, sizes, fit):
    room = np.empty(32 * 1024, "float32")
    assert tiled(monkeypatch, "float32")[0](*sizes, room) is fit
    assert not tiled(monkeypatch, "float32", has=False)[0](*sizes, room)
    assert not tiled(monkeypatch, "float32")[0](*sizes, room[:0])


@needs_numba
@needs_openblas
@pytest.mark.parametrize(
    ("sizes", "fit"),
    [((32, 32, 2048), True), ((32, 32, 2049), False), ((8, 8, 64), True), ((8, 7, 64), False),
     ((300, 300, 300), True), ((384, 384, 384), False)],
)  # fmt: skip
def test_which_products_in_float64(monkeypatch, sizes, fit):
    room = np.empty(32 * 1024)
    assert tiled(monkeypatch, "float64")[0](*sizes, room) is fit


@needs_numba
@needs_openblas
@pytest.mark.parametrize("target", [{}, {"NUMBA_ENABLE_AVX": "0"}, {"NUMBA_CPU_NAME": "generic"}])
def test_registers_are_those_that_numba_compiles_for(target):
    """On a CPU with more registers, vectors of 64 bytes were fifty times slower."""
    import llvmlite.binding

    script = "from xpnet.engines.loops.tiles import stay_in_registers; print(stay_in_registers())"
    done = python("-c", script, check=True, **target)
    has = not target and llvmlite.binding.get_host_cpu_features().get("avx512f", False)
    assert done.stdout.split() == [str(has)]


@needs_numba
@needs_openblas
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("sizes", "fit"),
    [((32, 48, 37), True), ((6, 76, 3), False), ((15, 90, 37), True), ((90, 7, 37), False)],
)
def test_a_product_by_tiles_or_by_the_blas(dtype, sizes, fit):
    """Only tiles of a transposed B write to the room."""
    from xpnet.engines.loops import products
    from xpnet.engines.loops.tiles import stay_in_registers

    gemm = {"float32": products.sgemm, "float64": products.dgemm}[dtype]
    m, n, k = sizes
    for length, flip_a, flip_b in product((0, 10_000), (False, True), (False, True)):
        A, B, C, exact = operands(m, n, k, flip_a, flip_b, dtype)
        room = np.full(length, np.nan, dtype)
        with blas_threads(1):
            gemm(m, n, k, flip_a, A, A.shape[1], flip_b, B, B.shape[1], C, n, room)
        assert relative(C, exact) < TOLERANCE[dtype]
        by_tiles = stay_in_registers() and fit and length > 0
        assert np.isfinite(room).any() == (by_tiles and flip_b)


@needs_numba
@needs_openblas
@pytest.mark.parametrize("room", [0, 10_000])
@pytest.mark.parametrize("sizes", [(24, 80, 19), (80, 24, 19), (50, 7, 19), (7, 50, 19)])
def test_the_shares_of_three_threads_make_the_whole(room, sizes):
    from xpnet.engines.loops import products

    m, n, k = sizes
    shares = products.sgemm_columns, products.sgemm_rows
    for share, flip_a, flip_b in product(shares, (False, True), (False, True)):
        A, B, C, exact = operands(m, n, k, flip_a, flip_b, "float32")
        with blas_threads(1):
            for rank in range(3):
                last = C, n, np.empty(room, "float32"), rank, 3
                share(m, n, k, flip_a, A, A.shape[1], flip_b, B, B.shape[1], *last)
        assert relative(C, exact) < TOLERANCE["float32"]


def source_of(monkeypatch, sizes, batch=40, threads=2):
    """Return the source of a step's program, and whether a team runs it."""
    monkeypatch.setattr(xpnet.engines.threads, "usual_threads", lambda: threads)
    net = xpnet.Network(list(sizes), loss="squared_error", dtype="float32", rng=1)
    X, Y = np.ones((80, sizes[0]), "float32"), np.ones((80, sizes[-1]), "float32")
    team = team_for(net.layers, batch) > 1
    made = program_of(case(net, X, Y, optimizer=SGD(), batch=batch), team=team)
    return made.source, team


@pytest.mark.parametrize(
    ("sizes", "threads", "team", "tiles"),
    [
        ((30, 200, 3), 2, False, True),  # too small for two threads
        ((2000, 60, 3), 2, False, False),  # on OpenBLAS's threads
        ((2000, 60, 3), 1, False, True),
        ((2000, 600, 3), 2, True, True),
    ],
)
def test_tiles_are_for_products_on_one_thread(monkeypatch, sizes, threads, team, tiles):
    """Two threads of OpenBLAS are faster than one thread with tiles."""
    source, is_team = source_of(monkeypatch, sizes, threads=threads)
    assert is_team is team
    assert f"    room_float32 = empty({2**15 if tiles else 0}, float32)" in source.splitlines()


def test_a_program_for_one_thread_is_not_remembered_for_two(monkeypatch):
    kept = {}
    sources = set()
    for threads in (1, 2, 1):
        monkeypatch.setattr(remembered, "_programs", kept)
        sources.add(source_of(monkeypatch, (2000, 60, 3), threads=threads)[0])
    assert len(sources) == len(kept) == 2


def test_one_compilation_serves_all_widths(monkeypatch):
    widths = [(5, 1000, 6, 4), (4, 6, 1000, 5), (2, 500, 300, 70)]
    assert len({source_of(monkeypatch, sizes, batch=8)[0] for sizes in widths}) == 1


@needs_numba
@needs_openblas
def test_an_openblas_that_lacks_a_function_is_not_used(monkeypatch):
    """Machine code with a missing symbol would crash the process."""
    from xpnet.engines.loops import products

    other = openblas.OpenBLAS(bundled().path, "another_", "")
    monkeypatch.setattr(products, "bundled", lambda: other)
    with pytest.raises(ImportError, match="compiled steps call the OpenBLAS"):
        products._function("somatcopy", np.float32)


@needs_numba
@needs_openblas
def test_addresses_are_integers():
    """The sum of a signed and an unsigned integer is float64 in numba, which has 53 bits."""
    from xpnet.engines.loops import products

    gemm = products._product("s", np.float32)
    A, C, room = np.ones((16, 3), "float32"), np.ones((16, 16), "float32"), np.ones(96, "float32")
    gemm(16, 16, 3, False, A, 0, 3, True, A, 0, 3, C, 0, 16, room)
    (compiled,) = gemm.overloads.values()
    kinds = {k: str(v) for k, v in compiled.type_annotation.typemap.items()}
    addresses = [v for k, v in kinds.items() if k.startswith(("left", "right", "place"))]
    assert set(addresses) == {"int64"}
