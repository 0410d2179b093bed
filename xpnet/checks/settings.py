"""Settings of a network and of a fit: names that are known, and numbers in range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xpnet.activations import ACTIVATIONS, Activation
from xpnet.backends import DTYPES
from xpnet.built_in import is_built_in
from xpnet.errors import look_up, quoted
from xpnet.initializers import INITIALIZERS
from xpnet.losses import LOSSES, Loss

__all__ = [
    "activation_list",
    "check_outputs",
    "dtype_name",
    "find_activation",
    "find_initializer",
    "find_loss",
    "learning_rate",
    "positive_integer",
]


def positive_integer(name: str, value: Any) -> int:
    """``value`` as an int ≥ 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a positive integer, got {quoted(value)}")
    if not 1 <= value < 2**63:
        raise ValueError(f"{name} must be a positive integer, got {quoted(value)}")
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
    of_heads = given.name.startswith("softmax(") and not is_built_in(given)  # `softmax_heads`
    if known.get(given.name, given) is not given or of_heads:
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


def learning_rate(value: Any) -> None:
    """A finite number ≥ 0, or None."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise TypeError(f"learning_rate must be a number, got {value!r}")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"learning_rate must be a finite number ≥ 0, got {value}")
