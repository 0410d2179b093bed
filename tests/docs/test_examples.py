"""The examples run to their end, assert what they claim, and end in a picture."""

from __future__ import annotations

import ast
import re
import runpy

import pytest

from tests.support.helpers import ROOT, needed, needed_to_find

mpl = needed("matplotlib")
mpl.use("agg")
from matplotlib import pyplot as plt  # noqa: E402

FOLDER = ROOT / "examples"
EXAMPLES = sorted(FOLDER.glob("plot_*.py"))
PACKAGE = re.compile(r'find_spec\("(\w+)"\)')
"""The package whose file an example reads."""
TITLE = re.compile(r"\s*(?P<title>\S.*)\n(?P<line>=+)\n")

of_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def shown(monkeypatch, tmp_path):
    """The figures open at each call of ``show``; the example runs in an empty folder."""
    monkeypatch.chdir(tmp_path)
    found: list[int] = []
    monkeypatch.setattr(plt, "show", lambda: found.extend(plt.get_fignums()))
    yield found
    plt.close("all")


def test_there_are_examples():
    assert len(EXAMPLES) >= 10


@pytest.mark.slow
@of_example
def test_it_runs_and_ends_in_a_picture(path, shown):
    source = path.read_text(encoding="utf-8")
    if "from sklearn" in source:
        needed("sklearn")
    needed_to_find(*PACKAGE.findall(source))
    runpy.run_path(str(path), run_name="__main__")
    assert shown, "it shows no figure"
    for number in shown:
        plt.figure(number).canvas.draw()  # draws everything, so that bad text raises
    assert source.endswith("plt.show()\n")


def test_the_digits_stand_in_for_fashion_mnist(shown, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("FASHION_MNIST", str(tmp_path))
    runpy.run_path(str(FOLDER / "plot_07_fashion.py"))
    assert shown
    assert "apt-get install dataset-fashion-mnist" in capsys.readouterr().out


@of_example
def test_its_docstring_begins_with_a_title_and_asks_something(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    found = TITLE.match(text)
    assert found, "a title, underlined with ="
    assert len(found["line"]) == len(found["title"])
    assert "?" in text[found.end() :]


@of_example
def test_it_asserts_what_it_claims(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))
