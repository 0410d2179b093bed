"""`xpnet.tables.train` and its `Model`: what is trained, kept, predicted and saved."""

from __future__ import annotations

import math
import tracemalloc
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.helpers import FRUIT, needed
from tests.support.tables import MAKERS, frame_of
from xpnet.tables import Model, Schema, Table, held_out, load, read_csv, train
from xpnet.tables.model import Member
from xpnet.tables.recipe import recipe_for
from xpnet.tables.splitting import folds
from xpnet.tables.targets import Classes, Quantity

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=N)
COLUMNS = {
    "x": X,
    "holes": np.where(np.arange(N) % 7 == 0, np.nan, X**2),
    "text": np.array(["u", "v", "w"])[np.arange(N) % 3].tolist(),
    "kind": np.where(X > 0, "b", "a").tolist(),
    "size": np.exp(X) + 1.0,
}
TABLE = Table(COLUMNS)
SMALL: dict[str, Any] = {"hidden": (8,), "epochs": 3}


def small(target: str, table: Any = TABLE, **settings: Any) -> Model:
    other = {"kind": "size", "size": "kind"}[target]
    return train(table, target, **{"ignore": [other], **SMALL, **settings})


def same(a: Model, b: Model) -> None:
    """Both models have the same bits in every part that a file keeps."""
    assert [m.schema for m in a.members] == [m.schema for m in b.members]
    assert (a.residuals, a.score) == (b.residuals, b.score)
    for one, two in zip(a.networks, b.networks, strict=True):
        np.testing.assert_array_equal(one.parameters, two.parameters)


# --- what is trained


@pytest.mark.parametrize("target", ["kind", "size"])
@pytest.mark.parametrize("settings", [{}, {"quick": True}, {"networks": 2}], ids=str)
def test_the_same_table_and_seed_give_the_same_bits(target, settings):
    a, b, other = (small(target, seed=seed, **settings) for seed in (3, 3, 4))
    same(a, b)
    assert not np.array_equal(a.network.parameters, other.network.parameters)


@pytest.mark.parametrize(
    ("target", "epochs", "chosen"),
    [("kind", 6, False), ("size", 20, False), ("hat", 20, True)],
)
def test_the_encoding_and_the_epochs_are_those_of_the_least_loss_on_a_fifth(target, epochs, chosen):
    said: list[str] = []
    ignore = ["size" if target == "kind" else "kind"]
    table = TABLE
    if target == "hat":  # two lines that meet at the middle knot
        table, ignore = Table({"x": X, "hat": np.abs(X - np.median(X))}), []
    model = train(table, target, ignore=ignore, hidden=(8,), epochs=epochs, tell=said.append)
    labels = np.array(COLUMNS["kind"]) if target == "kind" else None
    rows, rest = held_out(labels, N, 0.2, seed=1)
    task, found = model.schema.task, []
    for pieces in (False, True):
        schema = Schema.fit(table, target, task, rows=rows, ignore=ignore, pieces=pieces)
        A, Y = schema.transform(table)
        recipe = recipe_for(N, hidden=(8,), epochs=epochs)
        net = xpnet.Network(
            [schema.width, *recipe.layers(), schema.target.width], loss=recipe.loss(task), rng=0
        )
        history = net.fit(
            A[rows].astype("float32"), Y[rows], epochs=epochs, batch_size=128,
            optimizer=recipe.optimizer(len(rows)), validation_data=(A[rest].astype("float32"),
                                                                   Y[rest]),
        )  # fmt: skip
        losses = history.validation_loss
        found.append((min(losses), losses.index(min(losses)) + 1, pieces))
    _, best, pieces = min(found)
    assert (model.network.epoch, pieces) == (best, chosen)
    (column,) = (c for c in model.schema.columns if c.name == "x")
    assert bool(column.rule.knots) == pieces
    which = "with" if pieces else "without"
    assert said[-1] == f"{best} epochs {which} pieces are best for a fifth of the training rows"
    assert len(said) == (2 if target == "size" else 1)  # an offer of the logarithm
    everyone = Schema.fit(table, target, task, ignore=ignore, pieces=pieces)
    assert model.schema.columns == everyone.columns
    if task == "regression":
        assert model.schema.target == everyone.target


