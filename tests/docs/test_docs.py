"""The documentation's code runs, and its links lead to the right files and lines.

A ```console block is a command and what it prints. In docs/backprop.md a link to a line of code
quotes that line, whole or in part:

    [`dA = backend.matmul(dZ, W[l])`](../xpnet/equations/passes.py#L72)

When code has moved, ``python -m tests.docs.test_docs`` writes the new line numbers. It leaves
quotations unchanged that are no longer in the file.
"""

from __future__ import annotations

import re

import pytest

from docs.blocks import FENCE, run
from tests.support.helpers import ROOT
from tests.support.processes import python
from xpnet.backends import available_backends

DOCS = sorted((*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")))
PAGES = [page for page in (ROOT / "README.md", *DOCS) if page.exists()]
CONSOLE = [page for page in PAGES if "```console\n" in page.read_text(encoding="utf-8")]
QUOTING = [page for page in DOCS if page.name == "backprop.md"]

LINK = re.compile(r"\]\(([^()\s]+)\)")
LINE = re.compile(r"\]\((\.\./xpnet/[\w/]+\.py)#L(\d+)\)")
INLINE = re.compile(r"`[^`\n]*`")
TIME = re.compile(r"\d+\.\d s\b")
SOMETIMES = re.compile(r"restarted with OPENBLAS_CORETYPE=|epoch +\d+ of \d+: loss ")
"""Lines that `xpnet train` prints on some machines only: other kernels, more epochs if slow."""
QUOTED = re.compile(r"\[`([^`]+)`\]\((\.\./xpnet/[\w/]+\.py)#L(\d+)\)")

NEEDS = {
    "plots.md": ("matplotlib", 'pip install "xpnet[plot]"'),
    "from_sklearn.md": ("sklearn", 'pip install "xpnet[sklearn]"'),
    "from_pytorch.md": ("torch", 'pip install "xpnet[torch]"'),
    "scipy.md": ("scipy", "pip install scipy"),
}
"""The packages that a page's code needs beside xpnet and NumPy, and how to install them."""

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
    if page.name in NEEDS:
        package, remedy = NEEDS[page.name]
        pytest.importorskip(package, reason=remedy)
    monkeypatch.chdir(tmp_path)
    run(page)


def printed_by(command, folder):
    """Run the last command of `a && b`, which follows `pip install`; return the printed lines."""
    name, *arguments = command.rpartition("&&")[2].split()
    assert name == "xpnet", command
    return python("-m", "xpnet", *arguments, cwd=folder, check=True).stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("page", CONSOLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_console_block_has_what_the_command_prints(page, tmp_path):
    """All lines agree to the digit, except for times."""
    for language, block in FENCE.findall(read(page)):
        if language == "console":
            command, *shown = TIME.sub("… s", block).splitlines()
            assert command.startswith("$ ")
            printed = [TIME.sub("… s", line) for line in printed_by(command[2:], tmp_path)]
            kept = [line for line in printed if line in shown or not SOMETIMES.match(line)]
            assert kept == shown


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
