"""What the commands share: where they write, and what they say on the way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from xpnet.files import check_writable
from xpnet.network import Network
from xpnet.training import History

__all__ = ["check_out", "report", "trained"]

_LINES = 6  # of progress over a whole fit …
_SECONDS = 5.0  # … and one at least so often


def check_out(out: Path, *inputs: Path, option: str = "--out") -> None:
    """Raise, before any work, where ``out`` can't be written or is one of the inputs."""
    try:
        check_writable(out)
    except OSError as error:
        raise type(error)(f"{option} {out}: {error}") from error
    for path in inputs:
        if out.exists() and path.exists() and os.path.samefile(out, path):
            raise OSError(f"{option} {out} is the file that is read: give another name")


def report(epochs: int) -> Callable[[Network, History], None]:
    """A callback that prints a few lines over the whole fit, and more where that takes long."""
    every = -(-epochs // _LINES)
    printed = [time.monotonic()]

    def report_epoch(net: Network, history: History) -> None:
        done, now = len(history), time.monotonic()
        if done % every == 0 or done == epochs or now - printed[0] > _SECONDS:
            printed[0] = now
            print(f"epoch {done:{len(str(epochs))}} of {epochs}: loss {history.loss[-1]:.4f}")

    return report_epoch


def trained(history: History, epochs: int) -> str:
    """How much of the training was done."""
    if history.stopped == "interrupted":
        return f"interrupted in epoch {len(history)} of {epochs}: kept what was trained"
    return f"trained {len(history)} epoch{'s' if len(history) != 1 else ''}"