def test_quick_is_one_fit_with_pieces_on_all_rows(monkeypatch):
    fits, plain = [], xpnet.Network.fit

    def fit(net, A, Y, **settings):
        fits.append((len(A), settings["epochs"], settings.get("validation_data")))
        return plain(net, A, Y, **settings)

    monkeypatch.setattr(xpnet.Network, "fit", fit)
    model = train(TABLE, "kind", ignore=["size"], quick=True, hidden=(4,))
    assert fits == [(N, 24, None)]
    assert model.schema == Schema.fit(TABLE, "kind", ignore=["size"], pieces=True)
    assert (model.score, model.residuals) == ({}, ())
    fits.clear()
    train(TABLE, "kind", ignore=["size"], hidden=(4,))
    assert [n for n, *_ in fits] == [48, 48, N]


@pytest.mark.parametrize("target", ["kind", "size"])
def test_each_network_is_trained_without_its_own_part(target, monkeypatch):
    seen, plain = [], xpnet.Network.fit

    def fit(net, A, Y, **settings):
        seen.append((len(A), len(settings["validation_data"][0])))
        return plain(net, A, Y, **settings)

    monkeypatch.setattr(xpnet.Network, "fit", fit)
    said: list[str] = []
    model = small(target, networks=3, tell=said.append, log_target=target == "size")
    assert seen == [(40, 20)] * 6
    assert len(model.networks) == 3
    assert [line.partition(":")[0] for line in said] == [f"network {k} of 3" for k in (1, 2, 3)]
    assert model.score["rows"] == N  # each row is judged once, by the network that had it not
    labels = np.array(COLUMNS["kind"]) if target == "kind" else None
    for held, (_, schema) in zip(folds(labels, N, 3), model.members, strict=True):
        rows = np.setdiff1d(np.arange(N), held)
        pieces = bool(schema.columns[0].rule.knots)
        ignore = ["size" if target == "kind" else "kind"]
        fitted = Schema.fit(TABLE, target, schema.task, rows=rows, ignore=ignore, pieces=pieces)
        assert schema.columns == fitted.columns


def test_the_score_of_networks_is_out_of_fold():
    model = small("kind", networks=2)
    labels = np.array(COLUMNS["kind"])
    right, losses = [], []
    for held, member in zip(folds(labels, N, 2), model.members, strict=True):
        p = Model((member,)).predict_proba(TABLE.take(held))
        truth = np.array([member.schema.target.classes.index(k) for k in labels[held]])
        right += (p.argmax(axis=1) == truth).tolist()
        losses += (-np.log(p[np.arange(len(held)), truth])).tolist()
    assert model.score["accuracy"] == pytest.approx(np.mean(right))
    assert model.score["log_loss"] == pytest.approx(np.mean(losses), rel=1e-6)


