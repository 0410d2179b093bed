"""The state of a run as tensors and plain JSON, and back.

theta                    (P,), or (R, P) for a stack of R networks
averaged                 as theta, if the optimizer averages
optimizer.0 …            the optimizer's arrays
statistics.0 …           the layers' statistics
losses                   Σ w loss of the running epoch's steps
best.theta, best.statistics.0 …     what early stopping would restore
final.theta, final.statistics.0 …   of the networks of a stack that have ended
history.epoch …          the history's lists; history.metrics.NAME each metric
early_stopping           [the best value, epochs since]; of a stack (3, R), with the best epoch
schedule                 the memory of ReduceOnPlateau: [rate, best, bad epochs, cooling]
solver.gradient …        the memory of L-BFGS
gradient_norm            [its value], at the end of L-BFGS
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xpnet.engines.names import ENGINES
from xpnet.errors import quoted
from xpnet.files.checkpoint_checks import (
    check_column,
    check_state,
    count_in,
    counts_in,
    ended_in,
    memory_in,
)
from xpnet.files.jsonable import flag_of, integer_of, list_of, number_of, text_of
from xpnet.training.history import History
from xpnet.training.run_state import Best, RunState
from xpnet.typing import Host

__all__ = ["arrays_of", "check_metrics", "numbers_of", "state_of"]

_LISTS = ("epoch", "loss", "validation_loss", "step_loss", "seconds")
_METRICS = "history.metrics."
_COUNTS = ("epoch", "first_epoch", "step", "steps")
_NUMBERS = {*_COUNTS, "finished", "seconds", "engine", "threads", "team", "stopped", "best_epoch"}
_SINCE = {"before", "ended", "metrics"}  # what the first files of the format lack
_MOST = 2**53 - 1  # largest integer that every reader of JSON keeps


def arrays_of(state: RunState) -> dict[str, Host]:
    """Every array of the state by its name in the file."""
    found = {"theta": state.theta, "losses": state.losses}
    if state.averaged is not None:
        found["averaged"] = state.averaged
    found |= _numbered("optimizer", state.optimizer) | _numbered("statistics", state.statistics)
    found |= {f"solver.{name}": x for name, x in state.solver.items()}
    if state.schedule:
        found["schedule"] = np.asarray(state.schedule, np.float64)
    if state.best is not None:
        found |= _of_best(state.best)
    if state.final is not None:
        found |= {"final.theta": state.final[0]} | _numbered("final.statistics", state.final[1])
    return found | _of_history(state.history)


def _numbered(name: str, arrays: tuple[Host, ...]) -> dict[str, Host]:
    return {f"{name}.{k}": x for k, x in enumerate(arrays)}


def _of_best(best: Best) -> dict[str, Host]:
    numbers = [best.value, best.since, *([best.epoch] if np.ndim(best.value) else [])]
    found = {"early_stopping": np.asarray(numbers, np.float64)}
    if best.theta is None:
        return found
    return found | {"best.theta": best.theta} | _numbered("best.statistics", best.statistics)


def _of_history(history: History) -> dict[str, Host]:
    lists = {f"history.{name}": getattr(history, name) for name in _LISTS}
    lists |= {f"{_METRICS}{name}": values for name, values in history.metrics.items()}
    found = {name: _column(name, values) for name, values in lists.items()}
    if history.gradient_norm is not None:
        found["gradient_norm"] = np.asarray([history.gradient_norm], np.float64)
    return found


def _column(name: str, values: list[Any]) -> Host:
    """A list of the history as float64, or as int64 if all are integers."""
    try:
        found = np.asarray(values)
    except ValueError:  # lists of different lengths
        found = np.zeros(0, object)
    if found.dtype.kind not in "iubf" or found.ndim > 2:
        raise ValueError(f"{name} must be a list of numbers, or a checkpoint cannot hold it")
    return found.astype(np.float64 if found.dtype.kind == "f" else np.int64)


def check_metrics(metrics: Mapping[str, list[Any]]) -> None:
    """Raise ValueError if a checkpoint cannot hold a metric's name or its last value."""
    for name, values in metrics.items():
        if not isinstance(name, str):
            raise ValueError(f"a checkpoint holds only metrics whose names are text, not {name}")
        if not isinstance(values, list):
            raise ValueError(
                f"history.metrics.{name} must be a list of numbers, or a checkpoint cannot hold "
                f"it, got {quoted(values)}"
            )
        _column(f"{_METRICS}{name}", values[-1:])


def numbers_of(state: RunState) -> dict[str, Any]:
    """The position and the history's words, as plain JSON."""
    found = {name: getattr(state, name) for name in _COUNTS}
    return {
        **found,
        "before": state.before,
        "finished": state.finished,
        "seconds": state.seconds,
        "engine": state.engine,
        "threads": state.threads,
        "team": state.team,
        "stopped": state.history.stopped,
        "best_epoch": _best_epoch(state.best),
        "ended": [[r, *place] for r, place in state.history.ended.items()],
        "metrics": list(state.history.metrics),
    }


