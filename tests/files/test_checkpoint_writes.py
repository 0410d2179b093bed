"""A checkpoint that cannot be written leaves the one before, and a kill loses nothing."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xpnet
from tests.support.checkpoint_edits import fit
from tests.support.checkpoints import FIT, LABELS, Copies, X, left, network
from tests.support.helpers import needs_posix
from tests.support.processes import environment
from xpnet.training import checkpointing
from xpnet.training.checkpointing import Cadence


@needs_posix
def test_whatever_call_fails_the_last_checkpoint_stays(tmp_path, monkeypatch):
    """The fit goes on, and ends with the network of an undisturbed one."""
    from benchmarks.disk import Failing  # which imports what Windows lacks

    settings = {"checkpoint_every": 7, "epochs": 2}  # within an epoch, and at the end
    with monkeypatch.context() as patch:
        copies = Copies(patch, tmp_path / "copies")
        wanted = fit(tmp_path / "f", **settings)
    states = [left(path) for path in copies.paths]
    calls = Failing(0, errno.EIO)
    with calls.here():
        fit(tmp_path / "g", **settings)
    for k in range(1, calls.calls + 1):
        path = tmp_path / "h"
        path.unlink(missing_ok=True)
        failing = Failing(k, errno.ENOSPC if k % 2 else errno.EIO)
        with failing.here(), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                assert fit(path, **settings) == wanted
            except xpnet.CheckpointError:
                assert k == 1  # the lock: nothing has begun
                continue
        assert len(said) <= 1
        if path.exists():
            assert left(path) in states
        assert {*os.listdir(tmp_path)} <= {"copies", "f", "g", "h"}
        assert fit(path, **settings) == wanted
        assert left(path) == states[-1]


@needs_posix
def test_a_file_that_may_not_grow_is_a_warning(tmp_path):
    import resource

    before, path = resource.getrlimit(resource.RLIMIT_FSIZE), tmp_path / "f"
    wanted = fit(tmp_path / "g")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        with pytest.warns(UserWarning, match="could not be written; the fit goes on"):
            found = fit(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert found == wanted
    assert os.listdir(tmp_path) == ["g"]


@given(
    took=st.floats(0.001, 1e4),
    every=st.sampled_from(["1s", "10s", "5min"]),
    step=st.floats(0.001, 1e3),
)
def test_writing_takes_two_percent_of_the_time_at_most(took, every, step):
    """If it takes longer, the next checkpoint is due later."""
    with pytest.MonkeyPatch.context() as patch:
        clock = [0.0]
        patch.setattr(checkpointing.time, "monotonic", lambda: clock[0])
        cadence, wrote = Cadence(checkpointing.checkpoint_every("", every, "f")), []
        for k in range(200):
            clock[0] += step
            if cadence.is_due(k, ends_epoch=False):
                wrote.append(clock[0])
                clock[0] += took
                cadence.wrote(k, took)
        for one, other in pairwise(wrote):
            seconds = checkpointing.seconds_of(every)
            assert other - one >= max(seconds, took / 0.02 * (1 - 1e-9))
            assert other - one <= max(seconds + took, took / 0.02) + step * (1 + 1e-9)


def test_a_slow_disk_is_asked_less_often(tmp_path, monkeypatch):
    clock, wrote = [0.0], []

    def slow(path, about, state):
        wrote.append(state.steps)
        clock[0] += 5.0

    def step(net, history):
        clock[0] += 1.0

    monkeypatch.setattr(checkpointing.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr("xpnet.files.keeper.write_checkpoint", slow)
    given = {"checkpoint_every": "10s", "callbacks": {"step_end": step}, "early_stopping": None}
    fit(tmp_path / "f", epochs=50, **given)
    assert wrote == [10, 255, 300]  # 245 s after the first one; and at the end


def test_a_number_of_steps_stays_what_was_asked_for():
    cadence = Cadence(checkpointing.Every(steps=3))
    cadence.wrote(3, took=1e6)
    assert [cadence.is_due(k, ends_epoch=False) for k in (4, 5, 6)] == [False, False, True]
    cadence = Cadence(checkpointing.Every())
    cadence.wrote(3, took=1e6)
    assert cadence.is_due(4, ends_epoch=True)


def test_a_state_that_diverges_is_not_written(tmp_path):
    path, net = tmp_path / "f", network()
    theta = net.parameters.tobytes()
    given = {**FIT, "optimizer": "sgd", "learning_rate": lambda t: 1e37 if t > 8 else 0.1}
    with pytest.raises(xpnet.DivergenceError), np.errstate(all="ignore"):
        net.fit(X, LABELS, checkpoint=path, **given)
    assert net.parameters.tobytes() == theta
    state = xpnet.Checkpoint.read(path).state
    assert 8 <= state.steps < 12
    assert np.isfinite(state.theta).all()


RUN = """
import sys
from tests.support.checkpoints import FIT, LABELS, X, network
from xpnet.layers import BatchNorm, Dropout

print("begun", flush=True)
net = network(8, BatchNorm(), Dropout(0.3))
net.fit(X, LABELS, checkpoint=sys.argv[1], **{**FIT, "epochs": 150})
"""


@needs_posix
@pytest.mark.slow
def test_a_dozen_kills_at_random_moments(tmp_path):
    rng, run, alone = random.Random(5), tmp_path / "run.ckpt", tmp_path / "alone.ckpt"
    command = [sys.executable, "-c", RUN]
    kills, steps = 0, 0
    while kills < 12:
        process = subprocess.Popen([*command, str(run)], env=environment(), stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"begun\n"
        time.sleep(rng.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            break
        kills += 1
        if run.exists():
            now = xpnet.Checkpoint.read(run).state.steps
            assert now >= steps  # nothing is lost
            steps = now
    for path in (run, alone):
        subprocess.run([*command, str(path)], env=environment(), check=True, timeout=200)
    assert kills >= 3
    assert left(run) == left(alone)
    assert sorted(os.listdir(tmp_path)) == ["alone.ckpt", "run.ckpt"]