def test_the_residuals_of_networks_are_out_of_fold():
    model = small("size", networks=2)
    y, errors = np.array(COLUMNS["size"]), []
    for held, member in zip(folds(None, N, 2), model.members, strict=True):
        errors += (y[held] - Model((member,)).predict(TABLE.take(held))).tolist()
    scale = model.schema.target.scale
    np.testing.assert_allclose(model.residuals, np.sort(np.abs(errors)) / scale, rtol=1e-6)
    assert model.score["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert model.score["r2"] == pytest.approx(1 - np.mean(np.square(errors)) / np.var(y))


def test_too_few_rows_to_choose_by():
    said: list[str] = []
    table = Table({"x": [1.0, 2.0], "y": [1.0, 3.0]})
    model = train(table, "y", hidden=(2,), tell=said.append)
    assert said == ["too few rows to choose by: half of the epochs, without pieces"]
    assert (model.network.epoch, model.score) == (32, {})
    with pytest.raises(ValueError, match=r"no rows were held out"):
        model.intervals(table)


def test_one_rare_class_does_not_prevent_the_choice():
    said: list[str] = []
    cells = ["rare", *COLUMNS["kind"][1:]]
    model = small("kind", Table({**COLUMNS, "kind": cells}), tell=said.append)
    assert model.classes == ("a", "b", "rare")
    assert model.score["rows"] == 12
    assert said[0].endswith("are best for a fifth of the training rows")
    assert small("kind", Table({**COLUMNS, "kind": cells}), networks=2).score["rows"] == N


@pytest.mark.parametrize("settings", [{}, {"networks": 2}], ids=str)
def test_a_class_with_a_long_name_takes_no_more_memory_than_it(settings):
    """An array of fixed width would take it for each row."""
    long = "z" * 200_000
    table = Table({**COLUMNS, "kind": [long if x > 1 else "a" for x in X.tolist()]})
    tracemalloc.start()
    try:
        assert small("kind", table, **settings).classes == ("a", long)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("n", "quick", "epochs", "dropout", "decay"),
    [
        (100, False, 64, 0.1, 1.0),
        (20_000, False, 64, 0.1, 1.0),
        (20_001, False, 16, 0.0, 24 / 157),
        (100, True, 24, 0.1, 1.0),
        (50_000, True, 8, 0.0, 24 / 391),
    ],
)
def test_the_recipe_follows_from_the_rows(n, quick, epochs, dropout, decay):
    recipe = recipe_for(n, quick=quick)
    assert (recipe.epochs, recipe.dropout, recipe.decay) == (epochs, dropout, pytest.approx(decay))
    assert (recipe.hidden, recipe.rate, recipe.batch) == ((256, 256), 3e-3, 128)
    changed = recipe_for(n, quick=quick, hidden=(4,), epochs=7)
    assert (changed.hidden, changed.epochs, changed.dropout) == ((4,), 7, dropout)
    rate = recipe.optimizer(n).learning_rate
    steps = recipe.epochs * -(-n // 128)
    assert rate(1) == 3e-3
    assert rate(1 + steps // 2) == pytest.approx(1.5e-3)
    assert rate(1 + steps) == 0


# --- rows


@pytest.mark.parametrize("target", ["kind", "size"])
def test_rows_without_a_target_are_left_out_and_counted(target):
    there = np.arange(N) % 10 != 4
    holes = {"kind": ["", None, "NA", "nan", " ? ", "NULL"], "size": [None, math.nan] * 3}[target]
    cells = [c if t else holes[i // 10] for i, (c, t) in enumerate(zip(COLUMNS[target], there,
                                                                     strict=True))]  # fmt: skip
    said: list[str] = []
    model = small(target, Table({**COLUMNS, target: cells}), tell=said.append)
    assert said[0] == f"6 of 60 rows have no '{target}' (first row 5) and are left out"
    same(model, small(target, TABLE.take(np.flatnonzero(there))))
    with pytest.raises(ValueError, match=f"column '{target}' is missing in every row"):
        small(target, Table({**COLUMNS, target: [None] * N}))


def test_no_class_that_is_a_number_is_called_as_a_hole_is():
    cells = ["1", "2", "none"] * 20
    assert small("kind", Table({**COLUMNS, "kind": cells})).classes == ("1", "2")
    text = ["a", "b", "none"] * 20  # of text, it may be one
    assert small("kind", Table({**COLUMNS, "kind": text})).classes == ("a", "b", "none")


def test_the_empty_text_is_a_hole_whether_it_is_told_or_not(tmp_path):
    model = small("kind", missing=["", "-"])
    assert model.schema.holes == ("-",)
    model.save(tmp_path / "m")
    same(model, load(tmp_path / "m"))


def test_a_mark_for_missing_counts_for_the_target_too():
    cells = ["gone" if i < 6 else k for i, k in enumerate(COLUMNS["kind"])]
    table = Table({**COLUMNS, "kind": cells})
    same(small("kind", table, missing=["gone"]),
         small("kind", TABLE.take(np.arange(6, N)), missing=["gone"]))  # fmt: skip
    assert small("kind", table).classes == ("a", "b", "gone")
    sizes = [-1.0 if i < 6 else s for i, s in enumerate(COLUMNS["size"])]
    same(small("size", Table({**COLUMNS, "size": sizes}), missing=["-1"]),
         small("size", TABLE.take(np.arange(6, N)), missing=["-1"]))  # fmt: skip


@pytest.mark.parametrize("target", ["kind", "size"])
@pytest.mark.parametrize("settings", [{}, {"quick": True}, {"networks": 2}], ids=str)
def test_a_row_of_weight_0_changes_nothing(target, settings):
    """Whatever stands in it: outliers, holes, new categories and classes, no target."""
    w = np.where(np.arange(N) % 3 == 0, 2.0, 1.0)
    weighted = Table({**COLUMNS, "w": w})
    extra = {"x": [1e9, None], "holes": [1e9, 5.0], "text": ["new", "new"], "w": [0.0, 0.0]}
    extra |= {"kind": ["c", ""], "size": [1e9, None]}
    more = Table({name: [*weighted.columns[name], *extra[name]] for name in weighted.names})
    said: list[str] = []
    found = small(target, more, weight="w", tell=said.append, **settings)
    same(found, small(target, weighted, weight="w", **settings))
    assert said[0] == "2 of 62 rows have the weight 0 and are left out"


def test_equal_weights_are_none_and_others_count():
    plain = small("size", quick=True)
    ones = small("size", Table({**COLUMNS, "w": np.ones(N)}), weight="w", quick=True)
    np.testing.assert_allclose(plain.network.parameters, ones.network.parameters, atol=1e-6)
    w = np.where(X > 0, 1.0, 1e-6)
    other = small("size", Table({**COLUMNS, "w": w}), weight="w", quick=True)
    assert not np.allclose(plain.network.parameters, other.network.parameters, atol=1e-3)
    assert "w" not in [column.name for column in other.schema.columns]


def test_heavy_rows_are_fitted_better():
    """Two lines that contradict each other: the one with the weights is learned."""
    x = np.tile(np.linspace(-1, 1, 30), 2)
    y = np.where(np.arange(60) < 30, x, -x)
    for heavy, slope in ((slice(0, 30), 1), (slice(30, 60), -1)):
        w = np.full(60, 0.01)
        w[heavy] = 1.0
        table = Table({"x": x, "y": y, "w": w})
        model = train(table, "y", task="regression", weight="w", quick=True, hidden=(16,))
        low, high = model.predict(Table({"x": [-0.8, 0.8]}))
        assert np.sign(high - low) == slope


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([-1.0] + [1.0] * 59, "row 1, column 'w': -1.0 is no weight: it is negative"),
        (
            [1.0, None] + [1.0] * 58,
            "row 2, column 'w': the weight is missing: fill the cell or leave",
        ),
        (["x"] + ["1"] * 59, "row 1, column 'w': 'x' is not among the column's numbers"),
        ([math.inf] + [1.0] * 59, "row 1, column 'w': inf is not among the column's numbers"),
        ([0.0] * 60, "column 'w' is 0 in every row, so that no row counts"),
        (["2024-01-31"] * 60, "column 'w' has dates, which are no weights"),
    ],
)
def test_what_is_no_weight_is_named(weights, said):
    with pytest.raises(ValueError, match=said):
        small("size", Table({**COLUMNS, "w": weights}), weight="w")


