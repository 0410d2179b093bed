"""CUDA kernels: a step of them, run on the CPU, does what the plain step does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests import cupy_standin
from tests.cuda_cases import needs_gxx, program_of
from tests.fused_cases import case, difference, run_plain
from tests.helpers import network
from tests.loss_cases import WIDTH, each_case, problem
from tests.test_layers import chained, each_chain, examples
from xpnet.activations import ACTIVATIONS
from xpnet.backends import get_backend
from xpnet.fused.cuda_runner import CudaRunner
from xpnet.layers import Dense, Dropout
from xpnet.optimizers import OPTIMIZERS, Accumulated, Averaged, Clipped, get_optimizer
from xpnet.training.batches import Order

NUMPY = get_backend("numpy")
ADAM = get_optimizer("adam")
NVCC = shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")


@pytest.fixture(autouse=True)
def standin(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", cupy_standin)


def run_cuda(case, gathers=True):
    """The state and totals after the steps, by kernels; nothing in them waits for a device."""
    backend = cupy_standin.Backend()
    on_device = cupy_standin.wrapped
    state = case.fresh()
    state = state._replace(
        theta=on_device(state.theta),
        optimizer=tuple(map(on_device, state.optimizer)),
        stats=tuple(map(on_device, state.stats)),
    )
    data = tuple(None if x is None else on_device(x) for x in case.data)
    n = len(case.c)
    batch = int(np.diff(case.starts).max()) if gathers else len(case.data[0])
    recipe = case.recipe._replace(backend=backend)
    runner = CudaRunner(recipe, state, data, batch, gathers)
    for width in {len(row) for row in case.c}:
        runner.prepare(runner.program(width))
    key = None if case.key is None else on_device(case.key)
    index = on_device(case.order) if gathers else None
    starts = case.starts if gathers else np.arange(n + 1) * batch
    with cupy_standin.step():
        totals = runner.run(Order(index, starts, np.ones(n)), 0, n, case.c, key)
    return runner.state, runner.read(totals)


def same(found, tolerance=1e-12, gathers=True):
    after = run_cuda(found, gathers)
    assert difference(after, run_plain(found, gathers)) < tolerance


# --- a step


@needs_gxx
@pytest.mark.parametrize("activation", ["relu", "elu", "gelu", "tanh", "softplus", "softmax"])
def test_hidden_activations(activation):
    rng = np.random.default_rng(1)
    net = network(NUMPY, [3, 6, 5, 2], activation=activation, loss="mean_squared_error")
    same(case(net, rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), optimizer=ADAM))


@needs_gxx
@each_chain
def test_layers(chain):
    X, Y = examples()
    same(case(chained(NUMPY, chain), X, Y, optimizer=ADAM))


@needs_gxx
@each_case
def test_losses(loss):
    z, Y = problem(loss, N=7)
    net = network(NUMPY, [WIDTH, 8, WIDTH], activation="tanh", loss=loss)
    same(case(net, z, Y, optimizer=ADAM))


@needs_gxx
@pytest.mark.parametrize(
    "optimizer",
    [
        *(made() for made in OPTIMIZERS.values()),
        Clipped(ADAM, norm=0.01),
        Averaged(Clipped(get_optimizer("adamw"), norm=0.1), decay=None, start=2),
        Accumulated(ADAM, 2),
    ],
    ids=repr,
)
def test_optimizers(optimizer):
    X, Y = examples()
    net = network(NUMPY, [5, 7, 4], activation="tanh", loss="cross_entropy")
    same(case(net, X, Y, optimizer=optimizer))
