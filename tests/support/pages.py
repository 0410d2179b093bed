"""Helpers for tests of HTML pages: a hostile name, a strict parser, contrasts of colours."""

from __future__ import annotations

from typing import Any

import html5lib

HOSTILE = "</title></style><script>alert('1')</script><img src=x onerror=\"alert(2)\">&"
"""A name that closes the enclosing elements and contains code."""


def parsed(text: str) -> Any:
    """Return the tree of a document or a notebook's fragment; raise at any error of HTML."""
    if not text.startswith("<!DOCTYPE html>"):
        text = f"<!DOCTYPE html><html><head><title>t</title></head><body>{text}</body></html>"
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour "#rrggbb" by WCAG 2.1."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return sum(c * weight for c, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(a: str, b: str) -> float:
    """Return the contrast ratio of two colours by WCAG 2.1, from 1 to 21."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
