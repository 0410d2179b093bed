"""Write the tables of README.md and the docs from the committed results.

python -m benchmarks.tables
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.report import cell, exponent_rows, latency_rows, missing, target_rows
from benchmarks.tabular import report as tabular
from benchmarks.tabular.contenders import CONTENDERS, OWN

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def read(name: str) -> Any:
    """Read a committed result."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with numbers aligned right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def step() -> str:
    """Compare passes with products, by shape."""
    rows = [
        [shape, f"{row['products_us']:,.1f}", f"{row['passes_us']:,.1f}", f"{row['ratio']:.2f}"]
        for shape, row in read("step_numpy.json")["step"].items()
    ]
    return table(["shape, batch", "products, µs", "passes, µs", "ratio"], rows)


def fit() -> str:
    """Compare a fit's step with the bare step, and the peak memory with its budget."""
    found = read("step_numpy.json")
    ratio = found["fit"]["784-128-10, 64"]["ratio"]
    memory = found["memory"]["784-512-512-10, 128"]
    peak, budget = memory["peak_bytes"] / 1e6, memory["budget_bytes"] / 1e6
    return (
        "A step of `fit` at 784-128-10, batch 64, gathering and history included, takes "
        f"{ratio:.2f} times the bare step on one batch.\n"
        "Peak memory of a step at 784-512-512-10, batch 128, with Adam's state: "
        f"{peak:.1f} MB; the budget (below) is {budget:.1f} MB."
    )


def loops() -> str:
    """Compare loops, gradient and passes, by shape and batch."""
    rows = read("loops_vs_matrix.json")["rows"]
    head = ["layers, batch", "loops, µs", *(f"{name}, µs" for name in rows[0]["loops_over_matrix"])]
    return table(head, [loops_row(row) for row in rows])


def loops_row(row: dict[str, Any]) -> list[str]:
    """Return the row of one shape and batch."""
    seconds, ratios = row["median_seconds"], row["loops_over_matrix"]
    scaled = "*" if row["examples_the_loops_were_timed_on"] < row["examples"] else ""
    cells = ["-".join(map(str, row["sizes"])) + f", {row['examples']}"]
    cells.append(f"{seconds['loops'] * 1e6:,.0f}{scaled}")
    cells += [f"{seconds[name] * 1e6:,.1f} ({ratio:,.0f} ×)" for name, ratio in ratios.items()]
    return cells


def fashion() -> str:
    """List test accuracies by library and seed."""
    found = read("accuracy_fashion_mnist.json")["peers"]
    rows = [
        [name, *(f"{a:.4f}" for a in row["accuracy"]), f"{row['mean_accuracy']:.4f}"]
        for name, row in found.items()
    ]
    seeds = len(rows[0]) - 2
    return table(["library", *(f"seed {r}" for r in range(seeds)), "mean"], rows)


def accuracy() -> str:
    """List errors of gradients by backend and reference."""
    found = read("gradient_accuracy.json")["largest_relative_error"]
    references = list(next(iter(found.values())))
    rows = [[name, *(f"{row[key]:.1e}" for key in references)] for name, row in found.items()]
    return table(["backend", *references], rows)


def steps() -> str:
    """Time the five steps of docs/backprop.md from loops to matrices, by shape and batch."""
    columns = read("backprop_steps.json")["rows"]
    head = ["", *(f"{'-'.join(map(str, row['sizes']))}, N = {row['examples']}" for row in columns)]
    rows = [
        [name, *(three_digits(row["microseconds_an_example"][name]) for row in columns)]
        for name in columns[0]["microseconds_an_example"]
    ]
    return table(head, rows)


