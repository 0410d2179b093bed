"""The shell of a page: its document and its style, which explanations and reports share."""

from __future__ import annotations

__all__: list[str] = []
