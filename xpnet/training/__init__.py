"""Training: the loop around the passes, what it records, and what may end it."""

from __future__ import annotations

from xpnet.training.callbacks import json_lines
from xpnet.training.early_stopping import EarlyStopping
from xpnet.training.history import History

__all__ = ["EarlyStopping", "History", "json_lines"]
