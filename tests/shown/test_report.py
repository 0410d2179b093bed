"""The report page: its numbers are right, it is valid HTML, safe and self-contained."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

import xpnet
from tests.support import pages
from tests.support.command import SMALL, fails, rows_of, write
from tests.support.helpers import FRUIT, needed
from tests.support.processes import python
from xpnet import tables
from xpnet.cli import main
from xpnet.datasets import load_digits, stratified_split
from xpnet.report import Images, Report, Rows
from xpnet.report.judged import Judged, judge, worst_cases
from xpnet.report.worst import worst
from xpnet.tables import Table

needed("matplotlib")

HOSTILE = f"{pages.HOSTILE}$x^_"


def parsed(path):
    """Return the text of a document, and its tree."""
    text = Path(path).read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    return text, pages.parsed(text)


def tag(element):
    """Return an element's name without the namespace of SVG elements."""
    return str(element.tag).rpartition("}")[2]


def every(tree, name):
    return [element for element in tree.iter() if tag(element) == name]


def text_of(element):
    return "".join(element.itertext())


def cells(table):
    return [
        [text_of(cell) for cell in row if tag(cell) in ("td", "th")] for row in every(table, "tr")
    ]


def table_with(tree, head):
    """Return the body of the one table with that column."""
    (found,) = [rows for rows in map(cells, every(tree, "table")) if head in rows[0]]
    return found


def metrics(tree):
    return {
        text_of(card.find("dt")): text_of(card.find("dd"))
        for card in every(tree, "div")
        if card.find("dt") is not None
    }


def facts(tree):
    """Return every line of the lists at the end."""
    return {
        row[0]: row[1] for table in every(tree, "table") for row in cells(table) if len(row) == 2
    }


