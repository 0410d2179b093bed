"""Labels: how a network predicts them, and which ones it refuses to learn."""

from __future__ import annotations

import re

import numpy as np
import pytest

import xpnet
from tests.support.three_classes import NAMES, X, Y

TEXT = NAMES[Y]
COLUMN = r"Y has the shape \(40, 1\), but class labels have the shape \(40,\): take its column, Y\["


# --- predicted labels


def trained(loss, targets, **settings):
    net = xpnet.Network(loss=loss, hidden=(8,), rng=3, **settings)
    net.fit(X, targets, epochs=2)
    return net, xpnet.to_numpy(net(X))


def test_classes_of_several_heads_are_predicted_head_by_head():
    loss = xpnet.losses.MultiCrossEntropy((2, 3))
    net, A = trained(loss, np.stack([Y % 2, Y], axis=1))
    expected = np.stack([A[:, :2].argmax(axis=1), A[:, 2:].argmax(axis=1)], axis=1)
    np.testing.assert_array_equal(net.predict_classes(X), expected)
    np.testing.assert_array_equal(net.predict_classes(X[0]), expected[0])


@pytest.mark.parametrize(("output", "threshold"), [("sigmoid", 0.5), ("identity", 0.0)])
def test_several_labels_are_predicted_one_by_one(output, threshold):
    rows = (X[:, :3] > 0).astype(int)
    net, A = trained("binary_cross_entropy", rows, output=output)
    np.testing.assert_array_equal(net.predict_classes(X), np.greater(A, threshold))
    net, A = trained("binary_cross_entropy", rows[:, 0], output=output)
    np.testing.assert_array_equal(net.predict_classes(X), A[:, 0] > threshold)
    net, A = trained("binary_cross_entropy", NAMES[rows[:, 0]], output=output)
    np.testing.assert_array_equal(net.predict_classes(X), NAMES[(A[:, 0] > threshold) * 1])


def test_a_number_stands_for_no_class():
    net, _ = trained("huber", X[:, 0])
    with pytest.raises(ValueError, match="loss 'huber' is for numbers"):
        net.predict_classes(X)


# --- refused labels, with a remedy


@pytest.mark.parametrize("labels", [np.zeros(40, int), np.asarray(["ape"] * 40)])
def test_one_class_alone_is_no_classification(labels):
    with pytest.raises(ValueError, match="all labels in Y are the same"):
        xpnet.Network().fit(X, labels)


def test_text_has_a_class_for_every_output():
    """Otherwise an output without a name could be the likeliest."""
    net = xpnet.Network([5, 4, 6])
    with pytest.raises(ValueError, match=r"3 classes \(ape, bee, cat\), but the output has 6"):
        net.fit(X, NAMES[Y])
    assert net.classes is None
    assert net.loss is None


@pytest.mark.parametrize("key", [0.7, "emu", 0, np.int64(1)])
def test_keys_of_class_weights_are_the_names_where_labels_are_text(key):
    net = xpnet.Network()
    match = rf"class_weight has the class {re.escape(repr(key))}, .* as they are, ape, bee, cat$"
    with pytest.raises(ValueError, match=match):
        net.fit(X, NAMES[Y], class_weight={"ape": 2.0, key: 9.0})
    assert net.classes is None


@pytest.mark.parametrize("labels", [TEXT, Y, TEXT.astype(object)])
@pytest.mark.parametrize(
    "make",
    [
        xpnet.Network,
        lambda: xpnet.Network(loss="cross_entropy"),
        lambda: xpnet.Network([5, 5, 3]),
        lambda: xpnet.Network([5, 5, 3], loss="cross_entropy"),
    ],
)
def test_a_column_of_labels_is_told_to_be_a_vector(make, labels):
    net = make()
    with pytest.raises(ValueError, match=COLUMN):
        net.fit(X, labels[:, None])
    assert net.classes is None
    net.fit(X, labels[:, None][:, 0], epochs=1)  # as the message says


def test_a_column_of_0_and_1_is_right_for_one_output():
    net = xpnet.Network([5, 6, 1], loss="binary_cross_entropy")
    assert len(net.fit(X, (Y[:, None] > 0) * 1, epochs=1)) == 1


@pytest.mark.parametrize("labels", [TEXT, Y])
def test_classes_without_an_output_are_told_the_width(labels):
    with pytest.raises(ValueError, match=r"3 classes.* last width .*3 \(sizes\[-1\]\)$"):
        xpnet.Network([5, 5, 2]).fit(X, labels)
    assert len(xpnet.Network([5, 5, 3]).fit(X, labels, epochs=1)) == 1


def test_three_classes_for_one_output_are_told_the_loss_and_the_width():
    net = xpnet.Network([5, 5, 1], loss="binary_cross_entropy")
    with pytest.raises(ValueError, match=r'3 classes \(ape, bee, cat\).*"cross_entropy".* 3 \('):
        net.fit(X, TEXT)


def test_a_message_names_the_first_of_many_classes():
    many = np.asarray([f"class {k:02}" for k in range(40)])
    with pytest.raises(ValueError, match=r"40 classes \(class 00, .*class 09, … \(40 in all\)\)"):
        xpnet.Network([5, 5, 2]).fit(X, many)
