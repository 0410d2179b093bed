"""Model files: a saved network comes back bit for bit, and a damaged file is refused."""

from __future__ import annotations

import json
import os
import stat
import struct
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.backends import other
from tests.support.helpers import BACKENDS, needed
from xpnet.backends import to_numpy

safetensors_numpy = needed("safetensors.numpy")

X = np.random.default_rng(0).normal(size=(23, 4)).astype(np.float32)
LABELS = np.arange(23) % 3
ROWS = np.random.default_rng(1).normal(size=(23, 3)).astype(np.float32)
FIT = {"epochs": 2, "batch_size": 5}


def trained(**settings: Any) -> xpnet.Network:
    """Return a network 4-6-5-3 after two epochs, so that biases and the epoch are not zero."""
    settings = {"loss": "cross_entropy", "activation": "tanh", "rng": 11, **settings}
    net = xpnet.Network([4, 6, 5, 3], **settings)
    net.fit(X, LABELS, **FIT)
    return net


def header(path: Path) -> dict[str, Any]:
    """Read the JSON header of a safetensors file without the library."""
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    found: dict[str, Any] = json.loads(content[8 : 8 + size])
    return found


def same(found: xpnet.Network, expected: xpnet.Network) -> bool:
    """Return whether settings and the parameters' bits agree."""
    return (
        found.sizes == expected.sizes
        and [f.activation.name for f in found.layers]
        == [f.activation.name for f in expected.layers]
        and (found.loss and found.loss.name) == (expected.loss and expected.loss.name)
        and found.plan.output == expected.plan.output
        and found.initializer == expected.initializer
        and (found.seed, found.epoch) == (expected.seed, expected.epoch)
        and to_numpy(found.parameters).tobytes()
        == to_numpy(expected.parameters).astype(found.dtype).tobytes()
    )


# --- saving and loading


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_saved_comes_back_to_the_bit(backend, tmp_path, dtype):
    net = trained(backend=backend, dtype=dtype)
    net.save(tmp_path / "m.safetensors")
    again = xpnet.load(tmp_path / "m.safetensors", backend=backend)
    assert again.backend == backend
    assert again.dtype == dtype
    assert same(again, net)
    np.testing.assert_array_equal(to_numpy(again(X)), to_numpy(net(X)))


@pytest.mark.parametrize("name", BACKENDS)
def test_a_file_goes_to_any_other_backend(backend, tmp_path, name):
    net = trained(backend=backend, dtype="float64")
    net.save(tmp_path / "m.safetensors")
    for dtype in (None, "float32", "float64"):
        again = xpnet.load(tmp_path / "m.safetensors", backend=other(name), dtype=dtype)
        assert again.backend.name == name
        assert again.dtype == (dtype or "float64")
        assert same(again, net)


def test_a_float32_file_is_widened_exactly(tmp_path):
    net = trained(dtype="float32")
    net.save(tmp_path / "m.safetensors")
    wide = xpnet.load(tmp_path / "m.safetensors", dtype="float64")
    assert wide.dtype == "float64"
    assert same(wide, net)


def test_every_backend_writes_the_same_bytes(backend, tmp_path):
    net = trained()
    net.save(tmp_path / "host")
    net.to(backend).save(tmp_path / "there")
    assert (tmp_path / "host").read_bytes() == (tmp_path / "there").read_bytes()


def test_saving_twice_writes_the_same_bytes(tmp_path):
    net, path = trained(), tmp_path / "m.safetensors"
    contents = set()
    for _ in range(12):
        net.save(path)
        contents.add(path.read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "squared_error", "output": "softmax"},
        {"loss": "cross_entropy", "output": "identity"},
        {"loss": "poisson", "activation": "silu"},
        {"activation": ["relu", "gelu", "softmax"]},
        {"initializer": "lecun_normal"},
        {"rng": 2**100 + 7},
        {"rng": np.random.SeedSequence(5)},
    ],
)
def test_every_setting_comes_back(tmp_path, settings):
    net = xpnet.Network([4, 6, 5, 3], **{"loss": "cross_entropy", **settings})
    net.save(tmp_path / "m.safetensors")
    assert same(xpnet.load(tmp_path / "m.safetensors"), net)


