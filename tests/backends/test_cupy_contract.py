"""What xpnet asks of CuPy exists in the CuPy that is installed, and its calls bind; no GPU needed.

The calls are those that fits and predictions make on the stand-in for CuPy.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from types import ModuleType

import array_api_compat
import numpy as np
import pytest

import xpnet
from tests.support import fake_cupy
from tests.support.helpers import ROOT, needed
from tests.support.signatures import Recorder, complaint, signature
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, LayerNorm
from xpnet.losses import LOSSES
from xpnet.optimizers import OPTIMIZERS

SOURCES = [*ROOT.glob("xpnet/backends/*.py"), *ROOT.glob("xpnet/engines/**/*.py")]
SOURCES += [*ROOT.glob("benchmarks/peers/on_gpu*.py")]
X = np.random.default_rng(0).normal(size=(20, 6)).astype("f")
LABELS = np.arange(20) % 3


@pytest.fixture(scope="module")
def real():
    """The packages that are installed, by the name of a path's first part."""
    cupy = needed("cupy")  # the ordinary environments lack it; nox -s cupy has it
    return {
        "cupy": cupy,
        "cupyx": import_module("cupyx"),
        "xp": import_module("array_api_compat.cupy"),
    }


def found(real, path):
    first, *rest = path.split(".")
    value = real[first]
    for name in rest:
        if isinstance(value, ModuleType) and not hasattr(value, name):
            import_module(f"{value.__name__}.{name}")
        value = getattr(value, name)
    return value


def paths(file):
    """Yield every path of CuPy in a source: cupy.a.b, cupyx.a, and self._cuda.a."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        if not names or not isinstance(node, ast.Name):
            continue
        path = [node.id, *names]
        if path[:2] == ["self", "_cuda"]:
            path[:2] = ["cupy", "cuda"]
        if path[0] in ("cupy", "cupyx") and len(path) > 1:
            yield ".".join(path)


def test_every_path_in_the_sources_is_there(real):
    asked = {path for file in SOURCES for path in paths(file)}
    assert {"cupy.RawModule", "cupy.cuda.Stream", "cupyx.empty_pinned"} <= asked
    for path in asked:
        assert found(real, path) is not None


@pytest.fixture
def calls(monkeypatch):
    """The calls that the stand-in receives."""
    noted = set()
    fake_cupy.install(monkeypatch, n_devices=2)
    fake = sys.modules["cupy"]
    monkeypatch.setitem(sys.modules, "cupyx", Recorder(sys.modules["cupyx"], "cupyx", noted))
    monkeypatch.setitem(sys.modules, "cupy", Recorder(fake, "cupy", noted))
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", Recorder(fake, "xp", noted))
    monkeypatch.setattr(array_api_compat, "cupy", Recorder(fake, "xp", noted))
    return noted


def use_much():
    """Fit, evaluate and predict with every layer, loss and optimizer, in the plain loop."""
    deep = [6, Dense(7, "gelu"), BatchNorm(), Dropout(0.2), Dense(5, "elu"), LayerNorm(), 3]
    for name in LOSSES:
        Y = LABELS if name == "cross_entropy" else np.abs(X[:, :3])
        if name == "binary_cross_entropy":
            Y = (Y > 0.5) * 1.0
        two_a_target = name == "gaussian_nll"
        layers = [*deep[:-1], 6] if two_a_target else deep
        net = xpnet.Network(layers, loss=name, backend="cupy", device=1)
        settings = {"penalty": xpnet.Penalty(l1=1e-3, l2=1e-3), "max_norm": 2.0, "batch_size": 8}
        net.fit(X, Y, epochs=1, sample_weight=np.linspace(1, 2, 20), **settings)
        net.fit(X, Y, epochs=1, stream=True)
        net.evaluate(X, Y)
        net.predict(X)
    for optimizer in [*OPTIMIZERS, "lbfgs"]:
        net = xpnet.Network([6, 5, 3], loss="cross_entropy", backend="cupy")
        how = {"batch_size": 8} if optimizer != "lbfgs" else {}
        net.fit(X, LABELS, epochs=1, optimizer=optimizer, **how)
    nets = [xpnet.Network([6, 5, 3], backend="cupy", rng=r) for r in range(2)]
    xpnet.Stack(nets).fit(X, LABELS, epochs=1)
    coded = [6, Embedding(5, 2, columns=[0]), 3]
    xpnet.Network(coded, backend="cupy").fit(np.abs(X) % 5 // 1, LABELS, epochs=1)


def test_every_call_binds(real, calls):
    use_much()
    assert len(calls) > 40
    wrong = {}
    for path, n, keywords in calls:
        why = complaint(found(real, path), n, keywords)
        if why:
            wrong[path] = why
    assert not wrong


def test_a_call_that_does_not_fit_is_seen(real):
    assert complaint(real["cupy"].add, 1, ()) is not None
    assert complaint(real["cupy"].cuda.Event, 0, ("no_such",)) is not None
    assert signature(real["cupy"].ndarray.set) is not None
