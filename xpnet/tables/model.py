"""A model of a table: networks, the schemas of their inputs, and how sure they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet.backends import Backend, to_numpy
from xpnet.errors import FileError, counted, quoted, warn
from xpnet.files.container import blaming
from xpnet.files.jsonable import check_known, list_of, loads, mapping, number_of
from xpnet.files.load import describe, load_all
from xpnet.files.save import is_model, save
from xpnet.network import Network
from xpnet.pages.document import is_page
from xpnet.ranges import is_number
from xpnet.tables.calibration import half_width
from xpnet.tables.importance import importance
from xpnet.tables.merged import foreign_to_all, news_of_all
from xpnet.tables.reading import table_of
from xpnet.tables.schema import Schema
from xpnet.tables.several import Targets, apart, by_name, heads_of, predicted
from xpnet.tables.single import Truth
from xpnet.tables.table import Table, shown
from xpnet.tables.targets import Classes, Quantity, Target, silent, with_targets
from xpnet.tables.weights import row_weights, weight_given, without_weight_0
from xpnet.training import History
from xpnet.typing import Host
from xpnet.whole_file import path_of

if TYPE_CHECKING:
    from xpnet.explain import Explanation
    from xpnet.report import Report

__all__ = ["Member", "Model", "load"]

_BATCH = 8192  # rows predicted at once
_BLOCK = 65_536  # rows encoded at once
_SCHEMA, _MODEL, _ESTIMATOR = "schema", "model", "estimator"
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
        """Probabilities (N, K), or quantities (N, 1) in the target's unit, float64.

        Those of several targets are side by side.
        """
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
        Sorted absolute errors on rows held out, in units of Y; () for classes, or if none were. Of
        several quantities, a tuple for each.
    score : dict of str to float
        What the rows held out gave, such as {"accuracy": 0.95, "log_loss": 0.2, "rows": 600.0}. Of
        several targets each score has the target's name before it, such as "price_r2".
    cv_score : dict of str to float
        Means over the parts of a cross-validation, such as "r2", and sample standard deviations,
        such as "r2_sd"; empty without one.
    history : History, optional
        Of the fit that chose the first network's epochs, or of its only fit; not in a file.
    recipe : mapping of str to str
        How the networks were trained, in words; not in a file.
    interrupted : bool
        Whether Ctrl-C ended the training early; not in a file.
    estimator : str
        What an estimator of `xpnet.estimators` adds to the file, as JSON; else empty.
    trained_on : (str, (N,) int), optional
        The training rows' file and lines, if they are from a file; not in the model's file.
    """

    members: tuple[Member, ...]
    residuals: tuple[float, ...] | tuple[tuple[float, ...], ...] = ()
    score: dict[str, float] = field(default_factory=dict)
    cv_score: dict[str, float] = field(default_factory=dict)
    history: History | None = None
    recipe: Mapping[str, str] = field(default_factory=dict)
    interrupted: bool = False
    estimator: str = ""
    trained_on: tuple[str, Host] | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        n, task, names = len(self.members), self.schema.task, shown(self.schema.target_names)
        return f"Model({task} of {names}, {counted(n, 'network')}, columns {shown(self.columns)})"

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
    def classes(self) -> tuple[str, ...] | tuple[tuple[str, ...], ...]:
        """The classes, in the order of `predict_proba`; ValueError for a regression.

        Of several targets, a tuple for each.
        """
        each = tuple(target.classes for target in self._classes())
        return each[0] if len(each) == 1 else each

    def predict(self, table: Any) -> Host:
        """The most likely class of each row (N,), or the quantity (N,) float64.

        Of T targets it is (N, T). Classes are int64 if all of them are whole numbers, bool if they
        are true and false (in any case), else text. Targets of different kinds are all text.

        Parameters
        ----------
        table : path, Table, dict of columns or data frame
            With the columns of the training; the target may be missing.

        Warns
        -----
        UserWarning
            Most cells of a text column are "other", so it is likely written in a different way than
            in the training rows. `predict_proba`, `predictions`, `intervals` and `evaluate` warn of
            it too; `news` has more.
        """
        return predicted(self.schema.target, self.outputs(self._warned(table)))

    def predict_proba(self, table: Any) -> Host | tuple[Host, ...]:
        """The probability of each class (N, K) float64; ValueError for a regression.

        Of several targets, a tuple with an array for each.
        """
        self._classes()
        each = tuple(own for _, own in self._apart(self.outputs(self._warned(table))))
        return each[0] if len(each) == 1 else each

    def predictions(self, table: Any) -> dict[str, Host]:
        """The predictions as named columns, as `xpnet predict` writes them."""
        return self.schema.target.named(self.outputs(self._warned(table)))

    def intervals(self, table: Any, coverage: float = 0.9) -> Host:
        """Lower and upper ends (N, 2) of intervals that hold the quantity with that probability.

        The probability is that over all rows like the training's, not for each row by itself. Of T
        targets the ends are (N, T, 2), and the probability is that of each target by itself.

        Raises
        ------
        ValueError
            The target is no quantity, coverage is not within (0, 1), or too few rows were held out.
        """
        quantities = [one for one in self.schema.targets if isinstance(one, Quantity)]
        if not quantities:
            raise ValueError(f"{self._named_targets('is a class')}: use predict_proba")
        if not is_number(coverage) or not 0 < coverage < 1:
            raise ValueError(f"coverage must lie between 0 and 1, got {quoted(coverage)}")
        widths = [_half_width(residuals, coverage) for residuals in self._residuals()]
        ys = np.split(self.outputs(self._warned(table)), len(quantities), axis=1)
        each = [one.ends(y[:, 0], w) for one, y, w in zip(quantities, ys, widths, strict=True)]
        return each[0] if len(each) == 1 else np.stack(each, axis=1)

    def evaluate(self, table: Any, weight: str | None = None) -> dict[str, float]:
        """The scores on a table with targets.

        Parameters
        ----------
        table : path, Table, dict of columns or data frame
        weight : str, optional
            A column of weights ≥ 0 of the rows. None: every row counts once, also if the model was
            trained with weights, since it does not keep their column.

        Returns
        -------
        dict
            "accuracy" and "log_loss" of classes, or "r2" and "rmse" of a quantity in its own unit.
            Of several targets "<target>_accuracy" and so on.
        """
        return self.evaluated(self._warned(table), weight)

    def evaluated(self, table: Any, weight: str | None = None) -> dict[str, float]:
        """Return what `evaluate` does, but never warn: `news` is known, or is no matter."""
        found = self._judged(table, weight)
        return self._scores(found, self.outputs(found), self._weights(found, weight))

    def _warned(self, table: Any) -> Table:
        """The table, after a warning of each column of text whose cells are mostly "other"."""
        found = table_of(table)
        for sentence in foreign_to_all([member.schema for member in self.members], found):
            warn(sentence)
        return found

    def news(self, table: Any) -> list[str]:
        """Sentences on what the table has and the training rows had not, as `Schema.news`.

        If there are several networks, it is what none of their training rows had.
        """
        return list(news_of_all([member.schema for member in self.members], table_of(table)))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the input columns that any of the networks uses."""
        each = (column.name for member in self.members for column in member.schema.columns)
        return tuple(dict.fromkeys(each))

    def _judged(self, table: Any, weight: str | None = None) -> Table:
        """The rows that have all targets, and a weight other than 0."""
        schema, found, weight = self.schema, table_of(table), weight_given(weight)
        for name in (*schema.target_names, *(() if weight is None else (weight,))):
            found.require(name)
        if weight is not None:
            found = without_weight_0(found, weight, schema.holes, silent)
        return with_targets(found, schema.target_names, schema.task, schema.holes, silent)

    def _weights(self, table: Table, weight: str | None) -> Host | None:
        return None if weight is None else row_weights(table, weight, self.schema.holes)

    def importance(
        self, table: Any, repeats: int = 5, seed: int = 0, *, weight: str | None = None
    ) -> dict[str, float]:
        """How much the model relies on each column, the largest first.

        It is the rise of the log loss, or of the RMSE in the target's unit, when the column's cells
        are permuted among the rows: the mean of ``repeats`` permutations. Of several targets it is
        the rise of the mean of their log losses, or of their squared errors in units of Y.

        Parameters
        ----------
        table : path, Table, dict of columns or data frame
            Rows with targets, best those that the model was not trained on.
        weight : str, optional
            A column of weights ≥ 0 of the rows.
        """
        found = self._judged(table, weight)
        return importance(self, found, repeats, seed, self._weights(found, weight))

    def outputs(self, table: Any) -> Host:
        """Probabilities (N, K), or quantities (N, 1) in the target's unit, float64.

        Those of several targets are side by side.
        """
        found = table_of(table)
        starts = range(0, len(found), _BLOCK)
        blocks = (found.take(slice(start, start + _BLOCK)) for start in starts)
        each = [self._mean(b, (member.features(b) for member in self.members)) for b in blocks]
        return np.concatenate(each)

    def error_of(self, table: Table, Xs: Sequence[Host], weights: Host | None = None) -> float:
        """The error that `importance` measures, if these are each member's X of the table."""
        outputs = self._mean(table, Xs)
        if isinstance(self.schema.target, Targets):
            return self.schema.target.mean_loss(outputs, Truth(table, self.schema.holes, weights))
        scores = self._scores(table, outputs, weights)
        return scores["rmse"] if "rmse" in scores else scores["log_loss"]

    def _mean(self, table: Table, Xs: Iterable[Host]) -> Host:
        """The mean of the members' outputs for their X, of which one at a time is needed."""
        each = (m.outputs(X, table) for m, X in zip(self.members, Xs, strict=True))
        return np.asarray(sum(each) / len(self.members))

    def _scores(self, table: Table, outputs: Host, weights: Host | None) -> dict[str, float]:
        truth = Truth(table, self.schema.holes, weights)
        scores = [target.scores(own, truth) for target, own in self._apart(outputs)]
        return by_name(self.schema.targets, scores)

    def _apart(self, outputs: Host) -> list[tuple[Target, Host]]:
        """Each single target with its columns of the outputs."""
        return apart(self.schema.target, outputs)

    def _residuals(self) -> tuple[tuple[float, ...], ...]:
        """The residuals of each target."""
        found: tuple[Any, ...] = self.residuals
        several = len(self.schema.targets) > 1
        return (found or ((),) * len(self.schema.targets)) if several else (found,)

    def report(
        self,
        path: str | os.PathLike[str] | None,
        table: Any,
        *,
        judged_by: str | None = None,
        data: Mapping[str, str] | None = None,
        weight: str | None = None,
    ) -> Report:
        """Report on the model on one HTML page, as `xpnet train --report` does (matplotlib).

        The page judges the model by the table: metrics, pictures, the columns' importance, and the
        worst rows. It also lists what the model knows of its training. A model from a file has no
        history, so its page has no curves.

        Parameters
        ----------
        path : path or None
            The page to write, whole or not at all. None: nothing is written.
        table : path, Table, dict of columns or data frame
            Rows with targets, best those that the model was not trained on.
        judged_by : str, optional
            What these rows are; None: such as "200 rows of test.csv". The page then also says how
            many of them the model was trained on, if both tables are from one file.
        data : mapping of str to str, optional
            Further facts on the data, for the list at the end.
        weight : str, optional
            A column of weights ≥ 0 of the rows.

        Returns
        -------
        Report
            Its ``html()`` is the page, and ``save(path)`` writes it.

        Raises
        ------
        FileExistsError
            The file exists and is not an HTML page.
        ImportError
            matplotlib is not installed.
        """
        from xpnet.tables.reported import reported

        if path is not None:
            path = path_of(path)
            _check_kind(path, "an HTML page", is_page)
        rows = self._judged(table, weight)
        weights = self._weights(rows, weight)
        found = reported(self, rows, judged_by, data or {}, weight, weights)
        if path is not None:
            found.save(path)
        return found

    def explain(
        self,
        table: Any,
        example: int | None = None,
        entry: tuple[int | str, int, int] | None = None,
        *,
        check: bool | None = None,
    ) -> Explanation:
        """Explain every equation of one pass of the first network, as `Network.explain` does.

        The explanation's ``notes`` say how the model's answer follows from the outputs: by the
        temperature, or by the target's unit and range. If there are several networks, they also
        compare the first one with the mean, which is what the model answers with.

        Parameters
        ----------
        table : path, Table, dict of columns or data frame
            A few rows with targets. Rows without a target are left out, unless ``example`` is
            one.
        example : int, optional
            The single row of the table to take, counted from 0; it must have a target.
        entry, check
            As for `Network.explain`.

        Raises
        ------
        ValueError, TypeError
            The target is missing, a cell is bad, or there is no such example or entry.
        """
        from xpnet.tables.explained import explained, to_explain

        found = to_explain(self, table_of(table), example, silent)
        return explained(self, found, example, entry, check)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file, whole or not at all; `xpnet predict` takes it.

        `xpnet.load` reads the first network of it, and warns if there are several.

        Raises
        ------
        FileExistsError
            The file exists and is not a model.
        """
        path = path_of(path)
        _check_kind(path, "a model", is_model)
        schemas = [member.schema.to_json() for member in self.members]
        extra = {_SCHEMA if k == 0 else f"{_SCHEMA}.{k}": text for k, text in enumerate(schemas)}
        about = {"residuals": self.residuals, "score": self.score, "cv_score": self.cv_score}
        extra[_MODEL] = json.dumps(about, allow_nan=False)
        if self.estimator:
            extra[_ESTIMATOR] = self.estimator
        save(self.network, path, extra, more=self.networks[1:])

    def _classes(self) -> list[Classes]:
        """The single targets, which must be classes."""
        found = [target for target in self.schema.targets if isinstance(target, Classes)]
        if found:
            return found
        raise ValueError(f"{self._named_targets('is a quantity')}: it has no classes")

    def _named_targets(self, what: str) -> str:
        return " and ".join(f"{quoted(name)} {what}" for name in self.schema.target_names)


def _half_width(residuals: tuple[float, ...], coverage: float) -> float:
    """`half_width`, with an error if too few rows were held out."""
    width, n = half_width(residuals, coverage), len(residuals)
    if np.isfinite(width):
        return width
    if not n:
        raise ValueError("no rows were held out to measure errors on: train without quick")
    raise ValueError(f"coverage can be at most {n / (n + 1):.6g}, got {coverage}")


def load(
    path: str | os.PathLike[str],
    backend: str | Backend = "numpy",
    device: Any = None,
    dtype: Any = None,
) -> Model:
    """Read the model that `Model.save`, `xpnet train` or an earlier `save_model` wrote.

    The arguments are those of `xpnet.load`.

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
    nets = load_all(path, backend, device, dtype)
    with blaming(path, "has a schema that can't be used"):
        names = [_SCHEMA if k == 0 else f"{_SCHEMA}.{k}" for k in range(len(nets))]
        for name in sorted(extra.keys() - {*names, _MODEL, _ESTIMATOR}):
            raise ValueError(f"the entry {quoted(name)} is unknown")
        members = tuple(
            Member(net, Schema.from_json(extra[name]))
            for net, name in zip(nets, names, strict=True)
        )
        about = extra[_MODEL] if len(nets) > 1 else extra.get(_MODEL, _NOTHING)
        for member in members:
            _check_fit(member)
        if any(_predicted(member) != _predicted(members[0]) for member in members):
            raise ValueError("its networks have different targets")
        judgement = _judgement(about, members[0].schema)
        return Model(members, *judgement, estimator=extra.get(_ESTIMATOR, ""))


