"""A model file's checksum and size are checked before a network is made of it."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest

import xpnet
from benchmarks import files as mutated
from benchmarks.mutations import header_of, joined
from tests.support.helpers import FRUIT, OLDER
from tests.support.model_files import INPUTS, closed, refused, short
from xpnet.backends import to_numpy
from xpnet.cli import main
from xpnet.losses import Huber
from xpnet.tables import read_schema, save_model
from xpnet.tables.schema import Schema

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
