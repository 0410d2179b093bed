"""Absent packages and devices, and arrays of other devices, give the right error."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

import xpnet
from tests.support.backends import other
from tests.support.helpers import needed
from tests.support.unchanged import FIT, LABELS, X, make, rejects
from xpnet.backends import Backend, to_numpy
from xpnet.derivatives.gradient import gradient
from xpnet.equations import passes


@pytest.mark.parametrize(
    ("name", "package", "command"),
    [
        ("torch", "torch", r'needs the package torch: pip install "xpnet\[torch\]"'),
        ("jax", "jax", r'needs the package jax: pip install "xpnet\[jax\]"'),
        ("cupy", "cupy", r'needs the package cupy: pip install "xpnet\[cuda12\]".*cuda13'),
        ("array-api-strict", "array_api_strict", "pip install array-api-strict"),
    ],
)
def test_a_missing_package_has_its_pip_command(monkeypatch, name, package, command):
    monkeypatch.setitem(sys.modules, package, None)
    net = make()
    for use in (
        lambda: xpnet.get_backend(name),
        lambda: xpnet.Network([4, 5, 3], backend=name),
        lambda: xpnet.asarray(X, backend=name),
        lambda: net.to(name),
    ):
        rejects(net, ImportError, command, use)
    row = next(r for r in xpnet.available_backends() if r.name == name)
    assert not row.usable
    assert row.version is None
    assert "pip install" in (row.reason or "")
    assert xpnet.get_backend("auto").name in {"numpy", "cupy"} - {name}


def test_a_missing_gpu():
    if importlib.util.find_spec("cupy") is None:
        error, match = ImportError, "pip install"
    elif xpnet.get_backend("auto").name == "cupy":
        # then no GPU is missing, and there is no error to test
        pytest.skip("a GPU is here")
    else:
        error, match = RuntimeError, "no CUDA device answers"
    net = make()
    rejects(net, error, match, xpnet.get_backend, "cupy")
    rejects(net, error, match, net.to, "cupy")
    assert xpnet.get_backend("auto").name == "numpy"


@pytest.mark.parametrize(
    ("name", "device", "match"),
    [
        ("numpy", "cuda", r'"numpy" has only the device "cpu", not \'cuda\'.*backend="cupy"'),
        (
            "array-api-strict",
            "device9",
            "device 'device9' is not available: array-api-strict has .*device1",
        ),
        ("torch", "cuda:99", "device 'cuda:99' is not available: torch .* has .*cpu"),
        ("torch", 99, "device 99 is not available: torch .* has .*cpu"),
        ("torch", "nonsense", "nonsense.*torch .* has .*cpu"),
        ("jax", "cpu:99", "device 'cpu:99' is not available: JAX has "),
        ("jax", "nonsense", "device 'nonsense' is not available: JAX has "),
        ("cupy", "cuda:99", "device 'cuda:99' is not available: CuPy finds"),
    ],
)
def test_a_device_that_is_not_there(name, device, match):
    other(name)
    net = make()
    rejects(net, (ValueError, RuntimeError), match, lambda: xpnet.get_backend(name, device))
    rejects(net, (ValueError, RuntimeError), match, lambda: net.to(name, device=device))


def test_a_backend_object_takes_no_second_device(backend):
    net = make(backend=backend)
    match = "already has a device: leave device out"
    rejects(net, ValueError, match, lambda: xpnet.get_backend(backend, "cpu"))
    rejects(net, ValueError, match, lambda: net.to(backend, device="cpu"))


def test_a_pass_refuses_an_array_of_another_device_and_a_network_moves_it():
    xp = needed("array_api_strict")
    elsewhere = xp.asarray(X, device=xp.Device("CPU_DEVICE"))
    net = make(backend="array-api-strict", device="device1")
    run: Backend = net.backend
    rejects(net, ValueError, "device", passes.outputs, run, net.layers, net.parameters, elsewhere)
    labels = xp.asarray(LABELS, device=xp.Device("CPU_DEVICE"))
    here = xpnet.asarray(X, run)
    rejects(
        net,
        ValueError,
        "device",
        lambda: gradient(run, net.layers, net.loss, net.parameters, here, labels, None, 1.0),
    )
    A = net(elsewhere)
    assert A.device == xp.Device("device1")
    np.testing.assert_array_equal(to_numpy(A), to_numpy(net(X)))
    assert net.fit(elsewhere, labels, **FIT).loss[0] > 0
