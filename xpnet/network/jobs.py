"""Fits on folds, each with settings of its own, run as few stacks.

The networks of a stack do the same number of steps an epoch. Folds differ by few examples, so their
fits make one stack, or two. More are made if one would need too much memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from xpnet.engines.choose import may_compile
from xpnet.engines.own_batches import UnequalStepsError
from xpnet.equations.parameters import slots
from xpnet.errors import DivergenceError
from xpnet.layers.each_rate import with_rate
from xpnet.network.job_files import check_resumes, own_checkpoint
from xpnet.network.network import Network
from xpnet.network.stack import Stack
from xpnet.network.stackable import penalty_groups
from xpnet.training.fit import examples_of
from xpnet.training.history import History
from xpnet.training.length import default_epochs
from xpnet.training.settings import Own, settings
from xpnet.typing import ArrayLike, Host

__all__ = ["Job", "Outcome", "Refit", "run"]

_BY_FIT = ("learning_rate", "penalty")
"""The settings that are keywords of `Stack.fit`; seed and dropout are the network's."""

_NUMBERS = 2**27
"""Most numbers in the widest layer's batches of a stack: 0.5 GB in float32."""

_IN_CACHE = 2**17
"""The same on a CPU, whose cache should hold them, within these bounds on the networks."""
_FEW, _MANY = 8, 64


class Job(NamedTuple):
    """One network's fit: on the rows ``train``, judged on the rows ``test``.

    ``settings`` are its own: learning_rate, penalty, dropout, seed. Others are those of all jobs.
    """

    settings: Mapping[str, Any]
    train: Host
    test: Host


class Outcome(NamedTuple):
    """What became of a job: scores on its test rows, NaN if it diverged, and its history."""

    scores: dict[str, float]
    history: History | None  # None if all networks of its stack diverged
    network: Network | None = None  # the trained one, if it is kept and its parameters are finite
    error: DivergenceError | None = None  # that of the whole stack


class _Fits(NamedTuple):
    """What all jobs share; ``numbers`` are those of the stacks, whose checkpoints they name."""

    net: Network
    X: Any
    Y: Any
    fit: Mapping[str, Any]
    keep_networks: bool
    numbers: Iterator[int]


def run(
    net: Network,
    X: ArrayLike,
    Y: ArrayLike,
    jobs: Sequence[Job],
    fit: Mapping[str, Any],
    keep_networks: bool = False,
) -> list[Outcome]:
    """Do all jobs, from the initial weights of ``net``, which does not change.

    Raises DivergenceError if all of them diverge, and KeyboardInterrupt after Ctrl-C.
    """
    check_resumes(fit)
    fits = _Fits(net, X, Y, fit, keep_networks, count(1))
    done: dict[int, Outcome] = {}
    groups = list(_groups(net, jobs, fit))
    if len(groups) > 1:
        _check_examples(fits, jobs)
    for group in groups:
        outcomes = _with_equal_steps(fits, [jobs[j] for j in group])
        done.update(zip(group, outcomes, strict=True))
    found = [done[j] for j in range(len(jobs))]
    error = found[0].error
    if error is not None and all(outcome.error for outcome in found):
        raise error
    names = next(outcome.scores for outcome in found if outcome.scores)
    blank = dict.fromkeys(names, np.nan)
    return [outcome._replace(scores=outcome.scores or blank) for outcome in found]


def _check_examples(fits: _Fits, jobs: Sequence[Job]) -> None:
    """Raise the error of any job's examples, before the first of several stacks is trained."""
    net, X, Y, fit, *_ = fits
    seeds = (job.settings.get("seed", net.seed) for job in jobs)
    each = {(job.train.tobytes(), seed): job.train for job, seed in zip(jobs, seeds, strict=True)}
    own = Own(tuple(each.values()), tuple(seed for _, seed in each))
    chosen = settings({**fit, "metrics": (), "stream": None})._replace(own=own)
    weights = fit["sample_weight"], fit["class_weight"]
    with net.backend.context():
        examples_of(net, net.in_order(X), Y, *weights, fit["validation_data"], chosen)


