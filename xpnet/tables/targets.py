"""The targets to predict: named classes, or a standardised quantity."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import numpy as np

from xpnet.checks import without_nan
from xpnet.errors import quoted
from xpnet.files.jsonable import flag_of, mapping, names_of, number_of, text_of
from xpnet.ranges import is_choice
from xpnet.tables.calibration import class_scores, quantity_scores
from xpnet.tables.cells import TEXT
from xpnet.tables.marks import is_hole
from xpnet.tables.notation import PLAIN, Notation
from xpnet.tables.table import Table, shown
from xpnet.tables.truths import as_written, truths
from xpnet.typing import Host

__all__ = [
    "TASKS",
    "Classes",
    "Quantity",
    "Target",
    "codes",
    "fit_target",
    "has_target",
    "only",
    "silent",
    "standardised",
    "task_of",
    "with_target",
]

_FEW = 20  # most different whole numbers that may be classes
_ROWS = 5  # fewest rows of each of them on average
_MOST = 1000  # most classes
_FAR = 1e15  # most standard deviations from the mean
_LARGEST_LOG = float(np.log(np.finfo(np.float64).max))
_NO_CLASS = {"", "na", "n/a", "nan", "null", "?"}
"""Cells of a target of text that are missing, in lower case: no class is called so."""


@dataclass(frozen=True)
class Classes:
    """The target of a classification; Y is the index of the class in ``classes``.

    Attributes
    ----------
    name : str
    classes : tuple of str
    temperature : float
        T > 0; probabilities are those of softmax(z / T), fitted on rows held out.
    """

    task: ClassVar[str] = "classification"
    loss: ClassVar[str] = "cross_entropy"
    name: str
    classes: tuple[str, ...]
    temperature: float = 1.0

    @property
    def each(self) -> tuple[Classes]:
        """The single targets: this one."""
        return (self,)

    @property
    def width(self) -> int:
        """The number of outputs of the network."""
        return len(self.classes)

    @property
    def output_names(self) -> tuple[str, ...]:
        """A name for each output of the network: the class."""
        return self.classes

    @classmethod
    def fit(cls, table: Table, name: str) -> Classes:
        """Collect the classes of the whole table; numbers are sorted by value, text as text."""
        found = _levels(table, name)
        if len(found) == 1:
            raise ValueError(
                f"{table.where(name)} has one class, {quoted(min(found))}: a target needs two "
                "or more"
            )
        if table.is_text(name) or not _all_numbers(found):
            return cls(name, tuple(sorted(found)))
        classes = sorted(found, key=lambda text: (Decimal(text), text))
        for a, b in pairwise(classes):
            if Decimal(a) == Decimal(b):  # floats would merge integers beyond 2⁵³
                raise ValueError(
                    f"{table.where(name)}: the classes {quoted(a)} and {quoted(b)} are the same "
                    "number: write it in one way"
                )
        return cls(name, tuple(classes))

    def names(self) -> Host:
        """The classes as an array of text (K,)."""
        return np.array(self.classes, TEXT)

    def labels(self) -> Host:
        """The classes as an array (K,): bool or int64 if all are such values, else text."""
        if len(values := truths(self.classes)) == self.width:
            return np.array(list(values.values()))
        try:
            numbers = [int(name) for name in self.classes]
        except ValueError:
            numbers = []
        if numbers and all(str(n) == name for n, name in zip(numbers, self.classes, strict=True)):
            found = np.array(numbers)
            return found if found.dtype == np.int64 else np.array(self.classes)
        return np.array(self.classes)

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the target of ``table`` as (N,) int64."""
        return codes(table, self.name, self.classes, "class", "classes")

    def answers(self, outputs: Host) -> Host:
        """The probabilities (N, K) of outputs p: p^(1/T), divided by their sum."""
        if self.temperature == 1.0:
            return outputs
        with np.errstate(divide="ignore"):
            z = np.log(outputs.astype(np.float64)) / self.temperature
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def predicted(self, answers: Host) -> Host:
        """The most likely classes (N,), as `labels` has them."""
        return np.asarray(self.labels()[answers.argmax(axis=1)])

    def scores(
        self,
        answers: Host,
        table: Table,
        holes: Collection[str] = (),
        weights: Host | None = None,
    ) -> dict[str, float]:
        """Accuracy and log loss of the `answers` for a table with the target, weighted by row."""
        return class_scores(answers, self.encode(table, holes), weights)

    def mean_loss(
        self,
        answers: Host,
        table: Table,
        holes: Collection[str] = (),
        weights: Host | None = None,
    ) -> float:
        """The log loss."""
        return self.scores(answers, table, holes, weights)["log_loss"]

    def named(self, answers: Host) -> dict[str, Host]:
        """The most likely class, and a column of probabilities for each class."""
        found: dict[str, Host] = {"prediction": self.names()[answers.argmax(axis=1)]}
        return found | {f"probability_{k}": answers[:, i] for i, k in enumerate(self.classes)}

    def predictions(self, outputs: Host) -> dict[str, Host]:
        """`named` answers to the outputs; ValueError if one is NaN."""
        return self.named(self.answers(without_nan(outputs)))

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than task and name."""
        more = {} if self.temperature == 1.0 else {"temperature": self.temperature}
        return {"classes": list(self.classes), **more}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Classes:
        """The target, from a dict of its ``name`` and its `settings`."""
        T = number_of(found, "temperature") if "temperature" in found else 1.0
        if not 0.2 < T < 5:
            raise ValueError(f"'temperature' must lie between 1/4 and 4: {quoted(T)}")
        return cls(text_of(found, "name"), names_of(found, "classes", 2), T)


@dataclass(frozen=True)
class Quantity:
    """The target of a regression; Y is (y − mean) / scale, of ln y if ``log``.

    Attributes
    ----------
    name : str
    mean, scale : float
        The scale is 1 if all training values are equal.
    lowest, highest : float, optional
        Predictions are kept within these; None, in files of version 1: they are not.
    log : bool
        Whether y is a positive quantity that is predicted by its logarithm.
    notation : Notation
        How the cells of text are written.
    """

    task: ClassVar[str] = "regression"
    loss: ClassVar[str] = "mean_squared_error"
    width: ClassVar[int] = 1
    name: str
    mean: float
    scale: float
    lowest: float | None = None
    highest: float | None = None
    log: bool = False
    notation: Notation = PLAIN

    @property
    def each(self) -> tuple[Quantity]:
        """The single targets: this one."""
        return (self,)

    @property
    def output_names(self) -> tuple[str]:
        """A name for the output of the network: the target."""
        return (self.name,)

    @classmethod
    def fit(
        cls,
        table: Table,
        name: str,
        rows: Host | slice,
        holes: Collection[str] = (),
        notation: Notation = PLAIN,
        log: bool = False,
    ) -> Quantity:
        """Fit mean, standard deviation and range to the rows."""
        values = cls._values(table, name, notation, holes, log)
        if values.min() == values.max():
            raise ValueError(
                f"{table.where(name)} is {float(values[0])!r} in every row: there is "
                "nothing to predict"
            )
        chosen = values[rows]
        ends = float(chosen.min()), float(chosen.max())
        return cls(name, *_mean_and_scale(table, name, chosen), *ends, log, notation)

    @staticmethod
    def _values(
        table: Table, name: str, notation: Notation, holes: Collection[str], log: bool
    ) -> Host:
        """y or ln y (N,), without holes."""
        values = table.quantities(name, notation, holes)
        missing = np.flatnonzero(np.isnan(values))
        if len(missing):
            raise table.error(int(missing[0]), name, "the cell is empty")
        if not log:
            return values
        low = np.flatnonzero(values <= 0)
        if len(low):
            cell = float(values[low[0]])
            raise table.error(
                int(low[0]), name, f"{cell!r} has no logarithm (--log-target, log_target=)"
            )
        return np.log(values)

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the target of ``table`` as (N, 1) float64."""
        values = self._values(table, self.name, self.notation, holes, self.log)
        return standardised(table, self.name, values, self.mean, self.scale)[:, None]

    def unscaled(self, Y: Host) -> Host:
        """y (N,) float64, or ln y if ``log``, of Y (N, 1)."""
        return Y[:, 0].astype(np.float64) * self.scale + self.mean

    def kept(self, outputs: Host) -> Host:
        """`unscaled` outputs, within the range of the training rows."""
        y = self.unscaled(outputs)
        return y if self.lowest is None else np.clip(y, self.lowest, self.highest)

    def answers(self, outputs: Host) -> Host:
        """The predicted quantity (N, 1) float64, in the target's own unit."""
        y = self.kept(outputs)[:, None]
        return np.exp(y) if self.log else y

    def predicted(self, answers: Host) -> Host:
        """The predicted quantities (N,)."""
        return answers[:, 0]

    def scores(
        self,
        answers: Host,
        table: Table,
        holes: Collection[str] = (),
        weights: Host | None = None,
    ) -> dict[str, float]:
        """R² and RMSE of the `answers`, in the target's unit, for a table with the target."""
        y = table.quantities(self.name, self.notation, holes)
        return quantity_scores(answers[:, 0], y, weights)

    def mean_loss(
        self,
        answers: Host,
        table: Table,
        holes: Collection[str] = (),
        weights: Host | None = None,
    ) -> float:
        """The mean of the `losses`, weighted by row."""
        return float(np.average(self.losses(answers, table, holes), weights=weights))

    def losses(self, answers: Host, table: Table, holes: Collection[str] = ()) -> Host:
        """(A − Y)² (N,), with A the `answers` in the units of Y."""
        y = np.log(answers) if self.log else answers
        squares = ((y - self.mean) / self.scale - self.encode(table, holes)) ** 2
        return np.asarray(squares[:, 0])

    def ends(self, predicted: Host, width: float) -> Host:
        """The ends (N, 2) of the intervals of half width ``width``, in units of Y."""
        half = width * self.scale
        if self.log:
            return np.column_stack([predicted * np.exp(-half), predicted * np.exp(half)])
        return np.column_stack([predicted - half, predicted + half])

    def named(self, answers: Host) -> dict[str, Host]:
        """The `answers` as named columns."""
        return {"prediction": answers[:, 0]}

    def predictions(self, outputs: Host) -> dict[str, Host]:
        """The predicted quantity in the target's own unit, float64."""
        return self.named(self.answers(outputs))

    def settings(self) -> dict[str, Any]:
        """The settings that JSON keeps, other than task and name."""
        found: dict[str, Any] = {"mean": self.mean, "scale": self.scale}
        if self.lowest is None:  # version 1
            return found
        more = {"lowest": self.lowest, "highest": self.highest, "log": self.log}
        return {**found, **more, "notation": self.notation.settings()}

    @classmethod
    def restore(cls, found: Mapping[str, Any]) -> Quantity:
        """The target, from a dict of its ``name`` and its `settings`."""
        basis = text_of(found, "name"), number_of(found, "mean"), number_of(found, "scale", 0.0)
        if "lowest" not in found:
            return cls(*basis)
        ends = number_of(found, "lowest"), number_of(found, "highest")
        if ends[0] > ends[1]:
            raise ValueError("'lowest' must be at most 'highest'")
        if found.get("log") is True and ends[1] > _LARGEST_LOG:
            raise ValueError(f"'highest' is no logarithm of a number: {quoted(ends[1])}")
        notation = Notation.restore(mapping(found.get("notation"), "the notation"))
        return cls(*basis, *ends, flag_of(found, "log"), notation)


