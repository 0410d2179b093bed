"""The engines' names are public: they are the same in the code, docstrings and the guide."""

from __future__ import annotations

import ast
import re
from typing import get_args

import pytest

import xpnet
from tests.support.helpers import ROOT
from xpnet.backends.base import Backend, CompiledAs
from xpnet.backends.cupy_backend import CupyBackend
from xpnet.backends.jax_backend import JaxBackend
from xpnet.backends.numpy_backend import NumpyBackend
from xpnet.engines import names
from xpnet.engines.cuda.runner import CudaRunner
from xpnet.engines.loops.runner import FusedRunner
from xpnet.engines.names import ENGINES
from xpnet.engines.streamed import StreamedRunner

KINDS = (Backend, NumpyBackend, CupyBackend, JaxBackend)
PAGES = [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]


def test_the_names():
    known = ["plain", "fused", "kernels", "graph", "jit", "streamed"]
    assert [*ENGINES] == known == [*get_args(names.Engine)]
    assert (FusedRunner.engine, CudaRunner.engine) == ("fused", "kernels")
    assert StreamedRunner.engine == "streamed"
    assert xpnet.History().engine == "plain"


def test_the_guide_has_a_row_for_each():
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    table = "| `history.engine` |" + guide.partition("| `history.engine` |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
    assert [row[0] for row in rows] == ["`history.engine`", *[""] * (len(ENGINES) - 1)]
    assert [row[1:] for row in rows] == [[f'`"{name}"`', does] for name, does in ENGINES.items()]


def test_the_history_says_each():
    told = xpnet.History.__doc__.partition("engine : str")[2].partition("threads :")[0]
    assert re.findall(r'"(\w+)"', told) == [*ENGINES]


def test_pages_name_only_existing_engines():
    said = {
        (path.name, name)
        for path in PAGES
        for sentence in re.findall(r"history\.engine`[^|]*?(?:\.\s|;)", path.read_text("utf-8"))
        for name in re.findall(r'"(\w+)"', sentence)
    }
    assert {"guide.md", "gpu.md"} <= {page for page, _ in said}
    assert {name for _, name in said} <= {*ENGINES}


@pytest.mark.parametrize("folder", ["engines", "training", "network", "report", "doctor"])
def test_no_other_file_spells_them(folder):
    for path in (ROOT / "xpnet" / folder).rglob("*.py"):
        found = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        if path.parts[-2:] == ("graph", "nodes.py"):
            found.remove("graph")  # an attribute of a node
        assert path.name == "names.py" or not found & {*ENGINES}, path


def test_how_backends_compile():
    told = Backend.__doc__.partition("compiled_as : str")[2].partition("uses_openblas")[0]
    assert re.findall(r'"(\w*)"', told) == [*get_args(CompiledAs)]
    assert {kind.compiled_as for kind in KINDS} == {*get_args(CompiledAs)}
