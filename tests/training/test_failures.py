"""A fit or a save that raises leaves network, optimizer and files as they were, on every engine.

The table has a row for each way to fail, before the first epoch is complete. Complete epochs are
kept if a callback raises later (`test_one_fit.py`).
"""

from __future__ import annotations

import errno
import os
import signal
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.backends import open_backend, or_skip
from tests.support.checkpoints import LABELS, X, network
from tests.support.helpers import needs_numba
from xpnet.backends import to_numpy
from xpnet.training.kept_optimizer import kept_by

FIT: dict[str, Any] = {"epochs": 2, "batch_size": 10, "optimizer": "adam"}
ENGINES: dict[str, dict[str, Any]] = {
    "plain": {"compile": False},
    "streamed": {"stream": True},
    "lbfgs": {"optimizer": "lbfgs"},
    "stack": {"compile": False},
    "rows": {"compile": False, "rows": [np.arange(40), np.arange(13, 53)]},
    "fused": {"compile": True},
    "rows, fused": {"compile": True, "rows": [np.arange(40), np.arange(13, 53)]},
    "torch": {},
    "array-api-strict": {},
    "jax": {},
}
MARKS = {
    "fused": [needs_numba, pytest.mark.slow],
    "rows, fused": [needs_numba, pytest.mark.slow],
    "jax": [pytest.mark.slow],
}


class Failed(Exception):
    """Raised in a callback."""


def fails(error):
    def function(*given):
        raise error

    return function


def press_twice(net, history):
    for _ in range(2):
        signal.raise_signal(signal.SIGINT)


def other_checkpoint(path):
    network(3).fit(X, LABELS, **FIT, checkpoint=path / "f")
    return {"checkpoint": path / "f"}


def no_checkpoint(path):
    (path / "f").write_bytes(b"damaged")
    return {"checkpoint": path / "f"}


def lock_in_the_way(path):
    (path / "f.lock").write_text("mine")
    return {"checkpoint": path / "f"}


NAN = np.where(np.arange(X.size).reshape(X.shape) == 7, np.nan, X)
FAILURES: dict[str, tuple[type[BaseException], Any]] = {
    "NaN in the data": (ValueError, {"X": NAN}),
    "rows that do not fit": (ValueError, {"Y": LABELS[1:]}),
    "a keyword": (ValueError, {"epochs": -1}),
    "validation data": (ValueError, {"validation_data": (X[:, 1:], LABELS)}),
    "weights": (ValueError, {"sample_weight": np.full(53, -1.0)}),
    "a callback at the beginning": (Failed, {"callbacks": {"fit_begin": fails(Failed())}}),
    "a callback at a step": (Failed, {"callbacks": {"step_end": fails(Failed())}}),
    "no memory": (MemoryError, {"callbacks": {"step_end": fails(MemoryError())}}),
    "two times Ctrl-C": (KeyboardInterrupt, {"callbacks": {"step_end": press_twice}}),
    "the end of the program": (SystemExit, {"callbacks": {"step_end": fails(SystemExit())}}),
    "a value to monitor": (ValueError, {"early_stopping": xpnet.EarlyStopping("nothing")}),
    "another fit's checkpoint": (xpnet.CheckpointError, other_checkpoint),
    "a damaged checkpoint": (xpnet.CheckpointError, no_checkpoint),
    "a file in the place of the lock": (xpnet.CheckpointError, lock_in_the_way),
    "no folder": (OSError, lambda path: {"checkpoint": path / "nowhere" / "f"}),
    "a checkpoint that must be there": (
        xpnet.CheckpointError,
        lambda path: {"checkpoint": path / "f", "resume": True},
    ),
}


def made(engine):
    """Return a network or a stack after a fit, so that it has an optimizer's state."""
    backend = engine if engine in ("torch", "array-api-strict", "jax") else "numpy"
    or_skip(open_backend(backend))
    given = {"activation": "tanh", "backend": backend}
    if engine.startswith(("stack", "rows")):
        return xpnet.Stack(network(6, rng=r, **given) for r in range(2))
    net = network(6, **given)
    net.fit(X, LABELS, epochs=1)
    return net


def everything(net):
    """Every attribute of a network, with the bits of its arrays, and its optimizer's state."""
    inner = getattr(net, "_net", net)
    names = sorted(inner.__dict__.keys() - {"_views", "_theta", "_stats", "_optimizer", "_origin"})
    kept = kept_by(inner)
    optimizer = None if kept is None else (kept.optimizer, kept.steps, kept.goes_on)
    arrays = (inner.parameters, *inner.statistics, *(() if kept is None else kept.arrays))
    plain = {name: inner.__dict__[name] for name in names}
    return plain, optimizer, [to_numpy(x).tobytes() for x in arrays]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


