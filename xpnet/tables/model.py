"""A model of a table: networks, the schemas of their inputs, and how sure they are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from xpnet.backends import Backend, to_numpy
from xpnet.errors import FileError, quoted
from xpnet.files.container import blaming
from xpnet.files.jsonable import check_known, list_of, loads, mapping, number_of
from xpnet.files.load import describe, load_all
from xpnet.files.save import is_model, save
from xpnet.network import Network
from xpnet.ranges import is_number
from xpnet.tables.calibration import class_scores, half_width, quantity_scores
from xpnet.tables.importance import importance
from xpnet.tables.reading import table_of
from xpnet.tables.schema import Schema
from xpnet.tables.table import Table, shown
from xpnet.tables.targets import Classes, Quantity, silent, with_target
from xpnet.training import History
from xpnet.typing import Host
from xpnet.whole_file import path_of

__all__ = ["Member", "Model", "load"]

_BATCH = 8192  # rows predicted at once
_BLOCK = 65_536  # rows encoded at once
_SCHEMA, _MODEL = "schema", "model"
_NOTHING = (  # what files of one network may leave out
    '{"residuals": [], "score": {}, "cv_score": {}}'
)


class Member(NamedTuple):
    """One network of a model, and the schema that makes its X."""

    net: Network
    schema: Schema

    def features(self, table: Table) -> Host:
        """X (N, n_0) in the network's dtype."""
        return self.schema.features(table, self.net.dtype)

    def outputs(self, X: Host, table: Table) -> Host:
        """Probabilities (N, K), or quantities (N, 1) in the target's unit, float64."""
        found = to_numpy(self.net.predict(X, batch_size=_BATCH)).astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if len(bad):
            raise ValueError(f"the model's outputs for {table.place(int(bad[0]))} are not finite")
        return self.schema.target.answers(found)


