"""Options with which numba compiles all parts of a step.

NaN and infinity are kept. With "reassoc", LLVM would cancel x − x and (x + y) − x even then.
"""

from typing import Any

__all__ = ["OPTIONS"]

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",  # checks for division by zero would prevent vectorisation
    "fastmath": {"contract", "arcp", "nsz"},  # not nnan, ninf, and reassoc in `plus` only
}
