"""Axes, colours and plain-text names, which all displays use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from xpnet.undisturbed import imported

__all__ = [
    "COLOURS",
    "MARKERS",
    "axes",
    "class_colours",
    "colour_bar",
    "describe",
    "diverging",
    "legend",
    "matplotlib",
    "plain",
    "rising",
]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f7a00", "#7f7f7f")
"""Colours of lines and classes, after M. Okabe and K. Ito (2008).

Colour-blind readers can distinguish them. Their yellow, which is hardly visible on a white page,
and their black, on a dark page, are replaced.
"""

MARKERS = "os^Dv<>P"
"""Markers of classes, used together with the colours."""

_LONGEST = 24  # most characters of a name


def matplotlib() -> Any:
    """Import and return matplotlib.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return imported("matplotlib")
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "xpnet[plot]"') from error


def axes(ax: Any, size: tuple[float, float] = (6.4, 4.4)) -> Any:
    """Return ``ax``, or new axes in a pyplot figure if it is None."""
    matplotlib()
    if ax is not None:
        return ax
    return imported("matplotlib.pyplot").subplots(figsize=size, layout="constrained")[1]


def plain(name: Any) -> str:
    """Return a name on one line, without control characters, cut to the length of a label."""
    text = "".join(c if c.isprintable() else " " for c in str(name)).strip()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def describe(ax: Any, title: str, x: str, y: str) -> None:
    """Set the title and the axis labels; a $ in them is printed and starts no formula."""
    ax.set_title(title, parse_math=False)
    ax.set_xlabel(x, parse_math=False)
    ax.set_ylabel(y, parse_math=False)


def legend(ax: Any, artists: Sequence[Any], names: Iterable[Any], loc: str, **options: Any) -> Any:
    """Add a legend of the artists, at a place that does not depend on the data.

    matplotlib's place "best" changes from one training to the next, and warns if its search is
    slow. Names are set afterwards, since matplotlib omits those that begin with an underscore.
    """
    made = ax.legend(artists, [f"{i}" for i in range(len(artists))], loc=loc, **options)
    for text, name in zip(made.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(plain(name))
    return made


def class_colours(n: int) -> list[Any]:
    """Return a colour for each of n classes: `COLOURS`, or a ramp if n is larger than those."""
    if n <= len(COLOURS):
        return list(COLOURS[:n])
    return list(matplotlib().colormaps["turbo"].resampled(n)(range(n)))


def colour_bar(ax: Any, artist: Any, label: str) -> None:
    """Add a bar that explains the artist's colours, as a bitmap to keep an SVG small."""
    bar = ax.figure.colorbar(artist, ax=ax, shrink=0.8)
    bar.set_label(label)
    bar.solids.set_rasterized(True)


def diverging() -> Any:
    """Return a colour map: blue for negative, orange for positive values, 0 transparent."""
    blue, orange = (59 / 255, 130 / 255, 246 / 255), (234 / 255, 88 / 255, 12 / 255)  # as explain
    return _ramp((0.0, blue, 1.0), (0.5, blue, 0.0), (0.5, orange, 0.0), (1.0, orange, 1.0))


def rising() -> Any:
    """Return a colour map from transparent to blue, which suits dark and light pages."""
    blue = (0.0, 0x5A / 255, 0xA8 / 255)
    return _ramp((0.0, blue, 0.0), (1.0, blue, 1.0))


def _ramp(*stops: tuple[float, tuple[float, float, float], float]) -> Any:
    """Return a colour map with the given positions, colours and opacities."""
    matplotlib()
    from matplotlib.colors import LinearSegmentedColormap

    colours = [(at, (*colour, opacity)) for at, colour, opacity in stops]
    return LinearSegmentedColormap.from_list("xpnet", colours)
