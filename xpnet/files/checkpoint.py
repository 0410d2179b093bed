"""Checkpoints: a run of `fit` in one safetensors file, from which it goes on to the bit.

The tensors are in `xpnet.files.checkpoint_tensors`. The metadata are texts, most of them JSON:

    format           "xpnet checkpoint 1"
    xpnet_version
    network          the network's settings, as in a model file
    settings         the keywords of fit
    data             shape, dtype and SHA-256 of X, Y, the weights, the validation data and the
                     parameters at the beginning; the unit of the weights
    environment      backend, engine, versions, kernels
    run              epoch and step, and the history's words
    sha256           of the whole file, with its own digits as zeros
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xpnet._version import __version__
from xpnet.errors import CheckpointError, printable, quoted
from xpnet.files.checkpoint_tensors import arrays_of, numbers_of, state_of
from xpnet.files.container import (
    CHECKPOINT,
    MODEL,
    Container,
    blaming,
    has_mark,
    opened,
    write_arrays,
)
from xpnet.files.jsonable import check_depth, loads, mapping, text_of
from xpnet.training.history import History
from xpnet.training.run_state import RunState
from xpnet.whole_file import path_text, whole_file

if TYPE_CHECKING:
    from xpnet.backends import Backend
    from xpnet.equations.activation import Activation
    from xpnet.losses import Loss
    from xpnet.network import Network, Stack

__all__ = ["FORMAT", "Checkpoint", "is_checkpoint", "write_checkpoint"]

FORMAT = 1
_PARTS = ("network", "settings", "data", "environment", "run")
_UNUSABLE = "is not a checkpoint that can be used"
_DEEPEST = 60  # levels of its JSON: residual connections within each other need most


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a file's header says that it is a checkpoint, of whatever version."""
    return has_mark(path, CHECKPOINT)


def write_checkpoint(path: str, about: Mapping[str, Any], state: RunState) -> None:
    """Write the file, completely or not at all.

    ``about`` has the parts of the metadata that are not the state's, by name.
    """
    parts = {**about, "run": numbers_of(state)}
    metadata = {name: json.dumps(parts[name], allow_nan=False) for name in _PARTS}
    metadata |= {"format": f"{CHECKPOINT}{FORMAT}", "xpnet_version": __version__}
    arrays = arrays_of(state)
    with whole_file(path) as file:
        write_arrays(file, metadata, arrays)


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoint:
    """What a checkpoint holds; `read` reads one, without building a network.

    Attributes
    ----------
    path : str
    xpnet_version : str
    network_settings : dict
        The network's settings, as in a model file.
    settings : dict
        The keywords of the fit that decide what it computes, as plain JSON.
    data : dict
        Shape, dtype and SHA-256 of the data.
    environment : dict
        Backend, engine, versions and the BLAS's kernels.
    state : RunState
        The arrays and the position: ``state.theta``, ``state.optimizer``, ….
    history : History
        Of the whole epochs so far.
    epoch, step : int
        The network's count of whole epochs, those of earlier fits included, and the steps done in
        the next one.
    finished : bool
        Whether the fit came to its end.
    """

    path: str
    xpnet_version: str
    network_settings: dict[str, Any]
    settings: dict[str, Any]
    data: dict[str, Any]
    environment: dict[str, Any]
    state: RunState

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read and check a checkpoint.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        CheckpointError
            It is damaged, a different kind of file, or written by a later xpnet.
        """
        path = path_text(path)
        with opened(path, "checkpoint", CheckpointError) as file:
            version = _check_kind(path, file)
            with blaming(path, _UNUSABLE, CheckpointError):
                found = {name: _part(file, name) for name in _PARTS}
                arrays = file.arrays()
                state = state_of(arrays, found.pop("run"))
                network = found.pop("network")
                _check_network(network, state)
        return cls(path, version, network, state=state, **found)

    def __repr__(self) -> str:
        return f"Checkpoint({self.path!r}, epoch={self.epoch}, step={self.step}, {self.history!r})"

    @property
    def history(self) -> History:
        """The history of the whole epochs so far."""
        return self.state.history

    @property
    def epoch(self) -> int:
        """The network's count of whole epochs."""
        return self.state.epoch

    @property
    def step(self) -> int:
        """Steps done in the running epoch; 0 between two epochs."""
        return self.state.step

    @property
    def finished(self) -> bool:
        """Whether the fit came to its end."""
        return self.state.finished

    def network(
        self,
        backend: str | Backend = "numpy",
        device: Any = None,
        dtype: Any = None,
        *,
        custom: tuple[Activation | Loss, ...] = (),
    ) -> Network:
        """Return the network of this point, as `xpnet.load` would; arguments as there.

        Of a finished fit, it is the network that the fit left: with early stopping the best one.

        Raises
        ------
        CheckpointError
            It is the checkpoint of a stack of networks: `stack` returns that.
        """
        from xpnet.files.checkpoint_networks import networks_of

        if self.state.theta.ndim == 2:
            raise CheckpointError(
                f"{self.path!r} has a stack of {len(self.state.theta)} networks: use stack()"
            )
        return networks_of(self, backend, device, dtype, custom)[0]

    def stack(
        self,
        backend: str | Backend = "numpy",
        device: Any = None,
        dtype: Any = None,
        *,
        custom: tuple[Activation | Loss, ...] = (),
    ) -> Stack:
        """Return the stack of this point; arguments as for `network`.

        The file has the seed and the rates of dropout of the first network only, and of a fit with
        ``rows`` all seeds. So the others predict as they did, but would be trained differently.

        Raises
        ------
        CheckpointError
            It is the checkpoint of one network: `network` returns that.
        """
        from xpnet.files.checkpoint_networks import networks_of
        from xpnet.network import Stack

        if self.state.theta.ndim == 1:
            raise CheckpointError(f"{self.path!r} has one network: use network()")
        return Stack(networks_of(self, backend, device, dtype, custom))


def _check_kind(path: str, file: Container) -> str:
    """Return the version that wrote the file, if its format is known."""
    kind = file.metadata.get("format", "a different kind of safetensors file")
    found = re.fullmatch(rf"{CHECKPOINT}([1-9]\d{{0,8}})", kind)
    if found is None:
        hint = ": xpnet.load reads it" if kind.startswith(MODEL) else ""
        raise CheckpointError(f"{path!r} is not a checkpoint of xpnet, but {printable(kind)}{hint}")
    if int(found[1]) > FORMAT:
        by = printable(file.metadata.get("xpnet_version", "a later version"), 60)
        raise CheckpointError(
            f"{path!r} has the checkpoint format {found[1]}, and this xpnet knows {FORMAT}: xpnet "
            f"{by} wrote it, install that version"
        )
    with blaming(path, _UNUSABLE, CheckpointError):
        known = {*_PARTS, "format", "xpnet_version", "sha256"}
        for name in sorted(known ^ file.metadata.keys()):
            raise ValueError(f"its metadata has the entry {quoted(name)} too much, or lacks it")
        return text_of(file.metadata, "xpnet_version")


def _part(file: Container, name: str) -> dict[str, Any]:
    found = loads(file.metadata[name])
    check_depth(found, _DEEPEST)
    return dict(mapping(found, f"its {name}"))


def _check_network(network: Mapping[str, Any], state: RunState) -> None:
    """Check what the network's settings and the arrays must have in common."""
    if text_of(network, "dtype") != state.theta.dtype.name:
        raise ValueError(f"its network has the dtype {quoted(network['dtype'])}, theta another")
    if network.get("epoch") != state.epoch:
        raise ValueError("its network has a different epoch than its run")
