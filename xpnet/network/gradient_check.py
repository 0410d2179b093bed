"""Check a gradient against differences of the loss, along random directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpnet.backends import to_numpy
from xpnet.checks import real, turned
from xpnet.derivatives.gradients import Gradients, fill_dense
from xpnet.equations.parameters import flatten, layout
from xpnet.equations.protocol import BoundLayer
from xpnet.equations.streams import seed_from
from xpnet.errors import quoted
from xpnet.network.predictions import NetworkPasses
from xpnet.ranges import check_flag, is_finite, positive_integer
from xpnet.typing import Array, ArrayLike, Host

if TYPE_CHECKING:
    from xpnet.equations.streams import Rng

__all__ = ["GradientCheck", "gradient_check"]


class GradientCheck(tuple[float, ...]):
    """The largest relative error of each layer that has parameters, first to last."""

    __slots__ = ()

    def __str__(self) -> str:
        lines = [f"layer {l}: {error:.2e}" for l, error in enumerate(self, start=1)]
        return "\n".join(["largest relative error of the gradient", *lines])


def gradient_check(
    net: NetworkPasses,
    X: ArrayLike,
    Y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    gradient: Gradients | Array = None,
    training: bool = False,
    directions: int = 8,
    epsilon: float = 1e-5,
    rng: Rng = 0,
) -> GradientCheck:
    """Return the largest relative error of each layer's gradient, for layers with parameters.

    All is in float64. Each random direction v has entries ±1 in one layer's parameters, else 0. The
    slope ⟨g, v⟩ is compared with (8 d(ε) − d(2ε)) / 12ε, where d(ε) = loss(θ + εv) − loss(θ − εv);
    this difference quotient has an error of order ε⁴. The error is relative to ‖g_l‖, the root mean
    square of ⟨g, v⟩ over all such v.

    A correct gradient of a smooth network gives 1e-8 or less. 1e-4 or more is a mistake, or a kink
    (relu, absolute_error) within ε of an example.

    Parameters
    ----------
    net : Network
    X, Y, sample_weight
        As for `Network.gradient`.
    gradient : Gradients, (P,) or (weights, biases), optional
        The gradient to check; None takes ``net.gradient``. A pair of lists, dW_1 … dW_L and
        db_1 … db_L in the shapes of ``net.weights`` and ``net.biases``, is possible if only dense
        layers have parameters.
    training : bool
        Whether dropout and batch normalisation act as in training.
    directions : int
        The number of random directions for each layer.
    epsilon : float
        ε, the step.
    rng
        The source of the directions, as for `Network`.

    Raises
    ------
    ValueError, TypeError
        Bad input, such as a gradient of a different shape.
    """
    if not isinstance(net, NetworkPasses):
        raise TypeError(f"net must be an xpnet.Network, got {quoted(net)}")
    positive_integer("directions", directions)
    if not is_finite(epsilon) or not epsilon > 0:
        raise ValueError(
            f"epsilon must be above 0, got {quoted(epsilon)}: 1e-5 suits most networks"
        )
    check_flag("training", training)
    net, X = net.to(dtype="float64"), net.in_order(X)
    if gradient is None:
        gradient = net.gradient(X, Y, sample_weight, training=training)
    g = _flat(net, gradient)
    theta = to_numpy(net.parameters).copy()
    generator = np.random.Generator(np.random.Philox(seed_from(rng)))

    def loss(at: Host) -> float:
        net.set_parameters(at)
        return net.value_and_gradient(X, Y, sample_weight, training=training)[0]

    def error(v: Host, norm: float) -> float:
        near, far = (loss(theta + h * v) - loss(theta - h * v) for h in (epsilon, 2 * epsilon))
        slope = (8 * near - far) / (12 * epsilon)
        difference = abs(float(g @ v) - slope)
        return difference / norm if norm > 0 else difference

    errors = []
    for layer in net.layers:
        part = _part(layer, len(theta))
        if not part.any():
            continue
        norm = float(np.linalg.norm(g[part]))
        signs = (part * generator.choice((-1.0, 1.0), len(theta)) for _ in range(directions))
        errors.append(max(error(v, norm) for v in signs))
    return GradientCheck(errors)


def _flat(net: NetworkPasses, gradient: Array) -> Host:
    """A gradient of any form as one vector (P,), on the host in float64."""
    P = layout(net.layers).size
    if isinstance(gradient, (tuple, list)) and len(gradient) == 2 and np.iterable(gradient[0]):
        g = np.full(P, np.nan)
        fill_dense(net.layers, g, *gradient)
        dense = [layer for layer in flatten(net.layers) if layer.kind == "dense"]
        if sum(slot.size for layer in dense for slot in layer.slots) == P:
            return g
        raise ValueError(
            "gradient is (weights, biases), but the network also has parameters outside dense "
            "layers: give the whole gradient, a vector in the layout of net.parameters"
        )
    flat = real("gradient", gradient.flat if isinstance(gradient, Gradients) else gradient)
    if tuple(flat.shape) != (P,):
        hint = turned("gradient", tuple(flat.shape), (P,)) or (
            ": give Gradients, such a vector, or a pair (weights, biases)"
        )
        raise ValueError(f"gradient must be ({P},), got {tuple(flat.shape)}{hint}")
    return to_numpy(flat).astype(np.float64)


def _part(layer: BoundLayer, P: int) -> Host:
    """A mask of the P numbers of θ: True for the layer's."""
    part = np.zeros(P, dtype=bool)
    for slot in layer.slots:
        part[slot.offset : slot.offset + slot.size] = True
    return part
