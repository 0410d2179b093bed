"""The importance of a table's columns."""

from __future__ import annotations

import numpy as np
import pytest

from xpnet.tables import Table, train
from xpnet.tables.model import Model

RNG = np.random.default_rng(0)
N = 200
A, B, NOISE = RNG.normal(size=(3, N))
KIND = np.array(["u", "v"])[RNG.integers(0, 2, N)].astype(object)
COLUMNS = {"a": A, "b": B, "noise": NOISE, "kind": KIND}
TARGETS = {
    "quantity": 4 * A + 2 * (KIND == "u") + 0.5 * B,
    "classes": np.where(A + 0.3 * (KIND == "u") > 0, "p", "q").astype(object),
}


@pytest.fixture(scope="module", params=[*TARGETS])
def fitted(request):
    table = Table({**COLUMNS, "y": TARGETS[request.param]})
    return train(table, "y", quick=True), table


def test_the_columns_that_make_the_target_come_first(fitted):
    model, table = fitted
    found = model.importance(table)
    assert [*found][:2] == ["a", "kind"]
    assert sorted(found) == sorted(COLUMNS)
    assert [*found.values()] == sorted(found.values(), reverse=True)
    assert abs(found["noise"]) < 0.1 * found["a"]


def test_it_is_the_rise_of_the_error_of_a_table_with_mixed_cells(fitted, monkeypatch):
    """Mixing a column's cells in the table is mixing its columns of X."""
    model, table = fitted
    order = np.random.default_rng(1).permutation(N)
    monkeypatch.setattr("xpnet.tables.importance.permutation", lambda *_: order)
    found = model.importance(table, repeats=1)
    name = "rmse" if "rmse" in model.evaluate(table) else "log_loss"
    for column, cells in COLUMNS.items():
        mixed = Table({**table.columns, column: cells[order]})
        rise = model.evaluate(mixed)[name] - model.evaluate(table)[name]
        assert found[column] == pytest.approx(rise, abs=1e-12)


def test_a_column_that_a_member_leaves_out_counts_in_the_others(fitted):
    model, table = fitted
    alone = train(Table({k: v for k, v in table.columns.items() if k != "b"}), "y", quick=True)
    both = Model((*alone.members, *model.members))
    found = both.importance(table)
    assert sorted(found) == sorted(COLUMNS)
    assert alone.schema.block("b") == slice(0, 0)
    assert found["b"] != 0


def test_the_same_seed_gives_the_same_numbers(fitted):
    model, table = fitted
    assert model.importance(table, 2, seed=3) == model.importance(table, 2, seed=3)
    assert model.importance(table, 2, seed=3) != model.importance(table, 2, seed=4)
    with pytest.raises(ValueError, match="repeats must be a positive integer"):
        model.importance(table, 0)