def labelled(names=("a", "b", "c"), N=90):
    """Return a network trained on these class names, its examples and its history."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 4))
    Y = np.asarray(names)[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
    net = xpnet.Network([4, 8, 3], rng=1)
    history = net.fit(X, Y, epochs=5, batch_size=16, learning_rate=0.02, validation_data=(X, Y))
    return net, X, Y, history


def saved(tmp_path, report):
    report.save(tmp_path / "r.html")
    return parsed(tmp_path / "r.html")


# --- numbers


def test_the_figures_in_print_are_what_evaluate_says(tmp_path):
    net, X, Y, history = labelled()
    _, tree = saved(tmp_path, Report("title", net, history, X, Y, "these rows"))
    values = net.evaluate(X, Y, metrics=("accuracy", "f1"))
    shown = metrics(tree)
    assert shown["accuracy"] == f"{values['accuracy']:.4f}"
    assert shown["F1, mean of the classes"] == f"{values['f1']:.4f}"
    assert shown["loss"] == f"{values['loss']:.4f}"
    names, counts = np.unique(Y, return_counts=True)
    most = f"accuracy of always predicting {str(names[counts.argmax()])!r}"
    assert shown[most] == f"{counts.max() / counts.sum():.4f}"


def test_a_row_a_class_with_recall_and_precision(tmp_path):
    net, X, Y, history = labelled()
    _, tree = saved(tmp_path, Report("title", net, history, X, Y, "these rows"))
    found = net.predict_classes(X)
    rows = table_with(tree, "recall")[1:]
    assert [row[0] for row in rows] == ["a", "b", "c"]
    for name, n, recall, precision, mistaken in rows:
        assert int(n) == np.sum(name == Y)
        assert recall == f"{np.mean(found[name == Y] == name):.3f}"
        assert precision == f"{np.mean(Y[found == name] == name):.3f}"
        wrong = [other for other in found[name == Y].tolist() if other != name]
        if mistaken:
            assert wrong.count(mistaken.partition(" ")[0]) == int(mistaken[3:-1])
        else:
            assert not wrong


def test_the_losses_of_examples_are_those_that_evaluate_averages(backend):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    net = xpnet.Network([4, 6, 3], backend=backend, dtype="float64", rng=1)
    each = xpnet.to_numpy(net.losses(X, Y))
    assert each.mean() == pytest.approx(net.evaluate(X, Y)["loss"], rel=1e-12)
    P = xpnet.to_numpy(net.fit(X, Y, epochs=1) and net(X))
    each = xpnet.to_numpy(net.losses(X, Y))
    np.testing.assert_allclose(each, -np.log(P[np.arange(30), Y]), rtol=1e-9)


def test_the_worst_are_those_with_the_largest_loss():
    assert worst(np.asarray([1.0, 5.0, 2.0, 5.0, 0.0]), 3) == [1, 3, 2]


def test_the_worst_of_several_targets_have_the_largest_sum_of_losses():
    a, b = np.array([0.0, 3.0, 2.0, 1.0]), np.array([0.5, 0.0, 2.0, 3.5])
    judged = {
        name: Judged({}, [], [], losses, lambda i, name=name: (f"{name}{i}", f"{i}"))
        for name, losses in (("a", a), ("b", b))
    }
    found = worst_cases(judged)
    assert [case.number for case in found] == [3, 2, 1, 0]
    assert [case.loss for case in found] == [4.5, 4.0, 3.0, 0.5]
    assert found[0][2:] == ("a: a3, b: b3", "a: 3, b: 3")
    assert worst_cases({"": judged["a"]})[0] == (1, 3.0, "a1", "1")


def test_the_worst_rows_are_shown_with_what_they_hold(tmp_path):
    net, X, Y, history = labelled()
    rows = Rows("wxyz", lambda i: [f"{x:.6f}" for x in X[i]], lambda i: f"line {i + 2}")
    _, tree = saved(tmp_path, Report("title", net, history, X, Y, "these rows", examples=rows))
    each, found = xpnet.to_numpy(net.losses(X, Y)), net.predict_classes(X)
    head, *shown = table_with(tree, "actual")
    assert head == ["row", "loss", "actual", "predicted", "w", "x", "y", "z"]
    assert len(shown) == 12
    for row, i in zip(shown, np.argsort(-each)[:12].tolist(), strict=True):
        assert row[:3] == [f"line {i + 2}", f"{each[i]:.4g}", Y[i]]
        assert row[3] == f"{found[i]} ({net(X)[i].max():.2f})"
        assert row[4:] == [f"{x:.6f}" for x in X[i]]


def test_a_quantity_is_in_its_own_unit(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = 500 + 100 * (X[:, 0] + X[:, 1] ** 2)
    mean, scale = y.mean(), y.std()
    net = xpnet.Network([3, 8, 1], loss="mean_squared_error", rng=1)
    Y = ((y - mean) / scale)[:, None]
    history = net.fit(X, Y, epochs=10)
    rows = Rows("abc", lambda i: ["1"] * 3, lambda i: f"row {i}")
    report = Report("t", net, history, X, Y, "rows", examples=rows, quantity=("price", mean, scale))
    text, tree = saved(tmp_path, report)
    a = net(X)[:, 0].astype(float) * scale + mean
    shown = metrics(tree)
    assert float(shown["RMSE"]) == pytest.approx(np.sqrt(np.mean((a - y) ** 2)), rel=1e-4)
    assert float(shown["mean absolute error"]) == pytest.approx(np.mean(abs(a - y)), rel=1e-4)
    assert float(shown["RMSE of always predicting the mean"]) == pytest.approx(scale, rel=1e-4)
    assert float(shown["R²"]) == pytest.approx(1 - np.mean((a - y) ** 2) / y.var(), abs=1e-4)
    assert "predicted price" in text
    first = table_with(tree, "actual")[1]
    i = int(first[0].removeprefix("row "))
    assert i == np.argmax((a - y) ** 2)
    assert float(first[2]) == pytest.approx(y[i], rel=1e-5)
    assert float(first[3]) == pytest.approx(a[i], rel=1e-5)


# --- the document


def test_names_from_outside_are_text_wherever_they_stand(tmp_path):
    net, X, Y, history = labelled((HOSTILE, "_b", "$c$"))
    report = Report(
        HOSTILE,
        net,
        history,
        X,
        Y,
        HOSTILE,
        settings={HOSTILE: HOSTILE},
        data={HOSTILE: HOSTILE},
        examples=Rows([HOSTILE] * 4, lambda i: [HOSTILE] * 4, lambda i: HOSTILE),
    )
    text, tree = saved(tmp_path, report)
    assert text_of(every(tree, "title")[0]) == f"xpnet: {HOSTILE}"
    assert text_of(every(tree, "h1")[0]) == HOSTILE
    assert facts(tree)[HOSTILE] == HOSTILE
    assert not every(tree, "script")
    assert not every(tree, "img")
    assert HOSTILE not in text


def test_it_asks_for_nothing_and_runs_nothing(tmp_path):
    net, X, Y, history = labelled()
    pixels = Images(np.abs(X), (2, 2))
    text, tree = saved(tmp_path, Report("t", net, history, X, Y, "rows", examples=pixels))
    assert not every(tree, "script")
    assert not re.search(r"https?:|url\((?!#)|@import|javascript:|<!DOCTYPE svg", text)
    for element in tree.iter():
        assert not any(name.startswith("on") for name in element.attrib)
        for name in ("href", "src"):
            assert element.get(name, "#").startswith(("#", "data:image/png;base64,"))


def test_ids_are_unique_and_what_is_referred_to_is_there(tmp_path):
    net, X, Y, history = labelled()
    text, tree = saved(tmp_path, Report("t", net, history, X, Y, "rows"))
    ids = [element.get("id") for element in tree.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids)) > 10
    referred = re.findall(r'(?:href="#|url\(#)([^")]+)', text)
    assert referred
    assert set(referred) <= set(ids)


def test_pictures_say_what_they_show_and_take_the_pages_colours(tmp_path):
    net, X, Y, history = labelled()
    text, tree = saved(
        tmp_path, Report("t", net, history, X, Y, "rows", examples=Images(X, (2, 2)))
    )
    pictures = every(tree, "svg")
    assert len(pictures) == 5  # loss, accuracy, confusion, calibration, units
    for picture in pictures:
        assert picture.get("role") == "img"
        assert len(picture.get("aria-label")) > 10
        assert not every(picture, "style")
        assert not every(picture, "metadata")
    assert all(image.get("alt") for image in every(tree, "img"))
    assert "currentColor" in text
    assert not re.search("#01020[34]", text)  # the placeholder colours


def test_the_same_training_makes_the_same_page(tmp_path):
    net, X, Y, history = labelled()
    history.seconds = [1.0] * len(history)
    pages = {Report("t", net, history, X, Y, "rows").html() for _ in range(2)}
    assert len(pages) == 1


def test_a_users_own_style_changes_nothing_and_is_left_as_it_is(tmp_path):
    import matplotlib as mpl

    net, X, Y, history = labelled()
    report = Report("t", net, history, X, Y, "rows")
    before = report.html()
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "svg.hashsalt": "mine"}):
        assert report.html() == before
        assert mpl.rcParams["lines.linewidth"] == 9


# --- the command


def test_digits_has_its_page(tmp_path, capsys):
    model, page = tmp_path / "m", tmp_path / "r.html"
    assert main([*SMALL, "--out", str(model), "--report", str(page)]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f"wrote {page}\n")
    text, tree = parsed(page)
    printed = re.search(r"test accuracy (\S+), loss (\S+)", out)
    assert (metrics(tree)["accuracy"], metrics(tree)["loss"]) == printed.groups()
    images = every(tree, "img")
    assert len(images) == 12
    listed = facts(tree)
    assert (listed["training images"], listed["test images"], listed["classes"]) == (
        "1,438",
        "359",
        "10",
    )
    assert listed["network"] == "64-16-10"
    assert listed["epochs done"] == "2"
    assert listed["xpnet"] == xpnet.__version__
    assert listed["numpy"] == np.__version__
    assert "Validation uses 359 test images" in text
    assert page.stat().st_size < 300_000


def test_the_worst_images_are_the_right_ones(tmp_path):
    model, page = tmp_path / "m", tmp_path / "r.html"
    main([*SMALL, "--out", str(model), "--report", str(page)])
    images, labels = load_digits()
    _, test = stratified_split(labels, 0.2, seed=0)
    net = xpnet.load(model)
    each = xpnet.to_numpy(net.losses(images[test] / 16.0, labels[test]))
    _, tree = parsed(page)
    for image, i in zip(every(tree, "img"), np.argsort(-each)[:12].tolist(), strict=True):
        assert image.get("alt").startswith(f"example {i}: {labels[test][i]}, predicted as ")


def test_a_report_does_not_change_what_is_trained(tmp_path):
    plain, reported = tmp_path / "a", tmp_path / "b"
    main([*SMALL, "--out", str(plain)])
    main([*SMALL, "--out", str(reported), "--report", str(tmp_path / "r.html")])
    assert plain.read_bytes() == reported.read_bytes()
    table = ["train", str(FRUIT), "--target", "fruit", "--epochs", "3"]
    main([*table, "--out", str(plain)])
    main([*table, "--out", str(reported), "--report", str(tmp_path / "r.html")])
    assert plain.read_bytes() == reported.read_bytes()


def test_a_table_has_its_page_with_rows_as_they_stand_in_the_file(tmp_path, capsys):
    page = tmp_path / "r.html"
    options = ("--epochs", "3", "--out", str(tmp_path / "m"), "--report", str(page))
    assert main(["train", str(FRUIT), "--target", "fruit", *options]) == 0
    out = capsys.readouterr().out
    _, tree = parsed(page)
    assert metrics(tree)["accuracy"] == re.search(r"held-out accuracy ([\d.]+)", out)[1]
    lines = rows_of(FRUIT)
    head, *rows = table_with(tree, "actual")
    assert head[4:] == ["colour", "grown in", "weight, g"]
    assert len(rows) == 6  # all held-out rows
    for row in rows:
        assert lines[int(row[0].removeprefix("line ")) - 1] == [*row[4:], row[2]]
    assert facts(tree)["columns"] == "2 categories, 1 numeric"
    assert facts(tree)["target"] == "fruit, classification"


def test_a_table_of_a_quantity_and_without_rows_held_out(tmp_path, capsys):
    rows = [["x", "y"], *([i, 3 * i + i % 7] for i in range(60))]
    data = write(tmp_path / "t.csv", rows)
    for validation, said in (("0.25", "15 rows held out"), ("0", "the 60 training rows: none")):
        page = tmp_path / "r.html"
        options = ["--validation", validation, "--epochs", "3", "--out", str(tmp_path / "m")]
        assert main(["train", str(data), "--target", "y", *options, "--report", str(page)]) == 0
        text, tree = parsed(page)
        assert f"judged by {said}" in text
        assert "RMSE" in metrics(tree)
        found = capsys.readouterr().out
        assert ("held-out R²" in found) == (validation != "0")


@pytest.mark.parametrize("options", [(), ("--log-target",), ("--networks", "2")])
def test_the_page_and_the_command_have_the_same_scores(tmp_path, capsys, options):
    """Those of predictions within the training range, without logarithm, of all networks."""
    rows = [["x", "y"], *([i, 1 + 3 * i + i % 7] for i in range(60))]
    data, page = write(tmp_path / "t.csv", rows), tmp_path / "r.html"
    arguments = ["train", str(data), "--target", "y", "--out", str(tmp_path / "m"), "--epochs=3"]
    assert main([*arguments, "--report", str(page), *options]) == 0
    found = re.search(r"held-out R² \S+, RMSE (\S+)", capsys.readouterr().out)
    assert found
    _, tree = parsed(page)
    assert float(metrics(tree)["RMSE"]) == pytest.approx(float(found[1]), rel=1e-3)


def test_hostile_names_of_a_table(tmp_path, capsys):
    header = ["n", "</style><script>alert(1)</script>", "$k$"]
    rows = [header, *([i, "<b>", ["_u", HOSTILE][i % 2]] for i in range(40))]
    data, page = write(tmp_path / "t.csv", rows), tmp_path / "r.html"
    options = ("--epochs", "2", "--out", str(tmp_path / "m"), "--report", str(page))
    assert main(["train", str(data), "--target", "$k$", *options]) == 0
    _, tree = parsed(page)
    assert not every(tree, "script")
    assert header[1] in table_with(tree, "actual")[0]
    assert text_of(every(tree, "h1")[0]) == "$k$ from t.csv"


# --- a model of a table


def model_of_table(target, **settings):
    """Return a model and a table of rows that it has not seen, with weights."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 90))
    y = x + 0.3 * z if target == "quantity" else np.where(x > 0, "b", "a").tolist()
    columns = {"x": x, "z": z, "text": ["u", "v", "w"] * 30, "y": y,
               "w": rng.integers(1, 5, 90)}  # fmt: skip
    table = Table(columns)
    model = tables.train(
        table.take(slice(60)), "y", hidden=(4,), epochs=3, ignore=["w"], **settings
    )
    return model, table.take(np.arange(60, 90))


