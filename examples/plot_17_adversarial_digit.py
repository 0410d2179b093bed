"""
A digit, and the direction that hides it
========================================

How little must an image change until a network sees another digit? The gradient of the loss by the
image, ``net.input_gradient``, says in which direction the loss rises fastest.
"""

import numpy as np
from matplotlib import pyplot as plt

import xpnet
from xpnet.datasets import load_digits
from xpnet.plots.axes import describe

X, Y = load_digits()
X = X / X.max()
train, test = np.arange(0, 1400), np.arange(1400, len(X))
net = xpnet.Network([64, 64, 10], loss="cross_entropy", rng=0)
net.fit(X[train], Y[train], epochs=60)

# %%
# One step for every test image at once
# -------------------------------------
# The loss is a mean over the images, so row n of the gradient by X is that of image n, over N. A
# step along it lowers the accuracy far more than a random step of the same length.

G = net.input_gradient(X[test], Y[test])
G = G / np.maximum(np.linalg.norm(G, axis=1, keepdims=True), 1e-30)
R = np.random.default_rng(0).normal(size=G.shape)
R = R / np.linalg.norm(R, axis=1, keepdims=True)
sizes = np.linspace(0, 2, 9)


def accuracy(D: np.ndarray, size: float) -> float:
    """The accuracy on test images moved by that length along the rows of D."""
    return net.evaluate((X[test] + size * D).astype("float32"), Y[test])["accuracy"]


along, random = ([accuracy(D, size) for size in sizes] for D in (G, R))
print(f"accuracy {along[0]:.2f}; after a step of 1: {along[4]:.2f}, if random {random[4]:.2f}")
assert along[4] < 0.5 < random[4]

# %%
# The image whose digit is hidden by the shortest step
# ----------------------------------------------------
# The shorter the step, the closer the image was to another digit.

right = net.predict_classes(X[test]) == Y[test]
lengths = np.full(len(test), np.inf)
for size in np.linspace(2, 0.05, 40):
    lengths[net.predict_classes(X[test] + size * G) != Y[test]] = size
n = np.flatnonzero(right)[np.argsort(lengths[right])[20]]
moved = X[test[n]] + lengths[n] * G[n]
seen = net.predict_classes(moved)

figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), layout="constrained")
pictures = (X[test[n]], "gray_r"), (lengths[n] * G[n], "RdBu_r"), (moved, "gray_r")
titles = f"a {Y[test[n]]}", f"a step of {lengths[n]:.2f}", f"seen as a {int(seen)}"
for ax, (image, colours), title in zip(axes, pictures, titles, strict=False):
    ax.imshow(image.reshape(8, 8), cmap=colours)
    ax.set_axis_off()
    ax.set_title(title)
axes[3].plot(sizes, along, label="along the gradient")
axes[3].plot(sizes, random, label="at random")
axes[3].set_ylim(0, 1.3)
axes[3].legend(loc="upper right")
describe(axes[3], "accuracy", "length of the step", "")
plt.show()
