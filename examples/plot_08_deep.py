"""
Deeper networks
===============

Why does a network with many layers learn nothing, and what do residual connections and
normalisation change? Look at the gradient of every layer before the first step.
"""

import numpy as np
from matplotlib import pyplot as plt

import xpnet
from xpnet.layers import BatchNorm, Dense, Residual
from xpnet.plots import LossCurveDisplay
from xpnet.plots.axes import COLOURS, MARKERS, describe, legend

images, labels = xpnet.datasets.load_digits()
train, test = xpnet.datasets.stratified_split(labels)
X = images / 16

# %%
# Three networks of twenty hidden layers
# --------------------------------------
# The backward pass multiplies by the transposed weights and by the activation's slope once a
# layer. A sigmoid's slope is at most a quarter, so twenty layers leave next to nothing for the
# first. Batch normalisation brings every feature back to a spread of 1. A residual connection
# adds its input to its output, and its derivative has a 1 in it: there is a way back on which
# nothing is multiplied.

depth, width = 20, 32
block = [Dense(width, "sigmoid"), BatchNorm()]
networks = {
    "plain": [64] + [width] * depth + [10],
    "batch norm": [64, *(block * depth), 10],
    "residual": [64, width] + [Residual([width])] * (depth - 1) + [10],
}

# %%
# The gradient before the first step, and after it the training, with the same settings for all.

sizes, curves, accuracies = {}, {}, {}
for name, layers in networks.items():
    net = xpnet.Network(layers, activation="sigmoid", loss="cross_entropy", rng=0)
    gradient = net.gradient(X[train], labels[train], training=True)
    sizes[name] = [float(np.linalg.norm(dW)) for dW in gradient.weights]
    history = net.fit(X[train], labels[train], epochs=20, batch_size=64, learning_rate=0.005)
    curves[f"{name}: loss"] = history.loss
    accuracies[name] = net.evaluate(X[test], labels[test])["accuracy"]
    print(f"{name}: ‖dW_1‖ = {sizes[name][0]:.1e} at first, accuracy {accuracies[name]:.3f}")
assert sizes["plain"][0] < 1e-6 < min(sizes["batch norm"][0], sizes["residual"][0])
assert accuracies["plain"] < 0.2
assert min(accuracies["batch norm"], accuracies["residual"]) > 0.85

# %%
# The picture
# -----------
# On the left the sizes of the gradients, first layer to last; on the right what came of them.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
lines = [
    left.semilogy(range(1, len(norms) + 1), norms, color=colour, marker=marker, markersize=4)[0]
    for norms, colour, marker in zip(sizes.values(), COLOURS, MARKERS, strict=False)
]
left.xaxis.get_major_locator().set_params(integer=True)
left.grid(alpha=0.25)
describe(left, "Gradient before the first step", "layer l", "‖dW_l‖")
legend(left, lines, sizes, "lower right")
LossCurveDisplay(history.epoch, curves).plot(right)
plt.show()
