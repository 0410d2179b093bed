"""Names of other libraries lead to xpnet's, and users cannot take xpnet's names."""

from __future__ import annotations

import pytest

import xpnet


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
        xpnet.Network([5, 8, 3], **{"loss": "cross_entropy", setting: name})


def test_every_name_of_other_libraries_leads_to_one_of_ours():
    from xpnet import errors, metrics
    from xpnet.equations.activations import ACTIVATIONS
    from xpnet.equations.initializers import INITIALIZERS
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


def test_xpnets_own_names_are_taken():
    square = xpnet.elementwise("relu", lambda xp, Z: Z * Z, lambda xp, Z, A: 2.0 * Z)
    with pytest.raises(ValueError, match="'relu' is the name of xpnet's own activation"):
        xpnet.Network([4, 5, 3], activation=square)
    mine = xpnet.Loss("huber", lambda xp, A, Y: (xp.sum(A - Y, axis=-1), 0 * A + 1))
    with pytest.raises(ValueError, match="'huber' is the name of xpnet's own loss"):
        xpnet.Network([4, 5, 3], loss=mine)
