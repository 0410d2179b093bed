"""
A backward pass by hand
=======================

What does a backward pass compute, and is it right? Here are its equations in seven lines of NumPy
beside ``net.gradient``, which computes the same for any network, and a check that trusts neither.
"""

import numpy as np
from matplotlib import pyplot as plt

import xpnet
from xpnet.plots.axes import colour_bar, describe, diverging

images, labels = xpnet.datasets.load_digits()
net = xpnet.Network([64, 16, 10], activation="tanh", dtype="float64", rng=1)
net.fit(images / 16, labels, epochs=3, learning_rate=0.01)
X, y = images[:24] / 16, labels[:24]

# %%
# By hand
# -------
# Examples are rows. ``dZ`` stands for the derivative of the mean loss by Z, and has the shape of
# Z. For softmax with cross entropy it is P − Y, divided by N: the only place where the mean comes
# in.

(W1, W2), (b1, b2) = net.weights, net.biases

A1 = np.tanh(X @ W1.T + b1)  # (N, 16)
E = np.exp(A1 @ W2.T + b2)
P = E / E.sum(axis=1, keepdims=True)  # (N, 10), each row sums to 1
dZ2 = (P - np.eye(10)[y]) / len(X)  # (N, 10)
dW2, db2 = dZ2.T @ A1, dZ2.sum(axis=0)  # (10, 16): the sum over examples is in the product
dZ1 = (dZ2 @ W2) * (1 - A1**2)  # (N, 16)
dW1, db1 = dZ1.T @ X, dZ1.sum(axis=0)  # (16, 64)

# %%
# By the library
# --------------
# The gradient unpacks as matrices and vectors, in the order of the layers.

weight_gradients, bias_gradients = net.gradient(X, y)
by_hand = (dW1, dW2, db1, db2)
for mine, theirs in zip(by_hand, (*weight_gradients, *bias_gradients), strict=True):
    assert np.allclose(mine, theirs, rtol=1e-10, atol=1e-14)

# %%
# By neither
# ----------
# Two derivations can share a mistake. Differences of the loss cannot: they only ask how much it
# changes when the weights do.

check = xpnet.gradient_check(net, X, y)
print(check)
assert max(check) < 1e-8

# %%
# The product that is the gradient
# --------------------------------
# Entry (i, j) of dW is the sum over the examples of dZ's column i times A's column j: how wrong
# output i was, whenever unit j was active. A row of dW stays pale where the network is right
# about a digit already. ``net.explain(X, y)`` shows such a picture of every matrix of the pass.

figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
pictures = [
    (dZ2.T, "dZ₂ᵀ: what is wrong", "example", "digit"),
    (A1, "A₁: who was active", "hidden unit", "example"),
    (dW2, "dW₂ = dZ₂ᵀ A₁", "hidden unit", "digit"),
]
for ax, (matrix, title, x_name, y_name) in zip(axes, pictures, strict=True):
    scale = np.abs(matrix).max()
    image = ax.imshow(matrix, cmap=diverging(), vmin=-scale, vmax=scale)
    colour_bar(ax, image, "")
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(integer=True)  # they count
    describe(ax, f"{title}\n{matrix.shape[0]} × {matrix.shape[1]}", x_name, y_name)
plt.show()
