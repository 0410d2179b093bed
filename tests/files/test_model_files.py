"""A model file's checksum, settings and tensors are checked before a network is built from it."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet
from benchmarks import files as mutated
from benchmarks.mutations import header_of, joined
from tests.support.helpers import FRUIT, OLDER
from xpnet.backends import to_numpy
from xpnet.cli import main
from xpnet.files.container import sealed
from xpnet.files.load import load_all
from xpnet.layers import BatchNorm, Dense, Dropout, Embedding, Residual
from xpnet.losses import Huber, Masked, MultiCrossEntropy
from xpnet.tables import load as load_model
from xpnet.tables import read_schema, save_model
from xpnet.tables.model import Member, Model
from xpnet.tables.schema import Schema

X = np.random.default_rng(0).normal(size=(20, 4))
CODES = np.column_stack([np.arange(20) % 3, X[:, 1:]])
INPUTS = {"dense": X, "layers": CODES, "open": X}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a trained network with classes."""
    net = xpnet.Network([4, 5, 3], loss="cross_entropy", rng=7)
    net.fit(X, np.array(["oak", "elm", "fir"])[np.arange(20) % 3], epochs=2)
    net.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    """The file of a network with every kind of layer and statistics."""
    block = Residual([6, BatchNorm(), Dense(4, "gelu")])
    loss = Masked(MultiCrossEntropy((2, 3)))
    net = xpnet.Network([4, Embedding(3, 2), 4, BatchNorm(), Dropout(0.1), block, 5], loss=loss)
    net.save(tmp_path / "layered.safetensors")
    return tmp_path / "layered.safetensors"


def closed(path: Path, header: dict[str, Any], numbers: bytes, with_checksum: bool) -> None:
    """Write the file again, with its checksum or, like older files, without one."""
    header["__metadata__"].pop("sha256", None)
    content = joined(json.dumps(header).encode(), numbers)
    path.write_bytes(sealed(content) if with_checksum else content)


def set_at(value: Any, keys: tuple[Any, ...], new: Any) -> None:
    for key in keys[:-1]:
        value = value[key]
    if new is ...:
        del value[keys[-1]]
    else:
        value[keys[-1]] = new


def edit_settings(path: Path, keys: tuple[Any, ...], new: Any, with_checksum: bool = True) -> None:
    header, numbers = header_of(path.read_bytes())
    settings = json.loads(header["__metadata__"]["network"])
    set_at(settings, keys, new)
    header["__metadata__"]["network"] = json.dumps(settings)
    closed(path, header, numbers, with_checksum)


def refused(path: Path, said: str = ".") -> str:
    """Return the FileError's message; check that it names the file and is one short line."""
    with pytest.raises(xpnet.FileError, match=said) as caught:
        xpnet.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()
    assert len(message) < len(str(path)) + 500
    return message


def short(value: Any) -> str:
    """Return a short test id of a parameter."""
    return str(value)[:30]


# --- older files


