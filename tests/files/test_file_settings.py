"""A model file's settings are checked before a network is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import xpnet
from benchmarks.mutations import header_of, joined
from tests.support.model_files import closed, refused, set_at, short


def edit_settings(path: Path, keys: tuple[Any, ...], new: Any, with_checksum: bool = True) -> None:
    header, numbers = header_of(path.read_bytes())
    settings = json.loads(header["__metadata__"]["network"])
    set_at(settings, keys, new)
    header["__metadata__"]["network"] = json.dumps(settings)
    closed(path, header, numbers, with_checksum)


SETTINGS = [
    *[(("sizes",), v) for v in (None, [], [4], [4, 5, 4], [4, 5, 3, 3], "453", {}, [4.0, 5, 3])],
    *[(("sizes", 0), v) for v in (5, True, -4, 0, 10**400, "4", [], None, 4.0)],
    *[(("layers",), v) for v in (None, [], 7, "x", {}, [1, 2], [[]], [None])],
    *[(("layers", 0), v) for v in (5, None, "relu", [], {}, {"layer": "dense"})],
    (("layers", 0), {"layer": "convolution"}),
    (("layers", 0), {"layer": ["dense"]}),
    (("layers", 0), {"layer": "residual", "layers": []}),
    (("layers", 0), {"layer": "residual", "layers": [5]}),
    *[(("layers", 0, "units"), v) for v in (0, -1, 10**400, 5.0, True, "5", None, [5], ...)],
    *[(("layers", 0, "activation"), v) for v in ("relu", "nothing", 5, [], {"a": 1})],
    (("layers", 0, "colour"), 5),
    *[(("activations",), v) for v in (None, [], ["relu"], "relu", {}, ["relu"] * 3)],
    *[(("activations", 0), v) for v in (None, 5, [], {}, "nothing", "x" * 200_000)],
    *[(("activations", 1), v) for v in ("tanh", "identity", None, 5)],
    *[(("loss",), v) for v in (5, [], {}, "nothing", "x" * 200_000, {"name": 5}, {"name": []})],
    (("loss",), {"name": "huber", "delta": 10**400}),
    (("loss",), {"name": "huber", "delta": True}),
    (("loss",), {"name": "huber", "sigma": 1.0}),
    (("loss",), {"name": "huber"}),
    (("loss",), {"name": "masked", "loss": {"name": "masked", "loss": "huber"}}),
    (("loss",), {"name": "masked", "loss": "cross_entropy"}),
    (("loss",), {"name": "multi_cross_entropy", "heads": [2, 10**400]}),
    *[(("classes",), v) for v in ([], ["oak", "elm"], ["a", "b", "b"], ["a", "b", 3], "abc", 5)],
    *[(("classes",), v) for v in ({}, ["a", "b", None], [["a"], "b", "c"], list("abcd"))],
    *[(("output_named",), v) for v in (None, 0, 1, "no", [], True)],
    *[(("initializer",), v) for v in (5, "", "nothing", [], {}, True, "x" * 200_000)],
    *[(("dtype",), v) for v in (None, 5, "", "float16", "float64", "torch.float32", [], {})],
    *[(("seed",), v) for v in (None, -1, 1.0, True, "7", [], {}, -(10**400))],
    *[(("epoch",), v) for v in (None, -1, 2.0, True, "2", [], 2**53, 10**400, ...)],
    *[((name,), ...) for name in ("sizes", "layers", "activations", "loss", "classes", "seed")],
    (("colour",), "red"),
    (("xpnet_version",), "0.1.0"),
    (("extra",), {}),
]  # fmt: skip


@pytest.mark.parametrize("with_checksum", [True, False])
def test_settings_that_are_damaged_are_refused(path, with_checksum, capsys):
    """Settings that no network has, with a correct checksum and without one."""
    content = path.read_bytes()
    known = json.loads(header_of(content)[0]["__metadata__"]["network"])
    loaded = []
    for keys, new in SETTINGS:
        if keys == ("output_named",) and new is True:
            continue  # a network may name its output
        path.write_bytes(content)
        edit_settings(path, keys, new, with_checksum)
        try:
            refused(path)
        except BaseException as error:
            loaded.append((keys, repr(new)[:50], repr(error)[:200]))
    assert loaded == []
    assert known["sizes"] == [4, 5, 3]


def test_classes_of_an_open_loss_are_counted_too(tmp_path):
    path = tmp_path / "m"
    xpnet.Network([4, 3]).save(path)
    for classes, right in ((["a", "b"], False), (["a", "b", "c"], True)):
        edit_settings(path, ("classes",), classes)
        if right:
            assert xpnet.load(path).classes == tuple(classes)
        else:
            refused(path, "there are 2 classes .*, but the output has 3 units")


@pytest.mark.parametrize(
    ("keys", "new"),
    [
        (("layers", 0, "categories"), [10**400]),
        (("layers", 0, "categories"), 3),
        (("layers", 0, "categories"), []),
        (("layers", 0, "dim"), [2.5]),
        (("layers", 0, "columns"), [4]),
        (("layers", 0, "columns"), [-1]),
        (("layers", 0, "columns"), [10**400]),
        (("layers", 0, "columns"), ["0"]),
        (("layers", 0, "columns"), None),
        (("layers", 2, "momentum"), 1.0),
        (("layers", 2, "momentum"), 10**400),
        (("layers", 2, "epsilon"), float("nan")),
        (("layers", 2, "epsilon"), -1e-5),
        (("layers", 2, "epsilon"), "1e-5"),
        (("layers", 3, "rate"), 1),
        (("layers", 3, "rate"), 10**400),
        (("layers", 3, "rate"), False),
        (("layers", 4, "layers"), None),
        (("layers", 4, "layers"), [{"layer": "embedding", "categories": [3], "dim": [2]}]),
        (("layers", 4, "layers", 0, "activation"), None),
        (("layers", 4, "layers", 1), {"layer": "dropout", "rate": 0.1}),
        (("loss", "loss", "heads"), [5]),
        (("loss", "loss", "heads"), []),
        (("loss", "loss", "heads"), None),
        (("loss", "loss", "label_smoothing"), 2),
        (("loss", "loss", "label_smoothing"), 10**400),
        (("loss", "loss", "name"), 10**400),
        (("loss", "loss"), None),
        *[(("layers", 2, name), ...) for name in ("momentum", "epsilon", "layer")],
        *[(("layers", 0, name), ...) for name in ("categories", "dim", "columns")],
        (("layers", 1, "activation"), ...),
        (("loss", "loss", "label_smoothing"), ...),
    ],
    ids=short,
)
def test_settings_of_layers_and_losses_that_are_damaged_are_refused(layered, keys, new):
    edit_settings(layered, keys, new)
    refused(layered)


@pytest.mark.parametrize("n", [500, 3_000, 100_000])
@pytest.mark.parametrize("what", ["list", "object", "layers", "loss"])
def test_settings_that_are_nested_deeply_are_refused(path, n, what):
    header, numbers = header_of(path.read_bytes())
    begin, end = {
        "list": ("[", "]"),
        "object": ('{"a": ', "}"),
        "layers": ('{"layer": "residual", "layers": [', "]}"),
        "loss": ('{"name": "masked", "loss": ', "}"),
    }[what]
    key = "loss" if what == "loss" else "layers"
    inner = {"layers": '{"layer": "dense", "units": 5, "activation": "relu"}'}.get(what, "5")
    settings = json.loads(header["__metadata__"]["network"])
    settings[key] = "here"
    text = json.dumps(settings).replace('"here"', begin * n + inner + end * n)
    header["__metadata__"]["network"] = text
    closed(path, header, numbers, True)
    refused(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", "null", "NaN", '"x"', "[" * 100_000, "1" * 5000]
)
def test_settings_that_are_no_object_are_refused(path, text):
    header, numbers = header_of(path.read_bytes())
    header["__metadata__"]["network"] = text
    closed(path, header, numbers, True)
    refused(path, "cannot|can be used")


def test_equal_keys_are_refused(path):
    header, numbers = header_of(path.read_bytes())
    metadata = header["__metadata__"]
    metadata["network"] = metadata["network"].replace('"epoch"', '"seed": 7, "epoch"')
    closed(path, header, numbers, True)
    assert "its JSON has the key 'seed' more than once" in refused(path)


def test_equal_keys_of_the_header_are_refused(path):
    header, numbers = header_of(path.read_bytes())
    del header["__metadata__"]["sha256"]
    text = json.dumps(header)
    bias = json.dumps(header["layers.0.bias"])
    for twice in (f'"layers.0.bias": {bias}', '"__metadata__": {}'):
        path.write_bytes(joined(f"{text[:-1]}, {twice}}}".encode(), numbers))
        assert "more than once" in refused(path)


@pytest.mark.parametrize(
    "version", ["99", "99.0", "0.2", "0.1.1", "1.0.0rc1", "", "new", "0" * 5000]
)
def test_a_later_version_or_none_is_refused(path, version):
    header, numbers = header_of(path.read_bytes())
    header["__metadata__"]["xpnet_version"] = version
    closed(path, header, numbers, True)
    refused(path, "xpnet")


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "0.1", "0.1.0.dev3", "0.1.0rc1"])
def test_an_older_version_is_taken(path, version):
    header, numbers = header_of(path.read_bytes())
    header["__metadata__"]["xpnet_version"] = version
    closed(path, header, numbers, True)
    assert xpnet.load(path).epoch == 2


@pytest.mark.parametrize(
    "change", [{"format": "xpnet model 2"}, {"colour": "red"}, {"format": None}]
)
def test_metadata_of_another_kind_is_refused(path, change):
    header, numbers = header_of(path.read_bytes())
    metadata = {**header["__metadata__"], **change}
    header["__metadata__"] = {k: v for k, v in metadata.items() if v is not None}
    closed(path, header, numbers, True)
    refused(path)
