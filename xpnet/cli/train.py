"""``xpnet train digits``: train on real data, test, and write a model file."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from xpnet.backends import DTYPES
from xpnet.checks import positive_integer
from xpnet.datasets import load_digits, stratified_split
from xpnet.network import Network
from xpnet.training import History

__all__ = ["add_parser"]

_LINES = 6  # of progress, where no terminal shows a bar


def add_parser(commands: Any) -> None:
    """The options of ``xpnet train``."""
    parser = commands.add_parser(
        "train",
        help="train on a data set and write a model file",
        description="Train on the UCI digits (1797 images of 8 × 8 pixels, shipped with the "
        "package) and test on a stratified fifth of them.",
    )
    parser.add_argument("data", choices=["digits"], help="the data set")
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch, jax or auto")
    parser.add_argument("--device", help="such as cuda:1; the library's default otherwise")
    parser.add_argument("--dtype", default="float32", choices=DTYPES)
    parser.add_argument(
        "--hidden", type=_widths, default=(256,), metavar="N[,N…]", help="hidden widths (256)"
    )
    parser.add_argument("--epochs", type=int, default=30, help="passes over the data (30)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the weights and of the order of examples (0)"
    )
    parser.add_argument("--out", type=Path, default=Path("digits.safetensors"), help="model file")
    parser.set_defaults(run=run)


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(positive_integer("a width", int(part)) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"hidden widths are positive integers with commas between them, got {text!r}"
        ) from None


def run(options: argparse.Namespace) -> int:
    """Train, print the test accuracy, write the model."""
    if options.out.is_dir() or not options.out.absolute().parent.is_dir():
        raise OSError(f"--out {options.out}: its folder does not exist, or it is a folder itself")
    images, labels = load_digits()
    X = images / 16.0
    train, test = stratified_split(labels, 0.2, seed=0)
    net = Network(
        [64, *options.hidden, 10],
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
        epochs=options.epochs,
        batch_size=64,
        learning_rate=0.003,
        callbacks=[_report(options.epochs)],
        progress=sys.stderr.isatty(),
    )
    seconds = time.perf_counter() - began
    result = net.evaluate(X[test], labels[test])
    net.save(options.out)
    print(f"trained {len(history)} epochs in {seconds:.1f} s; wrote {options.out}")
    print(f"test accuracy {result['accuracy']:.4f}, loss {result['loss']:.4f}")
    return 130 if history.stopped else 0


def _report(epochs: int) -> Any:
    """A callback that prints a few lines over the whole fit."""
    every = -(-epochs // _LINES)

    def report(net: Network, history: History) -> None:
        done = len(history)
        if done % every == 0 or done == epochs:
            print(f"epoch {done:{len(str(epochs))}} of {epochs}: loss {history.loss[-1]:.4f}")

    return report
