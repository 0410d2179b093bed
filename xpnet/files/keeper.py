"""The keeper of a fit's checkpoint: it finds what to go on from, and writes what was reached."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from xpnet.checks.inputs import Examples
from xpnet.engines.names import FUSED, GRAPH, KERNELS, PLAIN, STREAMED
from xpnet.errors import CheckpointError, warn
from xpnet.files.checkpoint import Checkpoint, is_checkpoint, write_checkpoint
from xpnet.files.checkpoint_tensors import check_metrics
from xpnet.files.container import blaming
from xpnet.files.fingerprint import data_of, differences, environment_of
from xpnet.files.jsonable import loads
from xpnet.files.lock import Lock, locked
from xpnet.files.origin import Start, begun_with, remember, start_of
from xpnet.files.plain import completed, settings_of
from xpnet.files.save import config_of
from xpnet.training.checkpointing import ANEW, Cadence
from xpnet.training.history import History
from xpnet.training.run_state import RunState
from xpnet.whole_file import check_writable

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState
    from xpnet.training.settings import Settings

__all__ = ["FileKeeper", "keeping"]

_MOST = 5  # differences that a message lists
_DERIVED = ("data.parameters", "settings.early_stopping", "settings.seeds")
_ORDER = ("settings.", "data.rows", "network.", "data.", "first epoch")
_WEIGHTS = ("data.weights", "data.unit", "data.weights.shape", "data.weights.dtype")
_SINCE = ("parameters", "unit")  # data that the first files of the format lack
_LATER = ("gpu", "precision", "threads")  # as these of the environment


@contextmanager
def keeping(settings: Settings) -> Iterator[FileKeeper]:
    """Yield the keeper of a fit, which has the checkpoint's lock until the end of the block.

    A finished fit needs none, nor a folder that can be written to, since it writes nothing.
    """
    assert settings.checkpoint is not None
    with _lock_of(settings.checkpoint, settings.resume) as lock:
        keeper = FileKeeper(settings, lock)
        try:
            yield keeper
        finally:
            keeper.end()


@contextmanager
def _lock_of(path: str, resume: bool | str) -> Iterator[Lock | None]:
    """Hold the lock of a checkpoint that can be written; None if it cannot, and is finished."""
    try:
        check_writable(path)
    except PermissionError:
        if resume is False or not os.path.isfile(path) or not Checkpoint.read(path).finished:
            raise
        yield None
        return
    with locked(path) as lock:
        yield lock


class FileKeeper:
    """Keeps the checkpoint of a fit in a file.

    Attributes
    ----------
    saved : RunState or None
        The state to go on from.
    is_exact : bool
        Whether steps follow that must be done as those before, to the bit.
    """

    def __init__(self, settings: Settings, lock: Lock | None) -> None:
        assert settings.checkpoint is not None
        self._lock, self._due = lock, time.monotonic()  # when a checkpoint was last found due
        self._path, self._settings = settings.checkpoint, settings
        self._found = self._read()
        self.saved = None if self._found is None else self._found.state
        self._may_differ = settings.resume == "anyway"
        going_on = self.saved is not None and not self.saved.finished
        self.is_exact = going_on and not self._may_differ
        self._cadence = Cadence(
            settings.checkpoint_every, 0 if self.saved is None else self.saved.steps
        )
        self._about: dict[str, Any] = {}
        self._net: NetworkState | None = None
        self._start: Start | None = None  # once the fit is known to go on from the checkpoint

    def _read(self) -> Checkpoint | None:
        """The checkpoint to go on from; None to begin. Raise CheckpointError if neither may be."""
        there, resume = os.path.exists(self._path), self._settings.resume
        if resume is False:
            if there:
                self._check_replaced()
            return None
        if there:
            with self._saying_what_to_do():
                return Checkpoint.read(self._path)
        if resume is True:
            raise CheckpointError(
                f'there is no checkpoint {self._path!r} to go on from: resume="auto" begins anew'
            )
        return None

    @contextmanager
    def _saying_what_to_do(self) -> Iterator[None]:
        """Add to a CheckpointError in the block how to begin anew."""
        try:
            yield
        except CheckpointError as error:
            anew = f", or {ANEW}" if self._is_of_ours() else ""
            error.args = (f"{error}; give a different file{anew}",)
            raise

    def _is_of_ours(self) -> bool:
        """Whether the file is a checkpoint, which may be damaged, or empty."""
        return not os.path.getsize(self._path) or is_checkpoint(self._path)

    def _check_replaced(self) -> None:
        """Raise CheckpointError unless the file may be replaced."""
        if not self._settings.overwrite:
            raise CheckpointError(
                f"{self._path!r} is there already: give overwrite=True to replace it, or "
                "resume=True to go on from it"
            )
        if not self._is_of_ours():
            raise CheckpointError(
                f"{self._path!r} is not a checkpoint of xpnet, so it is left unchanged: give a "
                "different name, or remove it"
            )

    def chosen(self, settings: Settings) -> Settings:
        """The settings with the engine of the checkpoint, if it must be that one."""
        if self.saved is None or self._may_differ:
            return settings
        if self.saved.finished:  # nothing to compile for
            return settings._replace(compile=False)
        compile = {PLAIN: False, FUSED: True, KERNELS: True, GRAPH: True}.get(
            self.saved.engine, settings.compile
        )
        return settings._replace(compile=compile, stream=self.saved.engine == STREAMED)

    def begin(self, net: NetworkState, data: Examples, validation: Examples | None) -> None:
        """Compare the fit with the checkpoint, if there is one; ``data`` as the steps take them.

        Raises
        ------
        CheckpointError
            Something differs; the message says what.
        """
        self._net = net
        own = loads(json.dumps(config_of(net)))  # raises if a file could not name the loss
        found, start = self._found, start_of(net)
        if found is not None and "parameters" in found.data:
            start = begun_with(net, Start(found.data["parameters"], found.state.first_epoch))
        hashes = {**data_of(data, validation), "parameters": start.parameters}
        self._about = {"settings": settings_of(self._settings), "data": hashes}
        if found is not None:
            self._compare(found, net, {**self._about, "network": own, "first epoch": start.epoch})
            self._found = None
        self._start = start

    def end(self) -> None:
        """Note in the network from where the fit began; called when the network has its end."""
        if self._net is not None and self._start is not None:
            remember(self._net, self._start)

    def _compare(self, found: Checkpoint, net: NetworkState, own: dict[str, Any]) -> None:
        """Raise CheckpointError if it is of a different fit, or must have another machine."""
        with self._saying_what_to_do():
            with blaming(self._path, "is not a checkpoint that can be used", CheckpointError):
                wrong = sorted(_different(found, own, self._may_differ), key=_rank)
            if wrong:
                said = _all([_called(each) for each in wrong])
                raise CheckpointError(
                    f"{self._path!r} is the checkpoint of a different fit: {said}"
                )
        here = environment_of(net.backend, found.state.engine)
        if "gpu" not in found.environment:  # an older file
            here = {k: x for k, x in here.items() if k in found.environment or k not in _LATER}
            here["cpu"] = here["blas"] and here["cpu"]
        wrong = [] if found.finished else list(differences(found.environment, here))
        if wrong:
            if self.is_exact:
                raise CheckpointError(
                    f"{self._path!r} cannot go on to the bit here: {_all(wrong)}; give "
                    'resume="anyway" to go on with other last bits'
                )
            warn(f"{self._path!r} goes on with other last bits: {_all(wrong)}")

    def limit(self, steps: int, piece: int) -> int:
        """Return how many of the next steps to do before a checkpoint may be due."""
        return self._cadence.limit(steps, piece)

    def is_due(self, steps: int, ends_epoch: bool) -> bool:
        """Whether to write a checkpoint after these steps."""
        if self._lock is not None:
            self._lock.touch()
        self._due = time.monotonic()
        return self._cadence.is_due(steps, ends_epoch)

    def check(self, history: History) -> None:
        """Raise ValueError if a checkpoint cannot hold what callbacks wrote into the history."""
        check_metrics(history.metrics)

    def write(self, state: RunState) -> None:
        """Write a checkpoint; if that fails, warn, and keep the one before.

        Raises CheckpointError if another process has taken the file over.
        """
        assert self._net is not None
        if self._lock is None:
            return
        self._lock.check()
        if not state.is_sound():
            self._cadence.wrote(state.steps)  # else every further step would try again
            return
        about = {
            **self._about,
            "network": config_of(self._net),
            "environment": environment_of(self._net.backend, state.engine),
        }
        try:
            write_checkpoint(self._path, about, state)
        except OSError as error:
            warn(
                "a checkpoint could not be written; the fit goes on, and the file before stays: "
                f"{error}"
            )
        self._cadence.wrote(state.steps, time.monotonic() - self._due)


def _different(found: Checkpoint, own: dict[str, Any], may_differ: bool) -> Iterator[str]:
    """Say what of a fit differs from that of the checkpoint, its engine's settings if they must."""
    fixed = {"network": {**found.network_settings, "epoch": None},
             "settings": completed(found.settings), "data": found.data,
             "first epoch": found.state.first_epoch}  # fmt: skip
    own = {**own, "network": {**own["network"], "epoch": None}}
    if may_differ:
        fixed, own = (
            {**parts, "settings": {**parts["settings"], "compile": None, "stream": None}}
            for parts in (fixed, own)
        )
    if later := [name for name in _SINCE if name not in found.data]:  # an older file
        own["data"] = {name: x for name, x in own["data"].items() if name not in later}
        own["first epoch"] = fixed["first epoch"]
    return differences(fixed, own)


def _rank(difference: str) -> int:
    """The place of a difference in the message: what others follow from comes first."""
    if difference.startswith(_DERIVED):
        return len(_ORDER)
    return next(k for k, begin in enumerate(_ORDER) if difference.startswith(begin))


def _called(difference: str) -> str:
    """The difference, with the keywords of `fit` from which the weights follow."""
    name, _, rest = difference.partition(" ")
    return f"{name} (sample_weight, class_weight) {rest}" if name in _WEIGHTS else difference


def _all(wrong: list[str]) -> str:
    more = f"; and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
    return "; ".join(wrong[:_MOST]) + more
