"""Fits by L-BFGS, which takes all examples at once.

It is SciPy's on NumPy, with the loss and gradient of xpnet; on other backends it is
`xpnet.optimizers.LBFGS`, on the device.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from xpnet.derivatives.objective import objective
from xpnet.errors import warn
from xpnet.estimators.ensemble import EnsembleWeights
from xpnet.estimators.rows import Rows, examples
from xpnet.estimators.settings import penalty_of
from xpnet.estimators.weights import check_finite
from xpnet.network import Network
from xpnet.optimizers import LBFGS
from xpnet.training.callbacks import Callbacks
from xpnet.training.full_batch import check_fixed, search
from xpnet.training.one_fit import one_fit
from xpnet.training.settings import Settings
from xpnet.typing import Host

__all__ = ["fit_at_once"]


def fit_at_once(estimator: Any, rows: Rows, held_out: Any) -> None:
    """Minimise the mean loss of all rows by L-BFGS; an ensemble's networks one after another."""
    check_fixed("lbfgs", estimator._state)
    if held_out is not None or estimator.callbacks is not None:
        raise ValueError("validation_data and callbacks need a solver by batches, sgd or adam")
    weights = estimator._weights
    if not isinstance(weights, EnsembleWeights):
        _minimise(estimator, weights.network, rows)
        return
    networks, records = weights.members(), []
    for net in networks:
        _minimise(estimator, net, rows)
        records.append((estimator.loss_, estimator.n_iter_))
    weights.take(networks)
    losses, iterations = zip(*records, strict=True)
    estimator.loss_, estimator.n_iter_ = float(np.mean(losses)), max(iterations)


def _minimise(estimator: Any, net: Network, rows: Rows) -> None:
    (_by_scipy if net.backend.name == "numpy" else _on_device)(estimator, net, rows)


def _by_scipy(estimator: Any, net: Network, rows: Rows) -> None:
    """Minimise by SciPy's L-BFGS-B from the network's parameters."""
    assert net.loss is not None
    fixed = net.backend, net.layers, net.loss, net.dtype, net.statistics
    of_theta = objective(*fixed, examples(net, rows), penalty_of(estimator))

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
    check_finite(result.x)
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
        history = search(net, examples(net, rows), None, settings, kept)
    estimator.loss_, estimator.n_iter_ = history.loss[-1], len(history)
    if history.stopped is None:
        _warn_of_lbfgs(estimator, "the maximum number of iterations is reached")


def _settings_of_search(estimator: Any, solver: LBFGS) -> Settings:
    return Settings(
        epochs=estimator.max_iter,
        batch_size=None,
        optimizer=solver,
        shuffle=False,
        penalty=penalty_of(estimator),
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
