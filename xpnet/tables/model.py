"""A model of a table: networks, the schemas of their inputs, and how sure they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.errors import counted
from xpnet.files.save import is_model, save
from xpnet.pages.document import is_page
from xpnet.tables.entries import entries_of
from xpnet.tables.given import check_kind
from xpnet.tables.importance import importance
from xpnet.tables.intervals import ends_of, half_widths, named_ends
from xpnet.tables.member import Member
from xpnet.tables.predictor import Predictor
from xpnet.tables.reading import table_of
from xpnet.tables.several import Targets, apart, by_name
from xpnet.tables.single import Truth
from xpnet.tables.table import Table, shown
from xpnet.tables.targets import Quantity, silent, with_targets
from xpnet.tables.weights import row_weights, weight_given, without_weight_0
from xpnet.training import History
from xpnet.typing import Host
from xpnet.whole_file import path_of

if TYPE_CHECKING:
    from xpnet.explain import Explanation
    from xpnet.report import Report

__all__ = ["Member", "Model"]


@dataclass(frozen=True, repr=False)
class Model(Predictor):
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

    def intervals(self, table: Any, coverage: float = 0.9) -> Host:
        """Lower and upper ends (N, 2) of intervals that hold the quantity with that probability.

        The probability is that over all rows like the training's, not for each row by itself. Of T
        targets the ends are (N, T, 2), and the probability is that of each target by itself.

        Raises
        ------
        ValueError
            The target is no quantity, coverage is not within (0, 1), or too few rows were held out.
        """
        widths = self._half_widths(coverage)
        each = ends_of(self._quantities(), self.outputs(self._warned(table)), widths)
        return each[0] if len(each) == 1 else np.stack(each, axis=1)

    def predictions(self, table: Any, coverage: float | None = None) -> dict[str, Host]:
        """The predictions as named columns, as `xpnet predict` writes them.

        With a ``coverage``, the ends of the `intervals` too: lower and upper, or of several targets
        lower_<target> and upper_<target>.
        """
        return self.named(self._warned(table), coverage)

    def named(self, table: Any, coverage: float | None = None) -> dict[str, Host]:
        """Return what `predictions` does, but never warn: `news` is known, or is no matter."""
        widths = [] if coverage is None else self._half_widths(coverage)  # an error comes first
        outputs = self.outputs(table)
        ends = ends_of(self._quantities(), outputs, widths) if widths else []
        return self.schema.target.named(outputs) | named_ends(self.schema.target_names, ends)

    def _half_widths(self, coverage: float) -> list[float]:
        self._quantities()  # an error for classes
        return half_widths(self._residuals(), coverage)

    def _quantities(self) -> list[Quantity]:
        """The single targets, which must be quantities."""
        found = [target for target in self.schema.targets if isinstance(target, Quantity)]
        if found:
            return found
        what = self._named_targets("is a class")
        raise ValueError(f"{what}: use predict_proba (--intervals is for quantities)")

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

    def error_of(self, table: Table, Xs: Sequence[Host], weights: Host | None = None) -> float:
        """The error that `importance` measures, if these are each member's X of the table."""
        outputs = self._mean(table, Xs)
        if isinstance(self.schema.target, Targets):
            return self.schema.target.mean_loss(outputs, Truth(table, self.schema.holes, weights))
        scores = self._scores(table, outputs, weights)
        return scores["rmse"] if "rmse" in scores else scores["log_loss"]

    def _scores(self, table: Table, outputs: Host, weights: Host | None) -> dict[str, float]:
        truth = Truth(table, self.schema.holes, weights)
        scores = [target.scores(own, truth) for target, own in apart(self.schema.target, outputs)]
        return by_name(self.schema.targets, scores)

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
            check_kind(path, "an HTML page", is_page)
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
        check_kind(path, "a model", is_model)
        about = {"residuals": self.residuals, "score": self.score, "cv_score": self.cv_score}
        extra = entries_of([member.schema for member in self.members], about, self.estimator)
        save(self.network, path, extra, more=self.networks[1:])