def codes(table: Table, name: str, known: tuple[str, ...], one: str, many: str) -> Host:
    """The index (N,) int64 of each cell's text in ``known``; an error for an unknown text."""
    cells = as_written(table.text(name), known)
    at = {text: i for i, text in enumerate(known)}
    found = np.fromiter((at.get(cell, -1) for cell in cells), np.int64, len(cells))
    new = np.flatnonzero(found < 0)
    if len(new):
        cell = cells[new[0]]
        of = f"{len(known)} {many}: {shown(known, 8)}"
        what = f"the {one} {quoted(cell, 60)} is not one of the training's {of}"
        raise table.error(int(new[0]), name, what)
    return found


def standardised(table: Table, name: str, values: Host, mean: float, scale: float) -> Host:
    """(x − mean) / scale (N,), checked to be small enough for a float32 network."""
    with np.errstate(over="ignore"):
        X = (values - mean) / scale
    far = np.flatnonzero(~(np.abs(X) <= _FAR))
    if len(far):
        value = float(values[far[0]])
        raise table.error(
            int(far[0]), name, f"{value!r} is too far from the training rows (mean {mean:.6g})"
        )
    return X


def _mean_and_scale(table: Table, name: str, values: Host) -> tuple[float, float]:
    """Mean and standard deviation of the values; the latter is 1 if all are equal."""
    if values.min() == values.max():
        return float(values[0]), 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.mean())
        largest = float(np.abs(values - mean).max())
        # divided by the largest, so that no square overflows
        scale = largest * float(np.std((values - mean) / largest))
    if not (np.isfinite(mean) and np.isfinite(scale)):
        raise ValueError(f"{table.where(name)}: its numbers are too large to average")
    return mean, scale or 1.0


