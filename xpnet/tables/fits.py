"""Train a network on a table: choose its columns and epochs on rows held out, then fit all rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xpnet.backends import to_numpy
from xpnet.errors import counted
from xpnet.network import Network
from xpnet.tables.checkpoints import Checkpoints
from xpnet.tables.memory import check_memory
from xpnet.tables.recipe import Recipe
from xpnet.tables.schema import Schema
from xpnet.tables.several import heads_of
from xpnet.tables.splitting import held_out
from xpnet.tables.table import Table
from xpnet.tables.targets import codes_of
from xpnet.tables.weights import Weights
from xpnet.training import EarlyStopping, History
from xpnet.typing import Host

__all__ = ["Fitted", "Job", "chosen", "fitted", "on_all", "without"]

_SHARE = 0.2  # of the rows, held out for the choice
_SEED = 1  # of the draw of these rows


@dataclass(frozen=True)
class Job:
    """What every fit of a training shares.

    Attributes
    ----------
    table : Table
    rows : (n,) int
        The rows that may be trained on.
    targets : tuple of str
    task : str
    asked : dict
        Keywords of `Schema.fit`.
    recipe : Recipe
    made : dict
        The network's seed, backend, device and dtype.
    weights : Weights
        Of the rows and of the classes.
    keywords : dict
        Further keywords of `Network.fit`.
    checkpoints : Checkpoints
        The file of each fit, if there are checkpoints.
    """

    table: Table
    rows: Host
    targets: tuple[str, ...]
    task: str
    asked: dict[str, Any]
    recipe: Recipe
    made: dict[str, Any]
    weights: Weights
    keywords: dict[str, Any]
    checkpoints: Checkpoints = field(default_factory=Checkpoints)

    def schema(self, rows: Host, pieces: bool) -> Schema:
        """The schema of those rows."""
        fixed = self.table, self.targets, self.task
        return Schema.fit(*fixed, rows=rows, pieces=pieces, **self.asked)

    def network(self, schema: Schema) -> Network:
        """An untrained network for the schema; MemoryError if fitting it needs too much memory."""
        check_memory(len(self.rows), schema.width, self.recipe.hidden, self.made["dtype"])
        widths = schema.width, schema.target.width
        return self._sized(*widths, schema.input_layers(), heads_of(schema.target))

    def smallest(self) -> Network:
        """The smallest network that a schema may lead to: with one input and one output."""
        return self._sized(1, 1)

    def _sized(
        self, n_in: int, n_out: int, first: tuple[Any, ...] = (), heads: tuple[int, ...] = ()
    ) -> Network:
        sizes = [n_in, *first, *self.recipe.layers(), n_out]
        loss, made = self.recipe.loss(self.task, heads), dict(self.made)
        return Network(sizes, loss=loss, rng=made.pop("seed"), **made)

    def labels(self) -> Host | None:
        """The place of each class among the sorted ones, (n,) by ``rows``; None for a quantity.

        Each combination of the classes of several targets counts as a class.
        """
        if self.task != "classification":
            return None
        return codes_of(self.table, self.targets, self.asked.get("missing", ()))[self.rows]


@dataclass(frozen=True)
class Fitted:
    """A trained network with its schema.

    Attributes
    ----------
    net : Network
    schema : Schema
    history : History
    epochs : int
        The best number of epochs, or the number that were trained.
    loss : float
        The loss on the rows held out; infinite if none were, or without any epoch.
    outputs : (n, n_L)
        The network's outputs for the rows held out.
    targets : (n,), (n, 1) or (n, T)
        Their Y.
    weights : (n,) or None
        Their weights, without those of classes.
    interrupted : bool
        Whether Ctrl-C ended the fit, or the one compared with it.
    """

    net: Network
    schema: Schema
    history: History
    epochs: int
    loss: float
    outputs: Host
    targets: Host
    weights: Host | None
    interrupted: bool

    def __str__(self) -> str:
        pieces = "with" if self.schema.has_pieces else "without"
        return f"{counted(self.epochs, 'epoch')} {pieces} pieces"


def fitted(job: Job, schema: Schema, rows: Host, held: Host, epochs: int | None = None) -> Fitted:
    """Fit a network to ``rows``; with rows ``held`` out, keep the best epoch.

    The schema is that of ``rows``. ``epochs`` None: those of the recipe.
    """
    net, n = job.network(schema), len(rows)
    Y = schema.target.encode(job.table, schema.holes)
    X = schema.features(job.table, net.dtype, np.concatenate([rows, held]))
    w, w_held = (job.weights.with_classes(schema.target, Y, rows, of) for of in (rows, held))
    judged: dict[str, Any] = {}
    if len(held):
        watch = EarlyStopping(patience=job.recipe.epochs)
        judged = {"validation_data": (X[n:], Y[held], w_held), "early_stopping": watch}
    with job.checkpoints.naming_files():
        history = net.fit(
            X[:n],
            Y[rows],
            epochs=epochs or job.recipe.epochs,
            batch_size=job.recipe.batch,
            optimizer=job.recipe.optimizer(n),
            sample_weight=w,
            **judged,
            **job.keywords,
            **job.checkpoints.next(),
        )
    best = history.best_epoch or len(history)
    loss = history.validation_loss[best - 1] if len(held) and best else float("inf")
    outputs = to_numpy(net.predict(X[n:], batch_size=8192)) if len(held) else np.zeros((0, 0))
    stopped = history.stopped == "interrupted"
    given = outputs, Y[held], job.weights.of(held)
    return Fitted(net, schema, history, best, loss, *given, stopped)


def on_all(job: Job, pieces: bool, epochs: int | None = None) -> Fitted:
    """Fit a schema and a network to all rows of the job, with none held out."""
    return fitted(job, job.schema(job.rows, pieces), job.rows, job.rows[:0], epochs)


def without(job: Job, held: Host, pieces: bool | None = None) -> Fitted:
    """Fit all rows of the job but those held out, which judge.

    ``pieces`` None: with and without; the better one, by the loss on the rows held out. After
    Ctrl-C, the better one of what there is.
    """
    rows = np.setdiff1d(job.rows, held)
    with_pieces = job.schema(rows, pieces=True)
    if pieces:
        return fitted(job, with_pieces, rows, held)
    plain = fitted(job, job.schema(rows, pieces=False), rows, held)
    if plain.interrupted or not with_pieces.has_pieces:
        return plain
    try:
        pieced = fitted(job, with_pieces, rows, held)
    except KeyboardInterrupt:  # before its first epoch
        return replace(plain, interrupted=True)
    best = pieced if pieced.loss < plain.loss else plain
    return replace(best, interrupted=pieced.interrupted)


def chosen(job: Job) -> Fitted | None:
    """The better fit with or without pieces to four fifths of the rows, by the loss on the rest.

    A fifth of every class is held out, or of all rows together if a class has too few. None if
    there are too few rows in all.
    """
    labels = job.labels()
    for by in (labels, None) if labels is not None else (None,):
        with suppress(ValueError):
            rest = held_out(by, len(job.rows), _SHARE, _SEED)[1]
            break
    else:
        return None
    return without(job, job.rows[rest])
