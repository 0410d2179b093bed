"""Only tests.support is imported from other files, and xpnet/ imports nothing from tests/."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.helpers import ROOT


def names(path: Path) -> Iterator[str]:
    """Yield the names that a file imports anywhere: "a.b.c" for ``from a.b import c``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_tests(folder: str) -> set[str]:
    """Return every import from tests/ in the folder's files, as "file: name"."""
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = ((path.relative_to(ROOT), name) for path in files for name in names(path))
    return {f"{path}: {name}" for path, name in found if name.split(".")[0] == "tests"}


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "docs", "examples", "ci"])
def test_only_what_is_in_support_is_shared(folder):
    assert {line for line in of_tests(folder) if ": tests.support" not in line} == set()


def test_the_package_needs_no_tests():
    assert of_tests("xpnet") == set()
