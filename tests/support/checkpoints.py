"""Fits whose checkpoints are all kept, and what two of them have in common."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet
from xpnet.backends import to_numpy
from xpnet.files.checkpoint_tensors import arrays_of
from xpnet.files.keeper import FileKeeper

RNG = np.random.default_rng(3)
X = RNG.normal(size=(53, 5)).astype(np.float32)
LABELS = RNG.integers(0, 4, 53)
ROWS = RNG.normal(size=(53, 4)).astype(np.float32)
WEIGHTS = np.where(np.arange(53) % 7 == 0, 0.0, RNG.uniform(1, 2, 53))

FIT: dict[str, Any] = {"epochs": 4, "batch_size": 10, "checkpoint_every": 1}


def network(*hidden: Any, **settings: Any) -> xpnet.Network:
    return xpnet.Network([5, *(hidden or (8,)), 4], **{"rng": 7, **settings})


class Copies:
    """Copies of every checkpoint that is written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.paths: list[Path] = []
        self._folder, write = folder, FileKeeper.write
        folder.mkdir(exist_ok=True)

        def copying(keeper: FileKeeper, state: Any) -> None:
            write(keeper, state)
            self._copy(Path(keeper._path))

        monkeypatch.setattr(FileKeeper, "write", copying)

    def _copy(self, path: Path) -> None:
        self.paths.append(self._folder / f"{len(self.paths)}.ckpt")
        shutil.copy(path, self.paths[-1])


def left(path: Path) -> dict[str, Any]:
    """Everything in a checkpoint but the times: bits of the arrays, the words of the history."""
    found = xpnet.Checkpoint.read(path)
    arrays = {name: x.tobytes() for name, x in arrays_of(found.state).items()}
    del arrays["history.seconds"]
    state = found.state
    return {
        **arrays,
        "position": (state.epoch, state.step, state.steps, state.finished),
        "history": (state.history.stopped, state.engine, state.threads, state.team),
    }


def told(net: Any, history: xpnet.History) -> dict[str, Any]:
    """A trained network's bits, and its history without the times."""
    values = {name: value for name, value in vars(history).items() if name != "seconds"}
    inner = getattr(net, "_net", net)
    arrays = (inner.parameters, *inner.statistics)
    return {**values, "epochs": net.epoch, "bits": [to_numpy(x).tobytes() for x in arrays]}
