"""A loss as plain data, its identity, and settings that it refuses."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from tests.support.loss_cases import CASES
from xpnet.losses import (
    LOSSES,
    CrossEntropy,
    GaussianNLL,
    Huber,
    Masked,
    MultiCrossEntropy,
    Quantile,
    loss_from_config,
    softmax_heads,
)

MASKED = [Masked(Huber(3.0)), Masked(MultiCrossEntropy((2, 3), label_smoothing=0.1))]


@pytest.mark.parametrize("loss", [*CASES, *LOSSES.values(), *MASKED], ids=repr)
def test_a_loss_is_made_again_from_its_config(loss):
    config = json.loads(json.dumps(loss.config))
    assert loss_from_config(config) is loss
    assert loss_from_config("huber") is LOSSES["huber"] is Huber()


@pytest.mark.parametrize("loss", [*CASES, *MASKED], ids=repr)
def test_it_is_the_same_object_after_pickle_and_copy(loss):
    assert pickle.loads(pickle.dumps(loss)) is loss is copy.deepcopy(loss)
    output = loss.output_activation
    assert pickle.loads(pickle.dumps(output)) is output is copy.deepcopy(output)


def test_the_same_settings_are_the_same_object():
    assert CrossEntropy() is LOSSES["cross_entropy"]
    assert Quantile(0.5) is Quantile([0.5]) is LOSSES["quantile"]
    assert MultiCrossEntropy([2, 3]) is MultiCrossEntropy((2, 3))
    assert Masked(Huber(2)) is Masked(Huber(2.0))
    assert softmax_heads((2, 3)) is MultiCrossEntropy((2, 3)).output_activation
    assert repr(Quantile((0.1, 0.9))) == "Loss('quantile', quantiles=[0.1, 0.9])"


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: CrossEntropy(1.0), r"label_smoothing must lie in \[0, 1\), got 1.0"),
        (lambda: CrossEntropy("a"), r"label_smoothing must lie in \[0, 1\), got 'a'"),
        (lambda: Huber(0), "delta must be a finite number > 0, got 0"),
        (lambda: Quantile(1.0), "quantiles must be numbers between 0 and 1, got 1.0"),
        (lambda: Quantile(0.0), "quantiles must be numbers between 0 and 1, got 0.0"),
        (lambda: Quantile(()), "quantiles must be numbers between 0 and 1"),
        (lambda: Quantile((0.1, 0.1)), "quantiles must differ"),
        (lambda: GaussianNLL(-1e-6), "minimum_variance must be a finite number ≥ 0, got -1e-06"),
        (lambda: MultiCrossEntropy((3, 1)), r"integers ≥ 2, .* got \(3, 1\)"),
        (lambda: softmax_heads(()), "heads must be the number of classes of each head"),
        (lambda: loss_from_config("hubber"), "unknown loss 'hubber': did you mean 'huber'"),
        (lambda: loss_from_config({"name": "x", "a": 1}), "unknown loss with settings 'x'"),
        (lambda: loss_from_config({}), "unknown loss with settings None"),
        (lambda: loss_from_config({"name": "huber", "beta": 1}), "does not have the settings"),
        (lambda: loss_from_config({"name": "huber", "delta": -1}), "delta must be a finite"),
        (lambda: loss_from_config({"name": "squared_error", "a": 1}), "loss with settings"),
    ],
)
def test_settings_that_cannot_be(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def nested(depth):
    """Return a config of that many masked losses, one within the other."""
    config = {"name": "huber", "delta": 1.0}
    for _ in range(depth):
        config = {"name": "masked", "loss": config}
    return config


@pytest.mark.parametrize("depth", [2, 3, 3000])
def test_masked_within_masked_is_refused_however_deep(depth):
    assert loss_from_config(nested(1)) is Masked(Huber())
    with pytest.raises(ValueError, match="a masked loss cannot be masked again"):
        loss_from_config(nested(depth))
    with pytest.raises(ValueError, match="'masked_huber' is already masked"):
        Masked(Masked(Huber()))
    with pytest.raises(ValueError, match="'masked_multi_cross_entropy' is already masked"):
        Masked(Masked(MultiCrossEntropy((2, 3))))


@pytest.mark.parametrize("inner", [None, 3, "nothing", [], {}, {"name": "nothing"}, {"name": []}])
def test_a_masked_loss_of_something_else(inner):
    with pytest.raises(ValueError, match="unknown loss"):
        loss_from_config({"name": "masked", "loss": inner})


def test_settings_that_are_long_are_cut():
    with pytest.raises(ValueError, match="does not have the settings") as caught:
        loss_from_config({"name": "huber", "beta": "x" * 10_000})
    assert len(str(caught.value)) < 300
