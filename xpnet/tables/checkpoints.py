"""A checkpoint for each fit of a training: run.ckpt, run.ckpt.2, run.ckpt.3, …

The fits follow from the data and the settings alone, and each goes on from its own file. A finished
one returns at once what it returned, so nothing else is kept of what earlier fits decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.errors import CheckpointError
from xpnet.training.checkpointing import all_numbered, numbered
from xpnet.whole_file import path_of

__all__ = ["Checkpoints", "checkpoints_given"]


@dataclass
class Checkpoints:
    """The files of the fits of one training, which ask for them in turn.

    Attributes
    ----------
    path : str or None
        The first one; None for no checkpoints.
    every : str or int
    resume : bool or str
    done : int
        The number of fits that have asked.
    """

    path: str | None = None
    every: str | int = "10s"
    resume: bool | str = "auto"
    done: int = 0

    def next(self) -> dict[str, Any]:
        """The keywords of the next fit; only the first file must be there to go on."""
        if self.path is None:
            return {}
        self.done += 1
        resume = "auto" if self.resume is True and self.done > 1 else self.resume
        path = numbered(self.path, self.done)
        return {"checkpoint": path, "checkpoint_every": self.every, "resume": resume}


def checkpoints_given(path: Any, every: Any, resume: Any, seconds: Any) -> Checkpoints:
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
            f'{old[-1]!r} is there already: remove it, or give resume="auto" to go on from it'
        )
    return Checkpoints(path, every, resume)
