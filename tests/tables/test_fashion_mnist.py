"""Fashion-MNIST: its reader on small files, and on the real ones if they are installed."""

from __future__ import annotations

import gzip
import os

import numpy as np
import pytest

from xpnet.cli import main
from xpnet.datasets import load_fashion_mnist
from xpnet.errors import FileError


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + np.asarray(array.shape, ">u4").tobytes()
    with gzip.open(path, "wb") as file:
        file.write(head + array.astype(np.uint8).tobytes())


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, n in (("train", 40), ("t10k", 20)):
        write_idx(tmp_path / f"{name}-images-idx3-ubyte.gz", rng.integers(0, 256, (n, 28, 28)))
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte.gz", np.arange(n) % 10)
    return tmp_path


def test_images_and_labels_are_read(folder):
    images, labels = load_fashion_mnist("train", folder)
    assert images.shape == (40, 784)
    assert images.dtype == np.uint8
    assert labels.tolist() == (np.arange(40) % 10).tolist()
    first = np.random.default_rng(0).integers(0, 256, (40, 28, 28))[0]
    np.testing.assert_array_equal(images[0], first.reshape(-1))
    assert load_fashion_mnist("test", folder)[0].shape == (20, 784)


def test_the_command_trains_on_it(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASHION_MNIST", str(folder))
    out = tmp_path / "m.safetensors"
    options = ["--epochs", "2", "--hidden", "16,8", "--out", str(out)]
    assert main(["train", "fashion-mnist", *options]) == 0
    assert "test accuracy" in capsys.readouterr().out
    assert out.is_file()


def test_what_is_not_there_is_named_with_the_way_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASHION_MNIST", str(tmp_path / "nowhere"))
    assert main(["train", "fashion-mnist", "--out", str(tmp_path / "m.safetensors")]) == 1
    assert "apt-get install dataset-fashion-mnist" in capsys.readouterr().err
    with pytest.raises(ValueError, match='part must be "train" or "test"'):
        load_fashion_mnist("validation")


def test_a_file_of_another_kind_is_refused(folder):
    with gzip.open(folder / "train-labels-idx1-ubyte.gz", "wb") as file:
        file.write(b"\x00\x00\x0d\x01" + bytes(8))
    with pytest.raises(ValueError, match="does not begin like an idx file of bytes"):
        load_fashion_mnist("train", folder)


@pytest.mark.parametrize("damage", [lambda c: c[:-20], lambda c: c[:40] + c[60:], lambda c: c[9:]])
def test_a_damaged_file_is_named_and_no_traceback(folder, tmp_path, monkeypatch, capsys, damage):
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    monkeypatch.setenv("FASHION_MNIST", str(folder))
    assert main(["train", "fashion-mnist", "--out", str(tmp_path / "m.safetensors")]) == 1
    assert "t10k-images-idx3-ubyte.gz' is not an idx file, or is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x08\x00\x05",
        b"\0\0\x08\x01" + b"\xff" * 4,
        b"\0\0\x08\x03" + b"\xff" * 12 + b"\x01",
        b"\0\0\x08\xff" + b"\xff" * 255 * 4,
        b"\0\0\x08\x03" + b"\0" * 12,
        b"\0\0\x08\x03" + b"\0\0\0\x01" * 3 + b"12",
        b"\0\0\x08\x01" + b"\0\0\0\x05" + b"12345",
    ],
)
def test_a_file_that_promises_other_numbers_than_it_has_is_refused(folder, content):
    """No axes, more numbers than any memory holds, too few, one too many; labels as images."""
    path = folder / "train-images-idx3-ubyte.gz"
    with gzip.open(path, "wb") as file:
        file.write(content)
    with pytest.raises(FileError, match=r"train-images-idx3-ubyte\.gz' is not an idx file"):
        load_fashion_mnist("train", folder)


def test_fewer_labels_than_images_are_refused(folder):
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.arange(39) % 10)
    with pytest.raises(FileError, match="has 40 images and 39 labels"):
        load_fashion_mnist("train", folder)


def test_the_real_files_are_what_they_should_be():
    if not os.path.isdir("/usr/share/datasets/fashion-mnist"):
        pytest.skip("needs Fashion-MNIST: apt-get install dataset-fashion-mnist")
    for part, n in (("train", 60_000), ("test", 10_000)):
        images, labels = load_fashion_mnist(part, "/usr/share/datasets/fashion-mnist")
        assert images.shape == (n, 784)
        assert np.bincount(labels).tolist() == [n // 10] * 10
