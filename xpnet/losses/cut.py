"""Where a network ends and its loss begins: at Z_L if the loss is matched, at A_L otherwise.

Then loss(θ) is a composition of a chain of layers with a function of its outputs B (N, n_L), and
every second derivative follows the same two rules for both. B is Z_L or A_L.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xpnet.equations.activations import ACTIVATIONS
from xpnet.equations.returned import array_like
from xpnet.losses.loss import Loss, LossFunction, SecondFunction, checked
from xpnet.typing import Array, Namespace

__all__ = ["Cut", "cut"]


class Cut(NamedTuple):
    """A chain of layers, and the loss as a function of its outputs B.

    Attributes
    ----------
    layers : tuple of bound layers
        If the loss is matched, the last has the identity for its activation.
    loss : Loss
    function : (xp, B, Y) -> (losses, dB)
    second, fisher : (xp, B, Y, tB) -> tdB, or None
    """

    layers: tuple[Any, ...]
    loss: Loss
    function: LossFunction
    second: SecondFunction | None
    fisher: SecondFunction | None

    def gradient(self, xp: Namespace, B: Array, Y: Array) -> tuple[Array, Array]:
        """loss_n (N,) and dB = ∂loss_n/∂B_n (N, n_L) of each example."""
        return checked(self.loss, self.function(xp, B, Y), B, Y)

    def hessian(self, xp: Namespace, B: Array, Y: Array, tB: Array) -> Array:
        """(∂²loss_n/∂B_n²) tB_n of each example, in the shape of tB."""
        return self._product(self.second, xp, B, Y, tB)

    def curvature(self, xp: Namespace, B: Array, Y: Array, tB: Array) -> Array:
        """The same for Gauss-Newton products: `Loss.fisher_of_output` if the loss has one."""
        return self._product(self.fisher or self.second, xp, B, Y, tB)

    def _product(
        self, second: SecondFunction | None, xp: Namespace, B: Array, Y: Array, tB: Array
    ) -> Array:
        if second is None:
            raise ValueError(
                f"loss {self.loss.name!r} has no second derivative, which this derivative of the "
                "network needs: give second_of_output or second_of_preactivation to xpnet.Loss"
            )
        return array_like(self.loss, "a second derivative", second(xp, B, Y, tB), tB.shape, B.dtype)


def cut(layers: tuple[Any, ...], loss: Loss) -> Cut:
    """Cut a network and its loss at Z_L if the loss is matched with f_L, at A_L otherwise."""
    *hidden, last = layers
    name = last.activation.name
    if name in loss.of_preactivation:
        linear = last._replace(activation=ACTIVATIONS["identity"])
        return Cut((*hidden, linear), loss, *loss.functions(name))
    return Cut(layers, loss, *loss.functions(None))