@pytest.mark.parametrize("name", INPUTS)
def test_a_file_without_a_checksum_loads(backend, name):
    expected = np.array(json.loads((OLDER / "outputs.json").read_text())[name])
    net = xpnet.load(OLDER / f"{name}.safetensors", backend=backend)
    found = to_numpy(net(INPUTS[name][:3].astype(net.dtype)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    header, numbers = header_of((OLDER / f"{name}.safetensors").read_bytes())
    assert "sha256" not in header["__metadata__"]
    tensors = {k: v for k, v in header.items() if k != "__metadata__"}
    W = to_numpy(net.weights[0])
    start, stop = next(v["data_offsets"] for v in tensors.values() if v["shape"] == [*W.shape])
    assert W.tobytes() == numbers[start:stop]


def test_a_table_model_without_a_checksum_predicts(tmp_path):
    out = tmp_path / "p.csv"
    assert main(["predict", str(OLDER / "table.safetensors"), str(FRUIT), "--out", str(out)]) == 0
    table = xpnet.tables.read_csv(out)
    names = [name for name in table.names if name.startswith("probability_")]
    found = np.column_stack([table.numbers(name)[:3] for name in names])
    expected = json.loads((OLDER / "outputs.json").read_text())["table"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_an_older_file_saved_again_has_a_checksum_and_the_same_tensors(tmp_path):
    net = xpnet.load(OLDER / "layers.safetensors")
    net.save(tmp_path / "m")
    (old, numbers), (new, again) = (
        header_of(p.read_bytes()) for p in (OLDER / "layers.safetensors", tmp_path / "m")
    )
    assert again == numbers
    assert set(new["__metadata__"]) - set(old["__metadata__"]) == {"sha256"}
    settings = json.loads(old["__metadata__"]["network"]) | {"feature_names": None}
    assert json.loads(new["__metadata__"]["network"]) == settings


# --- the checksum


def test_the_checksum_is_the_files_with_zeros_in_its_place(path):
    content = path.read_bytes()
    digest = header_of(content)[0]["__metadata__"]["sha256"]
    blank = content.replace(digest.encode(), b"0" * 64)
    assert len(blank) == len(content)
    assert hashlib.sha256(blank).hexdigest() == digest


def test_a_flipped_bit_anywhere_is_refused(path):
    """One bit of every byte, in the header and in the numbers, by load and by describe."""
    content = path.read_bytes()
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        for read in (xpnet.load, xpnet.files.load.describe) if at % 16 == 0 else (xpnet.load,):
            with pytest.raises(xpnet.FileError, match=re.escape(str(path))):
                read(path)


def test_a_flipped_bit_of_a_weight_is_said_to_be_damage(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    refused(path, "its checksum does not match its bytes: it is damaged")
    for read in (xpnet.files.load.describe, read_schema):
        with pytest.raises(xpnet.FileError, match="checksum"):
            read(path)


@pytest.mark.parametrize("digest", ["", "0" * 63, "G" * 64, "0" * 64, "é"])
def test_a_checksum_that_is_none(path, digest):
    header, numbers = header_of(path.read_bytes())
    header["__metadata__"]["sha256"] = digest
    path.write_bytes(joined(json.dumps(header).encode(), numbers))
    refused(path, "checksum|sha256")


# --- loading draws no weights and builds no large network


def test_no_weights_are_drawn(layered, monkeypatch):
    def refuse(*arguments: Any) -> None:
        raise AssertionError("weights are drawn")

    expected = xpnet.load(layered).parameters
    for module in (xpnet.layers.dense, xpnet.layers.embedding, xpnet.layers.residual):
        monkeypatch.setattr(module, "initial_weights", refuse)
    np.testing.assert_array_equal(xpnet.load(layered).parameters, expected)


@pytest.mark.parametrize("width", [15_000, 2**31, 10**18, 10**400], ids=short)
@pytest.mark.parametrize("with_checksum", [True, False])
@pytest.mark.parametrize("embed", [True, False])
def test_a_small_file_of_a_huge_network_is_refused_at_once(tmp_path, width, with_checksum, embed):
    path = tmp_path / "m"
    layers: list[Any] = [{"layer": "dense", "units": width, "activation": None}]
    if embed:
        embedding = {"layer": "embedding", "categories": [width], "dim": [width], "columns": [0]}
        layers = [embedding, *layers]
    settings = {
        "sizes": [width, width],
        "layers": layers,
        "activations": ["identity"],
        "loss": None,
        "classes": None,
        "output_named": False,
        "initializer": None,
        "dtype": "float32",
        "seed": 0,
        "epoch": 0,
    }
    metadata = {"format": "xpnet model 1", "xpnet_version": "0.1.0"}
    header = {"__metadata__": {**metadata, "network": json.dumps(settings)}}
    closed(path, header, b"", with_checksum)
    tracemalloc.start()
    try:
        refused(path, "layers.0.* is missing|must be a positive integer, at most")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_damaged_file_takes_no_more_memory_than_its_own(tmp_path):
    path = tmp_path / "m"
    xpnet.Network([1000, 1000, 10], initializer="zeros").save(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    tracemalloc.start()
    try:
        refused(path, "checksum")
        assert tracemalloc.get_traced_memory()[1] < len(content) + 2**21
    finally:
        tracemalloc.stop()


# --- settings

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


# --- tensors


def rewritten(path: Path, change: Any, with_checksum: bool = True) -> None:
    """Change the file's tensors by name, and write them as safetensors does."""
    from safetensors.numpy import load, save

    content = path.read_bytes()
    tensors = load(content)
    change(tensors)
    metadata = {k: v for k, v in header_of(content)[0]["__metadata__"].items() if k != "sha256"}
    content = save(tensors, metadata)
    path.write_bytes(sealed(content) if with_checksum else content)


@pytest.mark.parametrize("with_checksum", [True, False])
@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float16", "float64"]
)
@pytest.mark.parametrize("every", [True, False])
def test_weights_of_another_dtype_are_refused(path, dtype, every, with_checksum):
    def change(tensors: dict[str, Any]) -> None:
        for name in [*tensors] if every else ["layers.1.bias"]:
            tensors[name] = tensors[name].astype(dtype)

    rewritten(path, change, with_checksum)
    refused(path, "must be F32, got")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.update(colour=np.ones(3, np.float32)), "no parameter 'colour'"),
        (lambda t: t.update({"layers.2.bias": np.ones(3, np.float32)}), "no parameter 'layers.2"),
        (lambda t: t.pop("layers.1.weight"), "'layers.1.weight' is missing"),
        (lambda t: t.clear(), "is missing"),
        (
            lambda t: t.update({"layers.0.weight": t["layers.0.weight"].T.copy()}),
            r"must be \(5, 4\)",
        ),
        (lambda t: t.update({"layers.0.bias": t["layers.0.bias"][None]}), r"must be \(5,\)"),
        (lambda t: t.update({"layers.0.bias": np.ones((), np.float32)}), r"must be \(5,\)"),
        (lambda t: t["layers.0.bias"].fill(np.nan), "NaN or infinite"),
        (lambda t: t["layers.0.bias"].fill(-np.inf), "NaN or infinite"),
    ],
)
@pytest.mark.parametrize("with_checksum", [True, False])
def test_tensors_that_are_not_the_networks_are_refused(path, change, said, with_checksum):
    rewritten(path, change, with_checksum)
    refused(path, said)


def test_a_negative_running_variance_is_refused(layered):
    rewritten(layered, lambda t: t["layers.2.running_variance"].fill(-1e-3))
    refused(layered, "layers.2.running_variance is negative")


@pytest.mark.parametrize(
    ("keys", "new"),
    [
        (("layers.0.bias", "data_offsets"), [0, 16]),
        (("layers.0.bias", "data_offsets"), [4, 24]),
        (("layers.0.bias", "data_offsets"), [-20, 0]),
        (("layers.0.bias", "data_offsets"), [0, 10**400]),
        (("layers.0.bias", "data_offsets"), [0, 20, 20]),
        (("layers.0.bias", "data_offsets"), None),
        (("layers.0.bias", "data_offsets"), [0.0, 20.0]),
        (("layers.0.bias", "data_offsets"), [False, 20]),
        (("layers.0.bias", "shape"), [4]),
        (("layers.0.bias", "shape"), [5, 1]),
        (("layers.0.bias", "shape"), [-5]),
        (("layers.0.bias", "shape"), [5] + [1] * 10_000),
        (("layers.0.bias", "shape"), [10**400]),
        (("layers.0.bias", "shape"), "5"),
        (("layers.0.bias", "shape"), ...),
        (("layers.0.bias", "dtype"), "F64"),
        (("layers.0.bias", "dtype"), "F99"),
        (("layers.0.bias", "dtype"), None),
        (("layers.0.bias", "dtype"), ["F32"]),
        (("layers.0.bias", "colour"), "red"),
        (("layers.0.bias",), None),
        (("layers.0.bias",), []),
        (("layers.0.bias",), 10**400),
        (("__metadata__", "network"), None),
        (("__metadata__", "network"), ["x"]),
        (("__metadata__", "format"), 1),
    ],
    ids=short,
)
@pytest.mark.parametrize("with_checksum", [True, False])
def test_a_header_that_is_damaged_is_refused(path, keys, new, with_checksum):
    header, numbers = header_of(path.read_bytes())
    set_at(header, keys, new)
    closed(path, header, numbers, with_checksum)
    refused(path)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b'{"__metadata__": null}',
        b'{"__metadata__": []}',
        b'{"__metadata__": {"format": "xpnet model 1\xff"}}',
        b'{"\xc3": 1}',
        b"[" * 100_000,
        b'{"a": ' * 100_000,
        b"\xff\xfe{\x00}\x00",
    ],
    ids=short,
)
def test_a_header_that_is_none_is_refused(tmp_path, header):
    path = tmp_path / "m"
    path.write_bytes(joined(header, b""))
    refused(path)


