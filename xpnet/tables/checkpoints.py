"""A checkpoint for each fit of a training: run.ckpt, run.ckpt.2, run.ckpt.3, …

The fits follow from the data and the settings alone, and each goes on from its own file. A finished
one returns at once what it returned, so nothing else is kept of what earlier fits decided.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from xpnet.errors import CheckpointError, counted, quoted
from xpnet.files.checkpoint import Checkpoint
from xpnet.tables.targets import silent
from xpnet.training.checkpointing import ANEW, all_numbered, numbered
from xpnet.whole_file import path_of

__all__ = ["Checkpoints", "announcing", "check_files", "checkpoints_given", "place_in", "to_remove"]


@dataclass
class Checkpoints:
    """The files of the fits of one training, which ask for them in turn.

    Attributes
    ----------
    path : str or None
        The first one; None for no checkpoints.
    every : str or int
    resume : bool or str
    tell : function of str
        Told from where the training goes on.
    done : int
        The number of fits that have asked.
    """

    path: str | None = None
    every: str | int = "10s"
    resume: bool | str = "auto"
    tell: Callable[[str], None] = silent
    done: int = 0

    def next(self) -> dict[str, Any]:
        """The keywords of the next fit; only the first file must be there to go on."""
        if self.path is None:
            return {}
        self.done += 1
        resume = "auto" if self.resume is True and self.done > 1 else self.resume
        path = numbered(self.path, self.done)
        announce = {"fit_begin": announcing(path, self.tell, numbered(self.path, self.done + 1))}
        return {
            "checkpoint": path,
            "checkpoint_every": self.every,
            "resume": resume,
            "callbacks": announce,
        }

    @contextmanager
    def naming_files(self) -> Iterator[None]:
        """Within this block, a CheckpointError says which files to remove to begin anew."""
        try:
            yield
        except CheckpointError as error:
            if self.path is not None:
                remedy = to_remove(all_numbered(self.path))
                error.args = (str(error).replace(ANEW, remedy),)
            raise


def announcing(
    path: str, tell: Callable[[str], None], following: str | None = None
) -> Callable[[Any, Any], None]:
    """A callback for "fit_begin", when the file is compared: it tells from where the fit goes on.

    If the file of the ``following`` fit is there too, that one tells.
    """

    def announce(net: Any, history: Any) -> None:
        if os.path.exists(path) and not (following and os.path.exists(following)):
            tell(f"going on from {place_in(path)}")

    return announce


def place_in(path: str) -> str:
    """The file, and how far its fit has come."""
    found = Checkpoint.read(path)
    if found.finished:
        return f"{path}: {counted(found.epoch, 'epoch')}, all that it needs"
    return f"{path}: {counted(found.epoch, 'epoch')} and {counted(found.step, 'step')}"


def to_remove(paths: list[str]) -> str:
    """What a message says to do before a training begins anew."""
    return f"remove {', '.join(map(quoted, paths))} to begin anew"


def check_files(path: str, several: bool = True) -> None:
    """Check the files of a training by themselves, before it begins.

    A fit begins when the one before it is finished. So if a file lies behind one that is not, it is
    of a different training, which would be found only after the fits before it.

    Raises
    ------
    CheckpointError
        A file is damaged, or of a different training; the message says what to remove.
    """
    paths, ready = all_numbered(path) if several else [path], True
    remedy = f"give a different file, or {to_remove(paths)}"
    for k, each in enumerate(paths, start=1):
        missing = each != numbered(path, k)
        if missing or not ready:
            before = numbered(path, k if missing else k - 1)
            raise CheckpointError(
                f"{each!r} is of a different training, since {before!r}, which comes before it, is "
                f"not finished: {remedy}"
            )
        try:
            ready = Checkpoint.read(each).finished
        except CheckpointError as error:
            error.args = (f"{error}; {remedy}",)
            raise


def checkpoints_given(
    path: Any, every: Any, resume: Any, seconds: Any, tell: Callable[[str], None] = silent
) -> Checkpoints:
    """Check what does not depend on a fit.

    Raises ValueError with a budget of time, and CheckpointError if a training that must begin anew
    would find the checkpoint of any of its fits.
    """
    if path is None:
        return Checkpoints()
    if seconds is not None:
        raise ValueError(
            "seconds measures the machine, so a training that goes on could choose other epochs: "
            "give epochs with checkpoint"
        )
    path = path_of(path)
    if resume is False and (old := all_numbered(path)):
        raise CheckpointError(
            f'there are checkpoints already: {to_remove(old)}, or give resume="auto" to go on'
        )
    if resume != "anyway":
        check_files(path)
    return Checkpoints(path, every, resume, tell)
