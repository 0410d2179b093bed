"""The Laplacian by the inputs and its gradient by θ: against torch, JAX, jvp and differences."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.support.backends import on_backends
from tests.support.chains import CHAINS, chained, examples
from tests.support.derivative_cases import N, each_chain_one_on_jax
from tests.support.gradient_cases import SIZES, problem
from tests.support.helpers import needed, needs_jax, network, relative
from xpnet.backends import get_backend, to_numpy
from xpnet.equations.activations import ACTIVATIONS
from xpnet.layers import LayerNorm

X, _ = problem("huber")
ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]
WITHOUT_LAYER_NORM = [c for c in CHAINS if c not in ("layer norm", "residual, projected", "all")]


def along(net, X):
    """Return two directions, 0 in columns of categories."""
    t = np.random.default_rng(1).normal(size=(2, X.shape[1]))
    if net.layers[0].kind == "embedding":
        t[:, list(net.layers[0].columns)] = 0
    return t


@each_chain_one_on_jax
def test_it_is_the_second_difference_of_outputs_and_the_jacobian(backend, chain):
    net, (X, _) = chained(backend, chain), examples(N)
    t, h = along(net, X), 1e-3
    A, gradient, laplacian = map(to_numpy, net.laplacian(X, t))
    assert relative(A, net(X)) <= 1e-14
    assert relative(gradient, np.einsum("njk,dk->njd", to_numpy(net.jacobian(X)), t)) <= 1e-13
    expected = 0
    for d in t:  # of order h⁴: (−A(2h) + 16 A(h) − 30 A(0) + 16 A(−h) − A(−2h)) / 12 h²
        at = {k: to_numpy(net(X + k * h * d)) for k in (-2, -1, 1, 2)}
        expected = expected + (16 * (at[1] + at[-1]) - at[2] - at[-2] - 30 * A) / (12 * h**2)
    assert relative(laplacian, expected) <= 1e-6


@on_backends("activation", list(ACTIVATIONS), jax=("gelu", "softmax"))
def test_it_equals_torchs_hessian_for_every_activation(backend, activation):
    torch = needed("torch")
    from tests.support.twins import ACTIVATIONS as TWINS

    net = network(backend, SIZES, activation=[activation] * 3)
    layers = [
        (torch.tensor(to_numpy(W)), torch.tensor(to_numpy(b)))
        for W, b in zip(net.weights, net.biases, strict=True)
    ]

    def outputs(x):
        for W, b in layers:
            x = TWINS[activation](W @ x + b)
        return x

    found = net.laplacian(X)
    for n, x in enumerate(X):
        H = [
            torch.autograd.functional.hessian(lambda x, j=j: outputs(x)[j], torch.tensor(x))
            for j in range(SIZES[-1])
        ]
        expected = np.asarray([float(h.trace()) for h in H])
        difference = np.linalg.norm(to_numpy(found.laplacian)[n] - expected)
        assert difference <= 1e-11 * np.linalg.norm(expected) + 1e-15


@needs_jax
def test_it_equals_jaxs_nested_forward_mode():
    import jax
    import jax.numpy as jnp

    get_backend("jax").dtype("float64")  # turns on 64 bits
    net = network(get_backend("numpy"), SIZES, activation="tanh", output="identity")
    (W1, W2, W3), (b1, b2, b3) = net.weights, net.biases

    def outputs(x):
        return W3 @ jnp.tanh(W2 @ jnp.tanh(W1 @ x + b1) + b2) + b3

    H = jax.jit(jax.vmap(jax.jacfwd(jax.jacfwd(outputs))))(X)
    assert relative(net.laplacian(X).laplacian, np.trace(H, axis1=2, axis2=3)) <= 1e-12


@on_backends("chain", WITHOUT_LAYER_NORM, jax=("residual in residual",))
def test_its_gradient_is_the_difference(backend, chain):
    net, (X, _) = chained(backend, chain, output="tanh", loss="squared_error"), examples(N)
    assert_gradient(net, X, along(net, X))


@on_backends("activation", ELEMENTWISE, jax=("gelu",))
def test_its_gradient_is_the_difference_for_every_activation(backend, activation):
    assert_gradient(network(backend, SIZES, activation=activation), X, None)


def assert_gradient(net, X, t):
    """Compare laplacian_vjp with differences of the number that it differentiates."""
    rng = np.random.default_rng(0)
    D = X.shape[1] if t is None else len(t)
    n = net.layers[-1].fan_out
    U, dU, lU = (rng.normal(size=s) for s in ((len(X), n), (len(X), n, D), (len(X), n)))
    g = to_numpy(net.laplacian_vjp(X, U, dU, lU, t).flat)
    theta, h = to_numpy(net.parameters).copy(), 1e-4
    v = rng.normal(size=theta.size)

    def value(at):
        net.set_parameters(at)
        parts = map(to_numpy, net.laplacian(X, t))
        return sum(float(np.sum(d * x)) for d, x in zip((U, dU, lU), parts, strict=True))

    near, far = (value(theta + k * v) - value(theta - k * v) for k in (h, 2 * h))
    slope = (8 * near - far) / (12 * h)
    assert g @ v == pytest.approx(slope, rel=1e-7, abs=1e-8 * np.linalg.norm(g))


def test_its_gradient_equals_torchs(backend):
    """Of a residual Σ (lA + sin A)², with U and lU its derivatives."""
    torch = needed("torch")
    net = network(backend, [2, 6, 5, 1], activation="silu", output="identity")
    points = np.random.default_rng(0).normal(size=(7, 2))
    theta = torch.tensor(to_numpy(net.parameters), requires_grad=True)
    parts = torch.split(theta, [12, 30, 5, 6, 5, 1])

    def output(x):
        W1, W2, W3 = parts[0].reshape(6, 2), parts[1].reshape(5, 6), parts[2].reshape(1, 5)
        silu = torch.nn.functional.silu
        return (W3 @ silu(W2 @ silu(W1 @ x + parts[3]) + parts[4]) + parts[5])[0]

    x = torch.tensor(points)
    H = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(output)))(x)
    A = torch.func.vmap(output)(x)
    r = H.diagonal(dim1=1, dim2=2).sum(dim=1) + torch.sin(A)
    (r**2).sum().backward()
    outputs, gradient, laplacian = map(to_numpy, net.laplacian(points))
    R = laplacian + np.sin(outputs)
    g = net.laplacian_vjp(points, 2 * R * np.cos(outputs), 0 * gradient, 2 * R)
    assert relative(g.flat, theta.grad.numpy()) <= 1e-11


def test_one_example_and_one_direction(backend):
    net = network(backend, SIZES, activation="tanh")
    batch, one = net.laplacian(X[:1]), net.laplacian(X[0])
    for a, b in zip(one, batch, strict=True):
        assert relative(a, to_numpy(b)[0]) == 0
    t = np.asarray([0.5, 1.0, -1.0])
    assert relative(net.laplacian(X, t).laplacian, net.laplacian(X, [t]).laplacian) == 0
    U = np.ones((1, 3))
    g = net.laplacian_vjp(X[0], U[0], np.ones((3, 3)), U[0])
    assert relative(g.flat, net.laplacian_vjp(X[:1], U, np.ones((1, 3, 3)), U).flat) == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda net: net.laplacian(X, np.ones((2, 2))), r"directions must be \(3,\), like the col"),
        (lambda net: net.laplacian_vjp(X, X, X, X), r"dU must be \(4, 3, 3\), got \(4, 3\)"),
        (lambda net: net.laplacian_vjp(X, X[:2], X, X), r"U must be \(4, 3\), got \(2, 3\)"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, says):
    with pytest.raises(ValueError, match=says):
        call(network(get_backend("numpy"), SIZES, activation="tanh"))


def test_what_it_lacks_is_named():
    def f(xp, Z):
        return Z * Z * Z

    def df(xp, Z, A):
        return 3 * Z * Z

    ones = np.ones((4, 2)), np.ones((4, 2, 3)), np.ones((4, 2))
    no_second = xpnet.Network([3, 4, 2], activation=xpnet.elementwise("cube", f, df))
    with pytest.raises(ValueError, match=r"activation 'cube' is not made by .* with d2f"):
        no_second.laplacian(X)
    cube = xpnet.elementwise("cube", f, df, lambda xp, Z, A: 6 * Z)
    net = xpnet.Network([3, 4, 2], activation=cube)
    net.laplacian(X)
    with pytest.raises(ValueError, match=r"activation 'cube' has no third derivative.*d3f"):
        net.laplacian_vjp(X, *ones)
    net = xpnet.Network([3, 4, 2], activation="tanh", output="softmax")
    with pytest.raises(ValueError, match="activation 'softmax' has no third derivative"):
        net.laplacian_vjp(X, *ones)
    net = xpnet.Network([3, 4, LayerNorm(), 2], activation="tanh")
    with pytest.raises(ValueError, match="layer norm has no gradient of a Laplacian"):
        net.laplacian_vjp(X, *ones)
