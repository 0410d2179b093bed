"""Weights of rows and classes: a row of weight 2 counts as the same row twice."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.command import QUICK, fails, train, write
from tests.support.helpers import needed
from xpnet.cli import main
from xpnet.tables import Model, Table, load
from xpnet.tables import train as trained
from xpnet.tables.assembled import model_of
from xpnet.tables.calibration import (
    class_scores,
    half_width,
    order_statistics,
    quantity_scores,
    temperature,
)
from xpnet.tables.fits import Fitted, Job, fitted
from xpnet.tables.recipe import recipe_for
from xpnet.tables.targets import Classes, silent
from xpnet.tables.weights import Weights, _of_classes, row_weights, without_weight_0

RNG = np.random.default_rng(0)
N = 80
X = RNG.normal(size=N)
W = RNG.integers(1, 4, N).astype(float)
TIMES = np.repeat(np.arange(N), W.astype(int))
"""Each row as often as its weight says."""
COLUMNS: dict[str, Any] = {
    "x": X,
    "text": np.array(["u", "v", "w"])[np.arange(N) % 3].tolist(),
    "kind": np.where(X + RNG.normal(size=N) > 0, "b", "a").tolist(),
    "size": np.exp(X / 2 + RNG.normal(size=N) / 4),
    "w": W,
}
TABLE = Table(COLUMNS)
UNITS = [1.0, 0.3, 1e-200, 1e200]


# --- each statistic


def probabilities(K: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(K)
    p = rng.dirichlet(np.ones(K), N)
    return p, (p.cumsum(axis=1) < rng.random((N, 1))).sum(axis=1)


@pytest.mark.parametrize("K", [2, 5])
def test_a_temperature_counts_a_row_as_often_as_its_weight(K):
    p, Y = probabilities(K)
    found = temperature(p, Y, W)
    assert found == pytest.approx(temperature(p[TIMES], Y[TIMES]), rel=1e-6)
    assert found != pytest.approx(temperature(p, Y), rel=1e-4)


@pytest.mark.parametrize("K", [2, 5])
def test_scores_of_classes_count_a_row_as_often_as_its_weight(K):
    p, Y = probabilities(K)
    found = class_scores(p, Y, W)
    assert found == pytest.approx(class_scores(p[TIMES], Y[TIMES]), rel=1e-12)
    metrics = needed("sklearn.metrics")
    labels = np.arange(K)
    log_loss = metrics.log_loss(Y, p, sample_weight=W, labels=labels)
    assert found["log_loss"] == pytest.approx(log_loss)
    assert found["accuracy"] == pytest.approx(
        metrics.accuracy_score(Y, p.argmax(axis=1), sample_weight=W)
    )


def test_scores_of_a_quantity_count_a_row_as_often_as_its_weight():
    y, guess = np.random.default_rng(2).normal(size=(2, N))
    found = quantity_scores(guess, y, W)
    assert found == pytest.approx(quantity_scores(guess[TIMES], y[TIMES]), rel=1e-12)
    assert found["r2"] == pytest.approx(
        needed("sklearn.metrics").r2_score(y, guess, sample_weight=W), rel=1e-12
    )
    assert math.isnan(quantity_scores(guess, np.ones(N), W)["r2"])


def test_equal_weights_keep_what_none_keep():
    residuals = np.random.default_rng(0).normal(size=2345)
    assert order_statistics(residuals, np.full(2345, 3.0)) == order_statistics(residuals)


@pytest.mark.parametrize("n", [1, 7, 80])
def test_the_kept_residuals_are_those_of_each_row_as_often_as_its_weight(n):
    residuals, w = np.random.default_rng(n).normal(size=n), W[:n].copy()
    w[n // 2] = 1  # the weight of a new row
    times = np.repeat(np.arange(n), w.astype(int))
    assert order_statistics(residuals, w) == order_statistics(residuals[times])
    assert order_statistics(residuals, np.ones(n)) == order_statistics(residuals)
    for unit in UNITS:
        assert order_statistics(residuals, w * unit) == order_statistics(residuals, w)


@pytest.mark.parametrize("largest", [1.5, 100.0, 1e6])
def test_the_half_width_is_the_weighted_quantile_of_its_definition(largest):
    """Tibshirani et al. (2019): the new row has a weight too, and an infinite residual."""
    rng = np.random.default_rng(4)
    residuals, w = rng.normal(size=N), rng.uniform(1, largest, N)
    kept = order_statistics(residuals, w)
    sizes, by = np.sort(np.abs(residuals)), w[np.argsort(np.abs(residuals))]
    share = by.cumsum() / (by.sum() + by.min())
    m = len(kept)
    assert m == min(1000, int(by.sum() / by.min()))
    for k in range(1, m):  # at each level that is kept, and between two of them
        for coverage in (k / (m + 1) - 1e-9, k / (m + 1) - 0.5 / (m + 1)):
            found = half_width(kept, coverage)
            assert found >= sizes[int(np.argmax(share >= coverage))]
            assert found <= sizes[int(np.argmax(share >= k / (m + 1) - 1e-9))]


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_intervals_cover_the_rows_that_the_weights_stand_for(coverage):
    """Rows with large errors are drawn too seldom; weights make up for that."""
    rng, covered, n, draws = np.random.default_rng(3), 0.0, 400, 300
    for _ in range(draws):
        hard = rng.random(n) < 0.1
        errors = rng.normal(size=n) * np.where(hard, 5, 1)
        width = half_width(order_statistics(errors, np.where(hard, 9.0, 1.0)), coverage)
        covered += sum(math.erf(width / sd / math.sqrt(2)) for sd in (1, 5)) / 2  # half are hard
    assert covered / draws == pytest.approx(coverage, abs=0.02)


# --- a fit


@pytest.mark.parametrize("target", ["kind", "size"])
def test_validation_counts_a_row_as_often_as_its_weight(backend, target):
    A = np.stack([X, X**2], axis=1)
    Y = (X > 0).astype(int) if target == "kind" else COLUMNS["size"][:, None]
    metrics = ["accuracy", "f1"] if target == "kind" else ["rmse", "r2"]
    loss = "cross_entropy" if target == "kind" else "mean_squared_error"
    found = []
    for data in ((A, Y, W), (A[TIMES], Y[TIMES]), (A[TIMES], Y[TIMES], None)):
        net = xpnet.Network([2, 4, 2 if target == "kind" else 1], loss=loss, rng=0, backend=backend)
        found.append(net.fit(A[:40], Y[:40], epochs=3, validation_data=data, metrics=metrics))
    one, *others = found
    for other in others:
        np.testing.assert_allclose(one.validation_loss, other.validation_loss, rtol=1e-5)
        for name, values in one.metrics.items():
            np.testing.assert_allclose(values, other.metrics[name], rtol=1e-4)


def test_wrong_weights_of_validation_are_said_to_be_those():
    net, A, Y = xpnet.Network([1, 2]), X[:, None], (X > 0).astype(int)
    for w, said in ((W[:3], r"must be \(80,\)"), (-W, "not negative"), (0 * W, "zero for every")):
        with pytest.raises(ValueError, match=f"validation_data: sample_weight.*{said}"):
            net.fit(A, Y, epochs=1, validation_data=(A, Y, w))


def test_a_stack_takes_weights_of_validation():
    A, Y = X[:, None], (X > 0).astype(int)
    stack = xpnet.Stack([xpnet.Network([1, 2], loss="cross_entropy", rng=k) for k in (0, 1)])
    losses = [
        stack.fit(A, Y, epochs=1, learning_rate=1e-9, validation_data=data).validation_loss[0]
        for data in ((A, Y, W), (A[TIMES], Y[TIMES]))
    ]
    np.testing.assert_allclose(*losses, rtol=1e-6)


def judged(table: Table, target: str, rows: np.ndarray, held: np.ndarray, given: Weights) -> Fitted:
    """A fit with weights to some rows, judged by others."""
    task = "classification" if target == "kind" else "regression"
    recipe = recipe_for(len(rows), hidden=(8,), epochs=6)
    asked = {"ignore": ["w", {"kind": "size", "size": "kind"}[target]]}
    made = {"seed": 0, "backend": "numpy", "device": None, "dtype": "float64"}
    job = Job(table, rows, (target,), task, asked, recipe, made, given, {})
    return fitted(job, job.schema(rows, pieces=False), rows, held)


@pytest.mark.parametrize("target", ["kind", "size"])
def test_a_model_of_rows_with_weights_is_that_of_rows_as_often(target):
    """The choice, the temperature, the residuals and the scores."""
    rows, held = np.arange(40), np.arange(40, N)
    w = np.where(np.arange(N) == 50, 1, W)
    times = np.repeat(held, w[held].astype(int))
    again = TABLE.take(np.concatenate([rows, times]))
    w_of_rows = np.concatenate([w[rows], np.ones(len(times))])
    one = judged(TABLE, target, rows, held, Weights("w", w))
    two = judged(again, target, rows, np.arange(40, len(again)), Weights("w", w_of_rows))
    assert one.history.validation_loss == pytest.approx(two.history.validation_loss, rel=1e-9)
    assert one.epochs == two.epochs
    recipe = recipe_for(40)
    a, b = (model_of(recipe, [fit], [fit]) for fit in (one, two))
    assert a.score.pop("rows") == 40
    assert b.score.pop("rows") == len(times)
    assert a.score == pytest.approx(b.score, rel=1e-9)
    plain = model_of(recipe, [one], [replace(one, weights=None)])
    if target == "kind":
        T = a.schema.target.temperature
        assert pytest.approx(b.schema.target.temperature, rel=1e-6) == T
        assert pytest.approx(plain.schema.target.temperature, rel=1e-4) != T
    else:
        assert a.residuals == pytest.approx(b.residuals, rel=1e-9)
        assert a.residuals != plain.residuals


@pytest.mark.parametrize("classes", ["balanced", {"a": 5.0}, {"a": 0.5, "b": 2.0}], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_weights_of_classes_count_in_the_choice_and_not_in_the_certainty(classes, weighted):
    rows, held = np.arange(40), np.arange(40, N)
    found = judged(TABLE, "kind", rows, held, Weights("w", W if weighted else None, classes))
    own = W if weighted else np.ones(N)
    Y = np.array(COLUMNS["kind"]) == "b"
    share = np.array([own[rows][Y[rows] == k].sum() for k in (0, 1)])
    each = 1 / share if classes == "balanced" else [classes["a"], classes.get("b", 1.0)]
    w = own[held] * np.asarray(each)[Y[held].astype(int)]
    losses = found.net.losses(found.schema.features(TABLE, "float64", held), Y[held].astype(int))
    assert found.loss == pytest.approx(np.average(losses, weights=w), rel=1e-9)
    model = model_of(recipe_for(40), [found], [found])
    own = own[held] if weighted else None
    T = temperature(found.outputs, found.targets, own)
    assert model.schema.target.temperature == T
    p = Classes("kind", ("a", "b"), T).answers(found.outputs)
    assert model.score == {**class_scores(p, found.targets, own), "rows": 40.0}


def test_balanced_classes_have_the_same_weight_in_all():
    Y = np.arange(N) % 5 // 2  # 0, 0, 1, 1, 2
    for w in (None, W):
        each = _of_classes("balanced", Classes("y", tuple("abcd")), Y, w)
        own = np.ones(N) if w is None else w
        sums = np.bincount(Y, own * each[Y])
        np.testing.assert_allclose(sums, sums.sum() / 3)
        assert sums.sum() == pytest.approx(own.sum())
        assert each[3] == 1  # no row has it
    utils = needed("sklearn.utils.class_weight")
    labels = np.arange(3)
    np.testing.assert_allclose(
        _of_classes("balanced", Classes("y", tuple("abc")), Y, None),
        utils.compute_class_weight("balanced", classes=labels, y=Y),
    )


@pytest.mark.parametrize("mask", [["true", "false", "true"], ["FALSE", "TRUE", "TRUE"]])
def test_a_mask_is_a_weight(mask):
    """True counts once; false rows are left out, as those of weight 0."""
    table = Table({"w": mask, "x": [1.0, 2.0, 3.0]})
    kept = without_weight_0(table, "w", (), silent)
    there = [cell.lower() == "true" for cell in mask]
    assert kept.numbers("x").tolist() == table.numbers("x")[there].tolist()
    same = Table({"w": there, "x": [1.0, 2.0, 3.0]})  # of NumPy or a frame
    assert (
        row_weights(kept, "w", ()).tolist()
        == row_weights(without_weight_0(same, "w", (), silent), "w", ()).tolist()
    )
    hole = Table({"w": [*mask, ""], "x": [1.0] * 4})
    with pytest.raises(ValueError, match="row 4, column 'w': the weight is missing"):
        row_weights(hole.take(np.flatnonzero([*there, True])), "w", ())


@pytest.mark.parametrize(
    ("target", "classes", "said"),
    [
        ("kind", "equal", "class_weight must be a dict or \"balanced\", got 'equal'"),
        ("kind", 3, 'class_weight must be a dict or "balanced", got 3'),
        ("kind", {"c": 1.0}, "unknown class 'c'"),
        ("kind", {"a": -1.0}, "class_weight"),
        ("size", "balanced", "'size' is a quantity, so class_weight does not suit it: give weight"),
    ],
)
def test_what_is_no_weight_of_classes(target, classes, said):
    with pytest.raises((ValueError, TypeError), match=said):
        trained(TABLE, target, class_weight=classes, quick=True, epochs=1, hidden=(2,))


@pytest.mark.parametrize("unit", UNITS)
def test_weights_in_another_unit_are_the_same(unit):
    settings: dict[str, Any] = {"weight": "w", "epochs": 2, "hidden": (4,), "ignore": ["kind"]}
    one = trained(TABLE, "size", **settings)
    other = trained(Table({**COLUMNS, "w": W * unit}), "size", **settings)
    assert one.score == pytest.approx(other.score, rel=1e-6)
    assert one.residuals == pytest.approx(other.residuals, rel=1e-5)


def test_weights_of_any_size_have_finite_sums():
    w = row_weights(Table({"w": [1e-300, 5e-324, 1.7e308, 1e308]}), "w", ())
    assert np.isfinite(w.sum())
    assert np.isfinite(w / w.min()).all()
    assert w[2] / w[3] == pytest.approx(1.7)


# --- a model and the command


@pytest.mark.parametrize("target", ["kind", "size"])
@pytest.mark.parametrize("networks", [1, 2])
def test_a_model_judges_a_row_as_often_as_its_weight(target, networks, monkeypatch):
    other = {"kind": "size", "size": "kind"}[target]
    model = trained(TABLE, target, ignore=[other], weight="w", networks=networks, epochs=3,
                    hidden=(8,), dtype="float64")  # fmt: skip
    found, plain = model.evaluate(TABLE, "w"), model.evaluate(TABLE)
    assert found == pytest.approx(model.evaluate(TABLE.take(TIMES)), rel=1e-9)
    assert found != pytest.approx(plain, rel=1e-6)
    extra = {name: [*TABLE.columns[name], *TABLE.columns[name][:1]] for name in TABLE.names}
    none = Table({**extra, "w": [*W, 0.0]})
    assert found == pytest.approx(model.evaluate(none, "w"), rel=1e-12)
    order, first = np.random.default_rng(5).permutation(N), np.searchsorted(TIMES, np.arange(N))
    orders = {N: order, len(TIMES): first[order[TIMES]]}
    monkeypatch.setattr("xpnet.tables.importance.permutation", lambda *given: orders[given[-1]])
    rises = model.importance(TABLE, 1, weight="w")
    assert rises == pytest.approx(model.importance(TABLE.take(TIMES), 1), rel=1e-6, abs=1e-9)
    for call in (model.evaluate, lambda *given: model.importance(given[0], weight=given[1])):
        with pytest.raises(ValueError, match="no column 'ww'"):
            call(TABLE, "ww")


@pytest.mark.parametrize("task", ["classes", "quantities"])
def test_several_targets_count_a_row_as_often_as_its_weight(task):
    columns = {"x": X, "w": W, "y": COLUMNS["kind"], "z": COLUMNS["text"]}
    if task == "quantities":
        columns |= {"y": COLUMNS["size"], "z": X + 1}
    table = Table(columns)
    model = trained(table, ["y", "z"], weight="w", epochs=3, hidden=(8,), dtype="float64")
    found = model.evaluate(table, "w")
    assert found == pytest.approx(model.evaluate(table.take(TIMES)), rel=1e-9)
    assert found != pytest.approx(model.evaluate(table), rel=1e-6)
    losses = []
    for rows, weights in ((table, W), (table.take(TIMES), None), (table, None)):
        losses.append(model.error_of(rows, [model.members[0].features(rows)], weights))
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
    assert losses[0] != pytest.approx(losses[2], rel=1e-6)


@pytest.mark.parametrize("target", ["kind", "size"])
def test_a_cross_validation_is_weighted(target, monkeypatch):
    plain, found = Model.evaluated, []

    def evaluated(model: Model, table: Table, weight: str | None = None) -> dict[str, float]:
        times = np.repeat(np.arange(len(table)), table.columns["w"].astype(int))
        found.append(plain(model, table.take(times)))
        return plain(model, table, weight)

    monkeypatch.setattr(Model, "evaluated", evaluated)
    other = {"kind": "size", "size": "kind"}[target]
    model = trained(TABLE, target, ignore=[other], weight="w", quick=True, cv=2, epochs=2,
                    hidden=(4,))  # fmt: skip
    for name in found[0]:
        mean = np.mean([scores[name] for scores in found])
        assert model.cv_score[name] == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("target", ["kind", "size"])
def test_the_command_prints_scores_with_weights(target, tmp_path, capsys):
    names = [name for name in COLUMNS if name in ("x", "w", target)]
    rows = [names, *zip(*(TABLE.labels(name) for name in names), strict=True)]
    data = write(tmp_path / "t.csv", rows)
    found = []
    for out, options in (("m", ("--weight", "w")), ("n", ("--weight", "w", "--validation", "0"))):
        assert main([*train(data, target, tmp_path / out, *QUICK), *options]) == 0
        found.append(capsys.readouterr().out)
    test = held_out_of(target)
    scores = load(tmp_path / "m").evaluate(Table(COLUMNS).take(test), "w")
    rest = np.setdiff1d(np.arange(N), test)
    if target == "kind":
        assert f"held-out accuracy {scores['accuracy']:.4f}, log loss " in found[0]
        Y = np.array(COLUMNS["kind"]) == "b"
        most = W[rest][Y[rest]].sum() > W[rest][~Y[rest]].sum()
        share = np.average(Y[test] == most, weights=W[test])
        assert f"baseline accuracy {share:.4f} (always " in found[0]
    else:
        assert f"held-out R² {scores['r2']:.4f}, RMSE {scores['rmse']:.4g}" in found[0]
        y, w = COLUMNS["size"], W
        mean = np.average(y[rest], weights=w[rest])
        rmse = np.sqrt(np.average((y[test] - mean) ** 2, weights=w[test]))
        assert f"RMSE {rmse:.4g} (the mean of the training rows)" in found[0]
    assert "no rows were held out to test on" in found[1]


@pytest.mark.parametrize("options", [("--weight", "w"), ("--log-target", "--report", "r.html")])
def test_a_bad_cell_of_a_row_held_out_is_an_error_before_training(
    options, tmp_path, capsys, monkeypatch
):
    """Else it would be one when the model is judged, which is written by then."""
    if "--report" in options:
        needed("matplotlib")
    monkeypatch.chdir(tmp_path)
    sizes, weights, k = list(COLUMNS["size"]), list(W), int(held_out_of("size")[-1])
    (weights if options[0] == "--weight" else sizes)[k] = -3.0
    data = write(tmp_path / "t.csv", [["x", "size", "w"], *zip(X, sizes, weights, strict=True)])
    line = fails(capsys, train(data, "size", tmp_path / "m", *QUICK, *options))
    assert f"line {k + 2}, column " in line
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def held_out_of(target: str) -> np.ndarray:
    from xpnet.tables import held_out

    labels = np.array(COLUMNS["kind"]) if target == "kind" else None
    return held_out(labels, N, 0.2)[1]
