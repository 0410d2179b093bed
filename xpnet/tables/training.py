"""Train a model on a table: what `xpnet train` does, from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xpnet.errors import warn
from xpnet.ranges import positive_integer
from xpnet.tables.checkpoints import checkpoints_given
from xpnet.tables.fits import Job
from xpnet.tables.given import (
    dims_given,
    explains_options,
    names_given,
    notations_given,
    targets_given,
    texts_given,
)
from xpnet.tables.memory import check_columns_fit
from xpnet.tables.model import Model
from xpnet.tables.procedure import Procedure
from xpnet.tables.reading import table_of
from xpnet.tables.recipe import Recipe, recipe_for
from xpnet.tables.roles import Roles, inputs_of
from xpnet.tables.table import Table, shown
from xpnet.tables.targets import silent
from xpnet.tables.weights import Weights, weight_given

__all__ = ["check_many", "train"]


_OPTIONS = {
    "as_": "read_as={column: how}",
    "out": "model.save(path) afterwards",
    "report": "model.report(path, table) afterwards",
    "time": "seconds=",
    "validation": "held_out(labels, n, fraction), and train on the table's take(rows)",
}
"""Options of the command that have another form here."""


def _once() -> Callable[[str], None]:
    """A function that warns of each sentence once: several schemas are fitted to one table."""
    told: set[str] = set()

    def tell(sentence: str) -> None:
        if sentence not in told:
            told.add(sentence)
            warn(sentence)

    return tell


@explains_options("train", _OPTIONS)
def train(
    table: Any,
    target: str | Sequence[str],
    *,
    task: str | None = None,
    text: Iterable[str] = (),
    embed: Mapping[str, int | None] | None = None,
    ignore: Iterable[str] = (),
    read_as: Mapping[str, str] | None = None,
    missing: Iterable[str] = (),
    log_target: bool = False,
    quick: bool = False,
    networks: int = 1,
    hidden: tuple[int, ...] | None = None,
    epochs: int | None = None,
    seconds: float | None = None,
    cv: int | None = None,
    weight: str | None = None,
    class_weight: Mapping[str, float] | str | None = None,
    seed: int = 0,
    backend: Any = "numpy",
    device: Any = None,
    dtype: str = "float32",
    progress: bool = False,
    checkpoint: Any = None,
    checkpoint_every: str | int = "10s",
    resume: bool | str = "auto",
    tell: Callable[[str], None] = silent,
) -> Model:
    """Train a model that predicts a column of a table, or several.

    The rules are in docs/tables.md. Two fits on four fifths of the rows choose the encoding of
    numbers and the number of epochs, by the loss on the rest. A third fit takes all rows.

    Parameters
    ----------
    table : path, Table, dict of columns or data frame
    target : str or list of str
        The column to predict, or several that are all classes or all quantities. Rows that lack one
        are left out.
    task, text, embed, ignore, read_as, missing, log_target
        As for `Schema.fit`.
    quick : bool
        One fit of fewer epochs on all rows, with pieces, and nothing held out.
    networks : int
        The number K of networks, whose predictions are averaged. With K ≥ 2, network k is trained
        without the k-th of K parts of the rows, which choose its encoding and its epochs.
    hidden : tuple of int, optional
        Widths of the hidden layers; None: (256, 256).
    epochs : int, optional
        The most epochs, which is also the length of the rate's schedule; None: by the rows.
    seconds : float, optional
        A budget of time. A first fit of one epoch measures the machine, and with it the most
        epochs; ``tell`` is told their number. With that number as ``epochs``, the model is the same
        bit for bit.
    cv : int, optional
        The number of parts, 2 or more, of a cross-validation: each part in turn is predicted by a
        model that is trained, with all its choices, on the others. `Model.cv_score` then has their
        means and standard deviations.
    weight : str, optional
        A column of weights ≥ 0 of the rows, or of truth values; it is no input. A row of weight 2
        counts as the same row twice in the fits, the choice, the scores, the temperature and the
        intervals. Rows of weight 0, or false, are left out.
    class_weight : "balanced" or mapping of class to weight, optional
        "balanced" gives every class the same weight in all. It counts in the fits and in the
        choice only. For one target only.
    seed : int
        Of the weights and of the order of examples.
    backend, device, dtype
        As for `xpnet.Network`.
    progress : bool
        Whether a bar shows each fit's progress.
    checkpoint, checkpoint_every, resume
        As for `Network.fit`; the k-th fit of the training keeps its state in a file of its own,
        "run.ckpt", "run.ckpt.2", …. The same call goes on where it was killed.
    tell : function of str
        Called with each sentence that the command prints, such as an offer of ``log_target``.

    Returns
    -------
    Model

    Raises
    ------
    ValueError, TypeError
        Bad input; the message names line and column.
    MemoryError
        The table as numbers, or the network, needs more than half of the machine's memory.

    Examples
    --------
    >>> from xpnet.tables import Table, train
    >>> x = [i / 50 for i in range(100)]
    >>> model = train(Table({"x": x, "y": [3 * t for t in x]}), "y", quick=True)
    >>> model.predict(Table({"x": [1.0]})).round().tolist()
    [3.0]
    """
    epochs = None if epochs is None else positive_integer("epochs", epochs)
    if hidden is not None and not isinstance(hidden, (tuple, list)):
        raise TypeError(f"hidden must be a tuple of widths, such as (256, 256), got {hidden!r}")
    targets, weight = targets_given(target), weight_given(weight)
    if class_weight is not None and len(targets) > 1:
        raise ValueError(
            f"class_weight (--class-weight) is for one target, got {shown(targets)}: train a model "
            "for each, or give weights of the rows (--weight, weight=)"
        )
    roles = Roles(
        targets,
        weight,
        names_given("text", text),
        dims_given(embed),
        names_given("ignore", ignore),
        notations_given(read_as),
        texts_given("missing", missing),
    )
    table = table_of(table)
    roles.check(table)
    check_many(table, targets, roles.ignore, hidden, dtype)
    table, task, weights = roles.rows(roles.read(table), task, tell)
    roles.hints(table, task, log_target, tell)
    recipe = recipe_for(len(table), quick=quick, hidden=hidden, epochs=epochs)
    procedure = Procedure(quick, positive_integer("networks", networks), tell)
    asked = {**roles.asked(), "log_target": log_target, "tell": _once()}
    keywords = {"progress": progress}
    made = {"seed": seed, "backend": backend, "device": device, "dtype": dtype}
    files = checkpoints_given(checkpoint, checkpoint_every, resume, seconds, tell)
    rows, given = np.arange(len(table)), Weights(weight, weights, class_weight)
    job = Job(table, rows, targets, task, asked, recipe, made, given, keywords, files)
    if seconds is not None:
        job = procedure.within(job, seconds, cv or 0)
    job = procedure.compiled(job)
    scores = {} if cv is None else procedure.cross_validated(job, cv)
    return replace(procedure.trained(job), cv_score=scores, trained_on=table.places)


def check_many(
    table: Table,
    targets: Iterable[str],
    ignore: Iterable[str],
    hidden: tuple[int, ...] | None,
    dtype: str,
) -> None:
    """Raise MemoryError if the table has more columns than a network on this machine can have."""
    n = len(inputs_of(table, targets, ignore))
    check_columns_fit(len(table), n, hidden or Recipe.hidden, dtype)