def three_digits(x: float) -> str:
    """Format a number with three digits or more, without an exponent."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def cpu_targets() -> str:
    """List the targets of the CPU benchmark, met or missed."""
    head, rows = target_rows(read("cpu.json")["targets"])
    return table(head, rows)


def cpu_steps() -> str:
    """Tabulate contenders by shapes, for each setting of the BLAS."""
    return "\n\n".join(
        f"{_setting(setting)}\n\n{_contenders(workloads)}"
        for setting, workloads in read("cpu.json")["settings"].items()
    )


def _setting(name: str) -> str:
    found = read("cpu.json")["tuned_environment"]
    if name == "tuned":
        return f"With {', '.join(f'`{n}={value}`' for n, value in found.items())}:"
    return "Every library as it comes:" if found else "As it comes, which is tuned on this CPU:"


def _contenders(workloads: dict[str, Any]) -> str:
    """Tabulate medians of a step in microseconds, and list missing contenders."""
    shapes = {title: row["contenders"] for title, row in workloads.items() if row["unit"] == "step"}
    names = list(next(iter(shapes.values())))
    rows = [
        [name, *(_median(contenders[name], "step") for contenders in shapes.values())]
        for name in names
    ]
    lost = {line for contenders in shapes.values() for line in missing(contenders)}
    return "\n\n".join([table(["µs a step", *shapes], rows), *sorted(lost)])


def _median(row: dict[str, Any], unit: str) -> str:
    return cell(row["median"], unit) if "median" in row else "–"


def cpu_run() -> str:
    """Tabulate Fashion-MNIST: seconds in each setting, accuracy and memory in the first."""
    settings = read("cpu.json")["settings"]
    runs = {setting: found["fashion-mnist"]["contenders"] for setting, found in settings.items()}
    first = next(iter(runs.values()))
    rows = [
        [
            name,
            *(_median(contenders[name], "run") for contenders in runs.values()),
            f"{mean(row['accuracy']):.4f}",
            f"{row['peak_bytes'] / 1e6:.0f}",
        ]
        for name, row in first.items()
        if "median" in row
    ]
    head = ["library", *(f"{setting}, s" for setting in runs), "test accuracy", "peak memory, MB"]
    return "\n\n".join([table(head, rows), *missing(first)])


def cpu_plot() -> str:
    """Link to the plot of the same figures."""
    if not (DOCS / "img" / "cpu.svg").exists():
        raise FileNotFoundError
    return "![A step of each library as a multiple of its matrix products alone](img/cpu.svg)"


def gpu_targets() -> str:
    """List the targets of the GPU benchmark, met or missed."""
    found = read("gpu.json")
    return f"{found['card']}.\n\n{table(*target_rows(found['targets']))}"


def gpu_steps() -> str:
    """Tabulate contenders by shapes and their largest error, for each precision."""
    return "\n\n".join(
        f"{precision}:\n\n{_contenders(workloads)}\n\n{_errors(workloads)}"
        for precision, workloads in read("gpu.json")["settings"].items()
    )


def _errors(workloads: dict[str, Any]) -> str:
    errors = [
        row["error"]
        for found in workloads.values()
        for row in found["contenders"].values()
        if "error" in row
    ]
    worst = f"{max(errors):.1e}" if errors else "not compared"
    return (
        f"Outputs after the first steps, beside NumPy's in float64: {worst} of the largest at most."
    )


def gpu_run() -> str:
    """Tabulate Fashion-MNIST on a GPU: seconds and accuracy."""
    found = read("gpu.json")["settings"]["float32"]["fashion-mnist"]["contenders"]
    rows = [
        [name, _median(row, "run"), f"{mean(row['accuracy']):.4f}"]
        for name, row in found.items()
        if "accuracy" in row
    ]
    return "\n\n".join([table(["library", "s", "test accuracy"], rows), *missing(found)])


def growth() -> str:
    """List the fitted exponents of growth."""
    return table(*exponent_rows(read("growth.json")["sweeps"]))


def latency() -> str:
    """List the times of a prediction by library."""
    examples = read("latency.json")["examples"]
    return "\n\n".join([table(*latency_rows(examples)), *missing(examples["1"])])


def tables_contenders() -> str:
    """The contenders that have run, and their settings."""
    names = read("tables.json")["contenders"]
    return "\n".join(f"- **{tabular.shown_as(name)}**: {CONTENDERS[name].words}." for name in names)


def tables_errors() -> str:
    """The contenders' errors on each real table."""
    found = read("tables.json")
    return "\n\n".join([wide(*tabular.error_rows(found)), *filter(None, [tabular.r2_line(found)])])


def tables_log_loss() -> str:
    """The contenders' log losses on each table of classes."""
    return wide(*tabular.log_loss_rows(read("tables.json")))


