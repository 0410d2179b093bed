"""Checks at the public edge: what comes in is right, or an error says what to do about it.

Nothing here changes a network. Each function returns its argument in the form that the passes take.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xpnet.activations import ACTIVATIONS, Activation
from xpnet.backends import DTYPES, Backend, move, to_numpy
from xpnet.errors import look_up
from xpnet.initializers import INITIALIZERS
from xpnet.losses import LOSSES, Loss

__all__ = [
    "activation_list",
    "as_array",
    "check_finite",
    "check_outputs",
    "check_targets",
    "dtype_name",
    "example_weights",
    "features",
    "find_activation",
    "find_initializer",
    "find_loss",
    "is_integer",
    "positive_integer",
    "real",
    "targets",
]


# --- settings of a network


def positive_integer(name: str, value: Any) -> int:
    """``value`` as an int ≥ 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a positive integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value}")
    return int(value)


def find_activation(activation: str | Activation) -> Activation:
    """The activation of that name, or the one given."""
    if isinstance(activation, Activation):
        _check_own("activation", activation, ACTIVATIONS)
        return activation
    return look_up("activation", activation, ACTIVATIONS)


def find_loss(loss: str | Loss | None) -> Loss | None:
    """The loss of that name, or the one given; None stays open until targets are seen."""
    if isinstance(loss, Loss):
        if loss.config is None:
            _check_own("loss", loss, LOSSES)
        return loss
    return None if loss is None else look_up("loss", loss, LOSSES)


def _check_own(kind: str, given: Any, known: Mapping[str, Any]) -> None:
    """A user's own object has a name that stands for nothing else in files and losses."""
    if known.get(given.name, given) is not given:
        raise ValueError(f"{given.name!r} is the name of xpnet's own {kind}: give yours another")


def find_initializer(name: str | None) -> str | None:
    """A known initializer's name, or None."""
    if name is not None:
        look_up("initializer", name, INITIALIZERS)
    return name


def dtype_name(dtype: Any) -> str:
    """ "float32" or "float64", from its name or a library's dtype."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
    name = name.rpartition(".")[2]
    if name not in DTYPES:
        more = ""
        if name in ("bfloat16", "float16"):
            more = (
                "; parameters and sums stay in float32: for products in fewer bits give "
                f'backend=xpnet.get_backend("cupy", precision="{name}")'
            )
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}{more}")
    return name


def activation_list(
    activation: Any, output: str | Activation | None, n_layers: int
) -> tuple[list[Activation], Activation | None]:
    """The hidden layers' activations, and the output's where one is named."""
    named_output = None if output is None else find_activation(output)
    if isinstance(activation, (str, Activation)):
        return [find_activation(activation)] * (n_layers - 1), named_output
    if not isinstance(activation, Sequence):
        raise TypeError(f"activation must be a name or a list of names, got {activation!r}")
    if len(activation) != n_layers:
        raise ValueError(
            f"a list of activations has one for each of the {n_layers} layers, the output's "
            f"included; got {len(activation)}"
        )
    if output is not None:
        raise ValueError("the list of activations names the output's already: leave output out")
    *hidden, last = map(find_activation, activation)
    return hidden, last


def check_outputs(loss: Loss, output: Activation) -> None:
    """The output activation is one that the loss goes with."""
    if loss.outputs is not None and output.name not in loss.outputs:
        raise ValueError(
            f"loss {loss.name!r} takes the output {' or '.join(map(repr, loss.outputs))}, "
            f"not {output.name!r}"
        )


# --- arrays


def is_integer(x: Any) -> bool:
    """Whether an array of any library holds integers or booleans."""
    return _kind(x).startswith(("int", "uint", "bool"))


def _kind(x: Any) -> str:
    return str(getattr(x.dtype, "name", x.dtype)).rpartition(".")[2].lower()


def as_array(name: str, x: Any) -> Any:
    """X itself where it is an array, else a host array of it."""
    if hasattr(x, "filled") and np.any(x.mask):
        raise ValueError(
            f"{name} has masked entries, which would count as if they were there: remove those "
            "examples, or fill them (x.filled(…))"
        )
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        return x
    try:
        return _frame(name, x) if hasattr(x, "columns") else to_numpy(x)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, but its rows differ in length") from error


def _frame(name: str, x: Any) -> np.ndarray[Any, Any]:
    """A data frame's columns as one array, also where integers, numbers and truth values mix."""
    host = to_numpy(x)
    if host.dtype != object:
        return host
    for k, column in enumerate(x.columns):
        if not all(isinstance(v, (int, float, np.generic)) for v in host[:, k].tolist()):
            raise TypeError(
                f"{name} must hold real numbers, but its column {column!r} does not: leave it out, "
                "or turn it into numbers"
            )
    return host.astype(np.float64)


