"""Several targets of one task, which one network predicts side by side.

The network's outputs are those of the single targets, one after the other: all quantities, or a
softmax for each column of classes. Y is (N, T). One target alone is never wrapped: it stands as a
`Classes` or a `Quantity`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TypeAlias

import numpy as np

from xpnet.errors import quoted
from xpnet.losses import Loss, MultiCrossEntropy
from xpnet.tables.classes import Classes
from xpnet.tables.quantity import Quantity
from xpnet.tables.single import Truth
from xpnet.tables.table import Table, repeated
from xpnet.typing import Host

__all__ = [
    "AnyTarget",
    "Target",
    "Targets",
    "apart",
    "by_name",
    "heads_of",
    "joined",
    "predicted",
]


Target: TypeAlias = Classes | Quantity


@dataclass(frozen=True)
class Targets:
    """Two or more targets, all classes or all quantities.

    Attributes
    ----------
    each : tuple of Classes or of Quantity
        In the order of the columns of Y.
    """

    each: tuple[Target, ...]

    def __post_init__(self) -> None:
        names = [target.name for target in self.each]
        if len(names) < 2 or len(set(names)) < len(names):
            raise ValueError(f"the targets must be two or more different columns: {quoted(names)}")
        if len({target.task for target in self.each}) > 1:
            raise ValueError("the targets must be all classes, or all quantities")
        columns = [column for target in self.each for column in _columns(target)]
        same = repeated(columns)
        if same:
            raise ValueError(
                f"two columns of predictions would be called {quoted(columns[same[0]])}: rename "
                "a target or a class"
            )

    @property
    def task(self) -> str:
        """The task of all."""
        return self.each[0].task

    @property
    def width(self) -> int:
        """The number of outputs of the network."""
        return sum(target.width for target in self.each)

    @property
    def output_names(self) -> tuple[str, ...]:
        """A name for each output of the network: the target, or the target and the class."""
        if self.task != Classes.task:
            return tuple(target.name for target in self.each)
        return tuple(f"{one.name}: {k}" for one in self.each for k in one.output_names)

    @property
    def loss(self) -> Loss | str:
        """The loss of a network for these targets."""
        heads = heads_of(self)
        return MultiCrossEntropy(heads) if heads else self.each[0].loss

    def encode(self, table: Table, holes: Collection[str] = ()) -> Host:
        """Encode the targets of ``table`` as Y (N, T): int64 classes, or float64."""
        return np.column_stack([target.encode(table, holes) for target in self.each])

    def answers(self, outputs: Host) -> Host:
        """The answers of the single targets, side by side as the outputs are."""
        found = [target.answers(own) for target, own in apart(self, outputs)]
        return np.concatenate(found, axis=1)

    def mean_loss(self, answers: Host, truth: Truth) -> float:
        """The mean over the targets of the log loss, or of the squared error in units of Y."""
        each = [target.mean_loss(own, truth) for target, own in apart(self, answers)]
        return sum(each) / len(each)

    def named(self, answers: Host) -> dict[str, Host]:
        """The `answers` as named columns: those of a single target, with its name in them."""
        return _renamed((one, one.named(own)) for one, own in apart(self, answers))

    def predictions(self, outputs: Host) -> dict[str, Host]:
        """`named` answers to the outputs; ValueError if a class has a NaN."""
        return _renamed((one, one.predictions(own)) for one, own in apart(self, outputs))


AnyTarget: TypeAlias = Target | Targets


def _columns(target: Target) -> list[str]:
    """The names of a target's columns of predictions, if there are other targets."""
    classes = target.classes if isinstance(target, Classes) else ()
    name = target.name
    return [f"prediction_{name}", *(f"probability_{name}_{k}" for k in classes)]


def _renamed(found: Iterable[tuple[Target, dict[str, Host]]]) -> dict[str, Host]:
    """The predictions of single targets as one dict, with each target's name in its columns."""
    each = (zip(_columns(one), own.values(), strict=True) for one, own in found)
    return dict(chain.from_iterable(each))


def apart(target: AnyTarget, outputs: Host) -> list[tuple[Target, Host]]:
    """Each single target with its own columns (N, width) of outputs or answers."""
    ends = list(accumulate(one.width for one in target.each))
    return list(zip(target.each, np.split(outputs, ends[:-1], axis=1), strict=True))


def predicted(target: AnyTarget, answers: Host) -> Host:
    """The most likely classes, or the quantities, (N,), of several targets (N, T).

    Classes of different kinds, such as truth values and text, are text.
    """
    each = apart(target, answers)
    found = [one.predicted(own) for one, own in each]
    if len(found) == 1:
        return found[0]
    if len({own.dtype.kind for own in found}) > 1:
        found = [np.array(one.output_names)[own.argmax(axis=1)] for one, own in each]
    return np.column_stack(found)


def heads_of(target: AnyTarget) -> tuple[int, ...]:
    """The number of classes of each of several targets; () for quantities, or for one target."""
    several = len(target.each) > 1 and target.task == Classes.task
    return tuple(one.width for one in target.each) if several else ()


def joined(each: Sequence[Target]) -> AnyTarget:
    """The single target, or the `Targets` of several."""
    return each[0] if len(each) == 1 else Targets(tuple(each))


def by_name(targets: Sequence[Target], scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The scores of each target as one dict: of several, "r2" becomes "<target>_r2"."""
    if len(targets) == 1:
        return dict(scores[0])
    pairs = zip(targets, scores, strict=True)
    return {f"{one.name}_{name}": value for one, own in pairs for name, value in own.items()}
