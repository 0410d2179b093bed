"""A fit that goes on from a checkpoint ends as the fit that nobody disturbed, bit for bit."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.checkpoints import FIT, LABELS, ROWS, WEIGHTS, Copies, X, left, network, told
from tests.support.helpers import needs_numba
from xpnet import layers, optimizers, schedules
from xpnet.backends import to_numpy
from xpnet.optimizers import OPTIMIZERS, Accumulated, Adam, Averaged, Clipped

SPARSE = {**FIT, "checkpoint_every": 5}
"""With six steps an epoch, after every number of its steps, and at its end."""

CHAINS: dict[str, tuple[Any, ...]] = {
    "dense": (8,),
    "masks and statistics": (8, layers.BatchNorm(), layers.Dropout(0.3), 6, layers.LayerNorm()),
    "residual": (6, layers.Residual([8, layers.Dropout(0.2), 6])),
}
SETTINGS: dict[str, dict[str, Any]] = {
    **{name: {"optimizer": name} for name in OPTIMIZERS},
    "accumulated": {"optimizer": Accumulated(Adam(), 4)},
    "averaged": {"optimizer": Averaged(Adam(), decay=None, start=3)},
    "averaged, clipped, accumulated": {"optimizer": Averaged(Accumulated(Clipped(Adam(), 0.1), 2))},
    "momentum": {"optimizer": optimizers.SGD(momentum=0.9, nesterov=True)},
    "cosine": {"learning_rate": schedules.Cosine(0.01)},
    "one cycle": {"learning_rate": schedules.OneCycle(0.01)},
    "plateau": {"learning_rate": schedules.ReduceOnPlateau(0.1, patience=0), "epochs": 8},
    "weights, some of them zero": {"sample_weight": WEIGHTS},
    "weights of classes": {"class_weight": "balanced"},
    "a part held out": {"validation_fraction": 0.3},
    "validation data": {"validation_data": (X[:20], LABELS[:20]), "metrics": ["accuracy", "f1"]},
    "early stopping": {"early_stopping": 2, "validation_fraction": 0.3, "epochs": 30,
                       "learning_rate": 0.05},
    "not restored": {"early_stopping": xpnet.EarlyStopping(patience=1, restore_best=False),
                     "learning_rate": 0.3, "epochs": 12},
    "penalty and max norm": {"penalty": xpnet.Penalty(l1=0.01, l2=0.1), "max_norm": 0.5},
    "no shuffle": {"shuffle": False},
    "all at once": {"batch_size": None},
    "open epochs": {"epochs": None, "batch_size": None, "learning_rate": 0.0,
                    "checkpoint_every": 97},
}  # fmt: skip


def resumes(monkeypatch, tmp_path, fit, most=4):
    """Fit undisturbed, and again from some of its checkpoints; all must end alike."""
    copies = Copies(monkeypatch, tmp_path / "copies")
    undisturbed, end = fit(tmp_path / "run.ckpt"), left(tmp_path / "run.ckpt")
    assert end["position"][-1]  # finished
    paths = copies.paths[:]
    for k in sorted({*np.linspace(0, len(paths) - 1, most).astype(int).tolist()}):
        assert fit(paths[k]) == undisturbed, k
        assert left(paths[k]) == end, k
    assert sorted(os.listdir(tmp_path)) == ["copies", "run.ckpt"]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_setting(monkeypatch, tmp_path, settings):
    def fit(path):
        net = network(8, layers.BatchNorm(), layers.Dropout(0.3))
        return told(net, net.fit(X, LABELS, **{**SPARSE, "checkpoint": path, **settings}))

    resumes(monkeypatch, tmp_path, fit)


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_every_layer_and_with_callbacks_at_every_step(monkeypatch, tmp_path, chain, watched):
    callbacks = {"step_end": lambda net, history: None} if watched else ()

    def fit(path):
        net = network(*chain, dtype="float64")
        history = net.fit(X, ROWS, checkpoint=path, callbacks=callbacks, **SPARSE)
        return told(net, history)

    resumes(monkeypatch, tmp_path, fit)


def test_an_embedding(monkeypatch, tmp_path):
    codes = np.concatenate([np.abs(X[:, :4]) // 1, X[:, 4:]], axis=1)
    sizes = (int(codes[:, 0].max()) + 1, int(codes[:, 2].max()) + 1)

    def fit(path):
        embedding = layers.Embedding(sizes, dim=2, columns=(0, 2))
        net = xpnet.Network([5, embedding, 6, 4], rng=1)
        return told(net, net.fit(codes, LABELS, checkpoint=path, **FIT))

    resumes(monkeypatch, tmp_path, fit)


@pytest.mark.parametrize("settings", [{}, {"early_stopping": 2}, {"penalty": 0.1, "epochs": 60}])
def test_lbfgs(monkeypatch, tmp_path, settings):
    settings = {**settings}
    if "penalty" in settings:
        settings["penalty"] = xpnet.Penalty(l2=settings["penalty"])

    def fit(path):
        net = network(activation="tanh", dtype="float64")
        given = {**FIT, "epochs": 15, "optimizer": "lbfgs", "validation_fraction": 0.3, **settings}
        return told(net, net.fit(X, LABELS, checkpoint=path, **given))

    resumes(monkeypatch, tmp_path, fit)


@pytest.mark.parametrize("rate", [0.01, [0.01, 0.1, 1e30]])
def test_a_stack_one_of_which_diverges(monkeypatch, tmp_path, rate):
    def fit(path):
        hidden = (6, layers.BatchNorm(), layers.Dropout(0.2))
        stack = xpnet.Stack(network(*hidden, rng=r) for r in range(3))
        found = told(stack, stack.fit(X, LABELS, checkpoint=path, learning_rate=rate, **SPARSE))
        return {**found, **{name: repr(found[name]) for name in ("loss", "step_loss")}}  # NaN

    resumes(monkeypatch, tmp_path, fit)


@needs_numba
@pytest.mark.slow
@pytest.mark.parametrize("name", ["adam", "accumulated"])
def test_compiled_steps(monkeypatch, tmp_path, name):
    def fit(path):
        net = network(8, layers.Dropout(0.3))
        given = {**FIT, **SETTINGS[name], "checkpoint_every": 2, "compile": True}
        history = net.fit(X, LABELS, checkpoint=path, **given)
        assert history.engine == "fused"
        return told(net, history)

    resumes(monkeypatch, tmp_path, fit, most=4)


@needs_numba
def test_the_engine_does_not_depend_on_what_is_imported_or_cached(monkeypatch, tmp_path):
    from xpnet.engines import choose

    monkeypatch.setattr(choose, "numba_is_loaded", lambda: True)
    monkeypatch.setattr("xpnet.engines.loops.cache.is_compiled", lambda source: True)
    history = network().fit(X, LABELS, checkpoint=tmp_path / "f", **FIT)
    assert history.engine == "plain"


def test_on_every_backend(monkeypatch, tmp_path, backend):
    def fit(path, **settings):
        net = network(8, layers.Dropout(0.3), layers.BatchNorm(), backend=backend)
        return told(net, net.fit(X, LABELS, checkpoint=path, **{**FIT, "epochs": 3, **settings}))

    resumes(monkeypatch, tmp_path, fit, most=3)


def test_streamed_from_the_host(monkeypatch, tmp_path, backend):
    def fit(path):
        net = network(8, layers.Dropout(0.3), backend=backend)
        return told(net, net.fit(X, LABELS, checkpoint=path, stream=True, **{**FIT, "epochs": 3}))

    resumes(monkeypatch, tmp_path, fit, most=3)


def test_on_another_backend_to_rounding(monkeypatch, tmp_path, backend):
    """The checkpoint of one backend goes on with another, if that is allowed."""
    copies = Copies(monkeypatch, tmp_path / "copies")
    settings = {**FIT, "epochs": 2}
    net = network(8, layers.Dropout(0.3))
    history = net.fit(X, LABELS, checkpoint=tmp_path / "f", **settings)
    middle = copies.paths[8]
    there = network(8, layers.Dropout(0.3), backend=backend)
    if backend.name == "numpy":
        there.fit(X, LABELS, checkpoint=middle, resume="anyway", **settings)
    else:
        with pytest.raises(xpnet.CheckpointError, match=r"backend is .*, but the checkpoint has"):
            there.fit(X, LABELS, checkpoint=middle, **settings)
        with pytest.warns(UserWarning, match="goes on with other last bits: backend"):
            found = there.fit(X, LABELS, checkpoint=middle, resume="anyway", **settings)
        np.testing.assert_allclose(found.step_loss, history.step_loss, rtol=1e-5)
    found, wanted = to_numpy(there.parameters), net.parameters
    assert np.linalg.norm(found - wanted) <= 1e-5 * np.linalg.norm(wanted)