@pytest.mark.parametrize("kind", [str, Path, os.fspath])
def test_a_path_is_a_string_or_a_path(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    net = trained()
    net.save(kind(Path("m.safetensors")))
    assert same(xpnet.load(kind(Path("m.safetensors"))), net)
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_file_with_parameters_that_are_not_finite_is_refused(tmp_path, value):
    net = trained()
    net.save(tmp_path / "m.safetensors")
    content = bytearray((tmp_path / "m.safetensors").read_bytes())
    content[-4:] = np.float32(value).tobytes()  # the last number of the last tensor
    (tmp_path / "m.safetensors").write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"m\.safetensors' is not a model.*NaN or infinite"):
        xpnet.load(tmp_path / "m.safetensors")


def test_minus_zero_comes_back(tmp_path):
    net = trained()
    theta = net.parameters.copy()
    theta[:2] = -0.0, 0.0
    net.set_parameters(theta)
    net.save(tmp_path / "m.safetensors")
    assert same(xpnet.load(tmp_path / "m.safetensors"), net)


# --- contents of the file


def test_the_file_is_safetensors_with_a_tensor_for_each_matrix(backend, tmp_path):
    net = trained(backend=backend)
    net.save(tmp_path / "m.safetensors")
    tensors = safetensors_numpy.load_file(tmp_path / "m.safetensors")
    names = {f"layers.{l}.{part}" for l in range(3) for part in ("weight", "bias")}
    assert set(tensors) == names
    for l, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        np.testing.assert_array_equal(tensors[f"layers.{l}.weight"], to_numpy(W))
        np.testing.assert_array_equal(tensors[f"layers.{l}.bias"], to_numpy(b))


def test_the_metadata_is_text_that_says_what_the_network_is(tmp_path):
    trained(dtype="float64").save(tmp_path / "m.safetensors")
    found = header(tmp_path / "m.safetensors")
    metadata = found["__metadata__"]
    assert all(isinstance(value, str) for value in metadata.values())
    text = "".join(metadata.values())
    for part in ("xpnet model 1", xpnet.__version__, "tanh", "softmax", "cross_entropy", "float64"):
        assert part in text
    assert found["layers.0.weight"]["dtype"] == "F64"
    assert found["layers.0.weight"]["shape"] == [6, 4]


def test_describe_reads_the_settings(tmp_path):
    net = trained(initializer="zeros")
    net.save(tmp_path / "m.safetensors")
    found = xpnet.files.load.describe(tmp_path / "m.safetensors")
    expected = {
        "xpnet_version": xpnet.__version__,
        "sizes": [4, 6, 5, 3],
        "activations": ["tanh", "tanh", "softmax"],
        "loss": "cross_entropy",
        "initializer": "zeros",
        "dtype": "float32",
        "seed": 11,
        "epoch": 2,
    }
    assert {key: found[key] for key in expected} == expected


# --- continued training


def test_training_goes_on_as_if_it_had_not_been_saved(backend, tmp_path):
    through, straight = trained(backend=backend), trained(backend=backend)
    through.save(tmp_path / "m.safetensors")
    through = xpnet.load(tmp_path / "m.safetensors", backend=backend)
    assert through.epoch == 2
    history, expected = (net.fit(X, LABELS, **FIT) for net in (through, straight))
    assert history.epoch == expected.epoch == [3, 4]
    assert history.loss == expected.loss
    assert through.epoch == 4
    assert same(through, straight)


def test_a_loaded_network_does_not_repeat_the_order_of_its_first_epochs(tmp_path):
    """With the same parameters but 0, 1, 2 or 3 past epochs, only the order of examples differs."""
    net = xpnet.Network([4, 6, 3], loss="cross_entropy", rng=11, dtype="float64")
    start, ends = net.parameters.copy(), []
    for epoch in range(4):
        net.save(tmp_path / "m.safetensors")
        again = xpnet.load(tmp_path / "m.safetensors")
        assert again.epoch == epoch
        np.testing.assert_array_equal(again.parameters, start)
        again.fit(X, LABELS, epochs=1, batch_size=5, optimizer="sgd", learning_rate=0.1)
        ends.append(again.parameters)
        net.fit(X, LABELS, epochs=1, optimizer="sgd", learning_rate=0.0)
    for one, other_one in combinations(ends, 2):
        assert 0 < np.max(np.abs(one - other_one)) < 0.1