# --- the logarithm of the target


def test_a_logarithm_is_predicted_and_its_exponential_returned(tmp_path):
    model = small("size", log_target=True)
    target = model.schema.target
    logs = np.log(COLUMNS["size"])
    assert (target.log, target.lowest, target.highest) == (True, logs.min(), logs.max())
    assert (target.mean, target.scale) == (pytest.approx(logs.mean()), pytest.approx(logs.std()))
    found = model.predict(TABLE)
    assert found.min() >= np.min(COLUMNS["size"]) * (1 - 1e-12)
    assert found.max() <= np.max(COLUMNS["size"]) * (1 + 1e-12)
    outputs = model.network.predict(model.schema.features(TABLE).astype("float32"))[:, 0]
    z = np.clip(outputs * target.scale + target.mean, logs.min(), logs.max())
    np.testing.assert_allclose(found, np.exp(z), rtol=1e-6)
    low, high = model.intervals(TABLE, 0.5).T
    np.testing.assert_allclose(low * high, found**2, rtol=1e-9)  # even in the logarithm
    assert (low > 0).all()
    model.save(tmp_path / "m")
    same(model, load(tmp_path / "m"))


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_what_has_no_logarithm_is_named(bad):
    table = Table({**COLUMNS, "size": [*COLUMNS["size"][:-1], bad]})
    with pytest.raises(ValueError, match=f"row 60, column 'size': {bad} has no logarithm"):
        small("size", table, log_target=True)
    with pytest.raises(ValueError, match="a logarithm is for quantities, not for classes"):
        small("kind", log_target=True)


