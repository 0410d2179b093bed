"""Show an example on a page: as an image, or as the cells of a row."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

from xpnet.pages.document import grid
from xpnet.plots.axes import matplotlib
from xpnet.report.worst import Case
from xpnet.typing import Host

__all__ = ["Images", "Rows", "shortened"]

_COLUMNS = 12  # most columns of a table; more are left out
_LONGEST = 40  # most characters of a cell


@dataclass(frozen=True)
class Images:
    """Examples that are images.

    Parameters
    ----------
    pixels : (N, height × width)
        Large values are dark.
    shape : (height, width)
    """

    pixels: Host
    shape: tuple[int, int]

    def html(self, cases: Sequence[Case]) -> str:
        """Return one figure for each case."""
        return f'<div class="gallery">{"".join(map(self._figure, cases))}</div>'

    def _figure(self, case: Case) -> str:
        caption = f"{case.actual}, predicted as {case.predicted}; loss {case.loss:.3g}"
        data = base64.b64encode(self._png(case.number)).decode("ascii")
        return (
            f'<figure><img alt="example {case.number}: {escape(caption)}" width="96" '
            f'src="data:image/png;base64,{data}"><figcaption><strong>{escape(case.actual)}</strong>'
            f" as {escape(case.predicted)}<br>loss {case.loss:.3g}</figcaption></figure>"
        )

    def _png(self, index: int) -> bytes:
        matplotlib()
        from matplotlib.image import imsave

        image = self.pixels[index].reshape(self.shape)
        ends = {"vmin": self.pixels.min(), "vmax": self.pixels.max()}
        buffer = BytesIO()
        no_name: Any = {"Software": None}
        imsave(buffer, image, format="png", cmap="gray_r", metadata=no_name, **ends)
        return buffer.getvalue()


@dataclass(frozen=True)
class Rows:
    """Examples that are rows of a table.

    Parameters
    ----------
    names : sequence of str
        Names of the columns.
    cells : (index of an example) -> sequence of str
        Its cells, in the order of the columns.
    place : (index of an example) -> str
        Its place in the file, such as "line 7".
    """

    names: Sequence[str]
    cells: Callable[[int], Sequence[str]]
    place: Callable[[int], str]

    def html(self, cases: Sequence[Case]) -> str:
        """Return a table with one row for each case."""
        names = [shortened(name) for name in self.names[:_COLUMNS]]
        rows = [
            (
                self.place(case.number),
                f"{case.loss:.4g}",
                case.actual,
                case.predicted,
                *(shortened(cell) for cell in self.cells(case.number)[:_COLUMNS]),
            )
            for case in cases
        ]
        more = len(self.names) - _COLUMNS
        note = f'<p class="dim">{more} more columns are not shown.</p>' if more > 0 else ""
        return grid(rows, ("row", "loss", "actual", "predicted", *names)) + note


def shortened(text: str) -> str:
    """Return the text, cut to at most 40 characters."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
