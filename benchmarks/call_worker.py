"""One process of `benchmarks.calls`: bad calls, one after another, each from its own seed.

    python -m benchmarks.call_worker FIRST N

It prints a line of JSON for each call that fails the check, and a last one with the counts.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import re
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import xpnet
from benchmarks.call_list import WIDTHS, Call, Subjects, calls, data
from benchmarks.call_values import LONG, values
from xpnet.backends import to_numpy

__all__ = ["attempt", "main", "subjects"]

MEMORY = 6 * 2**30  # bytes of addresses
SECONDS = 5  # a call's limit; exceeding it is no error, since epochs may be large
LONGEST = 1200  # characters of a message
_VALUE = re.compile(rf"z{{{LONG + 1}}}|7{{{LONG + 1}}}|0{{{LONG + 1}}}|(7, ){{{LONG // 3 + 1}}}")
_INTERNAL = re.compile(
    "has no attribute|unsupported operand|not subscriptable|object is not callable|unhashable|"
    "inhomogeneous|not supported between|bad operand|has no len|cannot unpack|"
    "not enough values to unpack|too many values to unpack|positional argument"
)


class _Late(BaseException):
    """A call took too long."""


def subjects(folder: Path, backend: str) -> Subjects:
    """Return unused networks and their file."""
    net = xpnet.Network(WIDTHS, loss="cross_entropy", backend=backend, rng=3)
    net.fit(*data(), epochs=1, compile=False)
    stack = xpnet.Stack([xpnet.Network(WIDTHS, loss="cross_entropy", rng=r) for r in range(2)])
    found = Subjects(net, xpnet.Network(hidden=(5,), backend=backend), stack, folder)
    net.save(found.file)
    return found


def _state(s: Subjects) -> tuple[Any, ...]:
    """Return everything that a failed call must leave unchanged."""
    kept: list[Any] = []
    for net in (s.net, s.open, s.stack._net):
        kept += [net.epoch, net.seed, net.loss, net.plan, net.dtype, net.classes, net.feature_names]
        if net._layers is not None:
            kept += [
                net.layers,
                *(to_numpy(x).tobytes() for x in (net.parameters, *net.statistics)),
            ]
    return tuple(kept)


def attempt(s: Subjects, call: Call, seed: int) -> tuple[str, str | None]:
    """Make a call with one or two bad arguments; return (its outcome, what is wrong with it)."""
    rng = np.random.default_rng(seed)
    zoo = values()
    given = call.arguments()
    names = [name for name in given if name not in call.fixed]
    for name in rng.choice(names, min(len(names), int(rng.integers(1, 3))), replace=False):
        which = rng.choice(list(zoo))
        if name == "compile" and which == "True":
            continue  # compiling takes ten seconds
        given[str(name)] = zoo[which](rng)
    before = _state(s)
    try:
        with _quiet(), _limited():
            call.function(s)(**given)
    except _Late:
        return "late", None if _state(s) == before else "it changes the network"
    except BaseException as error:
        wrong = _wrong(error, call)
        if wrong is None and _state(s) != before:
            wrong = "it changes the network"
        told = f"{type(error).__name__}: {error}"
        return type(error).__name__, wrong and f"{wrong}: {told[:500]}"
    return "taken", None


def _wrong(error: BaseException, call: Call) -> str | None:
    """Return what is wrong with an error, if anything."""
    if isinstance(error, RecursionError) and _is_theirs(error):
        return None  # it says what parameter is wrong, with the nested list that it is
    if isinstance(error, (RecursionError, NotImplementedError)) or not isinstance(
        error, (ValueError, TypeError, MemoryError, *call.errors)
    ):
        return "another kind of error"
    text = str(error)
    if isinstance(error, OSError) or _is_theirs(error):
        return None  # the system's message may contain a long path
    if _VALUE.search(text):
        return f"it repeats a value of more than {LONG} characters"
    if len(text) > LONGEST:
        return f"its message has {len(text)} characters"
    if _INTERNAL.search(text) and not call.raises_own:
        return "it is Python's own"
    return None


def _is_theirs(error: BaseException) -> bool:
    """Whether scikit-learn raised the error, as estimators have to: its messages repeat values."""
    places = traceback.extract_tb(error.__traceback__)
    return any("sklearn/utils" in Path(place.filename).as_posix() for place in places)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """End a call that takes too long within this context."""

    def late(*_: Any) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main(first: int, n: int, backend: str = "numpy") -> None:
    """Make the calls of the seeds first … first + n − 1."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    every, outcomes = calls(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        s = subjects(Path(folder), backend)
        for seed in range(first, first + n):
            call = every[seed % len(every)]
            outcome, wrong = attempt(s, call, seed)
            outcomes[outcome] += 1
            if wrong is not None:
                print(json.dumps({"seed": seed, "call": call.name, "wrong": wrong}), flush=True)
            if outcome == "taken" or wrong is not None:
                s = subjects(Path(folder), backend)  # which it may have trained
            if seed % 500 == 0:
                gc.collect()
    print(json.dumps({"outcomes": dict(outcomes)}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
