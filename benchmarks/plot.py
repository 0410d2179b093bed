"""Plot each contender's time by shape, divided by the time of the products alone.

By default the picture is docs/img/cpu.svg.

python -m benchmarks plot [--results FILE] [--setting tuned] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.figures import ratio

__all__ = ["add_arguments", "draw", "run"]

RESULTS = Path(__file__).parent / "results" / "cpu.json"
OUT = Path(__file__).parent.parent / "docs" / "img" / "cpu.svg"
SETTINGS = ("tuned", "default", "float32", "tf32", "bfloat16")
MARKERS = "osD^vP*X"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--setting", choices=SETTINGS, help="default: the first in the file")
    parser.add_argument("--out", type=Path, default=OUT)


def run(options: argparse.Namespace) -> int:
    """Read the results and plot them."""
    if not options.results.exists():
        print(f"there is no {options.results.name} yet: `python -m benchmarks cpu` measures it")
        return 1
    settings = json.loads(options.results.read_text(encoding="utf-8"))["settings"]
    setting = options.setting or next(name for name in SETTINGS if name in settings)
    draw(settings[setting], setting, options.out)
    return 0


def draw(workloads: dict[str, Any], setting: str, out: Path) -> None:
    """Draw a band per shape and a marker per contender; equal figures give equal bytes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shapes = [title for title, row in workloads.items() if row["unit"] == "step"]
    names = _names(workloads)
    with mpl.rc_context({"svg.hashsalt": "xpnet", "svg.fonttype": "none", "font.size": 10}):
        figure, axes = plt.subplots(figsize=(8.5, 1.1 * len(shapes) + 1.6))
        for k, name in enumerate(names):
            shift = 0.7 * (k / max(1, len(names) - 1) - 0.5)
            points = [
                (x, y + shift)
                for y, title in enumerate(shapes)
                if (x := ratio(workloads[title]["contenders"], name, "products")) is not None
            ]
            own = name == "xpnet"
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                MARKERS[k],
                label=name,
                color="black" if own else f"C{k - 1}",
                markersize=9 if own else 6,
            )
        for y in range(1, len(shapes)):
            axes.axhline(y - 0.5, color="0.85", linewidth=0.8)
        axes.axvline(1, color="0.5", linewidth=1)
        axes.set(xscale="log", ylim=(len(shapes) - 0.5, -0.5), yticks=range(len(shapes)))
        axes.set_yticklabels(shapes)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(f"time of a training step ÷ its matrix products alone ({setting})")
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _names(workloads: dict[str, Any]) -> list[str]:
    """Return every contender that trains."""
    every = dict.fromkeys(name for row in workloads.values() for name in row["contenders"])
    return [name for name in every if not name.startswith("products")]
