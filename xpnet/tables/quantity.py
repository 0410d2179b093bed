"""A target that is a quantity, which the network predicts in standard deviations from its mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from xpnet.errors import quoted
from xpnet.files.jsonable import flag_of, mapping, number_of, text_of
from xpnet.tables.calibration import quantity_scores
from xpnet.tables.notation import PLAIN, Notation
from xpnet.tables.single import Single, Truth
from xpnet.tables.table import Table
from xpnet.typing import Host

__all__ = ["Quantity", "standardised"]

_FAR = 1e15  # most standard deviations from the mean
_LARGEST_LOG = float(np.log(np.finfo(np.float64).max))


@dataclass(frozen=True)
class Quantity(Single):
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
    mean: float
    scale: float
    lowest: float | None = None
    highest: float | None = None
    log: bool = False
    notation: Notation = PLAIN

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

    def known(self, truth: Truth) -> Host:
        """y (N,) float64, in the target's own unit."""
        return truth.table.quantities(self.name, self.notation, truth.holes)

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

    def scores(self, answers: Host, truth: Truth) -> dict[str, float]:
        """R² and RMSE of the `answers`, in the target's unit, weighted by row."""
        return quantity_scores(answers[:, 0], self.known(truth), truth.weights)

    def mean_loss(self, answers: Host, truth: Truth) -> float:
        """The mean of the `losses`, weighted by row."""
        return float(np.average(self.losses(answers, truth), weights=truth.weights))

    def losses(self, answers: Host, truth: Truth) -> Host:
        """(A − Y)² (N,), with A the `answers` in the units of Y."""
        y = np.log(answers) if self.log else answers
        squares = ((y - self.mean) / self.scale - self.encode(truth.table, truth.holes)) ** 2
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
