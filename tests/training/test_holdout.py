"""Examples that ``validation_fraction`` sets aside: which, how many, and with which weights."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.three_classes import NAMES, X, Y, new
from xpnet.training.holdout import held_out


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
    """The result is the same as with these examples as validation data."""
    net = new()
    settings = {"epochs": 1, "learning_rate": 0.0, "validation_fraction": 0.25}
    plain = new().fit(X, Y, **settings)
    weighted = net.fit(X, Y, class_weight={0: 9.0, 1: 0.5}, **settings)
    assert weighted.validation_loss == plain.validation_loss
    assert weighted.validation_accuracy == plain.validation_accuracy
    assert weighted.loss != plain.loss


@pytest.mark.parametrize("text", [False, True])
def test_a_class_too_small_to_set_aside_is_named(text):
    codes = np.arange(40) % 2 + (np.arange(40) == 7)
    net, labels, name = (xpnet.Network(), NAMES[codes], "'cat'") if text else (new(), codes, "2")
    with pytest.raises(ValueError, match=f"^class {name} has 1 examples.*different fraction"):
        net.fit(X, labels, validation_fraction=0.2)


def test_a_quarter_is_set_aside_and_three_are_trained_on():
    rows = np.random.default_rng(3).normal(size=(40, 3))
    history = new(loss="huber").fit(X, rows, epochs=1, batch_size=1, validation_fraction=0.25)
    assert len(history.step_loss) == 30


def test_numbers_leave_one_example_at_least_on_both_sides():
    numbers = np.arange(10.0)[:, None]
    for fraction in (0.04, 0.96):  # 0.4 and 9.6 of 10 examples
        with pytest.raises(ValueError, match="of 10 examples leaves one side without any"):
            held_out(numbers, False, fraction, seed=0)
    for fraction, n_held in ((0.06, 1), (0.94, 9)):
        train, held = held_out(numbers, False, fraction, seed=0)
        assert (len(train), len(held)) == (10 - n_held, n_held)
        assert sorted([*train, *held]) == list(range(10))
