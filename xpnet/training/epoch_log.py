"""A log of epochs: a file with a JSON object a line, to which each epoch adds one."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

from xpnet.pickles import made_by
from xpnet.training.interrupt import has_cut

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState
    from xpnet.training.history import History

__all__ = ["EpochLog", "json_lines"]

_BEGIN = b'{"epoch": '
_TIME = "seconds"  # the only value that differs when a step is done again


def json_lines(path: str | os.PathLike[str]) -> EpochLog:
    """Return a callback that appends each epoch's values to a file, one JSON object a line.

    Values that are not finite, such as the AUC of one class, are null, since JSON has no NaN.

    A fit with ``checkpoint=`` that goes on after a kill does some epochs again. Their lines are
    already there, and are not repeated. A last line that the kill cut short is removed. An epoch
    that Ctrl-C cuts short has a line once it is whole.

    >>> import numpy as np, tempfile, pathlib, xpnet
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.jsonl"
    >>> X, Y = np.eye(4), np.arange(4) % 2
    >>> log = xpnet.training.json_lines(path)
    >>> history = xpnet.Network([4, 3, 2]).fit(X, Y, epochs=2, callbacks=[log])
    >>> sorted(json.loads(path.read_text().splitlines()[1]))
    ['epoch', 'loss', 'seconds', 'step']
    """
    return EpochLog(path)


class EpochLog:
    """The callback of `json_lines`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._left: list[Any] | None = None  # lines that may be of the coming epochs
        self._begins = self._kept = False

    def __reduce__(self) -> Any:
        return made_by(json_lines, self.path)

    def begin(self, kept: bool) -> None:
        """Prepare for a fit; ``kept``: its state is kept in a file, so epochs may be done again."""
        self._begins, self._kept, self._left = kept, kept, None

    def __call__(self, net: NetworkState, history: History) -> None:
        """Append the last epoch's values, unless they are there, or the epoch is done again."""
        if self._kept and has_cut():
            return
        values = {name: _plain(value) for name, value in history.last().items()}
        if self._begins:
            self._begins, self._left = False, _from(_lines(self.path), values)
        if self._left and _same(self._left[0], values):
            del self._left[0]
            return
        self._left = None
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")


def _plain(value: Any) -> Any:
    """A number for JSON, None if it is not finite; for a stack, a list of them."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if math.isfinite(value) else None


def _lines(path: str | os.PathLike[str]) -> list[Any]:
    """The objects in a log, whose last line is made whole first, or removed if it was cut short."""
    if not os.path.exists(path):
        return []
    with open(path, "r+b") as file:
        lines = file.read().split(b"\n")
        last = lines.pop()
        if last and _parsed(last) is None and (last.startswith(_BEGIN) or _BEGIN.startswith(last)):
            file.seek(-len(last), os.SEEK_END)
            file.truncate()
        elif last:
            lines.append(last)
            file.write(b"\n")
    return [_parsed(line) for line in lines]


def _parsed(line: bytes) -> Any:
    """The value of a line; None if it is not one of ours."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _from(lines: list[Any], values: dict[str, Any]) -> list[Any]:
    """The lines from the last one with these values on."""
    for k in range(len(lines) - 1, -1, -1):
        if _same(lines[k], values):
            return lines[k:]
    return []


def _same(line: Any, values: dict[str, Any]) -> bool:
    """Whether a line has these values, but for the time that the epoch took."""
    return isinstance(line, dict) and {**line, _TIME: None} == {**values, _TIME: None}
