"""A stack that goes on from a checkpoint ends as one that nobody disturbed, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.checkpoint_edits import changed, of_json
from tests.support.checkpoints import FIT, LABELS, Copies, X, left, network, told
from tests.support.helpers import needs_numba
from xpnet import layers
from xpnet.backends import to_numpy
from xpnet.files.keeper import FileKeeper
from xpnet.training.early_stopping import EarlyStopping

R = 3
ROWS = [np.arange(0, 40), np.arange(13, 53), np.arange(5, 45)]
RATES = [3.0, 0.01, 0.1]
ENDS = {"early_stopping": 2, "epochs": 12, "learning_rate": RATES, "checkpoint_every": 3}
SETTINGS = {
    "early stopping": ENDS,
    "not restored": {**ENDS, "early_stopping": EarlyStopping(patience=1, restore_best=False)},
    "held out": {**ENDS, "validation_fraction": 0.3},
    "one diverges": {**ENDS, "learning_rate": [0.3, 0.01, 1e30]},
    "rows": {"rows": ROWS, "epochs": 3},
    "rows and weights": {"rows": ROWS, "epochs": 3, "sample_weight": np.arange(1.0, 54)},
    "rows, early stopping": {**ENDS, "rows": ROWS, "validation_fraction": 0.3},
    "open epochs": {"epochs": None, "batch_size": None, "learning_rate": 0.0,
                    "checkpoint_every": 97},
    "open epochs, rows": {"epochs": None, "batch_size": None, "rows": ROWS,
                          "learning_rate": [0.0, 0.3, 0.0], "checkpoint_every": 97},
    "an average": {**ENDS, "optimizer": xpnet.optimizers.Averaged(xpnet.optimizers.Adam())},
}  # fmt: skip


HIDDEN = (6, layers.BatchNorm(), layers.Dropout(0.2))


def stack(backend="numpy", hidden=HIDDEN):
    return xpnet.Stack(network(*hidden, rng=r, backend=backend) for r in range(R))


def comparable(found):
    """NaN of networks that have ended is equal to itself."""
    return {name: repr(value) for name, value in found.items()}


def resumes(monkeypatch, tmp_path, fit, most=4):
    copies = Copies(monkeypatch, tmp_path / "copies")
    undisturbed, end = fit(tmp_path / "run.ckpt"), left(tmp_path / "run.ckpt")
    assert end["position"][-1]  # finished
    paths = copies.paths[:]
    found = [xpnet.Checkpoint.read(path) for path in paths]
    for k in sorted({*np.linspace(0, len(paths) - 1, most).astype(int).tolist()}):
        assert fit(paths[k]) == undisturbed, k
        assert left(paths[k]) == end, k
    return found


@pytest.mark.parametrize("name", ["early stopping", "not restored", "one diverges", "rows"])
def test_a_checkpoint_has_the_stack_of_its_point(monkeypatch, tmp_path, name):
    given = {**FIT, **SETTINGS[name], "checkpoint_every": "epoch", "compile": False}
    copies, net, points = Copies(monkeypatch, tmp_path / "copies"), stack(), []
    write = FileKeeper.write

    def noting(keeper, state):
        points.append(net.parameters.tobytes())
        write(keeper, state)

    monkeypatch.setattr(FileKeeper, "write", noting)
    net.fit(X, LABELS, checkpoint=tmp_path / "f", **given)
    points[-1] = net.parameters.tobytes()  # the best ones are restored at the end
    found = [xpnet.Checkpoint.read(path).stack() for path in copies.paths]
    assert [each.parameters.tobytes() for each in found] == points
    assert found[-1](X).tobytes() == net(X).tobytes()
    assert found[-1].epoch == net.epoch
    assert found[-1][1].seed == (net[1].seed if "rows" in given else net[0].seed)


def test_the_stack_of_a_checkpoint_on_every_backend(tmp_path, backend):
    stack().fit(X, LABELS, checkpoint=tmp_path / "f", **FIT)
    found = xpnet.Checkpoint.read(tmp_path / "f")
    assert to_numpy(found.stack(backend).parameters).tobytes() == found.state.theta.tobytes()


def test_a_stack_is_no_network_and_a_network_no_stack(tmp_path):
    stack().fit(X, LABELS, checkpoint=tmp_path / "s", **FIT)
    with pytest.raises(xpnet.CheckpointError, match=r"has a stack of 3 networks: use stack\(\)"):
        xpnet.Checkpoint.read(tmp_path / "s").network()
    network().fit(X, LABELS, checkpoint=tmp_path / "n", **FIT)
    with pytest.raises(xpnet.CheckpointError, match=r"has one network: use network\(\)"):
        xpnet.Checkpoint.read(tmp_path / "n").stack()


@pytest.mark.parametrize("seeds", [[1, 2], [1, 2, -3], 7, [1, 2, "3"]])
def test_seeds_that_are_none_are_the_fault_of_the_file(tmp_path, seeds):
    path = tmp_path / "s"
    stack().fit(X, LABELS, rows=ROWS, checkpoint=path, **FIT)
    changed(path, path.read_bytes(), of_json("settings", seeds=seeds))
    with pytest.raises(xpnet.CheckpointError, match="its seeds must be 3 integers"):
        xpnet.Checkpoint.read(path).stack()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting(monkeypatch, tmp_path, name):
    settings = SETTINGS[name]

    def fit(path):
        net = stack(hidden=(6,) if "open" in name else HIDDEN)  # a loss that can stand still
        given = {**FIT, **settings, "checkpoint": path, "compile": False}
        return comparable(told(net, net.fit(X, LABELS, **given)))

    found = resumes(monkeypatch, tmp_path, fit, most=6)
    if "early_stopping" in settings and name != "held out":  # some have ended, others go on
        assert any(0 < len(each.history.ended) < R for each in found)


def test_with_callbacks_at_every_step(monkeypatch, tmp_path):
    def fit(path):
        net, seen = stack(), []
        callbacks = {"step_end": lambda stack, history: seen.append(1)}
        given = {**FIT, **SETTINGS["rows, early stopping"], "checkpoint": path, "compile": False}
        return comparable(told(net, net.fit(X, LABELS, callbacks=callbacks, **given)))

    resumes(monkeypatch, tmp_path, fit)


@pytest.mark.parametrize("name", ["early stopping", "rows, early stopping"])
def test_on_every_backend(monkeypatch, tmp_path, backend, name):
    def fit(path):
        net = stack(backend)
        given = {**FIT, **SETTINGS[name], "epochs": 5, "checkpoint": path, "compile": False}
        return comparable(told(net, net.fit(X, LABELS, **given)))

    resumes(monkeypatch, tmp_path, fit, most=3)


@needs_numba
@pytest.mark.slow
@pytest.mark.parametrize("name", ["rows", "rows, early stopping"])
def test_compiled_each_by_itself(monkeypatch, tmp_path, name):
    def fit(path):
        net = stack()
        given = {**FIT, **SETTINGS[name], "checkpoint": path, "compile": True}
        history = net.fit(X, LABELS, **given)
        assert history.engine == "fused"
        return comparable(told(net, history))

    resumes(monkeypatch, tmp_path, fit)


def test_the_history_of_a_network_that_ended_stays_its_own(tmp_path):
    given = {**FIT, **ENDS, "checkpoint": tmp_path / "f"}
    first, again = stack(), stack()
    one, other = first.fit(X, LABELS, **given), again.fit(X, LABELS, **given)
    assert one.ended
    assert one.ended == other.ended
    assert one.best_epoch == other.best_epoch
    for r in range(R):
        assert repr(one.of(r)) == repr(other.of(r))
