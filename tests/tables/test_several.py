"""Several targets of one network: each is learned, judged and predicted as if it were alone."""

from __future__ import annotations

import json
import math
import re
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import xpnet
from xpnet.losses import MultiCrossEntropy
from xpnet.tables import Model, Schema, Table, load, read_schema, save_model, train
from xpnet.tables.several import Targets
from xpnet.tables.splitting import folds
from xpnet.tables.targets import Classes, Quantity, codes_of

RNG = np.random.default_rng(0)
N = 90
X = RNG.normal(size=N)
COLUMNS = {
    "x": X,
    "text": np.array(["u", "v", "w"])[np.arange(N) % 3].tolist(),
    "sign": np.where(X + 0.3 * RNG.normal(size=N) > 0, "plus", "minus").tolist(),
    "part": (np.digitize(X, [-0.7, 0.7]) + 1).tolist(),
    "size": np.exp(X) + 1.0,
    "cost": 3 + X**2,
}
TABLE = Table(COLUMNS)
CLASSES, QUANTITIES = ["sign", "part"], ["size", "cost"]
SMALL: dict[str, Any] = {"hidden": (8,), "epochs": 4}


def small(targets: Any, table: Any = TABLE, **settings: Any) -> Model:
    """A small model, for which only the columns "x" and "text" are inputs."""
    ignore = {*CLASSES, *QUANTITIES} - ({targets} if isinstance(targets, str) else {*targets})
    return train(table, targets, **{"ignore": [*ignore], **SMALL, **settings})


def files(model: Model, folder: Any, name: str) -> bytes:
    model.save(folder / name)
    return (folder / name).read_bytes()


# --- one target


@pytest.mark.parametrize("target", ["sign", "size"])
@pytest.mark.parametrize("settings", [{}, {"networks": 2}], ids=str)
def test_a_list_of_one_target_is_that_target_to_the_bit(tmp_path, target, settings):
    alone, listed = small(target, **settings), small([target], **settings)
    assert files(alone, tmp_path, "a") == files(listed, tmp_path, "b")
    assert listed.predict(TABLE).shape == (N,)
    assert (alone.residuals, alone.score) == (listed.residuals, listed.score)


# --- what is trained


@pytest.mark.parametrize("settings", [{}, {"quick": True}, {"networks": 2}], ids=str)
def test_a_target_in_other_units_is_predicted_in_other_units(settings):
    """Every quantity is standardised by itself, so a multiple of it is the same Y."""
    scaled = Table({**COLUMNS, "cost": 1000 * np.array(COLUMNS["cost"]) - 7})
    a, b = (small(QUANTITIES, table, **settings) for table in (TABLE, scaled))
    expected = a.predict(TABLE) * [1, 1000] + [0, -7]
    np.testing.assert_allclose(b.predict(scaled), expected, rtol=1e-4)
    if not settings.get("quick"):
        assert b.score["cost_r2"] == pytest.approx(a.score["cost_r2"], rel=1e-4)
        assert b.score["cost_rmse"] == pytest.approx(1000 * a.score["cost_rmse"], rel=1e-4)


def test_a_target_and_its_copy_are_the_same_problem():
    """Y has two equal columns, and each is learned about as well as the target alone."""
    x = np.random.default_rng(2).uniform(-1, 1, size=(600, 2))
    y = x[:, 0] ** 2 + x[:, 1]
    both = Table({"a": x[:, 0], "b": x[:, 1], "y": y, "copy": y})
    model = train(both, ["y", "copy"], quick=True)
    Y = model.schema.transform(both)[1]
    np.testing.assert_array_equal(Y[:, 0], Y[:, 1])
    alone = train(both, "y", ignore=["copy"], quick=True).evaluate(both)["rmse"]
    found = model.evaluate(both)
    assert max(found["y_rmse"], found["copy_rmse"], alone) < 0.1 * np.std(y)
    found = np.diff(model.predict(both), axis=1)
    assert np.sqrt(np.mean(found**2)) < 0.1 * np.std(y)