@pytest.mark.parametrize("n", [1, 2**20, 100_000_001, 2**63, 2**64 - 1])
def test_a_header_longer_than_its_file_is_refused(tmp_path, n):
    path = tmp_path / "m"
    path.write_bytes(n.to_bytes(8, "little"))
    refused(path, "damaged")


# --- saving


def test_a_network_that_is_not_finite_is_not_saved(tmp_path):
    net = xpnet.Network([4, BatchNorm(), 3])
    net.take(net.parameters, tuple(s + np.inf for s in net.statistics))
    with pytest.raises(ValueError, match=r"layers\.0\.running_mean is NaN or infinite"):
        net.save(tmp_path / "m")
    net = xpnet.Network([4, 3])
    net.parameters[3] = np.nan
    with pytest.raises(ValueError, match=r"layers\.0\.weight is NaN or infinite"):
        net.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_numbers_too_large_for_the_dtype_asked_for_are_refused(tmp_path):
    net = xpnet.Network([4, 3], dtype="float64")
    net.set_parameters(np.full(15, 1e300))
    net.save(tmp_path / "m")
    assert xpnet.load(tmp_path / "m").parameters[0] == 1e300
    with pytest.raises(xpnet.FileError, match="too large for float32: keep float64"):
        xpnet.load(tmp_path / "m", dtype="float32")


