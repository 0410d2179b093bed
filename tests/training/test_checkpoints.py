"""A fit that goes on from a checkpoint ends as the fit that nobody disturbed, bit for bit."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.checkpoints import FIT, LABELS, ROWS, WEIGHTS, Copies, X, left, network, told
from tests.support.helpers import needs_numba, needs_posix
from tests.support.processes import python
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


def test_a_finished_fit_returns_at_once_what_it_returned(tmp_path):
    def fit(net):
        return net.fit(X, LABELS, early_stopping=2, checkpoint=tmp_path / "f", **FIT)

    first, again = network(), network()
    one, other = fit(first), fit(again)
    assert other.seconds == one.seconds
    assert told(again, other) == told(first, one)


@pytest.mark.parametrize("settings", [{}, {"optimizer": "lbfgs"}, {"optimizer": Averaged(Adam())}])
def test_what_a_callback_sets_after_the_last_step_stays(tmp_path, settings):
    def change(net, history):
        if len(history) == FIT["epochs"]:
            net.set_parameters(net.parameters + 1)
            net.set_statistics([x + 2 for x in net.statistics])

    def fit(net, **more):
        given = {**FIT, **settings, **more}
        return told(net, net.fit(X, LABELS, callbacks=change, checkpoint=tmp_path / "f", **given))

    chain = () if settings.get("optimizer") == "lbfgs" else (8, layers.BatchNorm())
    first, again = network(*chain), network(*chain)
    wanted = fit(first)
    assert fit(again) == wanted
    assert xpnet.Checkpoint.read(tmp_path / "f").network().parameters.tobytes() == wanted["bits"][0]


def test_metrics_keep_their_order(monkeypatch, tmp_path):
    def note(net, history):
        history.metrics.setdefault("a", []).append(len(history))

    def fit(path):
        net, data = network(), (X[:20], LABELS[:20])
        given = {"validation_data": data, "metrics": ["f1", "accuracy"], "callbacks": note}
        return net.fit(X, LABELS, checkpoint=path, **{**FIT, **given})

    copies = Copies(monkeypatch, tmp_path / "copies")
    wanted = ["validation_f1", "validation_accuracy", "a"]
    assert list(fit(tmp_path / "f").metrics) == wanted
    for path in (tmp_path / "f", copies.paths[10]):
        assert list(fit(path).metrics) == wanted


def test_an_interrupt_ends_the_fit_after_the_step_and_it_can_go_on(monkeypatch, tmp_path):
    def press(net, history):
        if len(history.step_loss) == 9:
            signal.raise_signal(signal.SIGINT)

    undisturbed, net = network(), network()
    wanted = told(undisturbed, undisturbed.fit(X, LABELS, checkpoint=tmp_path / "u", **FIT))
    callbacks = {"step_end": press}
    settings = {**FIT, "checkpoint_every": "1h"}
    history = net.fit(X, LABELS, checkpoint=tmp_path / "f", callbacks=callbacks, **settings)
    assert history.stopped == "interrupted"
    found = xpnet.Checkpoint.read(tmp_path / "f")
    assert (found.epoch, found.step, found.finished) == (1, 3, False)
    assert len(found.history) == 1
    again = told(net, net.fit(X, LABELS, checkpoint=tmp_path / "f", **settings))
    assert again == wanted
    assert left(tmp_path / "f") == left(tmp_path / "u")


@pytest.mark.parametrize("settings", [{}, {"optimizer": "lbfgs"}])
def test_ctrl_c_at_the_end_of_an_epoch(tmp_path, settings):
    """The checkpoint is of the whole epoch, and the fit goes on with the next one."""
    settings = {**FIT, "checkpoint_every": "1h", **settings}
    undisturbed, net = network(), network()
    wanted = told(undisturbed, undisturbed.fit(X, LABELS, checkpoint=tmp_path / "u", **settings))

    def press(net, history):
        if len(history) == 2:
            signal.raise_signal(signal.SIGINT)

    history = net.fit(X, LABELS, checkpoint=tmp_path / "f", callbacks=press, **settings)
    assert (history.stopped, len(history)) == ("interrupted", 2)
    found = xpnet.Checkpoint.read(tmp_path / "f")
    assert (found.epoch, found.step, found.finished) == (2, 0, False)
    assert told(net, net.fit(X, LABELS, checkpoint=tmp_path / "f", **settings)) == wanted
    assert left(tmp_path / "f") == left(tmp_path / "u")


def test_a_callback_that_ends_the_fit_has_finished_it(tmp_path):
    def ends(net, history):
        return len(history.step_loss) == 9

    def fit(net):
        return net.fit(X, LABELS, checkpoint=tmp_path / "f", callbacks={"step_end": ends}, **FIT)

    first, again = network(), network()
    wanted = told(first, fit(first))
    assert (wanted["stopped"], wanted["epochs"]) == ("callback", 2)
    assert xpnet.Checkpoint.read(tmp_path / "f").finished
    assert told(again, fit(again)) == wanted


LOG = '{"epoch": 3, "step": 18, "loss": 0.5, "seconds": 0.1}\n'


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("every", [1, "1h"])
@pytest.mark.parametrize("cut", ["", '{"epoch": 2, "st', '{"ep'])
def test_a_log_has_each_epoch_once(tmp_path, stacked, every, cut):
    """Also if the fit begins anew, and if the kill cut the last line short."""

    class End(Exception):
        pass

    def fit(path, *more):
        log, given = xpnet.training.json_lines(tmp_path / "log"), {**FIT, "checkpoint_every": every}
        one = xpnet.Stack(network(rng=r) for r in range(2)) if stacked else network()
        one.fit(X, LABELS, checkpoint=path, callbacks=[log, *more], **given)

    def end(net, history):
        if len(history) == 2:
            raise End

    (tmp_path / "log").write_text(LOG)  # of another network
    with pytest.raises(End):
        fit(tmp_path / "f", end)
    with open(tmp_path / "log", "a") as file:
        file.write(cut)
    for _ in range(2):  # the second one finds the fit finished
        fit(tmp_path / "f")
    first, *lines = (tmp_path / "log").read_text().splitlines()
    assert first + "\n" == LOG
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]


def test_a_log_keeps_every_line_that_is_not_of_the_fit(tmp_path):
    """Without a checkpoint, each fit adds all its lines."""
    path = tmp_path / "log"
    log = xpnet.training.json_lines(path)
    path.write_text("mine, without a line's end")
    network().fit(X, LABELS, callbacks=log, checkpoint=tmp_path / "f", **FIT)
    assert path.read_text().startswith('mine, without a line\'s end\n{"epoch": 1')
    network(rng=8).fit(X, LABELS, callbacks=log, checkpoint=tmp_path / "g", **FIT)
    assert len(path.read_text().splitlines()) == 9
    for _ in range(2):
        network().fit(X, LABELS, callbacks=log, epochs=4)
    assert len(path.read_text().splitlines()) == 17


KILLED = """
import os, signal, sys
import xpnet
from tests.support.checkpoints import FIT, LABELS, X, network
from xpnet.layers import BatchNorm, Dropout

def kill(net, history):
    if len(history.step_loss) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

net = network(8, BatchNorm(), Dropout(0.3))
callbacks = {"step_end": kill}
net.fit(X, LABELS, checkpoint=sys.argv[1], callbacks=callbacks, **{**FIT, "checkpoint_every": 2})
"""


@needs_posix
@pytest.mark.slow
def test_a_process_that_is_killed_inside_an_epoch(tmp_path):
    run, undisturbed = tmp_path / "run.ckpt", tmp_path / "undisturbed.ckpt"
    assert python("-c", KILLED, str(run), "9").returncode == -signal.SIGKILL
    assert sorted(os.listdir(tmp_path)) == ["run.ckpt", "run.ckpt.lock"]
    found = xpnet.Checkpoint.read(run)
    assert (found.epoch, found.step) == (1, 2)
    assert python("-c", KILLED, str(run), "0").returncode == 0
    assert python("-c", KILLED, str(undisturbed), "0").returncode == 0
    assert left(run) == left(undisturbed)
    assert sorted(os.listdir(tmp_path)) == ["run.ckpt", "undisturbed.ckpt"]
