"""``xpnet train digits``: train on the UCI digits, test, and write a model file."""

from __future__ import annotations

import argparse

from xpnet.cli.images import DataSet, train_on
from xpnet.datasets import load_digits, stratified_split

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Train, print the test accuracy, and write the model."""
    images, labels = load_digits()
    X = images / 16.0
    train, test = ((X[rows], labels[rows]) for rows in stratified_split(labels, 0.2, seed=0))
    data = DataSet("digits", "UCI digits", train, test, (8, 8), "handwritten digits, 8 × 8 pixels")
    recipe = {"batch_size": 64, "learning_rate": 0.003}
    settings = {"optimizer": "Adam, learning rate 0.003", "batch size": "64"}
    return train_on(data, [64, *(options.hidden or (256,)), 10], recipe, settings, options)
