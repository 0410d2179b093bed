"""A small trained network, and checks that a refused call leaves it unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import xpnet
from xpnet.backends import to_numpy

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
LABELS = np.asarray([0, 1, 2, 0, 1, 2])
ROWS = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
FIT = {"epochs": 1, "batch_size": 4}


def make(loss: str | None = "cross_entropy", hidden: int = 5, **settings: Any) -> xpnet.Network:
    """Return a network 4-hidden-3, trained for two epochs, so that nothing has its default."""
    net = xpnet.Network([4, hidden, 3], loss=loss, rng=3, **settings)
    net.fit(X, ROWS if loss and loss.endswith("squared_error") else LABELS, epochs=2)
    return net


def state(net: xpnet.Network) -> tuple[Any, ...]:
    """Return everything about a network that a call could change; parameters as bytes."""
    settings = repr(net), net.epoch, net.seed, net.loss, net.plan, net.backend, net.dtype
    if "sizes open" in repr(net):
        return settings
    return *settings, net.layers, to_numpy(net.parameters).tobytes()


@contextmanager
def unchanged(net: xpnet.Network) -> Iterator[None]:
    """Check that the code within leaves the network unchanged, bit for bit."""
    before = state(net)
    yield
    assert state(net) == before


def rejects(
    net: xpnet.Network, error: type[Exception], match: str, call: Callable[..., Any], *args: Any
) -> None:
    """Check that ``call(*args)`` raises, and that the network is unchanged."""
    with unchanged(net), pytest.raises(error, match=match):
        call(*args)


def every_use(net: xpnet.Network) -> list[Callable[..., Any]]:
    """Return all methods that take X and Y."""
    return [
        net.value_and_gradient,
        net.gradient,
        net.evaluate,
        lambda X, Y: net.fit(X, Y, **FIT),
        lambda X, Y: xpnet.gradient_check(net, X, Y),
    ]
