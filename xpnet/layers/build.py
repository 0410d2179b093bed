"""Build bound layers from a network's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from xpnet.checks import activation_list, check_outputs, find_activation
from xpnet.equations.activation import Activation
from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.parameters import Allocator, Layers, layout
from xpnet.equations.protocol import Defaults
from xpnet.errors import look_up, quoted
from xpnet.layers import LAYERS, Dense, Embedding, Residual
from xpnet.layers.dense import as_layers
from xpnet.losses import Loss

__all__ = ["HIDDEN", "Specification", "check_layer_types", "from_config", "plan"]


HIDDEN = (100,)
"""The default hidden layers of a network."""


class Specification(NamedTuple):
    """The plan of a network: everything its settings say, independent of its loss.

    Attributes
    ----------
    n_in : int or None
        Width of the input; None until the first fit.
    layers : tuple of layers
        The output layer is the last; it is missing while ``n_in`` is None.
    hidden : tuple of Activation
        One for each dense layer except the last.
    output : Activation or None
        The output's activation if it was named; None takes the loss's.
    """

    n_in: int | None
    layers: tuple[Any, ...]
    hidden: tuple[Activation, ...]
    output: Activation | None

    def sized(self, n_in: int, n_out: int) -> Specification:
        """Return the same plan with its missing widths, of the input and the output."""
        return self._replace(n_in=n_in, layers=(*self.layers, Dense(n_out)))

    def build(self, loss: Loss | None) -> Layers:
        """Return the bound layers; the loss sets the output activation if none was named.

        The layers are bound twice: the first round counts the weights, and the second places all
        other parameters after them.
        """
        output = self.output or (
            ACTIVATIONS["identity"] if loss is None else loss.output_activation
        )
        if loss is not None:
            check_outputs(loss, output)
        n_weights = layout(self._bind(output, Allocator())).n_weights
        return self._bind(output, Allocator(n_weights))

    def _bind(self, output: Activation, allocator: Allocator) -> Layers:
        bound: list[Any] = []
        activations = iter((*self.hidden, output))
        width = self.n_in
        for layer in self.layers:
            activation = next(activations) if isinstance(layer, Dense) else output
            bound.append(layer.bind(width, allocator, Defaults(activation)))
            width = bound[-1].fan_out
        return tuple(bound)


def plan(
    sizes: Any, hidden: Any, activation: Any, output: str | Activation | None
) -> Specification:
    """Make the plan from a network's settings; see `xpnet.Network`."""
    if sizes is not None and hidden is not HIDDEN:
        raise ValueError("sizes already name every layer: leave hidden out, or sizes")
    n_in, layers = (None, as_layers("hidden", hidden)) if sizes is None else _parse(sizes)
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    if n_in is None:
        dense.append(Dense(1))  # placeholder for the output layer, whose width the first fit sets
    _check_order([*layers, dense[-1]])
    if dense[-1].activation is not None:
        if output is not None:
            raise ValueError("the last layer already names its activation: leave output out")
        output = dense[-1].activation
    activations, named = activation_list(activation, output, len(dense))
    within = activations[0] if activations else _only(activation)
    filled = (x.filled(within) if isinstance(x, Residual) else x for x in layers)
    return Specification(n_in, tuple(filled), tuple(activations), named)


def _only(activation: Any) -> Activation:
    """The activation of dense layers within a Residual if no other hidden layer gives it."""
    return find_activation(activation if isinstance(activation, (str, Activation)) else "relu")


def _parse(sizes: Any) -> tuple[int, tuple[Any, ...]]:
    """Return n_0 and the layers, from [n_0, a width or a layer, …, the output layer]."""
    entries = as_layers("sizes", sizes)
    if len(entries) < 2:
        raise ValueError(
            f"sizes must have at least 2 widths (the input's, …, the output's), got "
            f"{quoted(list(sizes))}"
        )
    n_in = next(iter(sizes))
    if hasattr(n_in, "bind"):
        raise ValueError(f"sizes[0] is the width of the input, an integer, not {quoted(n_in)}")
    if not isinstance(entries[-1], Dense):
        raise ValueError(
            f"the last layer must be dense (a width, or Dense), not {quoted(entries[-1])}"
        )
    return int(n_in), entries[1:]


def _check_order(layers: Sequence[Any]) -> None:
    """Check that no layer after the first is an `Embedding`."""
    if any(isinstance(layer, Embedding) for layer in layers[1:]):
        raise ValueError("an Embedding can only be the first layer: it reads columns of the input")


def check_layer_types(layers: Sequence[Any]) -> None:
    """Check that `from_config` can rebuild every layer from its class.

    Raises
    ------
    ValueError
        A layer's class is a user's own, even if derived from one of xpnet's: a file holds no code,
        and from its ``config()`` xpnet's layer would be rebuilt.
    """
    for layer in layers:
        if type(layer) not in LAYERS.values():
            raise ValueError(
                f"{layer!r} is an instance of your own class, {type(layer).__name__}, which a "
                "model file cannot hold: keep net.parameters and net.statistics instead, or "
                "pickle the network"
            )
        check_layer_types(getattr(layer, "layers", ()))


def from_config(config: dict[str, Any], own: dict[str, Activation]) -> Any:
    """Return the layer with that ``config()``; ``own`` has a user's own activations by name."""
    settings = dict(config)
    kind = settings.pop("layer")
    if kind == "residual":
        return Residual([from_config(inner, own) for inner in settings["layers"]])
    if settings.get("activation") in own:
        settings["activation"] = own[settings["activation"]]
    return look_up("layer", kind, LAYERS)(**settings)