def test_no_target_is_an_input():
    for targets in (CLASSES, QUANTITIES):
        model = small(targets)
        assert model.columns == ("x", "text")
        assert model.schema.target_names == tuple(targets)
        without = Table({name: COLUMNS[name] for name in ("x", "text")})
        np.testing.assert_array_equal(model.predict(without), model.predict(TABLE))


def test_the_loss_is_that_of_all_targets():
    """The sum of the smoothed cross entropies, or the mean of the squared errors, by NumPy."""
    net, schema = small(CLASSES, quick=True).members[0]
    X, Y = schema.features(TABLE, "float32"), schema.transform(TABLE)[1]
    assert net.loss is MultiCrossEntropy((2, 3), label_smoothing=0.1)
    p, expected = net.predict(X).astype(np.float64), np.zeros(N)
    for own, y in ((p[:, :2], Y[:, 0]), (p[:, 2:], Y[:, 1])):
        np.testing.assert_allclose(own.sum(axis=1), 1, rtol=1e-5)
        smoothed = 0.9 * np.eye(own.shape[1])[y] + 0.1 / own.shape[1]
        expected -= (smoothed * np.log(own)).sum(axis=1)
    np.testing.assert_allclose(net.losses(X, Y), expected, rtol=1e-4)
    net, schema = small(QUANTITIES, quick=True).members[0]
    X, Y = schema.features(TABLE, "float32"), schema.transform(TABLE)[1]
    expected = np.mean((net.predict(X) - Y) ** 2, axis=1)
    np.testing.assert_allclose(net.losses(X, Y), expected, rtol=1e-4)


@pytest.mark.parametrize("targets", [CLASSES, QUANTITIES])
def test_a_row_that_lacks_any_target_is_left_out_and_counted(tmp_path, targets):
    said: list[str] = []
    columns = {name: np.array(cells, object) for name, cells in COLUMNS.items()}
    columns[targets[0]][[3, 7]] = None
    columns[targets[1]][[7, 10, 11]] = None
    found = small(targets, Table(columns), tell=said.append)
    assert f"2 of 90 rows have no '{targets[0]}' (first row 4) and are left out" in said
    assert f"2 of 88 rows have no '{targets[1]}' (first row 11) and are left out" in said
    rest = Table(columns).take(np.setdiff1d(np.arange(N), [3, 7, 10, 11]))
    assert files(found, tmp_path, "a") == files(small(targets, rest), tmp_path, "b")
    assert found.evaluate(Table(columns)) == found.evaluate(rest)


def test_weights_of_rows_count():
    w = np.where(X > 0, 50.0, 1.0)
    heavy = small(QUANTITIES, Table({**COLUMNS, "w": w}), weight="w", quick=True, epochs=30)
    plain = small(
        QUANTITIES, Table({**COLUMNS, "w": np.ones(N)}), weight="w", quick=True, epochs=30
    )
    y = np.column_stack([COLUMNS[name] for name in QUANTITIES])
    errors = [np.mean((m.predict(TABLE) - y)[w > 1] ** 2) for m in (heavy, plain)]
    assert errors[0] < errors[1]


def test_the_logarithm_of_every_quantity():
    model = small(QUANTITIES, log_target=True)
    for name, target in zip(QUANTITIES, model.schema.targets, strict=True):
        assert target.mean == pytest.approx(np.mean(np.log(COLUMNS[name])))
    low = Table({**COLUMNS, "cost": [*COLUMNS["cost"][:-1], -1.0]})
    with pytest.raises(ValueError, match=r"row 90, column 'cost': -1\.0 has no logarithm"):
        small(QUANTITIES, low, log_target=True)