@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("target", ["quantity", "classes"])
@pytest.mark.parametrize("weight", [None, "w"])
def test_a_model_reports_what_it_answers(tmp_path, target, networks, weight):
    model, test = model_of_table(target, networks=networks)
    found = model.report(tmp_path / "r.html", test, weight=weight, data={"mine": "yes"})
    text, tree = parsed(tmp_path / "r.html")
    assert found.html() == text
    shown, scores, listed = metrics(tree), model.evaluate(test, weight), facts(tree)
    w = None if weight is None else test.columns["w"]
    y = test.columns["y"] if target == "quantity" else np.array(test.labels("y")) == "b"
    if target == "quantity":
        assert float(shown["R²"]) == pytest.approx(scores["r2"], abs=1e-4)
        assert float(shown["RMSE"]) == pytest.approx(scores["rmse"], rel=1e-5)
        error = np.average(abs(y - model.predict(test)), weights=w)
        assert float(shown["mean absolute error"]) == pytest.approx(error, rel=1e-5)
        rmse = np.sqrt(np.average((y - np.average(y, weights=w)) ** 2, weights=w))
        assert float(shown["RMSE of always predicting the mean"]) == pytest.approx(rmse, rel=1e-5)
    else:
        assert shown["accuracy"] == f"{scores['accuracy']:.4f}"
        assert shown["loss"] == f"{scores['log_loss']:.4f}"
        share = np.average(y, weights=w)
        name = "b" if share > 0.5 else "a"
        assert shown[f"accuracy of always predicting {name!r}"] == f"{max(share, 1 - share):.4f}"
        guess = np.array(model.predict(test)) == "b"
        f1 = needed("sklearn.metrics").f1_score(y, guess, sample_weight=w, average="macro")
        assert shown["F1, mean of the classes"] == f"{f1:.4f}"
    assert listed["mine"] == "yes"
    assert ("networks" in listed) == (networks > 1)
    assert listed["rows of the choice"].endswith(f"rows {model.score['rows']:g}")
    assert ("with the weights in 'w'" in listed["judged by"]) == (weight is not None)


