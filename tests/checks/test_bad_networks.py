"""Bad settings, parameters and files give the right error, and leave the network unchanged."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import xpnet
from tests.support.helpers import needed
from tests.support.unchanged import LABELS, ROWS, X, every_use, make, rejects, unchanged
from xpnet.backends import to_numpy
from xpnet.optimizers import Adam


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
