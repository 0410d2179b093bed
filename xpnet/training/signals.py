"""Signals as requests to stop a fit after its step, as schedulers send them before they kill."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from xpnet.training.interrupt import running

__all__ = ["StopSignals", "handled", "stop_on_signals"]


class StopSignals:
    """What `stop_on_signals` yields.

    Attributes
    ----------
    received : int or None
        The number of the first signal that was received, such as ``signal.SIGTERM``.
    """

    received: int | None = None

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
    which is the exit status by convention. After the block, signals do what they did before.

    Parameters
    ----------
    numbers : int
        The signals; none means ``signal.SIGTERM``, which schedulers and containers send.

    Raises
    ------
    ValueError
        This is not the main thread, which alone handles signals; or there is no such signal.

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
    stop = StopSignals()
    with handled(numbers or (signal.SIGTERM,), stop):
        yield stop


@contextmanager
def handled(numbers: Iterable[int], stop: StopSignals) -> Iterator[None]:
    """Within this context, ``stop`` handles the signals."""
    before: dict[int, object] = {}
    try:
        for number in numbers:
            before[number] = signal.signal(number, stop.on_signal)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]
