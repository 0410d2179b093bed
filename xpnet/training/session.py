"""What every fit does around its epochs, whichever way the epochs are computed.

The minibatch loop (`loop`) and the search over all examples (`full_batch`) compute epochs and hand
them over. A session has the history, validation, callbacks, early stopping, Ctrl-C, progress and
the state that the network keeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.checks.inputs import Examples
from xpnet.equations.parameters import n_networks
from xpnet.errors import CheckpointError
from xpnet.training.early_stopping import Watch
from xpnet.training.ends import Ends
from xpnet.training.evaluation import metrics_for, validate
from xpnet.training.history import History
from xpnet.training.interrupt import Interrupt, stop_on_interrupt
from xpnet.training.length import has_converged
from xpnet.training.one_fit import Kept
from xpnet.training.progress import Progress, show_progress
from xpnet.training.resumed import check_end
from xpnet.training.run_state import Keeper, RunState, on_device, on_host
from xpnet.training.settings import Settings
from xpnet.typing import Array, Host

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["Session"]


class Session:
    """One fit of a network, from "fit_begin" to "fit_end".

    Attributes
    ----------
    kept : Kept
        The state to which the network returns if the fit raises.
    history : History
        What `Network.fit` returns; ``history.stopped`` is set once the fit should end.
    interrupt : Interrupt
        Whether Ctrl-C was pressed. `run` makes it.
    bar : Progress
        The progress that the user sees. `run` makes it.

    The argument ``classes`` says whether the targets are class labels, so that an accuracy is
    meaningful.
    """

    interrupt: Interrupt
    bar: Progress

    def __init__(
        self,
        net: NetworkState,
        validation: Examples | None,
        settings: Settings,
        kept: Kept,
        classes: bool,
        keeper: Keeper | None = None,
    ) -> None:
        assert net.loss is not None
        self.net, self.settings, self.kept, self.keeper = net, settings, kept, keeper
        self.history, self._first_epoch = History(), net.epoch
        self.saved = None if keeper is None else keeper.saved
        self._before = 0, 0.0  # steps of the fit, and seconds of the running epoch
        self._validation = validation
        self._metrics = metrics_for(settings.metrics, net.loss, net.layers[-1].fan_out, classes)
        self._watch = settings.early_stopping and Watch(settings.early_stopping, self._metrics)
        is_stack = net.parameters.ndim == 2
        self._ends = Ends(n_networks(net.parameters)) if is_stack else None
        if self.saved is not None:
            self._go_on(self.saved)

    def _go_on(self, saved: RunState) -> None:
        """Take history, count of epochs and early stopping from a checkpoint."""
        check_end(saved, self.settings.epochs)
        self.history, self.net.epoch = saved.history, saved.epoch
        self._first_epoch = saved.first_epoch
        self._before = saved.steps, saved.seconds
        if (saved.best is None) != (self._watch is None):
            raise CheckpointError("the checkpoint has no early stopping, or this fit has none")
        if self._watch and saved.best is not None:
            self._watch.recall(on_device(self.net.backend, saved.best))
        if self._ends is not None:
            put, final = self.net.backend.from_numpy, saved.final
            state = None if final is None else (put(final[0]), tuple(map(put, final[1])))
            self._ends.recall(saved.history, state)

    def put(self, theta: Array, statistics: tuple[Array, ...]) -> None:
        """Give the network the parameters of a checkpoint; the network keeps them on an error."""
        self.net.take(theta, statistics)
        self.kept.keep()

    def release(self) -> None:
        """Let go of the arrays of the checkpoint, once all are taken."""
        self.saved = None
        if self.keeper is not None:
            self.keeper.saved = None

    def run(self, do_epochs: Callable[[], None], n_steps: int, examples_per_step: float) -> History:
        """Call ``do_epochs`` between the fit's begin and its end; return the history."""
        with stop_on_interrupt() as self.interrupt:
            self.settings.callbacks.begin(kept=self.keeper is not None)
            self._call("fit_begin")
            with show_progress(self.settings.progress, n_steps, examples_per_step) as self.bar:
                done, seconds = self._before
                self.bar.go_on(done)
                self._began = time.perf_counter() - seconds
                do_epochs()
            self._restore_best()
            self._call("fit_end")
            if self.interrupt.requested:  # reported even if it came after the last step
                self.history.stopped = "interrupted"
        return self.history

    @property
    def watches_steps(self) -> bool:
        """Whether a callback is called after each step, which needs θ and the loss on the host."""
        return self.settings.callbacks.has("step_end")

    @property
    def should_end(self) -> bool:
        """Whether no further step should be done."""
        return self.interrupt.requested or self.history.stopped is not None

    def end_step(self) -> None:
        """Call the callbacks of a step, whose loss is recorded; one of them may end the fit."""
        if self._call("step_end"):
            self.history.stopped = "callback"

    def take_epoch(self, theta: Array, statistics: tuple[Array, ...], loss: Any) -> None:
        """Give the network its state after an epoch; record the epoch's loss and validation."""
        self.net.finish_epoch(*self.state(theta, statistics))
        self.kept.keep()
        self.history.epoch.append(self.net.epoch)
        self.history.loss.append(self.marked(loss))
        if self._validation is not None:
            validate(self.net, self._validation, self._metrics, self.history, self.marked)
        self.history.seconds.append(time.perf_counter() - self._began)
        self.bar.describe(self.history.last())

    def end_epoch(self, keep: Callable[[], None] | None = None) -> None:
        """Run callbacks, early stopping and the test for convergence; each may end the fit.

        Then ``keep`` is called, before Ctrl-C counts: a fit that it ended can be resumed.
        """
        if self._call("epoch_end"):
            self.history.stopped = "callback"
        if self.keeper is not None:
            self.keeper.check(self.history)
        self._stop("early", self._is_early())
        still = has_converged(self.settings, self.history.loss)
        if np.ndim(still):  # networks of a stack: the loss of one that diverged stands still, too
            finite = np.isfinite(self.history.loss[-1])
            self._stop("diverged", still & ~finite)
            still = still & finite
        self._stop("converged", still)
        self._began = time.perf_counter()
        requested = self.interrupt.requested
        if keep is not None:
            keep()
        if requested:
            self.history.stopped = "interrupted"

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are done, or something other than Ctrl-C ended the fit."""
        return self.history.stopped is not None or self.epochs_left <= 0

    @property
    def epochs_left(self) -> int:
        """The number of epochs that are not done yet."""
        return self.settings.epochs - (self.net.epoch - self._first_epoch)

    def run_state(self, step: int = 0, **parts: Any) -> RunState:
        """Return the state of the fit; the rest of `RunState` is given by its ``parts``."""
        history = self.history
        if step and self.watches_steps:  # the checkpoint has the running epoch's losses apart
            history = replace(history, step_loss=history.step_loss[:-step])
        return RunState(
            epoch=self.net.epoch,
            first_epoch=self._first_epoch,
            history=history,
            step=step,
            seconds=time.perf_counter() - self._began if step else 0.0,
            best=on_host(self.net.backend, self._watch.memory()) if self._watch else None,
            final=self._final(),
            **parts,
        )

    def _final(self) -> tuple[Host, tuple[Host, ...]] | None:
        """The states of a stack's networks that have ended, on the host."""
        found, host = self._ends and self._ends.memory(), self.net.backend.to_numpy
        return (host(found[0]), tuple(map(host, found[1]))) if found else None

    def end_state(self, theta: Host) -> tuple[Host | None, tuple[Host, ...]]:
        """The network's parameters after the last step, None if they are θ; and its statistics.

        A callback may have set others.
        """
        host = self.net.backend.to_numpy
        own = host(self.net.parameters)
        same = own.dtype == theta.dtype and own.tobytes() == theta.tobytes()
        return None if same else own, tuple(map(host, self.net.statistics))

    def state(self, theta: Array, statistics: tuple[Array, ...]) -> tuple[Any, tuple[Any, ...]]:
        """The state for the network; those of a stack that have ended keep theirs."""
        if self._ends is None:
            return theta, statistics
        return self._ends.kept(self.net.backend, theta, statistics)

    def marked(self, values: Any) -> Any:
        """The values for the history: NaN for networks of a stack that have ended."""
        return values if self._ends is None else self._ends.marked(values)

    @property
    def ended(self) -> Host | None:
        """Which networks of a stack have ended (R,)."""
        return None if self._ends is None else self._ends.ended

    def _is_early(self) -> Any:
        """Whether early stopping ends the fit; an error here means a wrong setting."""
        with self.kept.refusing():
            return self._watch and self._watch.observe(self.net, self.history)

    def _stop(self, why: str, does: Any) -> None:
        """End the fit, or the networks (R,) of a stack, unless there is a reason already."""
        if self._ends is not None and np.ndim(does):
            net = self.net
            state = self._watch.final(net) if self._watch else (net.parameters, net.statistics)
            self._ends.end(net, self.history, does, why, state)
            self.kept.keep()
        elif does:
            self.history.stopped = self.history.stopped or why

    def _restore_best(self) -> None:
        if self._watch:
            self._watch.restore(self.net, self.history)
            self.kept.keep()

    def _call(self, moment: str) -> bool:
        return self.settings.callbacks.call(moment, self.net, self.history)
