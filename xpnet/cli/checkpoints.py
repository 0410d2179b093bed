"""``--checkpoint``: a training that ends by a signal or after a time, and goes on later."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from xpnet.cli.kinds import CHECKPOINT
from xpnet.cli.options import UsageError
from xpnet.cli.output import check_out
from xpnet.cli.terminal import say
from xpnet.errors import CheckpointError
from xpnet.ranges import is_count
from xpnet.tables.checkpoints import announcing, check_files, place_in, to_remove
from xpnet.training.checkpointing import ANEW, TIMES, all_numbered, seconds_of
from xpnet.training.interrupt import running
from xpnet.training.signals import StopSignals, handled

__all__ = ["add_options", "check", "finishing", "going_on", "keywords", "run_stoppable"]

_RESUMES: dict[str, bool | str] = {"auto": "auto", "yes": True, "no": False, "anyway": "anyway"}
_INTERRUPTED, _TERMINATED, _LATER = 130, 143, 75  # exit statuses; 75 is EX_TEMPFAIL
_AGAIN = 1.0  # seconds after which a signal that ended nothing comes again
_ALARM = getattr(signal, "SIGALRM", None)  # of the end of the time; Windows has none
_TIMES = TIMES.replace('"', "")
_WORDS = {
    'resume="anyway"': "--resume anyway",
    'resume="auto"': "--resume auto",
    "give a different file": "give --checkpoint a different file",
}
_WHY = {_INTERRUPTED: "Ctrl-C", _TERMINATED: "SIGTERM", _LATER: "--stop-after"}


def add_options(group: Any) -> None:
    """Add the options on checkpoints."""
    group.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="keep the whole state of the training in this file, to go on after a kill",
    )
    group.add_argument(
        "--checkpoint-every",
        type=_every,
        metavar="WHEN",
        help="a time such as 10s or 5min, a number of steps, or epoch (10s)",
    )
    group.add_argument(
        "--resume",
        choices=_RESUMES,
        help="auto: go on from the file if it is there, else begin (the default); yes: it must be "
        "there; no: begin, and it must not be there; anyway: as auto, on another machine too",
    )
    group.add_argument(
        "--stop-after",
        type=_seconds,
        metavar="TIME",
        help="stop after a time such as 3h, with a checkpoint and exit status 75, once a step is "
        "done",
    )


def _every(text: str) -> str | int:
    value: str | int = int(text) if text.isdecimal() else text
    if value != "epoch" and not is_count(value, 1) and seconds_of(value) is None:
        raise argparse.ArgumentTypeError(
            f"must be a time such as {_TIMES}, a number of steps, or epoch; got {text!r}"
        )
    return value


def _seconds(text: str) -> float:
    seconds = seconds_of(text)
    if not seconds:
        raise argparse.ArgumentTypeError(f"must be a time such as {_TIMES}; got {text!r}")
    return seconds


def check(options: argparse.Namespace, out: Path, several: bool, *inputs: Path) -> None:
    """Check the options and the files before any work; ``several``: each fit has a file."""
    if options.checkpoint is None:
        for name in ("checkpoint_every", "resume", "stop_after"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} needs --checkpoint FILE")
        return
    if options.stop_after is not None and not hasattr(signal, "setitimer"):
        raise UsageError("--stop-after needs a system with timers, such as Linux or macOS")
    if options.time is not None:
        raise UsageError(
            "--time measures the machine, so a training that goes on could choose other epochs: "
            "give --epochs with --checkpoint"
        )
    if options.checkpoint.resolve() == out.resolve():
        raise UsageError(f"--checkpoint and --out are both {out}: name two files")
    check_out(options.checkpoint, CHECKPOINT, *inputs, option="--checkpoint")
    options.several = several
    _check_files(options)


def _check_files(options: argparse.Namespace) -> None:
    """Check whether the files must be there or not, and each by itself."""
    files = _files(options)
    if options.resume == "no" and files:
        raise FileExistsError(f"--resume no: there are checkpoints already: {to_remove(files)}")
    if options.resume == "yes" and not options.checkpoint.exists():
        raise FileNotFoundError(
            f"--resume yes: there is no checkpoint {options.checkpoint} to go on from; --resume "
            "auto begins anew"
        )
    if files and options.resume != "anyway":
        with _in_own_words(options):
            check_files(str(options.checkpoint), options.several)


@contextmanager
def _in_own_words(options: argparse.Namespace) -> Iterator[None]:
    """Within this block, a CheckpointError names the options of the command."""
    try:
        yield
    except CheckpointError as error:
        text = str(error)
        for python, command in _WORDS.items():
            text = text.replace(python, command)
        error.args = (text.replace(ANEW, to_remove(_files(options))),)
        raise


def keywords(options: argparse.Namespace) -> dict[str, Any]:
    """The keywords of a fit, or of a training on a table."""
    if options.checkpoint is None:
        return {}
    every = options.checkpoint_every
    return {
        "checkpoint": options.checkpoint,
        **({} if every is None else {"checkpoint_every": every}),
        "resume": _RESUMES[options.resume or "auto"],
    }


def going_on(options: argparse.Namespace) -> dict[str, Any]:
    """The callbacks of a training of one fit that say from where it goes on."""
    path = options.checkpoint
    return {} if path is None else {"fit_begin": announcing(str(path), say)}


class _Stopping(StopSignals):
    """SIGTERM and the end of a time, as requests to stop after the current step.

    Attributes
    ----------
    ends : bool
        Whether only the model is left to be written and judged, which no signal but Ctrl-C stops.
    """

    ends = False

    @property
    def status(self) -> int:
        """The exit status of a training that was stopped."""
        if self.received is None:
            return _INTERRUPTED
        return _TERMINATED if self.received == signal.SIGTERM else _LATER

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Ask the running fit to stop; without one, end the command.

        The end of the time waits for a fit, which does a step at least: else a job that takes long
        to read its data would be stopped and started again for ever. It comes again each second.
        """
        waits = number == _ALARM and self.received is None and running() is None
        if not (self.ends or waits):
            super().on_signal(number, frame)

    def end(self, number: int) -> None:
        """End the command by an exception, which is raised again each second.

        Python drops it within a finalizer.
        """
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise KeyboardInterrupt