def _groups(net: Network, jobs: Sequence[Job], fit: Mapping[str, Any]) -> Iterator[list[int]]:
    """The numbers of the jobs of each stack, not too many."""
    rows = max(len(job.train) for job in jobs)
    size = min(fit["batch_size"] or rows, rows)
    per_epoch = -(-rows // size)
    steps = len(jobs) * per_epoch * (fit["epochs"] or default_epochs(per_epoch))
    by_shapes = fit["checkpoint"] is not None
    compiled = may_compile(net.backend, net.layers, size, steps, fit["compile"], by_shapes)
    most = _most(net, size, compiled)
    for alike in penalty_groups([job.settings.get("penalty") for job in jobs]):
        for start in range(0, len(alike), most):
            yield alike[start : start + most]


def _most(net: Network, size: int, compiled: bool) -> int:
    """The largest number of networks in a stack, with batches of that size.

    Compiled networks run one by one, and a stack of many needs to wait for its threads less often.
    """
    widest: int = max(net.layers[0].fan_in, *(max(slot.shape) for slot in slots(net.layers)))
    of_one = widest * size
    if compiled or net.backend.rows_in_cache is None:
        return max(1, _NUMBERS // of_one)
    return max(_FEW, min(_MANY, _IN_CACHE // of_one))


def _with_equal_steps(fits: _Fits, jobs: Sequence[Job]) -> list[Outcome]:
    """Do these jobs as one stack, or as a stack for each number of steps an epoch.

    Which these are is known only when examples of weight 0 and for validation have been set aside.
    """
    try:
        return _as_stack(fits, jobs)
    except UnequalStepsError as error:
        steps = error.steps
    found: dict[int, Outcome] = {}
    for n in np.unique(steps):
        group = np.flatnonzero(steps == n).tolist()
        outcomes = _as_stack(fits, [jobs[j] for j in group])
        found.update(zip(group, outcomes, strict=True))
    return [found[j] for j in range(len(jobs))]


def _as_stack(fits: _Fits, jobs: Sequence[Job]) -> list[Outcome]:
    """Train and judge these jobs as one stack; without a result if all of them diverge."""
    net, X, Y, fit, keep_networks, numbers = fits
    stack = Stack(_network(net, job.settings) for job in jobs)
    own = {
        name: [job.settings[name] for job in jobs] for name in _BY_FIT if name in jobs[0].settings
    }
    keywords = {**own_checkpoint(fit, next(numbers)), **own, "metrics": _of_validation(fit)}
    try:
        history = stack.fit(X, Y, rows=[job.train for job in jobs], **keywords)
    except DivergenceError as error:
        return [Outcome({}, None, error=error)] * len(jobs)
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    scores = stack.evaluate(
        X, Y, fit["sample_weight"], metrics=fit["metrics"], rows=[job.test for job in jobs]
    )
    networks = _finite(stack) if keep_networks else [None] * len(jobs)
    return [
        Outcome({name: float(x[r]) for name, x in scores.items()}, history.of(r), networks[r])
        for r in range(len(jobs))
    ]


def _finite(stack: Stack) -> list[Network | None]:
    """The networks of a stack; None in place of those whose parameters are not finite."""
    xp = stack.backend.xp
    with stack.backend.context():
        finite = stack.backend.to_numpy(xp.all(xp.isfinite(stack.parameters), axis=-1))
    return [stack[r] if finite[r] else None for r in range(len(stack))]


class Refit(NamedTuple):
    """What it takes to train a network with a setting on all rows."""

    net: Network
    X: Any
    Y: Any
    common: Mapping[str, Any]  # a seed, for every setting
    fit: Mapping[str, Any]

    def trained(self, setting: Mapping[str, Any]) -> Network:
        """The trained network."""
        settings = {**self.common, **setting}
        new = _network(self.net, settings)
        own = {name: settings[name] for name in _BY_FIT if name in settings}
        fit = own_checkpoint(self.fit, "refit")
        keywords = {**fit, **own, "metrics": _of_validation(fit)}
        new.fit(self.X, self.Y, **keywords)
        return new


def _of_validation(fit: Mapping[str, Any]) -> Any:
    """The metrics of a fit; none without validation data, which a fit would refuse."""
    has_data = fit["validation_data"] is not None or fit["validation_fraction"] is not None
    return fit["metrics"] if has_data else ()


def _network(net: Network, settings: Mapping[str, Any]) -> Network:
    """An untrained network with the seed and the rate of dropout of these settings."""
    new = net.fresh(settings.get("seed"))
    if "dropout" in settings:
        plan = new.plan._replace(layers=with_rate(new.plan.layers, settings["dropout"]))
        new.restore(plan, 0, new.classes, new.feature_names)
    return new
