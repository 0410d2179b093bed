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

OPTIMIZERS = ("adam", "muon", xpnet.optimizers.Averaged(xpnet.optimizers.SGD(0.1, momentum=0.9)))
NUMBERS = itertools.count()


class Killed(Exception):
    """Raised in a callback, in place of a signal that would end the tests too."""


def undisturbed(net: Any, **keywords: Any) -> Any:
    return net, net.fit(X, LABELS, **keywords)


def disturbed(net: Any, folder: Path, kills: list[int], **keywords: Any) -> Any:
    """Fit a copy of the network; it is killed after each of these steps, and begins anew."""
    path = folder / f"{next(NUMBERS)}.ckpt"
    for last in kills:

        def kill(_: Any, history: xpnet.History, last: int = last) -> None:
            if len(history.step_loss) == last:
                raise Killed

        attempt = copy.copy(net)
        try:
            history = attempt.fit(
                X, LABELS, checkpoint=path, callbacks={"step_end": kill}, **keywords
            )
        except Killed:
            continue
        return attempt, history
    attempt = copy.copy(net)
    return attempt, attempt.fit(X, LABELS, checkpoint=path, **keywords)


FIT = st.fixed_dictionaries(
    {
        "epochs": st.integers(1, 3),
        "batch_size": st.sampled_from([None, 7, 20]),
        "optimizer": st.sampled_from(OPTIMIZERS),
        "checkpoint_every": st.sampled_from([1, 2, 5, "epoch", "1h"]),
        "compile": st.just(False),
    }
)
OPERATIONS = st.one_of(
    st.tuples(st.just("fit"), FIT, st.lists(st.integers(1, 24), max_size=3)),
    st.tuples(st.just("stack"), FIT, st.lists(st.integers(1, 24), max_size=2)),
    st.sampled_from([("save",), ("pickle",), ("there and back",)]),
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
        net.save(folder / "m")
        return xpnet.load(folder / "m"), None
    if kind == "pickle":
        return pickle.loads(pickle.dumps(net)), None
    return net.to("array-api-strict").to("numpy"), None


@needs("array_api_strict")
@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=5))
def test_the_result_is_that_of_fits_that_nobody_disturbed(operations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("order")
    layers = [5, 8, xpnet.layers.BatchNorm(), xpnet.layers.Dropout(0.2), 4]
    one = other = xpnet.Network(layers, loss="cross_entropy", rng=3)

    def alone(net: Any, keywords: Any, kills: Any) -> Any:
        return undisturbed(net, **{k: v for k, v in keywords.items() if k != "checkpoint_every"})

    def killed(net: Any, keywords: Any, kills: Any) -> Any:
        return disturbed(net, folder, kills, **keywords)

    for operation in operations:
        one, first = apply(copy.copy(one), operation, folder, alone)
        other, second = apply(copy.copy(other), operation, folder, killed)
        for x, y in zip(*((n.parameters, *n.statistics) for n in (one, other)), strict=True):
            np.testing.assert_array_equal(to_numpy(x), to_numpy(y))
        assert one.epoch == other.epoch
        if first is not None:
            assert (first.loss, first.step_loss) == (second.loss, second.step_loss)
