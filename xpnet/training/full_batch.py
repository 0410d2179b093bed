"""A fit by a solver that takes all examples at once (L-BFGS): each iteration is an epoch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from xpnet.checks.inputs import Examples
from xpnet.derivatives.objective import objective
from xpnet.equations.parameters import flatten
from xpnet.equations.protocol import is_fixed
from xpnet.errors import DivergenceError, warn
from xpnet.training.early_stopping import Watch
from xpnet.training.evaluation import metrics_for, validate
from xpnet.training.history import History
from xpnet.training.interrupt import stop_on_interrupt
from xpnet.training.one_fit import Kept
from xpnet.training.progress import show_progress
from xpnet.training.settings import Settings
from xpnet.typing import Array

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["search"]


def search(
    net: NetworkState, data: Examples, validation: Examples | None, settings: Settings, kept: Kept
) -> History:
    """Minimise the loss over all examples, for at most ``epochs`` iterations."""
    _check(net, settings)
    return _Search(net, data, validation, settings, kept).run()


def _check(net: NetworkState, settings: Settings) -> None:
    """Raise ValueError for dropout, batch normalisation and max_norm; warn about ``compile``.

    The solver needs a loss that is one fixed function of θ.
    """
    name = type(settings.optimizer).__name__
    changing = {layer.kind for layer in flatten(net.layers) if not is_fixed(layer)}
    if changing:
        raise ValueError(
            f"{name} needs a loss that is the same at every evaluation: it cannot train a network "
            f"with {' or '.join(sorted(changing))}"
        )
    if settings.max_norm is not None:
        raise ValueError(f"{name} cannot keep a max_norm: leave it out, or use a penalty")
    if settings.compile:
        warn(f"compile=True does nothing with {name}, which goes by evaluations instead of steps")


class _Search:
    """The state of one search."""

    def __init__(
        self,
        net: NetworkState,
        data: Examples,
        validation: Examples | None,
        settings: Settings,
        kept: Kept,
    ) -> None:
        assert net.loss is not None
        self.kept = kept
        self.net, self.data, self.validation, self.settings = net, data, validation, settings
        self.history = History()
        self.metrics = metrics_for(settings.metrics, net.loss, net.layers[-1].fan_out, data.classes)
        self.watch = settings.early_stopping and Watch(settings.early_stopping, self.metrics)
        self.began = time.perf_counter()

    def run(self) -> History:
        """Iterate until a tolerance is reached, the epochs are done, or something ends the fit."""
        with stop_on_interrupt() as self.interrupt:
            self._call("fit_begin")
            result = self._minimized()
            self._note(result)
            if self.watch:
                self.watch.restore(self.net, self.history)
                self.kept.keep()
            self._call("fit_end")
            if self.interrupt.requested:  # reported even if it came after the last iteration
                self.history.stopped = "interrupted"
        return self.history

    def _minimized(self) -> Any:
        """Run the solver and return its result."""
        net, settings, n = self.net, self.settings, self.data.X.shape[0]
        assert net.loss is not None
        with show_progress(settings.progress, settings.epochs, n) as self.bar:
            result = settings.optimizer.minimize(
                net.backend.xp,
                objective(
                    *(net.backend, net.layers, net.loss, net.dtype, net.statistics),
                    self.data,
                    settings.penalty,
                ),
                net.parameters,
                settings.epochs,
                self._iteration,
            )
            if result.reason == "not finite":
                raise DivergenceError(net.epoch + 1, 1, float(result.value))
            if not self.history.epoch:  # no iteration was made: record the initial loss
                self._iteration(0, result.theta, result.value)
        return result

    def _note(self, result: Any) -> None:
        """Record in the history how the solver ended."""
        xp, history = self.net.backend.xp, self.history
        history.gradient_norm = float(xp.max(xp.abs(result.gradient)))
        history.stopped = history.stopped or ("converged" if result.converged else None)
        if result.reason == "line search":  # no lower value along the line: rounding, or a kink
            history.stopped = history.stopped or "no lower loss found"

    def _call(self, moment: str) -> bool:
        return self.settings.callbacks.call(moment, self.net, self.history)

    def _iteration(self, number: int, theta: Array, value: float) -> bool:
        """Take an iteration's result; return whether to end."""
        net, history = self.net, self.history
        net.finish_epoch(net.backend.xp.asarray(theta, copy=True), net.statistics)
        self.kept.keep()
        history.epoch.append(net.epoch)
        history.loss.append(float(value))
        history.step_loss.append(float(value))
        if self.validation is not None:
            validate(net, self.validation, self.metrics, history)
        history.seconds.append(time.perf_counter() - self.began)
        self.began = time.perf_counter()
        self.bar.advance()
        self.bar.describe(history.last())
        if self._call("step_end") | self._call("epoch_end"):
            history.stopped = "callback"
        with self.kept.refusing():
            if self.watch and self.watch.observe(net, history):
                history.stopped = history.stopped or "early"
        if self.interrupt.requested:
            history.stopped = "interrupted"
        return history.stopped is not None
