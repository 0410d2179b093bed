"""Check settings of a network and of a fit: names must be known, numbers in range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xpnet.backends import DTYPES
from xpnet.equations.activation import Activation
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.built_in import is_built_in
from xpnet.equations.initializers import INITIALIZERS
from xpnet.errors import look_up, quoted
from xpnet.losses import LOSSES, Loss

__all__ = [
    "activation_list",
    "check_functions",
    "check_outputs",
    "dtype_name",
    "find_activation",
    "find_initializer",
    "find_loss",
]


_TARGETS = ("rows", "probabilities", "counts", "labels", "head labels")
_LONGEST = 100  # most characters of a user's own name


def find_activation(activation: str | Activation) -> Activation:
    """The activation with that name, or the given `Activation` after checks."""
    if isinstance(activation, Activation):
        _check_own("activation", activation, ACTIVATIONS)
        check_functions(repr(activation), f=activation.f, vjp=activation.vjp, jvp=activation.jvp)
        return activation
    return look_up("activation", activation, ACTIVATIONS)


def find_loss(loss: str | Loss | None) -> Loss | None:
    """The loss with that name, or the given `Loss`; None until targets decide."""
    if isinstance(loss, Loss):
        if loss.config is None:
            _check_own("loss", loss, LOSSES)
            _check_loss(loss)
        return loss
    return None if loss is None else look_up("loss", loss, LOSSES)


def _check_own(kind: str, given: Any, known: Mapping[str, Any]) -> None:
    """Check that the name of a user's own object is not already one of xpnet's."""
    if not isinstance(given.name, str) or not 0 < len(given.name) <= _LONGEST:
        raise ValueError(
            f"the name of a user's own {kind} must be text of at most {_LONGEST} characters, "
            f"got {quoted(given.name)}"
        )
    of_heads = given.name.startswith("softmax(") and not is_built_in(given)  # `softmax_heads`
    if known.get(given.name, given) is not given or of_heads:
        raise ValueError(
            f"{given.name!r} is the name of xpnet's own {kind}: give yours a different name"
        )


def _check_loss(loss: Loss) -> None:
    """Check that a user's loss has functions and names a known kind of targets."""
    matched = loss.of_preactivation
    if not isinstance(matched, Mapping):
        raise TypeError(f"of_preactivation of {loss!r} must be a dict, got {quoted(matched)}")
    functions: dict[str, Any] = {
        f"of_preactivation[{quoted(name, 40)}]": f for name, f in matched.items()
    }
    if loss.of_output is not None or not functions:
        functions["of_output"] = loss.of_output
    for name in ("second_of_output", "fisher_of_output"):
        if getattr(loss, name) is not None:
            functions[name] = getattr(loss, name)
    check_functions(repr(loss), **functions)
    if loss.targets not in _TARGETS:
        raise ValueError(
            f"targets of {loss!r} must be one of {', '.join(_TARGETS)}, got {quoted(loss.targets)}"
        )


def check_functions(whose: str, **functions: Any) -> None:
    """Check that each of them can be called and is not a class."""
    for name, function in functions.items():
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"{name} of {whose} must be a function, got {quoted(function)}")


def find_initializer(name: str | None) -> str | None:
    """The name, checked to be a known initializer's, or None."""
    if name is not None:
        look_up("initializer", name, INITIALIZERS)
    return name


def dtype_name(dtype: Any) -> str:
    """Return "float32" or "float64", given that name or a library's dtype."""
    name = getattr(dtype, "__name__", None) or _as_text(dtype)
    name = name.rpartition(".")[2]
    if name not in DTYPES:
        more = ""
        if name in ("bfloat16", "float16"):
            more = (
                "; parameters and sums stay in float32: for products in fewer bits give "
                f'backend=xpnet.get_backend("cupy", precision="{name}")'
            )
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {quoted(dtype)}{more}")
    return name


def _as_text(dtype: object) -> str:
    try:
        return str(dtype)
    except Exception:  # nested too deeply, or an integer of too many digits
        return quoted(dtype)


def activation_list(
    activation: Any, output: str | Activation | None, n_layers: int
) -> tuple[list[Activation], Activation | None]:
    """The hidden layers' activations, and the output's if it is named, else None."""
    named_output = None if output is None else find_activation(output)
    if isinstance(activation, (str, Activation)):
        return [find_activation(activation)] * (n_layers - 1), named_output
    if not isinstance(activation, Sequence):
        raise TypeError(f"activation must be a name or a list of names, got {quoted(activation)}")
    if len(activation) != n_layers:
        raise ValueError(
            f"a list of activations must have one for each of the {n_layers} layers, including "
            f"the output, got {len(activation)}"
        )
    if output is not None:
        raise ValueError("the list of activations already names the output's: leave output out")
    *hidden, last = map(find_activation, activation)
    return hidden, last


def check_outputs(loss: Loss, output: Activation) -> None:
    """Check that the loss works with the output activation."""
    if loss.outputs is not None and output.name not in loss.outputs:
        raise ValueError(
            f"loss {loss.name!r} takes the output {' or '.join(map(repr, loss.outputs))}, "
            f"not {output.name!r}"
        )
    if loss.of_output is None and output.name not in loss.of_preactivation:
        raise ValueError(
            f"loss {loss.name!r} has neither of_output nor of_preactivation for the output "
            f"{output.name!r}: give one, or name its outputs (outputs=)"
        )
