"""``xpnet train digits``: train on the UCI digits, test, and write a model file."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from xpnet.checks import positive_integer
from xpnet.cli.output import check_out, report, trained
from xpnet.cli.report import check_report, report_of_images
from xpnet.datasets import load_digits, stratified_split
from xpnet.network import Network

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """Train, print the test accuracy, write the model."""
    out = options.out or Path("digits.safetensors")
    epochs = positive_integer("--epochs", 30 if options.epochs is None else options.epochs)
    check_out(out)
    check_report(options, out)
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
    print(f"digits: {len(train)} images to train on, {len(test)} to test on")
    print(f"network {'-'.join(map(str, net.sizes))}, {net.dtype}, {net.backend.name} {net.device}")
    began = time.perf_counter()
    history = net.fit(
        X[train],
        labels[train],
        epochs=epochs,
        batch_size=64,
        learning_rate=0.003,
        validation_data=(X[test], labels[test]) if options.report else None,
        callbacks=[report(epochs)],
        progress=sys.stderr.isatty(),
    )
    seconds = time.perf_counter() - began
    result = net.evaluate(X[test], labels[test])
    net.save(out)
    print(f"{trained(history, epochs)} in {seconds:.1f} s; wrote {out}")
    print(f"test accuracy {result['accuracy']:.4f}, loss {result['loss']:.4f}")
    if options.report:
        settings = {"optimizer": "Adam, learning rate 0.003", "batch size": "64"}
        about = {
            "data set": "handwritten digits, 8 × 8 pixels",
            "training images": f"{len(train):,}",
        }
        tested = net, history, X[test], labels[test], (8, 8)
        report_of_images("UCI digits", *tested, settings, about).save(options.report)
        print(f"wrote {options.report}")
    return 130 if history.stopped else 0