def _check_kind(path: str, kind: str, fits: Callable[[str], bool]) -> None:
    """Raise FileExistsError if the file exists and is of a different kind."""
    if os.path.isfile(path) and os.path.getsize(path) and not fits(path):
        raise FileExistsError(
            f"{quoted(path)} exists and is not {kind}, so it is left unchanged: give a different "
            "name"
        )


def _judgement(
    text: str, schema: Schema
) -> tuple[tuple[Any, ...], dict[str, float], dict[str, float]]:
    """The residuals and the scores in a file."""
    about = mapping(loads(text), "the model")
    residuals = _residuals_in(list_of(about, "residuals"), schema)
    score, cv_score = (
        {k: number_of(about[name], k) for k in mapping(about.get(name), name)}
        for name in ("score", "cv_score")
    )
    written = json.loads(json.dumps(residuals))
    check_known(dict(about), {"residuals": written, "score": score, "cv_score": cv_score})
    return residuals, score, cv_score


def _residuals_in(given: list[Any], schema: Schema) -> tuple[Any, ...]:
    """The residuals in a file: of one target, or of each."""
    T = len(schema.targets)
    if T == 1 or not given:
        return _sorted(given)
    if schema.task != Quantity.task or len(given) != T:
        raise ValueError(f"'residuals' must have a list for each of {T} quantities")
    return tuple(_sorted(list_of({"residuals": own}, "residuals")) for own in given)


def _sorted(given: list[Any]) -> tuple[float, ...]:
    """Residuals, checked to be sorted, and not negative."""
    found = tuple(number_of({"residuals": r}, "residuals") for r in given)
    if any(a > b for a, b in pairwise((0.0, *found))):
        raise ValueError("'residuals' must be sorted, and not negative")
    return found


def _predicted(member: Member) -> list[tuple[Any, ...]]:
    """What a network predicts; the networks of a model must agree on it."""
    return [
        (target.task, target.name, target.classes if isinstance(target, Classes) else target.log)
        for target in member.schema.targets
    ]


def _check_fit(member: Member) -> None:
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


def is_of_table(extra: Mapping[str, str]) -> bool:
    """Whether the extra entries of a file are those of a model of a table."""
    return _SCHEMA in extra
