"""Data and networks of extreme shapes and sizes: losses, gradients and fits are right."""

from __future__ import annotations

import math

import numpy as np
import pytest

import xpnet
from tests.support.backends import on_backends
from tests.support.exact import ELEMENTWISE, huber
from tests.support.fused_cases import case, difference, program_of, run_plain, run_source
from tests.support.helpers import needs_numba, network, relative
from tests.support.loops import backpropagate
from xpnet.backends import get_backend, to_numpy
from xpnet.layers import BatchNorm, Dense, LayerNorm
from xpnet.optimizers import get_optimizer

RNG = np.random.default_rng(18)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))


def compiled_is_plain(net, X, Y):
    """Compare a step on all rows of compiled loops with the plain one."""
    made = case(net, X, Y, optimizer=get_optimizer("adam"), steps=2, batch=len(X))
    assert difference(run_source(made, program_of(made)), run_plain(made)) < 1e-12


# --- one example, one feature, one output

SHAPES = {
    "one example": (1, [3, 4, 2]),
    "one feature": (12, [1, 4, 2]),
    "one output": (12, [3, 4, 1]),
    "one of each": (1, [1, 1, 1]),
    "no hidden layer": (1, [1, 1]),
    "layer norm": (1, [3, LayerNorm(), 4, 2]),
    "layer norm of one feature": (1, [1, LayerNorm(), 2]),
}


@on_backends("shape", list(SHAPES), jax=("one of each",))
def test_gradients_of_thin_data_equal_differences(backend, shape):
    n, sizes = SHAPES[shape]
    net = network(backend, sizes, activation="tanh", loss="mean_squared_error")
    x, y = X[:n, : sizes[0]], Y[:n, : sizes[-1]]
    assert max(xpnet.gradient_check(net, x, y)) < 1e-7
    first, *_ = net.fit(x, y, epochs=2, batch_size=1, compile=False).loss
    assert math.isfinite(first)


@pytest.mark.parametrize("shape", SHAPES)
def test_compiled_steps_on_thin_data(shape):
    n, sizes = SHAPES[shape]
    net = network(get_backend("numpy"), sizes, activation="tanh", loss="mean_squared_error")
    compiled_is_plain(net, X[:n, : sizes[0]], Y[:n, : sizes[-1]])


def test_batch_norm_of_one_example_gives_its_shift(backend):
    """x − mean is 0, so nothing below gets a gradient; one example has no unbiased variance."""
    net = network(backend, [3, 4, BatchNorm(), 2], loss="mean_squared_error")
    weights, _ = net.gradient(X[:1], Y[:1], training=True)
    np.testing.assert_array_equal(to_numpy(weights[0]), 0.0)
    net.fit(X[:1], Y[:1], epochs=1, compile=False, learning_rate=0.01)
    _, variance = net.statistics
    np.testing.assert_array_equal(to_numpy(variance), 1.0)  # as at the start
    assert np.isfinite(to_numpy(net(X))).all()


# --- columns


NORMALIZED = {"plain": [], "batch norm": [BatchNorm()], "layer norm": [LayerNorm()]}


@on_backends("name", list(NORMALIZED), jax=("batch norm",))
def test_constant_and_duplicate_columns(backend, name):
    """The gradients of equal columns are equal, and that of a column of zeros is 0."""
    data = np.concatenate([X, X[:, :1], np.full((12, 1), 3.0), np.zeros((12, 1))], axis=1)
    sizes = [6, *NORMALIZED[name], 5, 2]
    net = network(backend, sizes, activation="tanh", loss="mean_squared_error")
    assert max(xpnet.gradient_check(net, data, Y, training=True)) < 1e-6
    first = to_numpy(net.gradient(data, Y, training=True)[0][0])
    if name == "plain":
        np.testing.assert_allclose(first[:, 3], first[:, 0], rtol=1e-13)
        np.testing.assert_array_equal(first[:, 5], 0.0)
    history = net.fit(data, Y, epochs=3, batch_size=4, compile=False)
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize("name", NORMALIZED)
def test_compiled_steps_on_constant_and_duplicate_columns(name):
    data = np.concatenate([X, X[:, :1], np.full((12, 1), 3.0), np.zeros((12, 1))], axis=1)
    sizes = [6, *NORMALIZED[name], 5, 2]
    net = network(get_backend("numpy"), sizes, loss="mean_squared_error")
    compiled_is_plain(net, data, Y)


def test_a_constant_column_of_large_numbers_is_normalised_to_zero(backend):
    """In float32, the mean of 1e6 + 1/3 must not leave a rounding that 1/√ε makes large."""
    data = np.concatenate([np.full((12, 1), 1e6 + 1 / 3), X], axis=1).astype(np.float32)
    net = network(backend, [4, BatchNorm(), 2], loss="mean_squared_error", dtype="float32")
    weights, _ = net.gradient(data, Y.astype(np.float32), training=True)
    without = network(backend, [4, BatchNorm(), 2], loss="mean_squared_error", dtype="float32")
    data[:, 0] = 0.0
    expected, _ = without.gradient(data, Y.astype(np.float32), training=True)
    for found, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(to_numpy(found), to_numpy(wanted), rtol=1e-5, atol=1e-6)


# --- deep and wide


