"""Feed-forward networks trained by matrix equations on the Array API.

The same code runs on NumPy, CuPy, PyTorch, JAX and array-api-strict; there is no autograd tape.

From the ground up: errors, typing, pickles, when_used – whole_file, undisturbed, ranges – backends
– equations (the passes) – losses, optimizers, schedules – checks, metrics, datasets – layers,
derivatives – engines (how steps are run) – training – network – files, plots, doctor, pages –
explain – report, tables, estimators – cli. docs/architecture.md says what stands where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpnet import layers, losses, training
from xpnet._version import __version__
from xpnet.backends import Backend, asarray, available_backends, get_backend, to_numpy
from xpnet.derivatives.gradients import Gradients
from xpnet.equations.activation import Activation, elementwise
from xpnet.errors import CheckpointError, DivergenceError, FileError
from xpnet.losses import Loss
from xpnet.network import Network
from xpnet.when_used import when_used

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
    from xpnet.equations.penalties import MaxNorm, Penalty
    from xpnet.files.checkpoint import Checkpoint
    from xpnet.files.load import load
    from xpnet.network.cross_validation import cross_validate
    from xpnet.network.gradient_check import gradient_check
    from xpnet.network.rate_range import learning_rate_range
    from xpnet.network.search import search
    from xpnet.network.stack import Stack
    from xpnet.training.early_stopping import EarlyStopping
    from xpnet.training.history import History

__all__ = [
    "Activation",
    "Backend",
    "Checkpoint",
    "CheckpointError",
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
    "cross_validate",
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
    "search",
    "tables",
    "to_numpy",
    "training",
]

_MODULES = (
    "datasets",
    "doctor",
    "estimators",  # not in __all__: it needs scikit-learn
    "explain",
    "files",
    "metrics",
    "optimizers",
    "plots",
    "report",
    "schedules",
    "tables",
)
_PLACES = {
    "Checkpoint": "files.checkpoint",
    "EarlyStopping": "training.early_stopping",
    "History": "training.history",
    "MaxNorm": "equations.penalties",
    "Penalty": "equations.penalties",
    "Stack": "network.stack",
    "cross_validate": "network.cross_validation",
    "gradient_check": "network.gradient_check",
    "learning_rate_range": "network.rate_range",
    "load": "files.load",
    "search": "network.search",
}

if not TYPE_CHECKING:  # a type checker reports unknown names
    __getattr__ = when_used(__name__, _MODULES, _PLACES)


def __dir__() -> list[str]:
    return list(__all__)
