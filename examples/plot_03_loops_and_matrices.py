"""
Loops against matrices
======================

"My forward pass is matrix products, but my backpropagation loops over every weight. How do I do
it directly in matrix form, and what does that gain?" The loops first; then the matrices, which
must give the same numbers; then the time of both.
"""

from timeit import repeat

import numpy as np
from matplotlib import pyplot as plt

import xpnet
from xpnet.plots.axes import COLOURS, describe, legend

images, labels = xpnet.datasets.load_digits()
X, Y = images / 16, np.eye(10)[labels]
settings = {"activation": "tanh", "output": "tanh", "loss": "squared_error"}
net = xpnet.Network([64, 32, 10], dtype="float64", rng=0, **settings)
W, b = net.weights, net.biases

# %%
# The loops of one example
# ------------------------
# Σ_j (a_L[j] − y[j])², with an index for every neuron and every weight.


def by_loops(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """dW_1 … dW_L of one example."""
    a, z = [x], []
    for l in range(len(W)):
        z.append(W[l] @ a[l] + b[l])
        a.append(np.tanh(z[l]))
    dW = [np.zeros(weights.shape) for weights in W]
    da = 2 * (a[-1] - y)
    for l in reversed(range(len(W))):
        dz, da_below = np.zeros(len(a[l + 1])), np.zeros(len(a[l]))
        for j in range(len(a[l + 1])):
            dz[j] = (1 - np.tanh(z[l][j]) ** 2) * da[j]
            for k in range(len(a[l])):
                dW[l][j, k] = dz[j] * a[l][k]
                da_below[k] += dz[j] * W[l][j, k]
        da = da_below
    return dW


# %%
# The matrices of a batch
# -----------------------
# Look for the index that is summed over: it is the axis that a product contracts. In dW it is the
# example, in dA the neuron j of the layer above. That decides every transpose.


def by_matrices(X: np.ndarray, Y: np.ndarray) -> list[np.ndarray]:
    """dW_1 … dW_L of the mean over the rows of X."""
    A = [X]
    for l in range(len(W)):
        A.append(np.tanh(A[l] @ W[l].T + b[l]))  # (N, n_l)
    dW = [np.empty(0)] * len(W)
    dA = 2 * (A[-1] - Y) / len(X)
    for l in reversed(range(len(W))):
        dZ = dA * (1 - A[l + 1] ** 2)  # (N, n_l)
        dW[l] = dZ.T @ A[l]  # (n_l, n_{l-1})
        dA = dZ @ W[l]  # (N, n_{l-1})
    return dW


def mean_of_loops(X: np.ndarray, Y: np.ndarray) -> list[np.ndarray]:
    """The same by the loops, one example after another."""
    each = [by_loops(x, y) for x, y in zip(X, Y, strict=True)]
    return [np.mean(layer, axis=0) for layer in zip(*each, strict=True)]


answers = mean_of_loops(X[:8], Y[:8]), by_matrices(X[:8], Y[:8]), net.gradient(X[:8], Y[:8]).weights
for loops, matrices, library in zip(*answers, strict=True):
    assert np.allclose(loops, matrices, rtol=1e-10, atol=1e-14)
    assert np.allclose(loops, library, rtol=1e-10, atol=1e-14)

# %%
# What that gains
# ---------------
# The same multiplications, but a product does them in one call, and reads W once for all examples
# of a batch. ``net.gradient`` checks its arguments as well, which shows where there is hardly
# anything to compute. The times are this machine's.

ways = {
    "loops": (mean_of_loops, (1, 4, 16, 64)),
    "matrices by hand": (by_matrices, (1, 4, 16, 64, 256, 1024)),
    "net.gradient": (net.gradient, (1, 4, 16, 64, 256, 1024)),
}
figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
lines = []
for colour, (name, (gradient, sizes)) in zip(COLOURS, ways.items(), strict=False):
    times = []
    for N in sizes:
        batch = {"gradient": gradient, "X": X[:N], "Y": Y[:N]}
        times.append(1e6 * min(repeat("gradient(X, Y)", globals=batch, number=1)) / N)
    print(f"{name}: {times[0]:.1f} µs for one example, {times[-1]:.2f} µs each in {sizes[-1]}")
    lines += ax.loglog(sizes, times, marker="o", markersize=4, color=colour)
ax.grid(alpha=0.25)
describe(ax, "Gradient of 64-32-10", "examples in the batch", "microseconds an example")
legend(ax, lines, ways, "upper right", bbox_to_anchor=(1, 0.85))
plt.show()
