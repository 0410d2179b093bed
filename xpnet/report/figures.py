"""Turn a display into SVG for a page: in the page's colours, with unique ids, reproducibly.

matplotlib draws with two placeholder colours. They are replaced by ``currentColor`` and
``var(--card)``, so that the figure follows the page from light to dark.
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

_SIZE = (6.0, 4.8)  # inches; equal sizes make letters equal

_FONTS = "'DejaVu Sans',Verdana,sans-serif"


class _Display(Protocol):
    def plot(self, ax: Any = None) -> Any: ...


def svg(display: _Display, key: str, about: str) -> str:
    """Return the figure as an ``<svg>``.

    Parameters
    ----------
    display : a Display of `xpnet.plots`
    key : str
        Prefix of its ids, unique in the page.
    about : str
        Text alternative for those who do not see it.
    """
    mpl = matplotlib()
    Figure = imported("matplotlib.figure").Figure

    buffer = BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that only the browser's font has
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "svg.hashsalt": key})
        figure = Figure(figsize=_SIZE, layout="constrained")
        display.plot(figure.add_subplot())
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inline(ElementTree.fromstring(buffer.getvalue()), key, about)


def _inline(root: ElementTree.Element, key: str, about: str) -> str:
    """Remove namespaces, style sheet and metadata; the last two would apply to the whole page."""
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
    """Return an attribute's value with the ids, colours and fonts of the page."""
    if name == "id":
        return f"{key}-{value}"
    if name == "href" and value.startswith("#"):
        return f"#{key}-{value[1:]}"
    value = value.replace("url(#", f"url(#{key}-")
    value = value.replace(_INK, "currentColor").replace(_PAPER, "var(--card)")
    return value.replace("'DejaVu Sans'", _FONTS)
