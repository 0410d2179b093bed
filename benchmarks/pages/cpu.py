"""The contenders of `python -m benchmarks cpu` and of `gpu`, and their targets."""

from __future__ import annotations

from statistics import mean
from typing import Any

from benchmarks.counts import count_rows
from benchmarks.pages.markdown import DOCS, median_of, read, table, three_digits
from benchmarks.report import missing, target_rows

__all__ = [
    "cpu_plot",
    "cpu_run",
    "cpu_short",
    "cpu_steps",
    "cpu_targets",
    "gpu_run",
    "gpu_steps",
    "gpu_targets",
    "home",
]


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
        [name, *(median_of(contenders[name], "step") for contenders in shapes.values())]
        for name in names
    ]
    lost = {line for contenders in shapes.values() for line in missing(contenders)}
    return "\n\n".join([table(["µs a step", *shapes], rows), *sorted(lost)])


def cpu_run() -> str:
    """Tabulate Fashion-MNIST: seconds in each setting, accuracy and memory in the first."""
    settings = read("cpu.json")["settings"]
    runs = {setting: found["fashion-mnist"]["contenders"] for setting, found in settings.items()}
    first = next(iter(runs.values()))
    rows = [
        [
            name,
            *(median_of(contenders[name], "run") for contenders in runs.values()),
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
        [name, median_of(row, "run"), f"{mean(row['accuracy']):.4f}"]
        for name, row in found.items()
        if "accuracy" in row
    ]
    return "\n\n".join([table(["library", "s", "test accuracy"], rows), *missing(found)])


def gpu_counts() -> str:
    """Tabulate what an epoch asks of CUDA."""
    return table(*count_rows(read("gpu_counts.json")["shapes"]))
