"""Fashion-MNIST, if its files are on this machine."""

from __future__ import annotations

import gzip
import math
import os
import zlib

import numpy as np

from xpnet.errors import FileError, quoted
from xpnet.typing import Host

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
"""The names of the classes with labels 0 … 9."""

_FOLDER = "/usr/share/datasets/fashion-mnist"  # folder of Debian's package dataset-fashion-mnist
_LARGEST = 2**30  # limit in bytes; the largest of the four files has 47 million
_KINDS = {"train": "train", "test": "t10k"}


def load_fashion_mnist(
    part: str = "train", folder: str | os.PathLike[str] | None = None
) -> tuple[Host, Host]:
    """Load images of clothes in ten classes: 60,000 training or 10,000 test images.

    H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms" (2017), MIT licence. It does not ship with the package.

    Parameters
    ----------
    part : {"train", "test"}
    folder : path, optional
        The folder with the four original files. None: the folder named by the environment variable
        FASHION_MNIST, or else that of Debian's package dataset-fashion-mnist.

    Returns
    -------
    images : (N, 784) uint8
    labels : (N,) int64

    Raises
    ------
    ValueError
        ``part`` is neither "train" nor "test".
    FileNotFoundError
        A file is not there; the message says how to get it.
    FileError
        A file is damaged, or the numbers of images and labels differ.
    """
    folder = folder or os.environ.get("FASHION_MNIST", _FOLDER)
    if part not in _KINDS:
        raise ValueError(f'part must be "train" or "test", got {quoted(part)}')
    images = _read(os.path.join(folder, f"{_KINDS[part]}-images-idx3-ubyte.gz"), 3)
    labels = _read(os.path.join(folder, f"{_KINDS[part]}-labels-idx1-ubyte.gz"), 1)
    if len(images) != len(labels):
        raise FileError(
            f"{os.fspath(folder)!r} has {len(images):,} images and {len(labels):,} labels"
        )
    return images.reshape(len(images), -1), labels.astype(np.int64)


def _read(path: str, n_axes: int) -> Host:
    """The array of an idx file with ``n_axes`` axes.

    The file holds 0, 0, 8 (the code for bytes), the number of axes, each axis's length, and then
    the numbers.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"there is no {path!r}: on Debian and Ubuntu `apt-get install "
            "dataset-fashion-mnist` installs Fashion-MNIST; elsewhere put its four files into a "
            "folder and set FASHION_MNIST to it"
        )
    try:
        with gzip.open(path, "rb") as file:
            if file.read(4) != bytes((0, 0, 8, n_axes)):
                raise ValueError(f"it does not begin like an idx file of bytes with {n_axes} axes")
            shape = np.frombuffer(file.read(4 * n_axes), ">u4", n_axes).tolist()
            size = math.prod(shape)
            if not 0 < size <= _LARGEST:
                raise ValueError(f"its header says that it has {size:,} numbers")
            content = file.read(size + 1)
        if len(content) != size:
            raise ValueError(f"it does not have the {size:,} numbers that its header says")
        return np.frombuffer(content, np.uint8).reshape(shape)
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise FileError(f"{path!r} is not an idx file, or is damaged: {error}") from error
