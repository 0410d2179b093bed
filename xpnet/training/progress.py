"""A progress bar for fits that take long (rich); silent where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["Progress", "show_progress"]

_DELAY = 1.0  # seconds before a bar appears: shorter fits need none


class Progress:
    """Steps done of so many; draws nothing before `_DELAY` has passed, unless asked for.

    The bar shows the last epoch's values, examples per second and the time left.
    """

    def __init__(self, wanted: bool | None, steps: int, examples_per_step: float) -> None:
        shown = sys.stderr.isatty() if wanted is None else wanted
        self._began = time.monotonic()
        self._opens_at = self._began + (0.0 if wanted else _DELAY) if shown else None
        self._steps, self._examples_per_step, self._done = steps, examples_per_step, 0
        self._text = "training"
        self._bar: Any = None
        self._task: Any = None

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done."""
        self._done += steps
        if self._bar is not None:
            self._bar.update(self._task, advance=steps, rate=self._rate())
        elif self._opens_at is not None and time.monotonic() >= self._opens_at:
            self._open()

    def describe(self, values: Mapping[str, float]) -> None:
        """An epoch's values beside the bar."""
        shown = (f"{name} {value:.4g}" for name, value in values.items() if _is_shown(name))
        self._text = f"epoch {values['epoch']:g}: {', '.join(shown)}"
        if self._bar is not None:
            self._bar.update(self._task, description=self._text)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        return f"{self._done * self._examples_per_step / seconds:,.0f} examples/s"

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=console.is_terminal,
        )
        self._task = self._bar.add_task(
            self._text, total=self._steps, completed=self._done, rate=self._rate()
        )
        self._bar.start()


def _is_shown(name: str) -> bool:
    return name not in ("epoch", "step", "seconds")


@contextmanager
def show_progress(wanted: bool | None, steps: int, examples_per_step: float) -> Iterator[Progress]:
    """A `Progress` that is closed at the end, whatever happens."""
    progress = Progress(wanted, steps, examples_per_step)
    try:
        yield progress
    finally:
        progress.close()
