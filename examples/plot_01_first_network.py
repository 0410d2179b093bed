"""
A first network
===============

How does one train a network, and how does one see what it still gets wrong? Handwritten digits,
which ship with xpnet, are small enough for a laptop and hard enough that mistakes remain.
"""

from matplotlib import pyplot as plt

import xpnet
from xpnet import plots

# %%
# The data
# --------
# Pixels are counts from 0 to 16. Inputs of about 1 suit the initial weights, so divide by 16. A
# fifth of every digit is set aside: a network can learn its examples by heart, so that only
# others tell how good it is.

images, labels = xpnet.datasets.load_digits()
train, test = xpnet.datasets.stratified_split(labels)
X = images / 16

# %%
# Training
# --------
# 64 pixels, one hidden layer of 64 units, 10 digits. The labels are integers, so the output is a
# softmax and the loss the cross entropy. ``rng`` fixes the first weights and the order of the
# examples.

net = xpnet.Network([64, 64, 10], rng=0)
history = net.fit(
    X[train],
    labels[train],
    epochs=20,
    batch_size=32,
    learning_rate=0.003,
    validation_data=(X[test], labels[test]),
)

accuracy = net.evaluate(X[test], labels[test])["accuracy"]
print(f"{accuracy:.1%} of the {len(test)} digits set aside are read correctly")
assert accuracy > 0.95

# %%
# What it learned, and what it did not
# ------------------------------------
# The two losses say whether more epochs would help: while both fall, yes; when only that of the
# training still falls, the network has begun to learn by heart. The confusion matrix says which
# digits are taken for which, and so where more examples would help.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
history.plot(left)
confusion = plots.ConfusionDisplay.from_network(net, X[test], labels[test]).plot(right)
assert abs(confusion.accuracy - accuracy) < 1e-6
plt.show()
