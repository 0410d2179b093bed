"""One small fit with a checkpoint, the file inside its second epoch, and edits of that file."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import xpnet
from tests.support.checkpoints import FIT, LABELS, Copies, X, network, told
from xpnet.files.container import opened, write_arrays

ONE = {**FIT, "epochs": 2, "early_stopping": 3, "checkpoint_every": 3}


def fit(path: Path, change: Any = lambda net: None, **settings: Any) -> Any:
    """Fit a network, which ``change`` may change first; return what is told of it."""
    net = network(6, xpnet.layers.BatchNorm())
    change(net)
    return told(net, net.fit(X, LABELS, checkpoint=path, **{**ONE, **settings}))


@pytest.fixture(scope="module")
def middle(tmp_path_factory) -> bytes:
    """The content of a checkpoint inside an epoch."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("middle")
        copies = Copies(patch, folder / "copies")
        fit(folder / "f")
    found = xpnet.Checkpoint.read(copies.paths[2])
    assert (found.epoch, found.step, found.finished) == (1, 3, False)
    return copies.paths[2].read_bytes()


def refused(path: Path, match: str | None = None, reads: bool = False) -> None:
    """A fit must refuse the file, and so must `read`, unless it ``reads``."""
    with nullcontext() if reads else pytest.raises(xpnet.CheckpointError, match=match):
        xpnet.Checkpoint.read(path)
    net, before = network(6, xpnet.layers.BatchNorm()), path.read_bytes()
    theta = net.parameters.tobytes()
    with pytest.raises(xpnet.CheckpointError):
        net.fit(X, LABELS, checkpoint=path, **ONE)
    assert (net.parameters.tobytes(), net.epoch) == (theta, 0)
    assert path.read_bytes() == before
    assert not os.path.exists(f"{path}.lock")


def changed(path: Path, content: bytes, metadata: Any = None, arrays: Any = None) -> None:
    """Write a checkpoint whose parts are changed, with a right checksum."""
    path.write_bytes(content)
    with opened(str(path)) as file:
        texts, found = {**file.metadata}, file.arrays()
    del texts["sha256"]
    if metadata:
        metadata(texts)
    if arrays:
        arrays(found)
    with open(path, "wb") as file:
        write_arrays(file, texts, found)


def of_json(part: str, **values: Any) -> Any:
    def change(texts: dict[str, str]) -> None:
        texts[part] = json.dumps({**json.loads(texts[part]), **values})

    return change
