"""The examples of a fit: on the host with their labels, and as the training loop takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight

from xpnet import checks
from xpnet.backends import Backend, backend_of, get_backend, is_array_of_library
from xpnet.backends.sparse import SparseRows
from xpnet.checks.inputs import Examples, features
from xpnet.estimators.placement import on_host
from xpnet.network import Network
from xpnet.typing import Host

__all__ = ["Rows", "checked_weights", "examples", "place_of", "split", "within_float64"]


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
        return Rows(*(None if x is None else _taken(x, index) for x in self))


def _taken(x: Any, index: Host) -> Any:
    """These rows of x, on its device."""
    if not is_array_of_library(x):
        return _safe_indexing(x, index)
    place = backend_of(x)
    with place.context():
        return place.xp.take(x, place.from_numpy(index.astype(place.index_dtype)), axis=0)


def examples(net: Network, rows: Rows) -> Examples:
    """The rows on the device. Their weights are not scaled, since the penalty is divided by Σw."""
    assert net.loss is not None
    place, n, width = place_of(net, rows.X), rows.X.shape[0], net.layers[-1].fan_out
    with place.context():
        if issparse(rows.X):
            X: Any = SparseRows(rows.X, net.dtype)
        else:
            X, _ = features(place, net.layers, net.dtype, rows.X)
        Y = checks.targets(place, rows.Y, net.loss, n, False, width, net.dtype)
        checks.check_targets(place, "y", Y, net.loss)
    w = None if rows.w is None else rows.w.astype(np.float64)
    return Examples(X, Y, w, classes=False)


def checked_weights(sample_weight: Any, X: Any, **how: Any) -> Host:
    """The weights of the rows of X as numbers on the host, by scikit-learn's check.

    Raises
    ------
    ValueError
        Also for an integer beyond float64, which scikit-learn's check passes.
    """
    if is_array_of_library(X):  # the check counts its rows
        X = np.broadcast_to(np.zeros(1), (X.shape[0], 1))
    with within_float64("sample_weight"):
        w: Host = _check_sample_weight(on_host(sample_weight), X, **how)
        return w if w.dtype.kind == "f" else w.astype(np.float64)


@contextmanager
def within_float64(name: str) -> Iterator[None]:
    """Raise ValueError for an integer beyond float64, where NumPy raises OverflowError."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(f"{name} must be numbers that float64 can hold") from error


def place_of(net: Network, X: Any) -> Backend:
    """The backend that holds the data: the network's, or NumPy's for a sparse X."""
    return get_backend("numpy") if issparse(X) else net.backend


def split(estimator: Any, rows: Rows) -> tuple[Rows, Rows]:
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
