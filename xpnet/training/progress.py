"""The progress of a fit: a live view on a terminal (with rich), else plain lines.

▇▅▄▃▂▂▁▁  epoch 12: loss 0.1234; validation loss 0.2345, accuracy 0.93
━━━━━━━━━━━━━━━━ 120/300 steps, 12,345 examples/s, 0:00:12 left
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

from xpnet.training.history import typical
from xpnet.training.sparkline import sparkline
from xpnet.undisturbed import undisturbed

__all__ = ["Progress", "show_progress"]

_DELAY = 1.0  # seconds before a live view appears by itself: shorter fits need none
_PAUSE = 3.0  # least number of seconds between two lines

_WIDTH = 14  # characters of the sparkline: a line of values stays within 80 columns


class _Now(NamedTuple):
    """The present progress of a fit.

    Attributes
    ----------
    done, steps : int
    rate : float
        Examples a second, since the beginning.
    left : float
        Seconds left at that rate.
    values : str
        The last epoch's values as text; empty before the end of the first.
    losses : list of float
        The loss of every epoch.
    """

    done: int
    steps: int
    rate: float
    left: float
    values: str
    losses: list[float]


class _View(Protocol):
    def is_due(self, ends_epoch: bool) -> bool: ...

    def show(self, now: _Now) -> None: ...

    def close(self, now: _Now) -> None: ...


class Progress:
    """The steps done and the last values, for a view that shows them.

    With ``wanted`` None, the view opens only after `_DELAY` seconds.

    Parameters
    ----------
    wanted : bool or None
        None: if stderr is a terminal.
    steps : int
    examples_per_step : float
    """

    def __init__(self, wanted: bool | None, steps: int, examples_per_step: float) -> None:
        live = sys.stderr.isatty()
        shown = live if wanted is None else wanted
        self._began = time.monotonic()
        self._opens_at = self._began + (_DELAY if live and not wanted else 0.0)
        self._make = _kind_of_view(live) if shown else None
        self._view: _View | None = None
        self._steps, self._examples_per_step, self._done = steps, examples_per_step, 0
        self._before = 0  # steps done before this process
        self._values = ""
        self._losses: list[float] = []

    def go_on(self, done: int) -> None:
        """Go on from a checkpoint after ``done`` steps, which took none of this view's time."""
        self._done = self._before = done

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` more steps as done."""
        self._done += steps
        self._show(ends_epoch=False)

    def describe(self, values: Mapping[str, Any]) -> None:
        """Show an epoch's values; for a stack, their medians (`typical`)."""
        values = {name: typical(value) for name, value in values.items()}
        self._values = _in_print(values)
        self._losses.append(values["loss"])
        self._show(ends_epoch=True)

    def close(self) -> None:
        """Restore the terminal; write the last epoch to a log."""
        if self._view is not None:
            self._view.close(self._now())

    def _show(self, ends_epoch: bool) -> None:
        if self._make is None or (self._view is None and time.monotonic() < self._opens_at):
            return
        if self._view is None:
            self._view = self._make()
        if self._view.is_due(ends_epoch):
            self._view.show(self._now())

    def _now(self) -> _Now:
        seconds = max(time.monotonic() - self._began, 1e-9)
        here = self._done - self._before
        left = seconds / max(here, 1) * (self._steps - self._done)
        rate = here * self._examples_per_step / seconds
        return _Now(self._done, self._steps, rate, left, self._values, self._losses)


def _kind_of_view(live: bool) -> type[_Live] | type[_Lines]:
    """A live view needs rich."""
    return _Live if live and find_spec("rich") else _Lines


def _in_print(values: Mapping[str, float]) -> str:
    """Values as text: epoch 3: loss 0.5; validation loss 0.6, accuracy 0.9."""
    text, before = f"epoch {values['epoch']:g}: loss {values['loss']:.4g}", "; validation"
    for name, value in values.items():
        if name.startswith("validation_"):
            text += f"{before} {name.removeprefix('validation_').replace('_', ' ')} {value:.4g}"
            before = ","
    return text


def _of_steps(now: _Now) -> str:
    time_left = timedelta(seconds=round(now.left))
    return f"{now.done}/{now.steps} steps, {now.rate:,.0f} examples/s, {time_left} left"


class _Lines:
    """A view for a file or a pipe: lines for the first epoch, the last, and a few between them."""

    def __init__(self) -> None:
        self._said, self._next = "", time.monotonic()

    def is_due(self, ends_epoch: bool) -> bool:
        return ends_epoch and time.monotonic() >= self._next

    def show(self, now: _Now) -> None:
        print(f"{now.values} ({_of_steps(now)})", file=sys.stderr, flush=True)
        self._said, self._next = now.values, time.monotonic() + _PAUSE

    def close(self, now: _Now) -> None:
        if now.values != self._said:
            self.show(now)


class _Live:
    """A view for a terminal: the losses' sparkline with the values, and below them the bar."""

    def __init__(self) -> None:
        with undisturbed():
            from rich.console import Console, Group
            from rich.live import Live
            from rich.progress_bar import ProgressBar
            from rich.table import Table
            from rich.text import Text

        self._kinds = Group, Table, Text

        console = Console(stderr=True)
        self._draws_bars = console.encoding.startswith("utf")
        self._bar = ProgressBar(width=24)
        self._live = Live(
            console=console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=sys.stdout.isatty(),  # a redirected stdout keeps its output
        )
        self._live.start()
        self._next = 0.0

    def is_due(self, ends_epoch: bool) -> bool:
        """Whether to draw: at most ten times a second, since a step may take microseconds."""
        return time.monotonic() >= self._next

    def show(self, now: _Now) -> None:
        self._next = time.monotonic() + 0.1
        self._live.update(self._picture(now), refresh=True)

    def close(self, now: _Now) -> None:
        self._live.stop()

    def _picture(self, now: _Now) -> Any:
        Group, Table, Text = self._kinds
        line = Text(now.values or "training", no_wrap=True, overflow="ellipsis")
        if self._draws_bars and len(now.losses) > 1:
            line = Text.assemble(sparkline(now.losses, _WIDTH), "  ", line)
            line.no_wrap, line.overflow = True, "ellipsis"
        self._bar.update(completed=now.done, total=now.steps)
        row = Table.grid(padding=(0, 1))
        row.add_row(self._bar, Text(_of_steps(now), no_wrap=True, overflow="ellipsis"))
        return Group(line, row)


@contextmanager
def show_progress(wanted: bool | None, steps: int, examples_per_step: float) -> Iterator[Progress]:
    """Yield a `Progress` and close it at the end, even after an error."""
    progress = Progress(wanted, steps, examples_per_step)
    try:
        yield progress
    finally:
        progress.close()
