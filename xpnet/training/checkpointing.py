"""The keywords of `fit` about checkpoints; and when a checkpoint is due."""

from __future__ import annotations

import os
import re
import time
from typing import Any, NamedTuple

from xpnet.errors import quoted
from xpnet.ranges import MOST, check_flag, is_choice, is_count
from xpnet.whole_file import path_of

__all__ = [
    "ANEW",
    "TIMES",
    "Cadence",
    "Every",
    "all_numbered",
    "checkpoint_every",
    "checkpoint_path",
    "numbered",
    "overwrite_flag",
    "resume_flag",
    "seconds_of",
]

EVERY = "10s"
"""The default of ``checkpoint_every``."""

MOST_SHARE = 0.02
"""The share of the time that checkpoints may take if a time says how often they are written."""

ANEW = "resume=False, overwrite=True to begin anew"
"""What errors of a fit say to give. A training of several fits says which files to remove."""

TIMES = '"500ms", "10s", "5min", "1h" or "1d"'
"""Examples of times for messages."""

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_RESUMES = ("auto", "anyway")


class Every(NamedTuple):
    """How often to write: after so many seconds, or steps, or, if both are None, every epoch."""

    seconds: float | None = None
    steps: int | None = None


def checkpoint_path(_: str, path: Any) -> str | None:
    """Return the file's name as text, or None."""
    return None if path is None else path_of(path)


def checkpoint_every(name: str, every: Any, path: Any) -> Every:
    """Return how often to write; without a file, only the default is right."""
    found = _every(every)
    _check_needed(name, every == EVERY, path)
    return found


def resume_flag(name: str, resume: Any, path: Any) -> bool | str:
    """Return it unchanged; raise ValueError if it is none of the four."""
    if not (isinstance(resume, bool) or is_choice(resume, _RESUMES)):
        raise ValueError(f'{name} must be "auto", "anyway", True or False, got {quoted(resume)}')
    _check_needed(name, resume == "auto", path)
    return bool(resume) if isinstance(resume, bool) else str(resume)


def overwrite_flag(name: str, overwrite: Any, path: Any, resume: Any) -> bool:
    """Return it unchanged; a fit that begins anew may overwrite, and no other."""
    check_flag(name, overwrite)
    _check_needed(name, overwrite is False, path)
    if overwrite and resume is not False:
        raise ValueError(f"{name}=True begins anew: give resume=False too")
    return bool(overwrite)


def _check_needed(name: str, is_default: bool, path: Any) -> None:
    if path is None and not is_default:
        raise ValueError(f"{name} is about a checkpoint: give the file, checkpoint=…")


def _every(every: Any) -> Every:
    """Parse "10s", "5min", "2h", a number of steps, or "epoch"."""
    if isinstance(every, str) and every == "epoch":
        return Every()
    if is_count(every, 1):
        return Every(steps=int(every))
    seconds = seconds_of(every)
    if seconds is None:
        raise ValueError(
            f'checkpoint_every must be a time such as {TIMES}, a number of steps, or "epoch", '
            f"got {quoted(every)}"
        )
    return Every(seconds=seconds)


def seconds_of(text: Any) -> float | None:
    """The seconds of a time in ms, s, min, h or d, such as "10s"; None if it is none.

    >>> seconds_of("1.5min"), seconds_of("1 D"), seconds_of("soon")
    (90.0, 86400.0, None)
    """
    if not isinstance(text, str):
        return None
    found = re.fullmatch(rf"(\d{{1,9}}(?:\.\d{{1,9}})?) ?({'|'.join(_SECONDS)})", text.lower())
    return float(found[1]) * _SECONDS[found[2]] if found else None


def numbered(path: str, k: int) -> str:
    """The checkpoint of the k-th fit of a training of several: run.ckpt, run.ckpt.2, …"""
    return path if k == 1 else f"{path}.{k}"


def all_numbered(path: str) -> list[str]:
    """The checkpoints of a training of several fits that are there, in their order."""
    folder, name = os.path.split(path)
    pattern = re.compile(re.escape(name) + r"(?:\.([1-9]\d{0,8}))?")
    try:
        found = [pattern.fullmatch(each) for each in os.listdir(folder or ".")]
    except OSError:  # there is no such folder
        return []
    numbers = sorted(int(each[1] or 1) for each in found if each and each[1] != "1")
    return [numbered(path, k) for k in numbers]


class Cadence:
    """Says when a checkpoint is due."""

    def __init__(self, every: Every, steps: int = 0) -> None:
        self._every = every
        self.wrote(steps)

    def wrote(self, steps: int, took: float = 0.0) -> None:
        """Note that a checkpoint was written, or tried, after so many steps of the fit.

        If it ``took`` many seconds, the next one is due later, so that writing takes 2 % of the
        time at most. A number of steps, or "epoch", stays what the user asked for.
        """
        self._steps, self._time = steps, time.monotonic()
        self._pause = took * (1.0 / MOST_SHARE - 1.0)

    def limit(self, steps: int, piece: int) -> int:
        """Return how many of the next steps to do before a checkpoint may be due."""
        n = self._every.steps or MOST
        return min(piece, n - steps % n)

    def is_due(self, steps: int, ends_epoch: bool) -> bool:
        """Whether one is due after so many steps of the fit."""
        seconds, n = self._every
        if seconds is not None:
            return time.monotonic() - self._time >= max(seconds, self._pause)
        return ends_epoch if n is None else steps // n > self._steps // n
