"""`python -m benchmarks.bits` finds a different last bit, and only real differences."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.bits import ROOT, main


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A copy of this checkout's package."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(ROOT / "xpnet", folder / "xpnet", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.slow
def test_only_what_another_last_bit_reaches_differs(other, capsys):
    command = ["--against", str(other), "--backends", "numpy"]
    assert main(command) == 0
    (same,) = capsys.readouterr().out.splitlines()
    assert same.endswith(" cases, 0 differ")
    changed = other / "xpnet" / "optimizers" / "rmsprop.py"
    text = changed.read_text(encoding="utf-8")
    assert "class RMSProp" in text
    changed.write_text(
        text.replace("epsilon: float = 1e-", "epsilon: float = 1.5e-"), encoding="utf-8"
    )
    assert main(command) == 1
    *lines, count = capsys.readouterr().out.splitlines()
    assert {line.rpartition(" ")[2] for line in lines} == {"rmsprop"}
    assert count.endswith(f" cases, {len(lines)} differ")


def test_the_other_checkout_must_be_named():
    with pytest.raises(SystemExit, match="--against FOLDER"):
        main([])
