"""The training loop: epochs of steps, with validation, callbacks and stopping between them."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import checks, schedules
from xpnet.backends import Backend, move, to_numpy
from xpnet.checks.inputs import Examples, examples
from xpnet.engines.batches import Batches, Order
from xpnet.engines.choose import choose_runner
from xpnet.engines.placement import home
from xpnet.engines.runner import Runner
from xpnet.engines.step import Recipe, start
from xpnet.engines.threads import fit_threads
from xpnet.equations.masks import key_of, needs_masks
from xpnet.equations.parameters import layout
from xpnet.equations.sums import total
from xpnet.errors import DivergenceError, of_validation, quoted
from xpnet.optimizers import averaged, bind, coefficients, with_learning_rate
from xpnet.training.class_weights import class_weights
from xpnet.training.early_stopping import Watch
from xpnet.training.evaluation import metrics_for, validate
from xpnet.training.full_batch import search
from xpnet.training.history import History
from xpnet.training.holdout import hold_out
from xpnet.training.interrupt import Interrupt, stop_on_interrupt
from xpnet.training.length import has_converged, settled, warn_if_falling
from xpnet.training.one_fit import Kept, one_fit
from xpnet.training.progress import Progress, show_progress
from xpnet.training.scale import hint_at_scale
from xpnet.training.settings import Settings
from xpnet.typing import Array, ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["fit"]


def fit(
    net: NetworkState,
    X: ArrayLike,
    Y: ArrayLike,
    sample_weight: ArrayLike,
    class_weight: Any,
    validation_data: Any,
    settings: Settings,
) -> History:
    """Train ``net``; see `Network.fit`."""
    with one_fit(net) as kept, net.backend.context():
        X = net.in_order(X)
        net.complete(X, Y)
        _check_limit(settings, net.dtype)
        full_batch = getattr(settings.optimizer, "full_batch", False)
        if full_batch and settings.stream:
            name = type(settings.optimizer).__name__
            raise ValueError(f"{name} takes all examples at once: leave stream out")
        place = net.backend if full_batch else home(net.backend, X, net.dtype, settings.stream)
        data = _checked(net, place, X, Y, sample_weight)
        validation = _validation(net, validation_data, settings.stream)
        if settings.validation_fraction is not None:
            data, validation = hold_out(
                place, data, settings.validation_fraction, net.seed, net.classes
            )
        data = _class_weighted(net, data, class_weight)
        hint_at_scale(net, place, data, settings)
        if full_batch:
            history = search(net, data, validation, settled(settings, 1), kept)
        else:
            history = _Loop(net, place, data, validation, settings, kept).run()
    warn_if_falling(settings, history)  # after the fit: if raised as an error, it undoes nothing
    return history


def _check_limit(settings: Settings, dtype: str) -> None:
    """Raise ValueError if the limit of `MaxNorm` exceeds the largest number of the dtype."""
    largest = float(np.finfo(dtype).max)
    if settings.max_norm is not None and settings.max_norm.limit > largest:
        raise ValueError(
            f"max_norm must be at most {largest:.3g}, the largest {dtype}, got "
            f"{settings.max_norm.limit:.6g}: leave it out for no limit"
        )


def _checked(
    net: NetworkState,
    place: Backend,
    X: ArrayLike,
    Y: ArrayLike,
    sample_weight: ArrayLike | None = None,
) -> Examples:
    """Examples at their place, the device or the host, checked for NaN and infinity."""
    assert net.loss is not None
    Y = net.encode(Y)
    data = examples(place, net.layers, net.loss, net.dtype, X, Y, sample_weight)
    checks.check_finite(place, "X", data.X)
    checks.check_targets(place, "Y", data.Y, net.loss)
    return data


def _class_weighted(net: NetworkState, data: Examples, class_weight: Any) -> Examples:
    """Multiply the weights of classes into those of examples."""
    if class_weight is None:
        return data
    if not data.classes:
        raise ValueError("class_weight needs class labels as targets: give sample_weight instead")
    n_classes = max(net.layers[-1].fan_out, 2)
    labels = to_numpy(data.Y)
    w = class_weights(labels.astype(np.int64), net.encode_keys(class_weight), n_classes)
    w = w if data.w is None else w * data.w
    return data._replace(w=checks.example_weights(w, len(w), net.dtype))


def _validation(net: NetworkState, data: Any, stream: bool | None) -> Examples | None:
    if data is None:
        return None
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"validation_data must be a pair (X, Y), got {quoted(data)}")
    with of_validation():
        X, Y = net.in_order(data[0]), data[1]
        place = home(net.backend, X, net.dtype, stream)
        return _checked(net, place, X, Y)


class _Loop:
    """The state of one fit."""

    def __init__(
        self,
        net: NetworkState,
        place: Backend,
        data: Examples,
        validation: Examples | None,
        settings: Settings,
        kept: Kept,
    ) -> None:
        backend, loss = net.backend, net.loss
        assert loss is not None
        self.net, self.validation, self.kept = net, validation, kept
        self.batches = Batches(
            place, data.X.shape[0], settings.batch_size, settings.shuffle, net.seed, data.w
        )
        self.settings = settings = settled(settings, self.batches.per_epoch)
        w = None if data.w is None else move(place, data.w, net.dtype)
        optimizer = bind(settings.optimizer, layout(net.layers))
        without_rate = with_learning_rate(optimizer, 0.0)  # a new rate recompiles nothing
        self.recipe = Recipe(
            backend, net.layers, loss, without_rate, settings.penalty, settings.max_norm
        )
        n_steps = settings.epochs * self.batches.per_epoch
        self.rate = schedules.bind(optimizer.learning_rate, n_steps, self.batches.per_epoch)
        self.metrics = metrics_for(settings.metrics, loss, net.layers[-1].fan_out, data.classes)
        self.watch = settings.early_stopping and Watch(settings.early_stopping, self.metrics)
        self.masks = needs_masks(net.layers)
        state = start(self.recipe, net.parameters, net.statistics)
        self.runner: Runner = choose_runner(
            *(self.recipe, state, (data.X, data.Y, w), self.batches),
            *(settings.epochs, settings.compile, place is not backend),
        )
        self.t = 0  # steps done
        self.history = History(engine=self.runner.engine)

    def run(self) -> History:
        """Run all epochs, or those until something ends the fit."""
        epochs, per_epoch = self.settings.epochs, self.batches.per_epoch
        examples_per_step = self.batches.n_examples / per_epoch
        with stop_on_interrupt() as interrupt:
            self._call("fit_begin")
            with (
                fit_threads(*self.recipe[:2], self.batches.size) as threads,
                show_progress(self.settings.progress, epochs * per_epoch, examples_per_step) as bar,
            ):
                self.threads = threads
                self._note_runner()
                for _ in range(epochs):
                    self._epoch(interrupt, bar)
                    bar.describe(self.history.last())
                    self._between_epochs(interrupt)
                    if self.history.stopped:
                        break
            self._check_last_step()
            if self.watch:
                self.watch.restore(self.net, self.history)
                self.kept.keep()
            self._call("fit_end")
            if interrupt.requested:  # reported even if it came after the last step
                self.history.stopped = "interrupted"
        return self.history

    def _call(self, moment: str) -> bool:
        return self.settings.callbacks.call(moment, self.net, self.history)

    def _between_epochs(self, interrupt: Interrupt) -> None:
        """Show the epoch's values to all that watch them, and end the fit if one asks."""
        values = self.history.values()
        schedules.observe(self.rate, values.get("validation_loss", values["loss"])[-1])
        if self._call("epoch_end"):
            self.history.stopped = "callback"
        with self.kept.refusing():
            if self.watch and self.watch.observe(self.net, self.history):
                self.history.stopped = self.history.stopped or "early"
        if has_converged(self.settings, self.history.loss):
            self.history.stopped = self.history.stopped or "converged"
        if interrupt.requested:
            self.history.stopped = "interrupted"

    def _epoch(self, interrupt: Interrupt, bar: Progress) -> None:
        began = time.perf_counter()
        order = self.batches.order(self.net.epoch)
        losses = self._read(self._steps(order, interrupt, bar))
        weights = order.weights[: len(losses)]
        self._note_runner()
        stats, lost = self._statistics(len(losses))
        self.net.finish_epoch(*self._copies(stats))
        self.kept.keep()
        self.history.epoch.append(self.net.epoch)
        mean = total(np, np.ascontiguousarray(losses.T)) / total(np, weights)
        self.history.loss.append(np.where(lost, np.nan, mean).tolist())
        if not self.settings.callbacks.has("step_end"):  # else already recorded
            self.history.step_loss.extend((losses.T / weights).T.tolist())
        if self.validation is not None:
            validate(self.net, self.validation, self.metrics, self.history)
        self.history.seconds.append(time.perf_counter() - began)

    def _note_runner(self) -> None:
        """Record engine and threads: the engine becomes "plain" if compiled steps cannot go on."""
        self.history.engine = self.runner.engine
        self.history.threads = self.runner.threads or self.threads

    def _steps(self, order: Order, interrupt: Interrupt, bar: Progress) -> list[Any]:
        """Do the steps of an epoch; return each step's Σ w loss, still on the device."""
        n, done = len(order.weights), 0
        totals: list[Any] = []
        c = self._coefficients(n)
        key, watched = self._key(), self.settings.callbacks.has("step_end")
        # at least one step, even if Ctrl-C comes while the order is made: an epoch has a loss
        while done < n and not (done and (interrupt.requested or self.history.stopped)):
            piece = 1 if watched else self.runner.piece(n - done)
            totals += self.runner.run(order, done, done + piece, c, key)
            done, self.t = done + piece, self.t + piece
            bar.advance(piece)
            if watched:
                self._step_end(totals[-1], float(order.weights[done - 1]))
        return totals

    def _coefficients(self, n: int) -> list[tuple[Any, ...]]:
        """The optimizer's coefficients for an epoch's n steps; columns (R, 1) on the device."""
        each, first = self.settings.rates, self.t + 1
        with self.kept.refusing():  # a schedule may fail late
            rates = schedules.rates(self.rate, first, n) if each is None else [each] * n
        c = coefficients(self.recipe.optimizer, first, rates)
        return c if each is None else [tuple(map(self._on_device, row)) for row in c]

    def _on_device(self, x: ArrayLike) -> Any:
        """Move a column to the device; return a number unchanged."""
        return self.net.backend.from_numpy(x.astype(self.net.dtype)) if np.ndim(x) else x

    def _step_end(self, total: Array, weight: float) -> None:
        """Record the step's loss and call the callbacks; this waits for the step."""
        loss = np.asarray(self.net.backend.to_numpy(total), dtype=np.float64) / weight
        self.history.step_loss.append(loss.tolist())
        self.net.take(*self._copies(self.runner.state.stats))
        if self._call("step_end"):
            self.history.stopped = "callback"

    def _key(self) -> Any:
        """The key from which this epoch's masks are drawn, on the device; None without masks."""
        key = key_of(self.net.seed, self.net.epoch) if self.masks else None
        return None if key is None else self.net.backend.from_numpy(key)

    def _copies(self, stats: tuple[Array, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Copies of θ and the statistics for the network: steps overwrite their own in place."""
        xp, state = self.net.backend.xp, self.runner.state
        theta = averaged(self.recipe.optimizer, state.optimizer, state.theta)
        return xp.asarray(theta, copy=True), tuple(xp.asarray(s, copy=True) for s in stats)

    def _read(self, totals: list[Any]) -> Host:
        """Read the losses of an epoch's steps to the host, all at once, in float64.

        Raise DivergenceError if a step's loss is not finite, for a stack that of all networks.
        """
        losses = self.runner.read(totals)  # (S,), or (S, R) for a stack; one of R may diverge
        finite = np.isfinite(losses).reshape(len(losses), -1).any(axis=1)
        if not np.all(finite):
            first = int(np.argmin(finite))
            raise DivergenceError(self.net.epoch + 1, first + 1, float(losses[first].max()))
        return losses

    def _statistics(self, steps: int) -> tuple[tuple[Any, ...], Any]:
        """The layers' statistics, and whether each network of a stack has lost its own.

        Statistics that are infinite stay so: one check an epoch suffices. The statistics that a
        network of a stack has lost become NaN, so that its outputs are NaN. If every network has
        lost its own, raise DivergenceError.
        """
        stats = self.runner.state.stats
        if not stats:
            return stats, False
        xp, backend = self.net.backend.xp, self.net.backend
        host = backend.to_numpy(xp.concat(stats, axis=-1))  # (..., 1, n)
        lost = ~np.isfinite(host).all(axis=(-2, -1))
        if np.all(lost):
            what = "a running mean or variance of batch normalisation"
            value = float(host[~np.isfinite(host)][0])
            raise DivergenceError(self.net.epoch + 1, steps, value, what)
        if not np.any(lost):
            return stats, lost
        mark = backend.from_numpy(np.where(lost, np.nan, 0.0).astype(self.net.dtype))
        return tuple(stat + mark[:, None, None] for stat in stats), lost

    def _check_last_step(self) -> None:
        """Raise DivergenceError if the last step left θ not finite, in a stack every network's.

        A step's loss is taken before the step, so only θ shows the effect of the last one.
        """
        xp, theta = self.net.backend.xp, self.runner.state.theta
        largest = self.net.backend.to_numpy(xp.max(xp.abs(theta), axis=-1))
        if not np.any(np.isfinite(largest)):
            steps = self.t - (len(self.history) - 1) * self.batches.per_epoch
            raise DivergenceError(self.net.epoch, steps, math.nan)