@pytest.mark.parametrize("targets", ["y", ["y", "z"]])
@pytest.mark.parametrize("log", [False, True])
def test_the_loss_of_a_quantity_is_in_the_units_of_the_training(tmp_path, targets, log):
    """With the logarithm as target too, whose scale is no scale of the quantity."""
    x = np.random.default_rng(0).normal(size=90)
    table = Table({"x": x, "y": 1e5 * np.exp(x), "z": 1e-3 * np.exp(-x)})
    model = tables.train(table, targets, log_target=log, hidden=(4,), epochs=3)
    report = model.report(tmp_path / "r.html", table)
    answers = np.atleast_2d(model.predict(table).T)
    for part, target, a in zip(report.parts or [report], model.schema.targets, answers,
                               strict=True):  # fmt: skip
        y = table.columns[target.name]
        wrong = np.log(a / y) if log else a - y
        judged = judge(part)
        np.testing.assert_allclose(judged.losses, (wrong / target.scale) ** 2, rtol=1e-6)
        assert judged.metrics["loss"] == f"{judged.losses.mean():.4f}"


def test_the_importance_is_of_the_tables_columns_of_all_networks(tmp_path):
    one, test = model_of_table("quantity", quick=True)
    other, _ = model_of_table("quantity", networks=2)
    alone = tables.train(test.take(slice(20)), "y", ignore=["w", "z"], quick=True, epochs=1)
    model = tables.Model((*alone.members, *one.members, *other.members))
    model.report(tmp_path / "r.html", test)
    _, tree = parsed(tmp_path / "r.html")
    _, *rows = table_with(tree, "rise of the error")
    found = model.importance(test)
    assert [row[:2] for row in rows] == [[name, f"{rise:.4g}"] for name, rise in found.items()]
    assert sorted(found) == ["text", "x", "z"]
    assert table_with(tree, "actual")[0][4:] == ["x", "text", "z"]
    assert facts(tree)["columns"] == "2 numeric, 1 categories"
    widths = sorted({net.sizes[0] for net in model.networks})
    assert facts(tree)["inputs"] == " or ".join(map(str, widths))


