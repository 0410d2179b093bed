"""The targets of the training benchmarks, and whether the figures meet them."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any, NamedTuple

from benchmarks.figures import best, ratio
from benchmarks.peers import CONTENDERS

__all__ = ["ALL_PEERS", "PEERS", "TARGETS", "Target", "gpu_verdicts", "verdicts"]

ALL_PEERS = tuple(n for n in CONTENDERS if n != "xpnet" and not n.startswith("products"))
PEERS = tuple(name for name in ALL_PEERS if not CONTENDERS[name].once)
"""Peers that are called once a step, as xpnet's callbacks can be; targets refer to these."""

RUN = "fashion-mnist"
ACCURACY, MEMORY = -0.01, 1 / 3


class Target(NamedTuple):
    """The largest allowed ratios of xpnet's time to the best peer's and to the products'."""

    default: float
    tuned: float
    products: float | None


TARGETS = {
    "2-8-2, 1": Target(0.1, 0.1, 0.3),
    "64-64-10, 32": Target(0.35, 0.3, 1.7),
    "784-128-10, 64": Target(0.65, 0.5, 1.4),
    "784-512-512-10, 128": Target(0.8, 0.65, 1.25),
    "1024-2048-2048-1000, 512": Target(1.0, 0.8, 1.1),
    RUN: Target(0.7, 0.55, None),
}

Settings = Mapping[str, Mapping[str, Any]]


def verdicts(settings: Settings, default_is_tuned: bool) -> list[dict[str, Any]]:
    """Return a row for each target whose figures exist: target, figure, and whether it is met.

    If OpenBLAS chooses the best kernels by itself, the default figures are also the tuned ones.
    """
    default = settings.get("default", {})
    tuned = settings.get("tuned", default if default_is_tuned else {})
    rows: list[dict[str, Any] | None] = []
    for title, target in TARGETS.items():
        for setting, found in (("default", default), ("tuned", tuned)):
            contenders = found.get(title, {}).get("contenders", {})
            rows.append(_against_peers(title, setting, getattr(target, setting), contenders))
        contenders = tuned.get(title, {}).get("contenders", {})
        if target.products is not None:
            rows.append(_against_products(title, target.products, contenders))
    run = default.get(RUN, tuned.get(RUN, {})).get("contenders", {})
    return [row for row in (*rows, _accuracy(run), _memory(run)) if row is not None]


def _row(title: str, measure: str, target: float, found: float, **more: Any) -> dict[str, Any]:
    at_least = target < 0
    met = found >= target if at_least else found <= target
    row = {"workload": title, "measure": measure, "target": round(target, 3)}
    return {**row, "found": round(found, 4), "met": met, **more}


def _against_peers(
    title: str, setting: str, target: float, contenders: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Compare with the best peer; also with the best of all, if one call an epoch is faster."""
    found = best(contenders, PEERS)
    mine = contenders.get("xpnet", {}).get("median")
    if found is None or mine is None:
        return None
    row = _row(title, f"× best peer, {setting}", target, mine / found[1], against=found[0])
    first = best(contenders, ALL_PEERS)
    if first is not None and first[0] != found[0]:
        row |= {"once_an_epoch": first[0], "found_once_an_epoch": round(mine / first[1], 4)}
    return row


def _against_products(
    title: str, target: float, contenders: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Compare with NumPy's products; add the ratio of these to torch's products."""
    found = ratio(contenders, "xpnet", "products")
    if found is None:
        return None
    row = _row(title, "× products alone, tuned", target, found, against="products")
    of_torch = ratio(contenders, "products", "products, torch")
    return row if of_torch is None else row | {"products_over_those_of_torch": round(of_torch, 3)}


def _accuracy(run: Mapping[str, Any]) -> dict[str, Any] | None:
    """Compare the mean over rounds with the best peer's: at most 0.01 below it."""
    means = {name: mean(row["accuracy"]) for name, row in run.items() if "accuracy" in row}
    mine = means.pop("xpnet", None)
    if mine is None or not means:
        return None
    name = max(means, key=means.__getitem__)
    return _row(RUN, "accuracy − best peer's", ACCURACY, mine - means[name], against=name)


def _memory(run: Mapping[str, Any]) -> dict[str, Any] | None:
    """Compare peak resident memory with the smallest of torch's variants."""
    peaks = {name: row["peak_bytes"] for name, row in run.items() if "median" in row}
    of_torch = {name: peak for name, peak in peaks.items() if name in PEERS and "torch" in name}
    if "xpnet" not in peaks or not of_torch:
        return None
    name = min(of_torch, key=of_torch.__getitem__)
    found = peaks["xpnet"] / of_torch[name]
    return _row(RUN, "peak memory ÷ torch's", MEMORY, found, against=name)


WIDE, PRODUCTS_SHARE = "4096-wide, 3 layers, 4096", 0.8


def gpu_verdicts(settings: Settings) -> list[dict[str, Any]]:
    """Return a GPU's rows: at most torch's eager time; with wide layers, mostly products."""
    rows = []
    for precision, workloads in settings.items():
        for title, found in workloads.items():
            contenders = found["contenders"]
            of_torch = ratio(contenders, "xpnet", "torch eager")
            if of_torch is not None:
                words = f"× torch eager, {precision}"
                rows.append(_row(title, words, 1.0, of_torch, against="torch eager"))
            of_products = ratio(contenders, "xpnet", "products")
            if title == WIDE and precision != "bfloat16" and of_products is not None:
                words, limit = f"× products alone, {precision}", 1 / PRODUCTS_SHARE
                rows.append(_row(title, words, limit, of_products, against="products"))
    return rows