def wide(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose "mean ± deviation" is not broken into lines."""
    return table(head, rows).replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")


def tables_seconds() -> str:
    """The CPU seconds of each contender's training on each table."""
    return table(*tabular.seconds_rows(read("tables.json")))


def tables_behind() -> str:
    """The tables on which another contender has less error than xpnet."""
    head, rows = tabular.behind_rows(read("tables.json"))
    return table(head, rows) if rows else "There is no such table."


def tables_short() -> str:
    """What README.md and docs/performance.md say of accuracy on tables."""
    return tabular.short_line(read("tables.json"))


def tables_means() -> str:
    """The contenders over all tables, who failed, and xpnet's defaults beside each other one."""
    found = read("tables.json")
    lines = [*tabular.failed_lines(found), *tabular.spoiled_lines(found)]
    (head, means), (beside, pairs) = tabular.mean_rows(found), tabular.pair_rows(found)
    defaults = [row[1:] for row in pairs if row[0] == OWN[0]]
    parts = [table(head[:-1], [row[:-1] for row in means]), *lines]  # the settings stand above
    return "\n\n".join([*parts, *([table(beside[1:], defaults)] if defaults else [])])


def tables_picture() -> str:
    """The mean ranks and the critical difference."""
    ranked = read("tables.json")["ranked"]
    if not ranked or not (DOCS / "img" / "tables.svg").exists():
        raise FileNotFoundError
    friedman = ranked["friedman"]
    return (
        f"Friedman's χ² is {friedman['chi2']:.1f} (p = {friedman['p']:.1g}) on "
        f"{ranked['tables']} tables.\nBars join contenders whose mean ranks differ by less than "
        f"the critical difference at α = {ranked['alpha']:g}.\n\n"
        "![Mean ranks of the contenders, and the critical difference](img/tables.svg)"
    )


def cpu_short() -> str:
    """Tabulate the contenders that README.md names; torch by its best variant."""
    head = ["layers, batch", "xpnet", "JAX jit", "JAX scan", "torch, best of three"]
    head += ["scikit-learn", "products alone"]
    workloads = next(iter(read("cpu.json")["settings"].values()))
    return table(head, [_short_row(name, found) for name, found in workloads.items()])


def _short_row(name: str, found: dict[str, Any]) -> list[str]:
    medians = {n: row["median"] for n, row in found["contenders"].items() if "median" in row}
    best = [
        medians[n] for n in ("torch eager", "torch fused Adam", "torch.compile") if n in medians
    ]
    medians |= {"torch": min(best)} if best else {}
    scale, unit = (1e6, "") if found["unit"] == "step" else (1, " s")
    columns = ("xpnet", "JAX jit", "JAX scan", "torch", "scikit-learn", "products")
    cells = [f"{three_digits(medians[n] * scale)}{unit}" if n in medians else "–" for n in columns]
    title = name if found["unit"] == "step" else "Fashion-MNIST, ten epochs"
    return [title, *cells]


def home() -> str:
    """Give a step's time on the home page: xpnet, its products, JAX's scan, the peers' best."""
    found, name = read("cpu.json"), "784-128-10, 64"
    _, *cells = _short_row(name, next(iter(found["settings"].values()))[name])
    xpnet, _, JAX, torch, sklearn, products = (f"{cell} µs" for cell in cells)
    return (
        "A compiled training step of 784-128-10 with batch 64 takes "
        f"**{xpnet}** on {_cores(found['machine']['cpus'])}; its\n"
        f"matrix products alone take {products}. JAX, with an epoch in one call, takes {JAX}, "
        f"PyTorch {torch},\nscikit-learn {sklearn}\n"
        "([how it is measured](performance.md), [cpu.json](../benchmarks/results/cpu.json))."
    )


def _cores(n: int) -> str:
    return {1: "one core", 2: "two cores"}.get(n, f"{n} cores")


PAGES = {
    "docs/index.md": (home,),
    "README.md": (cpu_short, tables_short),
    "docs/performance.md": (
        step,
        fit,
        cpu_targets,
        cpu_steps,
        cpu_plot,
        cpu_run,
        gpu_targets,
        gpu_steps,
        gpu_run,
        latency,
        growth,
        loops,
        fashion,
        accuracy,
        tables_short,
    ),
    "docs/how_good.md": (
        tables_short,
        tables_contenders,
        tables_means,
        tables_picture,
        tables_errors,
        tables_log_loss,
        tables_seconds,
        tables_behind,
    ),
    "docs/backprop.md": (steps,),
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
