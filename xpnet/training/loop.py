"""The minibatch loop: epochs of steps, which an engine runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import schedules
from xpnet.backends import Backend, move, to_numpy
from xpnet.backends.sparse import SparseRows
from xpnet.checks.inputs import Examples
from xpnet.engines.batches import Batches
from xpnet.engines.choose import choose_runner
from xpnet.engines.runner import Runner
from xpnet.engines.step import Feed, State, start
from xpnet.engines.threads import fit_threads
from xpnet.equations.masks import key_of, needs_masks
from xpnet.equations.sums import total
from xpnet.optimizers import averaged, coefficients
from xpnet.training.divergence import check_last_step, checked_losses, checked_statistics
from xpnet.training.history import History
from xpnet.training.kept_optimizer import begun, keep_state
from xpnet.training.length import settled
from xpnet.training.of_networks import on_device
from xpnet.training.one_fit import Kept
from xpnet.training.planned import batches_of, recipe_of
from xpnet.training.resumed import (
    check_engine,
    check_memory,
    check_place,
    check_team,
    check_threads,
    memory_of,
    restore_memory,
    resumed,
)
from xpnet.training.run_state import Keeper, RunState
from xpnet.training.session import Session
from xpnet.training.settings import Settings
from xpnet.typing import Array, Host

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["loop"]


def loop(
    net: NetworkState,
    place: Backend,
    data: Examples,
    validation: Examples | None,
    settings: Settings,
    kept: Kept,
    keeper: Keeper | None = None,
) -> History:
    """Train by minibatches of data that lie at ``place``.

    ``place`` is the network's own backend, or NumPy's for data that are streamed from the host. A
    sparse X is streamed too. ``keeper`` writes checkpoints, and may have one to go on from.
    """
    batches = batches_of(net, place, data, settings)
    settings = settled(settings, batches.per_epoch)
    session = Session(net, validation, settings, kept, data.classes, keeper)
    return _Loop(session, place, data, batches).run()


class _Loop:
    """The state of one loop.

    Attributes
    ----------
    t, step : int
        Steps done in the fit, and in the running epoch.
    begun : int
        Steps of the fit that were done before this process.
    before : int
        Steps that the optimizer had done before the fit.
    """

    def __init__(self, session: Session, place: Backend, data: Examples, batches: Any) -> None:
        net, settings, saved = session.net, session.settings, session.saved
        self.session, self.net, self.batches = session, net, batches
        self.history, self.settings = session.history, settings
        self.masks = needs_masks(net.layers)
        self.recipe, self.rate = recipe_of(net, settings, data, batches.per_epoch)
        check_memory(self.rate, session.keeper)
        self._losses: Host | None = None  # of steps of the running epoch that were read before
        self._totals: list[Any] = []  # of those after them, on the device
        self.t, self.step, self.before = settings.carried.t if settings.carried else 0, 0, 0
        state = self._first()
        self.begun = self.t
        as_saved = saved if session.keeper is not None and session.keeper.is_exact else None
        self._asked_threads = as_saved.threads if as_saved else None
        self.runner = self._runner(place, data, state, as_saved)
        if saved is None or not saved.finished:
            self.history.engine = self.runner.engine
        if saved is not None:
            check_engine(saved, self.runner.engine, as_saved is not None)
            self._put(saved)

    def _first(self) -> State:
        """The state to begin with: a fresh one, with what a model file or a checkpoint has."""
        net, settings, saved = self.net, self.settings, self.session.saved
        state = self._carried(start(self.recipe, net.parameters, net.statistics))
        if not settings.carried:
            with self.session.kept.refusing():
                state, self.before = begun(net, settings, state)
        return state if saved is None else self._go_on(state, saved)

    def _runner(
        self, place: Backend, data: Examples, state: State, as_saved: RunState | None
    ) -> Runner:
        """The engine of the steps; with the team of ``as_saved``, if that must be the same."""
        net, settings = self.net, self.settings
        if as_saved is not None:
            check_team(as_saved.team)
        return choose_runner(
            self.recipe,
            state,
            Feed(data.X, data.Y, None if data.w is None else move(place, data.w, net.dtype)),
            self.batches,
            settings.epochs,
            settings.compile,
            streamed=place is not net.backend or isinstance(data.X, SparseRows),
            by_shapes=self.session.keeper is not None,
            team=as_saved.team if as_saved else None,
        )

    def _put(self, saved: RunState) -> None:
        """Give the network what a checkpoint would return now."""
        put, session = self.net.backend.from_numpy, self.session
        stats = self._copies(self._statistics(0)[0])[1]
        session.put(*session.state(put(saved.parameters.copy()), stats))
        session.release()
        self.runner.ended = session.ended

    def _go_on(self, fresh: State, saved: RunState) -> State:
        """Take the position from a checkpoint; return the state there, checked by a fresh one."""
        check_place(saved, self.batches.per_epoch)
        self.t, self.step, self.before = saved.steps, saved.step, saved.before
        self._losses = saved.losses if saved.step else None
        restore_memory(self.rate, saved)
        if saved.step and self.session.watches_steps:
            weights = self.batches.order(saved.epoch).weights[: saved.step]
            self.history.step_loss.extend(self.session.marked((saved.losses.T / weights.T).T))
        return resumed(self.net.backend, fresh, saved)

    def run(self) -> History:
        """Run all epochs, or those until something ends the fit."""
        epochs, per_epoch = self.settings.epochs, self.batches.per_epoch
        examples_per_step = self.batches.n_examples / per_epoch
        return self.session.run(self._epochs, epochs * per_epoch, examples_per_step)

    def _epochs(self) -> None:
        backend, layers = self.net.backend, self.net.layers
        asked = self._asked_threads
        with fit_threads(backend, layers, self.batches.size, asked) as self.threads:
            with self.session.kept.refusing():
                check_threads(asked, self.threads)
            while not self.session.is_finished:
                self._note_runner()
                self._epoch()
        steps = self.t - (len(self.history) - 1) * self.batches.per_epoch
        check_last_step(backend, self.runner.state.theta, self.net.epoch, steps)
        self._carry()

    def _carried(self, state: State) -> State:
        """Return the state with the optimizer's arrays of an earlier fit, if they are carried."""
        carried, put = self.settings.carried, self.net.backend.from_numpy
        if carried is None or carried.moments is None:
            return state
        return state._replace(optimizer=tuple(put(x.copy()) for x in carried.moments))

    def _carry(self) -> None:
        """Store the optimizer's arrays and the number of steps for a later fit."""
        if carried := self.settings.carried:
            carried.moments = tuple(to_numpy(x).copy() for x in self.runner.state.optimizer)
            carried.t = self.t
        else:
            keep_state(self.net, self.settings, self.runner.state, self.before + self.t)
            self.session.kept.keep()

    def _epoch(self) -> None:
        order = self.batches.order(self.net.epoch)
        self._steps(order)
        self._prepare_next(order)
        losses = checked_losses(self._read(), self.net.epoch + 1, self.session.ended)
        is_whole = self.step == len(order.weights)
        self._losses, self.step = None, 0
        weights = order.weights[: len(losses)]
        self._note_runner()
        stats, lost = self._statistics(len(losses))
        mean = total(np, np.ascontiguousarray(losses.T)) / total(np, weights.T)
        if not self.session.watches_steps:  # else already recorded
            self.history.step_loss.extend(self.session.marked((losses.T / weights.T).T))
        self.session.take_epoch(*self._copies(stats), np.where(lost, np.nan, mean).tolist())
        last = self.history.last()
        schedules.observe(self.rate, last.get("validation_loss", last["loss"]))
        is_cut = not is_whole and not self.history.stopped  # by Ctrl-C: its steps will go on
        self.session.interrupt.cut = is_cut
        self.session.end_epoch(None if is_cut else self._keep_after_epoch)
        self.runner.ended = self.session.ended

    def _prepare_next(self, order: Any) -> None:
        """Make the next epoch's order, if the device still computes this epoch."""
        is_whole, batches = self.step == len(order.weights), self.batches
        waits = self.net.backend.is_asynchronous and not self.session.watches_steps
        if waits and is_whole and self.session.epochs_left > 1 and isinstance(batches, Batches):
            batches.prepare(self.net.epoch + 1)

    def _note_runner(self) -> None:
        """Record engine and threads: the engine becomes "plain" if compiled steps cannot go on."""
        self.history.engine = self.runner.engine
        self.history.threads = self.runner.threads or self.threads

    def _steps(self, order: Any) -> None:
        """Do the steps of an epoch that are left; their Σ w loss stay on the device."""
        n = len(order.weights)
        c = self._coefficients(n)
        key, watched = self._key(), self.session.watches_steps
        # at least one step, even if Ctrl-C comes while the order is made: an epoch has a loss, and
        # a fit that is stopped and started again each time comes to its end
        while self.step < n and not (self.step and self.t > self.begun and self.session.should_end):
            piece = 1 if watched else self._piece(n - self.step)
            self._totals += self.runner.run(order, self.step, self.step + piece, c, key)
            self.step, self.t = self.step + piece, self.t + piece
            self.session.bar.advance(piece)
            if watched:
                self._step_end(self._totals[-1], order.weights[self.step - 1])
            if self.step < n:
                self._keep_if_due()
        if self.step < n and not self.history.stopped and self.session.keeper is not None:
            self.session.keeper.write(self._state())  # Ctrl-C ends the fit here

    def _piece(self, left: int) -> int:
        """The number of steps to run at once: up to the next checkpoint at most."""
        piece, keeper = self.runner.piece(left), self.session.keeper
        return piece if keeper is None else keeper.limit(self.t, piece)

    def _keep_if_due(self) -> None:
        """Write a checkpoint within an epoch, if one is due."""
        keeper = self.session.keeper
        if keeper is None or self.session.should_end:
            return
        if keeper.is_due(self.t, ends_epoch=False):
            keeper.write(self._state())

    def _keep_after_epoch(self) -> None:
        """Write a checkpoint after an epoch, if one is due or the fit ends here."""
        keeper, session = self.session.keeper, self.session
        ends = session.is_finished or session.interrupt.requested
        if keeper is not None and (keeper.is_due(self.t, ends_epoch=True) or ends):
            keeper.write(self._state())

    def _state(self) -> RunState:
        """The state of the fit, on the host."""
        host, state = self.net.backend.to_numpy, self.runner.state
        theta, finished = host(state.theta), not self.step and self.session.is_finished
        if finished:
            mean, stats = self.session.end_state(theta)
        else:
            average = averaged(self.recipe.optimizer, state.optimizer, state.theta)
            mean = None if average is state.theta else host(average)
            stats = tuple(map(host, state.stats))
        return self.session.run_state(
            self.step,
            steps=self.t,
            before=self.before,
            finished=finished,
            theta=theta,
            averaged=mean,
            optimizer=tuple(map(host, state.optimizer)),
            statistics=stats,
            losses=self._read() if self.step else np.zeros(0),
            schedule=memory_of(self.rate),
            engine=self.runner.engine,
            threads=self.threads,
            team=self.runner.threads or 1,
        )

    def _coefficients(self, n: int) -> list[tuple[Any, ...]]:
        """The optimizer's coefficients for an epoch's n steps; columns (R, 1) on the device."""
        each, first = self.settings.rates, self.t - self.step + 1
        with self.session.kept.refusing():  # a schedule may fail late
            rates = schedules.rates(self.rate, first, n) if each is None else [each] * n
        c = coefficients(self.recipe.optimizer, self.before + first, rates)
        return c if each is None else on_device(self.net.backend, self.net.dtype, c)

    def _step_end(self, loss_sum: Array, weight: Any) -> None:
        """Record the step's loss and call the callbacks; this waits for the step."""
        loss = np.asarray(self.net.backend.to_numpy(loss_sum), dtype=np.float64) / weight
        self.history.step_loss.append(self.session.marked(loss.tolist()))
        self.net.take(*self.session.state(*self._copies(self.runner.state.stats)))
        self.session.end_step()

    def _key(self) -> Any:
        """The key from which this epoch's masks are drawn, on the device; None without masks.

        It is (1,), or (R, 1) if networks have rows of their own.
        """
        if not self.masks:
            return None
        own, epoch = self.settings.own, self.net.epoch
        if own is None:
            return self.net.backend.from_numpy(key_of(self.net.seed, epoch))
        return self.net.backend.from_numpy(np.stack([key_of(seed, epoch) for seed in own.seeds]))

    def _copies(self, stats: tuple[Array, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Copies of θ and the statistics for the network: steps overwrite their own in place."""
        xp, state = self.net.backend.xp, self.runner.state
        theta = averaged(self.recipe.optimizer, state.optimizer, state.theta)
        return xp.asarray(theta, copy=True), tuple(xp.asarray(s, copy=True) for s in stats)

    def _statistics(self, steps: int) -> tuple[tuple[Any, ...], Any]:
        """Return the layers' statistics, and which networks have lost theirs."""
        stats = self.runner.state.stats
        return checked_statistics(self.net.backend, stats, self.net.epoch + 1, steps)

    def _read(self) -> Host:
        """Read the losses of the epoch's steps so far to the host, all at once, in float64."""
        if self._totals:
            new, self._totals = self.runner.read(self._totals), []  # (S,), or (S, R) for a stack
            self._losses = new if self._losses is None else np.concatenate([self._losses, new])
        assert self._losses is not None  # an epoch has a step
        return self._losses