def test_rows_are_held_out_by_combinations_of_classes():
    names = ["text", *CLASSES]
    codes = codes_of(TABLE, names)
    pairs = list(zip(*(map(str, COLUMNS[name]) for name in names), strict=True))
    order = sorted(set(pairs))
    assert codes.tolist() == [order.index(pair) for pair in pairs]
    labels = list(map(str, COLUMNS["sign"]))
    assert codes_of(TABLE, ["sign"]).tolist() == [sorted(set(labels)).index(k) for k in labels]


# --- the model


@pytest.mark.parametrize("targets", [CLASSES, QUANTITIES])
@pytest.mark.parametrize("settings", [{}, {"quick": True}, {"networks": 2}], ids=str)
def test_a_file_keeps_every_bit(tmp_path, targets, settings):
    model = small(targets, embed={"text": 2}, **settings)
    content = files(model, tmp_path, "m")
    again = load(tmp_path / "m")
    assert [m.schema for m in again.members] == [m.schema for m in model.members]
    assert (again.residuals, again.score) == (model.residuals, model.score)
    np.testing.assert_array_equal(again.predict(TABLE), model.predict(TABLE))
    assert files(again, tmp_path, "again") == content
    n = len(model.networks)
    several = pytest.warns(UserWarning, match=f"{n} networks") if n > 1 else nullcontext()
    with several:
        net = xpnet.load(tmp_path / "m")
    np.testing.assert_array_equal(net.parameters, model.network.parameters)
    assert read_schema(tmp_path / "m") == model.schema


@pytest.mark.slow
@pytest.mark.parametrize("targets", [CLASSES, QUANTITIES])
def test_every_backend_trains_and_predicts_alike(backend, targets):
    models = [small(targets, backend=b, quick=True) for b in (backend, "numpy")]
    found, expected = ([*m.predictions(TABLE).values()][1] for m in models)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("networks", [1, 2])
def test_classes_and_probabilities_of_each_target(networks):
    """By NumPy from the networks' outputs: each head's p^(1/T), divided by its sum."""
    model = small(CLASSES, networks=networks, epochs=12)
    assert model.classes == (("minus", "plus"), ("1", "2", "3"))
    expected = [np.zeros((N, 2)), np.zeros((N, 3))]
    for net, schema in model.members:
        outputs = net.predict(schema.features(TABLE, "float32")).astype(np.float64)
        for mean, own, target in zip(expected, np.split(outputs, [2], axis=1), schema.targets,
                                     strict=True):  # fmt: skip
            q = own ** (1 / target.temperature)
            mean += q / q.sum(axis=1, keepdims=True) / networks
    found, labels = model.predict_proba(TABLE), model.predict(TABLE)
    assert labels.shape == (N, 2)
    columns = model.predictions(TABLE)
    assert [*columns] == [
        "prediction_sign", "probability_sign_minus", "probability_sign_plus",
        "prediction_part", "probability_part_1", "probability_part_2", "probability_part_3",
    ]  # fmt: skip
    for t, name in enumerate(CLASSES):
        np.testing.assert_allclose(found[t], expected[t], rtol=1e-6)
        own = [model.classes[t][k] for k in found[t].argmax(axis=1)]
        assert labels[:, t].tolist() == columns[f"prediction_{name}"].tolist() == own
        for k, of_class in zip(model.classes[t], found[t].T, strict=True):
            np.testing.assert_array_equal(columns[f"probability_{name}_{k}"], of_class)


