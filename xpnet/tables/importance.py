"""How much a model relies on each column: the rise of its error when the column's cells are mixed.

Breiman, "Random forests" (2001). A column's cells are permuted among the rows, together with all
columns of X that it makes. A column that another one repeats may look unimportant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpnet.equations.streams import SPLIT, permutation
from xpnet.ranges import positive_integer

if TYPE_CHECKING:
    from xpnet.tables.model import Model
    from xpnet.tables.table import Table
    from xpnet.typing import Host

__all__ = ["importance"]


def importance(
    model: Model, table: Table, repeats: int, seed: int, weights: Host | None = None
) -> dict[str, float]:
    """The mean rise of the log loss, or of the RMSE, by column, the largest first."""
    positive_integer("repeats", repeats)
    Xs = [member.features(table) for member in model.members]
    before = model.error_of(table, Xs, weights)
    found: dict[str, float] = {}
    for name in model.columns:
        blocks = [member.schema.block(name) for member in model.members]
        kept = [X[:, block].copy() for X, block in zip(Xs, blocks, strict=True)]
        rises = []
        for k in range(repeats):
            order = permutation(seed, SPLIT, (k,), len(table))
            for X, block, own in zip(Xs, blocks, kept, strict=True):
                X[:, block] = own[order]
            rises.append(model.error_of(table, Xs, weights) - before)
        for X, block, own in zip(Xs, blocks, kept, strict=True):
            X[:, block] = own
        found[name] = float(np.mean(rises))
    return dict(sorted(found.items(), key=lambda item: -item[1]))
