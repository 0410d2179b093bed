"""Imports agree with the table of floors in docs/architecture.md."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.draw_floors import floors
from tests.support.helpers import ROOT

NO_FLOOR = {"__init__", "__main__", "_version", "parameters"}  # `parameters` is a former name


FLOORS = [(set(rooms), set(upwards)) for rooms, upwards in floors()]
LEVEL = {name: -i for i, (names, _) in enumerate(FLOORS) for name in names}
UPWARDS = {name: upwards for names, upwards in FLOORS for name in names}


def imports(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield ("top", "type" or "lazy", a folder of xpnet, the line) of every import."""

    def visit(node: ast.AST, kind: str) -> Iterator[tuple[str, str, int]]:
        for child in ast.iter_child_nodes(node):
            below = kind
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                below = "type"
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and kind == "top":
                below = "lazy"
            for name in named(child):
                first, _, rest = name.partition(".")
                if first == "xpnet" and rest:
                    yield kind, rest.partition(".")[0], child.lineno
            yield from visit(child, below)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), "top")


def named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def folder_of(path: Path) -> str:
    return path.relative_to(ROOT / "xpnet").parts[0].removesuffix(".py")


def files() -> list[Path]:
    found = (ROOT / "xpnet").rglob("*.py")
    return sorted(path for path in found if folder_of(path) not in NO_FLOOR)


def test_every_folder_and_module_has_one_floor():
    assert {folder_of(path) for path in files()} == set(LEVEL)
    assert sum(len(names) for names, _ in FLOORS) == len(LEVEL)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_what_stands_below_it(path):
    """The table permits some other imports inside functions and for types."""
    own = folder_of(path)
    for kind, name, line in imports(path):
        if name in NO_FLOOR or name == own or LEVEL[name] < LEVEL[own]:
            continue
        beside = LEVEL[name] == LEVEL[own]
        allowed = beside if kind == "top" else beside or name in UPWARDS[own] or kind == "type"
        assert allowed, f"line {line} imports {name}, which stands above {own}"


def test_what_the_table_lets_go_up_does():
    """Every permission in the table is used."""
    taken = defaultdict(set)
    for path in files():
        own = folder_of(path)
        for kind, name, _ in imports(path):
            if kind == "lazy" and name in LEVEL and LEVEL[name] > LEVEL[own]:
                taken[own].add(name)
    assert {own: upwards for own, upwards in UPWARDS.items() if upwards} == dict(taken)
