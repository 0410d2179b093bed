"""Callbacks of scikit-learn 1.9 or newer (`sklearn.callback`), which calls them experimental.

A fit is a task, and each epoch of a solver by batches is a task in it. Older versions of
scikit-learn have no callbacks, and the estimators no ``set_callbacks``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from xpnet.estimators.ensemble import EnsembleWeights
from xpnet.estimators.weights import Weights

__all__ = ["CallbackSupport", "Tasks", "with_callbacks"]

Method = TypeVar("Method", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupport
    from sklearn.callback import with_callbacks
except ImportError:

    class CallbackSupport:  # type: ignore[no-redef]
        """The base without callbacks."""

    def with_callbacks(method: Method) -> Method:
        """Return the method as it is."""
        return method


class Tasks:
    """The tasks of one fit, as its callbacks see them.

    Parameters
    ----------
    estimator : estimator
        Without callbacks, nothing is done.
    X, y, sample_weight
        As the user gave them to the fit.
    n_epochs : int
        At most; 0 for a solver without epochs.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, n_epochs: int) -> None:
        self._estimator, self._fit = estimator, None
        self._epoch: Any = None
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self._data = {"X": X, "y": y, "metadata": metadata}
        if getattr(estimator, "_skl_callbacks", None):
            self._fit = estimator._init_callback_context(max_subtasks=n_epochs)
            self._begin(self._fit)

    def begin_epoch(self) -> None:
        """Say that an epoch begins."""
        if self._fit is not None:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._begin(self._epoch)

    def end_epoch(self) -> bool:
        """Say that the epoch has ended; return whether a callback asks to end the fit."""
        return self._epoch is not None and self._end(self._epoch)

    def end_fit(self) -> None:
        """Say that the fit has ended."""
        if self._fit is not None:
            self._end(self._fit)

    def _begin(self, task: Any) -> None:
        task.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def _end(self, task: Any) -> bool:
        """End a task; a copy of the estimator is made only if a callback asks for it."""
        given = {**self._data, "reconstruction_attributes": self._fitted_now}
        return bool(task.call_on_fit_task_end(estimator=self._estimator, **given))

    def _fitted_now(self) -> dict[str, Any]:
        """Weights that the rest of the fit does not change, since it replaces the arrays."""
        weights = self._estimator._weights
        if isinstance(weights, EnsembleWeights):
            return {"_weights": EnsembleWeights(copy.copy(weights.stack))}
        return {"_weights": Weights(copy.copy(weights.network))}
