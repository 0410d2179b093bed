"""Chains of layers that differ only in their rates of dropout, as one chain for a stack.

A dropout of the merged chain has a tuple of rates, one for each network.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from xpnet.layers.dropout import Dropout
from xpnet.layers.residual import Residual

__all__ = ["has_dropout", "merged", "of_network", "with_rate"]


def merged(chains: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """The first of R chains of layers (as a user writes them), with every chain's rates.

    Whatever else differs is left as in the first: compare each chain with `of_network`.
    """
    if any(len(chain) != len(chains[0]) for chain in chains):
        return tuple(chains[0])
    return tuple(_merged(layers) for layers in zip(*chains, strict=True))


def _merged(layers: Sequence[Any]) -> Any:
    kind = type(layers[0])
    if kind not in (Dropout, Residual) or any(type(layer) is not kind for layer in layers):
        return layers[0]
    new = copy.copy(layers[0])
    if kind is Residual:
        new.layers = merged([layer.layers for layer in layers])
    elif len({layer.rate for layer in layers}) > 1:
        new.rate = tuple(layer.rate for layer in layers)
    return new


def of_network(layers: Sequence[Any], r: int) -> tuple[Any, ...]:
    """Merged bound layers as network r alone has them."""
    return tuple(_of_network(layer, r) for layer in layers)


def _of_network(layer: Any, r: int) -> Any:
    if layer.kind == "dropout" and isinstance(layer.rate, tuple):
        return layer._replace(rate=layer.rate[r])
    if layer.kind == "residual":
        return layer._replace(children=of_network(layer.children, r))
    return layer


def with_rate(chain: Sequence[Any], rate: float) -> tuple[Any, ...]:
    """The chain of layers (as a user writes them) with this rate in every `Dropout`."""
    return tuple(_with_rate(layer, rate) for layer in chain)


def _with_rate(layer: Any, rate: float) -> Any:
    new = copy.copy(layer)
    if isinstance(layer, Dropout):
        new.rate = Dropout(rate).rate  # checked
    elif isinstance(layer, Residual):
        new.layers = with_rate(layer.layers, rate)
    return new


def has_dropout(chain: Sequence[Any]) -> bool:
    """Whether any layer of the chain, or within one of them, is a `Dropout`."""
    return any(
        isinstance(layer, Dropout) or has_dropout(getattr(layer, "layers", ())) for layer in chain
    )
