"""Fits on CuPy use CUDA kernels or fall back to the plain loop; on the stand-in for CuPy."""

from __future__ import annotations

import re
import sys
from itertools import pairwise

import numpy as np
import pytest

import xpnet
from tests.support.cuda_cases import needs_gxx
from tests.support.fake_cupy import install
from tests.support.helpers import relative
from xpnet.backends import get_backend
from xpnet.engines import batches
from xpnet.engines.cuda.runner import CudaRunner
from xpnet.layers import BatchNorm, Dense, Dropout
from xpnet.schedules import Cosine


@pytest.fixture(autouse=True)
def card(monkeypatch):
    """The stand-in with kernels; the host must not wait during any piece of steps."""
    card, run = install(monkeypatch, kernels=True), CudaRunner.run

    def sealed(*arguments):
        with card.sealing():
            return run(*arguments)

    monkeypatch.setattr(CudaRunner, "run", sealed)
    return card


def trained(backend, sizes=(6, 7, 3), **settings):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 6)), rng.integers(0, 3, 50)
    net = xpnet.Network(list(sizes), loss="cross_entropy", backend=backend, dtype="float64", rng=4)
    history = net.fit(X, Y, **{"epochs": 3, "batch_size": 16, **settings})
    return net, history


@needs_gxx
@pytest.mark.parametrize(
    ("engine", "settings"),
    [
        ("graph", {"sizes": [6, Dense(7), Dropout(0.2), BatchNorm(), 3]}),
        ("kernels", {"callbacks": {"step_end": lambda net, history: None}}),
        ("graph", {"optimizer": xpnet.optimizers.Accumulated(xpnet.optimizers.Adam(), 2)}),
        ("kernels", {"batch_size": None}),
        ("graph", {"learning_rate": Cosine(0.1)}),
    ],
    ids=["layers", "a step at a time", "accumulated", "whole batch", "a schedule"],
)
def test_a_fit_is_the_plain_one(engine, settings):
    plain, before = trained("numpy", compile=False, **settings)
    net, history = trained("cupy", **settings)
    assert (before.engine, history.engine) == ("plain", engine)
    assert relative(net.parameters.get(), plain.parameters) < 1e-10
    assert relative(history.step_loss, before.step_loss) < 1e-10
    for a, b in zip(net.statistics, plain.statistics, strict=True):
        assert relative(a.get(), b) < 1e-10


@needs_gxx
def test_losses_are_read_once_an_epoch(card):
    counts = []
    for epochs in (1, 2, 3):
        before = card.synchronisations
        trained("cupy", epochs=epochs)
        counts.append(card.synchronisations - before)
    assert np.diff(counts).tolist() == [1, 1]


def test_compile_false_is_the_plain_loop():
    assert trained("cupy", compile=False)[1].engine == "plain"


def test_kernels_that_cannot_be_made_are_named_once_and_done_without(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no NVRTC here\nand more")

    backend = get_backend("cupy")  # checks whether kernels can be compiled
    monkeypatch.setattr(sys.modules["cupy"], "RawModule", broken)
    with pytest.warns(
        UserWarning, match="cannot be compiled: RuntimeError: no NVRTC here$"
    ) as seen:
        net, history = trained(backend)
    assert len(seen) == 1
    assert history.engine == "plain"
    assert relative(net.parameters.get(), trained("numpy", compile=False)[0].parameters) < 1e-12


@needs_gxx
@pytest.mark.parametrize("w", [None, np.linspace(0.5, 2, 50)], ids=["alike", "weighted"])
@pytest.mark.parametrize("batch_size", [16, None])
def test_batches_that_come_from_the_host_are_taken_by_kernels(card, batch_size, w):
    """Each batch is read from its lane, also the shorter last one."""
    settings = {"batch_size": batch_size, "sample_weight": w}
    plain, before = trained("numpy", compile=False, **settings)
    net, history = trained("cupy", stream=True, **settings)
    assert history.engine == "streamed"
    kernels = {n for name, n in card.launches.items() if re.fullmatch(r"k\d+", name)}
    assert kernels == {len(before.step_loss)}  # each kernel once a step
    assert relative(net.parameters.get(), plain.parameters) < 1e-10
    assert relative(history.step_loss, before.step_loss) < 1e-10


@needs_gxx
@pytest.mark.parametrize("weights", [False, True])
def test_masks_of_what_comes_from_the_host_are_those_of_the_same_examples(card, weights):
    """The batch's lane also has the examples' numbers in the data set."""
    sizes = [6, Dense(7), Dropout(0.2), 3]
    w = {"sample_weight": np.random.default_rng(3).uniform(0.5, 2, 50)} if weights else {}
    net, history = trained("cupy", sizes, stream=True, compile=True, **w)
    assert (history.engine, bool(card.sources)) == ("streamed", True)
    plain, _ = trained("numpy", sizes, compile=False, **w)
    assert relative(net.parameters.get(), plain.parameters) < 1e-10


@needs_gxx
def test_asking_for_kernels_of_what_comes_from_the_host_is_no_warning(card):
    trained("cupy", stream=True, compile=True)
    assert card.sources


def test_a_stack_whose_batches_come_from_the_host_takes_plain_steps(card, monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 6)), rng.integers(0, 3, 50)
    stack, same = (
        xpnet.Stack(xpnet.Network([6, 7, 3], backend=name, rng=r) for r in range(3))
        for name in ("cupy", "numpy")
    )
    same.fit(X, Y, epochs=2, batch_size=16)
    monkeypatch.setattr("xpnet.training.fit.home", lambda *_: xpnet.get_backend("numpy"))
    assert stack.fit(X, Y, epochs=2, batch_size=16).engine == "streamed"
    assert not card.sources
    assert relative(stack.parameters.get(), same.parameters) < 1e-5


