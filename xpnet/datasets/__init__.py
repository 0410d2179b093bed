"""Data that ships with the package, and how to split it."""

from __future__ import annotations

from xpnet.datasets.digits import load_digits
from xpnet.datasets.split import stratified_split

__all__ = ["load_digits", "stratified_split"]