ROWS = [
    pytest.param(engine, failure, marks=MARKS.get(engine, []), id=f"{engine}, {failure}")
    for engine in ENGINES
    for failure, (_, more) in FAILURES.items()
    # an iteration of L-BFGS is an epoch, which is complete, and kept, before "step_end"
    if engine != "lbfgs" or callable(more) or "step_end" not in more.get("callbacks", ())
]


@pytest.mark.parametrize(("engine", "failure"), ROWS)
def test_a_fit_that_raises_changes_nothing(tmp_path, engine, failure):
    error, more = FAILURES[failure]
    net, same = made(engine), made(engine)
    more = more(tmp_path) if callable(more) else more
    handler, before, found = signal.getsignal(signal.SIGINT), everything(net), files(tmp_path)
    given = {"X": X, "Y": LABELS, **FIT, **ENGINES[engine], **more}
    with pytest.raises(error):
        net.fit(**given)
    assert everything(net) == before
    assert {name: x for name, x in files(tmp_path).items() if name != "f" or name in found} == found
    assert signal.getsignal(signal.SIGINT) is handler
    for each in (net, same):  # and the next fit is that of a network which never failed
        each.fit(X, LABELS, **{**FIT, **ENGINES[engine]})
    assert everything(net)[2] == everything(same)[2]


@pytest.mark.parametrize(
    "engine",
    [pytest.param(n, marks=MARKS.get(n, [])) for n in ENGINES if n != "lbfgs"],
)
def test_a_fit_that_diverges_changes_nothing(tmp_path, engine):
    """Complete epochs are not kept either."""
    net = made(engine)
    before = everything(net)
    given = {
        **FIT,
        **ENGINES[engine],
        "optimizer": "sgd",
        "epochs": 9,
        "checkpoint": tmp_path / "f",
    }
    with pytest.raises(xpnet.DivergenceError), np.errstate(all="ignore"):
        net.fit(X * 1e5, LABELS, learning_rate=1e39, **given)
    assert everything(net) == before
    assert os.listdir(tmp_path) in ([], ["f"])


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("optimizer", [False, True])
def test_a_model_file_that_cannot_be_written_stays_as_it_was(
    tmp_path, monkeypatch, call, optimizer
):
    """Whatever of the old one is there; the network does not notice."""

    class Full:
        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self._file.close()

        def write(self, data):
            self._file.write(data[: len(data) // 2])
            raise full

    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    net, path = made("plain"), tmp_path / "m"
    net.save(path)
    old = files(tmp_path)
    net.fit(X, LABELS, epochs=1)
    before = everything(net)
    with monkeypatch.context() as patch:
        if call == "write":
            opened = os.fdopen
            patch.setattr(os, "fdopen", lambda handle, mode="r": Full(opened(handle, mode)))
        else:
            patch.setattr(os, call, fails(full))
        with pytest.raises(OSError, match="No space left"):
            net.save(path, optimizer=optimizer)
    assert files(tmp_path) == old
    assert everything(net) == before


@pytest.mark.parametrize("failure", ["no optimizer", "not finite"])
def test_a_network_that_cannot_be_saved_leaves_the_file(tmp_path, failure):
    net, path = network(), tmp_path / "m"
    net.save(path)
    old = files(tmp_path)
    if failure == "not finite":
        net.take(net.parameters + np.float32(np.inf), ())
    with pytest.raises(ValueError, match=r"optimizer|NaN or infinite"):
        net.save(path, optimizer=failure == "no optimizer")
    assert files(tmp_path) == old


CALLS = {
    "set_parameters": lambda net: net.set_parameters(np.zeros(3)),
    "set_statistics": lambda net: net.set_statistics([np.zeros(3)]),
    "set_weights": lambda net: net.set_weights(0, np.zeros((2, 2))),
    "to a dtype": lambda net: net.to(dtype="int8"),
    "to a backend": lambda net: net.to("nothing"),
    "predict": lambda net: net.predict(X[:, 1:]),
    "evaluate": lambda net: net.evaluate(X, LABELS[1:]),
    "losses": lambda net: net.losses(X, LABELS + 100),
    "gradient": lambda net: net.gradient(X, LABELS[1:]),
    "explain": lambda net: net.explain(X, LABELS, example=99),
    "save": lambda net: net.save("nowhere/at/all/m"),
    "gradient_check": lambda net: xpnet.gradient_check(net, X, LABELS[1:]),
    "learning_rate_range": lambda net: xpnet.learning_rate_range(net, X, LABELS[1:]),
}


@pytest.mark.parametrize("call", CALLS)
def test_any_other_call_that_raises_changes_nothing(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    net = made("plain")
    before = everything(net)
    with pytest.raises((ValueError, TypeError, ImportError, OSError, IndexError)):
        CALLS[call](net)
    assert everything(net) == before
    assert os.listdir(tmp_path) == []