@needs_gxx
@pytest.mark.parametrize("stream", [False, True])
def test_a_second_kind_of_step_that_cannot_be_made_is_done_without(monkeypatch, stream):
    """The step that applies an accumulated gradient: the fit goes on plain, on the same state."""
    backend, cupy = get_backend("cupy"), sys.modules["cupy"]
    made = cupy.RawModule

    def first_alone(**settings):
        monkeypatch.setattr(cupy, "RawModule", broken)
        return made(**settings)

    def broken(**_):
        raise RuntimeError("out of registers")

    monkeypatch.setattr(cupy, "RawModule", first_alone)
    settings = {"optimizer": xpnet.optimizers.Accumulated(xpnet.optimizers.Adam(), 3)}
    settings["callbacks"] = {"step_end": lambda net, history: None}  # a step at a time
    sizes = [6, Dense(7), Dropout(0.2), BatchNorm(), 3]
    with pytest.warns(UserWarning, match="plain loop.*RuntimeError: out of registers$") as seen:
        net, history = trained(backend, sizes, stream=stream, **settings)
    assert len(seen) == 1
    assert history.engine == ("streamed" if stream else "plain")
    plain, before = trained("numpy", sizes, **settings)
    assert relative(net.parameters.get(), plain.parameters) < 1e-10
    assert relative(history.step_loss, before.step_loss) < 1e-10


def test_what_cannot_be_recorded_runs_in_the_plain_loop():
    rough = xpnet.elementwise(
        "rough", lambda xp, Z: xp.sinc(Z), lambda xp, Z, A: xp.cos(Z), lambda xp, Z, A: -xp.sin(Z)
    )
    sizes = [6, Dense(5, rough), 3]
    with pytest.warns(UserWarning, match="plain loop: the function sinc"):
        assert trained("cupy", sizes, compile=True)[1].engine == "plain"
    assert trained("cupy", sizes)[1].engine == "plain"


@needs_gxx
def test_state_that_shares_memory_is_kept_apart():
    class Twice(xpnet.optimizers.Adam):
        def init(self, xp, theta):
            zeros = xp.zeros_like(theta)
            return zeros, zeros

    plain, _ = trained("numpy", compile=False)
    net, history = trained("cupy", optimizer=Twice())
    assert history.engine == "graph"
    assert relative(net.parameters.get(), plain.parameters) < 1e-10


@needs_gxx
def test_a_checkpoint_within_an_epoch_changes_no_loss(tmp_path):
    """It reads the losses so far, so that the epoch's end reads only those after them."""
    _, before = trained("cupy")
    net, history = trained("cupy", checkpoint=tmp_path / "run.ckpt", checkpoint_every=3)
    assert history.step_loss == before.step_loss
    assert np.isfinite(net.parameters.get()).all()


@needs_gxx
def test_the_next_epochs_order_is_made_before_the_host_waits_for_this_one(card, monkeypatch):
    done, plain, wait = [], batches.permutation, card.wait
    monkeypatch.setattr(
        batches, "permutation", lambda *given: done.append(f"order {given[2][0]}") or plain(*given)
    )
    monkeypatch.setattr(card, "wait", lambda *given: done.append("wait") or wait(*given))
    net, _ = trained("cupy")
    done = done[done.index("order 0") :]  # a new network waits for its parameters
    assert [x for x, after in pairwise([*done, ""]) if x != after] == [
        *("order 0", "order 1", "wait", "order 2", "wait")
    ]
    monkeypatch.undo()
    assert relative(net.parameters.get(), trained("numpy", compile=False)[0].parameters) < 1e-10
