"""Times of single steps, passes and loops, and the accuracy of gradients and predictions."""

from __future__ import annotations

from typing import Any

from benchmarks.pages.markdown import read, table, three_digits
from benchmarks.report import exponent_rows, latency_rows, missing

__all__ = ["accuracy", "fashion", "fit", "growth", "latency", "loops", "loops_row", "step", "steps"]


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


def growth() -> str:
    """List the fitted exponents of growth."""
    return table(*exponent_rows(read("growth.json")["sweeps"]))


def latency() -> str:
    """List the times of a prediction by library."""
    examples = read("latency.json")["examples"]
    return "\n\n".join([table(*latency_rows(examples)), *missing(examples["1"])])
