"""
A Poisson equation, solved by a network
=======================================

Which u has Δu = −f inside a square, and is 0 on its edge? A network is such a u if the Laplacian of
its outputs by the inputs is −f. ``net.laplacian`` computes that in one forward pass, and
``net.laplacian_vjp`` goes back through it, so no automatic differentiation is needed.
"""

import numpy as np
from matplotlib import pyplot as plt
from scipy.optimize import minimize

import xpnet
from xpnet.plots.axes import COLOURS, describe

rng = np.random.default_rng(0)


def f(X: np.ndarray) -> np.ndarray:
    """(N, 1): the right-hand side, for which u = sin πx sin πy is the solution."""
    return 2 * np.pi**2 * solution(X)


def solution(X: np.ndarray) -> np.ndarray:
    """(N, 1): the solution itself, to compare with at the end."""
    return np.prod(np.sin(np.pi * X), axis=1, keepdims=True)


# %%
# Points
# ------
# Inside the square the equation is asked for at random points, on its edge u = 0.

inside = rng.uniform(0, 1, (300, 2))
along, side = rng.uniform(0, 1, 80), np.arange(80) % 4
edge = np.stack([np.choose(side, (along, along, 0, 1)), np.choose(side, (0, 1, along, along))], 1)

# %%
# The residual and its gradient
# -----------------------------
# With the residual r = Δu + f, the loss is mean r² + 100 mean u² on the edge. Its derivatives by Δu
# and by u are 2 r / N and 200 u / N, and the network's passes carry them back to θ.

net = xpnet.Network([2, 24, 24, 1], activation="tanh", dtype="float64", rng=0)
losses = []


def loss_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss and its gradient (P,) at θ."""
    net.set_parameters(theta)
    outputs, gradient, laplacian = net.laplacian(inside)
    r, u = laplacian + f(inside), net(edge)
    of_inside = net.laplacian_vjp(inside, 0 * outputs, 0 * gradient, 2 * r / len(r))
    of_edge, _ = net.vjp(edge, 200 * u / len(u))
    losses.append(float(np.mean(r**2) + 100 * np.mean(u**2)))
    return losses[-1], of_inside.flat + of_edge.flat


settings = {"maxiter": 800, "maxfun": 1000, "maxcor": 30}
minimize(loss_and_gradient, net.parameters, jac=True, method="L-BFGS-B", options=settings)

# %%
# The solution
# ------------

line = np.linspace(0, 1, 60)
grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
found, exact = net(grid), solution(grid)
error = np.abs(found - exact).max()
print(f"{len(losses)} evaluations; the largest error is {error:.1e}, where u is at most 1")
assert error < 0.02

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
picture = left.contourf(line, line, found.reshape(60, 60), levels=20, cmap="viridis")
left.plot(*edge.T, ".", color=COLOURS[1], markersize=4, clip_on=False)
left.set_aspect("equal")
describe(left, "u, and the points on the edge", "x", "y")
figure.colorbar(picture, ax=left)
right.semilogy(losses, color=COLOURS[0])
describe(right, "loss", "evaluation", "")
plt.show()