@dataclass(frozen=True, repr=False)
class Model:
    """What `train` returns: predictions for tables, of one network or the mean of several.

    Attributes
    ----------
    members : tuple of (Network, Schema)
    residuals : tuple of float
        Sorted absolute errors on rows held out, in units of Y; () for classes, or if none were.
    score : dict of str to float
        What the rows held out gave, such as {"accuracy": 0.95, "log_loss": 0.2, "rows": 600.0}.
    cv_score : dict of str to float
        Means over the parts of a cross-validation, such as "r2", and sample standard deviations,
        such as "r2_sd"; empty without one.
    history : History, optional
        Of the fit that chose the first network's epochs, or of its only fit; not in a file.
    recipe : mapping of str to str
        How the networks were trained, in words; not in a file.
    interrupted : bool
        Whether Ctrl-C ended the training early; not in a file.
    """

    members: tuple[Member, ...]
    residuals: tuple[float, ...] = ()
    score: dict[str, float] = field(default_factory=dict)
    cv_score: dict[str, float] = field(default_factory=dict)
    history: History | None = None
    recipe: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False

    def __repr__(self) -> str:
        n, target = len(self.members), self.schema.target
        networks = f"{n} network{'s' if n > 1 else ''}"
        return f"Model({target.task} of {target.name!r}, {networks}, columns {shown(self.columns)})"

    @property
    def network(self) -> Network:
        """The first network, or the only one."""
        return self.members[0].net

    @property
    def networks(self) -> tuple[Network, ...]:
        """All networks."""
        return tuple(member.net for member in self.members)

    @property
    def schema(self) -> Schema:
        """The first network's schema; the target is that of all."""
        return self.members[0].schema

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of `predict_proba`; ValueError for a regression."""
        return self._classes().classes

    def predict(self, table: Any) -> Host:
        """The most likely class of each row (N,), or the quantity (N,) float64.

        Classes are int64 if all of them are whole numbers, else text.

        Parameters
        ----------
        table : path, Table, dict of columns or data frame
            With the columns of the training; the target may be missing.
        """
        outputs = self.outputs(table)
        target = self.schema.target
        if isinstance(target, Quantity):
            return outputs[:, 0]
        labels: Host = target.labels()[outputs.argmax(axis=1)]
        return labels

    def predict_proba(self, table: Any) -> Host:
        """The probability of each class (N, K) float64; ValueError for a regression."""
        self._classes()
        return self.outputs(table)

    def predictions(self, table: Any) -> dict[str, Host]:
        """The predictions as named columns, as `xpnet predict` writes them."""
        return self.schema.target.named(self.outputs(table))

    def intervals(self, table: Any, coverage: float = 0.9) -> Host:
        """Lower and upper ends (N, 2) of intervals that hold the quantity with that probability.

        The probability is that over all rows like the training's, not for each row by itself.

        Raises
        ------
        ValueError
            The target is no quantity, coverage is not within (0, 1), or too few rows were held out.
        """
        target = self.schema.target
        if not isinstance(target, Quantity):
            raise ValueError(f"{quoted(target.name)} is a class: use predict_proba")
        if not is_number(coverage) or not 0 < coverage < 1:
            raise ValueError(f"coverage must lie between 0 and 1, got {quoted(coverage)}")
        width = half_width(self.residuals, coverage) * target.scale
        if not np.isfinite(width):
            n = len(self.residuals)
            if not n:
                raise ValueError("no rows were held out to measure errors on: train without quick")
            raise ValueError(f"coverage can be at most {n / (n + 1):.6g}, got {coverage}")
        y = self.predict(table)
        if target.log:
            return np.column_stack([y * np.exp(-width), y * np.exp(width)])
        return np.column_stack([y - width, y + width])

    def evaluate(self, table: Any) -> dict[str, float]:
        """The scores on a table with targets.

        Returns
        -------
        dict
            "accuracy" and "log_loss" of classes, or "r2" and "rmse" of a quantity in its own unit.
        """
        found = self._judged(table)
        return self._scores(found, self.outputs(found))

    def news(self, table: Any) -> list[str]:
        """Sentences on what the table has and the training rows had not, as `Schema.news`."""
        found = table_of(table)
        each = (sentence for member in self.members for sentence in member.schema.news(found))
        return list(dict.fromkeys(each))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the input columns that any of the networks uses."""
        each = (column.name for member in self.members for column in member.schema.columns)
        return tuple(dict.fromkeys(each))

    def _judged(self, table: Any) -> Table:
        """The rows that have a target."""
        target, holes = self.schema.target, self.schema.holes
        found = table_of(table)
        found.require(target.name)
        return with_target(found, target.name, target.task, holes, silent)

    def importance(self, table: Any, repeats: int = 5, seed: int = 0) -> dict[str, float]:
        """How much the model relies on each column, the largest first.

        It is the rise of the log loss, or of the RMSE in the target's unit, when the column's cells
        are permuted among the rows: the mean of ``repeats`` permutations.

        Parameters
        ----------
        table : path, Table, dict of columns or data frame
            Rows with targets, best those that the model was not trained on.
        """
        return importance(self, self._judged(table), repeats, seed)

    def outputs(self, table: Any) -> Host:
        """Probabilities (N, K), or quantities (N, 1) in the target's unit, float64."""
        found = table_of(table)
        starts = range(0, len(found), _BLOCK)
        blocks = (found.take(slice(start, start + _BLOCK)) for start in starts)
        each = [self._mean(b, (member.features(b) for member in self.members)) for b in blocks]
        return np.concatenate(each)

    def error_of(self, table: Table, Xs: Sequence[Host]) -> float:
        """The log loss, or the RMSE, of the table's rows if these are each member's X."""
        scores = self._scores(table, self._mean(table, Xs))
        return scores["rmse"] if "rmse" in scores else scores["log_loss"]

    def _mean(self, table: Table, Xs: Iterable[Host]) -> Host:
        """The mean of the members' outputs for their X, of which one at a time is needed."""
        each = (m.outputs(X, table) for m, X in zip(self.members, Xs, strict=True))
        return np.asarray(sum(each) / len(self.members))

    def _scores(self, table: Table, outputs: Host) -> dict[str, float]:
        target, holes = self.schema.target, self.schema.holes
        if isinstance(target, Quantity):
            y = table.quantities(target.name, target.notation, holes)
            return quantity_scores(outputs[:, 0], y)
        return class_scores(outputs, target.encode(table, holes))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file, whole or not at all; `xpnet predict` takes it.

        `xpnet.load` reads the first network of it.

        Raises
        ------
        FileExistsError
            The file exists and is not a model.
        """
        path = path_of(path)
        if os.path.isfile(path) and os.path.getsize(path) and not is_model(path):
            raise FileExistsError(
                f"{quoted(path)} exists and is not a model, so it is left unchanged: give a "
                "different name"
            )
        schemas = [member.schema.to_json() for member in self.members]
        extra = {_SCHEMA if k == 0 else f"{_SCHEMA}.{k}": text for k, text in enumerate(schemas)}
        about = {"residuals": list(self.residuals), "score": self.score, "cv_score": self.cv_score}
        extra[_MODEL] = json.dumps(about, allow_nan=False)
        save(self.network, path, extra, more=self.networks[1:])

    def _classes(self) -> Classes:
        target = self.schema.target
        if isinstance(target, Classes):
            return target
        raise ValueError(f"{quoted(target.name)} is a quantity: it has no classes")


def load(
    path: str | os.PathLike[str], backend: str | Backend = "numpy", device: Any = None
) -> Model:
    """Read the model that `Model.save`, `xpnet train` or an earlier `save_model` wrote.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    FileError
        It is damaged, or not a model that was trained on a table.
    """
    path = path_of(path)
    extra = describe(path)["extra"]
    if _SCHEMA not in extra:
        raise FileError(
            f"{quoted(path)} was not trained on a table, so it does not say which columns it "
            "takes: train one with xpnet train data.csv --target COLUMN"
        )
    nets = load_all(path, backend, device)
    with blaming(path, "has a schema that can't be used"):
        names = [_SCHEMA if k == 0 else f"{_SCHEMA}.{k}" for k in range(len(nets))]
        for name in sorted(extra.keys() - {*names, _MODEL}):
            raise ValueError(f"the entry {quoted(name)} is unknown")
        members = tuple(
            Member(net, Schema.from_json(extra[name]))
            for net, name in zip(nets, names, strict=True)
        )
        about = extra[_MODEL] if len(nets) > 1 else extra.get(_MODEL, _NOTHING)
        for member in members:
            _check_fit(member)
        if len({_predicted(member) for member in members}) > 1:
            raise ValueError("its networks have different targets")
        return Model(members, *_judgement(about))


def _judgement(text: str) -> tuple[tuple[float, ...], dict[str, float], dict[str, float]]:
    """The residuals and the scores in a file."""
    about = mapping(loads(text), "the model")
    residuals = tuple(number_of({"residuals": r}, "residuals") for r in list_of(about, "residuals"))
    if any(a > b for a, b in pairwise((0.0, *residuals))):
        raise ValueError("'residuals' must be sorted, and not negative")
    score, cv_score = (
        {k: number_of(about[name], k) for k in mapping(about.get(name), name)}
        for name in ("score", "cv_score")
    )
    check_known(dict(about), {"residuals": list(residuals), "score": score, "cv_score": cv_score})
    return residuals, score, cv_score


def _predicted(member: Member) -> tuple[Any, ...]:
    """What a network predicts; the networks of a model must agree on it."""
    target = member.schema.target
    if isinstance(target, Classes):
        return target.task, target.name, target.classes
    return target.task, target.name, target.log


def _check_fit(member: Member) -> None:
    """Check that the network takes what the schema makes."""
    net, schema = member
    takes, makes = (net.sizes[0], net.sizes[-1]), (schema.width, schema.target.width)
    if takes != makes:
        raise ValueError(
            f"its network has {takes[0]} inputs and {takes[1]} outputs, its schema {makes[0]} and "
            f"{makes[1]}"
        )
    wanted = [layer.config() for layer in schema.input_layers()]
    if [
        layer.config() for layer in net.plan.layers if layer.config()["layer"] == "embedding"
    ] != wanted:
        raise ValueError("its network and its schema embed different columns")


def is_of_table(extra: Mapping[str, str]) -> bool:
    """Whether the extra entries of a file are those of a model of a table."""
    return _SCHEMA in extra
