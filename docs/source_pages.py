"""Pages of source code, so that a link to a line leads there on the site too.

In the repository a page of the documentation links to files beside it:

    [`Z += b`](../xpnet/equations/passes.py#L56)

There that is a file; on the site it becomes source/xpnet/equations/passes.py.html#L56. The page is
made here, one for each file of the package and each file that is linked. The reference's "[source]"
leads to the same pages (`linkcode_resolve`).
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from posixpath import relpath
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx.application import Sphinx

__all__ = ["linkcode_resolve", "setup"]

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
LINK = re.compile(r"(?<=\]\()([^()\s#:]+)(#[^()\s]*)?(?=\))")
FILE_NAME = re.compile(r"\[[\w/]+\.md\](?=\(\w[\w/]*\.md)")
"""A link that is called as its file: on the site it gets the title of what it leads to."""
ELSEWHERE = {"contributing": ROOT / "CONTRIBUTING.md", "changelog": ROOT / "CHANGELOG.md"}
"""Pages of the site whose text stands at the repository's root."""
PLACES = {path: f"{name}.md" for name, path in ELSEWHERE.items()} | {
    ROOT / "examples": "gallery/index.rst"
}
"""What is a page of the site under another name."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's hook for extensions."""
    app.connect("source-read", read)
    app.connect("doctree-resolved", lead_there)
    app.connect("html-collect-pages", pages)
    app.connect("build-finished", copy_pictures)
    app.connect("autodoc-skip-member", is_field)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """A page's text, with the links that leave the site's pages written ``site:path``."""
    path = ELSEWHERE.get(docname, DOCS / f"{docname}.md")
    if path.exists():
        text = LINK.sub(lambda match: on_site(match, path), path.read_text(encoding="utf-8"))
        source[0] = FILE_NAME.sub("[]", text)


def on_site(match: re.Match[str], page: Path) -> str:
    """Where a link of a page leads on the site; what is no file here stays as it is."""
    target, anchor = (page.parent / match[1]).resolve(), match[2] or ""
    if not target.is_relative_to(ROOT) or not target.exists() or is_picture(target):
        return match[0]
    if target in PLACES:
        return f"{PLACES[target]}{anchor}"
    if target.is_relative_to(DOCS) and target.suffix == ".md":
        return f"{relpath(target, page.parent if page.is_relative_to(DOCS) else DOCS)}{anchor}"
    if target.is_relative_to(DOCS) and target.suffix == ".html":
        return f"site:{target.name}{anchor}"
    return f"site:{pagename(target)}.html{anchor}"


def is_picture(target: Path) -> bool:
    """Whether Sphinx copies the file itself."""
    return target.suffix in (".svg", ".png")


def lead_there(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """``site:path`` as an address relative to the page."""
    here = Path(app.builder.get_target_uri(docname)).parent
    for link in doctree.findall(nodes.reference):
        if (uri := link.get("refuri", "")).startswith("site:"):
            link["refuri"] = relpath(uri.removeprefix("site:"), here)
            link["internal"] = True  # no arrow, no new window


def copy_pictures(app: Sphinx, failed: Exception | None) -> None:
    """The pages that are HTML already, their links to others made the site's."""
    for page in DOCS.glob("*.html"):
        text = page.read_text(encoding="utf-8").replace('.md">', '.html">')
        (Path(app.outdir) / page.name).write_text(text, encoding="utf-8")


# --- the pages


def pagename(target: Path) -> str:
    """The page of a file, or of a folder, without its ".html"."""
    path = f"source/{target.relative_to(ROOT).as_posix()}"
    return f"{path}/index" if target.is_dir() else path


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every page of source: its name, title and body, and the template for it."""
    linked = targets()
    folders = {target for target in linked if target.is_dir()}
    files = {*linked - folders, *(ROOT / "xpnet").rglob("*.py")}
    files |= {file for folder in folders for file in folder.iterdir() if file.is_file()}
    for target in sorted(files | folders):
        title = target.relative_to(ROOT).as_posix()
        body = listing(target) if target.is_dir() else numbered(target)
        context = {"title": title, "body": f"<h1>{escape(title)}</h1>{body}"}
        yield pagename(target), context, "page.html"


def targets() -> set[Path]:
    """Files and folders outside the site's pages that a page links to."""
    found = set()
    for page in (*DOCS.rglob("*.md"), *ELSEWHERE.values()):
        for match in LINK.finditer(page.read_text(encoding="utf-8")):
            if on_site(match, page).startswith("site:source/"):
                found.add((page.parent / match[1]).resolve())
    return found


def numbered(file: Path) -> str:
    """The file's text with colours and line numbers, each line's anchor L1, L2 …"""
    try:
        lexer = get_lexer_for_filename(file.name, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    form = HtmlFormatter(linenos="inline", lineanchors="L", anchorlinenos=True)
    body = highlight(file.read_text(encoding="utf-8"), lexer, form)
    return body.replace('id="L-', 'id="L').replace('name="L-', 'name="L').replace("#L-", "#L")


def listing(folder: Path) -> str:
    """Links to the pages of the folder's files."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    rows = "".join(f'<li><a href="{escape(n)}.html">{escape(n)}</a></li>' for n in names)
    return f"<ul>{rows}</ul>"


# --- the reference


def is_field(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave the fields of a NamedTuple to its docstring: theirs say "Alias for field number 0"."""
    return True if type(member).__name__ == "_tuplegetter" else None


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """The address of an object's source, from a page of the reference; None for plain values."""
    found: Any = sys.modules.get(info["module"])
    for name in info["fullname"].split("."):
        found = getattr(found, name, None)
    found = inspect.unwrap(getattr(found, "fget", None) or found) if found is not None else None
    try:
        file, line = Path(inspect.getsourcefile(found) or ""), inspect.getsourcelines(found)[1]
    except (TypeError, OSError):
        return None
    if not file.resolve().is_relative_to(ROOT / "xpnet"):
        return None
    return f"../{pagename(file.resolve())}.html#L{max(line, 1)}"
