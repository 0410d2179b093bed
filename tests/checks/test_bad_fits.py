"""Bad settings of a fit give the right error, and a fit that fails leaves the network unchanged."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.unchanged import FIT, LABELS, ROWS, X, make, rejects, unchanged
from xpnet.backends import to_numpy
from xpnet.optimizers import SGD, Adam

# --- settings of a fit


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be a positive integer, got 0"),
        ({"batch_size": -5}, ValueError, "batch_size must be a positive integer, got -5"),
        ({"batch_size": 2.5}, TypeError, r"batch_size must be a positive integer, got 2\.5"),
        ({"batch_size": "64"}, TypeError, "batch_size must be a positive integer, got '64'"),
        ({"batch_size": True}, TypeError, "batch_size must be a positive integer, got True"),
        ({"epochs": 0}, ValueError, "epochs must be a positive integer, got 0"),
        ({"epochs": -1}, ValueError, "epochs must be a positive integer, got -1"),
        ({"epochs": 1.0}, TypeError, r"epochs must be a positive integer, got 1\.0"),
        ({"epochs": True}, TypeError, "epochs must be a positive integer, got True"),
        ({"learning_rate": -0.1}, ValueError, r"learning_rate must be a finite number ≥ 0, got -0"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate must be a finite number ≥ 0"),
        ({"learning_rate": np.inf}, ValueError, "learning_rate must be a finite number ≥ 0"),
        (
            {"learning_rate": "0.1"},
            TypeError,
            "learning_rate must be a number or a schedule, got '0.1'",
        ),
        (
            {"learning_rate": True},
            TypeError,
            "learning_rate must be a number or a schedule, got True",
        ),
        ({"validation_data": (X[:, :3], LABELS)}, ValueError, "X has 3 columns"),
        ({"validation_data": (X, LABELS + 1)}, ValueError, "class labels must lie in 0 … 2"),
        ({"validation_data": (X, LABELS[:5])}, ValueError, "X has 6 examples, but Y has"),
        ({"validation_data": (X,)}, (TypeError, ValueError), "validation_data"),
        ({"validation_data": X}, (TypeError, ValueError), "validation_data"),
        ({"callbacks": 5}, TypeError, "a callback must be a function .* got 5"),
        ({"callbacks": [{"epoch_end": print}]}, TypeError, "give the dict itself"),
        ({"callbacks": {"begin": print}}, ValueError, "unknown moment of callbacks 'begin'"),
    ],
)
def test_settings_of_a_fit(settings, error, match):
    net = make()
    rejects(net, error, match, lambda: net.fit(X, LABELS, **settings))
    fresh = xpnet.Network()
    rejects(fresh, error, match, lambda: fresh.fit(X, LABELS, **settings))


@pytest.mark.parametrize("max_norm", ["3", True, [1.0], -1.0, float("nan")])
def test_a_max_norm_that_is_no_number_is_refused_before_the_first_step(max_norm):
    net, match = make(), "the limit of max_norm must be a finite number > 0"
    rejects(net, ValueError, match, lambda: net.fit(X, LABELS, max_norm=max_norm))


def test_metrics_without_validation_data_are_refused():
    net, match = make(), r"metrics \(f1\) are measured on the validation data"
    rejects(net, ValueError, match, lambda: net.fit(X, LABELS, metrics=["f1"]))


@pytest.mark.parametrize(
    ("data", "begins"),
    [
        ((X[:, :3], LABELS), "validation X has 3 columns, but"),
        ((X, LABELS[:5]), "validation X has 6 examples, but Y has"),
        ((X * np.nan, LABELS), "validation X has NaN or infinite entries"),
        ((X, LABELS + 1), "validation_data: class labels must lie in 0 … 2"),
        ((X.astype(str), LABELS), "validation X must hold real numbers"),
    ],
)
def test_an_error_of_the_validation_data_says_so(data, begins):
    net = make()
    rejects(
        net,
        (TypeError, ValueError),
        f"^{begins}",
        lambda: net.fit(X, LABELS, **FIT, validation_data=data),
    )


@pytest.mark.parametrize("rate", [0, 1, np.float32(0.01), np.float64(0.01), np.int64(1)])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_any_real_number_is_a_learning_rate(optimizer, rate):
    net = make()
    net.fit(X, LABELS, optimizer=optimizer, learning_rate=rate, **FIT)
    assert net.epoch == 3


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "2", True])
def test_the_batch_size_of_predict_and_evaluate(batch_size):
    net = make()
    error = ValueError if type(batch_size) is int else TypeError
    match = "batch_size must be a positive integer, got"
    rejects(net, error, match, lambda: net.predict(X, batch_size=batch_size))
    rejects(net, error, match, lambda: net.evaluate(X, LABELS, batch_size=batch_size))


@pytest.mark.parametrize(
    ("make_optimizer", "match"),
    [
        (lambda: Adam(beta1=1.0), r"beta1 must lie in \[0, 1\), got 1\.0"),
        (lambda: Adam(beta1=-0.1), r"beta1 must lie in \[0, 1\), got -0\.1"),
        (lambda: Adam(beta2=1.0), r"beta2 must lie in \[0, 1\), got 1\.0"),
        (lambda: Adam(beta2=np.nan), r"beta2 must lie in \[0, 1\), got nan"),
        (lambda: Adam(epsilon=-1e-8), "epsilon must be a finite number ≥ 0, got -1e-08"),
        (lambda: Adam(learning_rate=-1.0), "learning_rate must be a finite number ≥ 0, got -1"),
        (lambda: Adam(learning_rate=np.inf), "learning_rate must be a finite number ≥ 0, got inf"),
        (lambda: SGD(learning_rate=np.nan), "learning_rate must be a finite number ≥ 0, got nan"),
        (lambda: SGD(momentum=1.0), r"momentum must lie in \[0, 1\), got 1\.0"),
        (lambda: SGD(momentum=-0.5), r"momentum must lie in \[0, 1\), got -0\.5"),
        (lambda: SGD(nesterov=True), "nesterov needs a momentum above 0"),
    ],
)
def test_settings_of_an_optimizer(make_optimizer, match):
    with pytest.raises(ValueError, match=match):
        make_optimizer()


@pytest.mark.parametrize("optimizer", [Adam, SGD])
def test_a_learning_rate_is_a_number(optimizer):
    with pytest.raises((TypeError, ValueError), match=r"learning_rate must be .*number.*'0\.1'"):
        optimizer(learning_rate="0.1")


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (
            np.ones(5, np.float32),
            r"sample_weight must be \(6,\), one number for each example, got \(5,\)",
        ),
        (np.ones((6, 1), np.float32), r"sample_weight must be \(6,\).*, got \(6, 1\)"),
        (np.ones((), np.float32), r"sample_weight must be \(6,\).*, got \(\)"),
        (np.asarray([1, 1, -1, 1, 1, 1]), "sample_weight must be finite and not negative"),
        (np.asarray([1, 1, np.nan, 1, 1, 1]), "sample_weight must be finite and not negative"),
        (np.asarray([1, 1, np.inf, 1, 1, 1]), "sample_weight must be finite and not negative"),
        (np.zeros(6, np.float32), "sample_weight is zero for every example"),
    ],
)
def test_sample_weights(backend, place, weights, match):
    net = make(backend=backend)
    if place == "device":
        weights = xpnet.asarray(weights.astype(np.float32), backend)
    for use in (
        lambda: net.gradient(X, LABELS, sample_weight=weights),
        lambda: net.value_and_gradient(X, LABELS, sample_weight=weights),
        lambda: net.evaluate(X, LABELS, sample_weight=weights),
        lambda: net.fit(X, LABELS, sample_weight=weights, **FIT),
        lambda: xpnet.gradient_check(net, X, LABELS, weights),
    ):
        rejects(net, ValueError, match, use)


@pytest.mark.parametrize("scale", [1e-50, 1e-30, 1e30, 1e300])
def test_the_scale_of_sample_weights_does_not_matter_where_float32_would_overflow(backend, scale):
    net, same = make(hidden=6, backend=backend), make(hidden=6, backend=backend)
    w = np.asarray([1.0, 2.0, 0.0, 0.5, 1.0, 3.0])
    value, gradients = net.value_and_gradient(X, LABELS, w)
    scaled_value, scaled = net.value_and_gradient(X, LABELS, scale * w)
    np.testing.assert_allclose(scaled_value, value, rtol=1e-5)
    np.testing.assert_allclose(to_numpy(scaled.flat), to_numpy(gradients.flat), atol=1e-5)
    history = net.fit(X, LABELS, sample_weight=scale * w, **FIT)
    np.testing.assert_allclose(
        history.loss, same.fit(X, LABELS, sample_weight=w, **FIT).loss, rtol=1e-5
    )


def test_sample_weights_are_real_numbers():
    net = make()
    for weights in (np.ones(6, complex), np.ones(6, object), ["1"] * 6):
        rejects(
            net,
            TypeError,
            "sample_weight must hold real numbers",
            lambda weights=weights: net.fit(X, LABELS, sample_weight=weights),
        )


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"directions": 0}, ValueError, "directions must be a positive integer, got 0"),
        ({"directions": 1.5}, TypeError, r"directions must be a positive integer, got 1\.5"),
        ({"epsilon": 0.0}, ValueError, r"epsilon must be above 0, got 0\.0"),
        ({"epsilon": np.nan}, ValueError, "epsilon must be above 0, got nan"),
    ],
)
def test_settings_of_the_gradient_check(settings, error, match):
    net = make()
    rejects(net, error, match, lambda: xpnet.gradient_check(net, X, LABELS, **settings))


# --- a fit that fails under way


def test_a_fit_that_fails_in_its_first_epoch_leaves_the_network_as_it_was(backend):
    def fail(net: xpnet.Network, history: xpnet.History) -> None:
        raise LookupError("the callback's own")

    for net in (make(backend=backend), xpnet.Network(hidden=(5,), backend=backend)):
        with unchanged(net), pytest.raises(LookupError, match="the callback's own"):
            net.fit(X, LABELS, epochs=3, callbacks={"step_end": fail})


def test_a_loss_that_diverges_leaves_the_network_as_it_was(backend):
    net = xpnet.Network([4, 5, 3], loss="squared_error", activation="identity", backend=backend)
    with (
        unchanged(net),
        np.errstate(all="ignore"),
        pytest.raises(xpnet.DivergenceError, match=r"epoch \d+, step \d+: lower the learning"),
    ):
        net.fit(X, ROWS, optimizer="sgd", learning_rate=1e30, epochs=5, batch_size=2)
