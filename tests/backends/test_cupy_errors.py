"""CuPy's backend without a GPU: its errors, and what the stand-in refuses."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

import xpnet
from tests.support.cards import TARGETS, X, equal, network
from xpnet.backends import get_backend, to_numpy


def test_a_driver_that_is_too_old_is_quoted(card, monkeypatch):
    import cupy

    def insufficient():
        raise cupy.cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver: …")

    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", insufficient)
    with pytest.raises(RuntimeError, match=r"InsufficientDriver.*cuda12"):
        get_backend("cupy")


def test_a_missing_device_is_named(card):
    with pytest.raises(RuntimeError, match="cuda:0, cuda:1"):
        get_backend("cupy", device=2)


def test_a_fit_that_runs_out_of_memory_says_what_it_asked_for_and_changes_nothing(card):
    net = network(loss="cross_entropy")
    before, state = to_numpy(net.parameters).copy(), net.epoch
    card.limit = card.used[0] + 1000
    with pytest.raises(
        MemoryError, match=r"[\d,]+ bytes were requested; [\d,]+ of [\d,]+ are free"
    ):
        net.fit(np.tile(X, (9, 1)), np.tile(TARGETS["cross_entropy"], 9), epochs=2)
    card.limit = 2**30
    equal(net.parameters, before)
    assert net.epoch == state
    net.fit(X, TARGETS["cross_entropy"], epochs=1)


def failure(name, status):
    """Return an error of one of CUDA's libraries."""
    return type(name, (RuntimeError,), {"status": status})("of CUDA's own")


NO_MEMORY = [("CUDARuntimeError", 2), ("CUDADriverError", 2), ("CUBLASError", 3)]


@pytest.mark.parametrize(("name", "status"), NO_MEMORY)
def test_memory_that_a_library_of_cuda_lacks_is_a_memory_error_too(card, name, status):
    backend = get_backend("cupy")
    with (
        pytest.raises(MemoryError, match=r"cuda:0 is out of memory: [\d,]+ of [\d,]+ are free"),
        backend.context(),
    ):
        raise failure(name, status)
    with pytest.raises(RuntimeError, match="of CUDA's own"), backend.context():
        raise failure(name, 700)


def test_pinned_memory_that_cannot_be_had_is_named(card, monkeypatch):
    def refused(shape, dtype):
        raise failure("CUDARuntimeError", 2)

    net = network(loss="cross_entropy")
    before = to_numpy(net.parameters).copy()
    monkeypatch.setattr(sys.modules["cupyx"], "empty_pinned", refused)
    with pytest.raises(MemoryError, match=r"64 bytes of pinned host memory.*of CUDA's own"):
        net.fit(X, TARGETS["cross_entropy"], batch_size=4, stream=True)
    equal(net.parameters, before)


def test_a_cupy_without_a_compiler_says_what_to_install(card, monkeypatch):
    import cupy

    def broken(**_):
        raise RuntimeError("Failed to find CUDA headers.\nAnd more")

    monkeypatch.setattr(cupy, "RawModule", broken)
    with pytest.raises(
        RuntimeError, match=r"cannot compute there.*CUDA headers\.\).*cuda12.*cuda13"
    ):
        get_backend("cupy")


def test_a_cupy_without_cublas_says_what_to_install(card, monkeypatch):
    monkeypatch.delattr(sys.modules["cupy_backends.cuda.libs"], "cublas")
    with pytest.raises(
        RuntimeError, match=r"cannot compute there.*ImportError.*cublas.*cuda12.*cuda13"
    ):
        get_backend("cupy")


@pytest.mark.parametrize(("name", "status"), NO_MEMORY[:2])
def test_a_full_card_is_an_error_at_once(card, monkeypatch, name, status):
    import cupy

    def full(**_):
        raise failure(name, status)

    monkeypatch.setattr(cupy, "RawModule", full)
    with pytest.raises(MemoryError, match="cuda:1 has no free memory"):
        get_backend("cupy", device=1)
    rows = {row.name: row for row in xpnet.available_backends()}
    assert not rows["cupy"].usable
    assert "no free memory" in rows["cupy"].reason


def test_memory_is_given_back(card):
    net = network(loss="cross_entropy")
    net.fit(X, TARGETS["cross_entropy"], epochs=1)
    first = card.used[0]
    net.fit(X, TARGETS["cross_entropy"], epochs=3)
    assert card.used[0] == first


def test_the_stand_in_refuses_what_cupy_refuses(card):
    import cupy

    x = cupy.asarray(X)
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(x)
    with pytest.raises(TypeError, match="Unsupported type"):
        x + X
    with pytest.raises(TypeError, match="Unsupported type"):
        cupy.matmul(x, X.T)
    card.sealed = True
    with pytest.raises(AssertionError, match="makes the host wait"):
        float(cupy.sum(x))
    with pytest.raises(AssertionError, match="makes the host wait"):
        bool(x[0, 0] > 0)


def test_the_stand_in_sees_a_stream_that_does_not_wait(card):
    import cupy

    own = cupy.cuda.Stream(non_blocking=True)
    x = cupy.asarray(X)
    with own, pytest.raises(AssertionError, match="does not wait"):
        x + 1.0
    event = cupy.cuda.Event()
    event.record(cupy.cuda.get_current_stream())
    own.wait_event(event)
    with own:
        x + 1.0
    with pytest.raises(AssertionError, match="does not wait"):
        x += 1.0  # own still reads it


def test_the_stand_in_knows_another_device(card):
    import cupy

    x = cupy.asarray(X)
    with cupy.cuda.Device(1), pytest.raises(AssertionError, match="another device"):
        x + 1.0


def test_a_package_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    (tmp_path / "cupy").mkdir()
    (tmp_path / "cupy" / "__init__.py").write_text("raise ImportError('libnvrtc.so.13 is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    with pytest.raises(ImportError, match=r"libnvrtc\.so\.13 is missing.*cuda12.*cuda13"):
        get_backend("cupy")


def test_a_fork_is_told_to_spawn(card, monkeypatch):
    net = network(loss="cross_entropy")
    before, process = to_numpy(net.parameters).copy(), os.getpid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: process + 1)
        with pytest.raises(RuntimeError, match=r"fork of the process.*spawn"):
            net.fit(X, TARGETS["cross_entropy"], epochs=1)
    equal(net.parameters, before)
    net.fit(X, TARGETS["cross_entropy"], epochs=1)
