"""What the parts of a checkpoint must have in common: shapes, lengths, counts and finite numbers.

The bytes are those that were written, or the checksum would not match. But whoever wrote them may
have been another program. A fit that goes on must not end in an error that does not name the file,
nor in the network of no fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from xpnet.errors import quoted
from xpnet.files.jsonable import integer_of, text_of
from xpnet.training.run_state import Best, RunState
from xpnet.typing import Host

__all__ = ["check_column", "check_state", "count_in", "counts_in", "ended_in", "memory_in"]

_MOST = 2.0**53  # largest integer that a float64 holds with all integers below it
_PLATEAU = 4  # rate, best value, bad epochs and cooldown


def check_column(name: str, x: Host) -> Host:
    """Return a list of the history, (n,) or (n, R), before it is converted.

    An axis of length 0 beside a long one would need memory that the file does not have.
    """
    if x.dtype not in (np.float64, np.int64) or x.ndim not in (1, 2) or 0 in x.shape[1:]:
        raise ValueError(f"{name} must be a list of numbers, got {x.dtype} {x.shape}")
    return x


def count_in(name: str, x: float) -> int:
    """A count that is stored among numbers with a fraction."""
    if not 0 <= x < _MOST or x != int(x):
        raise ValueError(f"{name} must be an integer ≥ 0, got {x}")
    return int(x)


def counts_in(name: str, x: Host) -> Host:
    """Counts that are stored among numbers with a fraction."""
    return np.asarray([count_in(name, each) for each in x.tolist()], np.int64)


def ended_in(found: Any) -> dict[int, tuple[int, int, str]]:
    """The networks of a stack that have ended: epochs and steps done, and why, by their number."""
    ended = {}
    for entry in found if isinstance(found, list) else [None]:
        if not isinstance(entry, list) or len(entry) != 4:
            raise ValueError(f"its ended networks are not a list of places: {quoted(found)}")
        place = dict(zip(("r", "epochs", "steps", "why"), entry, strict=True))
        r, epochs, steps = (integer_of(place, name, 0) for name in ("r", "epochs", "steps"))
        if r in ended:
            raise ValueError(f"its network {r} has ended twice")
        ended[r] = epochs, steps, text_of(place, "why")
    return ended


def memory_in(x: Host) -> tuple[float, ...]:
    """The memory of a `ReduceOnPlateau`."""
    if x.dtype != np.float64 or x.shape != (_PLATEAU,):
        raise ValueError(f"its schedule must be four numbers, got {x.dtype} {x.shape}")
    rate, best, bad, cooling = x.tolist()
    if not 0 <= rate < math.inf or math.isnan(best):
        raise ValueError(f"its schedule has a rate of {rate} and a best value of {best}")
    return rate, best, count_in("bad epochs", bad), count_in("cooldown", cooling)


def check_state(state: RunState) -> None:
    """Raise ValueError if parts of the state do not belong together."""
    _check_arrays(state)
    _check_counts(state)
    _check_ended(state)
    if state.best is not None:
        _check_best(state, state.best)
    for name, x in state.solver.items():
        if x.dtype.kind != "f" or (name != "numbers" and not np.isfinite(x).all()):
            raise ValueError(f"solver.{name} must be finite numbers, got {x.dtype} {x.shape}")


def _check_arrays(state: RunState) -> None:
    theta = state.theta
    if theta.ndim not in (1, 2) or theta.dtype.kind != "f" or not theta.size:
        raise ValueError(f"theta must be (P,) or (R, P), got {theta.dtype} {theta.shape}")
    for name, x in _likes(state):
        if x is not None and (x.shape != theta.shape or x.dtype != theta.dtype):
            raise ValueError(f"{name} must be like theta, got {x.dtype} {x.shape}")
    losses, shape = state.losses, (state.step, *theta.shape[:-1]) if state.step else (0,)
    if losses.shape != shape or losses.dtype != np.float64:
        raise ValueError(f"losses must be those of {state.step} steps, got {losses.shape}")
    if any(stat.dtype != theta.dtype for stat in state.statistics):
        raise ValueError(f"its statistics must be {theta.dtype}, as theta is")
    if not state.is_sound():
        raise ValueError("it has parameters or statistics that are NaN or infinite")


def _likes(state: RunState) -> Iterator[tuple[str, Host | None]]:
    yield "averaged", state.averaged
    if state.best is not None:
        yield "best.theta", state.best.theta
    if state.final is not None:
        yield "final.theta", state.final[0]


def _check_counts(state: RunState) -> None:
    history, epochs = state.history, state.epoch - state.first_epoch
    numbers = range(state.first_epoch + 1, state.first_epoch + 1 + len(history.epoch))
    wrong = len(history.epoch) != epochs or history.epoch != list(numbers)
    if wrong or state.step > state.steps or (state.finished and state.step):
        raise ValueError("its counts of epochs and steps do not belong together")
    if len(history.step_loss) != state.steps - state.step:
        raise ValueError("its history does not have the loss of every step")
    if not len(history.loss) == len(history.seconds) == len(history.epoch):
        raise ValueError("the lists of its history have different lengths")
    if len(history.step_loss) < epochs:
        raise ValueError("its history has more epochs than steps")
    if history.stopped is not None and not (state.finished or state.solver):
        raise ValueError("it has a reason why the fit stopped, but the fit is not finished")


def _check_best(state: RunState, best: Best) -> None:
    """Check what early stopping remembers: an epoch of the fit, and arrays of it.

    Those of one network are finite; a stack's network whose value was never a number has others.
    """
    value, epochs = np.asarray(best.value), best.epoch
    if np.isnan(value).any():
        raise ValueError("the best value of its early stopping is NaN")
    if value.shape not in ((), state.theta.shape[:-1]):
        raise ValueError(f"its early stopping must have {state.theta.shape[0]} best values")
    if best.theta is None:
        return
    inside = (state.first_epoch < epochs) & (epochs <= state.epoch)
    if value.ndim:
        inside |= epochs == 0  # its value never was a number
    if value.ndim != state.theta.ndim - 1 or not np.all(inside):
        raise ValueError(f"its best epoch is {quoted(best.epoch)}, which is none of the fit")
    _check_statistics("best", best.statistics, state)
    if value.ndim == 0 and not all(np.isfinite(x).all() for x in (best.theta, *best.statistics)):
        raise ValueError("its best parameters or statistics are NaN or infinite")


def _check_statistics(what: str, statistics: tuple[Host, ...], state: RunState) -> None:
    shapes, wanted = ([(x.shape, x.dtype) for x in s] for s in (statistics, state.statistics))
    if shapes != wanted:
        raise ValueError(f"its {what} statistics have other shapes than its statistics")


def _check_ended(state: RunState) -> None:
    """Check the networks of a stack that have ended: their numbers, places and arrays."""
    ended = state.history.ended
    if bool(ended) != (state.final is not None) or (ended and state.theta.ndim == 1):
        raise ValueError("its networks that have ended and their parameters do not belong together")
    if state.final is None:
        return
    _check_statistics("final", state.final[1], state)
    epochs, steps = len(state.history.epoch), len(state.history.step_loss)
    for r, (epoch, step, _) in ended.items():
        if r >= len(state.theta) or epoch > epochs or step > steps:
            raise ValueError(f"its network {r} has ended after {epoch} epochs and {step} steps")