def test_classes_that_are_all_whole_numbers_are_integers():
    table = Table({**COLUMNS, "sign": np.where(X > 0, 7, -7)})
    assert small(CLASSES, table, quick=True).predict(TABLE).dtype == np.int64
    assert small(CLASSES, quick=True).predict(TABLE).dtype.kind == "U"


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("networks", [1, 2])
def test_quantities_and_intervals_of_each_target(networks, log):
    """By NumPy: (N, T) within each target's training range, and its residuals around it."""
    model = small(QUANTITIES, networks=networks, log_target=log)
    expected = np.zeros((N, 2))
    for net, schema in model.members:
        outputs = net.predict(schema.features(TABLE, "float32")).astype(np.float64)
        for t, target in enumerate(schema.targets):
            own = np.clip(outputs[:, t] * target.scale + target.mean, target.lowest, target.highest)
            expected[:, t] += (np.exp(own) if log else own) / networks
    found = model.predict(TABLE)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    columns = model.predictions(TABLE)
    assert [*columns] == ["prediction_size", "prediction_cost"]
    intervals = model.intervals(TABLE, 0.5)
    assert intervals.shape == (N, 2, 2)
    for t, target in enumerate(model.schema.targets):
        np.testing.assert_array_equal(columns[f"prediction_{target.name}"], found[:, t])
        residuals = model.residuals[t]
        half = residuals[math.ceil((len(residuals) + 1) * 0.5) - 1] * target.scale
        y = np.log(found[:, t]) if log else found[:, t]
        ends = np.column_stack([y - half, y + half])
        np.testing.assert_allclose(intervals[:, t], np.exp(ends) if log else ends)


def test_the_temperature_of_each_target_is_the_optimum_of_its_own_log_loss():
    model = small(CLASSES, networks=2, epochs=20)
    losses: list[dict[float, float]] = [{}, {}]
    for factor in (1.0, 1.05, 1 / 1.05):
        for t, target in enumerate(model.schema.targets):
            own = []
            for held, (net, schema) in zip(folds(codes_of(TABLE, CLASSES), N, 2), model.members,
                                           strict=True):  # fmt: skip
                X, Y = schema.features(TABLE, "float32", held), schema.transform(TABLE)[1]
                z = np.log(np.split(net.predict(X).astype(np.float64), [2], axis=1)[t])
                q = np.exp(z / (factor * target.temperature))
                p = q / q.sum(axis=1, keepdims=True)
                own += (-np.log(p[np.arange(len(held)), Y[held, t]])).tolist()
            losses[t][factor] = float(np.mean(own))
    assert model.schema.targets[0].temperature != model.schema.targets[1].temperature
    for name, own in zip(CLASSES, losses, strict=True):
        assert own[1.0] < min(own[1.05], own[1 / 1.05])
        assert model.score[f"{name}_log_loss"] == pytest.approx(own[1.0], rel=1e-6)


def test_the_residuals_and_scores_of_each_target_are_out_of_fold():
    model = small(QUANTITIES, networks=2)
    y = np.column_stack([COLUMNS[name] for name in QUANTITIES])
    errors = np.zeros((N, 2))
    for held, member in zip(folds(None, N, 2), model.members, strict=True):
        errors[held] = y[held] - Model((member,)).predict(TABLE.take(held))
    for t, target in enumerate(model.schema.targets):
        expected = np.sort(np.abs(errors[:, t])) / target.scale
        np.testing.assert_allclose(model.residuals[t], expected, rtol=1e-5)
        rmse = np.sqrt(np.mean(errors[:, t] ** 2))
        assert model.score[f"{target.name}_rmse"] == pytest.approx(rmse)
        r2 = 1 - rmse**2 / np.var(y[:, t])
        assert model.score[f"{target.name}_r2"] == pytest.approx(r2)
    assert model.score["rows"] == N


def test_scores_are_those_of_each_target():
    model, labels = small(CLASSES), np.column_stack([COLUMNS["sign"], COLUMNS["part"]])
    found = model.evaluate(TABLE)
    for t, name in enumerate(CLASSES):
        assert found[f"{name}_accuracy"] == np.mean(model.predict(TABLE)[:, t] == labels[:, t])
    assert [*small(QUANTITIES).evaluate(TABLE)] == ["size_r2", "size_rmse", "cost_r2", "cost_rmse"]


def test_a_cross_validation_has_the_scores_of_each_target():
    found = small(CLASSES, quick=True, cv=3).cv_score
    names = [f"{name}_{score}{sd}" for name in CLASSES for score in ("accuracy", "log_loss")
             for sd in ("", "_sd")]  # fmt: skip
    assert [*found] == names


