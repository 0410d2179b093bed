"""What several test modules share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xpnet
from xpnet.activations import ACTIVATIONS
from xpnet.backends import Backend, to_numpy
from xpnet.losses import LOSSES
from xpnet.parameters import layout


def needed(package: str) -> Any:
    """The package, or a skip that says how to install it."""
    return pytest.importorskip(package, reason=f"needs {package}: pip install {package}")


PAIRS = [
    (activation, loss)
    for loss, row in LOSSES.items()
    for activation in ACTIVATIONS
    if row.outputs is None or activation in row.outputs
]
"""Every output activation with every loss that takes it."""


def widths_for(loss: Any, sizes: list[int]) -> list[int]:
    """The sizes with an output that the loss takes: rounded up to whole blocks of targets."""
    p = LOSSES[loss].outputs_per_target if loss in LOSSES else 1
    return [*sizes[:-1], -(-sizes[-1] // p) * p]


def random_targets(rng: np.random.Generator, loss: str, N: int, n: int) -> np.ndarray[Any, Any]:
    """Targets that the loss takes: labels, probabilities, counts, or any numbers.

    n outputs, rounded up as `widths_for` does.
    """
    kind = LOSSES[loss].targets
    n = -(-n // LOSSES[loss].outputs_per_target)
    if kind == "labels":
        return rng.integers(0, n, N)
    if kind == "probabilities":
        return rng.uniform(0, 1, (N, n))
    if kind == "counts":
        return rng.poisson(2.0, (N, n)).astype(np.float64)
    return rng.normal(size=(N, n))


def relative(found: Any, expected: Any) -> float:
    """‖found − expected‖ / ‖expected‖."""
    found, expected = (np.asarray(to_numpy(x), dtype=np.float64) for x in (found, expected))
    assert found.shape == expected.shape
    size = np.linalg.norm(expected)
    return float(np.linalg.norm(found - expected) / (size if size > 0 else 1.0))


def network(backend: Backend, sizes: list[Any], **settings: Any) -> xpnet.Network:
    """A float64 network on a backend, with biases that are not zero and gains that are not one.

    Its last width is what the loss takes (`widths_for`).
    """
    sizes = widths_for(settings.get("loss"), sizes)
    net = xpnet.Network(sizes, backend=backend, **{"dtype": "float64", "rng": 3, **settings})
    theta = to_numpy(net.parameters).copy()
    n_weights = layout(net.layers).n_weights
    theta[n_weights:] += np.random.default_rng(7).normal(size=len(theta) - n_weights) * 0.3
    net.set_parameters(theta)
    return net