@pytest.mark.slow
def test_two_hundred_layers(backend):
    sizes = [4, *[8] * 199, 2]
    net = network(backend, sizes, activation="tanh", output="identity", loss="squared_error")
    x, y = RNG.normal(size=4), RNG.normal(size=2)
    weights, biases = (
        [to_numpy(part).reshape(-1) for part in parts] for parts in net.gradient(x, y)
    )
    f = [np.tanh] * 199 + [lambda z: z]
    df = [lambda z: 1 - np.tanh(z) ** 2] * 199 + [np.ones_like]
    own = [[to_numpy(p) for p in parts] for parts in (net.weights, net.biases)]
    expected = [[part.reshape(-1) for part in parts] for parts in backpropagate(*own, x, y, f, df)]
    assert relative(np.concatenate(weights), np.concatenate(expected[0])) < 1e-11
    assert relative(np.concatenate(biases), np.concatenate(expected[1])) < 1e-11


def test_compiled_steps_of_two_hundred_layers():
    net = network(
        get_backend("numpy"), [3, *[2] * 199, 2], activation="tanh", loss="mean_squared_error"
    )
    compiled_is_plain(net, X, Y)


@pytest.mark.slow
def test_a_million_classes(backend):
    """The loss is ln Σ e^z − z_y and db = P − Y; the mean loss of equal logits is ln 10⁶."""
    n = 1_000_000
    net = xpnet.Network([2, n], loss="cross_entropy", backend=backend, rng=0)
    labels = np.asarray([0, n - 1, 5])
    data = X[:3, :2].astype(np.float32)
    value, (weights, biases) = net.value_and_gradient(data, labels)
    Z = data.astype(np.float64) @ to_numpy(net.weights[0]).astype(np.float64).T
    Z -= Z.max(axis=1, keepdims=True)
    P = np.exp(Z)
    total = P.sum(axis=1, keepdims=True)
    exact = np.mean(np.log(total[:, 0]) - Z[np.arange(3), labels])
    assert value == pytest.approx(exact, rel=1e-6)
    P /= total
    P[np.arange(3), labels] -= 1.0
    assert relative(biases[0], P.mean(axis=0)) < 2e-6
    assert relative(weights[0], P.T @ data.astype(np.float64) / 3) < 2e-6
    net.set_parameters(np.zeros(3 * n, np.float32))
    assert net.evaluate(data, labels)["loss"] == pytest.approx(math.log(n), rel=1e-6)


# --- targets of 1e30

FAR = {**ELEMENTWISE, "huber": huber()}
LINEAR = ("absolute_error", "huber", "log_cosh")  # their losses fit into float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["squared_error", "mean_squared_error", *LINEAR])
def test_targets_of_1e30(backend, loss, dtype):
    net = network(backend, [3, 4, 2], loss=loss, dtype=dtype)
    far = np.abs(Y).astype(dtype) * np.asarray(1e30, dtype)
    outputs = to_numpy(net(X.astype(dtype))).astype(np.float64)
    value_of, slope_of = FAR[loss]
    pairs = list(zip(outputs.reshape(-1).tolist(), far.reshape(-1).tolist(), strict=True))
    scale = len(X) * (1 if loss == "squared_error" else 2)
    exact = float(sum(value_of(a, y) for a, y in pairs) / scale)
    if exact > float(np.finfo(dtype).max):
        with (
            np.errstate(all="ignore"),
            pytest.raises(xpnet.DivergenceError, match="epoch 1, step 1"),
        ):
            net.fit(X, far, epochs=1)
        return
    value, (_, biases) = net.value_and_gradient(X, far)
    eps = float(np.finfo(dtype).eps)
    assert value == pytest.approx(exact, rel=8 * eps)
    slopes = np.asarray([float(slope_of(a, y)) for a, y in pairs]).reshape(-1, 2)
    assert relative(biases[-1], slopes.sum(axis=0) / scale) < 8 * eps
    history = net.fit(X, far, epochs=2, batch_size=4, compile=False)
    assert history.loss[0] == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("loss", ["mean_squared_error", *LINEAR])
def test_compiled_steps_on_targets_of_1e30(loss):
    net = network(get_backend("numpy"), [3, 4, 2], loss=loss)
    compiled_is_plain(net, X, np.abs(Y) * 1e30)


# --- ten million rows

MANY = 10_000_000


@pytest.fixture(scope="module")
def many():
    """Return the network's input, targets in float32, and the exact mean of squared errors."""
    rng = np.random.default_rng(7)
    x = rng.random((MANY, 1), dtype=np.float32)
    y = x * np.float32(0.5) + np.float32(0.7)
    wide = 0.25 * x.astype(np.float64) - y
    return x, y, float(np.mean((wide * wide).astype(np.longdouble)))


def sloped(backend, **settings):
    """Return a network that computes x/4."""
    net = xpnet.Network([1, Dense(1, "identity")], backend=backend, dtype="float32", **settings)
    net.set_parameters(np.asarray([0.25, 0.0], np.float32))
    return net


@pytest.mark.slow
def test_the_mean_loss_of_ten_million_rows(backend, many):
    x, y, exact = many
    net = sloped(backend, loss="mean_squared_error")
    assert net.evaluate(x, y)["loss"] == pytest.approx(exact, rel=1e-6)
    assert net.value_and_gradient(x, y)[0] == pytest.approx(exact, rel=1e-6)
    for batch_size in (None, 2**17):
        history = net.fit(
            x, y, epochs=1, batch_size=batch_size, learning_rate=1e-30, optimizer="sgd",
            compile=False,
        )  # fmt: skip
        assert history.loss[0] == pytest.approx(exact, rel=1e-6)


@needs_numba
def test_the_mean_loss_of_ten_million_rows_by_compiled_steps(many):
    x, y, exact = many
    net = sloped("numpy", loss="mean_squared_error")
    history = net.fit(
        x, y, epochs=1, batch_size=2**20, learning_rate=1e-30, optimizer="sgd", compile=True
    )
    assert history.engine == "fused"
    assert history.loss[0] == pytest.approx(exact, rel=1e-6)
