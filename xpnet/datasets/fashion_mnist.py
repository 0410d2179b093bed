"""Fashion-MNIST, where the machine has it."""

from __future__ import annotations

import gzip
import os
import zlib
from typing import Any

import numpy as np

__all__ = ["FASHION_CLASSES", "load_fashion_mnist"]

FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
"""What the labels 0 … 9 are."""

_FOLDER = "/usr/share/datasets/fashion-mnist"  # Debian's package dataset-fashion-mnist
_KINDS = {"train": "train", "test": "t10k"}

Array = np.ndarray[Any, Any]


def load_fashion_mnist(
    part: str = "train", folder: str | os.PathLike[str] | None = None
) -> tuple[Array, Array]:
    """Images of clothes, ten classes: 60,000 to train on and 10,000 to test on.

    H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms" (2017), MIT licence. It does not ship with the package.

    Parameters
    ----------
    part : {"train", "test"}
    folder : path, optional
        Where the four files of the original are; None: the environment variable FASHION_MNIST, or
        where Debian's package dataset-fashion-mnist puts them.

    Returns
    -------
    images : (N, 784) uint8
    labels : (N,) int64

    Raises
    ------
    FileNotFoundError
        The files are not there; the message says how to get them.
    """
    folder = folder or os.environ.get("FASHION_MNIST", _FOLDER)
    if part not in _KINDS:
        raise ValueError(f'part must be "train" or "test", got {part!r}')
    images = _read(os.path.join(folder, f"{_KINDS[part]}-images-idx3-ubyte.gz"))
    labels = _read(os.path.join(folder, f"{_KINDS[part]}-labels-idx1-ubyte.gz"))
    return images.reshape(len(images), -1), labels.astype(np.int64)


def _read(path: str) -> Array:
    """An idx file: 0, 0, 8 (bytes), the number of axes, each axis's length, and the numbers."""
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"there is no {path!r}: on Debian and Ubuntu `apt-get install dataset-fashion-mnist` "
            "brings Fashion-MNIST; elsewhere put its four files into a folder and set "
            "FASHION_MNIST to it"
        )
    try:
        with gzip.open(path, "rb") as file:
            content = file.read()
        if content[:3] != b"\x00\x00\x08":
            raise ValueError("it does not begin as an idx file of bytes does")
        shape = np.frombuffer(content, ">u4", count=content[3], offset=4).tolist()
        return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise ValueError(f"{path!r} is not an idx file, or is damaged: {error}") from error