def test_the_importance_of_many_rows_is_that_of_rows_from_everywhere(monkeypatch):
    """In the first rows of a sorted table, mixing hardly changes any cell."""
    x = np.linspace(-1, 1, 400)
    table = Table({"x": x, "y": 5 * x})
    model = tables.train(table, "y", hidden=(8,), epochs=60, quick=True)
    monkeypatch.setattr("xpnet.tables.reported._MOST", 100)
    found = model.report(None, table).importance["x"]
    assert found == pytest.approx(model.importance(table)["x"], rel=0.3)


@pytest.mark.parametrize("target", ["quantity", "classes"])
def test_a_model_from_a_file_reports_what_it_knows(tmp_path, target):
    model, test = model_of_table(target, cv=2)
    model.save(tmp_path / "m")
    again = tables.load(tmp_path / "m")
    again.report(tmp_path / "r.html", test, judged_by="rows of mine")
    _, whole = saved(tmp_path, model.report(None, test))
    again.report(tmp_path / "r.html", test, judged_by="rows of mine")
    text, tree = parsed(tmp_path / "r.html")
    assert metrics(tree) == metrics(whole)
    assert table_with(tree, "actual") == table_with(whole, "actual")
    titles = [[text_of(title) for title in every(t, "h2")] for t in (tree, whole)]
    assert titles[1] == ["Training", *titles[0]]
    assert f"{model.network.epoch} epochs of training, judged by rows of mine" in text
    listed = facts(tree)
    name = "r2" if target == "quantity" else "accuracy"
    assert listed["cross-validation"].startswith(f"{name} {model.cv_score[name]:.4g}")
    assert ("temperature" in listed) == (target == "classes")
    assert listed["backend"] == "numpy cpu, float32"
    assert "training time" not in listed


