"""Forty examples of three classes, and a small network for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import xpnet

X = np.random.default_rng(0).normal(size=(40, 5))
Y = np.arange(40) % 3
NAMES = np.asarray(["ape", "bee", "cat"])


def new(**settings: Any) -> xpnet.Network:
    """Return a network for the examples, always the same; the settings are those of `Network`."""
    return xpnet.Network([5, 8, 3], rng=3, **{"loss": "cross_entropy", **settings})
