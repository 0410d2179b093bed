"""The training loop: epochs of steps, and what happens between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet import checks
from xpnet.backends import move
from xpnet.errors import DivergenceError
from xpnet.examples import Examples, examples
from xpnet.masks import key_of, needs_masks
from xpnet.optimizers import Optimizer, get_optimizer
from xpnet.training.batches import Batches
from xpnet.training.evaluation import evaluate
from xpnet.training.history import History
from xpnet.training.interrupt import Interrupt, stop_on_interrupt
from xpnet.training.progress import Progress, show_progress
from xpnet.training.step import start, step

if TYPE_CHECKING:
    from xpnet.network import Network

__all__ = ["Settings", "fit"]


class Settings(NamedTuple):
    """How to go through the data; checked by `fit`."""

    epochs: int
    batch_size: int | None
    shuffle: bool
    callbacks: tuple[Callable[[Any, History], Any], ...]
    progress: bool | None
    compile: bool | None


def fit(
    net: Network,
    X: Any,
    Y: Any,
    sample_weight: Any,
    validation_data: tuple[Any, Any] | None,
    optimizer: Any,
    learning_rate: float | None,
    settings: Settings,
) -> History:
    """Train ``net``; see `Network.fit`."""
    checks.positive_integer("epochs", settings.epochs)
    if settings.batch_size is not None:
        checks.positive_integer("batch_size", settings.batch_size)
    checks.learning_rate(learning_rate)
    method = get_optimizer(optimizer, learning_rate)
    with net.unchanged_on_error(), net.backend.context():
        net.complete(X, Y)
        data = _checked(net, "", X, Y, sample_weight)
        validation = _validation(net, validation_data)
        return _Loop(net, method, data, validation, settings).run()


def _checked(net: Network, prefix: str, X: Any, Y: Any, sample_weight: Any = None) -> Examples:
    """Examples on the device, without NaN and infinity."""
    assert net.loss is not None
    data = examples(net.backend, net.layers, net.loss, net.dtype, X, Y, sample_weight)
    checks.check_finite(net.backend, f"{prefix}X", data.X)
    checks.check_finite(net.backend, f"{prefix}Y", data.Y)
    return data


def _validation(net: Network, data: Any) -> Examples | None:
    if data is None:
        return None
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError("validation_data must be a pair (X, Y)")
    return _checked(net, "validation ", *data)


class _Loop:
    """One fit under way."""

    def __init__(
        self,
        net: Network,
        optimizer: Optimizer,
        data: Examples,
        validation: Examples | None,
        settings: Settings,
    ) -> None:
        X, Y, w, _ = data
        backend = net.backend
        self.net, self.optimizer, self.settings = net, optimizer, settings
        self.batches = Batches(
            backend, X.shape[0], settings.batch_size, settings.shuffle, net.seed, w
        )
        self.data = X, Y, None if w is None else move(backend, w, net.dtype)
        self.validation = validation
        self.fixed: tuple[Any, ...] = backend, net.layers, net.loss, optimizer
        self.step: Callable[..., Any] = step
        if settings.compile is not False:
            self.step = backend.compile(step, static=len(self.fixed))
        self.state = start(backend, optimizer, net.parameters, net.statistics)
        self.masks = needs_masks(net.layers)
        self.t = 0  # steps done
        self.history = History()

    def run(self) -> History:
        """All epochs, or those until Ctrl-C."""
        steps = self.settings.epochs * self.batches.per_epoch
        with stop_on_interrupt() as interrupt, show_progress(self.settings.progress, steps) as bar:
            for _ in range(self.settings.epochs):
                self._epoch(interrupt, bar)
                bar.describe(f"loss {self.history.loss[-1]:.4g}")
                for callback in self.settings.callbacks:
                    callback(self.net, self.history)
                if interrupt.requested:
                    self.history.stopped = "interrupted"
                    break
        return self.history

    def _epoch(self, interrupt: Interrupt, bar: Progress) -> None:
        began = time.perf_counter()
        totals, weight = self._steps(interrupt, bar)
        losses = self._read(totals)
        self.net.finish_epoch(self._theta(), self.state.stats)
        self.history.epoch.append(self.net.epoch)
        self.history.loss.append(float(losses.sum()) / weight)
        if self.validation is not None:
            self._validate()
        self.history.seconds.append(time.perf_counter() - began)

    def _steps(self, interrupt: Interrupt, bar: Progress) -> tuple[list[Any], float]:
        """The steps of an epoch: each one's Σ w loss, still on the device, and the whole Σ w."""
        totals, weight, key = [], 0.0, self._key()
        for index, batch_weight in self.batches.epoch(self.net.epoch):
            self.t += 1
            c = self.optimizer.coefficients(self.t, self.optimizer.learning_rate)
            self.state, total = self.step(*self.fixed, self.state, self.data, index, c, key)
            totals.append(total)
            weight += batch_weight
            bar.advance()
            if interrupt.requested:
                break
        return totals, weight

    def _key(self) -> Any:
        """What this epoch's masks are drawn from, on the device; None where there are none."""
        key = key_of(self.net.seed, self.net.epoch)
        return self.net.backend.from_numpy(key) if self.masks else None

    def _theta(self) -> Any:
        """θ for the network: a copy where a callback may keep it, since steps overwrite it."""
        theta = self.state.theta
        return self.net.backend.xp.asarray(theta, copy=True) if self.settings.callbacks else theta

    def _read(self, totals: list[Any]) -> np.ndarray[Any, Any]:
        """The losses of an epoch's steps, read to the host at once and in float64."""
        backend = self.net.backend
        losses = backend.to_numpy(backend.xp.stack(totals)).astype(np.float64)
        if not np.all(np.isfinite(losses)):
            first = int(np.argmin(np.isfinite(losses)))
            raise DivergenceError(self.net.epoch + 1, first + 1, float(losses[first]))
        return losses

    def _validate(self) -> None:
        assert self.validation is not None
        assert self.net.loss is not None
        backend, layers, loss = self.net.backend, self.net.layers, self.net.loss
        theta, stats = self.state.theta, self.state.stats
        results = evaluate(backend, layers, loss, theta, self.validation, stats=stats)
        self.history.validation_loss.append(results["loss"])
        if "accuracy" in results:
            self.history.validation_accuracy.append(results["accuracy"])
