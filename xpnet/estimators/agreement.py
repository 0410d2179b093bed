"""Whether the settings of an estimator describe its network, or a fitted one of scikit-learn."""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.errors import counted, quoted
from xpnet.estimators.build import activation_of
from xpnet.network import Network

__all__ = ["Parts", "check_agreement", "parts_of", "parts_of_theirs"]


class Parts(NamedTuple):
    """What settings must agree with.

    Attributes
    ----------
    widths : list of int
        Of the hidden layers. Dropout, which predictions do not have, is none of them.
    activations : list of str
        Of the hidden layers; the kind of a layer that is not dense.
    n_outputs, output
        The width of the last layer, and the name of its activation.
    """

    widths: list[int]
    activations: list[str]
    n_outputs: int
    output: str


def parts_of(net: Network) -> Parts:
    """The parts of a network."""
    *hidden, last = (layer for layer in net.layers if layer.kind != "dropout")
    names = [layer.activation.name if layer.kind == "dense" else layer.kind for layer in hidden]
    return Parts([layer.fan_out for layer in hidden], names, last.fan_out, last.activation.name)


def parts_of_theirs(fitted: Any) -> Parts:
    """The parts of a fitted estimator of scikit-learn."""
    *hidden, last = (W.shape[1] for W in fitted.coefs_)
    names = [activation_of(fitted.activation)] * len(hidden)
    return Parts(hidden, names, last, activation_of(fitted.out_activation_))


def check_agreement(estimator: Any, made: Network, fitted: Parts, n_networks: int = 1) -> None:
    """Check that ``made``, the network of the settings, has the parts of the fitted ones.

    Raises
    ------
    ValueError
        It has not; the message names the first such setting.
    """
    ours, own = parts_of(made), estimator.layers is not None
    n_outputs = counted(fitted.n_outputs, "output")
    for setting, agrees, what in (
        ("n_ensemble", estimator.n_ensemble == n_networks, counted(n_networks, "network")),
        (
            "layers" if own else "hidden_layer_sizes",
            ours.widths == fitted.widths,
            f"hidden layers of the widths {fitted.widths}",
        ),
        (
            "layers" if own else "activation",
            ours.activations == fitted.activations,
            f"the hidden activations {', '.join(fitted.activations)}",
        ),
        ("loss", ours[2:] == fitted[2:], f"{n_outputs} with the activation {fitted.output}"),
    ):
        if not agrees:
            raise ValueError(
                f"{setting}={quoted(getattr(estimator, setting))} does not describe the fitted "
                f"estimator, which has {what}: leave {setting} as it was in the fit, or fit a new "
                "estimator"
            )
