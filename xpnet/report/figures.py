"""A display as SVG within a page: in the page's colours, with ids of its own, the same each time.

matplotlib draws with two stand-ins for colours; they become ``currentColor`` and ``var(--card)``,
so that the picture follows a page from light to dark.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any, Protocol
from xml.etree import ElementTree

from xpnet.plots.axes import matplotlib
from xpnet.undisturbed import imported

__all__ = ["svg"]

_INK, _PAPER = "#010203", "#010204"

_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "font.family": "DejaVu Sans",
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _INK,
    "grid.linewidth": 0.6,
    "legend.facecolor": _PAPER,
    "legend.edgecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
}

_SIZE = (6.0, 4.8)  # inches: all alike, so that letters are

_FONTS = "'DejaVu Sans',Verdana,sans-serif"


class _Display(Protocol):
    def plot(self, ax: Any = None) -> Any: ...


def svg(display: _Display, key: str, about: str) -> str:
    """The picture as an ``<svg>``.

    Parameters
    ----------
    display : a Display of `xpnet.plots`
    key : str
        Unique in the page: its ids begin so.
    about : str
        What it shows, for those who don't see it.
    """
    mpl = matplotlib()
    Figure = imported("matplotlib.figure").Figure

    buffer = BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that matplotlib's font lacks: the browser's has
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "svg.hashsalt": key})
        figure = Figure(figsize=_SIZE, layout="constrained")
        display.plot(figure.add_subplot())
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inline(ElementTree.fromstring(buffer.getvalue()), key, about)


def _inline(root: ElementTree.Element, key: str, about: str) -> str:
    """Without namespaces, style sheet and metadata; those two would be the whole page's."""
    for parent in root.iter():
        for child in list(parent):
            if _name(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _name(element.tag)
        given = dict(element.attrib)
        element.attrib.clear()
        for name, value in given.items():
            element.set(_name(name), _value(_name(name), value, key))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", about)
    return ElementTree.tostring(root, encoding="unicode")


def _name(name: str) -> str:
    return name.rpartition("}")[2]


def _value(name: str, value: str, key: str) -> str:
    """An attribute with its ids, colours and fonts as the page has them."""
    if name == "id":
        return f"{key}-{value}"
    if name == "href" and value.startswith("#"):
        return f"#{key}-{value[1:]}"
    value = value.replace("url(#", f"url(#{key}-")
    value = value.replace(_INK, "currentColor").replace(_PAPER, "var(--card)")
    return value.replace("'DejaVu Sans'", _FONTS)
