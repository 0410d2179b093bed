"""Signals as requests to stop a fit after its step, as schedulers send them before they kill."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from xpnet.errors import quoted
from xpnet.ranges import is_count
from xpnet.training.interrupt import running

__all__ = ["StopSignals", "check_stopped", "handled", "stop_on_signals"]

_NEVER = ("SIGKILL", "SIGSTOP")  # of which no program is told


class StopSignals:
    """What `stop_on_signals` yields.

    Attributes
    ----------
    received : int or None
        The number of the first signal that was received, such as ``signal.SIGTERM``.
    """

    received: int | None = None

    def __repr__(self) -> str:
        return f"StopSignals(received={_name(self.received)})"

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Ask the running fit to stop; without one, `end` the program."""
        fit = running()
        if self.received is None and not (fit and fit.requested):  # else Ctrl-C came first
            self.received = number
        if fit is None:
            self.end(number)
        else:
            fit.requested = True

    def end(self, number: int) -> None:
        """End the program; called if no fit runs."""
        raise SystemExit(128 + number)


@contextmanager
def stop_on_signals(*numbers: int) -> Iterator[StopSignals]:
    """Within this context, signals stop a fit after its current step, as Ctrl-C does.

    ``history.stopped`` is then "interrupted", and a fit with ``checkpoint=`` goes on from that step
    when it is called again. Without a running fit, a signal raises ``SystemExit(128 + number)``,
    which is the exit status by convention. A fit of the main thread that begins after the signal
    raises it too, before anything changes. To do more than that, look at ``received`` after each
    fit. After the block, signals do what they did before.

    Parameters
    ----------
    numbers : int
        The signals; none means ``signal.SIGTERM``, which schedulers and containers send.

    Raises
    ------
    ValueError
        This is not the main thread, and only that one handles signals; or there is no such signal,
        or no program can handle it, such as ``signal.SIGKILL``.

    Examples
    --------
    >>> import signal, numpy as np, xpnet
    >>> def preempted(net, history):
    ...     signal.raise_signal(signal.SIGTERM)
    >>> with xpnet.training.stop_on_signals() as stop:
    ...     net = xpnet.Network([2, 3, 2], rng=1)
    ...     history = net.fit(np.eye(2), [0, 1], epochs=9, callbacks=preempted)
    >>> history.stopped, len(history), stop.received == signal.SIGTERM
    ('interrupted', 1, True)
    """
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("only the main thread handles signals: enter stop_on_signals there")
    for number in numbers:
        _check(number)
    stop = StopSignals()
    with handled(numbers or (signal.SIGTERM,), stop):
        yield stop


def _check(number: Any) -> None:
    """Raise ValueError unless a program can handle the signal of that number."""
    if not is_count(number) or number not in signal.valid_signals():
        raise ValueError(f"a signal must be one such as signal.SIGTERM, got {quoted(number)}")
    if _name(number) in _NEVER:
        raise ValueError(f"{_name(number)} ends or stops a process at once: no program handles it")


def _name(number: int | None) -> str:
    """The name of a signal, or its number if it has none."""
    known = {int(each): each.name for each in signal.Signals}
    return known.get(number or 0, str(number))


_active: list[StopSignals] = []  # the innermost last


def check_stopped() -> None:
    """End the program, by `StopSignals.end`, if a signal stopped an earlier fit of this thread.

    A fit within another fit's callback ends with that fit instead.
    """
    if running() is not None or threading.current_thread() is not threading.main_thread():
        return
    for stop in reversed(_active):
        if stop.received is not None:
            stop.end(stop.received)


@contextmanager
def handled(numbers: Iterable[int], stop: StopSignals) -> Iterator[None]:
    """Within this context, ``stop`` handles the signals."""
    before: dict[int, object] = {}
    try:
        _active.append(stop)
        for number in numbers:
            before[number] = signal.signal(number, stop.on_signal)
        yield
    finally:
        _active.remove(stop)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]
