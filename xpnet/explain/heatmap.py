"""Draw a matrix as a small PNG: at most 64 × 64 cells, with colours diverging from 0.

    cell = the entry of largest magnitude in its block        level = round(32 cell / scale)
    scale = the largest magnitude of all finite entries       opacity = |level| / 32

Negative cells are blue, positive ones orange, and cells that are not finite violet. Zero is
transparent, so that the picture fits dark and light pages.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from xpnet.typing import Host

__all__ = ["LEVELS", "MOST", "levels", "matrix", "png", "pooled", "scale_of"]

MOST = 64  # most cells along an axis
LEVELS = 32  # shades on each side of 0; level 32 is zero, 65 is not finite

_NEGATIVE, _POSITIVE, _NOT_FINITE = (59, 130, 246), (234, 88, 12), (147, 51, 234)


def matrix(array: Host) -> Host:
    """Return a matrix: the first one of a stack, or a vector as a row."""
    while array.ndim > 2:
        array = array[0]
    return np.atleast_2d(array)


def scale_of(array: Host) -> float:
    """Return the largest magnitude of the finite entries; 0 if there are none."""
    finite = array[np.isfinite(array)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def pooled(array: Host) -> Host:
    """Return each block's entry of largest magnitude, or NaN if an entry is not finite.

    The result is (m, n) float64, with m and n at most 64.
    """
    x = np.asarray(matrix(array), dtype=np.float64)
    x = np.where(np.isfinite(x), x, np.nan)
    for axis in (0, 1):
        n = x.shape[axis]
        starts = np.unique(np.linspace(0, n, min(n, MOST), endpoint=False).astype(int))
        high = np.maximum.reduceat(x, starts, axis=axis)
        low = np.minimum.reduceat(x, starts, axis=axis)
        x = np.where(high >= -low, high, low)
    return np.asarray(x)


def levels(array: Host) -> Host:
    """Return the cells as (m, n) uint8: 0 … 64, with 32 for zero; 65 for not finite."""
    cells, scale = pooled(array), scale_of(array)
    whole = np.isfinite(cells)
    share = np.where(whole, cells, 0.0) / (scale or 1.0)
    found = np.where(whole, np.rint(share * LEVELS) + LEVELS, 2 * LEVELS + 1)
    return found.astype(np.uint8)


def png(array: Host) -> bytes:
    """Return the picture as PNG: 8-bit palette, one filter byte 0 before each line."""
    at = levels(array)
    lines = b"".join(b"\0" + row.tobytes() for row in at)
    colours = bytes(_NEGATIVE) * LEVELS + bytes(_POSITIVE) * (LEVELS + 1) + bytes(_NOT_FINITE)
    shades = [abs(i - LEVELS) * 255 // LEVELS for i in range(2 * LEVELS + 1)]
    header = struct.pack(">2I5B", at.shape[1], at.shape[0], 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", header),
            (b"PLTE", colours),
            (b"tRNS", bytes([*shades, 255])),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
