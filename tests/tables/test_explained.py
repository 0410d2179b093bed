"""`Model.explain`: the first network's pass, and how the model's answer follows from it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np
import pytest

from tests.support.command import fails, write
from xpnet.cli import main
from xpnet.tables import Model, Table, load, train

RNG = np.random.default_rng(0)
N = 40
X = RNG.normal(size=N)
COLUMNS: dict[str, Any] = {
    "x": X,
    "text": np.array(["u", "v", "w"])[np.arange(N) % 3].tolist(),
    "kind": np.where(X > 0, "b", "a").tolist(),
    "size": np.exp(X) + 1.0,
}
TABLE = Table(COLUMNS)


def trained(target: str, **settings: Any) -> Model:
    other = {"kind": "size", "size": "kind"}[target]
    return train(TABLE, target, ignore=[other], hidden=(4,), epochs=3, **settings)


@pytest.mark.parametrize("target", ["kind", "size"])
@pytest.mark.parametrize("example", [None, 7])
def test_it_is_the_explanation_of_the_first_network(target, example):
    model = trained(target, networks=2)
    found = model.explain(TABLE, example, (3, 0, 1), check=False)
    net, schema = model.members[0]
    A, Y = schema.transform(TABLE)
    plain = net.explain(A, Y, example, (3, 0, 1), check=False)
    assert [row.symbol for row in found] == [row.symbol for row in plain]
    for one, two in zip(found, plain, strict=True):
        np.testing.assert_array_equal(one.array, two.array)
    assert (found.entry.value, found.loss, found.title) == (
        (plain.entry.value, plain.loss, plain.title)
    )
    assert found.inputs == schema.input_names()
    assert found.outputs == (("a", "b") if target == "kind" else ("size",))
    assert plain.notes == ()
    assert found.notes[0].startswith("This is the first of 2 networks.")


@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("target", ["kind", "size"])
def test_the_notes_lead_from_the_outputs_to_the_answer(target, networks):
    model = trained(target, networks=networks, log_target=target == "size")
    found = model.explain(TABLE, 7)
    (how,) = [note for note in found.notes if note.startswith("This network's answer is ")]
    last = found[f"A_{found.layers[-1].label}"].array[0].astype(float)
    first = Model(model.members[:1])
    numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", how)]
    if target == "kind":
        p = last ** (1 / numbers[-1])
        np.testing.assert_allclose(p / p.sum(), first.predict_proba(TABLE)[7], rtol=1e-3)
        p = model.predict_proba(TABLE)[7]
        k = int(p.argmax())
        said = f"The model answers {model.classes[k]} with the probability {p[k]:.4g}"
        each = [Model((m,)).predict_proba(TABLE)[7][k] for m in model.members]
    else:
        mean, scale, _, low, high = numbers
        y = np.exp(np.clip(mean + scale * last[0], low, high))
        assert "ln size = " in how
        assert y == pytest.approx(first.predict(TABLE)[7], rel=1e-4)
        said = f"The model answers size = {model.predict(TABLE)[7]:.6g}"
        each = [Model((m,)).predict(TABLE)[7] for m in model.members]
    if networks > 1:
        said += f", the mean of {', '.join(f'{value:.4g}' for value in each)}"
    assert found.notes[-1] == f"{said}."
    assert len(found.notes) == (2 if networks == 1 else 3)


@pytest.mark.parametrize("target", ["kind", "size"])
def test_the_errors_of_all_networks_stand_beside_that_of_their_mean(target):
    model = trained(target, networks=3)
    name = "log_loss" if target == "kind" else "rmse"
    each = [Model((member,)).evaluate(TABLE)[name] for member in model.members]
    numbers = re.findall(r"\d+\.\d+", model.explain(TABLE).notes[-1])
    assert [float(n) for n in numbers] == pytest.approx(
        [*each, model.evaluate(TABLE)[name]], rel=1e-3
    )
    assert not any("on these rows" in note for note in trained(target).explain(TABLE).notes)


def of_two(y, z, networks):
    table = Table({"x": X, "y": y, "z": z})
    model = train(table, ["y", "z"], hidden=(4,), epochs=3, networks=networks)
    first = replace(model, members=model.members[:1])
    return model, first, table, model.explain(table, 7)


def note_on_z(found):
    """The note that says how z follows from the first network's outputs."""
    (how,) = (note for note in found.notes if note.startswith("This network's answer for z is "))
    return how


