"""Data and networks for the features of `fit`."""

from __future__ import annotations

import numpy as np

from tests.support.helpers import network, random_targets
from xpnet.backends import get_backend

SIZES = [5, 8, 3]
TEXT = np.asarray(["cat", "dog", "cow"])


def data(loss="cross_entropy", N=40):
    rng = np.random.default_rng(8)
    return rng.normal(size=(N, SIZES[0])), random_targets(rng, loss, N, SIZES[-1])


def new(backend=None, loss="cross_entropy", **settings):
    return network(backend or get_backend("numpy"), SIZES, loss=loss, **settings)
