"""A progress bar for fits that take long (rich); silent where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Progress", "show_progress"]

_DELAY = 1.0  # seconds before a bar appears: shorter fits need none


class Progress:
    """Steps done of so many; draws nothing before `_DELAY` has passed, unless asked for."""

    def __init__(self, wanted: bool | None, steps: int) -> None:
        shown = sys.stderr.isatty() if wanted is None else wanted
        self._starts_at = time.monotonic() + (0.0 if wanted else _DELAY) if shown else None
        self._steps, self._done = steps, 0
        self._bar: Any = None
        self._task: Any = None

    def advance(self) -> None:
        """One more step is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._task)
        elif self._starts_at is not None and time.monotonic() >= self._starts_at:
            self._open()

    def describe(self, text: str) -> None:
        """Text beside the bar."""
        if self._bar is not None:
            self._bar.update(self._task, description=text)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=self._steps, completed=self._done)
        self._bar.start()


@contextmanager
def show_progress(wanted: bool | None, steps: int) -> Iterator[Progress]:
    """A `Progress` that is closed at the end, whatever happens."""
    progress = Progress(wanted, steps)
    try:
        yield progress
    finally:
        progress.close()