def _best_epoch(best: Best | None) -> int | None:
    """The best epoch of one network; those of a stack are in a tensor."""
    return None if best is None or np.ndim(best.value) else best.epoch


def state_of(arrays: Mapping[str, Host], numbers: Mapping[str, Any]) -> RunState:
    """The state that was written.

    Raises
    ------
    ValueError, KeyError
        Something is missing, unknown, or does not fit the rest.
    """
    if set(numbers) | _SINCE != _NUMBERS | _SINCE:
        odd = sorted((set(numbers) | _SINCE) ^ (_NUMBERS | _SINCE))[0]
        raise ValueError(f"its run has the entry {quoted(odd)} too much, or lacks it")
    left = dict(arrays)
    counts = {name: integer_of(numbers, name, 0, _MOST) for name in _COUNTS}
    history, engine = _history(left, numbers), text_of(numbers, "engine")
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {quoted(engine)}")
    history.engine = engine
    team = integer_of(numbers, "team", 1, _MOST)
    threads = _count_or_none(numbers, "threads")
    history.threads = team if team > 1 else threads
    state = RunState(
        **counts,
        history=history,
        before=integer_of({"before": 0, **numbers}, "before", 0, _MOST),
        finished=flag_of(numbers, "finished"),
        seconds=max(0.0, number_of(numbers, "seconds")),
        theta=left.pop("theta"),
        averaged=left.pop("averaged", None),
        optimizer=_unnumbered("optimizer", left),
        statistics=_unnumbered("statistics", left),
        losses=left.pop("losses"),
        best=_best(left, numbers),
        final=_final(left),
        schedule=memory_in(left.pop("schedule")) if "schedule" in left else (),
        solver={name: left.pop(f"solver.{name}") for name in _names("solver.", left)},
        engine=engine,
        threads=threads,
        team=team,
    )
    for name in left:
        raise ValueError(f"it has the unknown tensor {quoted(name)}")
    check_state(state)
    return state


def _names(prefix: str, arrays: Mapping[str, Host]) -> list[str]:
    return [name.removeprefix(prefix) for name in sorted(arrays) if name.startswith(prefix)]


def _unnumbered(name: str, left: dict[str, Host]) -> tuple[Host, ...]:
    n = len([each for each in _names(f"{name}.", left) if each.isdecimal()])
    return tuple(left.pop(f"{name}.{k}") for k in range(n))


def _count_or_none(numbers: Mapping[str, Any], name: str) -> int | None:
    return None if numbers[name] is None else integer_of(numbers, name, 0, _MOST)


def _history(left: dict[str, Host], numbers: Mapping[str, Any]) -> History:
    lists = {name: _listed(f"history.{name}", left) for name in _LISTS}
    stored = _names(_METRICS, left)
    order = list_of(numbers, "metrics") if "metrics" in numbers else stored
    if sorted(order) != stored:
        raise ValueError(f"it names other metrics than it has: {quoted(order)}")
    metrics = {name: _listed(f"{_METRICS}{name}", left) for name in order}
    norm = left.pop("gradient_norm", None)
    stopped = None if numbers["stopped"] is None else text_of(numbers, "stopped")
    return History(
        **lists,
        ended=ended_in(numbers.get("ended", [])),
        metrics=metrics,
        stopped=stopped,
        gradient_norm=None if norm is None else float(norm[0]),
    )


def _listed(name: str, left: dict[str, Host]) -> Any:
    return check_column(name, left.pop(name)).tolist()


def _best(left: dict[str, Host], numbers: Mapping[str, Any]) -> Best | None:
    if "early_stopping" not in left:
        return None
    found = check_column("early_stopping", left.pop("early_stopping"))
    theta, statistics = left.pop("best.theta", None), _unnumbered("best.statistics", left)
    epoch = _count_or_none(numbers, "best_epoch")
    if found.ndim == 2 and epoch is not None:
        raise ValueError("its best epoch is that of one network, and it has several")
    if found.ndim == 2:
        value, since, epochs = found
        counts = (counts_in("epochs since the best value", since), counts_in("best", epochs))
        return Best(value, *counts, theta, statistics)
    value, since = found.tolist()
    if (epoch is None) != (theta is None):
        raise ValueError("its best epoch and the parameters of that epoch do not belong together")
    return Best(value, count_in("epochs since the best value", since), epoch, theta, statistics)


def _final(left: dict[str, Host]) -> tuple[Host, tuple[Host, ...]] | None:
    if "final.theta" not in left:
        return None
    return left.pop("final.theta"), _unnumbered("final.statistics", left)
