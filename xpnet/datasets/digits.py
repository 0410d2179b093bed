"""The UCI data set of handwritten digits."""

from __future__ import annotations

import numpy as np

from xpnet.typing import Host

__all__ = ["load_digits"]


def load_digits() -> tuple[Host, Host]:
    """Load 1797 images of handwritten digits, in the order of the original file.

    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository (1998), doi:10.24432/C50P49, licence CC BY 4.0. These images are its test part,
    written by 13 people who wrote none of its training part.

    Returns
    -------
    images : (1797, 64) uint8
        8 × 8 pixels. Each is 0 … 16, the number of inked points in a 4 × 4 block of the scan.
    labels : (1797,) int64
        The digits 0 … 9.
    """
    from importlib.resources import files

    with (files("xpnet.datasets") / "digits.npz").open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        return archive["images"], archive["labels"].astype(np.int64)
