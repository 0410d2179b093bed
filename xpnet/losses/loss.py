"""What a loss is, and how dZ_L and the sum over a batch come from it.

A loss is one function of the outputs A = f_L(Z_L) and the targets Y that returns, for each example,

    loss_n               (..., N)
    dA = ∂loss_n/∂A_n    (..., N, n_L)

and, for the outputs it is matched with, a second one of the pre-activations Z_L that returns loss_n
and dZ = ∂loss_n/∂Z_n directly: cross entropies come from Z, never from ln A, so that nothing
underflows. `from_preactivation` picks the one or the other; weights and the scale 1/Σw are applied
there, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xpnet.equations.activations import ACTIVATIONS, Activation
from xpnet.equations.built_in import is_built_in
from xpnet.equations.returned import array_like, pair
from xpnet.equations.sums import total

__all__ = ["Loss", "LossFunction", "from_preactivation", "per_example"]

LossFunction = Callable[[Any, Any, Any], tuple[Any, Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Loss:
    """A loss: its function, and what it goes with.

    Parameters
    ----------
    name : str
        What messages, and a saved model of a user's own loss, call it.
    of_output : (xp, A, Y) -> (losses, dA), optional
        losses has shape (..., N), dA that of A. It is overwritten, so it must be a new array. Left
        out where only matched outputs are allowed.
    of_preactivation : mapping of str to (xp, Z, Y) -> (losses, dZ)
        By the name of a matched output activation: the same from Z_L, without forming A_L.
    output : str
        The output activation that a network takes when none is named.
    outputs : tuple of str, optional
        The output activations it may be used with, by name; all where left out.
    targets : {"rows", "probabilities", "counts", "labels", "head labels"}
        What Y holds: any finite rows (..., N, n_targets); rows in [0, 1]; rows ≥ 0; integer labels
        (..., N) or rows that sum to 1; or an integer label for each head, (..., N, heads).
    outputs_per_target : int
        n_L / n_targets. Outputs are blocks of n_targets columns: all means, then all variances.
    point : int
        The block that is the prediction of y itself, for a metric such as R².
    heads : tuple of int
        For "head labels": the number of classes, and so of outputs, of each head.
    own_output : Activation, optional
        The activation called ``output``, where it is not one of `ACTIVATIONS`.
    over_outputs : {"mean", "sum", None}
        Whether losses is a mean or a sum of one term for each target; None where it is neither.
    masked : bool
        Whether NaN among Y, or −1 for a head's label, stands for a target that is not there.
    config : mapping, optional
        ``{"name": …, setting: …}`` as plain JSON data, which `loss_from_config` turns into this
        loss again. None for a user's own. It counts only for the objects that xpnet makes: a
        variant by `dataclasses.replace` is a user's own loss, whatever its config.
    """

    name: str
    of_output: LossFunction | None = None
    of_preactivation: Mapping[str, LossFunction] = field(default_factory=dict)
    output: str = "identity"
    outputs: tuple[str, ...] | None = None
    targets: str = "rows"
    outputs_per_target: int = 1
    point: int = 0
    heads: tuple[int, ...] = ()
    own_output: Activation | None = None
    over_outputs: str | None = None
    masked: bool = False
    config: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        settings = "".join(f", {k}={v!r}" for k, v in (self.config or {}).items() if k != "name")
        return f"Loss({self.name!r}{settings})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Loss:
        return self  # it is what it is: compiled steps are found by its identity

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self.config is None or not is_built_in(self):
            return super().__reduce_ex__(protocol)
        return _restored, (dict(self.config),)

    @property
    def output_activation(self) -> Activation:
        """The output activation itself, for a network that names none."""
        return self.own_output or ACTIVATIONS[self.output]

    def n_outputs(self, n_targets: int) -> int:
        """n_L for targets of so many columns."""
        return sum(self.heads) or n_targets * self.outputs_per_target

    def n_targets(self, n_outputs: int) -> int:
        """Columns of Y for n_L outputs; ValueError where the loss cannot have so many."""
        if self.heads:
            if n_outputs != sum(self.heads):
                raise ValueError(
                    f"loss {self.name!r} with the heads {self.heads} takes {sum(self.heads)} "
                    f"outputs, but the last layer has {n_outputs}"
                )
            return len(self.heads)
        n_targets, rest = divmod(n_outputs, self.outputs_per_target)
        if rest:
            raise ValueError(
                f"loss {self.name!r} takes {self.outputs_per_target} outputs for each target, but "
                f"the last layer has {n_outputs}, which is no multiple of it"
            )
        return n_targets


def _restored(config: dict[str, Any]) -> Loss:
    """The loss of that config, when one is unpickled."""
    from xpnet.losses import loss_from_config

    return loss_from_config(config)


def per_example(xp: Any, loss: Loss, activation: Activation, Z: Any, Y: Any) -> tuple[Any, Any]:
    """Each example's loss_n (..., N) and ∂loss_n/∂Z_n (..., N, n_L): no weight, no scale yet."""
    matched = loss.of_preactivation.get(activation.name)
    if matched is not None:
        return _checked(loss, matched(xp, Z, Y), Z, Y)
    assert loss.of_output is not None
    A = activation.value(xp, Z)
    losses, dA = _checked(loss, loss.of_output(xp, A, Y), A, Y)
    return losses, activation.product(xp, Z, A, dA)


def _checked(loss: Loss, found: Any, A: Any, Y: Any) -> tuple[Any, Any]:
    """The losses (..., N) and a derivative (..., N, n_L) that may be overwritten.

    Raises
    ------
    ValueError
        Another shape or dtype, which would be broadcast without a word.
    """
    if is_built_in(loss):  # returns what it must, and arrays of its own
        return found[0], found[1]
    losses, dA = pair(loss, found, "(losses (N,), derivative (N, n_L))")
    array_like(loss, "losses", losses, A.shape[:-1], A.dtype)
    array_like(loss, "a derivative", dA, A.shape, A.dtype)
    return losses, dA * 1.0 if dA is A or dA is Y else dA


def from_preactivation(
    xp: Any, loss: Loss, activation: Activation, Z: Any, Y: Any, w: Any, scale: Any
) -> tuple[Any, Any]:
    """Σ w_n loss_n over the examples (`sums.total`), and dZ_L = scale · w_n ∂loss_n/∂Z_n.

    Parameters
    ----------
    Z : (..., N, n_L)
    Y : (..., N) integer labels, or rows
    w : (..., N) or None
        Example weights; None stands for ones.
    scale : float or (..., 1)
        1/Σw for a mean, 1 for sums that are added up elsewhere.
    """
    losses, dZ = per_example(xp, loss, activation, Z, Y)
    if w is None:
        dZ *= scale
        return total(xp, losses), dZ
    dZ *= (w * scale)[..., None]
    return total(xp, losses * w), dZ
