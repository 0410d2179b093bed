"""Model files of small networks, edits of their settings, and the check that one is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet
from benchmarks.mutations import header_of, joined
from xpnet.files.container import sealed
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, Residual
from xpnet.losses import Masked, MultiCrossEntropy

X = np.random.default_rng(0).normal(size=(20, 4))
CODES = np.column_stack([np.arange(20) % 3, X[:, 1:]])
INPUTS = {"dense": X, "layers": CODES, "open": X}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a trained network with classes."""
    net = xpnet.Network([4, 5, 3], loss="cross_entropy", rng=7)
    net.fit(X, np.array(["oak", "elm", "fir"])[np.arange(20) % 3], epochs=2)
    net.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    """The file of a network with every kind of layer and statistics."""
    block = Residual([6, BatchNorm(), Dense(4, "gelu")])
    loss = Masked(MultiCrossEntropy((2, 3)))
    net = xpnet.Network([4, Embedding(3, 2), 4, BatchNorm(), Dropout(0.1), block, 5], loss=loss)
    net.save(tmp_path / "layered.safetensors")
    return tmp_path / "layered.safetensors"


def closed(path: Path, header: dict[str, Any], numbers: bytes, with_checksum: bool) -> None:
    """Write the file again, with its checksum or, like older files, without one."""
    header["__metadata__"].pop("sha256", None)
    content = joined(json.dumps(header).encode(), numbers)
    path.write_bytes(sealed(content) if with_checksum else content)


def set_at(value: Any, keys: tuple[Any, ...], new: Any) -> None:
    for key in keys[:-1]:
        value = value[key]
    if new is ...:
        del value[keys[-1]]
    else:
        value[keys[-1]] = new


def refused(path: Path, said: str = ".") -> str:
    """Return the FileError's message; check that it names the file and is one short line."""
    with pytest.raises(xpnet.FileError, match=said) as caught:
        xpnet.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()
    assert len(message) < len(str(path)) + 500
    return message


def short(value: Any) -> str:
    """Return a short test id of a parameter."""
    return str(value)[:30]


def rewritten(path: Path, change: Any, with_checksum: bool = True) -> None:
    """Change the file's tensors by name, and write them as safetensors does."""
    from safetensors.numpy import load, save

    content = path.read_bytes()
    tensors = load(content)
    change(tensors)
    metadata = {k: v for k, v in header_of(content)[0]["__metadata__"].items() if k != "sha256"}
    content = save(tensors, metadata)
    path.write_bytes(sealed(content) if with_checksum else content)