@pytest.mark.parametrize(
    ("Y", "loss", "output"),
    [(LABELS, "cross_entropy", "softmax"), (ROWS, "mean_squared_error", "identity")],
)
def test_an_open_loss_stays_open_and_is_decided_by_the_first_fit(
    backend, tmp_path, Y, loss, output
):
    net = xpnet.Network([4, 6, 3], backend=backend, rng=5)
    net.save(tmp_path / "m.safetensors")
    again = xpnet.load(tmp_path / "m.safetensors", backend=backend)
    assert again.loss is None
    assert again.plan.output is None
    np.testing.assert_array_equal(to_numpy(again(X)), to_numpy(net(X)))
    again.fit(X, Y, **FIT)
    net.fit(X, Y, **FIT)
    assert again.loss is not None
    assert again.loss.name == loss
    assert again.layers[-1].activation.name == output
    assert same(again, net)


def test_a_named_output_with_an_open_loss_stays_named(tmp_path):
    net = xpnet.Network([4, 6, 3], output="tanh")
    net.save(tmp_path / "m.safetensors")
    again = xpnet.load(tmp_path / "m.safetensors")
    assert again.plan.output is not None
    again.fit(X, ROWS, **FIT)
    assert again.layers[-1].activation.name == "tanh"
    with pytest.raises(ValueError, match="takes the output 'softmax' or 'identity'"):
        xpnet.load(tmp_path / "m.safetensors").fit(X, LABELS, **FIT)


# --- a user's own activations and losses

SQUARE = xpnet.elementwise(
    "square", lambda xp, Z: Z * Z, lambda xp, Z, A: 2.0 * Z, lambda xp, Z, A: 0.0 * Z + 2.0
)
QUARTIC = xpnet.Loss(
    "quartic",
    lambda xp, A, Y: (xp.sum((A - Y) ** 4, axis=-1), 4.0 * (A - Y) ** 3),
)


def test_a_users_own_activation_and_loss_come_back_by_custom(tmp_path):
    net = xpnet.Network([4, 6, 3], activation=SQUARE, loss=QUARTIC, rng=2)
    net.save(tmp_path / "m.safetensors")
    again = xpnet.load(tmp_path / "m.safetensors", custom=(QUARTIC, SQUARE))
    assert same(again, net)
    assert again.layers[0].activation is SQUARE
    assert again.loss is QUARTIC
    assert again.value_and_gradient(X, ROWS)[0] == net.value_and_gradient(X, ROWS)[0]


def test_a_users_own_loss_may_be_of_a_class_derived_from_loss(tmp_path):
    class Mine(xpnet.Loss):
        pass

    mine = Mine("mine", QUARTIC.of_output)
    xpnet.Network([4, 3], loss=mine).save(tmp_path / "m.safetensors")
    assert xpnet.load(tmp_path / "m.safetensors", custom=(mine,)).loss is mine


@pytest.mark.parametrize(
    ("custom", "missing"),
    [((), "square"), ((QUARTIC,), "square"), ((SQUARE,), "quartic")],
)
def test_without_custom_the_error_names_what_is_missing_and_the_way(tmp_path, custom, missing):
    path = tmp_path / "m.safetensors"
    xpnet.Network([4, 6, 3], activation=SQUARE, loss=QUARTIC).save(path)
    with pytest.raises(ValueError, match=f"'{missing}'") as caught:
        xpnet.load(path, custom=custom)
    assert "custom" in str(caught.value)


# --- a damaged file


def test_a_file_cut_short_anywhere_is_refused_by_name(tmp_path):
    path = tmp_path / "m.safetensors"
    trained().save(path)
    content = path.read_bytes()
    for n in (*range(0, len(content) - 1, 37), len(content) - 1):
        path.write_bytes(content[:n])
        with pytest.raises(ValueError, match="damaged") as caught:
            xpnet.load(path)
        assert str(path) in str(caught.value)


