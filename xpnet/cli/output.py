"""What the commands share: where they write, and what they say on the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from xpnet.network import Network
from xpnet.training import History

__all__ = ["check_out", "report"]

_LINES = 6  # of progress, where no terminal shows a bar


def check_out(out: Path, *inputs: Path) -> None:
    """Raise, before any work, where ``out`` can't be written or is one of the inputs."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise OSError(f"--out {out}: its folder does not exist, or it is a folder itself")
    for path in inputs:
        if out.exists() and path.exists() and os.path.samefile(out, path):
            raise OSError(f"--out {out} is the file that is read: give another name")


def report(epochs: int) -> Callable[[Network, History], None]:
    """A callback that prints a few lines over the whole fit."""
    every = -(-epochs // _LINES)

    def report_epoch(net: Network, history: History) -> None:
        done = len(history)
        if done % every == 0 or done == epochs:
            print(f"epoch {done:{len(str(epochs))}} of {epochs}: loss {history.loss[-1]:.4f}")

    return report_epoch
