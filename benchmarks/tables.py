"""Write the tables of README.md and the docs from the committed results.

python -m benchmarks.tables
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.pages import cpu, steps, tabular
from benchmarks.pages.markdown import ROOT

PAGES = {
    "docs/index.md": (cpu.home,),
    "README.md": (cpu.cpu_short, tabular.tables_short),
    "docs/performance.md": (
        steps.step,
        steps.fit,
        cpu.cpu_targets,
        cpu.cpu_steps,
        cpu.cpu_plot,
        cpu.cpu_run,
        cpu.gpu_targets,
        cpu.gpu_steps,
        cpu.gpu_run,
        cpu.gpu_counts,
        steps.latency,
        steps.growth,
        steps.loops,
        steps.fashion,
        steps.accuracy,
        tabular.tables_short,
    ),
    "docs/how_good.md": (
        tabular.tables_short,
        tabular.tables_contenders,
        tabular.tables_means,
        tabular.tables_picture,
        tabular.tables_errors,
        tabular.tables_log_loss,
        tabular.tables_seconds,
        tabular.tables_behind,
    ),
    "docs/backprop.md": (steps.steps,),
}


def written(part: Callable[[], str]) -> str:
    """Return the part, or "Not measured yet." if its result file is missing."""
    try:
        return part()
    except FileNotFoundError:
        return "Not measured yet."


def page_of(name: str) -> str:
    """Return the page with the results between its markers."""
    page = (ROOT / name).read_text(encoding="utf-8")
    for part in PAGES[name]:
        before, marker, rest = page.partition(f"<!-- {part.__name__} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not (marker and end):
            raise ValueError(f"{name} has no place marked <!-- {part.__name__} --> … <!-- end -->")
        page = f"{before}{marker}{written(part)}\n{end}{after}"
    return page


def main() -> None:
    """Rewrite the pages."""
    for name in PAGES:
        (ROOT / name).write_text(page_of(name), encoding="utf-8")


if __name__ == "__main__":
    main()
