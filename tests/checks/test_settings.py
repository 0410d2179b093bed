"""Every setting of every class: its default, and the values that it refuses."""

from __future__ import annotations

import inspect
import math
from numbers import Integral, Real

import numpy as np
import pytest

import xpnet
from tests.support.helpers import network
from xpnet import layers, losses, metrics, optimizers, schedules, training
from xpnet.backends import get_backend
from xpnet.equations import penalties
from xpnet.optimizers import Adam
from xpnet.ranges import PlainSettings

# --- defaults

ADAM = {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
DECAY = {"factor": 0.1, "steps": None, "epochs": None}

DEFAULTS = {
    optimizers.SGD: {
        "learning_rate": 0.01,
        "momentum": 0.0,
        "nesterov": False,
        "velocity": False,
    },
    optimizers.Adagrad: {"learning_rate": 0.01, "epsilon": 1e-10},
    optimizers.RMSProp: {"learning_rate": 0.01, "rho": 0.99, "momentum": 0.0, "epsilon": 1e-8},
    optimizers.Adadelta: {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-6},
    optimizers.Adam: {**ADAM, "epsilon_last": False},
    optimizers.AMSGrad: ADAM,
    optimizers.AdamW: {**ADAM, "weight_decay": 0.01, "decay_biases": False, "layout": None},
    optimizers.Nadam: {**ADAM, "learning_rate": 0.002, "momentum_decay": 0.004},
    optimizers.RAdam: ADAM,
    optimizers.Muon: {
        **ADAM,
        "momentum": 0.95,
        "nesterov": True,
        "weight_decay": 0.1,
        "scale": "match_rms_adamw",
        "layout": None,
    },
    optimizers.LBFGS: {"history": 10, "tolerance_gradient": 1e-5, "tolerance_change": 1e-9},
    optimizers.Clipped: {"norm": None, "value": None},
    optimizers.Averaged: {"decay": 0.999, "start": 1, "every": 1},
    optimizers.Accumulated: {},
    optimizers.minimize: {
        "max_iterations": 1000,
        "history": 10,
        "tolerance_gradient": 1e-5,
        "tolerance_change": 1e-9,
        "callback": None,
        "xp": None,
    },
    schedules.Constant: {},
    schedules.Step: DECAY,
    schedules.Exponential: DECAY,
    schedules.InverseScaling: {"power": 0.5, "scale": 1.0},
    schedules.Cosine: {
        "minimum": 0.0,
        "steps": None,
        "warmup": 0,
        "restarts": False,
        "growth": 1,
    },
    schedules.OneCycle: {"steps": None, "warmup": 0.3, "start": 25.0, "end": 1e4},
    schedules.ReduceOnPlateau: {
        "factor": 0.1,
        "patience": 10,
        "threshold": 1e-4,
        "cooldown": 0,
        "minimum": 0.0,
    },
    penalties.Penalty: {"l1": 0.0, "l2": 0.0, "biases": False, "of_sum": False},
    penalties.MaxNorm: {},
    losses.Huber: {"delta": 1.0},
    losses.Quantile: {"quantiles": 0.5},
    losses.GaussianNLL: {"minimum_variance": 0.0, "full": False},
    losses.CrossEntropy: {"label_smoothing": 0.0},
    losses.MultiCrossEntropy: {"label_smoothing": 0.0},
    layers.Dense: {"activation": None},
    layers.Dropout: {},
    layers.LayerNorm: {"epsilon": 1e-5},
    layers.BatchNorm: {"momentum": 0.1, "epsilon": 1e-5},
    layers.Embedding: {"columns": None},
    layers.Residual: {},
    metrics.TopKAccuracy: {"k": 5},
    metrics.F1: {"average": "macro"},
    training.EarlyStopping: {
        "monitor": None,
        "patience": 10,
        "min_delta": 0.0,
        "restore_best": True,
    },
    xpnet.elementwise: {"d2f": None, "d3f": None},
}


@pytest.mark.parametrize("kind", DEFAULTS, ids=lambda kind: kind.__name__)
def test_the_defaults(kind):
    made = kind.__new__ if issubclass(type(kind), type) and issubclass(kind, tuple) else kind
    given = inspect.signature(made).parameters.values()
    found = {p.name: p.default for p in given if p.default is not inspect.Parameter.empty}
    assert found == DEFAULTS[kind]
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in DEFAULTS[kind].items()}


