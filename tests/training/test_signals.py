"""Signals that stop a fit after its step, where a program asks for it."""

from __future__ import annotations

import json
import signal
import threading

import pytest

import xpnet
from tests.support.checkpoints import FIT, LABELS, X, left, network, told
from tests.support.helpers import needs_posix
from xpnet.training import stop_on_signals

pytestmark = needs_posix  # Windows has no signal that another process can send

SETTINGS = {"steps": {}, "lbfgs": {"optimizer": "lbfgs"}, "stack": {}}


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("how", SETTINGS)
def test_sigterm_stops_a_fit_and_the_checkpoint_goes_on(tmp_path, how, ignored):
    """Also if Ctrl-C is ignored, as in a background job of a script."""

    def fit(path, **callbacks):
        net = xpnet.Stack(network(rng=r) for r in range(2)) if how == "stack" else network()
        given = {**FIT, **SETTINGS[how], "checkpoint_every": "1h", "checkpoint": path}
        return told(net, net.fit(X, LABELS, callbacks=callbacks, **given))

    def preempted(net, history):
        if len(history.step_loss) == 3:
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGINT)
    wanted = fit(tmp_path / "u")
    try:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        with stop_on_signals() as stop:
            assert fit(tmp_path / "f", step_end=preempted)["stopped"] == "interrupted"
        assert stop.received == signal.SIGTERM
    finally:
        signal.signal(signal.SIGINT, before)
    assert xpnet.Checkpoint.read(tmp_path / "f").state.steps == 3
    assert fit(tmp_path / "f") == wanted
    assert left(tmp_path / "f") == left(tmp_path / "u")


def test_without_a_fit_the_program_ends_with_the_usual_status():
    before = signal.getsignal(signal.SIGUSR1)
    with stop_on_signals(signal.SIGTERM, signal.SIGUSR1) as stop:
        for number in (signal.SIGTERM, signal.SIGUSR1):
            with pytest.raises(SystemExit) as ended:
                signal.raise_signal(number)
            assert ended.value.code == 128 + number
        assert stop.received == signal.SIGTERM
    assert signal.getsignal(signal.SIGUSR1) == before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


LATER = {
    "network": lambda path: network().fit(X, LABELS, checkpoint=path, **FIT),
    "stack": lambda path: xpnet.Stack([network()]).fit(X, LABELS, epochs=1),
    "estimator": lambda path: xpnet.estimators.MLPClassifier().partial_fit(
        X, LABELS, classes=[0, 1, 2, 3]
    ),
}


@pytest.mark.parametrize("how", LATER)
def test_no_fit_begins_after_the_signal(tmp_path, how):
    """A loop of fits would otherwise go on until the scheduler kills it."""
    if how == "estimator":
        pytest.importorskip("sklearn")
    path = tmp_path / "f"

    def preempted(net, history):
        signal.raise_signal(signal.SIGTERM)

    with stop_on_signals():
        network().fit(X, LABELS, checkpoint=path, callbacks=preempted, **FIT)
        kept = path.read_bytes()
        with pytest.raises(SystemExit) as ended:
            LATER[how](path)
    assert ended.value.code == 143
    assert path.read_bytes() == kept
    LATER[how](path)  # after the block, fits begin again


def test_a_loop_of_fits_looks_whether_a_signal_came(tmp_path):
    with stop_on_signals() as stop:
        for k in range(3):
            history = network().fit(
                X,
                LABELS,
                checkpoint=tmp_path / str(k),
                callbacks=lambda net, history: signal.raise_signal(signal.SIGTERM),
                **FIT,
            )
            if stop.received:
                break
    assert (k, history.stopped, stop.received) == (0, "interrupted", signal.SIGTERM)
    assert repr(stop) == "StopSignals(received=SIGTERM)"


@pytest.mark.parametrize("how", ["steps", "lbfgs"])
def test_a_fit_that_is_stopped_at_once_each_time_comes_to_its_end(tmp_path, how):
    """Each process does a step at least, also one that goes on inside an epoch."""

    def fit(path, **callbacks):
        given = {**FIT, **SETTINGS[how], "checkpoint_every": "1h", "checkpoint": path}
        with stop_on_signals():
            net = network()
            return told(net, net.fit(X, LABELS, callbacks=callbacks, **given))

    def preempted(net, history):
        signal.raise_signal(signal.SIGTERM)

    wanted, steps, found = fit(tmp_path / "u"), [], {}
    while not steps or steps[-1] < len(wanted["step_loss"]):
        found = fit(tmp_path / "f", fit_begin=preempted)
        steps.append(xpnet.Checkpoint.read(tmp_path / "f").state.steps)
        assert len(steps) < 99
    assert steps == list(range(1, len(wanted["step_loss"]) + 1))
    assert found["bits"] == wanted["bits"]
    assert fit(tmp_path / "f") == wanted


def test_a_log_has_an_epoch_that_was_cut_short_once_it_is_whole(tmp_path):
    def preempted(net, history):
        if len(history.step_loss) == 8:  # inside the second epoch
            signal.raise_signal(signal.SIGTERM)

    def fit(path, more=()):
        log = xpnet.training.json_lines(tmp_path / f"{path}.log")
        callbacks = {"epoch_end": log, "step_end": more}
        network().fit(X, LABELS, callbacks=callbacks, checkpoint=tmp_path / path, **FIT)
        lines = map(json.loads, (tmp_path / f"{path}.log").read_text().splitlines())
        return [{**line, "seconds": None} for line in lines]

    wanted = fit("u")
    with stop_on_signals():
        assert fit("f", preempted) == wanted[:1]
    assert fit("f") == wanted


def test_a_fit_within_the_callback_of_a_stopped_fit_ends_with_it():
    inner = []

    def nested(net, history):
        signal.raise_signal(signal.SIGTERM)
        inner.append(network().fit(X, LABELS, epochs=3))

    with stop_on_signals():
        assert network().fit(X, LABELS, epochs=3, callbacks=nested).stopped == "interrupted"
    assert inner[0].stopped == "interrupted"


def test_a_signal_stops_the_fit_of_the_main_thread_and_no_other(tmp_path):
    """Signals are handled there."""
    histories = []

    def elsewhere(net, history):
        thread = threading.Thread(
            target=lambda: histories.append(network().fit(X, LABELS, epochs=3))
        )
        signal.raise_signal(signal.SIGTERM)
        thread.start()
        thread.join()

    with stop_on_signals():
        assert network().fit(X, LABELS, epochs=3, callbacks=elsewhere).stopped == "interrupted"
    assert histories[0].stopped is None


def test_it_must_be_asked_for_in_the_main_thread():
    raised = []

    def enter():
        try:
            with stop_on_signals():
                pass
        except ValueError as error:
            raised.append(str(error))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert raised == ["only the main thread handles signals: enter stop_on_signals there"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (getattr(signal, "SIGKILL", None), "SIGKILL ends or stops a process at once"),
        (getattr(signal, "SIGSTOP", None), "SIGSTOP ends or stops a process at once"),
        ("TERM", "must be one such as signal.SIGTERM, got 'TERM'"),
        (15.0, "must be one such as signal.SIGTERM, got 15.0"),
        (True, "must be one such as signal.SIGTERM, got True"),
        (0, "must be one such as signal.SIGTERM, got 0"),
        (10**6, "must be one such as signal.SIGTERM, got 1000000"),
    ],
)
def test_a_signal_that_cannot_be_handled_changes_nothing(number, said):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match=said), stop_on_signals(signal.SIGTERM, number):
        pass
    assert signal.getsignal(signal.SIGTERM) == before
