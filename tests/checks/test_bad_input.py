"""Bad input gives the right error with a helpful message, and leaves the network unchanged."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import xpnet
from tests.support.backends import other
from tests.support.helpers import needed
from xpnet.backends import Backend, to_numpy
from xpnet.derivatives.gradient import gradient
from xpnet.equations import passes
from xpnet.optimizers import SGD, Adam

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
LABELS = np.asarray([0, 1, 2, 0, 1, 2])
ROWS = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
FIT = {"epochs": 1, "batch_size": 4}


def make(loss: str | None = "cross_entropy", hidden: int = 5, **settings: Any) -> xpnet.Network:
    """Return a network 4-hidden-3, trained for two epochs, so that nothing has its default."""
    net = xpnet.Network([4, hidden, 3], loss=loss, rng=3, **settings)
    net.fit(X, ROWS if loss and loss.endswith("squared_error") else LABELS, epochs=2)
    return net


def with_one_output(loss: str | None = None, **settings: Any) -> xpnet.Network:
    return xpnet.Network([4, 6, 1], loss=loss, rng=3, **settings)


def state(net: xpnet.Network) -> tuple[Any, ...]:
    """Return everything about a network that a call could change; parameters as bytes."""
    settings = repr(net), net.epoch, net.seed, net.loss, net.plan, net.backend, net.dtype
    if "sizes open" in repr(net):
        return settings
    return *settings, net.layers, to_numpy(net.parameters).tobytes()


@contextmanager
def unchanged(net: xpnet.Network) -> Iterator[None]:
    """Check that the code within leaves the network unchanged, bit for bit."""
    before = state(net)
    yield
    assert state(net) == before


def rejects(
    net: xpnet.Network, error: type[Exception], match: str, call: Callable[..., Any], *args: Any
) -> None:
    """Check that ``call(*args)`` raises, and that the network is unchanged."""
    with unchanged(net), pytest.raises(error, match=match):
        call(*args)


def every_use(net: xpnet.Network) -> list[Callable[..., Any]]:
    """Return all methods that take X and Y."""
    return [
        net.value_and_gradient,
        net.gradient,
        net.evaluate,
        lambda X, Y: net.fit(X, Y, **FIT),
        lambda X, Y: xpnet.gradient_check(net, X, Y),
    ]


def test_unchanged_sees_a_change():
    net, fresh = make(), xpnet.Network()
    for changed, change in (
        (net, lambda: net.set_parameters(-to_numpy(net.parameters))),
        (net, lambda: net.fit(X, LABELS, learning_rate=0.0, epochs=1)),
        (fresh, lambda: fresh.fit(X, LABELS, epochs=1)),
    ):
        with pytest.raises(AssertionError), unchanged(changed):
            change()


# --- settings of a network


@pytest.mark.parametrize(
    ("sizes", "error", "match"),
    [
        ([4, 0, 3], ValueError, r"sizes\[1\] must be a positive integer, got 0"),
        ([4, -1, 3], ValueError, r"sizes\[1\] must be a positive integer, got -1"),
        ([4, 2.5, 3], TypeError, r"sizes\[1\] must be a positive integer, got 2\.5"),
        ([4, 5.0, 3], TypeError, r"sizes\[1\] must be a positive integer, got 5\.0"),
        ([4, True, 3], TypeError, r"sizes\[1\] must be a positive integer, got True"),
        ([4, "10", 3], TypeError, r"sizes\[1\] must be a positive integer, got '10'"),
        ([4, None, 3], TypeError, r"sizes\[1\] must be a positive integer, got None"),
        ([4], ValueError, r"sizes must have at least 2 widths .* got \[4\]"),
        ([], ValueError, r"sizes must have at least 2 widths .* got \[\]"),
        ("10", TypeError, r"sizes must be a sequence of positive integers or layers, got '10'"),
        (10, TypeError, r"sizes must be a sequence of positive integers or layers, got 10"),
    ],
)
def test_widths_are_positive_integers(sizes, error, match):
    with pytest.raises(error, match=match):
        xpnet.Network(sizes)


@pytest.mark.parametrize(
    ("hidden", "error", "match"),
    [
        ((0,), ValueError, r"hidden\[0\] must be a positive integer, got 0"),
        ((8, -3), ValueError, r"hidden\[1\] must be a positive integer, got -3"),
        ((8.0,), TypeError, r"hidden\[0\] must be a positive integer, got 8\.0"),
        (8, TypeError, r"hidden must be a sequence of positive integers or layers, got 8"),
    ],
)
def test_hidden_widths_are_positive_integers(hidden, error, match):
    with pytest.raises(error, match=match):
        xpnet.Network(hidden=hidden)


@pytest.mark.parametrize("sizes", [(4, 5, 3), np.asarray([4, 5, 3]), range(3, 6)])
def test_any_sequence_of_integers_is_taken_as_widths(sizes):
    assert xpnet.Network(sizes).sizes == tuple(sizes)


def test_sizes_and_hidden_are_not_both_given():
    with pytest.raises(ValueError, match="leave hidden out"):
        xpnet.Network([5, 8, 3], hidden=(7,))


@pytest.mark.parametrize(
    ("setting", "value", "match"),
    [
        ("activation", "rellu", r"unknown activation 'rellu': did you mean 'relu'\?"),
        ("activation", "Leaky ReLU", "did you mean 'leaky_relu'"),
        ("activation", ["relu", "softmux"], "did you mean 'softmax'"),
        ("output", "sigmoyd", "did you mean 'sigmoid'"),
        ("loss", "crossentropy", "unknown loss 'crossentropy': did you mean 'cross_entropy'"),
        ("loss", "mean-squared-error", "did you mean 'mean_squared_error'"),
        ("initializer", "he", "unknown initializer 'he'.*he_uniform"),
        ("initializer", "glorot-uniform", "did you mean 'glorot_uniform'"),
        ("backend", "nunpy", "unknown backend 'nunpy': did you mean 'numpy'"),
        ("backend", "pytorch", "did you mean 'torch'"),
        ("backend", "array_api_strict", "did you mean 'array-api-strict'"),
        ("backend", "tensorflow", "it must be one of numpy, cupy, torch, jax, array-api-strict"),
        ("dtype", "flaot32", "dtype .*float32.*'flaot32'"),
        ("dtype", "float16", "dtype must be one of float32, float64, got 'float16'"),
        ("dtype", "float16", 'got \'float16\'.*float32.*"cupy", precision="float16"'),
        ("dtype", "bfloat16", 'got \'bfloat16\'.*float32.*"cupy", precision="bfloat16"'),
        ("dtype", np.int32, "dtype must be one of float32, float64"),
    ],
)
def test_an_unknown_name_is_told_the_nearest_known_one(setting, value, match):
    with pytest.raises(ValueError, match=match):
        xpnet.Network([4, 5, 3], **{setting: value})


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("activation", 5, TypeError),
        ("activation", None, TypeError),
        ("output", 5, (TypeError, ValueError)),
        ("loss", 5, (TypeError, ValueError)),
        ("initializer", 5, (TypeError, ValueError)),
        ("backend", None, (TypeError, ValueError)),
    ],
)
def test_what_is_no_name_is_refused_by_its_setting(setting, value, error):
    with pytest.raises(error, match="activation" if setting == "output" else setting):
        xpnet.Network([4, 5, 3], **{setting: value})


def test_an_unknown_optimizer_is_told_the_nearest_known_one():
    net = make()
    rejects(
        net,
        ValueError,
        "unknown optimizer 'adma': did you mean 'adam'",
        lambda: net.fit(X, LABELS, optimizer="adma"),
    )


@pytest.mark.parametrize("optimizer", [Adam, 0.1, None])
def test_an_optimizer_is_a_name_or_an_instance(optimizer):
    net = make()
    for rate in (None, 0.1):
        rejects(
            net,
            TypeError,
            r"optimizer must be a name \(sgd, .*, lbfgs\) or an instance such as",
            lambda rate=rate: net.fit(X, LABELS, optimizer=optimizer, learning_rate=rate),
        )


@pytest.mark.parametrize(
    ("activation", "match"),
    [
        (["relu"], "one for each of the 2 layers, including the output, got 1"),
        (["relu", "relu", "softmax"], "one for each of the 2 layers, including the output, got 3"),
        ([], "one for each of the 2 layers, including the output, got 0"),
    ],
)
def test_a_list_of_activations_has_one_for_each_layer(activation, match):
    with pytest.raises(ValueError, match=match):
        xpnet.Network([4, 5, 3], activation=activation)


def test_a_list_of_activations_leaves_no_place_for_output():
    with pytest.raises(ValueError, match="already names the output's: leave output out"):
        xpnet.Network([4, 5, 3], activation=["relu", "softmax"], output="softmax")


@pytest.mark.parametrize(
    ("loss", "output", "match"),
    [
        ("cross_entropy", "tanh", "'cross_entropy' takes the output 'softmax' or 'identity'"),
        ("cross_entropy", "sigmoid", "'cross_entropy' takes the output 'softmax' or 'identity'"),
        ("binary_cross_entropy", "softmax", "takes the output 'sigmoid' or 'identity'"),
        ("binary_cross_entropy", "relu", "takes the output 'sigmoid' or 'identity', not 'relu'"),
        ("poisson", "identity", "'poisson' takes the output 'exp' .*, not 'identity'"),
        ("poisson", "relu", "'poisson' takes the output 'exp' .*, not 'relu'"),
        ("poisson", "tanh", "'poisson' takes the output 'exp' .*, not 'tanh'"),
    ],
)
@pytest.mark.parametrize("how", ["output", "list", "open"])
def test_a_loss_with_an_output_it_excludes(how, loss, output, match):
    named = {"activation": ["relu", output]} if how == "list" else {"output": output}
    widths = {"hidden": (5,)} if how == "open" else {"sizes": [4, 5, 3]}
    with pytest.raises(ValueError, match=match):
        xpnet.Network(loss=loss, **widths, **named)


def test_an_open_loss_is_held_against_the_named_output_when_it_is_decided():
    net = xpnet.Network([4, 5, 3], output="tanh")
    for use in every_use(net):
        rejects(net, ValueError, "takes the output 'softmax' or 'identity'", use, X, LABELS)
    assert net.value_and_gradient(X, ROWS)[0] > 0


@pytest.mark.parametrize(
    ("rng", "error", "match"),
    [
        (-1, ValueError, "rng must not be negative, got -1"),
        (1.5, TypeError, "rng must be an int, a SeedSequence, a Generator or None, got float"),
        ("0", TypeError, "rng must be an int, a SeedSequence, a Generator or None, got str"),
        (True, TypeError, "rng must be an int, a SeedSequence, a Generator or None, got bool"),
        ([1, 2], TypeError, "rng must be an int, a SeedSequence, a Generator or None, got list"),
    ],
)
def test_rng_is_a_seed(rng, error, match):
    with pytest.raises(error, match=match):
        xpnet.Network([4, 5, 3], rng=rng)
    with pytest.raises(error, match=match):
        xpnet.gradient_check(make(), X, LABELS, rng=rng)


@pytest.mark.parametrize(
    "use",
    [
        lambda net: net(X),
        lambda net: net.predict(X, batch_size=2),
        lambda net: net.gradient(X, LABELS),
        lambda net: net.value_and_gradient(X, LABELS),
        lambda net: net.evaluate(X, LABELS),
        lambda net: xpnet.gradient_check(net, X, LABELS),
        lambda net: net.parameters,
        lambda net: net.weights,
        lambda net: net.biases,
        lambda net: net.sizes,
        lambda net: net.layers,
        lambda net: net.summary(),
        lambda net: net.set_parameters(np.zeros(43)),
        lambda net: net.set_weights([np.zeros((3, 4))], [np.zeros(3)]),
    ],
)
def test_a_network_without_sizes_says_so_until_it_is_fitted(use):
    net = xpnet.Network(hidden=(5,))
    rejects(net, ValueError, r"no sizes yet: give them .* or call fit", use, net)


def test_a_network_without_sizes_is_not_saved(tmp_path):
    net = xpnet.Network()
    rejects(net, ValueError, "no sizes yet", net.save, tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


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
    with warnings.catch_warnings():
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


# --- parameters


@pytest.mark.parametrize("n", [0, 1, 42, 44])
def test_a_parameter_vector_of_another_length(backend, n):
    net = make(backend=backend)
    match = rf"has 43 parameters, so θ must be \(43,\), not \({n},\)"
    rejects(net, ValueError, match, net.set_parameters, np.zeros(n))
    rejects(net, ValueError, match, net.set_parameters, xpnet.asarray(np.zeros(n, "f4"), backend))


@pytest.mark.parametrize("theta", [np.zeros((43, 1)), np.zeros((1, 43)), np.float32(0.0)])
def test_a_parameter_vector_of_another_rank(theta):
    net = make()
    rejects(net, ValueError, r"so θ must be \(43,\), not", net.set_parameters, theta)


def test_parameters_from_a_list():
    net = make()
    rejects(net, ValueError, r"so θ must be \(43,\), not \(2,\)", net.set_parameters, [0.0, 1.0])
    net.set_parameters([0.5] * 43)
    assert np.all(net.parameters == 0.5)


@pytest.mark.parametrize("dtype", [complex, object, str])
def test_parameters_are_real_numbers(dtype):
    net = make()
    weights, biases = ([x.astype(dtype) for x in part] for part in (net.weights, net.biases))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns that it drops the imaginary part
        rejects(net, TypeError, "real", net.set_parameters, net.parameters.astype(dtype))
        rejects(net, TypeError, "real", net.set_weights, weights, net.biases)
        rejects(net, TypeError, "real", net.set_weights, net.weights, biases)


def test_weights_of_another_shape(backend):
    net = make(backend=backend)
    W, b = ([to_numpy(x) for x in part] for part in (net.weights, net.biases))
    cases = [
        ([W[0].T, W[1]], b, r"weights\[0\] must be \(5, 4\), got \(4, 5\)"),
        ([W[0], W[1][:1]], b, r"weights\[1\] must be \(3, 5\), got \(1, 5\)"),
        ([W[0], W[1].reshape(-1)], b, r"weights\[1\] must be \(3, 5\), got \(15,\)"),
        (W, [b[0], b[1][:, None]], r"biases\[1\] must be \(3,\), got \(3, 1\)"),
        (W, [b[0][:1], b[1]], r"biases\[0\] must be \(5,\), got \(1,\)"),
        (W, [0.0, b[1]], r"biases\[0\] must be \(5,\), got \(\)"),
        (W[:1], b, "weights must have 2 arrays, got 1"),
        (W, [*b, b[0]], "biases must have 2 arrays, got 3"),
    ]
    for weights, biases, match in cases:
        rejects(net, ValueError, match, net.set_weights, weights, biases)
        place = [[xpnet.asarray(np.asarray(x), backend) for x in p] for p in (weights, biases)]
        rejects(net, ValueError, match, net.set_weights, *place)


# --- packages, devices


@pytest.mark.parametrize(
    ("name", "package", "command"),
    [
        ("torch", "torch", r'needs the package torch: pip install "xpnet\[torch\]"'),
        ("jax", "jax", r'needs the package jax: pip install "xpnet\[jax\]"'),
        ("cupy", "cupy", r'needs the package cupy: pip install "xpnet\[cuda12\]".*cuda13'),
        ("array-api-strict", "array_api_strict", "pip install array-api-strict"),
    ],
)
def test_a_missing_package_has_its_pip_command(monkeypatch, name, package, command):
    monkeypatch.setitem(sys.modules, package, None)
    net = make()
    for use in (
        lambda: xpnet.get_backend(name),
        lambda: xpnet.Network([4, 5, 3], backend=name),
        lambda: xpnet.asarray(X, backend=name),
        lambda: net.to(name),
    ):
        rejects(net, ImportError, command, use)
    row = next(r for r in xpnet.available_backends() if r.name == name)
    assert not row.usable
    assert row.version is None
    assert "pip install" in (row.reason or "")
    assert xpnet.get_backend("auto").name in {"numpy", "cupy"} - {name}


def test_a_missing_gpu():
    if importlib.util.find_spec("cupy") is None:
        error, match = ImportError, "pip install"
    elif xpnet.get_backend("auto").name == "cupy":
        pytest.skip("a GPU is here")
    else:
        error, match = RuntimeError, "no CUDA device answers"
    net = make()
    rejects(net, error, match, xpnet.get_backend, "cupy")
    rejects(net, error, match, net.to, "cupy")
    assert xpnet.get_backend("auto").name == "numpy"


@pytest.mark.parametrize(
    ("name", "device", "match"),
    [
        ("numpy", "cuda", r'"numpy" has only the device "cpu", not \'cuda\'.*backend="cupy"'),
        (
            "array-api-strict",
            "device9",
            "device 'device9' is not available: array-api-strict has .*device1",
        ),
        ("torch", "cuda:99", "device 'cuda:99' is not available: torch .* has .*cpu"),
        ("torch", 99, "device 99 is not available: torch .* has .*cpu"),
        ("torch", "nonsense", "nonsense.*torch .* has .*cpu"),
        ("jax", "cpu:99", "device 'cpu:99' is not available: JAX has "),
        ("jax", "nonsense", "device 'nonsense' is not available: JAX has "),
        ("cupy", "cuda:99", "device 'cuda:99' is not available: CuPy finds"),
    ],
)
def test_a_device_that_is_not_there(name, device, match):
    other(name)
    net = make()
    rejects(net, (ValueError, RuntimeError), match, lambda: xpnet.get_backend(name, device))
    rejects(net, (ValueError, RuntimeError), match, lambda: net.to(name, device=device))


def test_a_backend_object_takes_no_second_device(backend):
    net = make(backend=backend)
    match = "already has a device: leave device out"
    rejects(net, ValueError, match, lambda: xpnet.get_backend(backend, "cpu"))
    rejects(net, ValueError, match, lambda: net.to(backend, device="cpu"))


def test_a_pass_refuses_an_array_of_another_device_and_a_network_moves_it():
    xp = needed("array_api_strict")
    elsewhere = xp.asarray(X, device=xp.Device("CPU_DEVICE"))
    net = make(backend="array-api-strict", device="device1")
    run: Backend = net.backend
    rejects(net, ValueError, "device", passes.outputs, run, net.layers, net.parameters, elsewhere)
    labels = xp.asarray(LABELS, device=xp.Device("CPU_DEVICE"))
    here = xpnet.asarray(X, run)
    rejects(
        net,
        ValueError,
        "device",
        lambda: gradient(run, net.layers, net.loss, net.parameters, here, labels, None, 1.0),
    )
    A = net(elsewhere)
    assert A.device == xp.Device("device1")
    np.testing.assert_array_equal(to_numpy(A), to_numpy(net(X)))
    assert net.fit(elsewhere, labels, **FIT).loss[0] > 0


# --- model files


@pytest.mark.parametrize(
    ("content", "error", "match"),
    [
        (None, FileNotFoundError, "there is no model file"),
        (b"", ValueError, "is not a model file, or is damaged"),
        (b"just some text\n" * 20, ValueError, "is not a model file, or is damaged"),
        (b"\x00" * 64, ValueError, "is not a model file, or is damaged"),
        (b"PK\x03\x04" + b"\x00" * 60, ValueError, "is not a model file, or is damaged"),
    ],
)
def test_a_file_that_is_no_model(tmp_path, content, error, match):
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    for read in (xpnet.load, xpnet.files.load.describe):
        with pytest.raises(error, match=match) as caught:
            read(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "xpnet model 99"}])
def test_a_safetensors_file_of_another_kind(tmp_path, metadata):
    numpy_files = needed("safetensors.numpy")
    path = tmp_path / "other.safetensors"
    numpy_files.save_file({"layers.0.weight": np.zeros((3, 4), np.float32)}, path, metadata)
    with pytest.raises(ValueError, match="is not an xpnet model of a known kind, but") as caught:
        xpnet.load(path)
    assert str(path) in str(caught.value)
    if metadata:
        assert metadata["format"] in str(caught.value)
