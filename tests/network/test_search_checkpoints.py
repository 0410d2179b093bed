"""A search that was cut off goes on where it was: each of its stacks has a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.folds import FIT, data
from tests.support.helpers import network, relative
from xpnet.backends import get_backend

OVER = {"penalty": [None, xpnet.Penalty(l2=0.1), xpnet.Penalty(l2=0.1, biases=True)]}


def searched(path, **keywords):
    net = network(get_backend("numpy"), [5, 6, 3], loss="cross_entropy")
    return xpnet.search(net, *data(), OVER, folds=3, checkpoint=path, **FIT, **keywords)


def test_a_search_goes_on_where_it_was_cut_off(tmp_path):
    """It has two stacks, one for each kind of penalty."""
    expected, steps = searched(tmp_path / "whole"), []

    def fails(stack, history):
        steps.append(np.size(history.loss[-1]))
        if len(steps) == FIT["epochs"] + 2:
            raise RuntimeError("the machine is gone")

    with pytest.raises(RuntimeError, match="the machine is gone"):
        searched(tmp_path / "run", callbacks=fails, checkpoint_every="epoch")
    assert steps == [6, 6, 6, 3, 3]
    found = searched(tmp_path / "run", callbacks=fails, checkpoint_every="epoch", resume=True)
    assert steps[5:] == [3, 3]  # epochs 2 and 3 of the second stack
    np.testing.assert_array_equal(found.scores["loss"], expected.scores["loss"])
    assert [path.name for path in sorted(tmp_path.glob("run*"))] == ["run.1", "run.2"]
    assert relative(found.refit().parameters, expected.refit().parameters) == 0
    assert (tmp_path / "run.refit").exists()


def test_a_search_without_any_checkpoint_cannot_go_on(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*run\.1"):
        searched(tmp_path / "run", resume=True)


def test_a_cross_validation_goes_on_too(tmp_path):
    """Of 43 rows in 4 folds, 32 or 33 are trained on: 4 or 5 steps of 8, in two stacks."""
    net = network(get_backend("numpy"), [5, 6, 3], loss="cross_entropy")
    expected = xpnet.cross_validate(net, *data(), folds=4, **FIT)
    for _ in range(2):
        found = xpnet.cross_validate(net, *data(), folds=4, checkpoint=tmp_path / "run", **FIT)
        np.testing.assert_array_equal(found.scores["loss"], expected.scores["loss"])
