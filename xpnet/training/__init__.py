"""Training: the loop around the passes, its history, callbacks and early stopping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpnet.when_used import when_used

if TYPE_CHECKING:
    from xpnet.training.early_stopping import EarlyStopping
    from xpnet.training.epoch_log import json_lines
    from xpnet.training.history import History
    from xpnet.training.signals import StopSignals, stop_on_signals

__all__ = ["EarlyStopping", "History", "StopSignals", "json_lines", "stop_on_signals"]

_PLACES = {
    "EarlyStopping": "early_stopping",
    "History": "history",
    "StopSignals": "signals",
    "json_lines": "epoch_log",
    "stop_on_signals": "signals",
}

if not TYPE_CHECKING:
    __getattr__ = when_used(__name__, {"callbacks", *_PLACES.values()}, _PLACES)


def __dir__() -> list[str]:
    return list(__all__)
