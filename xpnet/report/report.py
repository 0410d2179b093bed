"""What a report is about."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xpnet.plots.outputs import Array
from xpnet.report.shown import Images, Rows

if TYPE_CHECKING:
    from xpnet.network import Network
    from xpnet.training.history import History

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """A training, and the examples that it is judged by.

    Parameters
    ----------
    title : str
    net : Network
        After the training.
    history : History
    X, Y : (N, n_0) and (N,) labels or (N, 1)
        On the host; of one classification, or of one quantity; none is missing.
    judged_by : str
        What they are, such as "359 test images".
    settings, data : mapping of str to str
        What to list, beside what the network and the history tell.
    examples : Images or Rows, optional
        How to show the worst of them.
    class_names : sequence of str, optional
        None: those that the network met as text, or numbers.
    quantity : (name, mean, scale)
        Of a quantity, which is mean + scale · y.
    """

    title: str
    net: Network
    history: History
    X: Array
    Y: Array
    judged_by: str
    settings: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    examples: Images | Rows | None = None
    class_names: Any = None
    quantity: tuple[str, float, float] = ("target", 0.0, 1.0)

    def html(self) -> str:
        """The page: no script, nothing from a network, light and dark.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        ValueError
            Several labels, heads or targets.
        """
        from xpnet.report.html import page

        return page(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page, whole or not at all.

        Raises
        ------
        OSError
            It cannot be written there.
        """
        from xpnet.whole_file import whole_file

        text = self.html()
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
