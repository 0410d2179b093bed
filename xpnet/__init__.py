"""Feed-forward networks trained by matrix equations on the Array API.

The same code runs on NumPy, CuPy, PyTorch, JAX and array-api-strict; there is no autograd tape.

From the ground up: errors – whole_file, undisturbed, ranges – backends – equations (the passes) –
losses, optimizers, schedules – checks, metrics, datasets – layers, derivatives – engines (how steps
are run) – training – network – files, plots, doctor, pages – explain – report, tables – cli.
docs/architecture.md says what stands where.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xpnet import layers, losses, training
from xpnet._version import __version__
from xpnet.backends import Backend, asarray, available_backends, get_backend, to_numpy
from xpnet.derivatives.gradients import Gradients
from xpnet.equations.activations import Activation, elementwise
from xpnet.equations.penalties import MaxNorm, Penalty
from xpnet.errors import DivergenceError, FileError, quoted
from xpnet.files.load import load
from xpnet.losses import Loss
from xpnet.network import Network
from xpnet.network.gradient_check import gradient_check
from xpnet.network.rate_range import learning_rate_range
from xpnet.network.stack import Stack
from xpnet.training import EarlyStopping, History

if TYPE_CHECKING:
    from xpnet import (
        datasets,
        doctor,
        explain,
        metrics,
        optimizers,
        plots,
        report,
        schedules,
        tables,
    )

__all__ = [
    "Activation",
    "Backend",
    "DivergenceError",
    "EarlyStopping",
    "FileError",
    "Gradients",
    "History",
    "Loss",
    "MaxNorm",
    "Network",
    "Penalty",
    "Stack",
    "__version__",
    "asarray",
    "available_backends",
    "datasets",
    "doctor",
    "elementwise",
    "explain",
    "get_backend",
    "gradient_check",
    "layers",
    "learning_rate_range",
    "load",
    "losses",
    "metrics",
    "optimizers",
    "plots",
    "report",
    "schedules",
    "tables",
    "to_numpy",
    "training",
]

_WHEN_USED = (
    "datasets",
    "doctor",
    "explain",
    "metrics",
    "optimizers",
    "plots",
    "report",
    "schedules",
    "tables",
)  # 40 modules, half of the import time


def __getattr__(name: str) -> Any:
    if name in _WHEN_USED:
        return import_module(f"xpnet.{name}")
    raise AttributeError(f"module 'xpnet' has no attribute {quoted(name)}")


def __dir__() -> list[str]:
    return list(__all__)
