"""The warning if X is far from unit scale: when a fit gives it, and when not."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed, network
from xpnet.layers import BatchNorm, Dropout, Embedding, LayerNorm, Residual
from xpnet.training import length
from xpnet.training.scale import far_from_unit

HINT = "X is far from unit scale"
rng = np.random.default_rng(3)
N = 60
UNIT = rng.normal(size=(N, 4))
Y = rng.integers(0, 3, N)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Ten epochs, without other warnings."""
    monkeypatch.setattr(length, "STEPS", 1)
    monkeypatch.setattr("xpnet.training.fit.warn_if_falling", lambda settings, history: None)


def with_column(values):
    """Return UNIT with column 2 replaced."""
    X = UNIT.copy()
    X[:, 2] = values
    return X


RARE = np.eye(1000)[rng.integers(0, 1000, N)]
NEAR = {
    "standardised": UNIT,
    "one-hot": np.eye(4)[rng.integers(0, 4, N)],
    "one-hot of many": RARE,
    "counts, sparse": rng.poisson(0.02, (N, 9)).astype(float),
    "images / 255": rng.integers(0, 256, (N, 64)) / 255,
    "images 0 to 16": rng.integers(0, 17, (N, 64)).astype(float),
    "a constant of 1e6": with_column(1e6),
    "all constant": np.full((N, 4), 1e6),
    "an age": with_column(rng.integers(18, 90, N)),
    "a fraction": with_column(1e-5 * rng.normal(size=N)),
    "sd of 1/20": UNIT / 20,
}
FAR = {
    "a price": (with_column(rng.normal(750.0, 300.0, N)), "column 2 has mean 7"),
    "a year": (with_column(rng.integers(1990, 2020, N)), "column 2 has mean 200"),
    "below 0": (with_column(-rng.exponential(500.0, N)), "column 2 has mean -"),
    "images 0 to 255": (rng.integers(0, 256, (N, 64)), "column .* has mean 1"),
    "all at 50": (50 * UNIT, "column . has mean"),
    "all at 0.001": (1e-3 * UNIT, "column . varies most, with a standard deviation of 0.00"),
    "near each other": (
        1.0 + 1e-3 * UNIT,
        "column . varies most, with a standard deviation of 0.00",
    ),
}


@pytest.mark.parametrize("name", NEAR)
def test_no_hint_at(name):
    assert far_from_unit(np.asarray(NEAR[name], dtype=float)) is None
    xpnet.Network().fit(NEAR[name], Y)  # a warning is an error in tests


@pytest.mark.parametrize("name", FAR)
def test_a_hint_at(name):
    X, match = FAR[name]
    with pytest.warns(UserWarning, match=f"{HINT}: {match}.*\\(X - mean\\) / sd"):
        xpnet.Network().fit(X, Y)
    xpnet.Network().fit(X, Y, epochs=1)  # no warning if epochs are given


def test_on_every_backend(backend):
    X, match = FAR["a price"]
    for settings in ({}, {"stream": True}, {"optimizer": "lbfgs"}):
        with pytest.warns(UserWarning, match=match):
            network(backend, [4, 3, 3], loss="cross_entropy").fit(X, Y, **settings)
        network(backend, [4, 3, 3], loss="cross_entropy").fit(UNIT, Y, **settings)


def test_a_stack_gets_one(backend):
    nets = [network(backend, [4, 3, 3], loss="cross_entropy", rng=r) for r in range(2)]
    with pytest.warns(UserWarning, match=HINT) as caught:
        xpnet.Stack(nets).fit(FAR["a price"][0], Y)
    assert len(caught) == 1


def test_rows_without_weight_do_not_count():
    X = UNIT.copy()
    X[30:] = 1e6
    w = np.repeat([1.0, 0.0], 30)
    xpnet.Network().fit(X, Y, sample_weight=w)


def test_a_network_that_has_been_trained_is_left_alone():
    X, _ = FAR["a price"]
    net = xpnet.Network()
    net.fit(X, Y, epochs=1)
    net.fit(X, Y)


@pytest.mark.parametrize(
    "layers",
    [
        [BatchNorm(), 3],
        [Dropout(0.1), BatchNorm(), 3],
        [LayerNorm(), 3],
        [Embedding(5000, 2, 2), 3],
        [Embedding(5000, 2, 2), BatchNorm(), 3],
    ],
    ids=str,
)
def test_columns_that_a_layer_scales_do_not_count(layers):
    xpnet.Network([4, *layers, 3]).fit(with_column(rng.integers(0, 5000, N)), Y)


@pytest.mark.parametrize(
    "layers", [[Embedding(5000, 2, 1), 3], [Dropout(0.1), 3], [Residual([BatchNorm(), 4]), 3]],
    ids=str,
)  # fmt: skip
def test_columns_that_no_layer_scales_count(layers):
    X = with_column(rng.normal(750.0, 300.0, N))
    X[:, 1] = rng.integers(0, 5000, N)
    if not isinstance(layers[0], Embedding):
        X[:, 1] = 0.0
    with pytest.warns(UserWarning, match="column 2 has mean"):
        xpnet.Network([4, *layers, 3]).fit(X, Y)


def test_wine_raw_and_standardised():
    datasets = needed("sklearn.datasets")
    wine, labels = datasets.load_wine(return_X_y=True)
    with pytest.warns(UserWarning, match="column 12 has mean 746.9 and standard deviation 314"):
        xpnet.Network().fit(wine, labels)
    xpnet.Network().fit((wine - wine.mean(axis=0)) / wine.std(axis=0), labels)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("largest", [1e200, 1e308])
def test_the_hint_at_numbers_whose_squares_overflow_is_finite(largest):
    X = with_column(np.where(np.arange(N) % 2, largest, -largest))
    told = far_from_unit(X)
    assert told is not None
    assert f"standard deviation {largest:.4g}" in told
