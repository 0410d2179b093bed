"""The solvers: steps batch by batch, or L-BFGS on all examples at once."""

from __future__ import annotations

from typing import Any

from xpnet.backends import to_numpy
from xpnet.errors import DivergenceError
from xpnet.estimators.at_once import fit_at_once
from xpnet.estimators.by_batches import fit_by_batches
from xpnet.estimators.callbacks import Tasks
from xpnet.estimators.rows import Rows
from xpnet.estimators.settings import is_stochastic
from xpnet.estimators.weights import NOT_FINITE, check_finite

__all__ = ["solve"]


def solve(estimator: Any, rows: Rows, incremental: bool, held_out: Any, tasks: Tasks) -> None:
    """Train the network, or the ensemble, by the estimator's solver.

    Raises
    ------
    ValueError
        The parameters or the loss are no longer finite.
    """
    try:
        if is_stochastic(estimator):
            fit_by_batches(estimator, rows, incremental, held_out, tasks)
        else:
            fit_at_once(estimator, rows, held_out)
    except DivergenceError as error:
        raise ValueError(NOT_FINITE) from error
    check_finite(to_numpy(estimator._state.parameters))
