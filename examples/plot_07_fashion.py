"""
Weights and worst mistakes
==========================

What does a first layer look at, and what are the pictures that a network gets most wrong?
Fashion-MNIST: 70,000 pictures of clothes. On Debian and Ubuntu ``apt-get install
dataset-fashion-mnist`` brings it; elsewhere put its four files into a folder and set
``FASHION_MNIST`` to that. Where it is missing, the digits stand in.
"""

import numpy as np
from matplotlib import pyplot as plt

import xpnet
from xpnet import plots
from xpnet.datasets.fashion_mnist import FASHION_CLASSES

try:
    images, labels = xpnet.datasets.load_fashion_mnist("train")
    test_images, test_labels = xpnet.datasets.load_fashion_mnist("test")
    names, side, brightest = FASHION_CLASSES, 28, 255
except FileNotFoundError as error:
    print(f"{error}. Meanwhile, digits.")
    images, labels = xpnet.datasets.load_digits()
    train, test = xpnet.datasets.stratified_split(labels)
    images, labels, test_images, test_labels = (
        part for index in (train, test) for part in (images[index], labels[index])
    )
    names, side, brightest = tuple("0123456789"), 8, 16

# %%
# Every pixel is an input, and nothing tells the network which of them are neighbours. A small
# penalty keeps weights of pixels that say nothing near 0, without which the pictures below would
# be noise.

images = images.astype(np.float32) / brightest
test_images = test_images.astype(np.float32) / brightest
net = xpnet.Network([side * side, 64, 10], rng=0)
net.fit(
    images,
    labels,
    epochs=3 if side == 28 else 30,
    batch_size=64,
    learning_rate=0.002,
    penalty=xpnet.Penalty(l2=2e-3),
)
accuracy = net.evaluate(test_images, test_labels)["accuracy"]
print(f"{accuracy:.1%} of {len(test_labels)} test images are named correctly")
assert accuracy > 0.82

# %%
# What was most wrong
# -------------------
# The loss of an example is −ln of the probability that its class was given. So the worst ones are
# those whose class was thought least likely. Look at them before you change anything: some are
# mistakes of the labels rather than of the network.

P = net.predict(test_images, batch_size=1000)
given = P[np.arange(len(P)), test_labels]
worst = np.argsort(given)[:12]
right = P.argmax(axis=1) == test_labels
assert np.mean(~right[worst]) > 0.5

# %%
# What it looks at
# ----------------
# A unit of the first layer adds up the pixels with the weights of its picture: orange for, blue
# against.

figure = plt.figure(figsize=(10, 5), layout="constrained")
left, right_half = figure.subfigures(1, 2, width_ratios=(1, 1.1))
display = plots.FirstLayerDisplay.from_network(net, (side, side)).plot(left.subplots())
display.ax_.set_title("First layer: the largest weights")
right_half.suptitle("Largest losses: what it is, and what it was taken for")
for ax, n in zip(right_half.subplots(3, 4).flat, worst, strict=True):
    ax.imshow(test_images[n].reshape(side, side), cmap="gray_r")
    ax.set_title(f"{names[test_labels[n]]}\n{names[P[n].argmax()]}", fontsize=9)
    ax.set_axis_off()
plt.show()
