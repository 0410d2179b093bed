"""A fit that goes on from a checkpoint: its arrays, its schedule, its engine and its threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpnet.backends import Backend
from xpnet.backends.openblas import usual_threads
from xpnet.engines.names import same_bits
from xpnet.engines.step import State
from xpnet.errors import CheckpointError
from xpnet.schedules.plateau import Memory, Plateau
from xpnet.training.run_state import Keeper, RunState
from xpnet.typing import Array, Host

__all__ = [
    "check_end",
    "check_engine",
    "check_memory",
    "check_place",
    "check_team",
    "check_threads",
    "like",
    "memory_of",
    "restore_memory",
    "resumed",
]


def resumed(backend: Backend, fresh: State, saved: RunState) -> State:
    """The state of a checkpoint on the device; its arrays must be like those of a fresh state.

    Raises
    ------
    CheckpointError
        An array is missing, or has a different shape or dtype.
    """
    theta, *optimizer = like(
        backend,
        "θ or the optimizer",
        (fresh.theta, *fresh.optimizer),
        (saved.theta, *saved.optimizer),
    )
    stats = like(backend, "the statistics", fresh.stats, saved.statistics)
    return fresh._replace(theta=theta, optimizer=tuple(optimizer), stats=tuple(stats))


def like(backend: Backend, what: str, fresh: Sequence[Array], saved: Sequence[Host]) -> list[Array]:
    """Arrays of a file on the device, checked to be like fresh ones."""
    hosts = [backend.to_numpy(x) for x in fresh]
    wanted, found = ([(x.shape, x.dtype.name) for x in arrays] for arrays in (hosts, saved))
    if wanted != found:
        raise CheckpointError(
            f"the file has other arrays of {what} than this fit: {found}, not {wanted}"
        )
    return [backend.from_numpy(x) for x in saved]


def memory_of(rate: Any) -> tuple[float, ...]:
    """What a schedule remembers; only `ReduceOnPlateau` remembers anything."""
    return tuple(map(float, rate.memory)) if isinstance(rate, Plateau) else ()


def restore_memory(rate: Any, saved: RunState) -> None:
    """Set what a schedule remembers; CheckpointError if the checkpoint has no such memory."""
    if len(saved.schedule) != len(memory_of(rate)):
        raise CheckpointError("the checkpoint has the memory of a different schedule")
    if isinstance(rate, Plateau):
        value, best, bad, cooling = saved.schedule
        rate.memory = Memory(value, best, int(bad), int(cooling))


def check_memory(rate: Any, keeper: Keeper | None) -> None:
    """Raise ValueError if the schedule has a memory of its own, which no checkpoint can store."""
    if keeper is not None and hasattr(rate, "observe") and not isinstance(rate, Plateau):
        raise ValueError(
            f"{type(rate).__name__} observes the losses, and a checkpoint cannot store what it "
            "remembers: use xpnet.schedules.ReduceOnPlateau, or leave checkpoint out"
        )


def check_place(saved: RunState, per_epoch: int) -> None:
    """Raise CheckpointError if the checkpoint's place in the epoch and in the fit do not exist."""
    if saved.step >= per_epoch or saved.solver:
        raise CheckpointError(
            f"the checkpoint is not of this fit: it has done {saved.step} steps of the epoch, and "
            f"an epoch has {per_epoch}"
        )
    whole = (saved.epoch - saved.first_epoch) * per_epoch + saved.step
    ended = saved.history.stopped is not None  # a callback may end the last epoch early
    if not (whole - per_epoch * ended < saved.steps <= whole or saved.steps == whole):
        raise CheckpointError(
            f"the checkpoint is not of this fit: it has done {saved.steps} steps, and its place "
            f"is after {whole}"
        )


def check_end(saved: RunState, epochs: int) -> None:
    """Raise CheckpointError if the fit is finished in the middle, or not at its end."""
    left = epochs - (saved.epoch - saved.first_epoch)
    ended = left <= 0 or saved.history.stopped is not None
    if saved.finished != ended and not (saved.solver and not saved.finished):
        raise CheckpointError(
            f"the checkpoint is not of this fit: it is {'' if saved.finished else 'not '}finished, "
            f"and has {left} of {epochs} epochs left"
        )


def check_engine(saved: RunState, engine: str, exact: bool) -> None:
    """Raise CheckpointError if this fit must have the engine of the checkpoint, and has not."""
    if exact and not same_bits(saved.engine, engine):
        raise CheckpointError(
            f"the checkpoint needs the engine {saved.engine!r}, but here the steps would run as "
            f'{engine!r}: give resume="anyway" to go on with other last bits'
        )


def check_team(asked: int) -> None:
    """Raise CheckpointError if a team of so many threads is not possible here."""
    most = usual_threads() or 1
    if asked > most:
        raise CheckpointError(
            f"the checkpoint needs a team of {asked} threads, but NumPy's BLAS has {most}: set "
            f'OPENBLAS_NUM_THREADS={asked}, or give resume="anyway" to go on with other last bits'
        )


def check_threads(asked: int | None, found: int | None) -> None:
    """Raise CheckpointError if the number of threads must be that of the checkpoint, and is not."""
    if asked is not None and asked != found:
        raise CheckpointError(
            f"the checkpoint needs {asked} threads of NumPy's BLAS, but there are {found}: set "
            f'OPENBLAS_NUM_THREADS={asked}, or give resume="anyway" to go on with other last bits'
        )