@pytest.mark.parametrize(
    "settings",
    [
        {"rng": 2**128 - 1},
        {"loss": Huber(2.5)},
        {"output": "tanh"},
        {"activation": ["gelu", "tanh"]},
        {"loss": "cross_entropy", "output": "identity"},
    ],
)
def test_what_a_network_may_be_loads_and_is_saved_as_the_same_bytes(tmp_path, settings):
    xpnet.Network([4, 5, 3], **settings).save(tmp_path / "m")
    xpnet.load(tmp_path / "m").save(tmp_path / "again")
    assert (tmp_path / "m").read_bytes() == (tmp_path / "again").read_bytes()


def test_statistics_and_every_layer_come_back(layered, backend, tmp_path):
    xpnet.load(layered, backend=backend).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == layered.read_bytes()
    for dtype in ("float32", "float64"):
        net = xpnet.load(layered, backend=backend, dtype=dtype)
        assert net.dtype == dtype
        assert {str(s.dtype).rpartition(".")[2] for s in net.statistics} == {dtype}


def test_a_loaded_network_owns_its_parameters(path):
    net = xpnet.load(path)
    before = net.parameters.copy()
    assert net.parameters.flags.owndata
    net.fit(X, np.array(["oak", "elm", "fir"])[np.arange(20) % 3], epochs=1)
    np.testing.assert_array_equal(xpnet.load(path).parameters, before)


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