def test_every_optimizer_and_schedule_is_in_the_tables():
    named = {*optimizers.OPTIMIZERS.values(), *optimizers.FULL_BATCH.values()}
    assert named | {*schedules.SCHEDULES.values()} <= {*DEFAULTS}
    classes = (layers.__all__, optimizers.__all__, schedules.__all__)
    for module, names in zip((layers, optimizers, schedules), classes, strict=True):
        kinds = [getattr(module, name) for name in names if name not in ("Optimizer", "Layout")]
        assert {kind for kind in kinds if isinstance(kind, type)} <= {*KINDS}


def test_an_elementwise_activation_without_a_second_derivative_has_none():
    assert xpnet.elementwise("own", lambda xp, Z: Z, lambda xp, Z, A: 0 * Z + 1).second is None


# --- values that a setting cannot have

NO_NUMBER = [math.nan, math.inf, -math.inf, -1, True, "0.1", 10**400, [0.1], 1j]
"""Values that are no number ≥ 0; for some settings None is valid and means "not set"."""

BAD = {
    "rate": [*NO_NUMBER, -1e-300],
    "not negative": [*NO_NUMBER, -1e-300, None],
    "positive": [*NO_NUMBER, 0, 0.0, None],
    "fraction": [*NO_NUMBER, 1, 1.0, 2, -1e-300, None],
    "factor": [*NO_NUMBER, 0, 1.0000001, 2, None],
    "share": [*NO_NUMBER, 1.0000001, 2, None],
    "between 0 and 1": [*NO_NUMBER, 0.0, 0, 1.0, 1, 2, None],
    "1 or more": [*NO_NUMBER, 0, 0.9999, None],
    "count": [*NO_NUMBER, 2**63, 0.5, 1.0, None],
    "count from 1": [*NO_NUMBER, 0, 2**63, 0.5, 1.0, None],
    "flag": ["no", 0, 1, None, math.nan, [True]],
}

GOOD = {
    "rate": [0, 0.0, 1e300, np.float32(0.5), np.int64(2), lambda t: 0.1],
    "not negative": [0, 0.0, 1e300, np.float32(0.5)],
    "positive": [1e-300, 1e300, 3, np.float64(0.5)],
    "fraction": [0, 0.0, math.nextafter(1.0, 0.0), np.float32(0.5)],
    "factor": [1e-300, 1, 1.0, np.float64(0.5)],
    "share": [0, 0.0, 1, 1.0, np.float64(0.5)],
    "between 0 and 1": [1e-300, math.nextafter(1.0, 0.0), np.float64(0.5)],
    "1 or more": [1, 1.0, 1e300, np.float64(2.5)],
    "count": [0, 1, 2**63 - 1, np.int32(7)],
    "count from 1": [1, 10**6, np.int32(7)],
    "flag": [True, False, np.bool_(True)],
}

MOMENTS = {
    "learning_rate": "rate",
    "beta1": "fraction",
    "beta2": "fraction",
    "epsilon": "not negative",
}
STEPPED = {"learning_rate": "not negative", "factor": "factor", "steps": "count from 1"}

