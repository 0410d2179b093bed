"""What cross-validations and searches share: checks before the fits, and scores after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xpnet.checks.inputs import is_classes
from xpnet.errors import quoted
from xpnet.network.jobs import Outcome
from xpnet.network.network import Network
from xpnet.training.evaluation import metrics_for
from xpnet.training.settings import StackKeywords, as_metrics, settings
from xpnet.typing import ArrayLike, Host

__all__ = ["directions", "prepared", "scored"]


def prepared(
    net: Any, X: ArrayLike, Y: ArrayLike, keywords: Mapping[str, Any]
) -> tuple[dict[str, Any], Network]:
    """The keywords of `Stack.fit`, checked, and an untrained network whose sizes and loss are set.

    Those left open follow from all of X and Y.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net must be an xpnet.Network, got {quoted(net)}")
    fit = {name: keywords[name] for name in StackKeywords.__annotations__}
    settings({**keywords, "metrics": ()})  # metrics need no validation data here
    new = net.fresh()
    new.complete(new.in_order(X), Y)
    return fit, new.as_written().fresh()


def directions(net: Network, Y: ArrayLike, metrics: Any) -> dict[str, bool]:
    """The scores of a network, and whether a larger one is better. Raises for a wrong metric."""
    loss = net.loss
    assert loss is not None
    classes = is_classes(loss, net.encode(Y))
    found = metrics_for(as_metrics(metrics), loss, net.layers[-1].fan_out, classes)
    return {"loss": False, **{metric.name: metric.larger_is_better for metric in found}}


def scored(
    outcomes: Sequence[Outcome], n_settings: int = 1
) -> tuple[dict[str, Host], dict[str, Host], dict[str, Host]]:
    """The scores (n_settings, outcomes of each), their mean and sample standard deviation."""
    scores = {
        name: np.asarray([outcome.scores[name] for outcome in outcomes]).reshape(n_settings, -1)
        for name in outcomes[0].scores
    }
    with np.errstate(invalid="ignore"):  # a score may be infinite
        means = {name: np.mean(x, axis=-1) for name, x in scores.items()}
        return scores, means, {name: np.std(x, axis=-1, ddof=1) for name, x in scores.items()}
