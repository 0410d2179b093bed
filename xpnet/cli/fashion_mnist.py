"""``xpnet train fashion-mnist``: train on 60,000 images of clothes, if the machine has them."""

from __future__ import annotations

import argparse
import sys
import time

from xpnet.cli.checkpoints import finishing, keywords
from xpnet.cli.kinds import MODEL, PAGE
from xpnet.cli.models import model_file
from xpnet.cli.output import progress_lines, said_of, trained
from xpnet.cli.report import report_of_images
from xpnet.cli.terminal import say
from xpnet.datasets import load_fashion_mnist
from xpnet.datasets.fashion_mnist import FASHION_CLASSES
from xpnet.layers import Dropout
from xpnet.network import Network
from xpnet.optimizers import AdamW
from xpnet.schedules import OneCycle

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Train, print the test accuracy, and write the model.

    Training uses dropout and one cycle of the learning rate.
    """
    epochs = 30 if options.epochs is None else options.epochs
    wrote = said_of(model_file(options), MODEL)
    (images, labels), (test_images, test_labels) = map(load_fashion_mnist, ("train", "test"))
    X, X_test = ((x / 255).astype("float32") for x in (images, test_images))
    hidden = [layer for n in options.hidden or (256, 128) for layer in (n, Dropout(0.1))]
    net = Network(
        [784, *hidden, 10],
        loss="cross_entropy",
        backend=options.backend,
        device=options.device,
        dtype=options.dtype,
        rng=options.seed,
    )
    say(f"fashion-mnist: {len(images)} images to train on, {len(test_images)} to test on")
    say(f"network {'-'.join(map(str, net.sizes))}, {net.dtype}, {net.backend.name} {net.device}")
    began = time.perf_counter()
    history = net.fit(
        X,
        labels,
        epochs=epochs,
        optimizer=AdamW(OneCycle(0.003)),
        validation_data=(X_test, test_labels) if options.report else None,
        callbacks=[progress_lines(epochs)],
        progress=sys.stderr.isatty(),
        **keywords(options),
    )
    if history.stopped and options.checkpoint:
        return 130  # the checkpoint has it
    finishing(options)
    seconds = time.perf_counter() - began
    result = net.evaluate(X_test, test_labels)
    net.save(model_file(options))
    say(f"{trained(history, epochs)} in {seconds:.1f} s; {wrote}")
    say(f"test accuracy {result['accuracy']:.4f}, loss {result['loss']:.4f}")
    if options.report:
        settings = {"optimizer": "AdamW, one cycle up to 0.003", "batch size": "128"}
        about = {"data set": "Fashion-MNIST, 28 × 28 pixels", "training images": f"{len(X):,}"}
        tested = net, history, X_test, test_labels, (28, 28)
        made = report_of_images("Fashion-MNIST", *tested, settings, about, FASHION_CLASSES)
        wrote = said_of(options.report, PAGE)
        made.save(options.report)
        say(wrote)
    return 130 if history.stopped else 0
