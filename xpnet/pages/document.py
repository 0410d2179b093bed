"""Wrap a fragment into a page, and make its tables.

A page has no script, loads nothing from a network, and has light and dark colours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape

__all__ = ["document", "grid", "is_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_BODY = "body{margin:0;background:#fff}@media(prefers-color-scheme:dark){body{background:#14181f}}"


def document(title: str, fragment: str) -> str:
    """Return an HTML document; the title is escaped, the fragment is HTML already."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_BODY}</style></head><body>{fragment}"
        "</body></html>\n"
    )


def grid(rows: Sequence[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    """Return an HTML table; every cell is escaped."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    top = f"<thead><tr>{top}</tr></thead>" if head else ""
    return f'<div class="scroll"><table>{top}<tbody>{body}</tbody></table></div>'


def is_page(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an HTML document, by its first bytes."""
    with open(path, "rb") as file:
        begin = file.read(256).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return begin.startswith((b"<!doctype html", b"<html"))
