"""A model file's tensors are checked before a network is made of them, and come back as saved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xpnet
from benchmarks.mutations import header_of, joined
from tests.support.model_files import X, closed, refused, rewritten, set_at, short
from xpnet.layers import BatchNorm
from xpnet.losses import Huber

# --- tensors


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
