"""Fits with a checkpoint that end, or are ended: by Ctrl-C, a callback, an error or a kill."""

from __future__ import annotations

import json
import os
import signal

import pytest

import xpnet
from tests.support.checkpoints import FIT, LABELS, Copies, X, left, network, told
from tests.support.helpers import needs_posix
from tests.support.processes import python
from xpnet import layers
from xpnet.optimizers import Adam, Averaged


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
