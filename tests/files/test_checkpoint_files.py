"""Files of checkpoints: written whole, locked, and refused if anything in them is wrong."""

from __future__ import annotations

import errno
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.checkpoints import FIT, LABELS, Copies, X, left, network, told
from tests.support.helpers import OLDER, ROOT, needs_posix
from tests.support.processes import environment
from tests.support.schema import errors
from xpnet import whole_file
from xpnet.backends import to_numpy
from xpnet.files import lock
from xpnet.files.container import opened, write_arrays

ONE = {**FIT, "epochs": 2, "early_stopping": 3, "checkpoint_every": 3}


def fit(path: Path, **settings: Any) -> Any:
    net = network(6, xpnet.layers.BatchNorm())
    return told(net, net.fit(X, LABELS, checkpoint=path, **{**ONE, **settings}))


@pytest.fixture(scope="module")
def middle(tmp_path_factory) -> bytes:
    """The content of a checkpoint inside an epoch."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("middle")
        copies = Copies(patch, folder / "copies")
        fit(folder / "f")
    found = xpnet.Checkpoint.read(copies.paths[2])
    assert (found.epoch, found.step, found.finished) == (1, 3, False)
    return copies.paths[2].read_bytes()


def refused(path: Path, match: str | None = None, reads: bool = False) -> None:
    """A fit must refuse the file, and so must `read`, unless it ``reads``."""
    with nullcontext() if reads else pytest.raises(xpnet.CheckpointError, match=match):
        xpnet.Checkpoint.read(path)
    net, before = network(6, xpnet.layers.BatchNorm()), path.read_bytes()
    theta = net.parameters.tobytes()
    with pytest.raises(xpnet.CheckpointError):
        net.fit(X, LABELS, checkpoint=path, **ONE)
    assert (net.parameters.tobytes(), net.epoch) == (theta, 0)
    assert path.read_bytes() == before
    assert not os.path.exists(f"{path}.lock")


# --- damage


def test_any_flipped_bit_and_any_cut_is_refused(tmp_path, middle):
    rng, path = random.Random(0), tmp_path / "f"
    for _ in range(150):
        at = rng.randrange(len(middle))
        damaged = bytearray(middle)
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(xpnet.CheckpointError):
            xpnet.Checkpoint.read(path)
    for size in {*range(12), *rng.sample(range(len(middle)), 60)}:
        path.write_bytes(middle[:size])
        with pytest.raises(xpnet.CheckpointError):
            xpnet.Checkpoint.read(path)
    path.write_bytes(middle + b"\0")
    refused(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (pickle.dumps({"theta": 1}), "is not a checkpoint"),
        (b"PK\x03\x04" * 9, "is not a checkpoint"),
        ((2**62).to_bytes(8, "little") + b"{}", "at most 100,000,000 are allowed"),
    ],
)
def test_another_kind_of_file_is_refused(tmp_path, content, said):
    path = tmp_path / "f"
    path.write_bytes(content)
    refused(path, said)


def test_a_model_file_is_no_checkpoint_nor_the_reverse(tmp_path, middle):
    network().save(tmp_path / "model")
    refused(tmp_path / "model", "is not a checkpoint of xpnet, but xpnet model 1")
    (tmp_path / "f").write_bytes(middle)
    with pytest.raises(xpnet.FileError, match="is not an xpnet model of a known kind"):
        xpnet.load(tmp_path / "f")


def changed(path: Path, content: bytes, metadata: Any = None, arrays: Any = None) -> None:
    """Write a checkpoint whose parts are changed, with a right checksum."""
    path.write_bytes(content)
    with opened(str(path)) as file:
        texts, found = {**file.metadata}, file.arrays()
    del texts["sha256"]
    if metadata:
        metadata(texts)
    if arrays:
        arrays(found)
    with open(path, "wb") as file:
        write_arrays(file, texts, found)


def of_json(part: str, **values: Any) -> Any:
    def change(texts: dict[str, str]) -> None:
        texts[part] = json.dumps({**json.loads(texts[part]), **values})

    return change


TEXTS = {
    "a newer format": (lambda t: t.update(format="xpnet checkpoint 2"), "format 2, and this xpnet"),
    "a missing part": (lambda t: t.pop("data"), "'data' too much, or lacks it"),
    "an unknown part": (lambda t: t.update(code="import os"), "'code' too much"),
    "no JSON": (lambda t: t.update(run="{"), "text that is not JSON"),
    "a key twice": (lambda t: t.update(run='{"step": 1, "step": 1}'), "more than once"),
    "a list": (lambda t: t.update(settings="[]"), "not a JSON object"),
    "deep": (lambda t: t.update(data="[" * 10**5), "nested too deeply"),
    "a negative step": (of_json("run", step=-1), "'step' must be an integer"),
    "a step too far": (of_json("run", step=5), "losses must be those of 5 steps"),
    "a count of steps": (of_json("run", steps=4), "loss of every step"),
    "a flag": (of_json("run", finished=1), "must be true or false"),
    "an engine": (of_json("run", engine="os.system"), "unknown engine"),
    "no number": (of_json("run", seconds=float("nan")), "must be finite"),
    "another entry": (of_json("run", more=1), "'more' too much"),
    "a best epoch": (of_json("run", best_epoch=None), "do not belong together"),
    "an epoch": (of_json("network", epoch=5), "different epoch"),
    "a dtype": (of_json("network", dtype="float64"), "dtype"),
}


@pytest.mark.parametrize(("change", "said"), TEXTS.values(), ids=TEXTS)
def test_metadata_that_are_wrong(tmp_path, middle, change, said):
    changed(tmp_path / "f", middle, metadata=change)
    refused(tmp_path / "f", said)


ARRAYS = {
    "no parameters": lambda a: a.pop("theta"),
    "another shape": lambda a: a.update(theta=a["theta"][:-1]),
    "three axes": lambda a: a.update(theta=a["theta"].reshape(1, 1, -1)),
    "whole numbers": lambda a: a.update(theta=a["theta"].astype(np.int64)),
    "a missing moment": lambda a: a.pop("optimizer.0"),
    "a moment too much": lambda a: a.update({"optimizer.2": a["optimizer.1"]}),
    "a moment of another shape": lambda a: a.update({"optimizer.0": a["optimizer.0"][1:]}),
    "a moment of another dtype": lambda a: a.update({"optimizer.0": a["optimizer.0"].astype("f8")}),
    "a statistic": lambda a: a.pop("statistics.1"),
    "an unknown tensor": lambda a: a.update(code=np.zeros(3)),
    "losses": lambda a: a.update(losses=a["losses"][1:]),
    "a schedule": lambda a: a.update(schedule=np.zeros(4)),
    "no early stopping": lambda a: (a.pop("early_stopping"), a.pop("best.theta")),
    "one number of early stopping": lambda a: a.update(early_stopping=np.zeros(1)),
    "a history": lambda a: a.update({"history.loss": np.zeros(7)}),
    "an empty history": lambda a: a.pop("history.seconds"),
    "a huge axis": lambda a: a.update(averaged=np.zeros((0, 2**62))),
}


@pytest.mark.parametrize("change", ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_are_wrong(tmp_path, middle, change):
    path = tmp_path / "f"
    try:
        changed(path, middle, arrays=change)
    except ValueError:  # NumPy has no such array: write the header by hand
        path.write_bytes(middle.replace(b'"losses"', b'"losseS"'))
    net = network(6, xpnet.layers.BatchNorm())
    theta = net.parameters.tobytes()
    with pytest.raises(xpnet.CheckpointError):
        net.fit(X, LABELS, checkpoint=path, **ONE)
    assert (net.parameters.tobytes(), net.epoch) == (theta, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_of_numbers_that_are_not_finite_is_refused(tmp_path, middle, value):
    changed(tmp_path / "f", middle, arrays=lambda a: a["theta"].__setitem__(0, value))
    with pytest.raises(xpnet.CheckpointError, match="NaN or infinite"):
        xpnet.Checkpoint.read(tmp_path / "f").network()


# --- another fit


OTHERS = {
    "the data": ({}, {"X": X + 1}, "data.X has other numbers"),
    "rows": ({}, {"X": X[1:], "Y": LABELS[1:]}, r"data.X.shape is \[52, 5\], but"),
    "labels": ({}, {"Y": (LABELS + 1) % 4}, "data.Y has other numbers"),
    "weights": ({"sample_weight": np.arange(53)}, {}, "data.weights is"),
    "epochs": ({"epochs": 3}, {}, "settings.epochs is 3, but the checkpoint has 2"),
    "a rate": ({"learning_rate": 0.5}, {}, "settings.optimizer.learning_rate is 0.5"),
    "an optimizer": ({"optimizer": "sgd"}, {}, "settings.optimizer.name is 'sgd'"),
    "order": ({"shuffle": False}, {}, "settings.shuffle is False"),
    "a penalty": ({"penalty": xpnet.Penalty(l2=0.1)}, {}, "settings.penalty is"),
    "patience": ({"early_stopping": 4}, {}, "settings.early_stopping.patience is 4"),
    "compiling": ({"compile": False}, {}, "settings.compile is False"),
}


@pytest.mark.parametrize(("settings", "data", "said"), OTHERS.values(), ids=OTHERS)
def test_another_fit_is_refused_and_the_difference_is_named(tmp_path, middle, settings, data, said):
    path = tmp_path / "f"
    path.write_bytes(middle)
    net = network(6, xpnet.layers.BatchNorm())
    given = {"X": X, "Y": LABELS, **ONE, **data, **settings}
    with pytest.raises(xpnet.CheckpointError, match=f"of a different fit: .*{said}"):
        net.fit(**given, checkpoint=path)
    assert path.read_bytes() == middle


def test_other_weights_of_the_validation_data_are_refused(tmp_path):
    w = np.arange(1.0, 21)
    fit(tmp_path / "f", validation_data=(X[:20], LABELS[:20], w))
    with pytest.raises(xpnet.CheckpointError, match=r"data\.validation weights has other numbers"):
        fit(tmp_path / "f", validation_data=(X[:20], LABELS[:20], w + 1))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: network(7), "network.layers"),
        (lambda: network(6, xpnet.layers.BatchNorm(), rng=8), "network.seed is 8"),
        (lambda: network(6, xpnet.layers.BatchNorm(), dtype="float64"), "network.dtype"),
        (lambda: network(6, xpnet.layers.BatchNorm(), activation="tanh"), "network.activations"),
        (lambda: xpnet.Stack([network(6, xpnet.layers.BatchNorm())]), "early_stopping"),
    ],
)
def test_another_network_is_refused(tmp_path, middle, other, said):
    path, net = tmp_path / "f", other()
    path.write_bytes(middle)
    stacked = isinstance(net, xpnet.Stack)
    given = {**ONE, "early_stopping": None} if stacked else ONE
    with pytest.raises(xpnet.CheckpointError, match=said):
        net.fit(X, LABELS, checkpoint=path, **given)


def test_the_environment_is_compared_unless_anyway(tmp_path, middle):
    path = tmp_path / "f"
    changed(path, middle, metadata=of_json("environment", numpy="1.0", blas="Atlas"))
    net = network(6, xpnet.layers.BatchNorm())
    with pytest.raises(xpnet.CheckpointError, match=r"to the bit here: blas is .* but the check"):
        net.fit(X, LABELS, checkpoint=path, **ONE)
    with pytest.warns(UserWarning, match=r"other last bits: blas is .*; numpy is"):
        net.fit(X, LABELS, checkpoint=path, resume="anyway", **ONE)


def test_other_threads_of_the_blas_are_refused(tmp_path, middle):
    path = tmp_path / "f"
    changed(path, middle, metadata=of_json("run", threads=999))
    net = network(6, xpnet.layers.BatchNorm())
    theta = net.parameters.tobytes()
    with pytest.raises(xpnet.CheckpointError, match="needs 999 threads of NumPy's BLAS"):
        net.fit(X, LABELS, checkpoint=path, **ONE)
    assert (net.parameters.tobytes(), net.epoch) == (theta, 0)


def test_a_team_of_too_many_threads_is_refused(tmp_path, middle):
    changed(tmp_path / "f", middle, metadata=of_json("run", team=10**6))
    refused(tmp_path / "f", None, reads=True)


def test_a_metric_of_a_callback_that_is_no_number_is_named(tmp_path):
    def note(net, history):
        history.metrics.setdefault("note", []).append("good")

    with pytest.raises(ValueError, match=r"history\.metrics\.note must be a list of numbers"):
        fit(tmp_path / "f", callbacks=note)


# --- resume and overwrite


def test_resume_says_whether_the_file_must_be_there(tmp_path):
    path = tmp_path / "f"
    with pytest.raises(xpnet.CheckpointError, match="there is no checkpoint"):
        fit(path, resume=True)
    first = fit(path, resume=False)
    with pytest.raises(xpnet.CheckpointError, match="is there already: give overwrite=True"):
        fit(path, resume=False)
    assert fit(path, resume=True) == first
    anew = fit(path, resume=False, overwrite=True, epochs=1)
    assert anew["epochs"] == 1
    with pytest.raises(ValueError, match="overwrite=True begins anew"):
        fit(path, overwrite=True)
    with pytest.raises(ValueError, match="resume is about a checkpoint"):
        network().fit(X, LABELS, resume=True)


def test_a_schedule_with_a_memory_of_its_own_is_refused(tmp_path):
    class Own:
        def __call__(self, t):
            return 0.1

        def observe(self, value):
            pass

    with pytest.raises(ValueError, match="Own observes the losses"):
        fit(tmp_path / "f", learning_rate=Own())


@pytest.mark.parametrize(
    "wrong", [{"early_stopping": 2}, {"epochs": None}, {"rows": [[0, 1], [2, 3]]}]
)
def test_a_stack_whose_networks_end_or_draw_by_themselves_is_refused(tmp_path, wrong):
    stack = xpnet.Stack(network(rng=r) for r in range(2))
    with pytest.raises(ValueError, match="a stack keeps a checkpoint only with epochs"):
        stack.fit(X, LABELS, **{**FIT, "checkpoint": tmp_path / "f", **wrong})
    assert os.listdir(tmp_path) == []


# --- the lock


def test_a_second_fit_on_the_same_file_is_refused(tmp_path):
    path, said = tmp_path / "f", []

    def again(net, history):
        with pytest.raises(xpnet.CheckpointError, match="in use: another fit of this process"):
            fit(path)
        said.append(1)

    fit(path, callbacks=again)
    assert said
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
def test_another_process_is_named_and_a_dead_one_is_replaced(tmp_path):
    path, held = tmp_path / "f", tmp_path / "f.lock"
    code = (
        "import sys; from xpnet.files.lock import locked\n"
        "with locked(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(xpnet.CheckpointError, match=f"process {holder.pid} on .* writes it"):
            fit(path)
        assert json.loads(held.read_text())["process"] == holder.pid
    finally:
        holder.kill()
        holder.communicate()
    assert held.exists()  # nobody removed it
    fit(path)
    assert os.listdir(tmp_path) == ["f"]


@needs_posix
@pytest.mark.parametrize(
    ("holder", "free"),
    [
        ({"process": 2**22 + 1, "host": None}, True),  # no such process
        ({"process": 1, "host": None}, False),
        ({"process": 2**22 + 1, "host": "elsewhere"}, False),
    ],
)
def test_without_locks_the_process_decides(tmp_path, monkeypatch, holder, free):
    monkeypatch.setattr(lock, "lock_handle", lambda handle, wait: None)
    holder = {**holder, "host": holder["host"] or lock.socket.gethostname()}
    (tmp_path / "f.lock").write_text(json.dumps(holder))
    if free:
        fit(tmp_path / "f")
        assert os.listdir(tmp_path) == ["f"]
    else:
        with pytest.raises(xpnet.CheckpointError, match=f"process {holder['process']} on"):
            fit(tmp_path / "f")


def test_a_file_that_is_no_lock_stays(tmp_path):
    (tmp_path / "f.lock").write_text("mine\n")
    with pytest.raises(xpnet.CheckpointError, match="is in the way: it is not the lock"):
        fit(tmp_path / "f")
    assert (tmp_path / "f.lock").read_text() == "mine\n"
    assert os.listdir(tmp_path) == ["f.lock"]


# --- writes that fail


class Faulty:
    """Count the calls that write files; let the k-th fail."""

    def __init__(self, patch: pytest.MonkeyPatch, k: int, code: int) -> None:
        self.calls, self._k, self._code = 0, k, code
        for name in ("open", "fdopen", "fsync", "replace"):
            patch.setattr(whole_file.os, name, self._counted(getattr(os, name), name))

    def _counted(self, function: Any, name: str) -> Any:
        def counted(*given: Any, **keywords: Any) -> Any:
            self.count()
            found = function(*given, **keywords)
            return _File(found, self) if name == "fdopen" and given[1:] == ("wb",) else found

        return counted

    def count(self) -> None:
        self.calls += 1
        if self.calls == self._k:
            raise OSError(self._code, os.strerror(self._code))


class _File:
    def __init__(self, file: Any, faulty: Faulty) -> None:
        self._file, self._faulty = file, faulty

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, data: Any) -> Any:
        self._faulty.count()
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


@needs_posix
def test_whatever_call_fails_the_last_checkpoint_stays(tmp_path, monkeypatch):
    """The fit goes on, and ends with the network of an undisturbed one."""
    settings = {"checkpoint_every": 7, "epochs": 2}  # within an epoch, and at the end
    with monkeypatch.context() as patch:
        copies = Copies(patch, tmp_path / "copies")
        wanted = fit(tmp_path / "f", **settings)
    states = [left(path) for path in copies.paths]
    with monkeypatch.context() as patch:
        calls = Faulty(patch, 0, errno.EIO)
        fit(tmp_path / "g", **settings)
    for k in range(1, calls.calls + 1):
        path = tmp_path / "h"
        path.unlink(missing_ok=True)
        with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            Faulty(patch, k, errno.ENOSPC if k % 2 else errno.EIO)
            try:
                assert fit(path, **settings) == wanted
            except OSError:
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


# --- the format


def test_the_metadata_follow_the_schema_and_name_no_class(tmp_path, middle):
    schema = json.loads((ROOT / "docs" / "checkpoint.schema.json").read_text(encoding="utf-8"))
    parts = ("network", "settings", "data", "environment", "run")
    path = tmp_path / "f"
    path.write_bytes(middle)
    with opened(str(path)) as file:
        texts = file.metadata
    found = {name: json.loads(text) if name in parts else text for name, text in texts.items()}
    assert list(errors(schema, found)) == []
    del found["run"]["step"]
    found["format"] = "xpnet checkpoint 2"
    assert len(list(errors(schema, found))) == 2
    text = json.dumps(texts)
    for kind in ("Adam", "EarlyStopping", "BatchNorm"):
        assert kind not in text


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": xpnet.optimizers.Averaged(xpnet.optimizers.SGD(0.5), decay=0.5)},
        {"learning_rate": 0.5, "epochs": 6},  # early stopping restores an earlier epoch
    ],
)
def test_the_network_of_a_finished_fit_is_the_one_that_it_left(tmp_path, settings):
    net = network(6, xpnet.layers.BatchNorm())
    history = net.fit(X, LABELS, checkpoint=tmp_path / "f", **{**ONE, **settings})
    assert history.best_epoch is not None
    found = xpnet.Checkpoint.read(tmp_path / "f")
    assert found.state.theta.tobytes() != net.parameters.tobytes()
    again = found.network()
    assert again.parameters.tobytes() == net.parameters.tobytes()
    for one, other in zip(again.statistics, net.statistics, strict=True):
        assert one.tobytes() == other.tobytes()


def test_the_network_of_an_average_inside_an_epoch(tmp_path, monkeypatch):
    copies = Copies(monkeypatch, tmp_path / "copies")
    optimizer = xpnet.optimizers.Averaged(xpnet.optimizers.SGD(0.5), decay=0.5)
    given = {**ONE, "early_stopping": None, "optimizer": optimizer}
    fit(tmp_path / "f", **given)
    state = xpnet.Checkpoint.read(copies.paths[0]).state
    net = xpnet.Checkpoint.read(copies.paths[0]).network()
    assert state.optimizer[0].tobytes() == net.parameters.tobytes() != state.theta.tobytes()


def test_a_checkpoint_gives_its_network_on_any_backend(tmp_path, middle, backend):
    path = tmp_path / "f"
    path.write_bytes(middle)
    found = xpnet.Checkpoint.read(path)
    net = found.network(backend)
    assert to_numpy(net.parameters).tobytes() == found.state.theta.tobytes()
    assert (net.epoch, net.seed, net.sizes) == (found.epoch, 7, (5, 6, 4))
    double = found.network(dtype="float64")
    np.testing.assert_array_equal(double.parameters, found.state.theta)


def test_the_first_format_is_read_for_ever():
    """The file was written by xpnet 0.1.0, after 2 epochs and 3 steps."""
    found = xpnet.Checkpoint.read(OLDER / "checkpoint_1.ckpt")
    assert (found.epoch, found.step, found.state.steps) == (2, 3, 15)
    assert len(found.state.optimizer) == 2
    assert found.history.epoch == [1, 2]
    outputs = np.load(OLDER / "checkpoint_1.npy")
    np.testing.assert_allclose(found.network()(X[:4]), outputs, rtol=1e-5)


def test_a_fit_goes_on_from_the_first_format(tmp_path):
    shutil.copy(OLDER / "checkpoint_1.ckpt", tmp_path / "f")
    net = network(6, xpnet.layers.BatchNorm())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other versions than those of the file
        history = net.fit(X, LABELS, checkpoint=tmp_path / "f", resume="anyway",
                          **{**FIT, "early_stopping": 3})  # fmt: skip
    assert history.epoch == [1, 2, 3, 4]
    assert len(history.step_loss) == 24


def test_a_small_file_that_promises_a_huge_network_is_refused_at_once(tmp_path, middle):
    sizes = [10**9, 10**9]
    norm = {"layer": "batch_norm", "momentum": 0.1, "epsilon": 1e-5}
    layers = [norm, {"layer": "dense", "units": 10**9, "activation": None}]
    change = of_json("network", sizes=sizes, layers=layers, activations=["softmax"])
    changed(tmp_path / "f", middle, metadata=change)
    with pytest.raises(xpnet.CheckpointError):
        xpnet.Checkpoint.read(tmp_path / "f").network()


# --- kills


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
