"""Check the arguments of a call before anything else: paths, names, columns, rows."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, BinaryIO, ParamSpec, TypeVar

import numpy as np

from xpnet.errors import counted, look_up, nearest, quoted
from xpnet.tables.notation import NAMES
from xpnet.typing import ArrayLike, Host
from xpnet.whole_file import path_of

__all__ = [
    "address_hint",
    "check_kind",
    "check_lengths",
    "dims_given",
    "explains_options",
    "name_of",
    "named",
    "names_given",
    "notations_given",
    "open_table",
    "rows_given",
    "targets_given",
    "texts_given",
]


P = ParamSpec("P")
R = TypeVar("R")

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


@contextmanager
def open_table(path: Any) -> Iterator[BinaryIO]:
    """Open the file to read; TypeError if it is not a path, OSError if not a file."""
    source = path_of(path)
    if os.path.isdir(source):
        raise IsADirectoryError(f"{quoted(source)} is a folder: name a file")
    if not os.path.exists(source):
        raise FileNotFoundError(f"there is no file {quoted(source)}{address_hint(source)}")
    with open(source, "rb") as file:
        yield file


def address_hint(path: str) -> str:
    """A hint if a path is an address on the web, which may have lost a slash; else empty."""
    return ": it is an address, so download the file first" if _ADDRESS.match(path) else ""


def explains_options(
    call: str, options: Mapping[str, str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function: the error for an unknown keyword says what to write instead.

    ``options`` are names that the command has in place of the keywords, and what to write here.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        names = list(inspect.signature(function).parameters)

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs.keys() - {*names}:
                near = options.get(name) or nearest(name, names)
                hint = f": write {near}" if name in options else f", did you mean {near}?"
                text = f"{call}() has no keyword {quoted(name)}"
                raise TypeError(text + (hint if near else f"; it has {', '.join(names)}"))
            return function(*args, **kwargs)

        return checked

    return decorate


def name_of(what: str, name: Any) -> str:
    """``name``, checked to be a column's name, a str."""
    if not isinstance(name, str):
        raise TypeError(f"{what} must be given by its name, a str, got {quoted(name)}")
    return name


def targets_given(target: Any) -> tuple[str, ...]:
    """The names of one target, given as a str, or of several, given as a list."""
    if not isinstance(target, (list, tuple)):
        return (name_of("the target", target),)
    found = tuple(name_of("each target", name) for name in target)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"the targets must be one or more different columns, got {quoted(target)}")
    return found


def names_given(what: str, names: Any) -> frozenset[str]:
    """Several names as a set; a single str is refused, since its letters would be the names."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f'{what} must be a list of columns, such as ["size"], got {quoted(names)}')
    return frozenset(name_of(f"each of {what}", name) for name in names)


def texts_given(what: str, texts: Any) -> tuple[str, ...]:
    """Several texts, sorted, without the empty one, which always means a missing cell.

    A single str is refused, since its letters would be the texts.
    """
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise TypeError(f'{what} must be a list of texts, such as ["-999"], got {quoted(texts)}')
    found = list(texts)
    if not all(isinstance(text, str) for text in found):
        raise TypeError(f'{what} must be a list of texts, such as ["-999"], got {quoted(texts)}')
    return tuple(sorted({*found} - {""}))


def dims_given(embed: Any) -> dict[str, Any]:
    """The columns to embed, with the number of numbers for each category, or None."""
    if embed is not None and not isinstance(embed, Mapping):
        raise TypeError(
            'embed must be a dict of columns, such as {"colour": 8} (None: by the number of '
            f"categories), got {quoted(embed)}"
        )
    return {name_of("each of embed", name): dim for name, dim in (embed or {}).items()}


def notations_given(read_as: Any) -> dict[str, str]:
    """How the user says to read columns: each a name of `NAMES`, or "text"."""
    if read_as is not None and not isinstance(read_as, Mapping):
        raise TypeError(f'read_as must be a dict such as {{"day": "date"}}, got {quoted(read_as)}')
    known = {name: name for name in ("text", *NAMES)}
    return {
        name_of("each of read_as", name): look_up("way to read a column", how, known)
        for name, how in (read_as or {}).items()
    }


def rows_given(rows: ArrayLike, n: int) -> Host:
    """``rows`` as an array, checked to be one or more indices of a table of n rows."""
    found = np.asarray(rows)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise TypeError(f"rows must be indices (n,), whole numbers, got {quoted(rows)}")
    if not len(found) or found.min() < -n or found.max() >= n:
        raise ValueError(
            f"rows must be one or more indices of the table's {counted(n, 'row')}, got "
            f"{quoted(rows)}"
        )
    return found


def named(columns: Any) -> Mapping[str, Any]:
    """``columns``, checked to be a mapping whose keys are str."""
    if not isinstance(columns, Mapping):
        raise TypeError(
            'columns must be a dict, such as {"size": [1.0, 2.5]} (a data frame: from_frame), '
            f"got {quoted(columns)}"
        )
    for name in columns:
        if not isinstance(name, str):
            raise TypeError(f"a column's name must be a str, got {quoted(name)}")
    return columns


def check_lengths(lengths: Mapping[str, int], what: str) -> None:
    """Check that all columns are as long as the first."""
    first = next(iter(lengths), "")
    for name, n in lengths.items():
        if n != lengths[first]:
            rows = counted(lengths[first], "row")
            raise ValueError(
                f"{what} differ in length: {quoted(first)} has {rows} and {quoted(name)} has {n}"
            )


def check_kind(path: str, kind: str, fits: Callable[[str], bool]) -> None:
    """Raise FileExistsError if the file exists and is of a different kind."""
    if os.path.isfile(path) and os.path.getsize(path) and not fits(path):
        raise FileExistsError(
            f"{quoted(path)} exists and is not {kind}, so it is left unchanged: give a different "
            "name"
        )
