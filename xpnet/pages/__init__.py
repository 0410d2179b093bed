"""The document and style sheet that the pages of explanations and reports share."""

from __future__ import annotations

__all__: list[str] = []
