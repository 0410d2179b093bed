"""``--report PAGE``: report a training on one page."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xpnet.cli.kinds import PAGE
from xpnet.cli.output import check_out
from xpnet.network import Network
from xpnet.plots.axes import matplotlib
from xpnet.report import Images, Report
from xpnet.training import History
from xpnet.typing import Host

__all__ = ["check_report", "report_of_images"]


def check_report(options: argparse.Namespace, out: Path, *inputs: Path) -> None:
    """Raise before any work if a page is requested that cannot be drawn or written."""
    page = options.report
    if page is None:
        return
    matplotlib()
    check_out(page, PAGE, *inputs, option="--report")
    if os.path.realpath(page) == os.path.realpath(out):
        raise ValueError(f"--report {page} is also the model file: give a different name")


def report_of_images(
    title: str,
    net: Network,
    history: History,
    X: Host,
    labels: Host,
    shape: tuple[int, int],
    settings: Mapping[str, str],
    data: Mapping[str, str],
    class_names: Any = None,
) -> Report:
    """Return the report of a network for images, judged by the test images."""
    classes = len(set(labels.tolist()))
    return Report(
        title,
        net,
        history,
        X,
        labels,
        f"{len(labels):,} test images",
        settings,
        {**data, "test images": f"{len(labels):,}", "classes": f"{classes}"},
        Images(X, shape),
        class_names,
    )