# --- the model


@pytest.mark.parametrize("target", ["kind", "size"])
@pytest.mark.parametrize("settings", [{}, {"quick": True}, {"networks": 2}], ids=str)
def test_a_file_keeps_every_bit(tmp_path, target, settings):
    model = small(target, embed={"text": 2}, missing=["-"], **settings)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    same(model, again)
    assert (again.history, again.recipe, again.interrupted) == (None, {}, False)
    for a, b in zip(model.predictions(TABLE).values(), again.predictions(TABLE).values(),
                    strict=True):  # fmt: skip
        np.testing.assert_array_equal(a, b)
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()
    n = len(model.networks)
    several = pytest.warns(UserWarning, match=f"{n} networks") if n > 1 else nullcontext()
    with several:
        net = xpnet.load(tmp_path / "m")
    np.testing.assert_array_equal(net.parameters, model.network.parameters)


@pytest.mark.slow
def test_every_backend_trains_and_predicts_alike(backend, tmp_path):
    settings = {"quick": True, "embed": {"text": 2}}
    model, plain = (small("size", backend=b, **settings) for b in (backend, "numpy"))
    np.testing.assert_allclose(model.predict(TABLE), plain.predict(TABLE), rtol=1e-3)
    model.save(tmp_path / "m")
    for where in (backend, "numpy"):
        found = load(tmp_path / "m", where).predict(TABLE)
        np.testing.assert_allclose(found, model.predict(TABLE), rtol=1e-5)


@pytest.mark.parametrize("networks", [1, 2])
def test_classes_and_their_probabilities(networks):
    model = small("kind", networks=networks)
    p = model.predict_proba(TABLE)
    assert (p.shape, p.dtype, model.classes) == ((N, 2), np.float64, ("a", "b"))
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    labels = model.predict(TABLE)
    assert labels.tolist() == [model.classes[k] for k in p.argmax(axis=1)]
    found = model.predictions(TABLE)
    assert list(found) == ["prediction", "probability_a", "probability_b"]
    np.testing.assert_array_equal(np.column_stack(list(found.values())[1:]), p)
    each = [Model((member,)).predict_proba(TABLE) for member in model.members]
    np.testing.assert_allclose(p, np.mean(each, axis=0), rtol=1e-12)
    for call in (lambda: model.intervals(TABLE), lambda: model.intervals(TABLE, 0.5)):
        with pytest.raises(ValueError, match="'kind' is a class: use predict_proba"):
            call()


@pytest.mark.parametrize("networks", [1, 2])
def test_quantities_are_within_what_training_had(networks):
    model = small("size", networks=networks)
    x, holes = [1e9, -1e9, None, 0], [1e9, None, -1e9, 0]
    far = Table({"x": x, "holes": holes, "text": ["u", "new", "", "u"]})
    y = model.predict(far)
    assert (y.shape, y.dtype) == ((4,), np.float64)
    assert (y >= min(COLUMNS["size"]) - 1e-12).all()
    assert (y <= max(COLUMNS["size"]) + 1e-12).all()
    assert list(model.predictions(far)) == ["prediction"]
    each = [Model((member,)).predict(far) for member in model.members]
    np.testing.assert_allclose(y, np.mean(each, axis=0), rtol=1e-12)
    for call in (lambda: model.classes, lambda: model.predict_proba(far)):
        with pytest.raises(ValueError, match="'size' is a quantity: it has no classes"):
            call()


