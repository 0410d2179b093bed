"""Bad X and Y give the right error with a helpful message, and leave the network unchanged."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.unchanged import FIT, LABELS, ROWS, X, every_use, make, rejects
from xpnet.backends import to_numpy


def with_one_output(loss: str | None = None, **settings: Any) -> xpnet.Network:
    return xpnet.Network([4, 6, 1], loss=loss, rng=3, **settings)


# --- X


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (X[:, :3], r"X has 3 columns, but the first layer expects 4 \(sizes\[0\]\)"),
        (np.zeros((6, 5), np.float32), r"X has 5 columns, but the first layer expects 4"),
        (X[0, :3], r"X has 3 columns, but the first layer expects 4"),
        (
            X[None],
            r"X must be \(examples, 4\), or \(4,\) for one example, got the shape \(1, 6, 4\)",
        ),
        (X[0, 0], r"X must be \(examples, 4\), or \(4,\) for one example, got the shape \(\)"),
        (X[:0], "X has no examples"),
    ],
)
@pytest.mark.parametrize("place", ["host", "device"])
def test_the_shape_of_X(backend, bad, match, place):
    net = make(backend=backend)
    Y = LABELS[:0] if 0 in bad.shape else LABELS
    if place == "device":
        bad = xpnet.asarray(np.asarray(bad), backend)
    rejects(net, ValueError, match, net, bad)
    rejects(net, ValueError, match, lambda: net.predict(bad, batch_size=2))
    for use in every_use(net):
        rejects(net, ValueError, match, use, bad, Y)


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        (X.astype(object), "X must hold real numbers, got dtype object"),
        (X.astype(str), "X must hold real numbers, got dtype"),
        ([["a", "b", "c", "d"]] * 6, "X must hold real numbers, got dtype"),
        (X.astype("datetime64[s]"), "X must hold real numbers, got dtype datetime64"),
        (X.astype(complex), "X must hold real numbers, got dtype complex128"),
        (None, "X must hold real numbers, got dtype object"),
        ({"a": 1}, "X must hold real numbers, got dtype object"),
    ],
)
def test_the_dtype_of_X_on_the_host(bad, match):
    net, open_net = make(), xpnet.Network()
    rejects(net, TypeError, match, net, bad)
    for use in every_use(net):
        rejects(net, TypeError, match, use, bad, LABELS)
    if np.ndim(bad) == 2:
        rejects(open_net, TypeError, match, open_net.fit, bad, LABELS)


def test_a_complex_X_on_any_backend(backend):
    net = make(backend=backend)
    bad = xpnet.asarray(X.astype(np.complex64), backend)
    rejects(net, TypeError, "X must hold real numbers, got dtype complex64", net, bad)
    for use in every_use(net):
        rejects(net, TypeError, "X must hold real numbers, got dtype complex64", use, bad, LABELS)


def test_rows_of_X_that_differ_in_length():
    net, ragged = make(), [[1.0, 2.0, 3.0, 4.0], [1.0]]
    match = "X must be an array, but its rows differ in length"
    rejects(net, ValueError, match, net, ragged)
    for use in every_use(net):
        rejects(net, ValueError, match, use, ragged, LABELS[:2])


def test_rows_of_X_that_differ_in_length_for_a_network_without_sizes():
    net = xpnet.Network()
    match = "X must be an array, but its rows differ in length"
    rejects(net, ValueError, match, net.fit, [[1.0, 2.0], [1.0]], [0, 1])


@pytest.mark.parametrize("order", [">f4", ">f8", "<f4"])
def test_byte_order_is_no_reason_to_refuse(backend, order):
    net = make(backend=backend)
    np.testing.assert_array_equal(to_numpy(net(X.astype(order))), to_numpy(net(X)))


def test_a_numpy_matrix_is_an_array_of_its_numbers():
    net = make("squared_error")
    with warnings.catch_warnings():  # NumPy advises against np.matrix
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        matrix = np.asmatrix(X)
        value, gradients = net.value_and_gradient(matrix, ROWS)
    expected_value, expected = net.value_and_gradient(X, ROWS)
    assert value == expected_value
    np.testing.assert_array_equal(gradients.flat, expected.flat)


# --- Y


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize("n", [0, 1, 5, 7])
def test_X_and_Y_of_different_length(backend, place, n):
    for loss, Y in (("cross_entropy", np.resize(LABELS, n)), ("squared_error", np.ones((n, 3)))):
        net = make(loss, backend=backend)
        if place == "device":
            Y = xpnet.asarray(Y.astype("float32" if Y.ndim == 2 else "int32"), backend)
        for use in every_use(net):
            rejects(net, ValueError, "X has 6 examples, but Y has the shape", use, X, Y)


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize(
    ("label", "match"),
    [
        (3, r"class labels must lie in 0 … 2 \(the output has 3 units\), got 3"),
        (1000, r"class labels must lie in 0 … 2 .*, got 1000"),
        (-1, r"class labels must lie in 0 … 2 .*, got -1"),
        (-(2**31), r"class labels must lie in 0 … 2 .*, got -2147483648"),
    ],
)
def test_a_label_out_of_range(backend, place, label, match):
    net = make(backend=backend)
    Y = np.where(np.arange(6) == 4, label, LABELS).astype(np.int32)
    if place == "device":
        Y = xpnet.asarray(Y, backend)
    for use in every_use(net):
        rejects(net, ValueError, match, use, X, Y)
    rejects(net, ValueError, match, lambda: net.gradient(X[0], Y[4]))


@pytest.mark.usefixtures("narrow_jax")
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_a_label_that_only_fits_64_bits_does_not_wrap_into_range(backend, dtype):
    net = make(backend=backend)
    Y = LABELS.astype(dtype)
    Y[4] += dtype(2**32)
    for use in every_use(net)[:4]:  # the gradient check turns 64 bits on
        rejects(net, ValueError, r"class labels must lie in 0 … 2", use, X, Y)


def test_an_unsigned_label_beyond_int64_is_out_of_range():
    net = make()
    Y = np.where(np.arange(6) == 4, np.uint64(2**63 + 1), LABELS.astype(np.uint64))
    rejects(net, ValueError, r"class labels must lie in 0 … 2", net.gradient, X, Y)


@pytest.mark.parametrize("place", ["host", "device"])
def test_labels_that_are_floats(backend, place):
    net = make(backend=backend)
    Y = LABELS.astype(np.float32)
    if place == "device":
        Y = xpnet.asarray(Y, backend)
    for use in every_use(net):
        rejects(net, ValueError, "class labels must be integers, got dtype float32", use, X, Y)


def test_negative_labels_for_a_network_without_sizes():
    for labels in ([0, 1, -1, 0, 1, 2], [-1] * 6):
        net = xpnet.Network(hidden=(5,))
        rejects(net, ValueError, "class labels must .*got -1", net.fit, X, labels)
        with pytest.raises(ValueError, match="class labels must") as caught:
            net.fit(X, labels)
        assert "0 units" not in str(caught.value)


def test_labels_that_ask_for_more_outputs_than_memory_holds():
    net = xpnet.Network(hidden=(5,))
    rejects(net, ValueError, "labels", net.fit, X, np.where(LABELS == 1, 10**13, LABELS))


@pytest.mark.parametrize(
    ("Y", "error", "match"),
    [
        (LABELS.astype(complex), TypeError, "Y must hold real numbers, got dtype complex128"),
        (LABELS.astype(object), TypeError, "Y must hold real numbers, got dtype object"),
        (None, TypeError, "Y must hold real numbers, got dtype object"),
        ([[1, 0, 0], [1]] * 3, ValueError, "Y must be an array, but its rows differ in length"),
    ],
)
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error", None])
def test_the_dtype_of_Y(loss, Y, error, match):
    net = make(loss) if loss else xpnet.Network([4, 5, 3])
    for use in every_use(net):
        rejects(net, error, match, use, X, Y)


def probabilities(*, off: float = 0.0, low: float = 0.0) -> Any:
    P = np.full((6, 3), 1 / 3, np.float32)
    P[4] = (0.5 + off - low, 0.5, low)
    return P


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize(
    ("Y", "match"),
    [
        (probabilities(off=0.25), "rows that sum to 1; one sum differs by 0.25"),
        (probabilities(off=-0.25), "rows that sum to 1; one sum differs by 0.25"),
        (probabilities(low=-0.5), "targets ≥ 0"),
        (np.zeros((6, 3), np.float32), "rows that sum to 1; one sum differs by 1"),
        (np.full((6, 3), np.inf, np.float32), "sum to 1"),
    ],
)
def test_probabilities_that_do_not_sum_to_one(backend, place, Y, match):
    net = make(backend=backend)
    assert net.value_and_gradient(X, probabilities())[0] > 0
    Y = xpnet.asarray(Y, backend) if place == "device" else Y
    for use in every_use(net):
        rejects(net, ValueError, f"'cross_entropy' takes .*{match}", use, X, Y)


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize(
    ("loss", "value", "match"),
    [
        ("poisson", -1.0, "'poisson' takes targets ≥ 0"),
        ("poisson", -np.inf, "'poisson' takes targets ≥ 0"),
        ("binary_cross_entropy", -0.5, "'binary_cross_entropy' takes targets"),
        ("binary_cross_entropy", 1.5, r"'binary_cross_entropy' takes targets in \[0, 1\]"),
        ("binary_cross_entropy", 2, r"'binary_cross_entropy' takes targets in \[0, 1\]"),
        ("binary_cross_entropy", np.inf, r"'binary_cross_entropy' takes targets in \[0, 1\]"),
    ],
)
def test_targets_out_of_the_range_of_their_loss(backend, place, loss, value, match):
    net = xpnet.Network([4, 5, 3], loss=loss, backend=backend)
    Y = np.ones((6, 3), np.asarray(value).dtype if isinstance(value, int) else np.float32)
    Y[4, 1] = value
    Y = xpnet.asarray(Y, backend) if place == "device" else Y
    for use in every_use(net):
        rejects(net, ValueError, match, use, X, Y)


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize("shape", [(6, 1), (6,), (6, 2), (6, 3, 1), (1, 6, 3), (3, 6)])
@pytest.mark.parametrize(
    "loss", ["squared_error", "mean_squared_error", "absolute_error", "huber", "poisson"]
)
def test_targets_that_would_broadcast(backend, place, shape, loss):
    net = xpnet.Network([4, 5, 3], loss=loss, backend=backend)
    Y = np.ones(shape, np.float32)
    Y = xpnet.asarray(Y, backend) if place == "device" else Y
    match = r"loss '\w+' takes \(6, 3\)" if shape[0] == 6 else "X has 6 examples, but Y has"
    for use in every_use(net)[1:4]:
        rejects(net, ValueError, match, use, X, Y)


@pytest.mark.parametrize("shape", [(6, 1), (6, 2), (6, 3, 1)])
def test_labels_or_rows_of_another_shape(backend, shape):
    net = make(backend=backend)
    match = r"takes \(6, 3\), or integer labels of shape \(6,\)"
    if shape == (6, 1):
        match = r"but class labels have the shape \(6,\): take its column"
    for dtype in (np.int64, np.float32):
        Y = np.ones(shape, dtype)
        for use in every_use(net)[1:4]:
            rejects(net, ValueError, match, use, X, Y)


def test_a_row_of_targets_is_not_spread_over_the_examples():
    net = make("squared_error")
    for use in every_use(net):
        rejects(net, ValueError, "X has 6 examples, but Y has the shape", use, X, ROWS[0])
        rejects(net, ValueError, "X has 6 examples, but Y has the shape", use, X, 1.0)


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy", "poisson"])
def test_a_vector_of_targets_is_a_column_for_one_output(backend, loss):
    net = with_one_output(loss, backend=backend)
    Y = np.asarray([0, 1, 1, 0, 1, 0], np.float32)
    value, gradients = net.value_and_gradient(X, Y)
    expected_value, expected = net.value_and_gradient(X, Y[:, None])
    assert value == expected_value
    np.testing.assert_array_equal(to_numpy(gradients.flat), to_numpy(expected.flat))
    rejects(net, ValueError, r"takes \(6, 1\)", net.gradient, X, np.ones((6, 2)))
    rejects(net, ValueError, r"takes \(6, 1\)", net.gradient, X, np.ones((6, 6)))


# --- NaN and infinity


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found_by_fit(backend, place, value):
    net = make("squared_error", backend=backend)
    bad_X, bad_Y = X.copy(), ROWS.copy()
    bad_X[5, 3] = bad_Y[0, 2] = value
    if place == "device":
        bad_X, bad_Y = xpnet.asarray(bad_X, backend), xpnet.asarray(bad_Y, backend)
    fit = every_use(net)[3]
    rejects(net, ValueError, "X has NaN or infinite entries", fit, bad_X, ROWS)
    rejects(net, ValueError, "Y has NaN or infinite entries", fit, X, bad_Y)
    for data, name in (((bad_X, ROWS), "X"), ((X, bad_Y), "Y")):
        rejects(
            net,
            ValueError,
            f"validation {name} has NaN or infinite entries",
            lambda data=data: net.fit(X, ROWS, validation_data=data),
        )


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "poisson"])
def test_nan_among_targets_of_every_kind_is_found_by_fit(backend, loss):
    net = xpnet.Network([4, 5, 3], loss=loss, backend=backend)
    Y = np.full((6, 3), 1 / 3, np.float32)
    Y[2, 2] = np.nan
    rejects(net, ValueError, "Y has NaN or infinite entries|sum to 1", every_use(net)[3], X, Y)


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_what_overflows_float32_is_found_by_fit_and_without_a_warning(backend, value):
    net = make("squared_error", backend=backend)
    fit = every_use(net)[3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge_X, huge_Y = X.astype(np.float64) * value, ROWS.astype(np.float64) * value
        rejects(net, ValueError, "X has .* too large for float32", fit, huge_X, ROWS)
        rejects(net, ValueError, "Y has .* too large for float32", fit, X, huge_Y)


def test_a_float64_network_takes_what_overflows_float32():
    net = xpnet.Network([4, 3], loss="squared_error", dtype="float64", initializer="zeros")
    net.fit(np.full((6, 4), 1e100), ROWS, learning_rate=0.0, **FIT)
    assert net.epoch == 1
