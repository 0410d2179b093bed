"""Options with which numba compiles all parts of a step."""

from typing import Any

__all__ = ["OPTIONS"]

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",  # checks for division by zero would prevent vectorisation
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},  # not nnan, ninf: NaN and infinity are kept
}
