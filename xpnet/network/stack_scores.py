"""The scores of a stack's networks, each on rows of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xpnet.checks.inputs import examples
from xpnet.engines.threads import fit_threads
from xpnet.equations.parameters import n_networks
from xpnet.network.network import Network
from xpnet.ranges import positive_integer
from xpnet.training.evaluation import evaluate, metrics_for
from xpnet.training.own_rows import own_examples, own_rows
from xpnet.training.settings import as_metrics
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.metrics import Metric

__all__ = ["evaluate_each"]


def evaluate_each(
    net: Network,
    X: ArrayLike,
    Y: ArrayLike,
    rows: Sequence[ArrayLike],
    sample_weight: ArrayLike | None,
    batch_size: int | None,
    metrics: str | Metric | Sequence[str | Metric],
) -> dict[str, Host]:
    """The loss and metrics (R,) of R networks; ``net`` holds θ (R, P) of all of them."""
    if batch_size is not None:
        positive_integer("batch_size", batch_size)
    X, Y = net.in_order(X), net.encode(Y)
    layers, loss = net.decided_by(Y)
    data = examples(net.backend, layers, loss, net.dtype, X, Y, sample_weight)
    each = own_rows(rows, n_networks(net.parameters), data.X.shape[0])
    found = metrics_for(as_metrics(metrics), loss, layers[-1].fan_out, data.classes)
    with net.backend.context():
        data = own_examples(net.backend, data, each, net.dtype)
    fixed = net.backend, layers, loss, net.parameters
    with fit_threads(net.backend, layers, max(map(len, each))):  # each network's products are small
        return evaluate(*fixed, data, batch_size, net.statistics, found)
