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

    names, ranks = zip(*ranked["mean_ranks"].items(), strict=True)
    difference = ranked["critical_difference"]
    groups = alike(ranks, difference)
    left = (len(names) + 1) // 2  # the better half has its names on the left
    top = BAR * (len(groups) + 1)
    with mpl.rc_context({"svg.hashsalt": "xpnet", "svg.fonttype": "none", "font.size": 10}):
        figure, axes = plt.subplots(figsize=(8.5, 0.35 * left + 0.14 * len(groups) + 1.2))
        for i, (name, rank) in enumerate(zip(names, ranks, strict=True)):
            on_left = i < left
            y = -top - ROW * (i if on_left else len(names) - 1 - i)
            end = 0.8 if on_left else len(names) + 0.2
            own = {"color": "black", "linewidth": 1.4 if name.startswith("xpnet") else 0.7}
            axes.plot([rank, rank, end], [0, y, y], **own)
            weight = "bold" if name.startswith("xpnet") else "normal"
            label = f"{name}  {rank:.2f}"
            side = "right" if on_left else "left"
            away = -0.05 if on_left else 0.05
            axes.text(end + away, y, label, ha=side, va="center", fontweight=weight)
        for k, (first, last) in enumerate(groups):
            y = -BAR * (k + 1)
            axes.plot([ranks[first] - 0.04, ranks[last] + 0.04], [y, y], color="C3", linewidth=3)
        axes.plot([1, 1 + difference], [0.75, 0.75], color="C3", linewidth=2)
        axes.text(1 + difference / 2, 0.82, f"CD = {difference:.2f}", ha="center", va="bottom")
        axes.set(xlim=(1, len(names)), xticks=range(1, len(names) + 1), yticks=[])
        axes.set_ylim(-top - ROW * left, 1.1)
        axes.spines[["left", "right", "bottom"]].set_visible(False)
        axes.spines["top"].set_position(("data", 0))
        axes.xaxis.set_ticks_position("top")
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)
