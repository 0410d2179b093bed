"""Words for arrays in signatures.

The Array API standard has no type for an array yet, so three of them are `typing.Any` to a type
checker. To a reader they say what a function expects.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["Array", "ArrayLike", "Host", "Namespace"]

Array: TypeAlias = Any
"""An array of the backend's library, on the backend's device."""

ArrayLike: TypeAlias = Any
"""Whatever a user gives as data: an array of any library, a list, a data frame."""

Host: TypeAlias = np.ndarray[Any, Any]
"""A NumPy array, in host memory."""

Namespace: TypeAlias = Any
"""A namespace of the Array API: a library's module, or one that records what is called."""