def test_intervals_are_the_prediction_and_the_residuals():
    model = small("size", networks=2)
    y, scale = model.predict(TABLE), model.schema.target.scale
    for coverage in (0.5, 0.9):
        low, high = model.intervals(TABLE, coverage).T
        k = math.ceil((N + 1) * coverage)
        width = model.residuals[k - 1] * scale
        np.testing.assert_allclose(low, y - width)
        np.testing.assert_allclose(high, y + width)
    assert (np.diff(model.intervals(TABLE)) > 0).all()
    for coverage in (0, 1, -0.5, 1.5, math.nan, "0.9", None, True):
        with pytest.raises(ValueError, match="coverage must lie between 0 and 1, got"):
            model.intervals(TABLE, coverage)
    with pytest.raises(ValueError, match=r"coverage can be at most 0\.983607, got 0\.99"):
        model.intervals(TABLE, 0.99)


def test_the_temperature_is_in_every_schema_and_in_the_probabilities():
    model = small("kind", networks=2, epochs=12)
    T = {member.schema.target.temperature for member in model.members}
    assert len(T) == 1
    assert {1.0} != T
    net, schema = model.members[0]
    outputs = net.predict(schema.features(TABLE).astype("float32")).astype(float)
    q = outputs ** (1 / T.pop())
    np.testing.assert_allclose(
        Model(model.members[:1]).predict_proba(TABLE), q / q.sum(axis=1, keepdims=True), rtol=1e-6
    )


def test_outputs_that_are_not_finite_name_the_row():
    schema = Schema((small("size").schema.columns[0],), Quantity("size", 0.0, 1.0, 0.0, 1.0))
    net = xpnet.Network([schema.width, 1], loss="mean_squared_error")
    net.set_parameters(np.full(net.parameters.shape, 3e38))
    far = Table({"x": [X.mean(), 1e9]})
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="for row 2 are not finite"):
        Model((Member(net, schema),)).predict(far)
    classes = Schema(schema.columns, Classes("kind", ("a", "b")))
    net = xpnet.Network([schema.width, 2], loss="cross_entropy")
    net.set_parameters(np.full(net.parameters.shape, 3e38))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="for row 2 are not finite"):
        Model((Member(net, classes),)).predict_proba(far)


def test_a_table_may_be_a_path_a_frame_or_a_table(tmp_path):
    path = tmp_path / "t.csv"
    xpnet.tables.write_csv(path, {n: TABLE.labels(n) for n in TABLE.names})
    model = small("kind")
    for given in (path, str(path), read_csv(path)):
        same(model, small("kind", given))
        np.testing.assert_array_equal(model.predict_proba(given), model.predict_proba(TABLE))


@pytest.mark.parametrize("library", MAKERS)
def test_a_data_frame_is_trained_on_and_predicted(library):
    columns = {n: [None if v != v else v for v in np.asarray(c).tolist()]
               for n, c in COLUMNS.items()}  # fmt: skip
    frame = frame_of(library, columns)
    model = small("kind", frame)
    same(model, small("kind"))
    np.testing.assert_array_equal(model.predict(frame), model.predict(TABLE))


def test_columns_may_be_in_any_order_and_the_target_missing():
    model = small("kind")
    names = [name for name in reversed(TABLE.names) if name not in ("kind", "size")]
    other = Table({"new": [[1]] * N, **{name: TABLE.columns[name] for name in names}})
    np.testing.assert_array_equal(model.predict_proba(other), model.predict_proba(TABLE))
    with pytest.raises(ValueError, match="the table has no column 'holes': its columns are"):
        model.predict(Table({"x": [1.0], "text": ["u"]}))


@pytest.mark.slow
def test_real_rows_are_predicted_well():
    """A sanity check: iris, and the fruit."""
    iris = needed("sklearn.datasets").load_iris()
    columns = dict(zip("abcd", iris.data.T, strict=True))
    names = np.array(["setosa", "versicolor", "virginica"])[iris.target].tolist()
    table, rows = Table({**columns, "kind": names}), np.arange(0, 150, 3)
    model = train(table.take(np.setdiff1d(np.arange(150), rows)), "kind", quick=True)
    assert np.mean(model.predict(table.take(rows)) == np.array(names)[rows]) >= 0.9
    fruit = train(FRUIT, "fruit", quick=True)
    assert np.mean(fruit.predict(FRUIT) == np.array(read_csv(FRUIT).text("fruit"))) >= 0.9


