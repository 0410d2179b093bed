"""The benchmark of a search: its contenders run, and its ratios are of medians."""

from __future__ import annotations

import json

import numpy as np

from benchmarks import search
from benchmarks.__main__ import main


def test_every_contender_is_timed_in_turn(monkeypatch, tmp_path, capsys):
    called = []

    def contenders(data, epochs):
        names = ("xpnet.search, compiled", "xpnet.search, plain", *reversed(search.GOALS))
        return {name: lambda name=name: called.append(name) for name in names}

    monkeypatch.setattr(search, "_contenders", contenders)
    assert main(["search", "--quick", "--out", str(tmp_path / "search.json")]) == 0
    assert [called.count(name) for name in search.GOALS] == [2] * 3
    assert called[1] != called[6]  # each round begins with a different one
    found = json.loads((tmp_path / "search.json").read_text())
    assert found["ratios"].keys() == {"xpnet.search, compiled", "xpnet.search, plain"}
    assert "the goal is 0.167" in capsys.readouterr().out


def test_ratios_are_of_medians():
    seconds = {name: [1.0, 8.0, 4.0] for name in search.GOALS}
    seconds |= {"xpnet.search, compiled": [9.0, 1.0, 2.0], "xpnet.search, plain": [3.0, 3.0, 3.0]}
    found = search._ratios({"seconds": seconds})
    assert set(found["xpnet.search, compiled"].values()) == {0.5}
    assert set(found["xpnet.search, plain"].values()) == {0.75}


def test_all_train_on_the_same_folds():
    X, y, pairs = search._data()
    assert (len(pairs), X.shape[1], len(y)) == (search.FOLDS, search.SIZES[0], len(X))
    contenders = search._contenders((X[:40], y[:40], [(np.arange(20), np.arange(20, 40))] * 2), 1)
    contenders["xpnet.search, plain"]()
    contenders["xpnet, 40 plain fits"]()
