"""Training: the loop around the passes, its history, callbacks and early stopping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpnet.when_used import when_used

if TYPE_CHECKING:
    from xpnet.training.callbacks import json_lines
    from xpnet.training.early_stopping import EarlyStopping
    from xpnet.training.history import History

__all__ = ["EarlyStopping", "History", "json_lines"]

_PLACES = {"EarlyStopping": "early_stopping", "History": "history", "json_lines": "callbacks"}

if not TYPE_CHECKING:
    __getattr__ = when_used(__name__, _PLACES.values(), _PLACES)


def __dir__() -> list[str]:
    return list(__all__)
