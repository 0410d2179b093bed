"""Fits that are killed and go on, between files, copies, backends and stacks, in any order."""

from __future__ import annotations

import copy
import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet
from tests.support.checkpoints import LABELS, X
from tests.support.helpers import needs
from xpnet.backends import to_numpy
from xpnet.training.kept_optimizer import kept_by

OPTIMIZERS = ("adam", "muon", xpnet.optimizers.Averaged(xpnet.optimizers.SGD(0.1, momentum=0.9)))
NUMBERS = itertools.count()


class Killed(Exception):
    """Raised in a callback, in place of a signal that would end the tests too."""


def undisturbed(net: Any, **keywords: Any) -> Any:
    return net, net.fit(X, LABELS, **keywords)


def disturbed(net: Any, folder: Path, kills: list[int], here: bool, **keywords: Any) -> Any:
    """Fit a copy of the network, which fails after each of these steps, and fit again.

    ``here``: the same copy goes on, as in a notebook, once there is a file: without one, it would
    begin from the complete epochs that it keeps. Else a new copy begins, as in a new process.
    """
    path = folder / f"{next(NUMBERS)}.ckpt"
    attempt = copy.copy(net)
    for last in kills:

        def kill(_: Any, history: xpnet.History, last: int = last) -> None:
            if len(history.step_loss) == last:
                raise Killed

        attempt = attempt if here and path.exists() else copy.copy(net)
        try:
            history = attempt.fit(
                X, LABELS, checkpoint=path, callbacks={"step_end": kill}, **keywords
            )
        except Killed:
            continue
        return attempt, history
    attempt = attempt if here and path.exists() else copy.copy(net)
    return attempt, attempt.fit(X, LABELS, checkpoint=path, **keywords)


FIT = st.fixed_dictionaries(
    {
        "epochs": st.integers(1, 3),
        "batch_size": st.sampled_from([None, 7, 20]),
        "optimizer": st.sampled_from(OPTIMIZERS),
        "checkpoint_every": st.sampled_from([1, 2, 5, "epoch", "1h"]),
        "early_stopping": st.sampled_from([None, 1]),
        "compile": st.just(False),
    }
)
KILLS = st.lists(st.integers(1, 24), max_size=3)
OPERATIONS = st.one_of(
    st.tuples(st.just("fit"), FIT, KILLS, st.booleans()),
    st.tuples(st.just("stack"), FIT, KILLS, st.booleans()),
    st.sampled_from([("save", False), ("save", True), ("pickle",), ("there and back",)]),
)


def apply(net: Any, operation: Any, folder: Path, fit: Any) -> Any:
    """Return the network after the operation, and the history if it was a fit."""
    kind, *details = operation
    if kind == "fit":
        return fit(net, *details)
    if kind == "stack":
        stack, history = fit(
            xpnet.Stack([net, net.fresh(rng=5)] if not net.epoch else [net]), *details
        )
        return stack[0], history
    if kind == "save":
        net.save(folder / "m", optimizer=details[0] and kept_by(net) is not None)
        return xpnet.load(folder / "m"), None
    if kind == "pickle":
        return pickle.loads(pickle.dumps(net)), None
    return net.to("array-api-strict").to("numpy"), None


@needs("array_api_strict")
@pytest.mark.slow
# the optimizer of each fit is drawn, so it may be another one than that of a file
@pytest.mark.filterwarnings("ignore:the network was loaded with the state of:UserWarning")
@settings(max_examples=25, deadline=None)
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=5))
def test_the_result_is_that_of_fits_that_nobody_disturbed(operations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("order")
    layers = [5, 8, xpnet.layers.BatchNorm(), xpnet.layers.Dropout(0.2), 4]
    one = other = xpnet.Network(layers, loss="cross_entropy", rng=3)

    def alone(net: Any, keywords: Any, *kills: Any) -> Any:
        return undisturbed(net, **{k: v for k, v in keywords.items() if k != "checkpoint_every"})

    def killed(net: Any, keywords: Any, kills: Any, here: bool) -> Any:
        return disturbed(net, folder, kills, here, **keywords)

    for operation in operations:
        one, first = apply(copy.copy(one), operation, folder, alone)
        other, second = apply(copy.copy(other), operation, folder, killed)
        for x, y in zip(*((n.parameters, *n.statistics) for n in (one, other)), strict=True):
            np.testing.assert_array_equal(to_numpy(x), to_numpy(y))
        assert one.epoch == other.epoch
        if first is not None:
            np.testing.assert_array_equal(first.loss, second.loss)  # NaN is equal to NaN here
            np.testing.assert_array_equal(first.step_loss, second.step_loss)
            assert (first.stopped, first.best_epoch) == (second.stopped, second.best_epoch)
