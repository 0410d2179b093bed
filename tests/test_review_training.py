"""What a review of training found: each test failed before its mend."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5))
Y = np.arange(40) % 3
NAMES = np.asarray(["ape", "bee", "cat"])


def new(**settings):
    return xpnet.Network([5, 8, 3], rng=3, **{"loss": "cross_entropy", **settings})


# --- names


@pytest.mark.parametrize(
    ("setting", "name", "ours"),
    [
        ("loss", "MSE", "mean_squared_error"),
        ("loss", "bce", "binary_cross_entropy"),
        ("loss", "ce", "cross_entropy"),
        ("loss", "mae", "absolute_error"),
        ("loss", "l2", "mean_squared_error"),
        ("loss", "categorical_crossentropy", "cross_entropy"),
        ("activation", "logistic", "sigmoid"),
        ("activation", "swish", "silu"),
    ],
)
def test_names_of_other_libraries_are_told_ours(setting, name, ours):
    with pytest.raises(ValueError, match=f"did you mean '{ours}'"):
        new(**{setting: name})


def test_every_name_of_other_libraries_leads_to_one_of_ours():
    from xpnet import errors, metrics
    from xpnet.activations import ACTIVATIONS
    from xpnet.initializers import INITIALIZERS
    from xpnet.losses import LOSSES

    tables = {
        "loss": LOSSES,
        "activation": ACTIVATIONS,
        "initializer": INITIALIZERS,
        "metric": metrics.METRICS,
    }
    for kind, names in errors._ELSEWHERE.items():
        assert set(names.values()) <= set(tables[kind])
        assert not set(names) & set(tables[kind])
