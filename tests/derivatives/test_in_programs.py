"""The network as a function of torch and JAX: their own checkers of derivatives pass."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.chains import CHAINS, chained, examples
from tests.support.gradient_cases import SIZES, problem
from tests.support.helpers import needed, needs_jax, network, relative
from xpnet.backends import get_backend, to_numpy
from xpnet.equations.activations import ACTIVATIONS

NUMPY = get_backend("numpy")
SMOOTH = [name for name in ACTIVATIONS if "relu" not in name]  # a checker's step may cross a kink
X, Y = problem("squared_error")


# torch itself calls torch.jit.script when its forward mode is first used
of_forward_mode = pytest.mark.filterwarnings("ignore:.torch.jit.script. is:DeprecationWarning")


# --- torch


@pytest.mark.parametrize("activation", SMOOTH)
def test_torchs_gradcheck_and_gradgradcheck_pass(activation):
    torch = needed("torch")
    f = network(NUMPY, SIZES, activation=activation).torch_function()
    net = network(NUMPY, SIZES, activation=activation)
    arrays = X[:2] / 2, net.parameters
    x, theta = (torch.tensor(to_numpy(a), requires_grad=True) for a in arrays)
    assert torch.autograd.gradcheck(f, (x, theta), fast_mode=True)
    assert torch.autograd.gradgradcheck(f, (x, theta), fast_mode=True)


@pytest.mark.parametrize("chain", list(CHAINS))
def test_its_gradient_inside_torch_is_that_of_the_network(chain):
    torch = needed("torch")
    net, (X, Y) = chained(NUMPY, chain, output="identity"), examples(9)
    f = net.torch_function()
    theta = torch.tensor(net.parameters, requires_grad=True)
    x = torch.tensor(X, requires_grad=True)
    torch.nn.functional.cross_entropy(f(x, theta), torch.tensor(Y)).backward()
    assert relative(theta.grad.numpy(), net.gradient(X, Y).flat) <= 1e-12
    assert relative(x.grad.numpy(), net.input_gradient(X, Y)) <= 1e-12


@of_forward_mode
def test_torch_func_through_it_has_the_right_derivatives():
    torch = needed("torch")
    net = network(NUMPY, SIZES, activation="tanh")
    f, x = net.torch_function(), torch.tensor(X[0])
    g = torch.func.grad(lambda x: f(x).sum())(x)
    assert relative(g.numpy(), to_numpy(net.jacobian(X[0])).sum(axis=0)) <= 1e-13
    assert relative(torch.func.jacrev(f)(x).numpy(), net.jacobian(X[0])) <= 1e-13
    v = torch.tensor(np.random.default_rng(0).normal(size=net.parameters.size))
    theta = torch.tensor(net.parameters)
    along = torch.autograd.functional.jvp(lambda t: f(x, t), theta, v)[1]
    assert relative(along.numpy(), net.jvp(X[0], ttheta=v.numpy())[1]) <= 1e-13


@of_forward_mode
def test_torch_forward_mode_is_the_tangent_pass():
    torch = needed("torch")
    from torch.autograd import forward_ad

    net = network(NUMPY, SIZES, activation="tanh")
    f, tX = net.torch_function(), np.ones_like(X)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(torch.tensor(X), torch.tensor(tX))
        tA = forward_ad.unpack_dual(f(dual)).tangent
    assert relative(tA.numpy(), net.jvp(X, tX)[1]) <= 1e-14


def test_torch_is_told_what_is_wrong():
    torch = needed("torch")
    f = network(NUMPY, SIZES).torch_function()
    with pytest.raises(ValueError, match=r"X must be a torch tensor \(N, 3\) or \(3,\)"):
        f(torch.ones(2, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"X is torch.float32 on cpu, but the network torch"):
        f(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"theta must be a torch tensor \(59,\)"):
        f(torch.ones(2, 3, dtype=torch.float64), torch.ones(2, dtype=torch.float64))


# --- JAX


@needs_jax
@pytest.mark.parametrize("activation", ["tanh", "gelu", "softmax"])
def test_jaxs_check_grads_passes_in_both_modes(activation):
    from jax.test_util import check_grads

    net = network(get_backend("jax"), SIZES, activation=activation)
    check_grads(net.jax_function(), (X[:2], net.parameters), order=2, modes=["fwd", "rev"])


@needs_jax
@pytest.mark.parametrize("chain", ["all", "batch norm first"])
def test_its_gradient_inside_jax_is_that_of_the_network(chain):
    import jax

    net, (X, Y) = chained(get_backend("jax"), chain, output="identity"), examples(9)
    f = net.jax_function()

    def loss(theta):
        P = jax.nn.log_softmax(f(X, theta))
        return -jax.numpy.mean(jax.numpy.take_along_axis(P, jax.numpy.asarray(Y)[:, None], axis=1))

    assert relative(jax.jit(jax.grad(loss))(net.parameters), net.gradient(X, Y).flat) <= 1e-12


@needs_jax
def test_jax_maps_differentiates_twice_and_says_what_is_wrong():
    import jax

    net = network(get_backend("jax"), SIZES, activation="tanh")
    f = net.jax_function()
    assert relative(jax.vmap(jax.jacrev(f))(X), net.jacobian(X)) <= 1e-13
    H = jax.vmap(jax.hessian(f))(X)
    assert relative(np.trace(H, axis1=2, axis2=3), net.laplacian(X).laplacian) <= 1e-12
    with pytest.raises(ValueError, match=r"X must be \(N, 3\) or \(3,\), got \(2, 4\)"):
        f(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"X is float32, but the network float64"):
        f(np.ones((2, 3), dtype="float32"))
    with pytest.raises(ValueError, match=r"theta must be \(59,\), got \(2,\)"):
        f(np.ones((2, 3)), np.ones(2))