Target: TypeAlias = Classes | Quantity
TASKS: dict[str, type[Classes] | type[Quantity]] = {kind.task: kind for kind in (Classes, Quantity)}


def task_of(table: Table, name: str, holes: Collection[str] = ()) -> tuple[str, str]:
    """Choose the task for a target column; return it and the reason in words.

    The task is classification for text, and for whole numbers with at most 20 different values,
    each in 5 rows or more on average; else regression.
    """
    notation = table.notation(name, holes)
    if notation is None:
        return "classification", "its cells are text"
    values = table.quantities(name, notation, holes)
    values = values[~np.isnan(values)]
    n = len(np.unique(values))
    few = n <= min(_FEW, max(1, len(values) // _ROWS)) and notation.kind == "number"
    if few and bool((values == np.floor(values)).all()):
        return "classification", f"its cells are {n} different whole numbers"
    kind = "dates" if notation.kind == "date" else "numbers"
    return "regression", f"its cells are {n} different {kind}"


def silent(_: str) -> None:
    """Tell nobody."""


def has_target(table: Table, name: str, task: str, holes: Collection[str] = ()) -> Host:
    """Whether each row (N,) has a target."""
    notation = table.notation(name, holes)
    if task == "regression" and notation is not None:
        return ~np.isnan(table.quantities(name, notation, holes))
    cells = table.labels(name, holes)
    if notation is not None:  # classes that are numbers
        return np.fromiter((not is_hole(cell) for cell in cells), bool, len(cells))
    return np.fromiter((cell.strip().lower() not in _NO_CLASS for cell in cells), bool, len(cells))


def with_target(
    table: Table,
    name: str,
    task: str,
    holes: Collection[str],
    tell: Callable[[str], None],
    among: str = "",
) -> Table:
    """The rows that have a target; ``tell`` is told how many have none.

    ``among`` says in an error which rows the table has, if it has not all.
    """
    there = has_target(table, name, task, holes)
    if not there.any():
        raise ValueError(f"{table.where(name)} is missing in every row{among}: there is no target")
    first = table.place(int(np.argmin(there)))
    return only(table, there, f"no {name!r} (first {first})", tell)


def only(table: Table, there: Host, without: str, tell: Callable[[str], None]) -> Table:
    """The rows that are ``there``; ``tell`` is told how many have ``without`` and are left out."""
    n = int(np.count_nonzero(~there))
    if n == 0:
        return table
    tell(f"{n} of {len(table)} rows have {without} and are left out")
    return table.take(np.flatnonzero(there))


def fit_target(
    table: Table,
    name: str,
    task: str | None,
    rows: Host | slice,
    holes: Collection[str] = (),
    log: bool = False,
) -> Target:
    """Fit the target for the given task, or for the one that `task_of` chooses."""
    chosen = task_of(table, name, holes)[0] if task is None else task
    if not is_choice(chosen, TASKS):
        raise ValueError(f"task must be {' or '.join(map(repr, TASKS))}, got {quoted(task)}")
    if chosen == "classification":
        if log:
            raise ValueError(
                f"{table.where(name)}: a logarithm is for quantities, not for classes "
                "(--log-target, log_target=)"
            )
        return Classes.fit(table, name)
    notation = table.notation(name, holes)
    if notation is not None and notation.kind == "date":
        raise ValueError(
            f"{table.where(name)} has dates, which cannot be predicted: turn them into a number, "
            "such as days from a first date"
        )
    return Quantity.fit(table, name, rows, holes, table.notation(name, holes) or PLAIN, log)


def _levels(table: Table, name: str) -> set[str]:
    """The different texts of a column of classes; an error if there are more than `_MOST`."""
    found = set(table.text(name))
    if len(found) > _MOST:
        raise ValueError(
            f"{table.where(name)} has {len(found)} different texts, but at most {_MOST} classes "
            "are allowed: is it a quantity (--task regression, or task=), or a key?"
        )
    return found


def _all_numbers(texts: set[str]) -> bool:
    try:
        return all(float(text) == float(text) for text in texts)
    except ValueError:
        return False
