"""Save and load model files and checkpoints: numbers and settings in one safetensors file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpnet.when_used import when_used

__all__: list[str] = []

_MODULES = (
    "checkpoint",
    "checkpoint_checks",
    "checkpoint_networks",
    "checkpoint_tensors",
    "container",
    "fingerprint",
    "jsonable",
    "keeper",
    "load",
    "lock",
    "origin",
    "plain",
    "process",
    "save",
    "saved_optimizer",
    "saved_tensors",
)

if not TYPE_CHECKING:
    __getattr__ = when_used(__name__, _MODULES, {})
