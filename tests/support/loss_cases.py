"""Losses with settings and targets for them, for the modules that test losses."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.helpers import on_device
from xpnet.backends import move, to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.losses import CrossEntropy, GaussianNLL, Huber, MultiCrossEntropy, Quantile, per_example

CASES = [
    CrossEntropy(0.1),
    CrossEntropy(0.9),
    Huber(0.3),
    Huber(2.5),
    Quantile(0.8),
    Quantile((0.9, 0.1, 0.5)),
    GaussianNLL(full=True),
    GaussianNLL(minimum_variance=0.25),
    MultiCrossEntropy((3, 2, 7)),
    MultiCrossEntropy((3, 2, 7), label_smoothing=0.2),
]
WIDTH = 12  # a multiple of every loss's outputs per target
PAIRS = [(loss, name) for loss in CASES for name in (loss.outputs or list(ACTIVATIONS))]
each_case = pytest.mark.parametrize("loss", CASES, ids=repr)


def activation_of(loss, name):
    return ACTIVATIONS.get(name) or loss.output_activation


def problem(loss, N=5, lead=(), seed=5):
    """Return Z and a Y that the loss accepts; labels for cross-entropies."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(*lead, N, WIDTH)) * 2
    if loss.heads:
        return z, np.stack([rng.integers(0, n, (*lead, N)) for n in loss.heads], axis=-1)
    if loss.targets == "labels":
        return z, rng.integers(0, WIDTH, (*lead, N))
    return z, rng.normal(size=(*lead, N, loss.n_targets(WIDTH)))


def found(backend, loss, name, z, y, dtype=None):
    """Return xpnet's losses (N,) and dZ (N, n), on the host."""
    Z, Y = move(backend, z, dtype), on_device(backend, y, dtype)
    pair = per_example(backend.xp, loss, activation_of(loss, name), Z, Y)
    return tuple(to_numpy(part) for part in pair)
