"""How numba compiles everything of a step."""

from typing import Any

__all__ = ["OPTIONS"]

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",  # a check for division by zero keeps loops from being vectorised
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},  # not nnan, ninf: NaN and infinity show
}
