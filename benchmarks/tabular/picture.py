"""docs/img/tables.svg: mean ranks on an axis; bars join contenders within a critical difference.

The picture of Demšar 2006, figure 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["alike", "draw"]

OUT = Path(__file__).parents[2] / "docs" / "img" / "tables.svg"
ROW, BAR = 0.42, 0.16  # between names, and between bars, in units of the axes


def alike(mean_ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """Return the longest runs (first, last) of ascending ranks within the critical difference.

    Runs of one, and those within a longer run, are left out.
    """
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(mean_ranks):
        last = max(i for i, r in enumerate(mean_ranks) if r - rank <= difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def draw(ranked: Mapping[str, Any], out: Path = OUT) -> None:
    """Draw the ranks of a summary; the same bytes from the same figures."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    ranks, difference = ranked["mean_ranks"], ranked["critical_difference"]
    groups = alike(list(ranks.values()), difference)
    height = 0.18 * len(ranks) + 0.14 * len(groups) + 1.3
    with mpl.rc_context({"svg.hashsalt": "xpnet", "svg.fonttype": "none", "font.size": 10}):
        figure, axes = plt.subplots(figsize=(8.5, height))
        _axis(axes, len(ranks), difference)
        _names(axes, ranks, below=BAR * (len(groups) + 1))
        _bars(axes, list(ranks.values()), groups)
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _axis(axes: Any, n: int, difference: float) -> None:
    """Draw the axis from rank 1 to n, and the length of the critical difference above it."""
    axes.set(xlim=(1, n), xticks=range(1, n + 1), yticks=[])
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.spines["top"].set_position(("data", 0))
    axes.xaxis.set_ticks_position("top")
    axes.plot([1, 1 + difference], [0.75, 0.75], color="C3", linewidth=2)
    axes.text(1 + difference / 2, 0.82, f"CD = {difference:.2f}", ha="center", va="bottom")


def _names(axes: Any, ranks: Mapping[str, float], below: float) -> None:
    """Draw a line from each rank to its name: the better half on the left."""
    half = (len(ranks) + 1) // 2
    for i, (name, rank) in enumerate(ranks.items()):
        left = i < half
        y = -below - ROW * (i if left else len(ranks) - 1 - i)
        end, away = (0.8, -0.05) if left else (len(ranks) + 0.2, 0.05)
        own = name.startswith("xpnet")
        width, weight = (1.4, "bold") if own else (0.7, "normal")
        axes.plot([rank, rank, end], [0, y, y], color="black", linewidth=width, clip_on=False)
        place = {"ha": "right" if left else "left", "va": "center", "fontweight": weight}
        axes.text(end + away, y, f"{name}  {rank:.2f}", **place)
    axes.set_ylim(-below - ROW * half, 1.1)


def _bars(axes: Any, ranks: Sequence[float], groups: Sequence[tuple[int, int]]) -> None:
    """Draw a bar below the axis for each run of contenders that are alike."""
    for k, (first, last) in enumerate(groups, start=1):
        ends = [ranks[first] - 0.04, ranks[last] + 0.04]
        axes.plot(ends, [-BAR * k, -BAR * k], color="C3", linewidth=3, clip_on=False)
