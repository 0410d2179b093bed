"""The solvers: steps batch by batch (sgd, adam, any optimizer of xpnet), and L-BFGS.

The loop, the equations and the updates are those of `xpnet.Network.fit`. This module gives the
loop scikit-learn's order of examples, penalty and settings. L-BFGS is SciPy's on NumPy, with the
loss and gradient of xpnet; on other backends it is `xpnet.optimizers.LBFGS`, on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, shuffle

from xpnet import checks, schedules
from xpnet.backends import Backend, get_backend, to_numpy
from xpnet.backends.sparse import SparseRows
from xpnet.checks.inputs import Examples, features
from xpnet.derivatives.objective import objective
from xpnet.equations.penalties import Penalty
from xpnet.errors import DivergenceError, warn
from xpnet.estimators.progress import AfterEpoch, Rate, restore_best, start_records
from xpnet.estimators.settings import SOLVERS
from xpnet.network import Network
from xpnet.optimizers import LBFGS, SGD, Adam, get_optimizer
from xpnet.training.callbacks import Callbacks
from xpnet.training.full_batch import check_fixed, search
from xpnet.training.history import History
from xpnet.training.loop import loop
from xpnet.training.one_fit import one_fit
from xpnet.training.settings import Settings
from xpnet.typing import Host

__all__ = ["NOT_FINITE", "Rows", "is_stochastic", "solve"]

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


class Rows(NamedTuple):
    """Examples on the host.

    Attributes
    ----------
    X : (N, n_0), which may be sparse
    Y : the targets that the loss takes
    y : the labels or numbers
    w : (N,) or None
        Weights in training.
    sample_weight : (N,) or None
        Weights in a score, which those of classes do not multiply.
    """

    X: Any
    Y: Any
    y: Any
    w: Host | None
    sample_weight: Host | None

    def take(self, index: Host) -> Rows:
        """Return these rows."""
        return Rows(*(None if x is None else _safe_indexing(x, index) for x in self))


def is_stochastic(estimator: Any) -> bool:
    """Whether the solver steps batch by batch."""
    return estimator.optimizer is not None or estimator.solver in SOLVERS


def solve(estimator: Any, net: Network, rows: Rows, incremental: bool, held_out: Any) -> None:
    """Train the network by the estimator's solver.

    Raises
    ------
    ValueError
        The parameters or the loss are no longer finite.
    """
    try:
        if is_stochastic(estimator):
            _by_batches(estimator, net, rows, incremental, held_out)
        else:
            _all_at_once(estimator, net, rows, held_out)
    except DivergenceError as error:
        raise ValueError(NOT_FINITE) from error
    if not np.all(np.isfinite(to_numpy(net.parameters))):
        raise ValueError(NOT_FINITE)


# --- batch by batch


def _by_batches(estimator: Any, net: Network, rows: Rows, incremental: bool, held_out: Any) -> None:
    _prepare(estimator, incremental)
    watched = None
    if estimator.early_stopping:
        rows, watched = _split(estimator, rows) if held_out is None else (rows, held_out)
    sizes = _batch_sizes(estimator, rows.X.shape[0])
    after = AfterEpoch(estimator, sizes, watched)
    epochs = 1 if incremental else estimator.max_iter
    try:
        history = _loop(net, rows, held_out, _settings(estimator, after, sizes, rows.w, epochs))
        estimator.validation_loss_curve_ = history.validation_loss or None
        _warn_of_end(estimator, history, incremental)
    except DivergenceError:
        if watched is None or estimator._best is None:
            raise
        after.note_divergence()
    if watched is not None:
        restore_best(estimator, net)


def _prepare(estimator: Any, incremental: bool) -> None:
    """Make a new learning rate and optimizer state, unless a `partial_fit` goes on with them."""
    if incremental and estimator.early_stopping:
        raise ValueError("partial_fit does not support early_stopping=True")
    before: Rate | None = getattr(estimator, "_optimizer", None)
    if not incremental or before is None or not before.fits(estimator):
        estimator._optimizer = Rate(estimator)
    scored = getattr(estimator, "validation_scores_", None) is not None
    if not hasattr(estimator, "loss_curve_") or scored != estimator.early_stopping:
        start_records(estimator)  # the last fit was by lbfgs, or watched a different value
    estimator.n_iter_ = 0


def _loop(net: Network, rows: Rows, held_out: Any, settings: Settings) -> History:
    with one_fit(net) as kept, net.backend.context():
        data = _examples(net, rows)
        validation = None if held_out is None else _examples(net, held_out)
        return loop(net, _place(net, rows.X), data, validation, settings, kept)


def _examples(net: Network, rows: Rows) -> Examples:
    """The rows on the device. Their weights are not scaled, since the penalty is divided by Σw."""
    assert net.loss is not None
    place, n, width = _place(net, rows.X), rows.X.shape[0], net.layers[-1].fan_out
    with place.context():
        if issparse(rows.X):
            X: Any = SparseRows(rows.X, net.dtype)
        else:
            X, _ = features(place, net.layers, net.dtype, rows.X)
        Y = checks.targets(place, rows.Y, net.loss, n, False, width, net.dtype)
        checks.check_targets(place, "y", Y, net.loss)
    w = None if rows.w is None else rows.w.astype(np.float64)
    return Examples(X, Y, w, classes=False)


def _place(net: Network, X: Any) -> Backend:
    """The backend that holds the data: the network's, or NumPy's for a sparse X."""
    return get_backend("numpy") if issparse(X) else net.backend


def _split(estimator: Any, rows: Rows) -> tuple[Rows, Rows]:
    """Set rows aside, drawn as scikit-learn draws them."""
    y = rows.Y if rows.Y.ndim == 2 else rows.Y[:, None]
    train, held = train_test_split(
        np.arange(rows.X.shape[0]),
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=y if estimator._stratifies() else None,
    )
    if len(held) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    return rows.take(train), rows.take(held)


def _batch_sizes(estimator: Any, n: int) -> Host:
    """The number of examples in each batch of an epoch; the last may have fewer."""
    size = 200 if isinstance(estimator.batch_size, str) else int(estimator.batch_size)
    if size > n and not isinstance(estimator.batch_size, str):
        warn(f"Got `batch_size` larger than sample size, {n}. It is going to be clipped")
    return np.minimum(size, n - np.arange(0, n, size))


def _settings(
    estimator: Any, after: AfterEpoch, sizes: Host, w: Host | None, epochs: int
) -> Settings:
    return Settings(
        epochs=epochs,
        batch_size=int(sizes[0]),
        optimizer=_optimizer(estimator, len(sizes)),
        shuffle=estimator.shuffle,
        penalty=_penalty(estimator),
        max_norm=None,
        validation_fraction=None,
        early_stopping=None,
        metrics=(),
        callbacks=_callbacks(after, estimator.callbacks),
        progress=False,
        compile=estimator.compile,
        order=_order(estimator, sizes, w),
        carried=estimator._optimizer.carried,
    )


def _order(estimator: Any, sizes: Host, w: Host | None) -> Callable[[int], Host]:
    """Return the function of the order: each epoch shuffles the last epoch's."""
    rows, starts = np.arange(sizes.sum(), dtype=int), np.cumsum(sizes) - sizes

    def order(epoch: int) -> Host:
        nonlocal rows
        if estimator.shuffle:
            rows = shuffle(rows, random_state=estimator._random_state)
        if w is not None and not np.all(np.add.reduceat(w[rows], starts) > 0):
            raise ValueError(
                "the sample weights of a batch sum to 0: leave examples of weight 0 out, or make "
                "batch_size larger"
            )
        return rows

    return order


