"""The losses of steps: used like a list, in 8 bytes a number."""

from __future__ import annotations

import copy
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xpnet
from xpnet.training.step_losses import StepLosses

NUMBERS = st.floats(width=64)
ROWS = st.lists(NUMBERS, min_size=3, max_size=3)
LISTS = st.one_of(st.lists(NUMBERS, max_size=8), st.lists(ROWS, max_size=8))


def same(found, expected):
    """Whether two nested lists have the same numbers, in Python's own words (NaN included)."""
    return repr(found) == repr(expected)


@given(LISTS, st.slices(8))
def test_it_reads_like_a_list(values, cut):
    losses = StepLosses(values)
    assert len(losses) == len(values)
    assert same(list(losses), values)
    assert same(losses.tolist(), values)
    assert same(losses, values)
    assert same(losses[cut].tolist(), values[cut])
    assert same([losses[k] for k in range(-len(values), 0)], values)
    assert same(list(reversed(losses)), values[::-1])
    assert losses == values
    assert losses == StepLosses(values)
    assert bool(losses) is bool(values)
    for k in (len(values), -len(values) - 1):
        with pytest.raises(IndexError):
            losses[k]


@given(st.lists(NUMBERS, min_size=1, max_size=8), st.lists(NUMBERS, max_size=3), st.data())
def test_it_changes_like_a_list(values, new, data):
    losses, values = StepLosses(values), list(values)
    for each in (losses, values):
        each.extend(new)
        each += new
        each.extend(each)
        each.append(7.0)
    assert same(losses.tolist(), values)
    k = data.draw(st.integers(-len(values), len(values) - 1))
    for each in (losses, values):
        each[k] = -1.0
        each.insert(k, 2.0)
        each.insert(len(each), 3.0)
        del each[k]
        each.pop()
    assert same(losses.tolist(), values)
    losses.clear()
    assert losses == []
    assert len(losses) == 0


def test_it_joins_lists_and_arrays():
    losses = StepLosses([1.0, 2.0])
    other = [3.0]
    assert losses + other == [1.0, 2.0, 3.0]
    assert other + losses == [3.0, 1.0, 2.0]
    assert losses + losses == [1.0, 2.0, 1.0, 2.0]
    as_array = np.asarray(losses)
    as_array[0] = 9.0
    assert losses[0] == 1.0  # a copy
    losses.append(3.0)  # no array holds the memory
    with pytest.raises(ValueError, match="copy"):
        np.array(losses, copy=False)
    assert json.loads(json.dumps(losses.tolist())) == [1.0, 2.0, 3.0]
    assert isinstance(losses[0], float)


def test_what_is_no_number_is_refused_and_nothing_changes():
    losses, rows = StepLosses([1.0]), StepLosses([[1.0, 2.0]])
    for wrong in ("x", None, 1j, {}):
        with pytest.raises(TypeError):
            losses.append(wrong)
        with pytest.raises(TypeError):
            losses.extend([2.0, wrong])
        with pytest.raises(TypeError):
            losses[0] = wrong
    with pytest.raises(ValueError, match="2 numbers after a number"):
        losses.append([1.0, 2.0])
    with pytest.raises(ValueError, match="a number after 2 numbers"):
        rows.append(1.0)
    with pytest.raises(ValueError, match="3 numbers after 2 numbers"):
        rows.extend(np.ones((4, 3)))
    assert losses == [1.0]
    assert rows == [[1.0, 2.0]]
    assert losses != ["x"]
    assert losses != [[1.0]]
    assert (losses == 1.0) is False


def test_a_number_takes_eight_bytes():
    losses = StepLosses()
    for k in range(100_000):
        losses.append(k / 7)
    assert len(losses._numbers) * losses._numbers.itemsize == 800_000
    assert losses[::9_999] == [k / 7 for k in range(0, 100_000, 9_999)]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))]
)
@pytest.mark.parametrize("values", [[1.0, math.nan], [[1.0, 2.0], [3.0, math.inf]]])
def test_a_history_keeps_them_when_it_is_copied(copied, values):
    history = xpnet.training.History(step_loss=values)
    assert isinstance(history.step_loss, StepLosses)
    other = copied(history)
    assert isinstance(other.step_loss, StepLosses)
    assert other == history
    assert isinstance(pickle.loads(pickle.dumps(history.step_loss)), list)


@pytest.mark.parametrize("watched", [False, True])
def test_a_fit_records_them(watched):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(10, 3)), rng.normal(size=(10, 1))
    net = xpnet.Network([3, 4, 1], rng=1)
    seen = []
    callbacks = {"step_end": lambda _, history: seen.append(history.step_loss[-1])}
    history = net.fit(
        X, Y, epochs=3, batch_size=4, callbacks=callbacks if watched else None, compile=False
    )
    assert isinstance(history.step_loss, StepLosses)
    assert len(history.step_loss) == 9
    if watched:
        assert history.step_loss == seen
