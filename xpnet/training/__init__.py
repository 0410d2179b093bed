"""Training: the loop around the passes, its history, callbacks and early stopping."""

from __future__ import annotations

from xpnet.training.callbacks import json_lines
from xpnet.training.early_stopping import EarlyStopping
from xpnet.training.history import History

__all__ = ["EarlyStopping", "History", "json_lines"]
