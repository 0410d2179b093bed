"""The network of an estimator: its layers and loss, and initial weights as scikit-learn draws them.

W_l, b_l ~ uniform on ±√(c / (n_{l-1} + n_l))         c = 2 for logistic, else 6
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from xpnet.equations.masks import needs_masks
from xpnet.errors import quoted
from xpnet.estimators.heads import HeadLabels
from xpnet.estimators.settings import hidden_sizes
from xpnet.estimators.targets import Labels
from xpnet.layers import Dense, Dropout
from xpnet.losses import LOSSES, Loss, MultiCrossEntropy, Poisson, Scaled
from xpnet.network import Network

__all__ = ["activation_of", "draw_weights", "loss_of_classes", "loss_of_numbers", "make_network"]

_NAMES = {"logistic": "sigmoid"}
"""scikit-learn's name of an activation, and the name here, where they differ."""


def loss_of_classes(loss: Any, labels: Labels | HeadLabels) -> Loss:
    """The loss of a classifier, whose `Loss.targets` is "labels" or "probabilities".

    "log_loss" is the cross entropy of one label out of several classes, or the sum over yes-or-no
    labels of their binary cross entropies, or over columns of classes of their cross entropies.
    """
    n_labels = labels.n_labels
    if isinstance(labels, HeadLabels):
        return _loss_of_heads(loss, labels.heads)
    if isinstance(loss, str) and loss == "log_loss":
        binary = LOSSES["binary_cross_entropy"]
        return Scaled(binary, n_labels) if n_labels else LOSSES["cross_entropy"]
    found: Loss = LOSSES[loss] if isinstance(loss, str) else loss
    if found.targets not in ("labels", "probabilities"):
        raise ValueError(
            f"loss {found.name!r} is not for class labels: use loss='log_loss', or a cross entropy "
            "of xpnet.losses"
        )
    return found


def _loss_of_heads(loss: Any, heads: tuple[int, ...]) -> Loss:
    if isinstance(loss, str) and loss == "log_loss":
        return MultiCrossEntropy(heads)
    if isinstance(loss, Loss) and loss.heads == heads:
        return loss
    raise ValueError(
        f"of columns with {', '.join(map(str, heads))} classes, loss must be 'log_loss' or "
        f"MultiCrossEntropy({heads}), got {quoted(loss)}"
    )


def loss_of_numbers(loss: Any, n_targets: int) -> Loss:
    """The loss of a regressor; "squared_error" and "poisson" as scikit-learn defines them.

    These are ½ Σ (a − y)² and half the deviance, each summed over the targets.
    """
    if not isinstance(loss, str):
        found: Loss = loss
        return found
    if loss == "squared_error":
        return Scaled(LOSSES["squared_error"], 0.5)
    return Scaled(Poisson(deviance=True), n_targets) if loss == "poisson" else LOSSES[loss]


def make_network(
    estimator: Any, n_in: int, n_out: int, loss: Loss, dtype: str, place: tuple[Any, Any]
) -> Network:
    """Return the network, whose dense layers still have to get their weights.

    ``place`` is its backend and device.
    """
    plain = estimator.layers is None
    hidden = list(_hidden(estimator)) if plain else list(estimator.layers)
    f = "relu" if isinstance(estimator.activation, (list, tuple)) else estimator.activation
    return Network(
        [n_in, *hidden, n_out],
        activation=activation_of(f),
        loss=loss,
        initializer="zeros" if plain else None,
        backend=place[0],
        device=place[1],
        dtype=dtype,
    )


def _hidden(estimator: Any) -> Iterator[Any]:
    """The hidden layers, each with its activation, and with dropout after it."""
    sizes, given = hidden_sizes(estimator.hidden_layer_sizes), estimator.activation
    each = list(given) if isinstance(given, (list, tuple)) else [given] * len(sizes)
    if len(each) != len(sizes):
        raise ValueError(
            f"activation must be one, or one for each of the {len(sizes)} hidden layers, got "
            f"{quoted(given)}"
        )
    for n, f in zip(sizes, each, strict=True):
        yield Dense(n, activation_of(f))
        if estimator.dropout:
            yield Dropout(estimator.dropout)


def activation_of(f: Any) -> Any:
    """An activation by the name that xpnet has for it, or as it is given."""
    return _NAMES.get(f, f) if isinstance(f, str) else f


def draw_weights(estimator: Any, net: Network, random_state: Any, dtype: Any) -> None:
    """Draw W and b of every dense layer, in the order of scikit-learn's draws.

    If layers draw masks, one more number is drawn for their seed.
    """
    weights, biases = [], []
    for W, factor in zip(net.weights, _factors(estimator, net), strict=True):
        fan_out, fan_in = W.shape
        bound = np.sqrt(factor / (fan_in + fan_out))
        weights.append(random_state.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype).T)
        biases.append(random_state.uniform(-bound, bound, fan_out).astype(dtype))
    net.set_weights(weights, biases)
    if needs_masks(net.layers):
        net.seed = int(random_state.randint(2**31 - 1))


def _factors(estimator: Any, net: Network) -> list[float]:
    """c of every dense layer, by its activation; the output's by that of the layer before it."""
    *hidden, _ = (layer.activation.name for layer in net.layers if layer.kind == "dense")
    name = activation_of(estimator.activation)  # without hidden layers, as scikit-learn does
    names = [*hidden, hidden[-1] if hidden else getattr(name, "name", name)]
    return [2.0 if name == "sigmoid" else 6.0 for name in names]