def real(name: str, x: Any) -> Any:
    """An array of real numbers."""
    x = as_array(name, x)
    if not _kind(x).startswith(("int", "uint", "bool", "float", "bfloat")):
        raise TypeError(f"{name} must hold real numbers, got dtype {_kind(x)}")
    return x


def features(backend: Backend, X: Any, width: int, dtype: str) -> tuple[Any, bool]:
    """X as (N, n_0) on the device, and whether it was one example (n_0,)."""
    there = backend.has(X, dtype)
    X = X if there else real("X", X)
    if len(X.shape) not in (1, 2):
        raise ValueError(
            f"X must be (examples, {width}), or ({width},) for one, got the shape {tuple(X.shape)}"
        )
    if X.shape[-1] != width:
        raise ValueError(
            f"X has {X.shape[-1]} columns, but the first layer expects {width} (sizes[0])"
        )
    if len(X.shape) == 2 and X.shape[0] == 0:
        raise ValueError("X has no examples")
    X = X if there else move(backend, X, dtype)
    return (X[None, :], True) if X.ndim == 1 else (X, False)


def without_nan(outputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Outputs that say something."""
    lost = np.isnan(outputs).reshape(-1, outputs.shape[-1]).any(axis=-1)
    if lost.any():
        raise ValueError(
            f"the outputs of {lost.sum()} of {len(lost)} examples are NaN, the first that of "
            f"example {int(lost.argmax())}: look for NaN in X, leave such examples out or fill them"
        )
    return outputs


def targets(
    backend: Backend, Y: Any, loss: Loss, n_examples: int, single: bool, width: int, dtype: str
) -> Any:
    """Y on the device: labels (N,) or (N, heads), or rows (N, n_targets), as the loss has it."""
    Y, columns = real("Y", Y), loss.n_targets(width)
    shape = (1, *Y.shape) if single else tuple(Y.shape)
    if not shape or shape[0] != n_examples:
        raise ValueError(
            f"X has {n_examples} examples, but Y has the shape {tuple(Y.shape)}: one target for "
            "each is needed"
        )
    if loss.targets == "labels" and len(shape) == 1 and (width > 1 or is_integer(Y)):
        return _labels(backend, Y, shape, (width,), 0)
    if shape not in ((n_examples, columns), (n_examples,) if columns == 1 else None):
        raise ValueError(_shape_message(shape, loss, n_examples, columns))
    shape = (n_examples, columns)
    if loss.heads:
        return _labels(backend, Y, shape, loss.heads, -1 if loss.masked else 0)
    rows = backend.xp.reshape(move(backend, Y, dtype), shape)
    _check_values(backend, rows, loss)
    return rows


def _shape_message(shape: tuple[int, ...], loss: Loss, n_examples: int, columns: int) -> str:
    wanted = f"({n_examples}, {columns})"
    if loss.targets == "labels":
        wanted += f", or integer labels of shape ({n_examples},)"
    if loss.heads:
        wanted += ", an integer label for each head"
    return f"Y has the shape {shape}, but loss {loss.name!r} takes {wanted}"


def _labels(
    backend: Backend, Y: Any, shape: tuple[int, ...], classes: tuple[int, ...], least: int
) -> Any:
    """Integer labels on the device; each column (or the only one) below its number of classes."""
    if not is_integer(Y):
        raise ValueError(
            f"class labels must be integers, got dtype {_kind(Y)} of shape {shape}: convert them, "
            'or name a loss for numbers, such as "mean_squared_error"'
        )
    Y = move(backend, Y) if backend.owns(Y) else to_numpy(Y)
    xp = backend.xp if backend.owns(Y) else np  # here: a narrower dtype may wrap them
    if len(shape) == 1:
        _check_range(xp, Y, classes[0], least, "")
    else:
        columns = xp.reshape(Y, shape)
        for h, n in enumerate(classes):
            _check_range(xp, columns[:, h], n, least, f" of head {h}")
    return backend.xp.reshape(move(backend, Y, backend.index_dtype), shape)


def _check_range(xp: Any, labels: Any, width: int, least: int, where: str) -> None:
    if xp.isdtype(labels.dtype, "bool"):
        labels = xp.astype(labels, xp.int8)
    lowest, highest = int(xp.min(labels)), int(xp.max(labels))
    if lowest < least or highest >= width:
        missing = ", or be −1 for one that is not there" if least < 0 else ""
        raise ValueError(
            f"class labels{where} must lie in 0 … {width - 1} (the output has {width} units)"
            f"{missing}, got {lowest if lowest < least else highest}"
        )


def _check_values(backend: Backend, rows: Any, loss: Loss) -> None:
    """What the loss asks of its targets' values. NaN passes: `check_targets` is for that."""
    xp = backend.xp
    if loss.targets == "rows":
        return
    if bool(xp.any(rows < 0)):
        raise ValueError(f"loss {loss.name!r} takes targets ≥ 0")
    if loss.targets == "probabilities" and bool(xp.any(rows > 1)):
        raise ValueError(f"loss {loss.name!r} takes targets in [0, 1]")
    if loss.targets == "labels":
        worst = float(xp.max(xp.abs(xp.sum(rows, axis=-1) - 1.0)))
        if worst > 1e-4:
            raise ValueError(
                f"loss {loss.name!r} takes rows that sum to 1; one differs by {worst:.3g}. Labels "
                "have the shape (N,); several at once, or numbers, need another loss "
                "('binary_cross_entropy', 'mean_squared_error')"
            )


def check_finite(
    backend: Backend, name: str, x: Any, remedy: str = "remove or replace those examples"
) -> None:
    """No NaN and no infinity, by two reductions on the device that make no temporary array.

    The standard's max and min pass NaN on.
    """
    xp = backend.xp
    if not xp.isdtype(x.dtype, "real floating"):
        return
    if not (math.isfinite(float(xp.max(x))) and math.isfinite(float(xp.min(x)))):
        raise ValueError(
            f"{name} has NaN or infinite entries, or some too large for {_kind(x)}: {remedy}"
        )


def check_targets(backend: Backend, name: str, Y: Any, loss: Loss) -> None:
    """As `check_finite`; for a masked loss a target may be missing, but one must be there."""
    xp = backend.xp
    if not loss.masked:
        return check_finite(backend, name, Y)
    there, missing = (Y >= 0, "−1") if loss.heads else (~xp.isnan(Y), "NaN")
    if not bool(xp.any(there)):
        raise ValueError(f"{name} is {missing} throughout: no target is left to train on")
    return check_finite(backend, name, xp.where(there, Y, 0))


def example_weights(sample_weight: Any, n_examples: int, dtype: str) -> np.ndarray[Any, Any] | None:
    """Weights (N,) in float64 on the host, not negative and not all zero; None stays None.

    The largest is scaled to [1/2, 1), and what is then no normal number of ``dtype`` is 0: a batch
    of such weights alone would be divided by their sum 0, or by one whose inverse overflows.
    """
    if sample_weight is None:
        return None
    w = to_numpy(real("sample_weight", sample_weight)).astype(np.float64)
    if w.shape != (n_examples,):
        raise ValueError(
            f"sample_weight must be ({n_examples},), one number an example, got {w.shape}"
        )
    if not np.all(np.isfinite(w)) or np.any(w < 0):
        raise ValueError("sample_weight must be finite and not negative")
    if not np.any(w > 0):
        raise ValueError("sample_weight is zero for every example: nothing is left to train on")
    exponent = int(np.frexp(w.max())[1])
    w = np.ldexp(w, -exponent)  # their scale has no meaning, and might overflow
    return np.where(w < np.finfo(dtype).tiny, 0.0, w)


def learning_rate(value: Any) -> None:
    """A finite number ≥ 0, or None."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise TypeError(f"learning_rate must be a number, got {value!r}")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"learning_rate must be a finite number ≥ 0, got {value}")