# --- bad input


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"task": "rank"}, ValueError, "task must be 'classification' or 'regression', got 'rank"),
        ({"networks": 0}, ValueError, "networks must be a positive integer, got 0"),
        ({"networks": 61}, ValueError, "60 rows are too few for 61 parts"),
        ({"networks": 1.5}, TypeError, r"networks must be a positive integer, got 1\.5"),
        ({"epochs": 0}, ValueError, "epochs must be a positive integer, got 0"),
        ({"epochs": 2.0}, TypeError, r"epochs must be a positive integer, got 2\.0"),
        ({"weight": 3}, TypeError, "weight must be given by its name, a str, got 3"),
        ({"weight": np.ones(60)}, TypeError, "got ndarray: weights are a column of the table"),
        ({"time": 3}, TypeError, r"train\(\) has no keyword 'time': write seconds="),
        ({"cvv": 3}, TypeError, r"train\(\) has no keyword 'cvv', did you mean cv\?"),
        ({"zzzzzz": 3}, TypeError, r"train\(\) has no keyword 'zzzzzz'; it has table, target"),
        ({"hidden": 8}, TypeError, r"hidden must be a tuple of widths, such as \(256, 256\), got"),
        ({"hidden": (0,)}, ValueError, "positive integer"),
        ({"missing": "NA"}, TypeError, "missing must be a list of texts"),
        ({"missing": [3]}, TypeError, "missing must be a list of texts"),
        ({"missing": 3}, TypeError, "missing must be a list of texts"),
        ({"missing": [[3]]}, TypeError, r"missing must be a list of texts.*got \[\[3\]\]"),
        ({"ignore": "x"}, TypeError, "ignore must be a list of columns"),
        ({"ignore": "x", "weight": "size"}, TypeError, "ignore must be a list of columns"),
        ({"text": "x"}, TypeError, "text must be a list of columns"),
        ({"embed": ["x"]}, TypeError, "embed must be a dict"),
        ({"read_as": ["x"]}, TypeError, "read_as must be a dict"),
        ({"read_as": {"x": "days"}}, ValueError, "unknown way to read a column 'days'"),
        ({"read_as": {"xx": "text"}}, ValueError, "no column 'xx'"),
        ({"weight": "ww"}, ValueError, "no column 'ww'"),
        ({"weight": "kind"}, ValueError, "'kind' is the target|not among the column's numbers"),
        ({"seed": -1}, ValueError, "rng|seed"),
        ({"dtype": "float16"}, ValueError, "float16"),
        ({"backend": "tf"}, ValueError, "tf"),
    ],
)
def test_what_is_wrong_is_said(settings, error, said):
    with pytest.raises(error, match=said):
        small("kind", **settings)


def test_a_target_that_cannot_be_learned():
    for cells, said in (
        ([3.5] * N, r"column 'size' is 3\.5 in every row: there is nothing to predict"),
        (["a"] * N, "column 'size' has one class, 'a': a target needs two or more"),
    ):
        with pytest.raises(ValueError, match=said):
            small("size", Table({**COLUMNS, "size": cells}))
    with pytest.raises(ValueError, match="no column 'sizes': did you mean 'size'"):
        train(TABLE, "sizes")


def test_what_is_no_table():
    needed("narwhals")
    with pytest.raises(TypeError, match="the data frame can't be read"):
        train([1], "x")


def test_a_dict_of_columns_is_a_table():
    columns = {"x": [1.0, 2.0, 3.0, 4.0], "y": ["a", "b", "a", "b"]}
    model = train(columns, "y", quick=True, epochs=1)
    assert model.predict({"x": [1.0]}).tolist() == model.predict(Table({"x": [1.0]})).tolist()


def test_networks_begin_with_different_weights():
    model = train(TABLE, "size", networks=3, epochs=1, hidden=(4,), seed=7)
    assert [net.seed for net in model.networks] == [7, 8, 9]