def test_the_page_counts_the_epochs_of_the_model_and_not_of_the_search(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 20))
    columns = {**{f"x{i}": x for i, x in enumerate(X.T)}, "y": X[:, 0] + 3 * rng.normal(size=100)}
    for networks in (1, 2):
        model = tables.train(Table(columns), "y", hidden=(64,), networks=networks)
        model.report(tmp_path / "r.html", Table(columns))
        text, tree = parsed(tmp_path / "r.html")
        n = model.history.best_epoch
        assert n < len(model.history) == 64
        assert f"{n} epochs of training, " in text
        assert facts(tree)["epochs done"] == f"{n} (64 in the curves)"
        assert facts(tree)["training time"].endswith(" s for the curves")


def test_a_page_of_training_rows_says_so(tmp_path):
    rows = [f"{i % 7}.5,{i}" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]))
    table = tables.read_csv(tmp_path / "t.csv")
    settings = {"hidden": (4,), "quick": True, "task": "regression"}
    model = tables.train(table.take(slice(30)), "y", **settings)
    said = "of them the model was trained on"
    assert f"40 rows of t.csv (30 {said}" in model.report(None, table).html()
    assert said not in model.report(None, table.take(slice(30, 40))).html()
    assert said not in model.report(None, table, judged_by="mine").html()
    model.save(tmp_path / "m")
    assert said not in tables.load(tmp_path / "m").report(None, table).html()
    frame = Table({"x": [1.5, 2.5] * 20, "y": range(40)})  # rows without a file have no name
    model = tables.train(frame.take(slice(30)), "y", **settings)
    assert said not in model.report(None, frame.take(slice(30, 40))).html()


