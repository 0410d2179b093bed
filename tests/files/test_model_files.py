"""Files of tables' models, and of several networks: what comes back, and damage that is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet
from benchmarks.mutations import header_of
from tests.support.helpers import FRUIT, OLDER
from tests.support.model_files import INPUTS, closed, refused, rewritten, set_at, short
from xpnet.backends import to_numpy
from xpnet.cli import main
from xpnet.files.load import load_all
from xpnet.layers import BatchNorm, Dropout, Embedding, Residual
from xpnet.tables import load as load_model
from xpnet.tables import read_schema, save_model
from xpnet.tables.model import Member, Model
from xpnet.tables.schema import Schema

# --- schemas


def table_model(path: Path) -> Schema:
    table = xpnet.tables.read_csv(FRUIT)
    schema = Schema.fit(table, "fruit", embed={"colour": 2})
    sizes = [schema.width, *schema.input_layers(), schema.target.width]
    save_model(xpnet.Network(sizes, loss="cross_entropy"), schema, path)
    return schema


@pytest.mark.parametrize(
    ("keys", "new"),
    [
        (("version",), True),
        (("version",), 10**400),
        (("version",), {}),
        (("columns",), [[]]),
        (("columns", 0), None),
        (("columns", 0, "colour"), "red"),
        (("columns", 0, "kind"), []),
        (("columns", 0, "kind"), "x" * 200_000),
        (("columns", 0, "known"), ["x" * 200_000] * 2),
        (("columns", 0, "known"), []),
        (("columns", 0, "dim"), 10**400),
        (("columns", 2, "center"), 10**400),
        (("columns", 2, "center"), float("inf")),
        (("columns", 2, "scale"), -1),
        (("columns", 2, "scale"), 1),
        (("columns", 2, "knots"), [1.0, 2.0]),
        (("columns", 2, "knots"), [1.0, 1.0, 2.0]),
        (("columns", 2, "flag"), 0),
        (("columns", 2, "notation"), None),
        (("holes",), None),
        (("holes",), ["a", "a"]),
        (("target", "temperature"), 0.0),
        (("target", "temperature"), float("nan")),
        (("target",), []),
        (("target", "classes"), ["a"]),
        (("target", "classes"), ["a", "a"]),
        (("target", "task"), {}),
        (("colour",), "red"),
    ],
    ids=short,
)
def test_a_damaged_schema_is_refused(tmp_path, keys, new, capsys):
    path = tmp_path / "m"
    schema = table_model(path)
    assert read_schema(path) == schema
    header, numbers = header_of(path.read_bytes())
    settings = json.loads(header["__metadata__"]["extra.schema"])
    set_at(settings, keys, new)
    header["__metadata__"]["extra.schema"] = json.dumps(settings)
    closed(path, header, numbers, True)
    of_network = keys == ("columns", 0, "dim")  # only it says how many numbers there are
    if not of_network:
        with pytest.raises(xpnet.FileError, match="has a schema that can't be used") as caught:
            read_schema(path)
        assert len(str(caught.value)) < len(str(path)) + 500
    for command in (["info", str(path)], ["predict", str(path), "new.csv"]):
        assert main(command) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)


# --- several networks in a file


def several(path: Path, backend: Any = "numpy") -> list[xpnet.Network]:
    """A file of three networks of different sizes."""
    block = Residual([4, BatchNorm(), 5])
    sizes = ([4, 5, 3], [6, Embedding(3, 2), Dropout(0.1), 3], [4, 5, block, 3])
    nets = [xpnet.Network(s, loss="cross_entropy", rng=i, backend=backend)
            for i, s in enumerate(sizes)]  # fmt: skip
    xpnet.files.save.save(nets[0], path, {"mine": "text"}, more=nets[1:])
    return nets


FIRST_OF = r"m' has {} networks, and this is the first only: xpnet\.tables\.load gives the model"


def test_every_network_comes_back_and_load_gives_the_first(tmp_path, backend):
    path = tmp_path / "m"
    nets = several(path, backend)
    for where in ("numpy", backend):
        found = load_all(path, where)
        with pytest.warns(UserWarning, match=FIRST_OF.format(3)):
            first = xpnet.load(path, where)
        for net, again in zip((*nets, nets[0]), (*found, first), strict=True):
            assert (again.sizes, again.seed, again.loss) == (net.sizes, net.seed, net.loss)
            np.testing.assert_array_equal(to_numpy(again.parameters), to_numpy(net.parameters))
            for a, b in zip(again.statistics, net.statistics, strict=True):
                np.testing.assert_array_equal(to_numpy(a), to_numpy(b))
        assert len(found) == 3
    xpnet.files.save.save(found[0], tmp_path / "again", {"mine": "text"}, more=found[1:])
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert xpnet.files.load.describe(path)["extra"] == {"mine": "text"}
    assert {net.dtype for net in load_all(path, dtype="float64")} == {"float64"}


def test_a_file_of_one_network_is_as_before(path):
    (net,) = load_all(path)
    np.testing.assert_array_equal(net.parameters, xpnet.load(path).parameters)
    for name in INPUTS:
        assert len(load_all(OLDER / f"{name}.safetensors")) == 1
    assert not [k for k in header_of(path.read_bytes())[0] if k[0].isdigit()]


def test_networks_of_two_dtypes_are_not_saved_together(tmp_path):
    nets = [xpnet.Network([4, 3], dtype=dtype) for dtype in ("float32", "float64")]
    with pytest.raises(ValueError, match="the networks of a file must have one dtype"):
        xpnet.files.save.save(nets[0], tmp_path / "m", more=nets[1:])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("with_checksum", [True, False])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m, t: m.pop("network.1"), "its metadata has the unknown entry 'network.2'"),
        (lambda m, t: m.pop("network"), "'network' is missing"),
        (lambda m, t: m.pop("network.2"), "the network has no parameter '2.layers.0.bias'"),
        (lambda m, t: m.update({"network.3": m["network.2"]}), "'3.layers.0.weight' is missing"),
        (lambda m, t: m.update({"network.4": m["network.2"]}), "unknown entry 'network.4'"),
        (lambda m, t: m.update({"network.01": m["network.2"]}), "unknown entry 'network.01'"),
        (lambda m, t: m.update({"network.1": m["network"]}), "1.layers"),
        (lambda m, t: m.update({"network.1": "{}"}), "is missing"),
        (lambda m, t: m.update({"network.1": "[" * 9000}), "nested too deeply"),
        (lambda m, t: m.update({"network.1": m["network.1"].replace("float32", "float64")}),
         "its networks have different dtypes"),
        (lambda m, t: t.pop("2.layers.0.weight"), "gaps"),
        (lambda m, t: t.update({"1.layers.9.bias": t["2.layers.0.bias"]}), "overlap"),
        (lambda m, t: t.update({"layers.9.bias": t.pop("2.layers.0.bias")}), "is missing"),
    ],
)  # fmt: skip
def test_damaged_missing_and_extra_networks_are_refused(tmp_path, change, said, with_checksum):
    path = tmp_path / "m"
    several(path)
    header, numbers = header_of(path.read_bytes())
    change(header["__metadata__"], header)
    closed(path, header, numbers, with_checksum)
    refused(path, said)
    with pytest.raises(xpnet.FileError):
        load_all(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("2.layers.0.weight"), "'2.layers.0.weight' is missing"),
        (lambda t: t.update({"1.layers.9.bias": np.ones(3, np.float32)}), "no parameter '1.lay"),
        (lambda t: t.update({"3.layers.0.bias": np.ones(3, np.float32)}), "no parameter '3.lay"),
        (lambda t: t.update({"0.layers.0.bias": np.ones(3, np.float32)}), "no parameter '0.lay"),
        (lambda t: t["2.layers.0.bias"].fill(np.nan), "NaN or infinite"),
    ],
)
def test_tensors_of_no_network_are_refused(tmp_path, change, said):
    several(tmp_path / "m")
    rewritten(tmp_path / "m", change)
    refused(tmp_path / "m", said)


def test_a_flipped_bit_of_any_network_is_refused(tmp_path):
    path = tmp_path / "m"
    several(path)
    content = path.read_bytes()
    for at in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        refused(path)


# --- models of tables


def averaged(path: Path) -> Model:
    """The file of two networks for a table, with different schemas."""
    table = xpnet.tables.read_csv(FRUIT)
    schemas = [Schema.fit(table, "fruit", pieces=pieces) for pieces in (False, True)]
    nets = [xpnet.Network([s.width, 4, 3], loss="cross_entropy", rng=i)
            for i, s in enumerate(schemas)]  # fmt: skip
    model = Model(tuple(map(Member, nets, schemas)), (0.5, 1.5), {"accuracy": 0.75, "rows": 36.0})
    model.save(path)
    return model


def test_a_model_of_several_networks_comes_back(tmp_path, capsys):
    path = tmp_path / "m"
    model = averaged(path)
    again = load_model(path)
    assert (again.residuals, again.score) == (model.residuals, model.score)
    assert [m.schema for m in again.members] == [m.schema for m in model.members]
    assert again.history is None
    np.testing.assert_array_equal(again.predict_proba(FRUIT), model.predict_proba(FRUIT))
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    with pytest.warns(UserWarning, match=FIRST_OF.format(2)):
        first = xpnet.load(path)
    np.testing.assert_array_equal(first.parameters, model.network.parameters)
    assert read_schema(path) == model.schema
    assert main(["info", str(path)]) == 0
    assert "2 networks, whose predictions are averaged; the first:\n" in capsys.readouterr().out
    assert main(["explain", str(path), str(FRUIT)]) == 0


def replaced(name: str, old: str, new: str) -> Any:
    def change(metadata: dict[str, str]) -> None:
        assert old in metadata[name]
        metadata[name] = metadata[name].replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.pop("extra.schema.1"), "'schema.1' is missing"),
        (lambda m: m.pop("extra.schema"), "was not trained on a table"),
        (lambda m: m.pop("extra.model"), "'model' is missing"),
        (lambda m: m.update({"extra.schema.2": m["extra.schema"]}), "'schema.2' is unknown"),
        (lambda m: m.update({"extra.mine": ""}), "the entry 'mine' is unknown"),
        (lambda m: m.update({"extra.schema.1": m["extra.schema"]}), "inputs and 3 outputs, its"),
        (lambda m: m.update({"extra.model": "{}"}), "'residuals' is missing"),
        (lambda m: m.update({"extra.model": "[]"}), "the model is not a JSON object"),
        (replaced("extra.model", "0.75", "NaN"), "'accuracy' must be finite"),
        (replaced("extra.model", "0.75", '"0.75"'), "'accuracy' is not a number"),
        (replaced("extra.model", "0.75", "1"), "must be 1.0, got 1"),
        (replaced("extra.model", "0.5", "2.5"), "'residuals' must be sorted"),
        (replaced("extra.model", "0.5", "-0.5"), "'residuals' must be sorted, and not negative"),
        (replaced("extra.model", '"score"', '"more": 1, "score"'), "no setting 'more'"),
        (replaced("extra.schema.1", '"apple"', '"pear"'), "its networks have different targets"),
        (replaced("extra.schema.1", '"fruit"', '"kind"'), "its networks have different targets"),
    ],
)
def test_a_model_of_a_table_that_is_damaged_is_refused(tmp_path, capsys, change, said):
    path = tmp_path / "m"
    averaged(path)
    header, numbers = header_of(path.read_bytes())
    change(header["__metadata__"])
    closed(path, header, numbers, True)
    with pytest.raises(xpnet.FileError, match=re.escape(said)) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 500
    assert main(["predict", str(path), str(FRUIT), "--out", str(tmp_path / "p.csv")]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    if said != "was not trained on a table":  # it is a file of two networks then
        assert main(["info", str(path)]) == 1
