"""Rows of a sparse matrix, which become dense a batch at a time."""

from __future__ import annotations

from typing import Any

from xpnet.typing import Host

__all__ = ["SparseRows"]


class SparseRows:
    """A sparse matrix of SciPy in place of a host array X (N, n), for code that takes some rows.

    Parameters
    ----------
    matrix : sparse matrix or sparse array (N, n)
    dtype : str
        The dtype of the dense rows.
    """

    def __init__(self, matrix: Any, dtype: str) -> None:
        self._matrix = matrix.tocsr().astype(dtype, copy=False)
        self.shape: tuple[int, ...] = tuple(matrix.shape)
        self.dtype = self._matrix.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Host:
        """Return rows as a new dense array; ``key`` is a slice, or (slice, …)."""
        rows = key[0] if isinstance(key, tuple) else key
        dense: Host = self._matrix[rows].toarray()
        return dense

    def gather(self, index: Host, out: Host) -> None:
        """Write the rows of ``index`` into ``out``, which must be in C order."""
        self._matrix[index].toarray(out=out)