def test_a_file_with_more_bytes_than_it_says_is_refused_by_name(tmp_path):
    path = tmp_path / "m.safetensors"
    trained().save(path)
    path.write_bytes(path.read_bytes() + b"\0" * 8)
    with pytest.raises(ValueError, match="damaged") as caught:
        xpnet.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_a_flipped_bit_anywhere_in_the_header_is_no_other_error_than_one_that_names_the_file(
    tmp_path, mask
):
    """Some flips leave a valid file (another seed or version), which may load."""
    path = tmp_path / "m.safetensors"
    net = xpnet.Network([4, 5, 3], loss="cross_entropy")
    net.save(path)
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    wrong, loaded = [], 0
    for at in range(8 + size):
        damaged = bytearray(content)
        damaged[at] ^= mask
        path.write_bytes(damaged)
        try:
            assert xpnet.load(path).sizes == net.sizes
            loaded += 1
        except ValueError as error:
            if str(path) not in str(error):
                wrong.append((at, f"ValueError without the file's name: {error}"))
        except Exception as error:
            wrong.append((at, repr(error)))
    assert not wrong, f"{len(wrong)} of {8 + size} bytes, such as {wrong[0]}"
    assert loaded < 30


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": [4, 5]},
        {"sizes": [4, 5, 5, 3]},
        {"sizes": "4-5-3"},
        {"sizes": None},
        {"activations": ["relu"]},
        {"activations": 7},
        {"epoch": "two"},
        {"epoch": -1},
        {"seed": None},
        {"seed": -5},
        {"dtype": "float16"},
        {"loss": 5},
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(tmp_path, change):
    path = tmp_path / "m.safetensors"
    xpnet.Network([4, 5, 3], loss="cross_entropy").save(path)
    tensors = safetensors_numpy.load_file(path)
    metadata = header(path)["__metadata__"]
    holder = next(key for key, value in metadata.items() if '"sizes"' in value)
    settings = json.loads(metadata[holder])
    inner = settings if "sizes" in settings else settings["network"]
    assert set(change) <= set(inner)
    inner.update(change)
    safetensors_numpy.save_file(tensors, path, {**metadata, holder: json.dumps(settings)})
    with pytest.raises(ValueError, match=r"model|damaged") as caught:
        xpnet.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("drop", ["layers.0.weight", "layers.1.bias"])
def test_a_file_that_lacks_a_tensor_is_refused_by_name(tmp_path, drop):
    path = tmp_path / "m.safetensors"
    xpnet.Network([4, 5, 3], loss="cross_entropy").save(path)
    tensors = safetensors_numpy.load_file(path)
    del tensors[drop]
    safetensors_numpy.save_file(tensors, path, header(path)["__metadata__"])
    with pytest.raises(ValueError, match=drop) as caught:
        xpnet.load(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_no_model_file(tmp_path):
    with pytest.raises(OSError, match="no model file"):
        xpnet.load(tmp_path)


# --- a write that fails


def test_a_save_into_a_missing_folder_raises_and_leaves_nothing(tmp_path):
    folder = tmp_path / "missing"
    with pytest.raises(FileNotFoundError, match=str(folder)):
        trained().save(folder / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_save_onto_a_folder_raises_and_leaves_nothing(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        trained().save(folder)
    assert list(tmp_path.iterdir()) == [folder]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path, monkeypatch, call, error, there):
    path, old, new = tmp_path / "m.safetensors", trained(rng=1), trained(rng=2)
    if there:
        old.save(path)
    before = path.read_bytes() if there else None

    def fail(*arguments: Any, **settings: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(type(error)):
            new.save(path)
    assert [p.name for p in tmp_path.iterdir()] == (["m.safetensors"] if there else [])
    if there:
        assert path.read_bytes() == before
        assert same(xpnet.load(path), old)
    new.save(path)
    assert same(xpnet.load(path), new)


@pytest.mark.skipif(os.name != "posix", reason="permissions and fsync of a folder are POSIX")
def test_the_file_and_its_folder_are_flushed_and_readable_by_the_umask(tmp_path, monkeypatch):
    flushed = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (flushed.append(handle), fsync(handle)))
    before = os.umask(0o027)
    try:
        trained().save(tmp_path / "m.safetensors")
        assert os.umask(0o027) == 0o027  # saving left the umask unchanged
    finally:
        os.umask(before)
    assert len(flushed) == 2
    assert (tmp_path / "m.safetensors").stat().st_mode & 0o777 == 0o640


def test_what_is_no_regular_file_is_left_as_it_is(tmp_path):
    net = xpnet.Network([4, 5, 3])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(FileExistsError, match="not a regular file, so it is left"):
            net.save(path)
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


def test_a_link_is_written_through(tmp_path):
    target, link = tmp_path / "target.safetensors", tmp_path / "link.safetensors"
    link.symlink_to(target)
    xpnet.Network([4, 5, 3]).save(link)
    assert link.is_symlink()
    assert xpnet.load(target).sizes == (4, 5, 3)
