"""Draw docs/img/floors.svg: the floors of docs/architecture.md as a house.

    python -m docs.draw_floors

The table on that page says which folder is on which floor, and what goes up. A test draws the
picture again and compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["PICTURE", "Floor", "floors", "picture"]

DOCS = Path(__file__).parent
PICTURE = DOCS / "img" / "floors.svg"
HEAD = "| floor | what stands there | goes up to |"

LEFT, TOP, WIDTH, HEIGHT, GAP = 44, 52, 400, 38, 5
"""The house: its edges, a floor's size, and what separates floors and rooms."""
STAIR, MARGIN = 16, 126
"""How far one way up is from the next; the space that they have at the right."""

MATHEMATICS = {"equations", "losses", "optimizers", "schedules", "derivatives", "layers", "metrics"}
RUNNING = {"backends", "engines", "training"}

STYLE = """
  .card { fill: #ffffff; stroke: #c9ced6; }
  .box { fill: #eef3fb; stroke: #5b7bb0; }
  .math { fill: #fdf1e3; stroke: #b0762b; }
  .grad { fill: #f9e9ef; stroke: #a84a6f; }
  text { font: 14px system-ui, "DejaVu Sans", sans-serif; fill: #1b2430; text-anchor: middle; }
  .small { font-size: 12px; fill: #3c4858; }
  .up { text-anchor: start; }
  path { fill: none; stroke: #4a5666; stroke-width: 1.5; marker-end: url(#tip); }
  path.way { stroke-dasharray: 5 3; }
  marker path { fill: #4a5666; stroke: none; marker-end: none; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #16191e; stroke: #3a4250; }
    .box { fill: #1f2a3d; stroke: #7f9fd6; }
    .math { fill: #36281a; stroke: #d9a35c; }
    .grad { fill: #3a2029; stroke: #d986a6; }
    text { fill: #eceff4; }
    .small { fill: #c6cedb; }
    path { stroke: #a9b4c4; }
    marker path { fill: #a9b4c4; }
  }"""
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>'
)
SAYS = (
    "The folders of xpnet as a house, a floor for each row of the table on this page. A folder "
    "imports from its own floor and from those below. "
)


class Floor(NamedTuple):
    """A row of the table: its folders, and those above that they go up to."""

    rooms: tuple[str, ...]
    goes_up: tuple[str, ...]


def floors() -> list[Floor]:
    """Return the rows of the page's table, the highest first."""
    lines = (DOCS / "architecture.md").read_text(encoding="utf-8").partition(HEAD)[2].splitlines()
    found = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        rooms, _, upwards = line.strip("|").split("|")
        found.append(Floor(names(rooms), names(upwards)))
    return found


def names(cell: str) -> tuple[str, ...]:
    """Return the names in backticks in a cell."""
    return tuple(re.findall(r"`(\w+)`", cell))


def kind(room: str) -> str:
    """The colour's class: mathematics, how it is run, or anything else."""
    return "math" if room in MATHEMATICS else "grad" if room in RUNNING else "box"


def rooms(house: list[Floor]) -> Iterator[str]:
    """Yield a rectangle with its name for each folder; those of a floor share its width."""
    for i, floor in enumerate(house):
        y, width = TOP + i * (HEIGHT + GAP), (WIDTH + GAP) / len(floor.rooms)
        for j, room in enumerate(floor.rooms):
            x = LEFT + j * width
            box = f'width="{width - GAP:g}" height="{HEIGHT}" rx="4"'
            yield f'<rect class="{kind(room)}" x="{x:g}" y="{y}" {box}/>'
            yield f'<text x="{x + (width - GAP) / 2:g}" y="{y + HEIGHT / 2 + 5:g}">{room}</text>'


def ways_up(house: list[Floor]) -> Iterator[str]:
    """Yield a dashed line at the right, with the folder's name where it arrives."""
    level = {room: i for i, floor in enumerate(house) for room in floor.rooms}
    ways = [(i, room) for i, floor in enumerate(house) for room in floor.goes_up]
    arrivals = [level[room] for _, room in ways]
    edge = LEFT + WIDTH
    for n, (start, room) in enumerate(ways):
        place = (arrivals[:n].count(level[room]) + 0.5) / arrivals.count(level[room])
        y = TOP + start * (HEIGHT + GAP) + HEIGHT * (n + 1) / (len(ways) + 1)
        end = TOP + level[room] * (HEIGHT + GAP) + HEIGHT * place
        x = edge + STAIR * (n + 1)
        yield f'<path class="way" d="M{edge} {y:.1f}H{x}V{end:.1f}H{edge + 2}"/>'
        yield f'<text class="small up" x="{x + 6}" y="{end + 4:.1f}">{room}</text>'


def legend(bottom: int) -> Iterator[str]:
    """Yield the legend: what the lines mean."""
    middle = (TOP + bottom) // 2
    yield f'<path d="M22 {TOP}V{bottom}"/>'
    at = f'x="16" y="{middle}" transform="rotate(-90 16 {middle})"'
    yield f'<text class="small" {at}>imports go down</text>'
    yield f'<path class="way" d="M{LEFT} 26H{LEFT + 34}"/>'
    says = "imported upwards, inside a function"
    yield f'<text class="small up" x="{LEFT + 42}" y="30">{says}</text>'


def picture() -> str:
    """Return the whole SVG."""
    house = floors()
    bottom = TOP + len(house) * (HEIGHT + GAP) - GAP
    width, height = LEFT + WIDTH + MARGIN, bottom + 20
    parts = ", ".join(
        f"{' and '.join(floor.rooms)} up to {' and '.join(floor.goes_up)}"
        for floor in house
        if floor.goes_up
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="t d">'
    )
    about = ['<title id="t">The floors of xpnet</title>', f'<desc id="d">{SAYS}{parts}.</desc>']
    size = f'width="{width - 1}" height="{height - 1}"'
    card = f'<rect class="card" x="0.5" y="0.5" {size} rx="8"/>'
    body: Iterable[str] = [*legend(bottom), *rooms(house), *ways_up(house)]
    return "\n".join([head, *about, f"<style>{STYLE}\n</style>", TIP, card, *body, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
