"""What every display draws on and with: axes, colours, and names as plain text."""

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
"""For lines and classes: those of M. Okabe and K. Ito (2008), told apart by colour-blind readers.

Their yellow and black are replaced, which vanish on a white and on a dark page.
"""

MARKERS = "os^Dv<>P"
"""A class has its own marker as well."""

_LONGEST = 24  # characters of a name


def matplotlib() -> Any:
    """The library.

    Raises
    ------
    ImportError
        It is not installed.
    """
    try:
        return imported("matplotlib")
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "xpnet[plot]"') from error


def axes(ax: Any, size: tuple[float, float] = (6.4, 4.4)) -> Any:
    """Those given, or new ones in a figure of pyplot."""
    matplotlib()
    if ax is not None:
        return ax
    return imported("matplotlib.pyplot").subplots(figsize=size, layout="constrained")[1]


def plain(name: Any) -> str:
    """A name on one line, without control characters, and not longer than a label may be."""
    text = "".join(c if c.isprintable() else " " for c in str(name)).strip()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def describe(ax: Any, title: str, x: str, y: str) -> None:
    """Title and axis labels, in which $ is a dollar."""
    ax.set_title(title, parse_math=False)
    ax.set_xlabel(x, parse_math=False)
    ax.set_ylabel(y, parse_math=False)


def legend(ax: Any, artists: Sequence[Any], names: Iterable[Any], loc: str, **options: Any) -> Any:
    """A legend of these artists, at a place that does not depend on the data.

    matplotlib's "best" place moves from run to run of a training, and warns when its search took
    long. Names are put in afterwards: matplotlib leaves out those that begin with an underscore.
    """
    made = ax.legend(artists, [f"{i}" for i in range(len(artists))], loc=loc, **options)
    for text, name in zip(made.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(plain(name))
    return made


def class_colours(n: int) -> list[Any]:
    """A colour for each of n classes; more than there are in `COLOURS` share a ramp."""
    if n <= len(COLOURS):
        return list(COLOURS[:n])
    return list(matplotlib().colormaps["turbo"].resampled(n)(range(n)))


def colour_bar(ax: Any, artist: Any, label: str) -> None:
    """What the colours of an artist mean; small in an SVG."""
    bar = ax.figure.colorbar(artist, ax=ax, shrink=0.8)
    bar.set_label(label)
    bar.solids.set_rasterized(True)


def diverging() -> Any:
    """Blue for what is negative, orange for what is positive; 0 is transparent."""
    blue, orange = (59 / 255, 130 / 255, 246 / 255), (234 / 255, 88 / 255, 12 / 255)  # as explain
    return _ramp((0.0, blue, 1.0), (0.5, blue, 0.0), (0.5, orange, 0.0), (1.0, orange, 1.0))


def rising() -> Any:
    """From transparent to blue, so that it suits a dark page and a light one."""
    blue = (0.0, 0x5A / 255, 0xA8 / 255)
    return _ramp((0.0, blue, 0.0), (1.0, blue, 1.0))


def _ramp(*stops: tuple[float, tuple[float, float, float], float]) -> Any:
    """A colour map by positions, colours and opacities."""
    matplotlib()
    from matplotlib.colors import LinearSegmentedColormap

    colours = [(at, (*colour, opacity)) for at, colour, opacity in stops]
    return LinearSegmentedColormap.from_list("xpnet", colours)
