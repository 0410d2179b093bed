"""The log loss of probabilities: −ln p of each example's class."""

from __future__ import annotations

import numpy as np

from xpnet.typing import Host

__all__ = ["log_losses"]

_LEAST = 1e-15  # the least probability of a class, about that of scikit-learn's log loss


def log_losses(probabilities: Host, labels: Host) -> Host:
    """−ln p of each example's class (N,), of probabilities (N, K) and labels (N,).

    A probability counts as 1e-15 at least, so that no loss is infinite.
    """
    own = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.maximum(own, _LEAST)))