@pytest.mark.parametrize("targets", [CLASSES, QUANTITIES])
def test_importance_is_the_rise_of_the_mean_loss(monkeypatch, targets):
    order = np.random.default_rng(1).permutation(N)
    monkeypatch.setattr("xpnet.tables.importance.permutation", lambda *_: order)
    model = small(targets)
    scales = [getattr(target, "scale", 1.0) for target in model.schema.targets]

    def mean_loss(table: Table) -> float:
        found = model.evaluate(table)
        if targets == CLASSES:
            return float(np.mean([found[f"{name}_log_loss"] for name in targets]))
        rmses = [found[f"{name}_rmse"] for name in targets]
        return float(np.mean(np.square(np.array(rmses) / scales)))

    found = model.importance(TABLE, repeats=1)
    for name in ("x", "text"):
        mixed = Table({**COLUMNS, name: np.array(COLUMNS[name], object)[order]})
        assert found[name] == pytest.approx(mean_loss(mixed) - mean_loss(TABLE), abs=1e-9)


def test_importance_of_logarithms_is_in_their_units():
    """It does not change with the targets' units, although their RMSE does."""
    scaled = Table({**COLUMNS, "cost": 1000 * np.array(COLUMNS["cost"])})
    models = [small(QUANTITIES, table, log_target=True) for table in (TABLE, scaled)]
    a, b = (m.importance(t) for m, t in zip(models, (TABLE, scaled), strict=True))
    assert a == pytest.approx(b, rel=1e-3)


def test_a_model_says_its_targets():
    assert repr(small(CLASSES, quick=True)).startswith("Model(classification of 'sign', 'part', 1")
    for targets, call, said in (
        (CLASSES, "intervals", "'sign' is a class and 'part' is a class: use predict_proba"),
        (QUANTITIES, "predict_proba", "'size' is a quantity and 'cost' is a quantity: it has no"),
    ):
        with pytest.raises(ValueError, match=said):
            getattr(small(targets, quick=True), call)(TABLE)
    with pytest.raises(ValueError, match="no rows were held out to measure errors on"):
        small(QUANTITIES, quick=True).intervals(TABLE)


# --- the schema


def test_a_users_own_network_takes_the_loss_of_the_targets(tmp_path):
    schema = Schema.fit(TABLE, CLASSES, ignore=QUANTITIES)
    X, Y = schema.transform(TABLE)
    assert (Y.shape, Y.dtype) == ((N, 2), np.int64)
    net = xpnet.Network([schema.width, 8, schema.target.width], loss=schema.target.loss, rng=0)
    net.fit(X, Y, epochs=2)
    save_model(net, schema, tmp_path / "m")
    assert read_schema(tmp_path / "m") == schema
    named = schema.predictions(net(X))
    assert named.keys() == load(tmp_path / "m").predictions(TABLE).keys()
    assert schema.transform(Table({n: c for n, c in COLUMNS.items() if n != "part"}))[1] is None
    wrong = xpnet.Network([schema.width, 8, 5], loss=MultiCrossEntropy((3, 2)))
    with pytest.raises(ValueError, match=r"has heads of \(3, 2\) classes, but the schema has \(2"):
        save_model(wrong, schema, tmp_path / "n")
    for version, target in ((2, schema.target), (3, schema.targets[0])):
        with pytest.raises(ValueError, match="has the version 3 if it has several targets"):
            Schema(schema.columns, target, version=version)
    quantities = Schema.fit(TABLE, tuple(QUANTITIES), ignore=CLASSES)
    assert quantities.target.loss == "mean_squared_error"
    assert quantities.transform(TABLE)[1].shape == (N, 2)


def good(targets: list[str]) -> dict[str, Any]:
    others = {*CLASSES, *QUANTITIES} - {*targets}
    return json.loads(Schema.fit(TABLE, targets, ignore=others).to_json())