def test_a_model_writes_no_page_over_another_file(tmp_path, monkeypatch):
    model, test = model_of_table("quantity", quick=True)
    monkeypatch.chdir(tmp_path)
    report = model.report(None, test)
    assert os.listdir() == []
    assert report.html().startswith("<!DOCTYPE html>")
    Path("t.csv").write_text("x\n1\n")
    with pytest.raises(FileExistsError, match=r"'t\.csv' exists and is not an HTML page, so it is"):
        model.report("t.csv", test)
    assert Path("t.csv").read_text() == "x\n1\n"
    for _ in range(2):  # an older page is replaced
        model.report("r.html", test)
    with pytest.raises(ValueError, match="no column 'y'"):
        model.report("s.html", Table({"x": [1.0]}))
    assert sorted(os.listdir()) == ["r.html", "t.csv"]


# --- errors before any training


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("no/such/r.html", "--report no/such/r.html: there is no folder"),
        (".", "is not a regular file"),
        ("m", "--report m is also the model file: give a different name"),
    ],
)
@pytest.mark.parametrize("data", ["digits", "table"])
def test_a_page_that_cannot_be_written(tmp_path, capsys, monkeypatch, page, said, data):
    monkeypatch.chdir(tmp_path)
    of = ["digits"] if data == "digits" else [str(FRUIT), "--target", "fruit"]
    line = fails(capsys, ["train", *of, "--out", "m", "--report", page])
    assert said in line
    assert os.listdir() == []


def test_the_page_is_never_the_table(tmp_path, capsys):
    data = tmp_path / "t.csv"
    data.write_bytes(FRUIT.read_bytes())
    line = fails(capsys, ["train", str(data), "--target", "fruit", "--report", str(data)])
    assert "is the input file: give a different name" in line
    assert data.read_bytes() == FRUIT.read_bytes()


@pytest.mark.slow
def test_without_matplotlib_nothing_is_trained(tmp_path):
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from xpnet.cli import main\n"
        "raise SystemExit(main(['train', 'digits', '--report', 'r.html']))\n"
    )
    run = python("-c", code, cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr == 'xpnet: plots need matplotlib: pip install "xpnet[plot]"\n'
    assert os.listdir(tmp_path) == []
