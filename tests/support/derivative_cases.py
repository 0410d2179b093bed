"""Derivatives of networks by torch's autograd, for `tests.derivatives`.

Second derivatives are gradients of gradients, and Jacobians are gradients of each output.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.support.autodiff import torch_loss
from tests.support.backends import on_backends
from tests.support.chains import CHAINS, chained, examples
from tests.support.gradient_cases import SIZES, problem
from tests.support.helpers import network
from xpnet.backends import get_backend, to_numpy

N = 9

each_chain_one_on_jax = on_backends("chain", list(CHAINS), jax=("all",))


def directions(net, X, seed=4):
    """Return U like the outputs, tX like X and two vectors like θ; 0 in columns of categories."""
    rng = np.random.default_rng(seed)
    tX = rng.normal(size=X.shape)
    if net.layers[0].kind == "embedding":
        tX[:, list(net.layers[0].columns)] = 0
    U = rng.normal(size=(len(X), net.layers[-1].fan_out))
    return U, tX, rng.normal(size=(2, net.parameters.shape[0]))


class Twin:
    """A network of `CHAINS` in torch: Z_L as a function of θ and X."""

    def __init__(self, chain, training):
        import torch

        from tests.support import twins

        self.net = chained(get_backend("numpy"), chain)
        X, Y = examples(N)
        mask = twins.mask_of(self.net.seed, self.net.epoch, np.arange(N, dtype=np.int32))
        self.mask = mask if training else None
        self.theta = torch.tensor(self.net.parameters, requires_grad=True)
        self.X = torch.tensor(X, requires_grad=True)
        self.Y = torch.tensor(Y)

    def outputs(self):
        import torch

        from tests.support import twins

        stats = [torch.tensor(s) for s in self.net.statistics]
        return twins.preactivation(self.net.layers, self.theta, self.X, stats, self.mask)

    def loss(self, w):
        from torch.nn import functional as F

        losses = F.cross_entropy(self.outputs(), self.Y, reduction="none")
        return (losses * w).sum() / w.sum()


def slopes(value, *of, **settings):
    """Return the derivatives of a number by tensors, 0 where there is none."""
    import torch

    return torch.autograd.grad(value, of, materialize_grads=True, **settings)


@cache
def of_outputs(chain, training):
    """Return (tA, dθ, dX) of logits along the `directions`."""
    import torch

    twin = Twin(chain, training)
    U, tX, (v, _) = directions(twin.net, examples(N)[0])
    dual = torch.zeros((N, 4), dtype=torch.float64, requires_grad=True)
    pulled = slopes((twin.outputs() * dual).sum(), twin.theta, twin.X, create_graph=True)
    along = (pulled[0] * torch.tensor(v)).sum() + (pulled[1] * torch.tensor(tX)).sum()
    (tA,) = slopes(along, dual)
    g, dX = slopes((twin.outputs() * torch.tensor(U)).sum(), twin.theta, twin.X)
    return tA.numpy(), g.numpy(), dX.numpy()


@cache
def of_loss(chain, training):
    """Return (dX, H v for both vectors) of the mean loss with weights `weights`."""
    import torch

    twin = Twin(chain, training)
    _, _, V = directions(twin.net, examples(N)[0])
    value = twin.loss(torch.tensor(weights()))
    (g,) = slopes(value, twin.theta, create_graph=True)
    H = [slopes((g * torch.tensor(v)).sum(), twin.theta, retain_graph=True)[0] for v in V]
    (dX,) = slopes(value, twin.X)
    return dX.numpy(), torch.stack(H).numpy()


@cache
def jacobians(chain):
    """Return ∂Z/∂X (N, 4, 5) and ∂Z/∂θ (N, 4, P), outside training."""
    twin = Twin(chain, False)
    Z = twin.outputs()
    by_X, by_theta = np.zeros((N, 4, 5)), np.zeros((N, 4, len(twin.theta)))
    for n, j in np.ndindex(N, 4):
        g, dX = slopes(Z[n, j], twin.theta, twin.X, retain_graph=True)
        by_X[n, j], by_theta[n, j] = dX.numpy()[n], g.numpy()
    return by_X, by_theta


def weights():
    """Return example weights, one of them 0."""
    w = np.random.default_rng(6).uniform(0.2, 1, N)
    w[3] = 0
    return w


# --- dense networks with every activation and loss


def dense(backend, activation, loss, hidden=("silu", "tanh")):
    """Return a network with this output and loss, and its names."""
    names = [*hidden, activation]
    return network(backend, SIZES, activation=names, loss=loss), names


@cache
def torch_hessian_products(activation, loss, hidden):
    """Return H v of the mean loss for the two vectors of `directions`."""
    import torch

    net, names = dense(get_backend("numpy"), activation, loss, hidden)
    X, Y = problem(loss)
    _, _, V = directions(net, X)
    theta = torch.tensor(to_numpy(net.parameters), requires_grad=True)
    value = torch_loss(dense_layers(net, theta), names, loss, torch.tensor(X), torch.tensor(Y))
    (g,) = slopes(value, theta, create_graph=True)
    if not g.requires_grad:  # linear in θ
        return np.zeros_like(V)
    H = [slopes((g * torch.tensor(v)).sum(), theta, retain_graph=True)[0] for v in V]
    return torch.stack(H).numpy()


def dense_layers(net, theta):
    """Return (W, b) of each layer as parts of θ of any library."""
    return [
        (
            theta[W.offset : W.offset + W.size].reshape(W.shape),
            theta[b.offset : b.offset + b.size],
        )
        for W, b in (layer.slots for layer in net.layers)
    ]


@cache
def jax_hessian_products(activation, loss, hidden):
    """Return the same by jax.jvp of jax.grad."""
    import jax

    from tests.support.autodiff import jax_loss

    get_backend("jax").dtype("float64")  # turns on 64 bits
    net, names = dense(get_backend("numpy"), activation, loss, hidden)
    X, Y = problem(loss)
    _, _, V = directions(net, X)
    gradient = jax.grad(lambda theta: jax_loss(dense_layers(net, theta), names, loss, X, Y))
    product = jax.jit(lambda theta, v: jax.jvp(gradient, (theta,), (v,))[1])
    theta = jax.numpy.asarray(net.parameters)
    return np.stack([product(theta, v) for v in V])
