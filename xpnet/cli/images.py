"""Train a network on a data set of images, test it, and write its model file."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from xpnet.cli.checkpoints import finishing, going_on, keywords
from xpnet.cli.kinds import MODEL, PAGE
from xpnet.cli.models import model_file
from xpnet.cli.output import progress_lines, said_of, trained
from xpnet.cli.report import report_of_images
from xpnet.cli.terminal import say
from xpnet.network import Network
from xpnet.training import History
from xpnet.typing import Host

__all__ = ["DataSet", "train_on"]

_EPOCHS = 30


class DataSet(NamedTuple):
    """Images as rows of X, those to train on and those to test on.

    Attributes
    ----------
    name, title : str
        In the messages, and above the report.
    train, test : (X (N, n_0), labels (N,))
    shape : (int, int)
        Height and width in pixels.
    about : str
        For the report.
    classes : sequence of str, optional
        Their names; None: numbers.
    """

    name: str
    title: str
    train: tuple[Host, Host]
    test: tuple[Host, Host]
    shape: tuple[int, int]
    about: str
    classes: Sequence[str] | None = None


def train_on(
    images: DataSet,
    layers: Sequence[Any],
    recipe: Mapping[str, Any],
    settings: Mapping[str, str],
    options: argparse.Namespace,
) -> int:
    """Train, print the test accuracy, write the model and the report; return the exit status.

    ``recipe`` are keywords of `Network.fit`, and ``settings`` the same in words.
    """
    made = {"backend": options.backend, "device": options.device, "dtype": options.dtype}
    net = Network(layers, loss="cross_entropy", rng=options.seed, **made)
    n_train, n_test = (len(X) for X, _ in (images.train, images.test))
    say(f"{images.name}: {n_train} images to train on, {n_test} to test on")
    say(f"network {'-'.join(map(str, net.sizes))}, {net.dtype}, {net.backend.name} {net.device}")
    history = _trained(net, images, recipe, options)
    if history is None:
        return 130
    if options.report:
        about = {"data set": images.about, "training images": f"{n_train:,}"}
        tested = net, history, *images.test, images.shape
        page = report_of_images(images.title, *tested, settings, about, images.classes)
        wrote = said_of(options.report, PAGE)
        page.save(options.report)
        say(wrote)
    return 130 if history.stopped else 0


def _trained(
    net: Network, images: DataSet, recipe: Mapping[str, Any], options: argparse.Namespace
) -> History | None:
    """Train, test and save the network; None if it was interrupted and a checkpoint has it."""
    epochs = _EPOCHS if options.epochs is None else options.epochs
    began, (X, labels) = time.perf_counter(), images.train
    history = net.fit(
        X,
        labels,
        epochs=epochs,
        validation_data=images.test if options.report else None,
        callbacks={"epoch_end": progress_lines(epochs), **going_on(options)},
        progress=sys.stderr.isatty(),
        **recipe,
        **keywords(options),
    )
    if history.stopped and options.checkpoint:
        return None
    finishing(options)
    seconds = time.perf_counter() - began
    result = net.evaluate(*images.test)
    wrote = said_of(model_file(options), MODEL)
    net.save(model_file(options))
    say(f"{trained(history, epochs)} in {seconds:.1f} s; {wrote}")
    say(f"test accuracy {result['accuracy']:.4f}, loss {result['loss']:.4f}")
    return history
