"""Find missing cells, None, NaN, NaT and pandas' NA, and the place of the first one."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.typing import Host

__all__ = ["check_present", "first_place", "is_missing"]

_NAMES = ("NAType", "NaTType")  # classes of pandas, which may not be installed


def is_missing(cell: Any) -> bool:
    """Whether a cell of an object array is a missing value."""
    if cell is None or type(cell).__name__ in _NAMES:
        return True
    if isinstance(cell, (float, np.floating)):
        return bool(cell != cell)
    return isinstance(cell, (np.datetime64, np.timedelta64)) and bool(np.isnat(cell))


def check_present(name: str, host: Host, number: str = "value") -> None:
    """Check that no cell of a host array is missing.

    Parameters
    ----------
    number : str
        What the message calls a cell: "label" or "value".

    Raises
    ------
    ValueError
        Some are missing; the message gives the place of the first.
    """
    lost = _missing(host)
    if not lost.any():
        return
    raise ValueError(
        f"{name} has a missing {number}, the first in {first_place(lost)}: leave such examples "
        "out, or fill them"
    )


def _missing(host: Host) -> Host:
    if host.dtype.kind == "f":
        return np.asarray(np.isnan(host))
    if host.dtype.kind in "mM":
        return np.asarray(np.isnat(host))
    if host.dtype.kind not in "OT":
        return np.zeros(host.shape, bool)
    cells = host.astype(object)
    found = (is_missing(cell) for cell in cells.reshape(-1).tolist())
    return np.fromiter(found, bool, cells.size).reshape(host.shape)


def first_place(wrong: Host) -> str:
    """The place of the first True: "row 3", or "row 3, column 0", both counted from 0."""
    place = np.unravel_index(int(wrong.reshape(-1).argmax()), wrong.shape)
    words = zip(("row", "column"), map(int, place), strict=False)
    return ", ".join(f"{word} {k}" for word, k in words) or "its only entry"
