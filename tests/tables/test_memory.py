"""Tables too large for the machine are an error before anything of their size is allocated."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tests.support.command import fails, write
from xpnet.tables import Schema, Table, bounded, memory, train
from xpnet.tables.bounded import bins_for
from xpnet.tables.memory import check_memory

N = 200
RNG = np.random.default_rng(0)


def machine(monkeypatch: pytest.MonkeyPatch, size: int | None) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: size)


def test_the_need_is_that_of_the_rows_and_of_the_first_layer(monkeypatch):
    """Of 4 bytes a number: X of 50 × 10, and 8 copies of the weights of 10 × 3."""
    need = 4 * (50 * 10 + 8 * 10 * 3)
    machine(monkeypatch, 2 * need)
    check_memory(50, 10, (3, 7), "float32")
    for more in ((51, 10, (3,), "float32"), (50, 11, (3,), "float32"), (50, 10, (4,), "float32"),
                 (50, 10, (3,), "float64")):  # fmt: skip
        with pytest.raises(
            MemoryError, match=r"leave columns out \(--ignore\), or give fewer rows"
        ):
            check_memory(*more)
    machine(monkeypatch, None)
    check_memory(10**9, 10**9, (3,), "float32")


@pytest.mark.parametrize("quick", [True, False])
def test_a_wide_column_is_an_error_before_the_network_is_made(monkeypatch, quick):
    """A hundred categories, of which the number of columns of the table says nothing."""
    table = Table({"c": [f"c{i % 100}" for i in range(N)], "y": RNG.normal(size=N)})
    machine(monkeypatch, 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError, match="would have 101 columns"):
            train(table, "y", quick=quick, hidden=(4096,))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 101 * 4096 * 4


def test_many_columns_are_an_error_before_any_is_read(tmp_path, capsys, monkeypatch):
    names = [f"c{i}" for i in range(1000)]
    rows = [[*names, "y"], *([["oops"] + [i] * 999 + ["uv"[i % 2]] for i in range(3)])]
    data = write(tmp_path / "t.csv", rows)
    machine(monkeypatch, 10_000_000)
    line = fails(capsys, ["train", str(data), "--target=y", f"--out={tmp_path / 'm'}"])
    assert "not enough memory: the encoded table would have 2,000 columns" in line
    with pytest.raises(MemoryError, match="would have 2,000 columns"):
        train(data, "y")


def test_wrong_widths_are_the_error_that_they_were():
    table = Table({"x": RNG.normal(size=N), "y": RNG.normal(size=N)})
    for hidden in (("wide",), (2.5,), (None,)):
        with pytest.raises((TypeError, ValueError)):
            train(table, "y", hidden=hidden, epochs=1)
    assert train(table, "y", hidden=(), epochs=1).schema.width


def test_pieces_become_fewer_where_X_would_be_large(monkeypatch):
    assert bins_for(10_000_000, 1) == 32
    assert bins_for(1_000_000, 16) == 32  # 33 × 16 × 10⁶ < 2²⁹
    assert bins_for(1_000_000, 50) == 9
    assert bins_for(10**9, 50) == 2
    monkeypatch.setattr(bounded, "_NUMBERS", 40_000)
    for columns in (1, 5, 20, 40):
        table = Table(
            {f"x{i}": RNG.normal(size=1000) for i in range(columns)} | {"y": [0.5, 1.5] * 500}
        )
        schema = Schema.fit(table, "y", pieces=True)
        assert schema.width * len(table) <= max(40_000, 3 * columns * len(table))
        assert schema.has_pieces
