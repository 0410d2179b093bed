"""A search over settings: every setting on every fold, in stacks of networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from xpnet.checks.keywords import explains_keywords, shares_keywords
from xpnet.equations.streams import seed_from
from xpnet.errors import look_up
from xpnet.network.folds import Fold, folds_of
from xpnet.network.jobs import Job, Outcome, Refit, run
from xpnet.network.judging import directions, prepared, scored
from xpnet.network.network import Network
from xpnet.network.search_space import (
    checked_setting,
    checked_values,
    drawn_settings,
    every_setting,
)
from xpnet.ranges import positive_integer
from xpnet.training.settings import StackKeywords
from xpnet.typing import ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng
    from xpnet.training.history import History

__all__ = ["Search", "search"]


@dataclass(frozen=True, eq=False)
class Search:
    """The result of `xpnet.search`, with M settings, S seeds and K folds.

    Attributes
    ----------
    settings : tuple of M dict
        Each setting's learning_rate, penalty and dropout: those that were searched.
    scores : dict of str to (M, S K) array
        "loss" and each metric on the rows held out: all folds with the first seed, then all with
        the second. NaN if a fit diverged.
    mean, sd : dict of str to (M,) array
        Of each setting's scores; the standard deviation is that of a sample (S K − 1).
    monitor : str
        The score that decides.
    best : dict or None
        The setting with the best mean of ``monitor``; a setting with a NaN never is. None if every
        setting has one.
    folds : tuple of K pairs (train, test)
    histories : tuple of M tuples of S K History
        None in place of one whose whole stack diverged.
    """

    settings: tuple[Mapping[str, Any], ...]
    scores: Mapping[str, Host]
    mean: Mapping[str, Host]
    sd: Mapping[str, Host]
    monitor: str
    best: Mapping[str, Any] | None
    folds: tuple[Fold, ...] = field(repr=False)
    histories: tuple[tuple[History | None, ...], ...] = field(repr=False)
    _refit: Refit = field(repr=False)

    def __repr__(self) -> str:
        if self.best is None:
            return f"Search({len(self.settings)} settings, best=None)"
        k = self.settings.index(self.best)
        mean, sd = self.mean[self.monitor][k], self.sd[self.monitor][k]
        return (
            f"Search({len(self.settings)} settings, best={dict(self.best)!r}, "
            f"{self.monitor}={mean:.4g} ± {sd:.2g})"
        )

    def refit(self, setting: Mapping[str, Any] | None = None) -> Network:
        """Train a network with a setting on all rows, by the same keywords; None: the best one.

        A setting may have any names that `search` can vary. Without a "seed", the seed is the first
        that was searched, or that of the network given.

        Raises
        ------
        ValueError, TypeError
            The setting has another name, or a wrong value; or none is given, and none is the best.
        """
        chosen = self.best if setting is None else setting
        if chosen is None:
            raise ValueError(
                f"no setting has a {self.monitor} on every fold, so none is the best: name one, "
                "refit(found.settings[0])"
            )
        return self._refit.trained(checked_setting(chosen, self._refit.net))


@explains_keywords("search")
@shares_keywords(Network.fit, StackKeywords.__annotations__)
def search(
    net: Network,
    X: ArrayLike,
    Y: ArrayLike,
    over: Mapping[str, Any],
    *,
    n: int | None = None,
    monitor: str = "loss",
    folds: int | Iterable[tuple[ArrayLike, ArrayLike]] = 5,
    rng: Rng = 0,
    **keywords: Unpack[StackKeywords],
) -> Search:
    """Cross-validate every setting of a grid, or n random ones, as one `Stack` or a few.

    Parameters
    ----------
    net, X, Y, folds
        As for `cross_validate`.
    over : dict
        The values to search, a list for each of "learning_rate", "penalty" (a `Penalty`, None, or
        a number, its l2), "dropout" (a rate for all `Dropout` layers) and "seed". Seeds are
        repetitions: the scores of a setting are those of all folds and seeds.
    n : int, optional
        The number of random settings. Each value is drawn from its list, or is a function of a
        uniform number in [0, 1), such as ``scipy.stats.loguniform(1e-4, 1e-1).ppf``. None: the
        grid, every combination of the lists.
    monitor : str
        "loss", or the name of a metric: the settings are ranked by its mean.
    rng
        The source of the folds and of the random settings, as for `Network`.
    others
        As for `Stack.fit`. ``metrics`` judge the networks on the rows held out. Checkpoints are
        those of `cross_validate`; a refit has its own.

    Returns
    -------
    Search
        The settings with their scores, the best of them, and `Search.refit`.

    Raises
    ------
    ValueError, TypeError
        Bad input, before anything is trained.
    DivergenceError
        Every fit diverged.
    KeyboardInterrupt
        Ctrl-C: a part of the folds would mean nothing.

    Examples
    --------
    >>> import xpnet
    >>> X, y = xpnet.datasets.load_digits()
    >>> net = xpnet.Network([64, 32, 10])
    >>> found = xpnet.search(net, X / 16, y, {"learning_rate": [1e-5, 1e-2]}, epochs=10)
    >>> found.best
    {'learning_rate': 0.01}
    >>> bool(found.refit().evaluate(X / 16, y)["accuracy"] > 0.95)
    True
    """
    fit, net = prepared(net, X, Y, keywords)
    larger = look_up("score to monitor", monitor, directions(net, Y, fit["metrics"]))
    values, seed = checked_values(over, net), seed_from(rng)
    listed: Any = values.pop("seed", [])
    seeds = [{"seed": each} for each in listed] or [{}]
    tried = (
        every_setting(values)
        if n is None
        else drawn_settings(values, positive_integer("n", n), seed)
    )
    each = folds_of(net, X, Y, folds, seed, fit["sample_weight"])
    jobs = [
        Job({**setting, **repeated}, *fold)
        for setting in tried
        for repeated in seeds
        for fold in each
    ]
    outcomes = run(net, X, Y, jobs, fit)
    return _found(tried, each, outcomes, monitor, larger, Refit(net, X, Y, seeds[0], fit))


def _found(
    tried: Sequence[Mapping[str, Any]],
    folds: Sequence[Fold],
    outcomes: Sequence[Outcome],
    monitor: str,
    larger_is_better: bool,
    refit: Refit,
) -> Search:
    """The result, from the outcomes of all settings, seeds and folds, in this order."""
    M = len(tried)
    scores, mean, sd = scored(outcomes, M)
    ranked = mean[monitor] if larger_is_better else -mean[monitor]
    best = None if np.all(np.isnan(ranked)) else tried[int(np.nanargmax(ranked))]
    each = len(outcomes) // M
    histories = [outcome.history for outcome in outcomes]
    return Search(
        tuple(tried),
        scores,
        mean,
        sd,
        monitor,
        best,
        tuple(folds),
        tuple(tuple(histories[i : i + each]) for i in range(0, len(histories), each)),
        refit,
    )
