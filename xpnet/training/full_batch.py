"""A fit by a solver that takes all examples at once (L-BFGS): each iteration is an epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xpnet.checks.inputs import Examples
from xpnet.derivatives.objective import objective
from xpnet.engines.names import PLAIN
from xpnet.engines.threads import all_threads
from xpnet.equations.parameters import flatten
from xpnet.equations.protocol import is_fixed
from xpnet.errors import DivergenceError, warn
from xpnet.optimizers.lbfgs import LBFGS, Minimization
from xpnet.training.history import History
from xpnet.training.kept_optimizer import forget
from xpnet.training.one_fit import Kept
from xpnet.training.resumed import check_engine, check_threads
from xpnet.training.run_state import Keeper, RunState
from xpnet.training.session import Session
from xpnet.training.settings import Settings
from xpnet.training.solver_memory import recall, solver_memory
from xpnet.typing import Array

if TYPE_CHECKING:
    from xpnet.network.state import NetworkState

__all__ = ["check_fixed", "search"]


def search(
    net: NetworkState,
    data: Examples,
    validation: Examples | None,
    settings: Settings,
    kept: Kept,
    keeper: Keeper | None = None,
) -> History:
    """Minimise the loss over all examples, for at most ``epochs`` iterations."""
    _check(net, settings)
    if keeper is not None and not isinstance(settings.optimizer, LBFGS):
        raise ValueError("of the solvers for all examples at once, only LBFGS has checkpoints")
    return _Search(Session(net, validation, settings, kept, data.classes, keeper), data).run()


def _check(net: NetworkState, settings: Settings) -> None:
    """Raise ValueError for layers that are not fixed, and max_norm; warn about ``compile``."""
    name = type(settings.optimizer).__name__
    check_fixed(name, net)
    if settings.max_norm is not None:
        raise ValueError(f"{name} cannot enforce a max_norm: leave it out, or use a penalty")
    if settings.compile:
        warn(f"compile=True has no effect with {name}, which has evaluations instead of steps")


def check_fixed(solver: str, net: NetworkState) -> None:
    """Raise ValueError for dropout and batch normalisation.

    A solver of all examples needs a loss that is one fixed function of θ.
    """
    changing = {layer.kind for layer in flatten(net.layers) if not is_fixed(layer)}
    if changing:
        raise ValueError(
            f"{solver} needs a loss that is the same at every evaluation: it cannot train a "
            f"network with {' or '.join(sorted(changing))}"
        )


class _Search:
    """The state of one search."""

    def __init__(self, session: Session, data: Examples) -> None:
        self.session, self.data = session, data
        self.net, self.settings, self.history = session.net, session.settings, session.history
        self._threads: int | None = None
        self._solver: Minimization | None = None  # if there are checkpoints
        saved = session.saved
        if saved is not None:
            self.history.threads = None  # the checkpoint has their number, a history of L-BFGS not
            put, stats = self.net.backend.from_numpy, self.net.statistics
            session.put(put(saved.parameters.copy()), stats)

    def run(self) -> History:
        """Iterate until a tolerance is reached, the epochs are done, or something ends the fit."""
        return self.session.run(self._search, self.settings.epochs, self.data.X.shape[0])

    def _search(self) -> None:
        result = self._minimized()
        if result.reason == "not finite":
            raise DivergenceError(self.net.epoch + 1, 1, float(result.value))
        if not self.history.epoch:  # no iteration was made: record the initial loss
            self._iteration(0, result.theta, result.value)
        self._note(result)
        self._keep_at_end()
        forget(self.net)

    def _minimized(self) -> Any:
        """Run the solver and return its result."""
        net, settings = self.net, self.settings
        assert net.loss is not None
        function = objective(
            *(net.backend, net.layers, net.loss, net.dtype, net.statistics),
            self.data,
            settings.penalty,
        )
        given = net.backend.xp, function, net.parameters
        if self.session.keeper is None:
            return settings.optimizer.minimize(*given, settings.epochs, self._iteration)
        saved, exact = self.session.saved, self.session.keeper.is_exact
        asked = saved.threads if saved and exact else None
        with all_threads(net.backend, asked) as self._threads:
            solver = self._solver = settings.optimizer.begun(*given)
            with self.session.kept.refusing():
                check_threads(asked, self._threads)
                if saved is not None:
                    check_engine(saved, PLAIN, exact)
                    recall(net.backend, solver, saved)
                    self.session.release()
            return solver.run(settings.epochs, self._iteration, bool(self.history.stopped))

    def _note(self, result: Any) -> None:
        """Record in the history how the solver ended."""
        xp, history = self.net.backend.xp, self.history
        history.gradient_norm = float(xp.max(xp.abs(result.gradient)))
        history.stopped = history.stopped or ("converged" if result.converged else None)
        if result.reason == "line search":  # no lower value along the line: rounding, or a kink
            history.stopped = history.stopped or "no lower loss found"

    def _iteration(self, number: int, theta: Array, value: float) -> bool:
        """Take an iteration's result, as an epoch of one step; return whether to end."""
        net, session = self.net, self.session
        session.bar.advance()
        self.history.step_loss.append(float(value))
        theta = net.backend.xp.asarray(theta, copy=True)
        session.take_epoch(theta, net.statistics, float(value))
        session.end_step()
        session.end_epoch(self._keep_after_iteration)
        return session.should_end

    def _keep_after_iteration(self) -> None:
        """Write a checkpoint if one is due, or if Ctrl-C ends the fit here."""
        keeper, done = self.session.keeper, len(self.history.step_loss)
        if keeper is None:
            return
        if keeper.is_due(done, ends_epoch=True) or self.session.interrupt.requested:
            keeper.write(self._state(finished=False))

    def _keep_at_end(self) -> None:
        """Write the last checkpoint, unless Ctrl-C ended the fit, which then goes on later."""
        if self.session.keeper is not None and self.history.stopped != "interrupted":
            self.session.keeper.write(self._state(finished=True))

    def _state(self, finished: bool) -> RunState:
        """The state of the fit, on the host."""
        backend, solver = self.net.backend, self._solver
        assert solver is not None
        theta = backend.to_numpy(solver.point.theta)
        return self.session.run_state(
            finished=finished,
            steps=len(self.history.step_loss),
            theta=theta,
            averaged=self.session.end_state(theta)[0] if finished else None,
            solver=solver_memory(backend, solver),
            threads=self._threads,
        )
