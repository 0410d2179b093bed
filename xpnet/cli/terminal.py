"""Print messages safely, and end properly if nobody reads the output.

Names of columns, classes and files may hold any characters. Control characters, which could control
the terminal, are printed as escapes. Characters missing in its encoding are printed as "?".
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from xpnet.errors import printable

__all__ = ["BROKEN_PIPE", "any_encoding", "close", "complain", "flush", "said_as_lines", "say"]

BROKEN_PIPE = 141  # exit status of a program ended by SIGPIPE, 128 + 13
_WORD = 200  # most characters of a word in a message
_LONGEST = 4000  # most characters of a message


def say(text: object, file: TextIO | None = None) -> None:
    """Print lines on stdout, or on another stream."""
    lines = str(text).split("\n")
    print("\n".join(printable(line, len(line)) for line in lines), file=file)


def complain(message: object, who: str = "xpnet") -> None:
    """Print a message as one line on stderr, with long words shortened."""
    text = re.sub(rf"\S{{{_WORD + 1},}}", _middle, " ".join(_words(message).splitlines()))
    with suppress(OSError):  # no reader
        say(f"{who}: {printable(text, _LONGEST)}", sys.stderr)


def _middle(found: re.Match[str]) -> str:
    """Return the two ends of a long word: a path's last part says more than its middle."""
    word, half = found[0], (_WORD - 1) // 2
    return f"{word[:half]}…{word[-half:]}"


def _words(message: object) -> str:
    """Return an error's message for users, without the system's error number."""
    if isinstance(message, OSError) and message.strerror is not None:
        about = "" if message.filename is None else f"{message.filename!r}: "
        return f"{about}{message.strerror}"
    if isinstance(message, MemoryError):
        return f"there is not enough memory{f': {message}' if str(message) else ''}"
    return str(message) or type(message).__name__


@contextmanager
def any_encoding() -> Iterator[None]:
    """Let stdout and stderr print "?" for characters that their encoding lacks, and not raise."""
    streams: list[Any] = [s for s in (sys.stdout, sys.stderr) if hasattr(s, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        with suppress(OSError, ValueError):
            stream.reconfigure(errors="replace")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            with suppress(OSError, ValueError):  # closed, or a pipe that nobody reads
                stream.reconfigure(errors=errors)


@contextmanager
def said_as_lines() -> Iterator[None]:
    """Print each warning once, as a line on stderr, regardless of the warning filters."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in shown:
            shown.add(str(message))
            complain(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def flush() -> None:
    """Flush stdout, so that a pipe that nobody reads raises an error."""
    if sys.stdout is not None:
        sys.stdout.flush()


def close(status: int) -> int:
    """Flush stdout while errors can still be printed, and return the exit status."""
    try:
        flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            complain(error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's last flush
        return BROKEN_PIPE if isinstance(error, BrokenPipeError) else status or 1
    return status
