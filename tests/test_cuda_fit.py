"""Fits on CuPy take CUDA kernels, and fall back: by the stand-in for CuPy."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import xpnet
from tests import cupy_standin
from tests.cuda_cases import needs_gxx
from tests.helpers import relative
from xpnet.fused.cuda_runner import CudaRunner
from xpnet.layers import BatchNorm, Dense, Dropout
from xpnet.schedules import Cosine


@pytest.fixture(autouse=True)
def standin(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", cupy_standin)


@pytest.fixture
def guarded(monkeypatch):
    """Every piece of steps runs where the host may not look."""
    run = CudaRunner.run

    def inside(*arguments):
        with cupy_standin.step():
            return run(*arguments)

    monkeypatch.setattr(CudaRunner, "run", inside)


def trained(backend, sizes=(6, 7, 3), **settings):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 6)), rng.integers(0, 3, 50)
    net = xpnet.Network(list(sizes), loss="cross_entropy", backend=backend, dtype="float64", rng=4)
    history = net.fit(X, Y, **{"epochs": 3, "batch_size": 16, **settings})
    return net, history


@needs_gxx
@pytest.mark.parametrize(
    "settings",
    [
        {"sizes": [6, Dense(7), Dropout(0.2), BatchNorm(), 3]},
        {"callbacks": {"step_end": lambda net, history: None}},
        {"optimizer": xpnet.optimizers.Accumulated(xpnet.optimizers.Adam(), 2)},
        {"batch_size": None},
        {"learning_rate": Cosine(0.1)},
    ],
    ids=["layers", "a step at a time", "accumulated", "whole batch", "a schedule"],
)
def test_a_fit_is_the_plain_one(guarded, settings):
    plain, before = trained("numpy", compile=False, **settings)
    net, history = trained(cupy_standin.Backend(), **settings)
    assert (before.engine, history.engine) == ("plain", "fused")
    assert relative(net.parameters.get(), plain.parameters) < 1e-10
    assert relative(history.step_loss, before.step_loss) < 1e-10
    for a, b in zip(net.statistics, plain.statistics, strict=True):
        assert relative(a.get(), b) < 1e-10


@needs_gxx
def test_losses_are_read_once_an_epoch(guarded):
    counts = []
    for epochs in (1, 2, 3):
        cupy_standin.reads.clear()
        trained(cupy_standin.Backend(), epochs=epochs)
        counts.append(len(cupy_standin.reads))
    assert np.diff(counts).tolist() == [1, 1]


def test_compile_false_is_the_plain_loop():
    assert trained(cupy_standin.Backend(), compile=False)[1].engine == "plain"


def test_kernels_that_cannot_be_made_are_named_once_and_done_without(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no NVRTC here\nand more")

    monkeypatch.setattr(cupy_standin, "RawModule", broken)
    with pytest.warns(UserWarning, match="cannot be made: RuntimeError: no NVRTC here$") as seen:
        net, history = trained(cupy_standin.Backend())
    assert len(seen) == 1
    assert history.engine == "plain"
    assert relative(net.parameters.get(), trained("numpy", compile=False)[0].parameters) < 1e-12


def test_what_cannot_be_recorded_runs_in_the_plain_loop():
    rough = xpnet.elementwise(
        "rough", lambda xp, Z: np.sinc(Z), lambda xp, Z, A: np.cos(Z), lambda xp, Z, A: -np.sin(Z)
    )
    sizes = [6, Dense(5, rough), 3]
    with pytest.warns(UserWarning, match="plain loop: the code hands an array to NumPy"):
        assert trained(cupy_standin.Backend(), sizes, compile=True)[1].engine == "plain"
    assert trained(cupy_standin.Backend(), sizes)[1].engine == "plain"


@needs_gxx
def test_state_that_shares_memory_is_kept_apart(guarded):
    class Twice(xpnet.optimizers.Adam):
        def init(self, xp, theta):
            zeros = xp.zeros_like(theta)
            return zeros, zeros

    plain, _ = trained("numpy", compile=False)
    net, history = trained(cupy_standin.Backend(), optimizer=Twice())
    assert history.engine == "fused"
    assert relative(net.parameters.get(), plain.parameters) < 1e-10
