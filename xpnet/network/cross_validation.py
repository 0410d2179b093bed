"""Cross-validation: a network for each fold, trained without it and judged on it, in stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from xpnet.checks.keywords import explains_keywords, shares_keywords
from xpnet.network.folds import Fold, folds_of
from xpnet.network.jobs import Job, run
from xpnet.network.judging import directions, prepared, scored
from xpnet.network.network import Network
from xpnet.training.settings import StackKeywords
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng
    from xpnet.training.history import History

__all__ = ["CrossValidation", "cross_validate"]


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
        ``checkpoint="run.ckpt"`` makes a file for each stack: run.ckpt.1, run.ckpt.2, ….

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
    each = folds_of(net, X, Y, folds, rng, fit["sample_weight"])
    outcomes = run(net, X, Y, [Job({}, *fold) for fold in each], fit, keep_networks=True)
    scores, mean, sd = scored(outcomes)
    return CrossValidation(
        {name: x[0] for name, x in scores.items()},
        {name: float(x[0]) for name, x in mean.items()},
        {name: float(x[0]) for name, x in sd.items()},
        tuple(each),
        tuple(outcome.history for outcome in outcomes),
        tuple(outcome.network for outcome in outcomes),
    )
