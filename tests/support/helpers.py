"""Helpers of many test modules: paths, skips, tolerances, targets and networks."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet
from xpnet.backends import Backend, move, to_numpy
from xpnet.backends.openblas import bundled
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.parameters import layout
from xpnet.losses import LOSSES

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""
DATA = Path(__file__).parent / "data"
OLDER = DATA / "older"
"""Pickles without a version; files of 0.1.0, without checksums; and their outputs."""
FRUIT = DATA / "fruit.csv"
"""A small table of numbers and text, with difficult names."""

BACKENDS = ("numpy", "array-api-strict", "torch", "jax", "cupy")
"""The names of all backends, installed or not."""

_INSTALLED_AS = {
    "array_api_compat": "array-api-compat",
    "array_api_strict": "array-api-strict",
    "docutils": "-e . --group docs",
    "matplotlib": '"xpnet[plot]"',
    "numba": '"xpnet[fast]"',
    "sklearn": "scikit-learn",
    "sphinx": "-e . --group docs",
    "torch": "torch==2.13.0",
}
"""The argument of ``pip install`` for packages whose import name is different."""


def needed(module: str) -> Any:
    """Return the module, or skip the test and say how to install it."""
    package = module.partition(".")[0]
    remedy = f"needs {package}: pip install {_INSTALLED_AS.get(package, package)}"
    return pytest.importorskip(module, reason=remedy)


def needed_to_find(*packages: str) -> None:
    """Skip the test if one of the packages is missing; none is imported."""
    if absent := [name for name in packages if find_spec(name) is None]:
        # they hold the tables that the test reads, and are no dependency of xpnet
        pytest.skip(f"needs {', '.join(absent)}: pip install {' '.join(absent)}")


def needs(package: str) -> pytest.MarkDecorator:
    """Return a mark that skips the test without the package, and says how to install it."""
    remedy = f"needs {package}: pip install {_INSTALLED_AS.get(package, package)}"
    return pytest.mark.skipif(find_spec(package) is None, reason=remedy)


needs_jax = needs("jax")
needs_numba = needs("numba")
NO_OPENBLAS = "needs the OpenBLAS inside NumPy's own wheels: pip install numpy"
needs_openblas = pytest.mark.skipif(bundled() is None, reason=NO_OPENBLAS)
needs_posix = pytest.mark.skipif(
    os.name != "posix", reason="needs the modes, owners, pipes and signals of POSIX"
)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which Windows lacks")


PAIRS = [
    (activation, loss)
    for loss, row in LOSSES.items()
    for activation in ACTIVATIONS
    if row.outputs is None or activation in row.outputs
]
"""Every pair of a loss and an output activation that it accepts."""


def widths_for(loss: Any, sizes: list[int]) -> list[int]:
    """Return the sizes with an output width that the loss accepts: whole blocks of targets."""
    p = LOSSES[loss].outputs_per_target if loss in LOSSES else 1
    return [*sizes[:-1], -(-sizes[-1] // p) * p]


def random_targets(rng: np.random.Generator, loss: str, N: int, n: int) -> np.ndarray[Any, Any]:
    """Return targets that the loss accepts: labels, probabilities, counts, or any numbers.

    They are for n outputs, rounded up as `widths_for` does.
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


def on_device(backend: Backend, x: Any, dtype: str | None = None) -> Any:
    """Return a host array on the backend's device: integers as indices, others in the dtype."""
    return move(backend, x, backend.index_dtype if x.dtype.kind in "iu" else dtype)


def relative(found: Any, expected: Any) -> float:
    """Return ‖found − expected‖ / ‖expected‖."""
    found, expected = (np.asarray(to_numpy(x), dtype=np.float64) for x in (found, expected))
    assert found.shape == expected.shape
    size = np.linalg.norm(expected)
    return float(np.linalg.norm(found - expected) / (size if size > 0 else 1.0))


def network(backend: Backend, sizes: list[Any], **settings: Any) -> xpnet.Network:
    """Return a float64 network with biases different from zero and gains different from one.

    The loss determines the last width (`widths_for`).
    """
    sizes = widths_for(settings.get("loss"), sizes)
    net = xpnet.Network(sizes, backend=backend, **{"dtype": "float64", "rng": 3, **settings})
    theta = to_numpy(net.parameters).copy()
    n_weights = layout(net.layers).n_weights
    theta[n_weights:] += np.random.default_rng(7).normal(size=len(theta) - n_weights) * 0.3
    net.set_parameters(theta)
    return net