KINDS = {
    optimizers.SGD: (
        {"momentum": 0.5},
        {"learning_rate": "rate", "momentum": "fraction", "nesterov": "flag", "velocity": "flag"},
    ),
    optimizers.Adagrad: ({}, {"learning_rate": "rate", "epsilon": "not negative"}),
    optimizers.RMSProp: (
        {},
        {
            "learning_rate": "rate",
            "rho": "fraction",
            "momentum": "fraction",
            "epsilon": "not negative",
        },
    ),
    optimizers.Adadelta: (
        {},
        {"learning_rate": "rate", "rho": "fraction", "epsilon": "positive"},
    ),
    optimizers.Adam: ({}, {**MOMENTS, "epsilon_last": "flag"}),
    optimizers.AMSGrad: ({}, MOMENTS),
    optimizers.AdamW: ({}, {**MOMENTS, "weight_decay": "not negative", "decay_biases": "flag"}),
    optimizers.Nadam: ({}, {**MOMENTS, "momentum_decay": "not negative"}),
    optimizers.RAdam: ({}, MOMENTS),
    optimizers.Muon: (
        {},
        {**MOMENTS, "momentum": "fraction", "weight_decay": "not negative", "nesterov": "flag"},
    ),
    optimizers.LBFGS: (
        {},
        {
            "history": "count from 1",
            "tolerance_gradient": "not negative",
            "tolerance_change": "not negative",
        },
    ),
    optimizers.Clipped: (
        {"optimizer": Adam(), "norm": 1.0, "value": 1.0},
        {"norm": "positive", "value": "positive"},
    ),
    optimizers.Averaged: (
        {"optimizer": Adam()},
        {"decay": "fraction", "start": "count from 1", "every": "count from 1"},
    ),
    optimizers.Accumulated: ({"optimizer": Adam(), "steps": 2}, {"steps": "count from 1"}),
    schedules.Constant: ({"learning_rate": 0.1}, {"learning_rate": "not negative"}),
    schedules.Step: ({"learning_rate": 0.1, "steps": 5}, STEPPED),
    schedules.Exponential: ({"learning_rate": 0.1, "steps": 5}, STEPPED),
    schedules.InverseScaling: (
        {"learning_rate": 0.1},
        {"learning_rate": "not negative", "power": "not negative", "scale": "not negative"},
    ),
    schedules.Cosine: (
        {"learning_rate": 1e300, "steps": 5},
        {
            "minimum": "not negative",
            "steps": "count from 1",
            "warmup": "count",
            "restarts": "flag",
            "growth": "count from 1",
        },
    ),
    schedules.OneCycle: (
        {"learning_rate": 0.1},
        {
            "learning_rate": "not negative",
            "steps": "count from 1",
            "warmup": "share",
            "start": "1 or more",
            "end": "1 or more",
        },
    ),
    schedules.ReduceOnPlateau: (
        {"learning_rate": 0.1},
        {
            "learning_rate": "not negative",
            "factor": "factor",
            "patience": "count",
            "threshold": "not negative",
            "cooldown": "count",
            "minimum": "not negative",
        },
    ),
    penalties.Penalty: (
        {},
        {"l1": "not negative", "l2": "not negative", "biases": "flag", "of_sum": "flag"},
    ),
    penalties.MaxNorm: ({"limit": 1.0}, {"limit": "positive"}),
    losses.Huber: ({}, {"delta": "positive"}),
    losses.Quantile: ({}, {"quantiles": "between 0 and 1"}),
    losses.GaussianNLL: ({}, {"minimum_variance": "not negative", "full": "flag"}),
    losses.Poisson: ({}, {"deviance": "flag"}),
    losses.Scaled: ({"loss": losses.LOSSES["huber"]}, {"factor": "positive"}),
    losses.CrossEntropy: ({}, {"label_smoothing": "fraction"}),
    losses.MultiCrossEntropy: ({"heads": (2, 3)}, {"label_smoothing": "fraction"}),
    layers.Dense: ({"units": 3}, {"units": "count from 1"}),
    layers.Dropout: ({"rate": 0.5}, {"rate": "fraction"}),
    layers.LayerNorm: ({}, {"epsilon": "not negative"}),
    layers.BatchNorm: ({}, {"momentum": "fraction", "epsilon": "not negative"}),
    layers.Embedding: (
        {"categories": 3, "dim": 2},
        {"categories": "count from 1", "dim": "count from 1", "columns": "count"},
    ),
    layers.Residual: ({"layers": [3]}, {}),
    metrics.TopKAccuracy: ({}, {"k": "count from 1"}),
    training.EarlyStopping: (
        {},
        {"patience": "count from 1", "min_delta": "not negative", "restore_best": "flag"},
    ),
}

OPEN = {("steps", None), ("decay", None), ("columns", None), ("norm", None), ("value", None)}
"""Settings for which None is valid."""

LISTS = {"quantiles", "categories", "dim", "columns"}
"""Settings that may have several values, so that [0.1] may be valid."""

