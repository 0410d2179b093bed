"""The content of a report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from xpnet.report.shown import Images, Rows
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.network import Network
    from xpnet.plots.outputs import Classified
    from xpnet.training.history import History

__all__ = ["Quantities", "Report"]


class Quantities(NamedTuple):
    """Actual and predicted values of one quantity, both (N, 1), in its own unit.

    The losses are (N,), such as those of logarithms. None: squared errors in units of the scale.
    """

    actual: Host
    predicted: Host
    losses: Host | None = None


@dataclass(frozen=True)
class Report:
    """A training, and the examples by which it is judged.

    Parameters
    ----------
    title : str
    net : Network
        The network after the training.
    history : History or None
        None, as for a network from a file: the page is without curves.
    X, Y : (N, n_0) and (N,) labels or (N, 1)
        Examples and targets on the host, of one classification or one quantity; no target is
        missing.
    judged_by : str
        Description of these examples, such as "359 test images".
    settings, data : mapping of str to str
        Facts to list, besides those found in the network and the history.
    examples : Images or Rows, optional
        How to show the worst examples.
    class_names : sequence of str, optional
        None: the network's text labels, or numbers.
    quantity : (name, mean, scale)
        Name, mean and scale of the predicted quantity, which equals mean + scale · y.
    answers : Classified or Quantities, optional
        What to judge, if it is not what the network alone says of X, as for a mean of networks.
    validated_by : str, optional
        Description of the examples behind the history's validation; None: those of ``judged_by``.
    importance : mapping of str to float
        By column, the rise of the error when its cells are mixed; the page shows the largest.
    weights : (N,), optional
        Of the examples in accuracy, F1, loss, R², RMSE and mean absolute error. Pictures, the
        calibration error, recall and precision count every example once.
    parts : sequence of Report
        If there are several targets, a report for each, named by its ``quantity``, whose
        ``answers`` are judged by themselves. Y is then (N, T).
    """

    title: str
    net: Network
    history: History | None
    X: Host
    Y: Host
    judged_by: str
    settings: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    examples: Images | Rows | None = None
    class_names: Any = None
    quantity: tuple[str, float, float] = ("target", 0.0, 1.0)
    answers: Classified | Quantities | None = None
    validated_by: str | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    weights: Host | None = None
    parts: Sequence[Report] = ()

    def html(self) -> str:
        """Return the page, which has no script and loads nothing from a network.

        It is light or dark, as the system requests.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are several labels, heads or targets without ``parts``.
        """
        from xpnet.report.html import page

        return page(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page, completely or not at all.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from xpnet.whole_file import whole_file

        text = self.html()
        with whole_file(path) as file:
            file.write(text.encode("utf-8"))
