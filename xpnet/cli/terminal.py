"""What the command says, and how it ends where nobody reads on.

Names of columns, classes and files may hold anything: control characters, which would steer the
terminal, are printed as escapes, and characters that its encoding lacks as "?".
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

BROKEN_PIPE = 141  # the status of a program that SIGPIPE ended, 128 + 13
_WORD = 200  # characters of anything that is repeated in a message
_LONGEST = 4000  # characters of a message


def say(text: object, file: TextIO | None = None) -> None:
    """Print lines on stdout, or on another stream."""
    lines = str(text).split("\n")
    print("\n".join(printable(line, len(line)) for line in lines), file=file)


def complain(message: object, who: str = "xpnet") -> None:
    """One line on stderr, in which nothing that is repeated is long."""
    text = re.sub(rf"\S{{{_WORD + 1},}}", _middle, " ".join(_words(message).splitlines()))
    with suppress(OSError):  # nobody reads it
        say(f"{who}: {printable(text, _LONGEST)}", sys.stderr)


def _middle(found: re.Match[str]) -> str:
    """The ends of a long word: a path's last part says more than its middle."""
    word, half = found[0], (_WORD - 1) // 2
    return f"{word[:half]}…{word[-half:]}"


def _words(message: object) -> str:
    """An error in the user's words: without the system's number for it."""
    if isinstance(message, OSError) and message.strerror is not None:
        about = "" if message.filename is None else f"{message.filename!r}: "
        return f"{about}{message.strerror}"
    if isinstance(message, MemoryError):
        return f"there is not enough memory{f': {message}' if str(message) else ''}"
    return str(message) or type(message).__name__


@contextmanager
def any_encoding() -> Iterator[None]:
    """Within it stdout and stderr print "?" for what their encoding lacks, and never raise."""
    streams: list[Any] = [s for s in (sys.stdout, sys.stderr) if hasattr(s, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        with suppress(OSError, ValueError):
            stream.reconfigure(errors="replace")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            with suppress(OSError, ValueError):  # it is closed, or a pipe that nobody reads
                stream.reconfigure(errors=errors)


@contextmanager
def said_as_lines() -> Iterator[None]:
    """Within it a warning is a line on stderr, each once, whatever the filters are."""
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
    """Bring out what was printed, so that a pipe nobody reads is noticed."""
    if sys.stdout is not None:
        sys.stdout.flush()


def close(status: int) -> int:
    """The status of a program that ends now: flush what it printed, while errors can be said."""
    try:
        flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            complain(error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more
        return BROKEN_PIPE if isinstance(error, BrokenPipeError) else status or 1
    return status
