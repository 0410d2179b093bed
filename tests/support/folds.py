"""What the tests of cross-validations and searches share: data, and a check against single fits."""

from __future__ import annotations

import numpy as np

from xpnet.layers import BatchNorm, Dropout

__all__ = ["CHAIN", "FIT", "N", "check_fits", "data"]

N = 43
CHAIN = [5, BatchNorm(), 6, Dropout(0.2), 3]
FIT = {"epochs": 3, "batch_size": 8}


def data():
    rng = np.random.default_rng(8)
    return rng.normal(size=(N, 5)), rng.integers(0, 3, N)


def check_fits(net, X, Y, outcomes, metrics=(), **settings):
    """Check (train, test, scores, history) of several fits against fits one by one; yield these."""
    for train, test, scores, history in outcomes:
        alone = net.fresh()
        its = alone.fit(X[train], Y[train], compile=net.backend.name == "jax", **settings)
        assert (history.epoch, history.stopped) == (its.epoch, its.stopped)
        np.testing.assert_allclose(history.loss, its.loss, rtol=1e-9)
        expected = alone.evaluate(X[test], Y[test], metrics=metrics)
        assert scores.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(scores[name], value, rtol=1e-9)
        yield alone
