"""The gradient, compared with mpmath, torch, JAX, finite differences, and other networks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xpnet
from tests.support.backends import on_backends
from tests.support.gradient_cases import (
    CONFIDENT_PAIRS,
    SIZES,
    exact_case,
    jax_gradient,
    problem,
    torch_gradient,
)
from tests.support.helpers import (
    PAIRS,
    needed,
    needs_jax,
    network,
    random_targets,
    relative,
    widths_for,
)
from xpnet.backends import get_backend, move, to_numpy
from xpnet.derivatives.gradient import gradient
from xpnet.equations import passes
from xpnet.equations.activations import ACTIVATIONS
from xpnet.losses import LOSSES, from_preactivation

# --- mpmath, 50 digits


def assert_exact(backend, activation, loss, hidden, confident=False):
    theta, X, Y, value, expected = exact_case(activation, loss, hidden, confident)
    net = network(backend, SIZES, activation=[hidden, hidden, activation], loss=loss)
    net.set_parameters(theta)
    found_value, found = net.value_and_gradient(X, Y)
    assert found_value == pytest.approx(value, rel=1e-13)
    for g, e in zip((*found.weights, *found.biases), expected, strict=True):
        assert relative(g, e) <= 1e-13


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_equals_mpmath_for_every_output_and_loss(backend, activation, loss):
    assert_exact(backend, activation, loss, hidden="tanh")


@pytest.mark.parametrize("hidden", list(ACTIVATIONS))
def test_equals_mpmath_for_every_hidden_activation(backend, hidden):
    assert_exact(backend, "softmax", "cross_entropy", hidden)


@pytest.mark.parametrize(("output", "loss"), CONFIDENT_PAIRS)
@pytest.mark.parametrize("hidden", ["relu", "tanh", "silu"])
def test_equals_mpmath_for_a_confident_network(backend, output, loss, hidden):
    *_, value, _ = exact_case(output, loss, hidden, confident=True)
    assert value < 1e-4, "the network is not confident: the test would show nothing"
    assert_exact(backend, output, loss, hidden, confident=True)


# --- automatic derivatives


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_equals_torch_autograd(backend, activation, loss):
    needed("torch")
    names = ["silu", "tanh", activation]
    net = network(backend, SIZES, activation=names, loss=loss)
    X, Y = problem(loss)
    value, expected = torch_gradient(net, names, loss, X, Y)
    found_value, found = net.value_and_gradient(X, Y)
    assert found_value == pytest.approx(value, rel=1e-12)
    assert relative(found.flat, expected) <= 1e-12


@needs_jax
@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_equals_jax_grad(activation, loss):
    names = ["gelu", "elu", activation]
    net = network(get_backend("jax"), SIZES, activation=names, loss=loss)
    X, Y = problem(loss)
    value, expected = jax_gradient(net, names, loss, X, Y)
    found_value, found = net.value_and_gradient(X, Y)
    assert found_value == pytest.approx(value, rel=1e-12)
    assert relative(found.flat, expected) <= 1e-12


# --- differences


# each activation with one loss, and each loss with one activation
EACH_ONCE = {*{a: (a, l) for a, l in PAIRS}.values(), *{l: (a, l) for a, l in PAIRS}.values()}


@on_backends("pair", PAIRS, jax=EACH_ONCE)  # above, every pair on JAX is compared with mpmath
def test_passes_its_own_check(backend, pair):
    activation, loss = pair
    net = network(backend, SIZES, activation=["tanh", "softplus", activation], loss=loss)
    errors = xpnet.gradient_check(net, *problem(loss), directions=2)
    assert len(errors) == 3
    assert max(errors) < 1e-7


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_check_notices_a_layer_that_is_wrong_by_half_a_thousandth(layer):
    net = network(get_backend("numpy"), SIZES, activation="tanh", loss="huber")
    X, Y = problem("huber")
    g = net.gradient(X, Y)
    g.weights[layer][...] *= 1.0005
    errors = xpnet.gradient_check(net, X, Y, gradient=g)
    assert errors[layer] > 1e-4
    assert max(e for l, e in enumerate(errors) if l != layer) < 1e-8
    assert f"layer {layer + 1}" in str(errors)


def test_check_notices_a_wrong_transpose_in_a_square_layer():
    net = network(get_backend("numpy"), [4, 4, 4], activation="tanh", loss="squared_error")
    X, Y = problem("squared_error", N=4, sizes=[4, 4, 4])
    g = net.gradient(X, Y)
    g.weights[0][...] = g.weights[0].T.copy()
    assert xpnet.gradient_check(net, X, Y, gradient=g)[0] > 0.1


def test_own_activation_and_loss_are_checked(backend):
    square = xpnet.elementwise("square", lambda xp, Z: Z * Z, lambda xp, Z, A: 2.0 * Z)

    def fourth_power(xp, A, Y):
        R = A - Y
        return xp.sum(R**4, axis=-1), 4.0 * R**3

    net = network(backend, SIZES, activation=square, loss=xpnet.Loss("fourth", fourth_power))
    assert max(xpnet.gradient_check(net, *problem("huber"))) < 1e-7
    wrong = xpnet.Loss("wrong", lambda xp, A, Y: (fourth_power(xp, A, Y)[0], A - Y))
    net = network(backend, SIZES, activation=square, loss=wrong)
    assert min(xpnet.gradient_check(net, *problem("huber"))) > 1e-3


# --- shapes, precision, stacks


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=11),
    N=st.integers(1, 7),
    loss=st.sampled_from(sorted(LOSSES)),
    seed=st.integers(0, 2**32),
)
def test_any_shape_equals_differences(sizes, N, loss, seed):
    rng, sizes = np.random.default_rng(seed), widths_for(loss, sizes)
    net = network(get_backend("numpy"), sizes, activation="tanh", loss=loss, rng=seed)
    X, Y = rng.normal(size=(N, sizes[0])), random_targets(rng, loss, N, sizes[-1])
    g = net.gradient(X, Y)
    assert [tuple(W.shape) for W in g.weights] == [(n, m) for m, n in pairwise(sizes)]
    assert [tuple(b.shape) for b in g.biases] == [(n,) for n in sizes[1:]]
    if loss not in ("absolute_error", "quantile"):  # their kink may lie within ε
        flat, v = g.flat, rng.normal(size=g.flat.shape)
        theta, h = net.parameters, 1e-6
        values = []
        for step in (h, -h):
            net.set_parameters(theta + step * v)
            values.append(net.value_and_gradient(X, Y)[0])
        slope = (values[0] - values[1]) / (2 * h)
        assert flat @ v == pytest.approx(slope, rel=1e-5, abs=1e-7 * (1 + abs(values[0])))


def test_float32_is_within_two_millionths_of_float64(backend):
    X, Y = problem("cross_entropy", N=32, sizes=[20, 30, 20, 10])
    single = network(backend, [20, 30, 20, 10], loss="cross_entropy", dtype="float32")
    double = single.to(dtype="float64")
    X = X.astype("float32")
    value, g = single.value_and_gradient(X, Y)
    exact_value, exact_g = double.value_and_gradient(X, Y)
    assert str(g.flat.dtype).endswith("float32")
    assert value == pytest.approx(exact_value, rel=2e-6)
    assert relative(g.flat, exact_g.flat) <= 2e-6


@pytest.mark.parametrize(("activation", "loss"), [("softmax", "cross_entropy"), ("tanh", "huber")])
@pytest.mark.parametrize("shared_inputs", [True, False])
def test_a_stack_of_three_networks_is_three_networks(backend, activation, loss, shared_inputs):
    xp = backend.xp
    nets = [
        network(backend, SIZES, activation=["silu", "softmax", activation], loss=loss, rng=r)
        for r in range(3)
    ]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3, 5, 3))
    X = X[:1].repeat(3, axis=0) if shared_inputs else X
    Y = np.stack([random_targets(rng, loss, 5, 3) for _ in range(3)])
    w = rng.uniform(0, 1, (3, 5))
    dtype = None if Y.dtype.kind == "f" else backend.index_dtype
    theta = xp.stack([net.parameters for net in nets])
    stacked_X = move(backend, X[0] if shared_inputs else X)
    weights = move(backend, w)
    out = xp.zeros_like(theta) if backend.in_place else None
    total, g, _ = gradient(
        backend,
        nets[0].layers,
        nets[0].loss,
        theta,
        stacked_X,
        move(backend, Y, dtype),
        weights,
        1.0 / xp.sum(weights, axis=-1, keepdims=True),
        out,
    )
    A = to_numpy(passes.outputs(backend, nets[0].layers, theta, stacked_X))
    for r, net in enumerate(nets):
        value, expected = net.value_and_gradient(X[r], Y[r], w[r])
        assert to_numpy(total)[r] / w[r].sum() == pytest.approx(value, rel=1e-13)
        assert relative(to_numpy(g)[r], expected.flat) <= 1e-13
        assert relative(A[r], net(X[r])) <= 1e-14


def test_without_a_buffer_the_gradient_is_the_same(backend):
    net = network(backend, SIZES, loss="huber")
    X, Y = (move(backend, v) for v in problem("huber"))
    _, g, _ = gradient(backend, net.layers, net.loss, net.parameters, X, Y, None, 0.25)
    np.testing.assert_array_equal(to_numpy(g), to_numpy(net.gradient(X, Y).flat))


def test_sample_weights_are_repeated_rows(backend):
    net = network(backend, SIZES, loss="cross_entropy")
    X, Y = problem("cross_entropy")
    w = np.asarray([2, 0, 1, 3])
    value, g = net.value_and_gradient(X, Y, sample_weight=w)
    repeated = net.value_and_gradient(np.repeat(X, w, axis=0), np.repeat(Y, w))
    assert value == pytest.approx(repeated[0], rel=1e-14)
    assert relative(g.flat, repeated[1].flat) <= 1e-14


def test_one_example_is_a_batch_of_one(backend):
    for loss in ("squared_error", "cross_entropy"):
        net = network(backend, SIZES, loss=loss)
        X, Y = problem(loss)
        one, batch = net.gradient(X[0], Y[0]), net.gradient(X[:1], Y[:1])
        np.testing.assert_array_equal(to_numpy(one.flat), to_numpy(batch.flat))
        np.testing.assert_array_equal(to_numpy(net(X[0])), to_numpy(net(X[:1]))[0])
    dW, db = network(backend, SIZES, loss="squared_error").gradient([1, 0, 2], [0, 1, 0])
    assert [tuple(W.shape) for W in dW] == [(4, 3), (5, 4), (3, 5)]
    assert [tuple(b.shape) for b in db] == [(4,), (5,), (3,)]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[::-1][::-1],
        lambda x: x.astype(">f8"),
    ],
    ids=["read-only", "Fortran order", "strided", "reversed twice", "big-endian"],
)
def test_memory_layout_of_the_input_does_not_matter(backend, change):
    net = network(backend, SIZES, loss="huber")
    X, Y = problem("huber")
    expected = net.gradient(X, Y)
    given_X, given_Y = change(X), change(Y)
    given_X.flags.writeable = given_Y.flags.writeable = False
    found = net.gradient(given_X, given_Y)
    assert relative(found.flat, expected.flat) <= 1e-15


def test_without_a_buffer_the_gradient_is_a_new_array(backend):
    """With a buffer, if the backend writes in place, the gradient is that buffer."""
    net = network(backend, SIZES, loss="squared_error")
    X, Y = (move(backend, x) for x in problem("squared_error"))
    fixed = backend, net.layers, net.loss, net.parameters, X, Y, None, 0.25
    first, second = (gradient(*fixed)[1] for _ in range(2))
    assert first is not second
    assert tuple(first.shape) == tuple(net.parameters.shape)
    trace = passes.forward(backend, net.layers, net.parameters, X)
    dZ = from_preactivation(
        backend.xp, net.loss, net.layers[-1].activation, trace.Z, Y, None, 0.25
    )[1]
    assert relative(passes.backward(backend, net.layers, trace, dZ), first) == 0
    if backend.in_place:
        buffer = backend.xp.empty_like(net.parameters)
        assert gradient(*fixed, buffer)[1] is buffer
        assert relative(buffer, first) == 0
