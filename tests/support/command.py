"""Run the command line in the test's process: arguments, files and errors."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.support.helpers import FRUIT
from xpnet.cli import main

SMALL = ("train", "digits", "--epochs", "2", "--hidden", "16")
QUICK = ("--epochs", "3", "--hidden", "8")


class Terminal(io.StringIO):
    """A stream that claims to be a terminal and keeps what is written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def fails(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """Run a command that must fail without a traceback; return its one line on stderr."""
    try:
        status: object = main(arguments)
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    assert status not in (0, None)
    assert "Traceback" not in out + err
    assert "epoch" not in out  # the command fails before any training
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("xpnet")
    return lines[0]


def train(data: Path, target: str, out: Path, *options: str) -> list[str]:
    return ["train", str(data), "--target", target, "--out", str(out), *options]


def predict(model: Path, data: Path, out: Path, *options: str) -> list[str]:
    return ["predict", str(model), str(data), "--out", str(out), *options]


def rows_of(path: Path) -> list[list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write(path: Path, rows) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(scope="module")
def fruit(tmp_path_factory) -> Path:
    """The path of a model trained on the fruit."""
    path = tmp_path_factory.mktemp("fruit") / "fruit.safetensors"
    assert main(train(FRUIT, "fruit", path, "--epochs", "60")) == 0
    return path