EACH = [(kind, name) for kind, (_, named) in KINDS.items() for name in named]
each_setting = pytest.mark.parametrize(
    ("kind", "name"), EACH, ids=[f"{kind.__name__}.{name}" for kind, name in EACH]
)


def fault(setting, value):
    """Return the error's type; only rates and counts distinguish wrong types from wrong values."""
    right = {"rate": Real, "count from 1": Integral}.get(setting)
    if right is None:
        return ValueError, TypeError
    return ValueError if isinstance(value, right) and not isinstance(value, bool) else TypeError


@each_setting
def test_values_that_a_setting_cannot_have_are_refused_by_its_name(kind, name):
    others, named = KINDS[kind]
    for value in BAD[named[name]]:
        if (value is None and (name, value) in OPEN) or (value == [0.1] and name in LISTS):
            continue
        with pytest.raises(fault(named[name], value)) as caught:
            kind(**{**others, name: value})
        assert name in str(caught.value), (value, str(caught.value))
        assert len(str(caught.value)) < 350


@each_setting
def test_values_that_a_setting_can_have(kind, name):
    others, named = KINDS[kind]
    for value in GOOD[named[name]]:
        made = kind(**{**others, name: value})
        if isinstance(made, PlainSettings):  # plain numbers work with every array library
            assert type(getattr(made, name)).__module__ != "numpy"
            assert callable(value) or getattr(made, name) == value


@pytest.mark.parametrize("epochs", BAD["count from 1"])
@pytest.mark.parametrize("kind", [schedules.Step, schedules.Exponential])
def test_a_length_in_epochs_is_one_too(kind, epochs):
    error = ValueError if epochs is None else fault("count from 1", epochs)  # None means not given
    with pytest.raises(error, match="epochs"):
        kind(0.1, epochs=epochs)


@pytest.mark.parametrize("rate", BAD["not negative"])
def test_the_largest_rate_of_a_cosine(rate):
    with pytest.raises(ValueError, match="learning_rate must be"):
        schedules.Cosine(rate)


@pytest.mark.parametrize("heads", [*([n, 3] for n in BAD["count from 1"]), [1, 3], (), 3, "34"])
def test_heads(heads):
    for make in (losses.MultiCrossEntropy, losses.softmax_heads):
        with pytest.raises((ValueError, TypeError), match="heads must be the number of classes"):
            make(heads)


@pytest.mark.parametrize("quantile", BAD["between 0 and 1"])
def test_one_quantile_of_several(quantile):
    with pytest.raises(ValueError, match="quantiles must be numbers between 0 and 1"):
        losses.Quantile((0.5, quantile))


@pytest.mark.parametrize("iterations", BAD["count from 1"])
def test_iterations(iterations):
    error = fault("count from 1", iterations)
    with pytest.raises(error, match="max_iterations must be a positive integer"):
        optimizers.minimize(lambda x: (x @ x, 2 * x), np.ones(2), max_iterations=iterations)


@pytest.mark.parametrize("rate", [*BAD["rate"], None])
def test_a_learning_rate_that_replaces_an_optimizer_s(rate):
    for optimizer in (Adam(), optimizers.Clipped(Adam(), 1.0)):
        if rate is None:  # the optimizer's rate
            assert optimizers.get_optimizer(optimizer, rate) is optimizer
            continue
        with pytest.raises(fault("rate", rate), match="learning_rate"):
            optimizers.get_optimizer(optimizer, rate)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0, -1e-300])
def test_a_rate_that_a_users_schedule_gives(rate):
    net = network(get_backend("numpy"), [3, 1])
    with pytest.raises(ValueError, match="a learning rate must be a finite number ≥ 0"):
        net.fit(np.ones((4, 3)), np.ones((4, 1)), learning_rate=lambda t: rate, epochs=1)


@pytest.mark.parametrize("bound", [*NO_NUMBER, 0, None])
@pytest.mark.parametrize("name", ["low", "high"])
def test_the_bounds_of_a_range_test(name, bound):
    net = xpnet.Network([3, 1], loss="squared_error")
    with pytest.raises(ValueError, match="the rates must satisfy 0 < low < high"):
        xpnet.learning_rate_range(net, np.ones((4, 3)), np.ones((4, 1)), **{name: bound})