@pytest.mark.parametrize(
    ("targets", "change", "said"),
    [
        (CLASSES, lambda f: f.update(targets={}), "'targets' is not a list"),
        (CLASSES, lambda f: f.update(targets=[]), "two or more different columns"),
        (CLASSES, lambda f: f["targets"].pop(), "two or more different columns: ['sign']"),
        (CLASSES, lambda f: f["targets"].append(f["targets"][0]), "two or more different columns"),
        (CLASSES, lambda f: f["targets"].append(3), "the target is not a JSON object, but int"),
        (CLASSES, lambda f: f.update(version=2), "the target is not a JSON object, but NoneType"),
        (CLASSES, lambda f: f.update(version=1), "kind 'numeric' is unknown"),
        (CLASSES, lambda f: f.update(target=f["targets"][0]), "no setting 'target'"),
        (CLASSES, lambda f: f["targets"][1].update(name="x"), "two with the same name"),
        (CLASSES, lambda f: f["targets"][1].update(task="rank"), "task 'rank' is unknown"),
        (CLASSES, lambda f: f["targets"][1].update(colour=1), "targets[1]: this version of xpnet"),
        (CLASSES, lambda f: f["targets"][1].update(classes=["1"]), "'classes' must have 2 or more"),
        (CLASSES, lambda f: f["targets"][1].update(temperature=9.0), "'temperature' must lie"),
        (CLASSES, lambda f: f.update(targets=[f["targets"][0], good(QUANTITIES)["targets"][0]]),
         "all classes, or all quantities"),
        (CLASSES, lambda f: f["targets"][0].update(name="part_1", classes=["2", "3"])
         or f["targets"][1].update(classes=["1_2", "1_3"]), "'probability_part_1_2'"),
        (QUANTITIES, lambda f: f["targets"][1].update(scale=0.0), "'scale' must be finite and"),
        (QUANTITIES, lambda f: f["targets"][1].pop("log"), "'log' is missing"),
    ],
)  # fmt: skip
def test_a_schema_that_is_damaged_says_where(targets, change, said):
    found = good(targets)
    assert Schema.from_json(json.dumps(found)).target_names == tuple(targets)
    change(found)
    with pytest.raises(ValueError, match=re.escape(said)):
        Schema.from_json(json.dumps(found))


@pytest.mark.parametrize(
    ("targets", "change", "said"),
    [
        (QUANTITIES, {"residuals": ((0.5,),)}, "'residuals' must have a list for each of 2"),
        (QUANTITIES, {"residuals": (0.5, 1.5)}, "'residuals' is not a list: 0.5"),
        (QUANTITIES, {"residuals": ((0.5,), (2.0, 1.0))}, "'residuals' must be sorted"),
        (QUANTITIES, {"residuals": ((0.5,), (-1.0,))}, "'residuals' must be sorted, and not neg"),
        (QUANTITIES, {"residuals": ((0.5,), ("1",))}, "'residuals' is not a number: '1'"),
        (QUANTITIES, {"residuals": ((0.5,), (1,))}, "must be 1.0, got 1"),
        (CLASSES, {"residuals": ((0.5,), (1.5,))}, "'residuals' must have a list for each of 2 qu"),
    ],
)
def test_a_file_that_is_damaged_says_where(tmp_path, targets, change, said):
    model = small(targets, quick=True)
    replace(model, **change).save(tmp_path / "m")
    with pytest.raises(xpnet.FileError, match=re.escape(said)):
        load(tmp_path / "m")


def test_networks_that_predict_other_things_are_no_model(tmp_path):
    swapped = small(CLASSES[::-1], quick=True)
    model = small(CLASSES, quick=True)
    net = swapped.network
    Model((*model.members, *swapped.members)).save(tmp_path / "m")
    with pytest.raises(xpnet.FileError, match="its networks have different targets"):
        load(tmp_path / "m")
    member = model.members[0]._replace(net=net)
    Model((member,)).save(tmp_path / "m")
    with pytest.raises(xpnet.FileError, match=r"has heads of \(3, 2\) classes, its schema of \(2"):
        load(tmp_path / "m")