@pytest.mark.parametrize("networks", [1, 2])
def test_each_of_several_quantities_has_its_notes(networks):
    model, first, table, found = of_two(X**2, 3 * X - 1, networks)
    means = model.predict(table)[7]
    for note, name, mean in zip(found.notes[-2:], "yz", means, strict=True):
        assert note.startswith(f"The model answers {name} = {mean:.6g}")
        assert note.count("the mean of") == networks - 1
    assert found.outputs == ("y", "z")
    mean, scale = (float(n) for n in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", note_on_z(found))[:2])
    A = found[f"A_{found.layers[-1].label}"].array[0, 1]
    low, high = model.schema.targets[1].lowest, model.schema.targets[1].highest
    expected = pytest.approx(first.predict(table)[7, 1], rel=1e-4)
    assert np.clip(mean + scale * A, low, high) == expected


@pytest.mark.parametrize("networks", [1, 2])
def test_each_of_several_targets_of_classes_has_its_notes(networks):
    classes = np.where(X > 0, "b", "a"), np.array(["u", "v"])[np.arange(N) % 2]
    model, first, table, found = of_two(*classes, networks)
    for note, name, p, k in zip(
        found.notes[-2:], "yz", model.predict_proba(table), model.classes, strict=True
    ):
        best = int(p[7].argmax())
        said = f"The model answers for {name} {k[best]} with the probability {p[7, best]:.4g}"
        assert note.startswith(said)
        assert note.count("the mean of") == networks - 1
    assert found.outputs == ("y: a", "y: b", "z: u", "z: v")
    Z = found[f"Z_{found.layers[-1].label}"].array[0].astype(float)
    how = re.search(r"softmax\(.*\[n, (\d):(\d)\] / T\).* T = (.*)\.$", note_on_z(found))
    p = np.exp(Z[int(how[1]) : int(how[2])] / float(how[3]))
    np.testing.assert_allclose(p / p.sum(), first.predict_proba(table)[1][7], rtol=2e-3)


@pytest.mark.parametrize("y", [np.where(X > 0, "b", "a"), X**2])
def test_the_last_note_on_several_rows_has_the_error_of_the_mean(y):
    model, _, table, _ = of_two(y, y[::-1], 2)
    error = re.findall(r"\d+\.\d+", model.explain(table).notes[-1])[-1]
    Xs = [member.features(table) for member in model.members]
    assert float(error) == pytest.approx(model.error_of(table, Xs), rel=1e-3)


def test_a_network_without_a_temperature_needs_no_note():
    assert trained("kind", quick=True).explain(TABLE).notes == ()


def test_notes_are_printed_and_stand_on_the_page(tmp_path):
    model = trained("kind", networks=2)
    found = model.explain(TABLE)
    assert len(found.notes) == 3
    text = " ".join(str(found).split())
    assert all(note in text for note in found.notes)
    assert max(map(len, str(found).splitlines())) <= 100
    found.save(tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert all(f"<p>{escape(note)}</p>" in page for note in found.notes)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_names_with_escapes_do_no_harm_in_a_terminal(task):
    escape = "\x1b[31m\n"
    cells = [f"a{escape}", f"b{escape}"] * 20 if task == "classification" else X
    table = Table({"x": X, f"y{escape}": cells})
    model = train(table, f"y{escape}", hidden=(4,), epochs=2, networks=2)
    found = model.explain(table, 0)
    assert "\\x1b[31m" in found.notes[-1]
    assert "\x1b" not in str(found)
    assert not any("\n" in note for note in found.notes)


def test_the_command_prints_what_the_model_explains(tmp_path, capsys):
    names = ["x", "text", "size"]
    rows = [names, *zip(*(TABLE.labels(name) for name in names), strict=True)]
    rows.insert(3, ("0.5", "u", ""))
    data, path = write(tmp_path / "t.csv", rows), tmp_path / "m"
    train(data, "size", hidden=(4,), epochs=3, networks=2).save(path)
    for options in ([], ["--dtype", "float64"]):
        asked = ["--example", "7", "--entry", "3,0,1"]
        assert main(["explain", str(path), str(data), *asked, *options]) == 0
        out = capsys.readouterr().out
        model = load(path, dtype=options[-1] if options else None)
        same = re.compile(r"[\d.]+ [mµn]?s\b| +")  # but for times
        said = str(model.explain(data, 7, (3, 0, 1)))
        assert same.sub("", said) in same.sub("", out)
        assert f"{model.network.dtype} on numpy" in out
    assert main(["explain", str(path), str(data)]) == 0
    out = capsys.readouterr().out
    assert "1 of 41 rows have no 'size' (first line 4) and are left out\n" in out


@pytest.mark.parametrize("target", ["kind", "size"])
def test_an_example_is_a_row_of_the_table_as_it_is_given(target, tmp_path, capsys):
    model, n = trained(target), 6
    cells = TABLE.labels(target)
    cells[2] = ""
    table = Table({**COLUMNS, target: cells})
    found, plain = model.explain(table, n), model.explain(TABLE, n)
    assert found.title == plain.title
    assert f"example {n}, " in found.title
    for one, two in zip(found, plain, strict=True):
        np.testing.assert_array_equal(one.array, two.array)
    error = rf"row 3 is example 2 and has no '{target}', the target"
    with pytest.raises(ValueError, match=error):
        model.explain(table, 2)
    rows = [table.names, *zip(*(table.labels(name) for name in table.names), strict=True)]
    data = write(tmp_path / "t.csv", rows)
    model.save(tmp_path / "m")
    line = fails(capsys, ["explain", str(tmp_path / "m"), str(data), "--example", "2"])
    assert f"t.csv, line 4 is example 2 and has no '{target}'" in line
    assert main(["explain", str(tmp_path / "m"), str(data), "--example", str(n)]) == 0
    assert f"example {n}, " in capsys.readouterr().out


def test_a_table_without_the_target_and_an_example_that_is_not_there(tmp_path, capsys):
    model = trained("size")
    without = Table({"x": X, "text": COLUMNS["text"]})
    with pytest.raises(ValueError, match="no column 'size', the target: the backward pass starts"):
        model.explain(without)
    for example, error in ((N, ValueError), (-1, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="example must"):
            model.explain(TABLE, example)
    model.save(tmp_path / "m")
    data = write(tmp_path / "t.csv", [["x", "text"], [1, "u"]])
    line = fails(capsys, ["explain", str(tmp_path / "m"), str(data)])
    assert f"{data} has no column 'size', the target" in line


@pytest.mark.parametrize("dtype", ["float32", "float64", None])
def test_a_model_is_loaded_in_any_dtype(tmp_path, dtype):
    model = trained("size", networks=2)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m", dtype=dtype)
    assert {net.dtype for net in again.networks} == {dtype or "float32"}
    np.testing.assert_allclose(again.predict(TABLE), model.predict(TABLE), rtol=1e-4)


# --- info


def test_info_lists_the_columns_of_all_networks_where_they_differ(tmp_path, capsys):
    both = trained("kind", networks=2)
    alone = train(TABLE, "kind", ignore=["size", "text"], hidden=(4,), epochs=3)
    a, b = both.members
    for members in ((a, a), (a, b), (a, b, a), (*both.members, *alone.members)):
        Model(members, both.residuals, both.score).save(tmp_path / "m")
        assert main(["info", str(tmp_path / "m")]) == 0
        out = capsys.readouterr().out
        lines = out[out.index("from 2 columns:") :].splitlines()[1:]
        for name in ("x", "text"):
            each = []
            for member in members:
                found = [c for c in member.schema.columns if c.name == name]
                each.append(f"{found[0].kind}, {found[0].about()}" if found else "left out")
            if len(set(each)) == 1:
                assert f"  {name!r}: {each[0]}" in lines
                continue
            at = lines.index(f"  {name!r}:")
            for text in dict.fromkeys(each):
                at += 1
                numbers = [str(k + 1) for k in range(len(each)) if each[k] == text]
                several = "s" if len(numbers) > 1 else ""
                assert lines[at] == f"    network{several} {', '.join(numbers)}: {text}"
        widths = {"-".join(map(str, member.net.sizes)) for member in members}
        assert ("\nwidths:\n" in out) == (len(widths) > 1)
