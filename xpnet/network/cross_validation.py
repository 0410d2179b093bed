"""Cross-validation: a network for each fold, trained without it and judged on it, in stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from xpnet import checks
from xpnet.backends import to_numpy
from xpnet.checks.inputs import is_classes
from xpnet.checks.keywords import explains_keywords, shares_keywords
from xpnet.datasets.split import folds as parts_of
from xpnet.equations.streams import seed_from
from xpnet.errors import quoted
from xpnet.network.jobs import Job, run
from xpnet.network.network import Network
from xpnet.ranges import items
from xpnet.training.evaluation import metrics_for
from xpnet.training.own_rows import row_numbers
from xpnet.training.settings import StackKeywords, as_metrics, settings
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng
    from xpnet.training.history import History

__all__ = ["CrossValidation", "Fold", "cross_validate", "folds_of", "prepared", "summary"]

Fold = tuple[Host, Host]
"""The rows to train on, and the rows held out."""


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The result of `xpnet.cross_validate`.

    Attributes
    ----------
    scores : dict of str to (K,) array
        "loss" and each metric on the rows held out, by fold. NaN if the fold's fit diverged.
    mean, sd : dict of str to float
        Of each score over the folds; the standard deviation is that of a sample (K − 1).
    folds : tuple of K pairs (train, test)
        The rows that each network was trained on, and those on which it was judged.
    histories : tuple of K History
        Of each fold's fit; None if all of them diverged.
    networks : tuple of K Network
        The trained networks; None in place of one that diverged.
    """

    scores: Mapping[str, Host]
    mean: Mapping[str, float]
    sd: Mapping[str, float]
    folds: tuple[Fold, ...] = field(repr=False)
    histories: tuple[History | None, ...] = field(repr=False)
    networks: tuple[Network | None, ...] = field(repr=False)

    def __repr__(self) -> str:
        said = (f"{name}={self.mean[name]:.4g} ± {self.sd[name]:.2g}" for name in self.scores)
        return f"CrossValidation({len(self.folds)} folds, {', '.join(said)})"


@explains_keywords("cross_validate")
@shares_keywords(Network.fit, StackKeywords.__annotations__)
def cross_validate(
    net: Network,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    folds: int | Iterable[tuple[ArrayLike, ArrayLike]] = 5,
    rng: Rng = 0,
    **keywords: Unpack[StackKeywords],
) -> CrossValidation:
    """Train a network for each fold on the other folds, and judge it on the fold.

    The networks are trained as one `Stack`, or a few. Each is, to rounding, what ``net.fresh()``
    becomes by a fit on the rows of its own: no row that judges a network is read while it is
    trained.

    Parameters
    ----------
    net : Network
        Its layers, loss and seed are those of every fold's network. It does not change, and neither
        its training nor its parameters matter.
    X, Y
        As for `Network.fit`.
    folds : int or sequence of (train, test)
        K ≥ 2 parts, drawn by ``rng``; each class is spread evenly. Or pairs of rows, as
        scikit-learn's splitters give: ``GroupKFold().split(X, y, groups)``.
    rng
        The source of the draw, as for `Network`. None draws different folds every time.
    metrics : sequence of str or Metric
        Judge the networks, in addition to the loss. Default: accuracy for classes.
    others
        As for `Stack.fit`. ``validation_fraction`` sets aside some of the rows to train on.

    Returns
    -------
    CrossValidation
        Scores by fold, their mean and standard deviation, histories and networks.

    Raises
    ------
    ValueError, TypeError
        Bad input, before anything is trained.
    DivergenceError
        Every network's loss is no longer finite.
    KeyboardInterrupt
        Ctrl-C: a part of the folds would mean nothing.

    Examples
    --------
    >>> import xpnet
    >>> X, y = xpnet.datasets.load_digits()
    >>> net = xpnet.Network([64, 32, 10])
    >>> found = xpnet.cross_validate(net, X / 16, y, epochs=10, learning_rate=0.01)
    >>> found.scores["accuracy"].shape, bool(found.mean["accuracy"] > 0.9)
    ((5,), True)
    """
    fit, net = prepared(net, X, Y, keywords)
    directions(net, Y, fit["metrics"])
    each = folds_of(net, X, Y, folds, rng)
    outcomes = run(net, X, Y, [Job({}, *fold) for fold in each], fit)
    scores = {name: np.asarray([o.scores[name] for o in outcomes]) for name in outcomes[0].scores}
    means, sds = summary(scores)
    return CrossValidation(
        scores,
        {name: float(mean) for name, mean in means.items()},
        {name: float(sd) for name, sd in sds.items()},
        tuple(each),
        tuple(outcome.history for outcome in outcomes),
        tuple(outcome.network() for outcome in outcomes),
    )


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


def folds_of(net: Network, X: ArrayLike, Y: ArrayLike, given: Any, rng: Rng) -> list[Fold]:
    """The folds, drawn or as given."""
    N = int(checks.as_array("X", X).shape[0])
    if not isinstance(given, (int, np.integer)) or isinstance(given, bool):
        return [_pair(k, pair, N) for k, pair in enumerate(_listed(given))]
    if not 2 <= given <= N:
        raise ValueError(f"folds must be from 2 to {N}, the number of examples, got {given}")
    seed = seed_from(rng)
    return [
        (np.setdiff1d(np.arange(N), held), held)
        for held in parts_of(_labels(net.encode(Y)), N, int(given), seed)
    ]


def _labels(Y: ArrayLike) -> Host | None:
    """Class labels to spread over the folds; None if the targets are no classes."""
    Y = checks.as_array("Y", Y)
    is_labels = checks.is_integer(Y) and (len(Y.shape) == 1 or tuple(Y.shape)[1:] == (1,))
    return to_numpy(Y).reshape(-1) if is_labels else None


def _listed(given: Any) -> list[Any]:
    pairs = items("folds must be a number, or pairs (train, test) of rows", given)
    if len(pairs) < 2:
        raise ValueError(f"folds must be at least 2 pairs (train, test) of rows, got {len(pairs)}")
    return pairs


def _pair(k: int, given: Any, n_examples: int) -> Fold:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise TypeError(f"folds[{k}] must be a pair (train, test) of rows, got {quoted(given)}")
    train, test = (row_numbers(f"folds[{k}][{i}]", x, n_examples) for i, x in enumerate(given))
    both = np.intersect1d(train, test)
    if len(both):
        raise ValueError(
            f"folds[{k}] has row {both[0]} both to train on and to be judged by: its scores would "
            "say nothing about new data"
        )
    return train, test


def summary(scores: Mapping[str, Host]) -> tuple[dict[str, Host], dict[str, Host]]:
    """Mean and sample standard deviation of each score, over the last axis."""
    with np.errstate(invalid="ignore"):  # a score may be infinite
        means = {name: np.mean(x, axis=-1) for name, x in scores.items()}
        return means, {name: np.std(x, axis=-1, ddof=1) for name, x in scores.items()}
