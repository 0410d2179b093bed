"""A page of its own around a fragment: no script, nothing from a network, light and dark."""

from __future__ import annotations

from html import escape

__all__ = ["document"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_BODY = "body{margin:0;background:#fff}@media(prefers-color-scheme:dark){body{background:#14181f}}"


def document(title: str, fragment: str) -> str:
    """HTML; the title is escaped, the fragment is HTML already."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_BODY}</style></head><body>{fragment}"
        "</body></html>\n"
    )
