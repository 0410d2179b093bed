"""The recipe for a network on a table: what follows from the number of rows and the task.

The pieces are published: AdamW with a cosine, dropout and label smoothing, a robust scale and
piecewise linear columns (`xpnet.tables.bounded`). The numbers were chosen on public tables of
up to 3,000 rows; docs/tables.md has the rules as a table, docs/how_good.md what they reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet.layers import Dropout
from xpnet.losses import CrossEntropy, Loss, MultiCrossEntropy
from xpnet.optimizers import AdamW
from xpnet.schedules import Cosine

__all__ = ["Recipe", "recipe_for"]

_LARGE = 20_000  # rows above which there are fewer epochs, less decay and no dropout
_SMOOTHING = 0.1


@dataclass(frozen=True)
class Recipe:
    """How a network on a table is built and trained.

    Attributes
    ----------
    hidden : tuple of int
        The widths of the hidden layers.
    dropout : float
        The rate after each hidden layer.
    rate : float
        The learning rate at the begin of the cosine.
    decay : float
        AdamW's weight decay λ.
    batch : int
        Examples a step.
    epochs : int
        The length T of the cosine; a fit may end before.
    """

    hidden: tuple[int, ...] = (256, 256)
    dropout: float = 0.1
    rate: float = 3e-3
    decay: float = 1.0
    batch: int = 128
    epochs: int = 64

    def facts(self) -> dict[str, str]:
        """The recipe in words."""
        optimizer = f"AdamW, learning rate {self.rate:g} on a cosine, decay {self.decay:.3g}"
        return {
            "optimizer": optimizer,
            "batch size": f"{self.batch}",
            "epochs at most": f"{self.epochs}",
            "dropout": f"{self.dropout:g}",
        }

    def layers(self) -> list[Any]:
        """The hidden layers, for `Network`."""
        drop = [Dropout(self.dropout)] if self.dropout else []
        return [part for width in self.hidden for part in (width, *drop)]

    def steps_per_epoch(self, n: int) -> int:
        """The steps of an epoch of n rows."""
        return -(-n // self.batch)

    def optimizer(self, n: int) -> AdamW:
        """The optimizer for n rows, whose rate falls over all T epochs."""
        schedule = Cosine(self.rate, steps=self.epochs * self.steps_per_epoch(n))
        return AdamW(learning_rate=schedule, weight_decay=self.decay)

    def loss(self, task: str, heads: tuple[int, ...] = ()) -> Loss | str:
        """The loss: smoothed cross entropy of classes, squared error of quantities.

        ``heads`` are the numbers of classes of several targets, whose cross entropies are added.
        """
        if task != "classification":
            return "mean_squared_error"
        return MultiCrossEntropy(heads, _SMOOTHING) if heads else CrossEntropy(_SMOOTHING)


def recipe_for(n: int, *, quick: bool = False, **changes: Any) -> Recipe:
    """The recipe for n training rows; ``changes`` are settings that the user gives."""
    if n > _LARGE:
        steps = -(-n // Recipe.batch)
        found = Recipe(dropout=0.0, decay=min(1.0, 24 / steps), epochs=8 if quick else 16)
    else:
        found = Recipe(epochs=24 if quick else 64)
    given = {name: value for name, value in changes.items() if value is not None}
    return Recipe(**{**vars(found), **given})
