"""The result of ``net.explain``: rows to print, to show in a notebook or to save as a page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from xpnet.explain.entry import Entry
from xpnet.explain.rows import Layer, Row

__all__ = ["Explanation"]


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Every equation of one forward and one backward pass.

    ``str()`` gives a table for a terminal. A notebook shows the explanation as a page, and `save`
    writes that page. ``explanation["dW_2"]`` is one row; iteration yields all rows in the order of
    computation.

    Attributes
    ----------
    rows : tuple of Row
    layers : tuple of Layer
    loss : float
        The mean loss.
    title : str
        Network, examples and loss.
    entry : Entry or None
    inputs, outputs : tuple of str
        Names of the columns of X and of the outputs; empty if there are none.
    notes : tuple of str
        Sentences on what becomes of the outputs, such as a model's answer; empty for a network.
    """

    rows: tuple[Row, ...]
    layers: tuple[Layer, ...]
    loss: float
    title: str
    entry: Entry | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, symbol: str) -> Row:
        for row in self.rows:
            if row.symbol == symbol:
                return row
        raise KeyError(f"no row {symbol!r}: there are {', '.join(row.symbol for row in self.rows)}")

    def __repr__(self) -> str:
        return f"Explanation({len(self.rows)} equations; {self.title})"

    def __str__(self) -> str:
        from xpnet.explain.text import table

        return table(self)

    def _repr_html_(self) -> str:
        from xpnet.explain.html import fragment

        return fragment(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one HTML page that has no script and loads nothing from a network.

        The file is written completely or not at all.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from xpnet.explain.html import page
        from xpnet.whole_file import whole_file

        text = page(self)
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
