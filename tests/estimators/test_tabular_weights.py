"""Weights of rows, and refits that raise, of the table estimators."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.tabular import DATA, OF_ARRAY, RNG, SIZE, SMALL, N, Z, answers, both
from xpnet.estimators import TabularClassifier
from xpnet.tables import Table, train


@both
def test_rows_of_weight_0_do_not_count(kind, y, frame):
    w = RNG.integers(0, 3, N).astype(float)
    there = np.flatnonzero(w)
    a = kind(**SMALL).fit(frame, y, sample_weight=w)
    b = kind(**SMALL).fit(frame.iloc[there], y[there], w[there])
    np.testing.assert_array_equal(answers(a, frame), answers(b, frame))
    plain = kind(**SMALL).fit(frame.iloc[there], y[there])
    assert not np.array_equal(answers(a, frame), answers(plain, frame))


@both
def test_weights_are_the_column_of_train(kind, y, frame):
    w = RNG.integers(1, 4, N).astype(float)
    model = kind(**SMALL).fit(frame, y, w)
    plain = train({**Table(DATA).columns, "w": w, "y": y}, "y", weight="w", **SMALL)
    np.testing.assert_array_equal(model.model_.outputs(DATA), plain.outputs(DATA))


@both
@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_a_weight_that_is_none_is_refused(kind, y, bad, frame):
    with pytest.raises(ValueError, match=r"(?i)negative|nan"):
        kind(**SMALL).fit(frame, y, np.where(np.arange(N) == 3, bad, 1.0))


# --- refits


BAD_REFITS = {
    "weights": lambda X, y: (X, y, np.full(N, -1.0)),
    "a label": lambda X, y: (X, ["NA", *y[1:]], None),
    "a number": lambda X, y: (X, [np.nan, *y[1:]], None),
    "a cell": lambda X, y: (X.assign(x=np.inf), y, None),
    "other columns": lambda X, y: (X[["x"]].assign(z=[[1]] * N), y, None),
    "an array": lambda X, y: (np.full((N, 2), np.inf), y, None),
    "no y": lambda X, y: (X, None, None),
}


@both
@pytest.mark.parametrize("bad", BAD_REFITS.values(), ids=BAD_REFITS)
def test_a_refit_that_raises_leaves_the_estimator_as_it_was(kind, y, bad, frame):
    model = kind(**SMALL).fit(frame, y)
    before, answered = dict(vars(model)), answers(model, frame)
    other = np.where(Z > 0, "new", "labels") if kind is TabularClassifier else -SIZE
    with pytest.raises((ValueError, TypeError)):
        model.fit(*bad(frame, other))
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(model).items())
    np.testing.assert_array_equal(answers(model, frame), answered)


@both
def test_a_refit_forgets_the_names_of_a_frame(kind, y, frame):
    model = kind(**OF_ARRAY).fit(frame[["x"]], y)
    assert model.fit(Z[:, None], y) is model
    assert not hasattr(model, "feature_names_in_")
