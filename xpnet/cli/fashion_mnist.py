"""``xpnet train fashion-mnist``: train on 60,000 images of clothes, if the machine has them."""

from __future__ import annotations

import argparse

from xpnet.cli.images import DataSet, train_on
from xpnet.datasets import load_fashion_mnist
from xpnet.datasets.fashion_mnist import FASHION_CLASSES
from xpnet.layers import Dropout
from xpnet.optimizers import AdamW
from xpnet.schedules import OneCycle

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Train, print the test accuracy, and write the model.

    Training uses dropout and one cycle of the learning rate.
    """
    loaded = map(load_fashion_mnist, ("train", "test"))
    train, test = (((images / 255).astype("float32"), labels) for images, labels in loaded)
    about = "Fashion-MNIST, 28 × 28 pixels"
    data = DataSet("fashion-mnist", "Fashion-MNIST", train, test, (28, 28), about, FASHION_CLASSES)
    hidden = [layer for n in options.hidden or (256, 128) for layer in (n, Dropout(0.1))]
    recipe = {"optimizer": AdamW(OneCycle(0.003))}
    settings = {"optimizer": "AdamW, one cycle up to 0.003", "batch size": "128"}
    return train_on(data, [784, *hidden, 10], recipe, settings, options)
