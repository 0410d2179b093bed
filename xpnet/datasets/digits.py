"""The UCI optical digits."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["load_digits"]


def load_digits() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """1797 images of handwritten digits, in the order of the original file.

    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository (1998), doi:10.24432/C50P49, licence CC BY 4.0; its test part, written by 13 people
    who wrote none of the training part.

    Returns
    -------
    images : (1797, 64) uint8
        8 × 8 pixels, each 0 … 16: how many of a 4 × 4 block are ink.
    labels : (1797,) int64
        0 … 9.
    """
    from importlib.resources import files

    with (files("xpnet.datasets") / "digits.npz").open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        return archive["images"], archive["labels"].astype(np.int64)
