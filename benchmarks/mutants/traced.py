"""A plugin of pytest: note which test executes which line, and how long it takes.

The file `lines` of the folder XPNET_MUTANTS is coverage's, with a context for each test, "import"
while xpnet is imported, and "" while tests are collected.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
from pathlib import Path
from typing import Any

import coverage
import pytest

FOLDER = Path(os.environ["XPNET_MUTANTS"])
_lines = coverage.Coverage(data_file=str(FOLDER / "lines"), source=["xpnet"], config_file=False)
_tests: dict[str, float] = {}  # the seconds of those that pass


def _import_all() -> None:
    """Import all of xpnet, before conftest does."""
    _lines.start()
    _lines.switch_context("import")
    package = importlib.import_module("xpnet")
    for module in pkgutil.walk_packages(package.__path__, "xpnet."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError:
                continue  # of an absent array library
    _lines.switch_context("")


_import_all()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Note the lines of a test."""
    _lines.switch_context(item.nodeid)
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the seconds of a test that passes, and leave out one that does not."""
    if report.outcome != "passed":
        _tests[report.nodeid] = float("nan")
    else:
        _tests[report.nodeid] = _tests.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish() -> None:
    """Write both files."""
    _lines.stop()
    _lines.save()
    passed = {test: round(seconds, 4) for test, seconds in _tests.items() if seconds == seconds}
    (FOLDER / "tests.json").write_text(json.dumps(passed), encoding="utf-8")
