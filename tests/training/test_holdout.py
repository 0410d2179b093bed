"""Examples that ``validation_fraction`` sets aside: which, how many, and what they weigh."""

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


def test_examples_of_weight_0_are_set_aside_nowhere():
    w = np.zeros(40)
    w[:12] = 1.0
    found, expected = new(), new()
    settings = {"epochs": 2, "validation_fraction": 0.25}
    histories = [
        found.fit(X, Y, sample_weight=w, **settings),
        expected.fit(X[:12], Y[:12], sample_weight=w[:12], **settings),
    ]
    assert histories[0].validation_loss == histories[1].validation_loss
    np.testing.assert_array_equal(found.parameters, expected.parameters)
    w[1:] = 0.0
    with pytest.raises(ValueError, match="class 0 has 1 examples"):
        new().fit(X, Y, sample_weight=w, **settings)


def test_the_two_classes_of_one_output_are_set_aside_alike():
    rare = (np.arange(40) < 8) * 1
    net = xpnet.Network([5, 4, 1], loss="binary_cross_entropy")
    seen = []
    constant = xpnet.metrics.Metric(
        "share", lambda xp, A, Y, w, loss: xp.mean(Y, axis=-2), lambda parts: parts[0, 0],
        ("probabilities",),
    )  # fmt: skip
    for seed in range(4):
        net.seed = seed
        history = net.fit(X, rare, epochs=1, validation_fraction=0.25, metrics=[constant])
        seen += history.metrics["validation_share"]
    assert seen == pytest.approx([0.2] * 4)


def test_weights_of_classes_are_not_those_of_validation():
    """As where the same examples are given as validation data."""
    net = new()
    settings = {"epochs": 1, "learning_rate": 0.0, "validation_fraction": 0.25}
    plain = new().fit(X, Y, **settings)
    weighted = net.fit(X, Y, class_weight={0: 9.0, 1: 0.5}, **settings)
    assert weighted.validation_loss == plain.validation_loss
    assert weighted.validation_accuracy == plain.validation_accuracy
    assert weighted.loss != plain.loss


@pytest.mark.parametrize(
    ("labels", "name"), [(np.arange(40) % 2 + (np.arange(40) == 7), "2"), (None, "'cat'")]
)
def test_a_class_too_small_to_set_aside_is_named(labels, name):
    codes = np.arange(40) % 2 + (np.arange(40) == 7)
    net = new() if name == "2" else xpnet.Network()
    with pytest.raises(ValueError, match=f"^class {name} has 1 examples.*different fraction"):
        net.fit(X, NAMES[codes] if labels is None else labels, validation_fraction=0.2)


def test_a_quarter_is_set_aside_and_three_are_trained_on():
    rows = np.random.default_rng(3).normal(size=(40, 3))
    history = new(loss="huber").fit(X, rows, epochs=1, batch_size=1, validation_fraction=0.25)
    assert len(history.step_loss) == 30
