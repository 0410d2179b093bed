"""A hint if X is far from unit scale, which slows training or spoils it.

The columns of a sample of rows are checked on the host, in float64:

    rms_j = √(mean of x_j²)      large: one above 100, or √(mean of rms_j²) above 30
    |x_j − mean of x_j|          small: at most 0.05, in every row and column

So 0/1 columns, however rare their ones, and images / 255 are neither. Constant columns do not
count. The limits are from `benchmarks.default_epochs`, which measured when accuracy suffers.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from xpnet.backends import Backend, to_numpy
from xpnet.errors import warn
from xpnet.typing import Host

if TYPE_CHECKING:
    from xpnet.checks.inputs import Examples
    from xpnet.equations.parameters import Layers
    from xpnet.network.state import NetworkState
    from xpnet.training.settings import Settings

__all__ = ["far_from_unit", "hint_at_scale"]

LARGE_COLUMN, LARGE_ROWS, SMALL = 100.0, 30.0, 0.05

_ROWS = 1024  # largest number of rows in the sample


def hint_at_scale(net: NetworkState, place: Backend, data: Examples, settings: Settings) -> None:
    """Warn if X is badly scaled in a network's first fit, unless the user has given the epochs."""
    if not settings.is_open or net.epoch:
        return
    columns = _scaled_by_user(net.layers)
    found = far_from_unit(_sample(place, data), columns) if columns else None
    if found:
        warn(
            f"X is far from unit scale: {found}. Standardise it for fit, and in the same way "
            "for predict: (X - mean) / sd, with mean = X.mean(axis=0) and sd = X.std(axis=0) of "
            "the training rows, 1 for a constant column. If this scale is intended, give fit a "
            "number of epochs="
        )


def far_from_unit(X: Host, columns: list[int] | None = None) -> str | None:
    """Describe the worst column of X (N, n_0); None if the scale is not far from 1."""
    numbers = np.arange(X.shape[1]) if columns is None else np.asarray(columns)
    spread = X[:, numbers].max(axis=0) > X[:, numbers].min(axis=0)
    numbers = numbers[spread]
    if not len(numbers):
        return None
    X = X[:, numbers]
    unit = max(float(np.abs(X).max()), 1.0)  # divisor that keeps squares finite
    mean, rms = (X / unit).mean(axis=0) * unit, np.sqrt(((X / unit) ** 2).mean(axis=0)) * unit
    if rms.max() > LARGE_COLUMN or np.sqrt((rms**2).mean()) > LARGE_ROWS:
        worst = int(rms.argmax())
        return (
            f"column {numbers[worst]} has mean {mean[worst]:.4g} and standard deviation "
            f"{(X[:, worst] / unit).std() * unit:.4g}"
        )
    deviation = np.abs(X - mean).max(axis=0)
    if deviation.max() <= SMALL:
        worst = int(deviation.argmax())
        sd = X[:, worst].std()
        return f"column {numbers[worst]} varies most, with a standard deviation of {sd:.2g}"
    return None


def _sample(place: Backend, data: Examples) -> Host:
    """Evenly spaced rows of X, of those with a weight above 0, on the host in float64."""
    kept = np.arange(data.X.shape[0]) if data.w is None else np.flatnonzero(data.w)
    rows = kept[:: -(-len(kept) // _ROWS)].astype(place.index_dtype)
    return to_numpy(place.take(data.X, place.from_numpy(rows))).astype(np.float64)


def _scaled_by_user(layers: Layers) -> list[int]:
    """Columns that no layer scales: none before a normalisation, else all but an embedding's."""
    first = list(takewhile(lambda layer: layer.kind not in ("dense", "residual"), layers))
    if any(layer.kind in ("batch norm", "layer norm") for layer in first):
        return []
    embeddings = [layer for layer in first if layer.kind == "embedding"]
    return list(embeddings[0].numeric) if embeddings else list(range(layers[0].fan_in))
