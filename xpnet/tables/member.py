"""One network of a model of a table, and the schema that makes its X."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from xpnet.backends import to_numpy
from xpnet.network import Network
from xpnet.tables.schema import Schema
from xpnet.tables.several import heads_of
from xpnet.tables.table import Table
from xpnet.tables.targets import Classes
from xpnet.typing import Host

__all__ = ["Member", "check_fit", "predicts"]

_BATCH = 8192  # rows predicted at once


class Member(NamedTuple):
    """One network of a model, and the schema that makes its X."""

    net: Network
    schema: Schema

    def features(self, table: Table) -> Host:
        """X (N, n_0) in the network's dtype."""
        return self.schema.features(table, self.net.dtype)

    def with_missing(self, texts: Iterable[str]) -> Member:
        """The same network, for which these texts mean missing cells too."""
        holes = tuple(sorted({*self.schema.holes, *texts}))
        return self._replace(schema=replace(self.schema, holes=holes))

    def outputs(self, X: Host, table: Table) -> Host:
        """Probabilities (N, K), or quantities (N, 1) in the target's unit, float64.

        Those of several targets are side by side.
        """
        found = to_numpy(self.net.predict(X, batch_size=_BATCH)).astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if len(bad):
            raise ValueError(f"the model's outputs for {table.place(int(bad[0]))} are not finite")
        return self.schema.target.answers(found)


def predicts(member: Member) -> list[tuple[Any, ...]]:
    """What a network predicts; the networks of a model must agree on it."""
    return [
        (target.task, target.name, target.classes if isinstance(target, Classes) else target.log)
        for target in member.schema.targets
    ]


def check_fit(member: Member) -> None:
    """Check that the network takes what the schema makes."""
    net, schema = member
    takes, makes = (net.sizes[0], net.sizes[-1]), (schema.width, schema.target.width)
    if takes != makes:
        raise ValueError(
            f"its network has {takes[0]} inputs and {takes[1]} outputs, its schema {makes[0]} and "
            f"{makes[1]}"
        )
    heads, own = heads_of(schema.target), net.loss.heads if net.loss else ()
    if heads and own != heads:
        raise ValueError(f"its network has heads of {own} classes, its schema of {heads}")
    wanted = [layer.config() for layer in schema.input_layers()]
    if [
        layer.config() for layer in net.plan.layers if layer.config()["layer"] == "embedding"
    ] != wanted:
        raise ValueError("its network and its schema embed different columns")