# --- text out of a file


def test_info_escapes_what_a_terminal_would_obey(path, capsys):
    header, numbers = header_of(path.read_bytes())
    header["__metadata__"]["xpnet_version"] = "0.1.0\x1b[31m\x07\u202e" + "x" * 1_000
    closed(path, header, numbers, True)
    assert main(["info", str(path)]) == 0
    out = capsys.readouterr().out
    assert r"written by xpnet 0.1.0\x1b[31m\x07\u202exxx" in out
    assert all(line.isprintable() and len(line) <= 200 for line in out.splitlines())


def test_info_escapes_names_of_columns_and_classes(tmp_path, capsys):
    path, evil = tmp_path / "m", "\x1b[2J\n\u202eevil" + "y" * 500
    names = np.array(["a", "b"])[np.arange(10) % 2]
    table = xpnet.tables.Table(
        {evil: np.arange(10.0), "s": np.array([evil, "z"])[np.arange(10) % 2], "t": names}
    )
    schema = Schema.fit(table, "t")
    save_model(xpnet.Network([schema.width, 2], loss="cross_entropy"), schema, path)
    assert main(["info", str(path)]) == 0
    out = capsys.readouterr().out
    assert "evil" in out
    assert all(line.isprintable() and len(line) <= 200 for line in out.splitlines())


@pytest.mark.parametrize("format", ["\x1b[31mred", "x" * 200_000, "a\nb", "\u202e"], ids=short)
def test_a_message_escapes_and_cuts_text_of_the_file(path, format, capsys):
    header, numbers = header_of(path.read_bytes())
    header["__metadata__"]["format"] = format
    closed(path, header, numbers, True)
    message = refused(path, "is not an xpnet model of a known kind, but")
    assert len(message) < len(str(path)) + 300
    assert main(["info", str(path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"xpnet: {message}\n")


def test_the_error_is_a_value_error_that_can_be_pickled(path):
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="damaged") as caught:
        xpnet.load(path)
    assert type(caught.value) is xpnet.FileError
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (xpnet.FileError, str(caught.value))


# --- mutated files


def test_mutated_files_are_refused_or_give_the_network_that_they_describe(tmp_path):
    """`python -m benchmarks files` does the same with 20,000 files."""
    (tmp_path / "models").mkdir()
    found = mutated.models(tmp_path / "models")
    outcomes = [mutated.tried(found, tmp_path, seed=3, case=case) for case in range(420)]
    assert [o for o in outcomes if o.result == "failed"] == []
    assert sum(o.result == "refused" for o in outcomes) > 200


@pytest.mark.parametrize("custom", [None, 5, "relu", (5,), Huber(), ["relu"]], ids=short)
def test_custom_is_a_tuple_of_activations_and_losses(path, custom):
    with pytest.raises(TypeError, match="custom must be a tuple of Activation and Loss, such as"):
        xpnet.load(path, custom=custom)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a model file, or is damaged: it is empty"),
        (b"1234567", "too short for a header"),
        (
            b"\xff" * 8,
            "its header would have 18,446,744,073,709,551,615 bytes, but at most 100,000,000",
        ),
        ((10).to_bytes(8, "little") + b"\0" * 10, "text that is not JSON, from line 1, column 1"),
        ((9).to_bytes(8, "little") + b'{"\xff":1}  ', "its JSON is not UTF-8, from byte 2 on"),
    ],
)
def test_the_message_says_what_the_beginning_of_a_file_is(path, content, said):
    path.write_bytes(content)
    with pytest.raises(xpnet.FileError) as refusal:
        xpnet.load(path)
    assert said in str(refusal.value)
