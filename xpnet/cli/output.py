"""Output shared by the commands: the files that they write, and their progress."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from xpnet.cli.kinds import TABLE, Kind
from xpnet.cli.options import UsageError
from xpnet.cli.terminal import say
from xpnet.errors import counted
from xpnet.network import Network
from xpnet.tables import write_csv
from xpnet.tables.csv_written import csv_text
from xpnet.training import History
from xpnet.training.interrupt import has_cut
from xpnet.typing import Host
from xpnet.whole_file import check_writable

__all__ = ["check_out", "is_stdout", "progress_lines", "said_of", "trained", "write_table"]

_LINES = 6  # progress lines over a whole fit
_SECONDS = 5.0  # seconds after which the next epoch is printed in any case


def check_out(out: Path, kind: Kind, *inputs: Path, option: str = "--out") -> None:
    """Raise before any work if ``out`` cannot be written or must not be overwritten.

    It must not if it is one of the inputs, or a file of a different kind than ``kind``.
    """
    if kind.name != TABLE.name and is_stdout(out):
        raise UsageError(
            f"{option} {out}: {kind.name} cannot be written to standard output: name a file"
        )
    if kind.name == TABLE.name and _takes_a_stream(out):
        return
    try:
        check_writable(out)
    except OSError as error:
        raise type(error)(f"{option} {out}: {error}") from error
    if _takes_a_stream(out):  # such as /dev/fd/3, whose name leads to no file
        raise FileExistsError(f"{option} {out} is a stream, but {kind.name} needs a file: name one")
    for path in inputs:
        if out.exists() and path.exists() and os.path.samefile(out, path):
            raise OSError(f"{option} {out} is the input file: give a different name")
    if _has_content(out) and not kind.fits(out):
        raise FileExistsError(
            f"{option} {out} already exists and is not {kind.name}, so it is left unchanged: "
            "give a different name, or remove it"
        )


def said_of(out: Path, kind: Kind) -> str:
    """Return the message for a written file; call it before writing, to detect an older file."""
    if is_stdout(out):
        return "wrote standard output"
    older = f", replacing {kind.older}" if _has_content(out) else ""
    return f"wrote {out}{older}"


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def is_stdout(out: Path) -> bool:
    """Whether ``out`` is "-", or a path of the file behind stdout, such as /dev/stdout."""
    if str(out) == "-":
        return True
    with suppress(OSError, ValueError, AttributeError):  # a stream without a file, or closed
        return out.exists() and os.path.samestat(out.stat(), os.fstat(sys.stdout.fileno()))
    return False


def _takes_a_stream(out: Path) -> bool:
    """Whether ``out`` is stdout, a pipe or a terminal, where writing overwrites nothing."""
    if is_stdout(out):
        return True
    mode = out.stat().st_mode if out.exists() else 0
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def write_table(out: Path, columns: Mapping[str, Host]) -> None:
    """Write CSV as UTF-8, to a stream or to a file, which is written completely or not at all."""
    if not _takes_a_stream(out):
        write_csv(out, columns)
    elif not is_stdout(out):
        out.write_bytes(csv_text(columns).encode())
    elif hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(csv_text(columns).encode())
    else:
        sys.stdout.write(csv_text(columns))


def progress_lines(epochs: int) -> Callable[[Network, History], None]:
    """Return a callback that prints a few lines over the whole fit, and more if it is slow.

    An epoch that was cut short has no line: its loss is that of a part.
    """
    every = -(-epochs // _LINES)
    printed = [time.monotonic()]

    def report_epoch(net: Network, history: History) -> None:
        done, now = len(history), time.monotonic()
        if has_cut():
            return
        if done % every == 0 or done == epochs or now - printed[0] > _SECONDS:
            printed[0] = now
            say(f"epoch {done:{len(str(epochs))}} of {epochs}: loss {history.loss[-1]:.4f}")

    return report_epoch


def trained(history: History, epochs: int) -> str:
    """Return a message that says how much of the training was done."""
    if history.stopped == "interrupted":
        return f"interrupted in epoch {len(history)} of {epochs}: kept what was trained"
    return f"trained {counted(len(history), 'epoch')}"