@contextmanager
def _stopping(seconds: float | None) -> Iterator[_Stopping]:
    """Handle SIGTERM within the block, and the end of the time; only the main thread can."""
    stopping, numbers = _Stopping(), [signal.SIGTERM]
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    timed = hasattr(signal, "setitimer")
    if timed:
        numbers.append(signal.SIGALRM)
    with handled(numbers, stopping):
        try:
            if seconds is not None:
                signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
            yield stopping
        finally:
            if timed:
                signal.setitimer(signal.ITIMER_REAL, 0.0)


def finishing(options: argparse.Namespace) -> None:
    """Say that all fits are done: from now on, SIGTERM and the end of the time stop nothing."""
    if options.checkpoint is not None:
        options.stopping.ends = True


def run_stoppable(options: argparse.Namespace, run: Callable[[argparse.Namespace], int]) -> int:
    """Run a training; with a checkpoint, say how to go on if it was stopped.

    ``run`` calls `finishing` before it writes the model. It returns 130 if it was stopped before
    that, or raises KeyboardInterrupt at any time.
    """
    if options.checkpoint is None:
        return run(options)
    with _stopping(options.stop_after) as stopping, _in_own_words(options):
        options.stopping = stopping
        try:
            status = run(options)
        except KeyboardInterrupt:
            if stopping.ends:  # Ctrl-C, and the message of any command
                raise
            status = _INTERRUPTED
    if status != _INTERRUPTED:
        return status
    status = stopping.status
    say(f"stopped by {_WHY[status]}: {_said(options)}")
    return status


def _said(options: argparse.Namespace) -> str:
    """What is kept, and how to go on."""
    files = _files(options)
    if not files:
        return "nothing was kept, since it came before the first checkpoint"
    again = "the same command"
    if options.resume == "no":
        again += " with --resume auto"
    return f"{again} goes on from {place_in(files[-1])}"


def _files(options: argparse.Namespace) -> list[str]:
    """The checkpoints of the fits of the training that are there, in their order."""
    path = str(options.checkpoint)
    if options.several:
        return all_numbered(path)
    return [path] if options.checkpoint.exists() else []
