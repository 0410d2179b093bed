"""A target of named classes, whose probabilities the network predicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from xpnet.checks import without_nan
from xpnet.errors import quoted
from xpnet.files.jsonable import names_of, number_of, text_of
from xpnet.tables.calibration import class_scores
from xpnet.tables.cells import TEXT
from xpnet.tables.single import Single, Truth
from xpnet.tables.table import Table, shown
from xpnet.tables.truths import as_written, truths
from xpnet.typing import Host

__all__ = ["Classes", "codes"]

_MOST = 1000  # most classes


@dataclass(frozen=True)
class Classes(Single):
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
    classes: tuple[str, ...]
    temperature: float = 1.0

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

    def scores(self, answers: Host, truth: Truth) -> dict[str, float]:
        """Accuracy and log loss of the `answers`, weighted by row."""
        return class_scores(answers, self.encode(truth.table, truth.holes), truth.weights)

    def mean_loss(self, answers: Host, truth: Truth) -> float:
        """The log loss."""
        return self.scores(answers, truth)["log_loss"]

    def named(self, answers: Host) -> dict[str, Host]:
        """The most likely class, and a column of probabilities for each class."""
        found: dict[str, Host] = {"prediction": self.names()[answers.argmax(axis=1)]}
        return found | {f"probability_{k}": answers[:, i] for i, k in enumerate(self.classes)}

    def predictions(self, outputs: Host) -> dict[str, Host]:
        """`named` answers to the outputs; ValueError if one is NaN, which would be class 0."""
        return super().predictions(without_nan(outputs))

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
