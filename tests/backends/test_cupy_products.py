"""CuPy's backend without a GPU: stacks of products, precision and determinism."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xpnet
from tests.support import fake_cublas
from tests.support.cards import TARGETS, X, stack
from tests.support.fake_cupy import install
from xpnet.backends import get_backend, to_numpy


def test_products_of_two_matrices_copy_no_transpose(card):
    backend = get_backend("cupy")
    with backend.context():
        a, b = (backend.xp.asarray(X.copy()) for _ in range(2))
        card.launches.clear()
        backend.matmul(a.mT, b)
    assert {k: n for k, n in card.launches.items() if k != "empty"} == {"gemm 68": 1}


STACKS = [((2, 3, 5), (2, 5, 4)), ((3, 5), (2, 5, 4)), ((2, 3, 5), (5, 4)), ((2, 3, 1), (2, 1, 4))]
STACKS += [((2, 1, 5), (2, 5, 1)), ((2, 2, 3, 5), (2, 2, 5, 4))]


@pytest.mark.parametrize("shapes", STACKS)
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stack_of_products_is_numpys_in_one_call(card, shapes, given, transposed, dtype):
    rng = np.random.default_rng(1)
    backend = get_backend("cupy")
    with backend.context():
        (a, x), (b, y) = (
            stack(backend, rng, shape, t, dtype)
            for shape, t in zip(shapes, transposed, strict=True)
        )
        out = backend.xp.full((a @ b).shape, np.nan, dtype=dtype) if given else None
        card.launches.clear()
        product = backend.matmul(x, y, out=out)
        launches = dict(card.launches)
        tolerance = 1e-14 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(to_numpy(product), a @ b, rtol=tolerance, atol=tolerance)
    assert not given or product is out
    assert (len(a.shape) == 4 or len(b.shape) == 4) or launches.get("asarray", 0) == 0
    if max(a.ndim, b.ndim) == 3:
        compute = 70 if dtype == "float64" else 68
        assert {k: n for k, n in launches.items() if k != "empty"} == {f"gemm {compute}": 1}


def test_parts_of_a_larger_array_are_multiplied_where_they_lie(card):
    rng = np.random.default_rng(2)
    backend = get_backend("cupy", precision="tf32")
    host = rng.normal(size=(2, 6, 9)).astype(np.float32)
    with backend.context():
        x = backend.xp.asarray(host)
        wide = backend.matmul(x[:, 1:4, 2:7], x[:, :5, 3:8].mT)
        odd = backend.matmul(x[:, ::2, ::2], x[0, 1:6, :])  # no axis is contiguous
        np.testing.assert_allclose(
            to_numpy(wide), host[:, 1:4, 2:7] @ host[:, :5, 3:8].mT, rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            to_numpy(odd), host[:, ::2, ::2] @ host[0, 1:6, :], rtol=1e-5, atol=1e-5
        )
    assert card.launches["gemm 77"] == 1


def test_what_cublas_does_not_take_is_multiplied_all_the_same(card):
    rng = np.random.default_rng(2)
    backend = get_backend("cupy")
    xp = backend.xp
    row, column, b = (rng.normal(size=shape) for shape in ((2, 1, 5), (2, 3, 1), (2, 5, 4)))
    with backend.context():
        there = backend.xp.asarray(b)
        repeated = xp.broadcast_to(xp.asarray(row), (2, 3, 5))
        widened = xp.broadcast_to(xp.asarray(column), (2, 3, 5))
        turned = xp.empty((2, 4, 3)).mT
        found = [
            (backend.matmul(repeated, there), np.broadcast_to(row, (2, 3, 5)) @ b),
            (backend.matmul(widened, there), np.broadcast_to(column, (2, 3, 5)) @ b),
            (backend.matmul(there.mT, there, out=xp.empty((2, 4, 4)).mT), b.mT @ b),
            (backend.matmul(repeated[:, :0, :], there), np.empty((2, 0, 4))),
        ]
        assert backend.matmul(repeated, there, out=turned) is turned
        for product, expected in [*found, (turned, found[0][1])]:
            np.testing.assert_allclose(to_numpy(product), expected, rtol=1e-14, atol=1e-14)
    assert not any(name.startswith("gemm") for name in card.launches)


@given(
    ends=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    hidden=st.lists(st.integers(1, 20).map(lambda n: 4 * n), max_size=4),
)
def test_weights_begin_at_16_bytes_where_hidden_widths_are_multiples_of_four(ends, hidden):
    """Offsets count from θ's start; cuBLAS's fast kernels need this alignment."""
    net = xpnet.Network([ends[0], *hidden, ends[1]], loss="huber")
    first = min(W.ctypes.data for W in net.weights)
    assert all((W.ctypes.data - first) % 16 == 0 for W in net.weights)


@pytest.mark.parametrize(
    ("precision", "compute"), [("tf32", 77), ("bfloat16", 75), ("float16", 74)]
)
def test_a_precision_is_that_of_every_product_of_a_network(card, precision, compute):
    backend = get_backend("cupy", precision=precision)
    net, same = (xpnet.Network([4, 5, 3], loss="huber", backend=b) for b in (backend, "numpy"))
    card.launches.clear()
    found = net.gradient(X, TARGETS["huber"]).flat
    np.testing.assert_allclose(
        to_numpy(found), same.gradient(X, TARGETS["huber"]).flat, rtol=1e-4, atol=1e-6
    )
    assert card.launches[f"gemm {compute}"] == 3 * 2 - 1 + 2  # and two sums over the rows
    assert card.launches["matmul"] == 0
    assert precision in repr(backend)
    assert pickle.loads(pickle.dumps(backend)) == backend != get_backend("cupy")


@pytest.mark.parametrize(
    ("capability", "precision", "also"),
    [("75", "bfloat16", '"float16"'), ("75", "tf32", '"float16"'), ("61", "float16", "6.1")],
)
def test_a_card_that_is_too_old_for_a_precision_says_so(monkeypatch, capability, precision, also):
    install(monkeypatch, capability=capability)
    with pytest.raises(RuntimeError, match="compute capability") as caught:
        get_backend("cupy", precision=precision)
    assert also in str(caught.value)


def test_an_unknown_precision_is_an_error(card):
    with pytest.raises(ValueError, match="tf32"):
        get_backend("cupy", precision="tf16")
    with pytest.raises(ValueError, match='setting of backend "cupy"'):
        get_backend("numpy", precision="tf32")
    with pytest.raises(ValueError, match="already"):
        get_backend(get_backend("numpy"), precision="tf32")


CONFIG = "CUBLAS_WORKSPACE_CONFIG"


@pytest.mark.parametrize("before", [None, ":4096:8", ":16:8"])
def test_deterministic_products_have_workspaces_of_fixed_sizes(card, monkeypatch, before):
    """cuBLAS's manual requires this for several streams, before its handle is created."""
    monkeypatch.setenv(CONFIG, before or "")  # restored after the test
    if before is None:
        monkeypatch.delenv(CONFIG)
    asked, create = [], fake_cublas.Cublas.cublasCreate_v2
    monkeypatch.setattr(
        fake_cublas.Cublas,
        "cublasCreate_v2",
        lambda *arguments: asked.append(os.environ.get(CONFIG)) or create(*arguments),
    )
    backend = get_backend("cupy", precision="tf32", deterministic=True)
    xpnet.Network([4, 5, 3], loss="huber", backend=backend)(X)
    assert set(asked) == {before or ":4096:8"}
    assert "deterministic=True" in repr(backend)
    assert pickle.loads(pickle.dumps(backend)) == backend != get_backend("cupy", precision="tf32")


def test_what_is_not_deterministic_leaves_the_environment_alone(card, monkeypatch):
    monkeypatch.delenv(CONFIG, raising=False)
    assert get_backend("cupy", deterministic=False) == get_backend("cupy")
    assert CONFIG not in os.environ


def test_a_workspace_setting_that_is_not_deterministic_is_an_error(card, monkeypatch):
    monkeypatch.setenv(CONFIG, ":0:0")
    with pytest.raises(ValueError, match=r":4096:8 or :16:8.*CUBLAS_WORKSPACE_CONFIG.*':0:0'"):
        get_backend("cupy", deterministic=True)
    with pytest.raises(ValueError, match='deterministic is a setting of backend "cupy"'):
        get_backend("numpy", deterministic=True)


def test_a_network_on_another_device_keeps_its_precision(card):
    backend = get_backend("cupy", precision="tf32")
    net = xpnet.Network([4, 5, 3], loss="huber", backend=backend)
    moved = net.to(device=1).backend
    assert (moved.device.id, moved.precision) == (1, "tf32")
    assert net.to("cupy", device=1).backend.precision == "float32"  # a name means defaults