def _optimizer(estimator: Any, steps_per_epoch: int) -> Any:
    """The optimizer whose updates are those of scikit-learn's solver, or the one that is given.

    A schedule is as long as ``max_iter`` epochs, also for `partial_fit`.
    """
    rate = estimator._optimizer
    if estimator.schedule is not None:
        n_steps = estimator.max_iter * steps_per_epoch
        rate = schedules.bind(estimator.schedule, n_steps, steps_per_epoch)
    given = estimator.optimizer
    if given is not None:
        keeps = estimator.schedule is None and not isinstance(given, str)
        return get_optimizer(given, None if keeps else rate)
    if estimator.solver == "adam":
        betas = float(estimator.beta_1), float(estimator.beta_2)
        return Adam(rate, *betas, float(estimator.epsilon), epsilon_last=True)
    momentum = float(estimator.momentum)
    return SGD(rate, momentum, bool(estimator.nesterovs_momentum and momentum), velocity=True)


def _penalty(estimator: Any) -> Penalty:
    """½ α ‖W‖², added to the sum of a batch's losses, or the penalty that is given."""
    if estimator.penalty is not None:
        found: Penalty = estimator.penalty
        return found
    return Penalty(l2=float(estimator.alpha), of_sum=True)


def _callbacks(after: AfterEpoch, given: Any) -> Callbacks:
    """The callbacks that the user gives, after the estimator's own."""
    named = dict(given) if isinstance(given, Mapping) else {"epoch_end": given or ()}
    own = named.pop("epoch_end", ())
    listed = (own,) if callable(own) else tuple(own)
    return Callbacks({**named, "epoch_end": (after, *listed)})