# --- bad input


@pytest.mark.parametrize(
    ("targets", "settings", "error", "said"),
    [
        ([], {}, ValueError, r"the targets must be one or more different columns, got \[\]"),
        (["size", "size"], {}, ValueError, "one or more different columns, got"),
        (["size", 3], {}, TypeError, "each target must be given by its name, a str, got 3"),
        (3, {}, TypeError, "the target must be given by its name, a str, got 3"),
        ({"size", "cost"}, {}, TypeError, "the target must be given by its name"),
        (["size", "weight"], {}, ValueError, "has no column 'weight'"),
        (["size", "sign"], {}, ValueError,
         r"different tasks: 'size' is a regression \(its cells are 90 different numbers\), 'sign' "
         r"is a classification \(its cells are text\)\. Train a model for each task, or give"),
        (["size", "sign"], {"task": "regression"}, ValueError, "row 1, column 'sign': 'plus'"),
        (["size", "cost"], {"ignore": ["cost"]}, ValueError, "'cost' is the target: it can't be"),
        (["size", "cost"], {"weight": "cost"}, ValueError, "'cost' is the target: it can't be"),
        (["size", "cost"], {"text": ["size"]}, ValueError, "'size' is the target: it can't be"),
        (["sign", "part"], {"log_target": True}, ValueError, "a logarithm is for quantities"),
        (["sign", "part"], {"class_weight": "balanced"}, ValueError,
         r"class_weight \(--class-weight\) is for one target, got 'sign', 'part': train a model"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_trained(
    monkeypatch, targets, settings, error, said
):
    monkeypatch.setattr(xpnet.Network, "fit", None)
    with pytest.raises(error, match=said):
        train(TABLE, targets, **{**SMALL, **settings})


def test_targets_that_cannot_be_learned():
    holes = Table({"x": X, "a": [1.0 + (i % 2) if i < 45 else None for i in range(N)],
                   "b": [None if i < 45 else 2.5 * i for i in range(N)]})  # fmt: skip
    said = "column 'b' is missing in every row that has 'a': there is no target"
    with pytest.raises(ValueError, match=said):
        train(holes, ["a", "b"], task="regression", **SMALL)
    constant = Table({**COLUMNS, "cost": np.ones(N)})
    with pytest.raises(ValueError, match=r"column 'cost' is 1\.0 in every row"):
        small(QUANTITIES, constant, task="regression")
    one_class = Table({**COLUMNS, "part": ["p"] * N})
    with pytest.raises(ValueError, match="column 'part' has one class, 'p'"):
        small(CLASSES, one_class)
    with pytest.raises(ValueError, match="no column is left besides the target 'size', 'cost'"):
        train(Table({name: COLUMNS[name] for name in QUANTITIES}), QUANTITIES, **SMALL)


@pytest.mark.parametrize("order", [1, -1])
def test_a_class_may_be_what_is_no_number(order):
    """The column would be numbers with a wrong cell if it were an input."""
    part = ["x", *map(str, COLUMNS["part"][1:])]
    model = small(CLASSES[::order], Table({**COLUMNS, "part": part}), task="classification")
    assert model.classes[::order][1] == ("1", "2", "3", "x")


def test_columns_of_predictions_with_one_name():
    same = Table({"x": X, "a": np.where(X > 0, "b_c", "b_d").tolist(),
                  "a_b": np.where(X > 0, "c", "d").tolist()})  # fmt: skip
    said = "two columns of predictions would be called 'probability_a_b_c': rename a target or a"
    with pytest.raises(ValueError, match=said):
        train(same, ["a", "a_b"], **SMALL)


def test_single_targets_stand_alone():
    one = Quantity("a", 0.0, 1.0)
    for each in ((), (one,), (one, one), (one, Classes("b", ("p", "q")))):
        with pytest.raises(ValueError, match="the targets must be"):
            Targets(each)
