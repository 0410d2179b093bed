"""``xpnet train digits``: train on the UCI digits, test, and write a model file."""

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
from xpnet.datasets import load_digits, stratified_split
from xpnet.network import Network

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Train, print the test accuracy, and write the model."""
    epochs = 30 if options.epochs is None else options.epochs
    wrote = said_of(model_file(options), MODEL)
    images, labels = load_digits()
    X = images / 16.0
    train, test = stratified_split(labels, 0.2, seed=0)
    net = Network(
        [64, *(options.hidden or (256,)), 10],
        loss="cross_entropy",
        backend=options.backend,
        device=options.device,
        dtype=options.dtype,
        rng=options.seed,
    )
    say(f"digits: {len(train)} images to train on, {len(test)} to test on")
    say(f"network {'-'.join(map(str, net.sizes))}, {net.dtype}, {net.backend.name} {net.device}")
    began = time.perf_counter()
    history = net.fit(
        X[train],
        labels[train],
        epochs=epochs,
        batch_size=64,
        learning_rate=0.003,
        validation_data=(X[test], labels[test]) if options.report else None,
        callbacks=[progress_lines(epochs)],
        progress=sys.stderr.isatty(),
        **keywords(options),
    )
    if history.stopped and options.checkpoint:
        return 130  # the checkpoint has it
    finishing(options)
    seconds = time.perf_counter() - began
    result = net.evaluate(X[test], labels[test])
    net.save(model_file(options))
    say(f"{trained(history, epochs)} in {seconds:.1f} s; {wrote}")
    say(f"test accuracy {result['accuracy']:.4f}, loss {result['loss']:.4f}")
    if options.report:
        settings = {"optimizer": "Adam, learning rate 0.003", "batch size": "64"}
        about = {
            "data set": "handwritten digits, 8 × 8 pixels",
            "training images": f"{len(train):,}",
        }
        tested = net, history, X[test], labels[test], (8, 8)
        wrote = said_of(options.report, PAGE)
        report_of_images("UCI digits", *tested, settings, about).save(options.report)
        say(wrote)
    return 130 if history.stopped else 0