def _warn_of_end(estimator: Any, history: History, incremental: bool) -> None:
    if history.stopped == "interrupted":
        warn("Training interrupted by user.")
    elif history.stopped is None and not incremental:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
        )


# --- all examples at once


def _all_at_once(estimator: Any, net: Network, rows: Rows, held_out: Any) -> None:
    check_fixed("lbfgs", net)
    if held_out is not None or estimator.callbacks is not None:
        raise ValueError("validation_data and callbacks need a solver by batches, sgd or adam")
    (_by_scipy if net.backend.name == "numpy" else _on_device)(estimator, net, rows)


def _by_scipy(estimator: Any, net: Network, rows: Rows) -> None:
    """Minimise by SciPy's L-BFGS-B from the network's parameters."""
    assert net.loss is not None
    fixed = net.backend, net.layers, net.loss, net.dtype, net.statistics
    of_theta = objective(*fixed, _examples(net, rows), _penalty(estimator))

    def function(theta: Host) -> tuple[float, Host]:
        value, g = of_theta(theta.astype(net.dtype, copy=False))
        return float(value), g.astype(np.float64, copy=False)

    result = minimize(
        function,
        net.parameters.astype(np.float64),
        method="L-BFGS-B",
        jac=True,
        options={
            "maxfun": estimator.max_fun,
            "maxiter": estimator.max_iter,
            "gtol": estimator.tol,
        },
        callback=_Lines() if estimator.verbose else None,
    )
    estimator.loss_ = float(result.fun)
    estimator.n_iter_ = min(int(result.nit), estimator.max_iter)
    if not np.all(np.isfinite(result.x)):
        raise ValueError(NOT_FINITE)
    net.set_parameters(result.x)
    if result.status != 0:
        _warn_of_lbfgs(estimator, f"(status={result.status}): {result.message}")


class _Lines:
    """Prints a line for each iteration of SciPy."""

    def __init__(self) -> None:
        self._n = 0

    def __call__(self, intermediate_result: Any) -> None:
        self._n += 1
        print(f"Iteration {self._n}, loss = {intermediate_result.fun:.8f}")


def _on_device(estimator: Any, net: Network, rows: Rows) -> None:
    """Minimise by xpnet's own L-BFGS, which stays on the device."""
    solver = LBFGS(tolerance_gradient=float(estimator.tol))
    settings = _settings_of_search(estimator, solver)
    with one_fit(net) as kept, net.backend.context():
        history = search(net, _examples(net, rows), None, settings, kept)
    estimator.loss_, estimator.n_iter_ = history.loss[-1], len(history)
    if history.stopped is None:
        _warn_of_lbfgs(estimator, "the maximum number of iterations is reached")


def _settings_of_search(estimator: Any, solver: LBFGS) -> Settings:
    return Settings(
        epochs=estimator.max_iter,
        batch_size=None,
        optimizer=solver,
        shuffle=False,
        penalty=_penalty(estimator),
        max_norm=None,
        validation_fraction=None,
        early_stopping=None,
        metrics=(),
        callbacks=Callbacks(()),
        progress=False,
        compile=None,
    )


def _warn_of_lbfgs(estimator: Any, why: str) -> None:
    warn(
        f"lbfgs failed to converge after {estimator.n_iter_} iteration(s) {why}. Increase max_iter "
        f"(now {estimator.max_iter}) or scale the data",
        ConvergenceWarning,
    )
